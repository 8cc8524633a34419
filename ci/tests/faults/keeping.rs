//! What protects a store from people: reports that were measured wrongly, files that were lost.

use serde_json::json;

use crate::support::Repo;

fn value(repo: &Repo) -> f64 {
    let d = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    let points = d["series"][0]["points"].as_array().unwrap();
    points.last().unwrap()["value"].as_f64().unwrap()
}

#[test]
fn a_report_counts_no_longer_and_again() {
    let repo = Repo::with_command();
    repo.git(&["config", "user.name", "Ada"]);
    repo.uptick(&["run"]).exits(0);
    let first = value(&repo);
    repo.work(2000);
    let head = repo.commit("twice the work");
    repo.uptick(&["run"]).exits(0);
    assert!(value(&repo) > first);
    repo.uptick(&["exclude", "HEAD"])
        .exits(2)
        .says(&["--reason"]);
    let why = [
        "exclude",
        "HEAD",
        "--reason",
        "::error::a busy\u{202e} machine",
    ];
    let ran = repo.uptick(&why).exits(0);
    assert!(ran.stdout.contains("--undo"), "{}", ran.stdout);
    assert_eq!(value(&repo), first);
    let listed = repo.uptick(&["exclude", "--json"]).exits(0).json();
    let one = &listed["excluded"][0];
    assert_eq!(one["sha"], json!(head));
    assert_eq!(one["actor"], json!("Ada"));
    let hash = one["report"].as_str().unwrap().to_string();
    let text = repo.uptick(&["exclude"]).exits(0).stdout;
    assert!(
        text.contains(&hash[..12]) && !text.contains('\u{202e}'),
        "{text}"
    );
    for command in ["verify", "rebuild", "verify"] {
        repo.uptick(&[command]).exits(0);
        assert_eq!(value(&repo), first);
    }
    // An export carries it.
    repo.uptick(&["export", "e.jsonl"]).exits(0);
    repo.uptick(&["--store", "other.db", "import", "e.jsonl"])
        .exits(0);
    let other = repo
        .uptick(&["--store", "other.db", "exclude", "--json"])
        .exits(0);
    assert_eq!(other.json(), listed);
    repo.uptick(&["exclude", &hash[..8], "--undo"]).exits(0);
    assert!(value(&repo) > first);
    let again = repo
        .uptick(&["exclude", &hash, "--undo", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (&again["excluded"], &again["changed"]),
        (&json!(false), &json!(false))
    );
    repo.uptick(&["exclude", "nonsense", "--reason", "x"])
        .exits(2)
        .says(&["no report"]);
}

#[test]
fn a_backup_is_restored_and_nothing_is_written_over() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    let log = repo.uptick(&["log", "--json"]).exits(0).stdout;
    repo.uptick(&["backup", "b.db"]).exits(0);
    repo.uptick(&["backup", "b.db"])
        .exits(2)
        .says(&["there already"]);
    repo.uptick(&["restore", "b.db"])
        .exits(2)
        .says(&["uptick.db", "move it away"]);
    std::fs::remove_dir_all(repo.path().join(".uptick")).unwrap();
    let before = std::fs::read(repo.path().join("b.db")).unwrap();
    let d = repo.uptick(&["restore", "b.db", "--json"]).exits(0).json();
    assert_eq!(d["reports"], 1);
    assert_eq!(repo.uptick(&["log", "--json"]).exits(0).stdout, log);
    repo.uptick(&["verify"]).exits(0);
    assert_eq!(before, std::fs::read(repo.path().join("b.db")).unwrap());
    repo.write("c.db", "no database, however long one looks at it");
    repo.uptick(&["--store", "new.db", "restore", "c.db"])
        .exits(5);
    repo.uptick(&["--store", "new.db", "restore", "none.db"])
        .exits(2);
    assert!(!repo.path().join("new.db").exists());
    let left = repo.path().read_dir().unwrap().filter_map(Result::ok);
    let temporary = left.filter(|e| e.file_name().to_string_lossy().starts_with(".tmp"));
    assert_eq!(temporary.count(), 0);
}
