//! Benches that criterion does not drive: whose they are, and how a command of `uptick.toml` counts
//! them all the same.

use serde::{Deserialize, Serialize};

use crate::config::{Command, Config};
use crate::measure::symbols::Framework;

/// A bench target that is not counted by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncounted {
    /// Its package.
    pub package: String,
    /// Its name.
    pub target: String,
    /// Who drives it.
    pub framework: Framework,
}

impl Uncounted {
    /// Why it is left out, in one line.
    #[must_use]
    pub fn why(&self) -> String {
        let whose = match &self.framework {
            Framework::Libtest => "runs under libtest, not criterion",
            Framework::Divan => "is divan's and not criterion's",
            Framework::Iai => "is iai's and not criterion's",
            Framework::IaiCallgrind { .. } => "is iai-callgrind's and not criterion's",
            Framework::Gungraun { .. } => "is gungraun's and not criterion's",
            Framework::Tango => "is tango's and not criterion's",
            Framework::Unknown => "brings its own main, without criterion",
        };
        format!(
            "bench `{}` of `{}` {whose}: `uptick list` says how a [[command]] of {} counts it",
            self.target,
            self.package,
            Config::FILE
        )
    }

    /// Whether a command of the configuration builds it.
    #[must_use]
    pub(super) fn has_command(&self, config: &Config) -> bool {
        let is_it = |c: &Command| {
            c.name == self.target || c.build.as_deref().is_some_and(|b| self.is_built_by(b))
        };
        config.commands.iter().any(is_it)
    }

    /// Whether a script has cargo build it.
    fn is_built_by(&self, script: &str) -> bool {
        let bare = |word: &str| word.trim_matches(['"', '\'']).to_string();
        let words: Vec<String> = script.split_whitespace().map(bare).collect();
        let is_next = |two: &[String]| two[0] == "--bench" && two[1] == self.target;
        let in_one = |word: &String| word.strip_prefix("--bench=") == Some(&self.target);
        words.windows(2).any(is_next) || words.iter().any(in_one)
    }

    /// What to write for it, with what must be known of the count.
    #[must_use]
    pub fn command(&self, config: &Config) -> String {
        if self.framework == Framework::Tango {
            return self.own_program(config);
        }
        let (target, package) = (&self.target, &self.package);
        let build = format!(
            "cp \"$(cargo bench -p {package} --bench {target} --no-run --message-format=json-render-diagnostics | \
             sed -n '/\"kind\":\\[\"bench\"\\]/s/.*\"executable\":\"\\([^\"]*\\)\".*/\\1/p')\" {target}.bench"
        );
        let (arguments, remark) = self.arguments();
        table(
            config,
            target,
            remark,
            &build,
            &format!("./{target}.bench {arguments}"),
        )
    }

    /// What has the benchmarks run a fixed number of times, and what counts beside them.
    fn arguments(&self) -> (String, &'static str) {
        let of_group = |option: &str, group: &Option<String>| {
            format!("{option} {} 0 0", group.as_deref().unwrap_or("GROUP"))
        };
        match &self.framework {
            Framework::Libtest => (
                "--test --test-threads=1".into(),
                "each #[bench] once, with libtest's start (some 0.2 M instructions); `--exact NAME` \
                 takes one",
            ),
            Framework::Divan => (
                "--bench --sample-count 1 --sample-size 10000 --timer os".into(),
                "each benchmark 10,000 times: divan's own start takes some 90 M instructions, which \
                 the work must outweigh; a word more takes only what it names",
            ),
            Framework::Iai => (
                "--iai-run 0".into(),
                "the first benchmark of `iai::main!`, once, with the program's start (some 0.1 M \
                 instructions)",
            ),
            Framework::IaiCallgrind { group } => (of_group("--iai-run", group), INDICES),
            Framework::Gungraun { group } => (of_group("--gungraun-run", group), INDICES),
            Framework::Tango | Framework::Unknown => (
                "--bench".into(),
                "as `cargo bench` runs it: it must do the same work in each run, whatever the clock \
                 says",
            ),
        }
    }

    /// For a framework that iterates for as long as its clock says.
    fn own_program(&self, config: &Config) -> String {
        let (target, package) = (&self.target, &self.package);
        let remark = "tango iterates for as long as its clock says, which repeats in no count: have \
                      a program, such as this example, call the routine a fixed number of times";
        let build = format!("cargo build -p {package} --release --example {target}");
        let run = format!("target/release/examples/{target}");
        table(config, target, remark, &build, &run)
    }
}

const INDICES: &str = "a group, the number of the benchmark in it, and of its case, each once, with \
                       the program's start (some 0.1 M instructions)";

fn table(config: &Config, name: &str, remark: &str, build: &str, run: &str) -> String {
    let dir = match config.suite.dir.as_str() {
        "." => String::new(),
        dir => format!("dir = {}\n", toml::Value::String(dir.into())),
    };
    format!(
        "# {remark}\n[[command]]\nname = \"{name}\"\n{dir}build = '''{build}'''\nrun = \"{run}\"\n"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn uncounted(framework: Framework) -> Uncounted {
        Uncounted {
            package: "p".into(),
            target: "work".into(),
            framework,
        }
    }

    #[test]
    fn what_is_to_be_written_is_a_command_as_the_file_has_them() {
        let group = || Some("grp".to_string());
        for (framework, run) in [
            (Framework::Libtest, "./work.bench --test --test-threads=1"),
            (Framework::Iai, "./work.bench --iai-run 0"),
            (
                Framework::IaiCallgrind { group: group() },
                "./work.bench --iai-run grp 0 0",
            ),
            (
                Framework::Gungraun { group: group() },
                "./work.bench --gungraun-run grp 0 0",
            ),
            (Framework::Tango, "target/release/examples/work"),
            (Framework::Unknown, "./work.bench --bench"),
        ] {
            let mut config = Config::default();
            config.suite.dir = "a/b".into();
            let text = uncounted(framework).command(&config);
            let read: Config = toml::from_str(&text).unwrap();
            assert_eq!(read.commands[0].run, run);
            assert_eq!(read.commands[0].dir, "a/b");
            assert!(uncounted(Framework::Unknown).has_command(&read));
        }
    }

    #[test]
    fn a_command_that_is_there_already_is_not_told_again() {
        let has = |name: &str, build: &str| {
            let file = toml::toml! {
                [[command]]
                name = name
                build = build
                run = "true"
            };
            let config: Config = file.try_into().unwrap();
            uncounted(Framework::Divan).has_command(&config)
        };
        assert!(has("work", "make"));
        for build in [
            "cargo bench --bench work --no-run",
            "cargo bench --bench=work",
            "cargo bench --bench 'work'\ncp a b",
        ] {
            assert!(has("other", build), "{build}");
        }
        assert!(!has("other", "cargo bench --bench workers"));
    }
}
