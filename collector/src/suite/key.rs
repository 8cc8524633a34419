//! What a build depends on, as a hash: equal keys are the same measurement.

use std::collections::BTreeMap;

use std::path::PathBuf;

use super::cargo;
use super::unread::Unread;
use super::variables::Variables;
use crate::config::{Command, Config};
use crate::error::Result;
use crate::git::Repo;
use crate::model::{Counter, Sha, digest};

/// The files of a commit that a build or a run may read, as `git ls-tree` lists them.
///
/// # Errors
/// When git cannot read the tree.
pub fn build_inputs(config: &Config, repo: &Repo, sha: &Sha) -> Result<Vec<String>> {
    let unread = Unread::of(config, repo, &[sha])?;
    let path_of = |line: &str| line.split_once('\t').map_or(line, |(_, p)| p).to_string();
    let mut tree = repo.tree(sha)?;
    tree.retain(|line| unread.is_input(&path_of(line)));
    let mut wanted = config.commands.iter().filter(|c| config.wants(&c.name));
    if wanted.any(reads_history) {
        tree.push(format!("commit {sha}"));
    }
    Ok(tree)
}

/// Whether a command asks git: then commits of equal files may give unequal numbers.
fn reads_history(command: &Command) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let build = command.build.as_deref().unwrap_or("");
    let mut words = [&*command.run, build]
        .into_iter()
        .flat_map(|text| text.split(|c| !in_name(c)));
    words.any(|word| word.split('/').any(|p| p == ".git") || word.rsplit('/').next() == Some("git"))
}

/// Names what we add to the user's own profile; raised when that changes.
const BUILD_OPTIONS: &str = "debug=1 strip=none as-cargo-runs-it reads-known";

/// What the key is made of, beside the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler's version and host; empty without a Cargo workspace.
    pub rustc: String,
}

/// Compiler versions by channel, so that the compiler is asked once.
pub type Versions = std::collections::HashMap<Option<String>, String>;

impl Toolchain {
    /// The toolchain that builds a commit.
    #[must_use]
    pub fn of(config: &Config, repo: &Repo, sha: &Sha, known: &mut Versions) -> Self {
        let dir = config.suite.dir.trim_start_matches("./");
        let manifest = if dir == "." {
            "Cargo.toml".to_string()
        } else {
            format!("{dir}/Cargo.toml")
        };
        if !config.suite.criterion || !repo.has_file(sha, &manifest) {
            return Self::default();
        }
        let channel = cargo::pinned_by(config, repo, sha);
        let rustc = known.entry(channel).or_insert_with_key(|channel| {
            cargo::rustc_version(channel.as_deref()).unwrap_or_default()
        });
        Self {
            rustc: rustc.clone(),
        }
    }
}

/// The build key of a commit; `steering` is [what tells the compilers](super::steering).
#[must_use]
pub fn build_key(
    config: &Config,
    inputs: &[String],
    lock: &str,
    toolchain: &Toolchain,
    steering: String,
) -> String {
    let suite = &config.suite;
    let mut parts: BTreeMap<&str, String> = BTreeMap::new();
    parts.insert("inputs", inputs.join("\n"));
    parts.insert("lock", lock.to_string());
    parts.insert("rustc", toolchain.rustc.clone());
    parts.insert("build", BUILD_OPTIONS.to_string());
    parts.insert("profile", suite.profile.clone());
    parts.insert("features", format!("{:?}", suite.features));
    parts.insert(
        "switches",
        format!("{} {}", suite.all_features, suite.no_default_features),
    );
    parts.insert(
        "targets",
        format!("{:?} {:?} {}", suite.packages, suite.benches, suite.dir),
    );
    parts.insert("commands", format!("{:?}", config.commands));
    parts.insert("flags", steering);
    digest(format!("{parts:?}").as_bytes())
}

/// The key of a build, to which the variables add that builds are known to read.
#[derive(Clone, Debug)]
pub struct BuildKey {
    /// What [`build_key`] gave, with all else that counts.
    pub of_commit: String,
    /// Where executables can be run alone, if not anywhere.
    pub only_in: Option<PathBuf>,
}

impl BuildKey {
    /// The key as it is now.
    #[must_use]
    pub fn whole(&self, variables: &Variables) -> String {
        variables.mark(self.of_commit.clone(), 64)
    }

    /// What the cache calls it.
    #[must_use]
    pub fn kept_as(&self, variables: &Variables) -> String {
        let key = self.whole(variables);
        match &self.only_in {
            None => key,
            Some(tree) => digest(format!("{key} in {}", tree.display()).as_bytes()),
        }
    }
}

/// How the counter counts the processes of commands; raised when that changes.
const COUNTED_AS: &str = " forks-apart";

/// What is asked of a build: benchmarks, metrics, counters, options of the run.
#[must_use]
pub fn suite_key(config: &Config, counter: &str, steering: &str) -> String {
    let s = &config.suite;
    let mut text = format!(
        "{:?} {:?} {:?} {:?} {counter} {:?} {:?} {:?} {}",
        s.include, s.only, s.exclude, s.metrics, s.strings, s.env, config.commands, s.criterion
    );
    // What else tells one suite of a commit from another; nothing of it is the usual case.
    if s.dir != "." {
        text.push_str(&format!(" in {}", s.dir));
    }
    if !config.commands.is_empty() && counter == Counter::Callgrind.name() {
        text.push_str(COUNTED_AS);
    }
    text.push_str(steering);
    digest(text.as_bytes())[..16].to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn commands_that_ask_git_are_known() {
        let asks = |run: &str| {
            let text = format!("[[command]]\nname = 'a'\nrun = \"{run}\"\n");
            Config::parse(&text)
                .unwrap()
                .commands
                .iter()
                .any(reads_history)
        };
        for run in [
            "git log",
            "sh -c 'git log | wc'",
            "/usr/bin/git show",
            "cat .git/HEAD",
        ] {
            assert!(asks(run), "{run}");
        }
        for run in ["digit", "./legit.sh", "cat .gitignore", "git-lfs"] {
            assert!(!asks(run), "{run}");
        }
    }

    #[test]
    fn the_key_follows_everything_it_should() {
        let config = Config::default();
        let base = |inputs: &[String], lock: &str, rustc: &str| {
            build_key(
                &config,
                inputs,
                lock,
                &Toolchain {
                    rustc: rustc.into(),
                },
                String::new(),
            )
        };
        let a = base(&["x".into()], "l", "r");
        assert_eq!(a, base(&["x".into()], "l", "r"));
        assert_ne!(a, base(&["y".into()], "l", "r"));
        assert_ne!(a, base(&["x".into()], "m", "r"));
        assert_ne!(a, base(&["x".into()], "l", "s"));
        let mut other = Config::default();
        other.suite.features.push("simd".into());
        let toolchain = Toolchain { rustc: "r".into() };
        assert_ne!(
            a,
            build_key(&other, &["x".into()], "l", &toolchain, String::new())
        );
        assert_ne!(
            a,
            build_key(&config, &["x".into()], "l", &toolchain, "flag -O\n".into())
        );
    }
}
