//! `uptick.toml`: every field documented, every default works without the file.
//!
//! An unknown key or a wrong type is an error that names the line. The file is
//! read from the checkout, also for older commits, so that a whole range is
//! measured by one set of rules.

mod owners;
mod repository;
mod values;
mod views;

pub use repository::Repository;
pub use values::{Fraction, Seconds, glob, words};

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::read_text;
use crate::model::{Counter, Metric, Tags, is_hostile};

/// The longest `uptick.toml`: 1 MiB.
const MAX_FILE: u64 = 1 << 20;
/// The key beside the metrics in `[limits]`.
const RELEASE_BUDGET: &str = "release-budget";

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// What is measured, and how.
    pub suite: Suite,
    /// How far a metric may move, by metric name: `instructions = "0.5%"`; and how far any may
    /// creep since the last release tag: `release-budget = "2%"`.
    pub limits: BTreeMap<String, Fraction>,
    /// Limits of single benchmarks, the last matching one wins.
    #[serde(rename = "limit")]
    pub benchmark_limits: Vec<BenchmarkLimit>,
    /// Metrics of one's own, which other tools report.
    #[serde(rename = "metric")]
    pub metrics: Vec<OwnMetric>,
    /// Benchmarks that are commands.
    #[serde(rename = "command")]
    pub commands: Vec<Command>,
    /// Where a baseline comes from.
    pub baseline: Baseline,
    /// Whose benchmarks are, by their names: `"parse/**" = "ada"`.
    pub owners: BTreeMap<String, String>,
    /// Lists of the dashboard under names: `"ours, open" = "/changes?state=open&owner=ada"`.
    pub views: BTreeMap<String, String>,
    /// Where people read the repository.
    pub repository: Repository,
}

/// What is measured, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Suite {
    /// Whether the criterion benchmarks of a Cargo repository are found by themselves.
    pub criterion: bool,
    /// The directory of the Cargo workspace, relative to the repository.
    pub dir: String,
    /// Packages whose benchmarks are measured; empty: every workspace member.
    pub packages: Vec<String>,
    /// Bench targets that are built (globs); empty: every one.
    pub benches: Vec<String>,
    /// Cargo features to switch on.
    pub features: Vec<String>,
    /// Switch on every feature.
    pub all_features: bool,
    /// Switch off the default features.
    pub no_default_features: bool,
    /// Flags for rustc, after those of `RUSTFLAGS`; both replace `rustflags` of Cargo's own files.
    pub rustflags: Vec<String>,
    /// The Cargo profile.
    pub profile: String,
    /// Benchmarks to measure, by name (globs).
    pub include: Vec<String>,
    /// Benchmarks to leave out, by name (globs).
    pub exclude: Vec<String>,
    /// Benchmarks that the command line asks for (globs); empty: all that are included.
    #[serde(skip)]
    pub only: Vec<String>,
    /// What tells this variant of every benchmark apart; from the command line.
    #[serde(skip)]
    pub tags: Tags,
    /// What is judged; other metrics that cost nothing are stored and shown.
    pub metrics: Vec<String>,
    /// `auto`, `perf_event`, `callgrind` or `clock`.
    pub counter: String,
    /// `portable` pins libc's string functions to the baseline instruction set, so that
    /// counts are the same on every host; `native` lets libc choose.
    pub strings: Strings,
    /// How long one benchmark may run under the counter.
    pub timeout: Seconds,
    /// Variables that the benchmarks need; they see no others.
    pub env: BTreeMap<String, String>,
    /// Benchmarks measured at the same time; 0: one a core.
    pub jobs: usize,
    /// How large the cache of finished benchmark binaries may grow, in MiB.
    pub cache_mib: u64,
}

impl Default for Suite {
    fn default() -> Self {
        Self {
            criterion: true,
            dir: ".".into(),
            packages: Vec::new(),
            benches: Vec::new(),
            features: Vec::new(),
            all_features: false,
            no_default_features: false,
            rustflags: Vec::new(),
            profile: "bench".into(),
            include: Vec::new(),
            exclude: Vec::new(),
            only: Vec::new(),
            tags: Tags::default(),
            metrics: Vec::new(),
            counter: "auto".into(),
            strings: Strings::Portable,
            timeout: Seconds(300.0),
            env: BTreeMap::new(),
            jobs: 0,
            cache_mib: 2048,
        }
    }
}

/// How libc's string functions are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strings {
    /// The same code on every host.
    Portable,
    /// What libc picks for this CPU.
    Native,
}

