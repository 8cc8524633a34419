//! A temporary git repository and the `uptick` binary in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A git repository that is removed at the end of the test.
pub(crate) struct Repo {
    dir: tempfile::TempDir,
}

/// What one call of `uptick` gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(out: Output) -> Self {
        Self {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    /// Asserts the exit code, with everything that was said in the message.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts that standard error names each of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for w in words {
            assert!(
                self.stderr.contains(w),
                "`{w}` is missing in:\n{}",
                self.stderr
            );
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e} in:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}

/// Runs `uptick` in a directory that need be no repository.
#[track_caller]
pub(crate) fn uptick(dir: &Path, args: &[&str]) -> Ran {
    let mut c = Command::new(env!("CARGO_BIN_EXE_uptick"));
    c.args(args).current_dir(dir).env_remove("UPTICK_STORE");
    outside_ci(&mut c);
    Ran::of(c.output().unwrap())
}

/// The same command as from a terminal: whoever runs the tests may have been told to outlive one
/// (`nohup`), and what it starts then ignores SIGHUP.
pub(crate) fn from_a_terminal(command: &Command) -> Command {
    let mut c = Command::new("env");
    c.arg("--default-signal=HUP")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => c.env(name, value),
            None => c.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        c.current_dir(dir);
    }
    c
}

/// A test may run in CI, of whose event it is no part.
fn outside_ci(c: &mut Command) {
    let ci = [
        "GITHUB_",
        "CI",
        "BITBUCKET_",
        "SYSTEM_",
        "BUILD",
        "BUDDY_",
        "DRONE_",
        "CHANGE_",
        "TRAVIS_",
        "APPVEYOR_",
        "PULL_",
        "CODEBUILD_",
        "SEMAPHORE_",
        "BITRISE",
        "ZUUL_",
        "GERRIT_",
        "GIT_PREVIOUS",
        "GIT_BRANCH",
        "BRANCH_NAME",
        "JENKINS_",
        "TEAMCITY_",
        "TF_BUILD",
        "PROW_",
        "CF_PULL",
        "CM_PULL",
        "SD_PULL",
        "PR_BASE",
        "IS_PULL",
        "VERCEL_",
        "_PR_NUMBER",
        "_BASE_BRANCH",
        "bamboo_",
        "ghprb",
        "gitlab",
    ];
    for (name, _) in std::env::vars() {
        if ci.iter().any(|c| name.starts_with(c)) {
            c.env_remove(name);
        }
    }
}

impl Repo {
    /// An empty repository on branch `main`.
    pub(crate) fn new() -> Self {
        let repo = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// A repository with one command benchmark, `work`, whose cost is set by [`Repo::work`].
    pub(crate) fn with_command() -> Self {
        let repo = Self::new();
        repo.write("uptick.toml", COMMAND);
        repo.write(".gitignore", "/work\n");
        repo.work(1000);
        repo.commit("first");
        repo
    }

    /// Writes the program of the command benchmark: `turns` turns of a loop.
    pub(crate) fn work(&self, turns: u64) {
        self.write("work.c", &format!(
            "int main(void) {{\n    volatile unsigned x = 0;\n    for (unsigned i = 0; i < {turns}u; i++) x += i;\n    return 0;\n}}\n"
        ));
    }

    /// Stores reports, given as lines of an export.
    #[track_caller]
    pub(crate) fn import(&self, reports: &[Value]) {
        let mut text = String::from("{\"schema\":\"uptick.export/1\"}\n");
        text.extend(reports.iter().map(|r| format!("{r}\n")));
        self.write("e.jsonl", &text);
        self.uptick(&["import", "e.jsonl"]).exits(0);
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(self.path(), args)
    }

    /// Commits everything and gives the commit's name.
    pub(crate) fn commit(&self, subject: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", subject]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Tags HEAD.
    pub(crate) fn tag(&self, name: &str) {
        self.git(&["tag", name]);
    }

    /// The command, ready to run in the repository.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_uptick"));
        c.args(args).current_dir(self.path());
        c.env_remove("UPTICK_STORE");
        outside_ci(&mut c);
        c
    }

    #[track_caller]
    pub(crate) fn uptick(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs with the environment changed.
    #[track_caller]
    pub(crate) fn uptick_with(&self, args: &[&str], change: impl FnOnce(&mut Command)) -> Ran {
        let mut c = self.command(args);
        change(&mut c);
        Ran::of(c.output().unwrap())
    }

    /// Everything about the user's checkout that must not change.
    pub(crate) fn state(&self) -> String {
        let index = std::fs::read(self.path().join(".git/index")).unwrap_or_default();
        let config = std::fs::read(self.path().join(".git/config")).unwrap_or_default();
        format!(
            "{}\n{}\n{}\n{}\n{:?}\n{:?}",
            self.git(&["rev-parse", "HEAD"]),
            self.git(&["symbolic-ref", "HEAD"]),
            self.git(&["status", "--porcelain"]),
            self.git(&["stash", "list"]),
            index,
            config
        )
    }
}

/// One benchmark that is a compiled C program.
pub(crate) const COMMAND: &str = r#"
[[command]]
name = "work"
build = "cc -O1 -o work work.c"
run = "./work"
clock = "fixed"
"#;

#[track_caller]
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .args([
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.org",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        // `git status` writes the index when it has nothing better to do.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).trim().to_string()
}

/// The judged row of a benchmark in a `check` document.
#[track_caller]
pub(crate) fn row<'a>(document: &'a Value, benchmark: &str) -> &'a Value {
    document["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["benchmark"] == benchmark && r["judged"] == true)
        .unwrap_or_else(|| panic!("no row for {benchmark} in {document:#}"))
}

/// A `PATH` on which only these programs are found.
pub(crate) fn path_with_only(programs: &[&str], dir: &Path) -> PathBuf {
    let bin = dir.join("only-bin");
    std::fs::create_dir_all(&bin).unwrap();
    for p in programs {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|d| d.join(p))
            .find(|f| f.is_file());
        let link = bin.join(p);
        if let (Some(found), false) = (found, link.exists()) {
            std::os::unix::fs::symlink(found, link).unwrap();
        }
    }
    bin
}

/// Waits until something is so; a minute only ends a test that would hang.
#[track_caller]
pub(crate) fn wait(what: &str, is_so: impl FnMut() -> bool) {
    wait_within(60, what, is_so);
}

/// The same for what takes longer, with its limit in seconds.
#[track_caller]
pub(crate) fn wait_within(seconds: u64, what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        let limit = Duration::from_secs(seconds);
        assert!(begin.elapsed() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
