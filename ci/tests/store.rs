//! The store as its user meets it: damaged, read-only, newer, shared, moved.

use crate::support::Repo;

fn database(repo: &Repo) -> std::path::PathBuf {
    repo.path().join(".uptick/uptick.db")
}

#[test]
fn export_and_import_keep_everything_and_twice_is_once() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    repo.uptick(&["export", "e.jsonl"]).exits(0);
    for new in [1, 0] {
        let d = repo
            .uptick(&["--store", "other.db", "import", "e.jsonl", "--json"])
            .exits(0)
            .json();
        assert_eq!((&d["reports"], &d["new"]), (&1.into(), &new.into()));
    }
    repo.uptick(&["--store", "other.db", "export", "f.jsonl"])
        .exits(0);
    let read = |f: &str| std::fs::read_to_string(repo.path().join(f)).unwrap();
    assert_eq!(read("e.jsonl"), read("f.jsonl"));
    let log = |store: &str| {
        repo.uptick(&["--store", store, "log", "work", "--json"])
            .exits(0)
            .stdout
    };
    let before = log("other.db");
    repo.uptick(&["--store", "other.db", "rebuild"]).exits(0);
    assert_eq!(before, log("other.db"));
    assert_eq!(before, log(".uptick/uptick.db"));
}

#[test]
fn a_line_that_is_no_export_is_named() {
    let repo = Repo::new();
    repo.write(
        "x.jsonl",
        "{\"schema\":\"uptick.export/1\"}\n{\"what\":1}\n",
    );
    repo.uptick(&["import", "x.jsonl"])
        .exits(2)
        .says(&["line 2 of the import"]);
    let wrong = |text: &str| {
        repo.write("wrong", text);
        repo.uptick(&["import", "wrong"]).exits(2)
    };
    wrong("").says(&["wrong: the import is empty"]);
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b];
    std::fs::write(repo.path().join("x.gz"), gzip).unwrap();
    for args in [["import", "x.gz", "--json"], ["changes", "--csv", "x.gz"]] {
        let unpack = "x.gz: it is compressed: unpack it first (`gunzip`)";
        repo.uptick(&args).exits(2).says(&[unpack]);
    }
    let other = wrong("{\n  \"benchmarks\": []\n}\n");
    other.says(&["wrong: line 1 of the import", "`uptick export` writes"]);
    let folder = repo.uptick(&["import", "."]).exits(2);
    folder.says(&["a directory"]);
    repo.write("y.jsonl", "{\"schema\":\"uptick.export/9\"}\n");
    repo.uptick(&["import", "y.jsonl"])
        .exits(2)
        .says(&["unknown schema"]);
    let blob =
        "{\"schema\":\"uptick.export/1\"}\n{\"blob\":{\"hash\":\"00\",\"base64\":\"AAAA\"}}\n";
    repo.write("z.jsonl", blob);
    repo.uptick(&["import", "z.jsonl"])
        .exits(2)
        .says(&["line 2", "hash"]);
}

#[test]
fn what_verify_does_not_know_it_says() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    let db = rusqlite::Connection::open(database(&repo)).unwrap();
    db.execute("DELETE FROM blob", []).unwrap();
    drop(db);
    let said = repo.uptick(&["verify"]).exits(0).stdout;
    for words in [
        "1 report and 0 profiles",
        "1 profile named and not there",
        "not checked: ",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_damaged_store_is_said_to_be_damaged() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    repo.uptick(&["verify"]).exits(0);
    let mut bytes = std::fs::read(database(&repo)).unwrap();
    // One byte inside a stored document: zstd's magic number opens it.
    let at = memchr::memmem::find(&bytes, &[0x28, 0xb5, 0x2f, 0xfd]).unwrap() + 40;
    bytes[at] ^= 0xff;
    std::fs::write(database(&repo), &bytes).unwrap();
    repo.uptick(&["verify"]).exits(5);
    std::fs::write(
        database(&repo),
        b"this is no database, but long enough to look at",
    )
    .unwrap();
    repo.uptick(&["run"]).exits(5).says(&["no uptick store"]);
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    let db = rusqlite::Connection::open(database(&repo)).unwrap();
    db.pragma_update(None, "user_version", 999).unwrap();
    db.close().unwrap();
    let before = std::fs::read(database(&repo)).unwrap();
    repo.uptick(&["run", "--fresh"])
        .exits(5)
        .says(&["newer uptick", "nothing was changed"]);
    repo.uptick(&["log"]).exits(5);
    assert_eq!(before, std::fs::read(database(&repo)).unwrap());
}