impl Strings {
    /// The word in `uptick.toml` and in the testbed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Native => "native",
        }
    }
}

/// A benchmark that is a command, in any language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Command {
    /// The benchmark's name.
    pub name: String,
    /// A shell command that builds it, run once a commit in `dir`.
    #[serde(default)]
    pub build: Option<String>,
    /// The program and its arguments, split as a shell splits words but run without a shell: what
    /// only a shell would obey is refused.
    pub run: String,
    /// A file of the repository that becomes standard input.
    #[serde(default)]
    pub stdin: Option<String>,
    /// The directory to run in, relative to the repository.
    #[serde(default = "here")]
    pub dir: String,
    /// `fixed`: the program sees a clock that ticks once a reading; `real`: the machine's.
    #[serde(default)]
    pub clock: ClockMode,
}

impl Command {
    /// No program gets a NUL: it would fail as it is started, and not say why.
    fn refuse_nul(&self) -> std::result::Result<(), String> {
        let place = format!("command `{}`", crate::format::whole(&self.name));
        let texts = [
            ("build", self.build.as_ref()),
            ("run", Some(&self.run)),
            ("stdin", self.stdin.as_ref()),
            ("dir", Some(&self.dir)),
        ];
        let mut given = texts.iter().filter_map(|(key, text)| Some((key, (*text)?)));
        given.try_for_each(|(key, text)| without_nul(&place, key, text))
    }

    /// What is said of a word that only a shell would obey. Passed on as an argument it would leave
    /// out what stands after it, without a word.
    fn no_shell_line(&self, word: &str) -> String {
        let stdin = match word.contains('<') {
            true => "; `stdin = \"FILE\"` gives it standard input",
            false => "",
        };
        format!(
            "command `{}`: `run` is no shell line, and `{word}` would be an argument of its first \
             program: `sh -c '…'` is one{stdin}; in quotes it is an argument",
            crate::format::whole(&self.name)
        )
    }
}

fn here() -> String {
    ".".into()
}

/// Which clock a command sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockMode {
    /// The machine's clock.
    #[default]
    Real,
    /// A clock that ticks 1 µs a reading, the same in every run.
    Fixed,
}

/// The limit of the benchmarks that a glob matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BenchmarkLimit {
    /// Benchmarks, by name (glob).
    pub benchmark: String,
    /// The metric; every one when absent.
    #[serde(default)]
    pub metric: Option<String>,
    /// How far it may move.
    pub limit: Fraction,
    /// Why; printed with the verdict.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A metric of one's own: once it is named here, it can have limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnMetric {
    /// Its name, as reports have it.
    pub name: String,
    /// A move below this many of its units is never a regression of `check` and `compare`: all that
    /// limits a value that was 0. The finder, which looks at lasting steps, goes by its own.
    #[serde(default)]
    pub floor: Option<f64>,
}

/// Where a baseline comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Baseline {
    /// The default branch, when the remote's HEAD does not say.
    pub branch: Option<String>,
}

impl Config {
    /// The file's name at the top of the repository.
    pub const FILE: &'static str = "uptick.toml";

