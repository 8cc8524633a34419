//! The first minutes: `uptick` alone, its help, its completions.

use crate::support::Repo;

#[test]
fn without_a_command_it_says_what_is_here_and_what_is_next() {
    let empty = Repo::new();
    empty.write("a", "1");
    empty.commit("one");
    let said = empty.uptick(&[]).exits(0).stdout;
    assert!(
        said.contains("none found") && said.contains("uptick init"),
        "{said}"
    );
    let repo = Repo::with_command();
    repo.work(1001);
    repo.commit("two");
    let said = repo.uptick(&[]).exits(0).stdout;
    for words in [
        "1 command",
        "first parent on main",
        "nothing measured yet",
        "uptick check",
        "uptick run HEAD~1..HEAD",
    ] {
        assert!(said.contains(words), "`{words}` is missing in:\n{said}");
    }
    repo.uptick(&["run"]).exits(0);
    let said = repo.uptick(&[]).exits(0).stdout;
    assert!(
        said.contains("1 commit measured") && said.contains("uptick serve"),
        "{said}"
    );
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    let nowhere = empty.uptick(&["-C", at]).exits(2);
    let said = nowhere.stderr.clone();
    nowhere.says(&["-C DIR", "Usage: uptick", "uptick help"]);
    fits(&said);
}

