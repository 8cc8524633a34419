//! What a checkout brings along: links where uptick writes, files that never end.

use std::os::unix::fs::symlink;

use crate::support::Repo;

/// A repository with a file of somebody's that a link in `.uptick/` leads to.
fn with_link(at: &str) -> Repo {
    let repo = Repo::with_command();
    repo.write("precious", "kept");
    let link = repo.path().join(at);
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    let up = "../".repeat(at.matches('/').count());
    symlink(format!("{up}precious"), link).unwrap();
    repo.git(&["add", "-f", "."]);
    repo.commit("planted");
    repo
}

#[test]
fn nothing_is_written_through_a_link_that_was_committed() {
    for at in [
        ".uptick/git.lock",
        ".uptick/uptick.db",
        ".uptick/uptick.db-wal",
        ".uptick/.gitignore",
        ".uptick/worker-0/lock",
    ] {
        let repo = with_link(at);
        repo.uptick(&["run"]).exits(2).says(&[at, "link"]);
        let read = std::fs::read_to_string(repo.path().join("precious"));
        assert_eq!(read.unwrap(), "kept", "{at}");
    }
}

#[test]
fn a_directory_of_ours_that_is_a_link_is_refused() {
    let repo = Repo::with_command();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), repo.path().join(".uptick")).unwrap();
    for command in ["run", "serve", "log", "verify"] {
        repo.uptick(&[command]).exits(2).says(&[".uptick", "link"]);
    }
    assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_configuration_that_never_ends_is_not_read() {
    let repo = Repo::with_command();
    let file = repo.path().join("uptick.toml");
    std::fs::remove_file(&file).unwrap();
    symlink("/dev/zero", &file).unwrap();
    repo.uptick(&["run"])
        .exits(2)
        .says(&["uptick.toml", "no file"]);
    std::fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    repo.uptick(&["serve"])
        .exits(2)
        .says(&["uptick.toml", "no file"]);
}