    /// Reads `uptick.toml` in `root`; the defaults where there is none.
    ///
    /// # Errors
    /// [`Error::Usage`] that names file, line and column.
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join(Self::FILE);
        match read_text(&path, MAX_FILE) {
            Ok(text) => {
                Self::parse_own(&text).map_err(|e| Error::Usage(format!("{}: {e}", path.display())))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Error::Usage(format!("{}: {e}", path.display()))),
        }
    }

    /// Reads the text of an `uptick.toml`, such as another commit may have.
    ///
    /// # Errors
    /// What is wrong and where, for people.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let config: Self =
            toml::from_str(text).map_err(|e| e.to_string().trim_end().to_string())?;
        config.check()?;
        Ok(config)
    }

    /// Reads the text of the `uptick.toml` that is to be measured by.
    ///
    /// # Errors
    /// What is wrong and where, for people.
    pub fn parse_own(text: &str) -> std::result::Result<Self, String> {
        let config = Self::parse(text)?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what the types alone do not, and that commands are meant as they are run: what other
    /// commits say, and what a page reads, need not be.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn validate(&self) -> std::result::Result<(), String> {
        self.check()?;
        for command in &self.commands {
            if let Some(word) = values::meant_for_a_shell(&command.run) {
                return Err(command.no_shell_line(&word));
            }
        }
        Ok(())
    }

    fn check(&self) -> std::result::Result<(), String> {
        for own in &self.metrics {
            own.check()?;
        }
        for name in &self.suite.metrics {
            self.known_metric(name, "suite.metrics")?;
        }
        for name in self.limits.keys().filter(|n| *n != RELEASE_BUDGET) {
            self.known_metric(name, "limits")?;
        }
        for limit in &self.benchmark_limits {
            if let Some(name) = &limit.metric {
                self.known_metric(name, "limit.metric")?;
            }
        }
        let counter = self.suite.counter.as_str();
        let chosen = Counter::well_known(counter);
        if counter != "auto"
            && !matches!(
                chosen,
                Some(Counter::PerfEvent | Counter::Callgrind | Counter::Clock)
            )
        {
            return Err(format!(
                "suite.counter: `{counter}` is none of auto, perf_event, callgrind, clock"
            ));
        }
        without_nul("suite", "dir", &self.suite.dir)?;
        if leads_out(&self.suite.dir) {
            return Err(format!(
                "suite.dir: `{}` must lie inside the repository",
                self.suite.dir
            ));
        }
        let odd = |name: &&String| name.is_empty() || name.contains(['=', '\0']);
        if let Some(name) = self.suite.env.keys().find(odd) {
            return Err(format!("suite.env: `{name}` is no name of a variable"));
        }
        for (name, value) in &self.suite.env {
            without_nul("suite.env", name, value)?;
        }
        self.check_owners()?;
        self.check_views()?;
        self.repository.check()?;
        self.check_commands()
    }

    fn check_commands(&self) -> std::result::Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for command in &self.commands {
            if command.name.trim().is_empty() {
                return Err("command: `name` is empty".into());
            }
            if command.name.chars().any(is_hostile) {
                return Err(format!(
                    "command: `{}` has a character that nobody can see or type, such as a tab, a NUL \
                     or one that turns the direction of text",
                    crate::format::whole(&command.name)
                ));
            }
            if !seen.insert(&command.name) {
                return Err(format!(
                    "command: two benchmarks are named `{}`",
                    command.name
                ));
            }
            command.refuse_nul()?;
            if words(&command.run).is_none_or(|w| w.is_empty()) {
                return Err(format!(
                    "command `{}`: `run` has no program or an open quote",
                    command.name
                ));
            }
            for path in [Some(&command.dir), command.stdin.as_ref()]
                .into_iter()
                .flatten()
            {
                if leads_out(path) {
                    return Err(format!(
                        "command `{}`: `{path}` must lie inside the repository",
                        command.name
                    ));
                }
            }
        }
        Ok(())
    }

    fn known_metric(&self, name: &str, place: &str) -> std::result::Result<(), String> {
        let well_known = Metric::WELL_KNOWN.iter().map(Metric::name);
        let own = self.metrics.iter().map(|m| m.name.as_str());
        let known: Vec<&str> = well_known.chain(own).collect();
        if known.contains(&name) {
            return Ok(());
        }
        Err(format!(
            "{place}: `{name}` is no metric; there are {}; one of your own needs a [[metric]] with \
             its name",
            known.join(", ")
        ))
    }

    /// The least difference that counts of a metric of one's own, where the file sets one.
    #[must_use]
    pub fn floor_of(&self, metric: &Metric) -> Option<f64> {
        let own = self.metrics.iter().find(|m| m.name == metric.name())?;
        own.floor
    }

    /// The limit that the file sets for a benchmark's metric, with its reason.
    #[must_use]
    pub fn limit_for(&self, benchmark: &str, metric: &Metric) -> Option<(f64, String)> {
        let single = self.benchmark_limits.iter().rev().find(|l| {
            l.metric.as_deref().is_none_or(|m| m == metric.name()) && glob(&l.benchmark, benchmark)
        });
        if let Some(l) = single {
            let why = l
                .reason
                .as_ref()
                .map_or_else(String::new, |r| format!(": {r}"));
            return Some((
                l.limit.0,
                format!("set for `{}` in {}{why}", l.benchmark, Self::FILE),
            ));
        }
        let general = self.limits.get(metric.name())?;
        Some((general.0, format!("set in {}", Self::FILE)))
    }

    /// How far a benchmark may creep since the last release tag, where the file says so; 0: as
    /// far as it likes.
    #[must_use]
    pub fn release_budget(&self) -> Option<f64> {
        self.limits.get(RELEASE_BUDGET).map(|f| f.0)
    }

    /// Tells this variant of every benchmark apart. What runs sees each tag as a variable:
    /// `gc=on` as `UPTICK_TAG_GC`, which is `on`.
    pub fn tag(&mut self, tags: Tags) {
        let letter = |c: char| match c.to_ascii_uppercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '_',
        };
        for (key, value) in tags.iter() {
            let name = format!("UPTICK_TAG_{}", key.chars().map(letter).collect::<String>());
            self.suite.env.insert(name, value.to_owned());
        }
        self.suite.tags = tags;
    }

    /// Whether a benchmark is asked for, by its own name or by that with its tags.
    #[must_use]
    pub fn wants(&self, benchmark: &str) -> bool {
        let (bare, _) = Tags::split(benchmark);
        let full = self.suite.tags.name(bare);
        // As it is listed, where that is not how it is written.
        let shown = crate::format::whole(benchmark);
        let names = [benchmark, bare, &full, &shown];
        let any = |globs: &[String]| globs.iter().any(|p| names.iter().any(|n| glob(p, n)));
        let passes = |globs: &[String]| globs.is_empty() || any(globs);
        passes(&self.suite.include) && passes(&self.suite.only) && !any(&self.suite.exclude)
    }
}

