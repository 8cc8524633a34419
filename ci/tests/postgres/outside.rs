//! Nodes whose profiles lie in one directory or bucket: whoever takes one, whoever moves it, and whoever is
//! killed meanwhile, each is there once, and every node reads it.

use std::io::Write as _;

use super::*;
use crate::faults::objects::fake::{BUCKET, Fake, KEY, SECRET};
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

fn verified(node: &Node, env: &Variables) -> Value {
    let store = node.data.join("projects/lexis/uptick.db");
    let mut verify = uptick(&["verify", "--json", "--store"]);
    let text = said(
        verify
            .arg(store)
            .envs(env.iter().map(|(name, value)| (name, value))),
    );
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

/// What an object store wants to know.
type Variables = Vec<(&'static str, String)>;

/// Hands reports in to two nodes of which one is killed again and again; a third one that names no
/// place finds it in the log. `kept` counts what lies in the place.
fn is_kept_once(place: &str, env: &Variables, kept: impl Fn() -> usize) {
    let cluster = Cluster::new();
    let dir = tempfile::tempdir().unwrap();
    let (log, with) = (cluster.address("postgres"), ["--blobs", place]);
    let node = |name: &str, with: &[&str]| Node::start_in(&dir.path().join(name), &log, with, env);
    let mut a = node("a", &with);
    let (admin, write) = (a.token("admin"), a.token("write"));
    a.project();
    let b = node("b", &with);
    served([&a, &b], &write);
    for n in 1..=ALL {
        hand_in(if n % 2 == 0 { &a } else { &b }, &write, n);
        if n % 4 == 0 {
            a.child.kill().unwrap();
            a.child.wait().unwrap();
            a = node("a", &with);
            served([&a, &b], &write);
        }
    }
    let c = node("c", &[]);
    served([&c, &c], &write);
    for node in [&a, &b, &c] {
        knows(node, &admin);
        assert_eq!(node.commits(&admin).len(), ALL);
        let v = verified(node, env);
        assert_eq!(
            (&v["profiles"], &v["elsewhere"]),
            (&json!(ALL), &json!(ALL)),
            "{v}"
        );
    }
    assert_eq!(kept(), ALL);
    let left = "SELECT count(*) FROM uptick.blob WHERE bytes IS NOT NULL";
    assert_eq!(cluster.sql(left).trim(), "0");
}

#[test]
fn what_any_node_takes_lies_in_one_place_once_whoever_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let profiles = dir.path().join("profiles");
    let place = format!("file://{}", profiles.display());
    is_kept_once(&place, &Variables::new(), || files(&profiles).len());
}

#[test]
fn what_any_node_takes_lies_in_one_bucket_once_whoever_is_killed() {
    let fake = Fake::start();
    let profiles = || {
        let objects = fake.objects();
        let all = objects
            .keys()
            .filter(|key| !key.ends_with("uptick-profiles"));
        all.count()
    };
    let place = format!("s3://{BUCKET}/nodes");
    is_kept_once(&place, &fake.environment(), profiles);
}

/// The same at a server that others wrote: `ci/tests/postgres/s3` starts one, says in
/// `UPTICK_TEST_S3` where it is, and counts what lies in its bucket by its own tool.
#[test]
fn what_any_node_takes_lies_in_a_bucket_of_another_s3_server() {
    let Ok(endpoint) = std::env::var("UPTICK_TEST_S3") else {
        let words = "NOT ASKED: no S3 server in UPTICK_TEST_S3; ci/tests/postgres/s3 starts one";
        let _ = writeln!(std::io::stderr(), "{words}");
        return;
    };
    let env = vec![
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_ACCESS_KEY_ID", KEY.into()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
    ];
    is_kept_once(&format!("s3://{BUCKET}/nodes"), &env, || ALL);
}