/// On a screen of 80 columns, whatever stands there.
#[track_caller]
fn fits(said: &str) {
    for line in said.lines().filter(|l| !l.starts_with("repository")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// Wherever it is called first, what it says to do next is what works there.
#[test]
fn a_first_look_leads_on_from_wherever_it_is() {
    let said = |repo: &Repo, words: &[&str], not: &[&str]| {
        let said = repo.uptick(&[]).exits(0).stdout;
        fits(&said);
        for w in words {
            assert!(said.contains(w), "`{w}` is missing in:\n{said}");
        }
        for w in not {
            assert!(!said.contains(w), "`{w}` stands in:\n{said}");
        }
    };
    let fresh = Repo::new();
    said(&fresh, &["no commit yet", "git commit"], &["uptick check"]);
    fresh.write("a", "1");
    fresh.commit("one");
    said(
        &fresh,
        &["no criterion bench", "uptick init"],
        &["uptick check"],
    );
    fresh.uptick(&["init"]).exits(0);
    said(&fresh, &["uptick help configuration"], &["uptick init"]);

    let repo = Repo::with_command();
    said(
        &repo,
        &["the first commit", "uptick run "],
        &["uptick check"],
    );
    repo.uptick(&["run"]).exits(0);
    repo.work(1001);
    repo.commit("two");
    said(&repo, &["uptick check "], &["--deepen"]);
    let path = repo.path().display().to_string();
    let from_afar = fresh.uptick(&["-C", &path]).exits(0).stdout;
    let step = format!("uptick -C {path} check ");
    assert!(from_afar.contains(&step), "{from_afar}");
    repo.git(&["checkout", "-q", "--detach"]);
    said(&repo, &["first parent on main", "uptick check "], &[]);
    repo.git(&["tag", "v1", "main~1"]);
    let url = format!("file://{}", repo.path().display());
    let shallow = || {
        let cut = Repo::new();
        cut.git(&["remote", "add", "origin", &url]);
        cut.git(&["fetch", "-q", "--depth", "1", "origin", "main"]);
        cut.git(&["checkout", "-q", "--detach", "FETCH_HEAD"]);
        cut
    };
    let (cut, lost) = (shallow(), shallow());
    said(&cut, &["shallow", "uptick check --deepen"], &["uptick run"]);
    cut.uptick(&["check"])
        .exits(3)
        .says(&["uptick check --deepen"]);
    let ran = cut.uptick(&["check", "--deepen"]).exits(0);
    assert!(ran.stdout.starts_with("ok: 1 benchmark"), "{}", ran.stdout);
    assert_eq!(cut.git(&["tag"]).trim(), "v1");
    // With nothing to deepen it is the same check.
    cut.uptick(&["check", "--deepen"]).exits(0);
    // Where the remote gives nothing, that is why there is no verdict.
    std::fs::rename(repo.path().join(".git"), repo.path().join("gone")).unwrap();
    lost.uptick(&["check", "--deepen"])
        .exits(3)
        .says(&["git fetch", "gone, or"]);
}

#[test]
fn topics_commands_and_completions_are_there() {
    let repo = Repo::new();
    let topics = [
        "exit-codes",
        "configuration",
        "metrics",
        "noise",
        "ci",
        "alerts",
        "server",
    ];
    for topic in topics {
        let said = repo.uptick(&["help", topic]).exits(0).stdout;
        assert!(said.lines().count() > 8, "{topic}: {said}");
        assert!(
            said.lines().all(|l| l.chars().count() <= 100),
            "{topic}: {said}"
        );
    }
    assert!(
        repo.uptick(&["help", "check"])
            .exits(0)
            .stdout
            .contains("--comment")
    );
    repo.uptick(&["help", "nonsense"])
        .exits(2)
        .says(&["neither a topic"]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = repo.uptick(&["completions", shell]).exits(0).stdout;
        assert!(
            script.contains("bisect-step") && script.contains("comment"),
            "{shell}"
        );
    }
}

/// The manual has a page for each command, and man(1) can set every one of them.
#[test]
fn the_manual_is_written() {
    let repo = Repo::new();
    let main = repo.uptick(&["man"]).exits(0).stdout;
    for part in [".TH uptick 1", ".SH \"EXIT CODES\"", "uptick\\-check(1)"] {
        assert!(main.contains(part), "{part}: {main}");
    }
    repo.uptick(&["man", "pages"]).exits(0);
    let page = |name: &str| std::fs::read_to_string(repo.path().join("pages").join(name));
    assert_eq!(page("uptick.1").unwrap(), main);
    assert!(page("uptick-check.1").unwrap().contains("comment"));
    assert!(page("uptick-token-create.1").unwrap().contains("scope"));
    repo.write("taken", "");
    repo.uptick(&["man", "taken/pages"])
        .exits(4)
        .says(&["taken"]);
}

/// What the topic shows as a file is one.
#[test]
fn the_configuration_of_the_topic_is_read() {
    let repo = Repo::with_command();
    let said = repo.uptick(&["help", "configuration"]).exits(0).stdout;
    let lines = said.lines().filter_map(|l| l.strip_prefix("  "));
    let text: Vec<&str> = lines.map(|l| l.split("  ").next().unwrap_or("")).collect();
    repo.write("uptick.toml", &text.join("\n"));
    repo.uptick(&[]).exits(0);
}

#[test]
fn init_names_what_the_default_members_leave_out_and_what_comes_next() {
    let repo = Repo::new();
    repo.write(
        "Cargo.toml",
        "[package]\nname = \"plain\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\nmembers = [\"speed\"]\ndefault-members = [\".\"]\n",
    );
    repo.write("src/lib.rs", "");
    repo.write(
        "speed/Cargo.toml",
        "[package]\nname = \"speed\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dev-dependencies]\ncriterion = \"0.8\"\n[[bench]]\nname = \"b\"\nharness = false\n",
    );
    repo.write("speed/src/lib.rs", "");
    repo.write("speed/benches/b.rs", "fn main() {}\n");
    repo.commit("benches in a member");
    let said = repo.uptick(&["init"]).exits(0).stdout;
    assert!(
        said.contains("1 criterion bench target found. Next: uptick run"),
        "{said}"
    );
    let written = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    assert!(written.contains("\npackages = [\"speed\"]"), "{written}");
    assert!(!written.contains("left out"), "{written}");
    let empty = Repo::new();
    let said = empty.uptick(&["init"]).exits(0).stdout;
    assert!(said.contains("add a [[command]] benchmark"), "{said}");
}