/// Refuses a value with a NUL, which neither an argument, a variable nor a path can have.
fn without_nul(place: &str, key: &str, value: &str) -> std::result::Result<(), String> {
    match value.contains('\0') {
        true => Err(format!("{place}: `{key}` has a NUL character")),
        false => Ok(()),
    }
}

/// Whether a path of the configuration names a place outside the repository.
fn leads_out(path: &str) -> bool {
    Path::new(path).is_absolute() || path.split('/').any(|p| p == "..")
}

impl OwnMetric {
    fn check(&self) -> std::result::Result<(), String> {
        let name = &self.name;
        if Metric::of(name, None, None)
            .map_err(|e| format!("metric: {e}"))?
            .is_own()
        {
            return match self.floor {
                Some(x) if !x.is_finite() || x < 0.0 => Err(format!(
                    "metric `{name}`: floor: {x} is no number of units; 0 or more is"
                )),
                _ => Ok(()),
            };
        }
        Err(format!(
            "metric: `{name}` is well known; [limits] has its limit"
        ))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_and_a_wrong_type_are_named_with_their_line() {
        let e = Config::parse("[suite]\nprofile = \"bench\"\nfeatuers = []\n").unwrap_err();
        assert!(e.contains("line 3") && e.contains("featuers"), "{e}");
        let e = Config::parse("[suite]\nfeatures = 3\n").unwrap_err();
        assert!(e.contains("line 2"), "{e}");
        let e = Config::parse("[limits]\ninstructions = \"lots\"\n").unwrap_err();
        assert!(e.contains("line 2") && e.contains("no limit"), "{e}");
    }

    #[test]
    fn limits_are_looked_up_from_the_particular_to_the_general() {
        let c = Config::parse(
            "[limits]\ninstructions = \"1%\"\n[[limit]]\nbenchmark = \"io/*\"\nlimit = 0.05\nreason = \"disk\"\n",
        )
        .unwrap();
        assert_eq!(
            c.limit_for("io/read", &Metric::Instructions).unwrap().0,
            0.05
        );
        assert_eq!(c.limit_for("parse", &Metric::Instructions).unwrap().0, 0.01);
        assert!(c.limit_for("parse", &Metric::WallTime).is_none());
    }

    #[test]
    fn a_metric_of_ones_own_has_limits_once_it_is_named() {
        let limits = "[limits]\nthroughput = \"2%\"\n";
        let e = Config::parse(limits).unwrap_err();
        assert!(
            e.contains("`throughput`") && e.contains("[[metric]]"),
            "{e}"
        );
        let text = format!("{limits}[[metric]]\nname = \"throughput\"\nfloor = 10\n");
        let c = Config::parse(&text).unwrap();
        let own = Metric::stored("throughput", "1/s", crate::model::Better::Higher);
        assert_eq!(c.limit_for("b", &own).unwrap().0, 0.02);
        assert_eq!(c.floor_of(&own), Some(10.0));
        assert_eq!(c.floor_of(&Metric::WallTime), None);
        for (bad, why) in [
            ("name = \"wall_time\"", "well known"),
            ("name = \"\"", "empty"),
            ("name = \"x\"\nfloor = -1.0", "0 or more"),
            ("name = \"x\"\nfloor = nan", "0 or more"),
        ] {
            let e = Config::parse(&format!("[[metric]]\n{bad}\n")).unwrap_err();
            assert!(e.contains(why), "{bad}: {e}");
        }
    }

    #[test]
    fn a_command_may_not_leave_the_repository() {
        let e = Config::parse("[[command]]\nname=\"a\"\nrun=\"x\"\ndir=\"../..\"\n").unwrap_err();
        assert!(e.contains("inside the repository"), "{e}");
        let e = Config::parse("[[command]]\nname=\"a\"\nrun=\"'x\"\n").unwrap_err();
        assert!(e.contains("open quote"), "{e}");
    }

    #[test]
    fn a_command_has_a_name_that_can_be_seen() {
        for odd in [
            "\\t", "\\u0000", "\\u202E", "\\u2066", "\\u200B", "\\u200F", "\\uFEFF",
        ] {
            let text = format!("[[command]]\nname=\"a{odd}b\"\nrun=\"x\"\n");
            let e = Config::parse(&text).unwrap_err();
            assert!(e.contains("nobody can see or type"), "{odd}: {e}");
        }
        let c = Config::parse("[[command]]\nname=\"größer ▲ 5 %\"\nrun=\"x\"\n");
        assert!(c.is_ok(), "{c:?}");
    }

    #[test]
    fn a_nul_is_refused_where_it_is_written() {
        let nul = "\"a\\u0000b\"";
        for key in ["build", "run", "stdin", "dir"] {
            let run = if key == "run" { "" } else { "run=\"x\"\n" };
            let text = format!("[[command]]\nname=\"a\"\n{run}{key}={nul}\n");
            let e = Config::parse(&text).unwrap_err();
            assert_eq!(e, format!("command `a`: `{key}` has a NUL character"));
        }
        for (text, key) in [
            (format!("[suite.env]\nX={nul}\n"), "suite.env: `X`"),
            (format!("[suite]\ndir={nul}\n"), "suite: `dir`"),
        ] {
            let e = Config::parse(&text).unwrap_err();
            assert_eq!(e, format!("{key} has a NUL character"));
        }
    }

    #[test]
    fn a_shell_line_is_no_run() {
        let run =
            |line: &str| Config::parse_own(&format!("[[command]]\nname='a'\nrun='''{line}'''\n"));
        for (line, word) in [
            ("echo hi | ./b.sh", "|"),
            ("echo hello; ./w.sh", "hello;"),
            ("./w.sh > out", ">"),
            ("./w.sh >out", ">out"),
            ("./w.sh 2>&1", "2>&1"),
            ("a && b", "&&"),
            ("a || b", "||"),
            ("./w.sh &", "&"),
            ("./w.sh $(nproc)", "$(nproc)"),
            ("./w.sh `nproc`", "`nproc`"),
            ("./w.sh < in", "<"),
        ] {
            let said = run(line).unwrap_err();
            let names = format!("`run` is no shell line, and `{word}` would");
            assert!(said.contains(&names) && said.contains("sh -c"), "{said}");
            assert_eq!(said.contains("stdin ="), line.contains('<'), "{said}");
        }
        for line in [
            "sh -c 'a | b; c > d # e'",
            "grep \"a|b\" '|' \\; a#b x=\\# $HOME",
            "./a \"it's; $(x)\"",
            "./a --flag=a;b http://h/?a=1&b=2 ^(x|y)$ s/a/b/;s/c/d/ map:a->b # a word",
            "./a parse::<u8>",
        ] {
            assert_eq!(run(line).map(|c| c.commands.len()), Ok(1), "{line}");
        }
    }

    #[test]
    fn globs_match_whole_names() {
        assert!(glob("a*c", "abbc") && glob("*", "") && glob("a?c", "aéc") && glob("*b*", "abc"));
        assert!(glob("sort/[u8]/*", "sort/[u8]/{big}") && !glob("[su]ort", "sort"));
        assert!(!glob("a", "ab") && !glob("a*c", "abd") && !glob("?", ""));
    }

    #[test]
    fn words_follow_the_quotes() {
        assert_eq!(
            words("a 'b c' \"d \\\" e\" f\\ g").unwrap(),
            ["a", "b c", "d \" e", "f g"]
        );
        assert!(words("a 'b").is_none());
        // As in the shell: a backslash between quotes stands for itself before most characters.
        assert_eq!(words(r#"a "b\n" ''"#).unwrap(), ["a", r"b\n", ""]);
    }
}
