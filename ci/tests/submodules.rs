//! Commits with submodules: checked out in our worktree, the user's repository untouched.

use crate::support::{Repo, git};

const FILES: &str = "protocol.file.allow=always";

/// A program whose turns stand in a submodule of a submodule: `lib/inner/turns.h`.
struct Nested {
    inner: Repo,
    lib: Repo,
    top: Repo,
}

impl Nested {
    fn new() -> Self {
        let [inner, lib, top] = [Repo::new(), Repo::new(), Repo::new()];
        inner.write("turns.h", "#define TURNS 1000\n");
        inner.commit("turns");
        add(&lib, &inner, "inner");
        lib.commit("inner");
        add(&top, &lib, "lib");
        let recursive = ["submodule", "-q", "update", "--init", "--recursive"];
        top.git(&[&["-c", FILES], &recursive[..]].concat());
        top.write(
            "uptick.toml",
            "[[command]]\nname = \"work\"\nbuild = \"cc -O1 -o work work.c\"\nrun = \"./work\"\nclock = \"fixed\"\n",
        );
        top.write(".gitignore", "/work\n");
        top.write("work.c", "#include \"lib/inner/turns.h\"\nint main(void) {\n    volatile unsigned x = 0;\n    for (unsigned i = 0; i < TURNS; i++) x += i;\n    return 0;\n}\n");
        top.commit("first");
        Self { inner, lib, top }
    }

    /// Moves both submodules on, and gives the commit of the repository that does so.
    fn turns(&self, turns: u64) -> String {
        let text = format!("#define TURNS {turns}\n");
        self.inner.write("turns.h", &text);
        let inner = self.inner.commit("turns");
        let at = self.top.path().join("lib");
        forward(&self.lib.path().join("inner"), &inner);
        let lib = self.lib.commit("inner");
        forward(&at, &lib);
        git(&at, &["-c", FILES, "submodule", "-q", "update"]);
        self.top.commit("lib")
    }
}

fn add(repo: &Repo, other: &Repo, at: &str) {
    let from = other.path().display().to_string();
    repo.git(&["-c", FILES, "submodule", "-q", "add", &from, at]);
}

fn forward(dir: &std::path::Path, to: &str) {
    git(dir, &["-c", FILES, "fetch", "-q"]);
    git(dir, &["checkout", "-q", to]);
}

/// Everything of a repository's git directory that is not ours: configurations and references,
/// those of its submodules included.
fn configurations(repo: &Repo) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let (mut found, mut open) = (Vec::new(), vec![repo.path().join(".git")]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "worktrees" {
                open.push(path);
            } else if ["config", "HEAD", "index"]
                .iter()
                .any(|n| entry.file_name() == *n)
            {
                found.push((path.clone(), std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn a_step_in_a_submodule_is_found_without_a_word_in_the_users_configuration() {
    let nested = Nested::new();
    let good = nested.top.git(&["rev-parse", "HEAD"]);
    nested.top.write("notes.txt", "more");
    nested.top.commit("notes");
    let culprit = nested.turns(2000);
    nested.top.write("notes.txt", "and more");
    nested.top.commit("notes");
    let bisect = ["bisect", &good, "main", "--bench", "work", "--json"];

    // In the clone that has the submodules, their objects are at hand.
    let before = (nested.top.state(), configurations(&nested.top));
    let d = nested.top.uptick(&bisect).exits(0).json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    assert_eq!(before.0, nested.top.state());
    assert!(
        before.1 == configurations(&nested.top),
        "a configuration was written"
    );

    // A clone without them: git fetches no file of this machine for a submodule unless told so.
    let clone = Repo::new();
    let from = nested.top.path().display().to_string();
    clone.git(&["pull", "-q", &from, "main"]);
    let before = (clone.state(), configurations(&clone));
    clone
        .uptick(&bisect)
        .exits(4)
        .says(&["the submodule lib needs", "git submodule update --init"]);
    assert_eq!(before.0, clone.state());
    let told = |c: &mut std::process::Command| {
        c.env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "protocol.file.allow")
            .env("GIT_CONFIG_VALUE_0", "always");
    };
    let mut retry = bisect.to_vec();
    retry.push("--retry");
    let d = clone.uptick_with(&retry, told).exits(0).json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    assert_eq!(before.0, clone.state());
    assert!(
        before.1 == configurations(&clone),
        "a configuration was written"
    );
}

/// A submodule's commit that nobody has leaves its place empty, and not what the commit before had
/// there; so does one that git is told to leave alone.
#[test]
fn another_commits_submodule_is_never_built() {
    let nested = Nested::new();
    nested.top.uptick(&["run", "HEAD"]).exits(0);
    nested.turns(2000);
    // The submodule's commit is nowhere any more.
    let copy = nested.top.path().join("lib");
    git(&copy, &["remote", "remove", "origin"]);
    for repo in [nested.lib.path().to_path_buf(), copy] {
        git(&repo, &["reset", "-q", "--hard", "HEAD~1"]);
        git(&repo, &["reflog", "expire", "--expire=now", "--all"]);
        git(&repo, &["gc", "-q", "--prune=now"]);
    }
    let ran = nested.top.uptick(&["check", "--base", "HEAD~1"]).exits(4);
    for words in ["the submodule lib needs", "turns.h"] {
        assert!(ran.stdout.contains(words), "{}", ran.stdout);
    }

    nested.top.git(&["checkout", "-q", "HEAD~1"]);
    let modules = std::fs::read_to_string(nested.top.path().join(".gitmodules")).unwrap();
    nested
        .top
        .write(".gitmodules", &format!("{modules}\tupdate = none\n"));
    nested.top.commit("left alone");
    let ran = nested.top.uptick(&["run", "HEAD"]).exits(4);
    assert!(ran.stdout.contains("turns.h"), "{}", ran.stdout);
}

#[test]
fn a_submodule_that_points_out_of_place_is_refused() {
    let nested = Nested::new();
    let text = std::fs::read_to_string(nested.top.path().join(".gitmodules")).unwrap();
    nested
        .top
        .write(".gitmodules", &text.replace("\"lib\"", "\"../../../lib\""));
    nested.top.commit("hostile");
    let ran = nested.top.uptick(&["run", "HEAD"]).exits(4);
    assert!(
        ran.stdout.contains("would reach outside its place"),
        "{}",
        ran.stdout
    );
}
