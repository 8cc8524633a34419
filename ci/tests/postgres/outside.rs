//! Nodes whose profiles lie in one directory: whoever takes one, whoever moves it, and whoever is
//! killed meanwhile, each is there once, and every node reads it.

use super::*;
use crate::faults::objects::profiled;

/// Reports that are handed in.
const ALL: usize = 12;

fn hand_in(node: &Node, write: &str, n: usize) {
    let path = "/p/lexis/api/v1/reports";
    let (status, _, body) = answer(&node.address, "POST", path, write, &[], &profiled(n));
    assert_eq!(status, 201, "{body}");
}

/// Waits until a node knows that all profiles were moved.
fn knows(node: &Node, admin: &str) {
    let all = format!("uptick_profiles_moved {ALL}\n");
    wait_within(60, "everything is moved", || {
        let (_, text) = node.get("/p/lexis/metrics", admin);
        text.contains(&all) && text.contains("uptick_profiles_pending 0\n")
    });
}

fn verified(node: &Node) -> Value {
    let store = node.data.join("projects/lexis/uptick.db");
    let text = said(uptick(&["verify", "--json", "--store"]).arg(store));
    serde_json::from_str(&text).unwrap()
}

/// The files below a directory, but for its marks.
fn files(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).unwrap().flatten().map(|e| e.path());
    let below = all.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    below.filter(|p| !p.ends_with("uptick-profiles")).collect()
}

#[test]
fn what_any_node_takes_lies_in_one_place_once_whoever_is_killed() {
    let cluster = Cluster::new();
    let dir = tempfile::tempdir().unwrap();
    let profiles = dir.path().join("profiles");
    let place = format!("file://{}", profiles.display());
    let (log, with) = (cluster.address("postgres"), ["--blobs", &place]);
    let mut a = Node::start_with(&dir.path().join("a"), &log, &with);
    let (admin, write) = (a.token("admin"), a.token("write"));
    a.project();
    let b = Node::start_with(&dir.path().join("b"), &log, &with);
    served([&a, &b], &write);
    for n in 1..=ALL {
        hand_in(if n % 2 == 0 { &a } else { &b }, &write, n);
        if n % 4 == 0 {
            a.child.kill().unwrap();
            a.child.wait().unwrap();
            a = Node::start_with(&a.data.clone(), &log, &with);
            served([&a, &b], &write);
        }
    }
    // One that names no place finds it in the log.
    let c = Node::start(&dir.path().join("c"), &log);
    served([&c, &c], &write);
    for node in [&a, &b, &c] {
        knows(node, &admin);
        assert_eq!(node.commits(&admin).len(), ALL);
        let v = verified(node);
        assert_eq!(
            (&v["profiles"], &v["elsewhere"]),
            (&json!(ALL), &json!(ALL)),
            "{v}"
        );
    }
    assert_eq!(files(&profiles).len(), ALL);
    let kept = "SELECT count(*) FROM uptick.blob WHERE bytes IS NOT NULL";
    assert_eq!(cluster.sql(kept).trim(), "0");
}