#[test]
fn a_store_that_cannot_be_written_is_an_error_of_the_store() {
    let repo = Repo::with_command();
    repo.uptick(&["--store", "/proc/no/store.db", "run"])
        .exits(5);
    // Root may write what is read-only; a directory in the store's place stops everybody.
    std::fs::create_dir_all(repo.path().join("dir.db")).unwrap();
    repo.uptick(&["--store", "dir.db", "run"]).exits(5);
    let missing = repo.uptick(&["--store", "none.db", "log"]).exits(5);
    missing.says(&["no store here yet", "uptick run"]);
    assert!(!repo.path().join("none.db").exists());
}

#[test]
fn a_store_where_nothing_can_be_written_is_read() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    std::fs::create_dir(repo.path().join("a #1?")).unwrap();
    let from = repo.path().join(".uptick/uptick.db");
    std::fs::rename(from, repo.path().join("a #1?/up%20tick.db")).unwrap();
    for args in [
        &["log", "work"][..],
        &["changes"],
        &["verify"],
        &["export"],
        &["compare", "HEAD", "HEAD"],
    ] {
        let ran = |read_only: bool| {
            let dir = repo.path().join("a #1?");
            let mut command = std::process::Command::new("bwrap");
            command.args(["--dev-bind", "/", "/"]);
            if read_only {
                command.arg("--ro-bind").arg(&dir).arg(&dir);
            }
            command.arg("--chdir").arg(repo.path());
            command.args([
                env!("CARGO_BIN_EXE_uptick"),
                "--store",
                "a #1?/up%20tick.db",
            ]);
            command.args(args).output().unwrap()
        };
        let (free, held) = (ran(false), ran(true));
        let said = String::from_utf8_lossy(&held.stderr);
        if args[0] == "compare" {
            assert_eq!(held.status.code(), Some(5), "{said}");
            assert!(
                said.contains("cannot be written, because its directory"),
                "{said}"
            );
        } else {
            assert_eq!(held.status.code(), Some(0), "{args:?}: {said}");
            assert_eq!(free.stdout, held.stdout, "{args:?}");
        }
    }
}

#[test]
fn a_full_disk_stores_nothing_and_says_so() {
    let repo = Repo::with_command();
    repo.uptick(&["run"]).exits(0);
    let before = repo.uptick(&["log", "work", "--json"]).exits(0).stdout;
    repo.work(1002);
    repo.commit("more");
    // A limit on file sizes stands in for a full disk: the store's file cannot grow.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" run";
    let out = std::process::Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_uptick")])
        .current_dir(repo.path())
        .output()
        .unwrap();
    let code = out.status.code().unwrap_or(-1);
    assert!(
        code == 4 || code == 5,
        "{code}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    repo.uptick(&["verify"]).exits(0);
    assert_eq!(
        before,
        repo.uptick(&["log", "work", "--json"]).exits(0).stdout
    );
}

#[test]
fn two_at_once_use_two_worktrees_and_one_store() {
    let repo = Repo::with_command();
    repo.work(1500);
    repo.commit("two");
    let spawn = |rev: &str| {
        let mut c = repo.command(&["run", rev, "--fresh"]);
        c.stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        c.spawn().unwrap()
    };
    let children = ["HEAD", "HEAD~", "HEAD", "HEAD~"].map(spawn);
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stdout)
        );
    }
    let d = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    let points = d["series"][0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 2);
    assert!(points[1]["value"].as_f64() > points[0]["value"].as_f64());
    repo.uptick(&["verify"]).exits(0);
}
