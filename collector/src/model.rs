//! The nouns: commit, benchmark, metric, counter, testbed, measurement, report, verdict.
//!
//! One word for one thing, in code, schema, pages and messages alike. What a
//! number depends on travels with the number; two numbers are only compared
//! when metric, counter and testbed fingerprint are equal.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A full git object name in lower-case hexadecimal (40 or 64 digits).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha(pub String);

impl Sha {
    /// The first nine digits, as people write a commit.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..9).unwrap_or(&self.0)
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A git commit and its place on the main line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The commit's object name.
    pub sha: Sha,
    /// The number of its first-parent ancestors; a series is ordered by it.
    pub position: u64,
    /// Parents, the first one first; empty for a root commit.
    pub parents: Vec<Sha>,
    /// Author as `Name`.
    pub author: String,
    /// Author date in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The first line of the message.
    pub subject: String,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Instructions executed in user mode, per iteration, warm. The number that is judged.
    Instructions,
    /// Instructions of the very first iteration: lazy statics, first-touch allocation. Shown only.
    InstructionsCold,
    /// Elapsed nanoseconds per iteration.
    WallTime,
    /// User plus system CPU nanoseconds of the whole child.
    CpuTime,
    /// Largest resident set of the child, in bytes.
    PeakRss,
    /// Minor plus major page faults of the child.
    PageFaults,
    /// Size of the benchmark's executable file without debug information, in bytes.
    BinarySize,
}

impl Metric {
    /// Every metric, in the order in which reports list them.
    pub const ALL: [Self; 7] = [
        Self::Instructions,
        Self::InstructionsCold,
        Self::WallTime,
        Self::CpuTime,
        Self::PeakRss,
        Self::PageFaults,
        Self::BinarySize,
    ];

    /// The name used in JSON, in `uptick.toml` and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::InstructionsCold => "instructions_cold",
            Self::WallTime => "wall_time",
            Self::CpuTime => "cpu_time",
            Self::PeakRss => "peak_rss",
            Self::PageFaults => "page_faults",
            Self::BinarySize => "binary_size",
        }
    }

    /// The metric of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether it is judged by default where it is the session's own: what `run` prints.
    #[must_use]
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Instructions | Self::WallTime)
    }

    /// The unit of its values.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Instructions | Self::InstructionsCold => "instructions",
            Self::WallTime | Self::CpuTime => "ns",
            Self::PeakRss | Self::BinarySize => "bytes",
            Self::PageFaults => "faults",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a metric was counted. Values of two counters are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// The CPU's own instruction counter, through `perf_event_open`.
    PerfEvent,
    /// valgrind's callgrind: exact, no hardware counter needed.
    Callgrind,
    /// The monotonic clock, as sampled by criterion or around a command.
    Clock,
    /// `wait4`'s resource usage of one child.
    Rusage,
    /// A file's size.
    File,
}

impl Counter {
    /// Every counter.
    pub const ALL: [Self; 5] = [
        Self::PerfEvent,
        Self::Callgrind,
        Self::Clock,
        Self::Rusage,
        Self::File,
    ];

    /// The name used in JSON, in `uptick.toml` and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerfEvent => "perf_event",
            Self::Callgrind => "callgrind",
            Self::Clock => "clock",
            Self::Rusage => "rusage",
            Self::File => "file",
        }
    }

    /// The counter of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What makes a benchmark's value vary when nothing about the commit does.
///
/// Found by calibration when a benchmark is first seen on a testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseClass {
    /// The same value every time: one run is the truth.
    Exact,
    /// Depends on the random seed, which is pinned; judged over several seeds.
    Seeded,
    /// Depends on addresses (hashers seeded from the stack, alignment); judged over several layouts.
    Layout,
    /// Differs between identical runs: threads, timers, the outside world.
    Threaded,
    /// A sampled quantity such as time: always noisy.
    Sampled,
}

impl NoiseClass {
    /// The word shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Seeded => "seeded",
            Self::Layout => "layout",
            Self::Threaded => "threaded",
            Self::Sampled => "sampled",
        }
    }

    /// Whether the same code gives the same value every time.
    #[must_use]
    pub const fn repeats(self) -> bool {
        matches!(self, Self::Exact)
    }
}

/// One benchmark × metric on one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The benchmark's name, as criterion or `uptick.toml` gives it.
    pub benchmark: String,
    /// What was counted.
    pub metric: Metric,
    /// How it was counted.
    pub counter: Counter,
    /// The median of `samples`, or the one exact value.
    pub value: f64,
    /// The least sample.
    pub low: f64,
    /// The greatest sample.
    pub high: f64,
    /// Single runs, in the order taken; one for an exact count.
    pub samples: Vec<f64>,
    /// Why it may vary.
    pub class: NoiseClass,
    /// Relative spread seen in calibration ((max − min) / median); 0 for exact.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spread: f64,
    /// What a reader must know about this number, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Measurement {
    /// A value that needed to be taken once, because it repeats exactly.
    #[must_use]
    pub fn once(benchmark: &str, metric: Metric, counter: Counter, value: f64) -> Self {
        Self {
            benchmark: benchmark.to_string(),
            metric,
            counter,
            value,
            low: value,
            high: value,
            samples: vec![value],
            class: NoiseClass::Exact,
            spread: 0.0,
            note: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

/// The machine and environment that numbers depend on.
///
/// Not every counter depends on everything: an instruction count under
/// callgrind does not change with the host's clock rate or kernel, so that
/// hosted runners of different make share one series. [`Testbed::fingerprint`]
/// hashes exactly the facts that the counter depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testbed {
    /// Facts by name: `arch`, `cpu`, `guest_cpu`, `kernel`, `libc`, `rustc`, `valgrind`,
    /// `profile`, `strings`, `protocol`, …
    pub facts: BTreeMap<String, String>,
}

/// Why one benchmark, or a commit as a whole, gave no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The benchmark, or `None` when the commit as a whole failed.
    pub benchmark: Option<String>,
    /// Where: `checkout`, `build`, `list`, `run`, `timeout`.
    pub stage: String,
    /// What happened, with the last lines of output; at most 4 KiB.
    pub message: String,
}

/// A profile of one benchmark in one report: a content-addressed blob in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRef {
    /// The benchmark.
    pub benchmark: String,
    /// What the blob holds.
    pub kind: ProfileKind,
    /// SHA-256 of the uncompressed blob, in hexadecimal.
    pub blob: String,
}

/// What a stored profile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKind {
    /// Self cost by function, which every exact count gives for nothing.
    Functions,
    /// Whole call stacks.
    Stacks,
}

/// Everything measured for one commit on one testbed in one go. Immutable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `uptick.report/1`.
    pub schema: String,
    /// The commit that was measured.
    pub commit: Commit,
    /// Where it was measured.
    pub testbed: Testbed,
    /// Hash of what the build depended on; equal keys give equal measurements.
    pub build_key: String,
    /// Hash of what was asked for: benchmarks, metrics, counters, run options.
    pub suite_key: String,
    /// The fingerprints of the counters that were used, see [`Testbed::key`].
    pub testbed_key: String,
    /// When measuring began, in seconds since 1970-01-01 UTC.
    pub started: i64,
    /// How long building and measuring took, in seconds.
    pub seconds: f64,
    /// The report whose measurements this one repeats because the build key was equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<Sha>,
    /// The numbers, ordered by benchmark, metric, counter.
    pub measurements: Vec<Measurement>,
    /// What gave no number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Profiles taken along with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileRef>,
}

impl Report {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.report/1";

    /// The measurement of that benchmark, metric and counter.
    #[must_use]
    pub fn find(&self, benchmark: &str, metric: Metric, counter: Counter) -> Option<&Measurement> {
        self.measurements
            .iter()
            .find(|m| m.benchmark == benchmark && m.metric == metric && m.counter == counter)
    }
}

/// What is said of one measurement against its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within its limit.
    Unchanged,
    /// Dearer by more than its limit, confirmed.
    Regressed,
    /// Cheaper by more than its limit, confirmed.
    Improved,
    /// The total is the same, but cost moved between functions.
    Shifted,
    /// The baseline does not have this benchmark.
    New,
    /// The baseline has this benchmark and the head does not.
    Vanished,
    /// Measured on different testbeds or by different counters.
    Incomparable,
    /// There is nothing to compare with.
    NoBaseline,
}

impl Verdict {
    /// The word used in JSON and shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Shifted => "shifted",
            Self::New => "new",
            Self::Vanished => "vanished",
            Self::Incomparable => "incomparable",
            Self::NoBaseline => "no_baseline",
        }
    }
}

/// One function whose cost differs between two profiles of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// Normalised name: demangled, without hash, disambiguator and `.llvm.` suffix.
    pub name: String,
    /// Source file, relative to the repository where it lies inside it.
    pub file: Option<String>,
    /// The line where the function begins, or its dearest line.
    pub line: Option<u32>,
    /// Self cost before.
    pub base: u64,
    /// Self cost after.
    pub head: u64,
    /// `head − base`.
    pub delta: i64,
    /// Inclusive cost before.
    pub base_inclusive: u64,
    /// Inclusive cost after.
    pub head_inclusive: u64,
    /// Calls before and after, where they are known.
    pub calls: Option<(u64, u64)>,
    /// For code outside the repository: the nearest caller inside it.
    pub caller: Option<Location>,
}

/// A place in the sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Function name, normalised.
    pub function: String,
    /// File, relative to the repository where it lies inside it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

impl Testbed {
    /// The facts that a counter's values depend on.
    #[must_use]
    pub const fn facts_of(counter: Counter) -> &'static [&'static str] {
        match counter {
            // valgrind shows every program the same synthetic CPU of the host's vector class.
            Counter::Callgrind => &[
                "arch",
                "guest_cpu",
                "libc",
                "rustc",
                "profile",
                "valgrind",
                "strings",
                "protocol",
            ],
            Counter::PerfEvent => &[
                "arch", "cpu", "libc", "rustc", "profile", "strings", "protocol",
            ],
            Counter::Clock | Counter::Rusage => &[
                "arch", "cpu", "cores", "kernel", "libc", "rustc", "profile", "protocol",
            ],
            Counter::File => &["arch", "rustc", "profile"],
        }
    }

    /// Sixteen hexadecimal digits that stand for those facts: equal fingerprints are comparable.
    #[must_use]
    pub fn fingerprint(&self, counter: Counter) -> String {
        let mut text = String::new();
        for name in Self::facts_of(counter) {
            let value = self.facts.get(*name).map_or("", String::as_str);
            text.push_str(&format!("{name}={value}\n"));
        }
        let mut digest = digest(text.as_bytes());
        digest.truncate(16);
        digest
    }

    /// The facts that differ and matter to a counter, as `(name, here, there)`.
    #[must_use]
    pub fn differences(&self, other: &Self, counter: Counter) -> Vec<(String, String, String)> {
        let get = |t: &Self, n: &str| t.facts.get(n).cloned().unwrap_or_default();
        Self::facts_of(counter)
            .iter()
            .map(|n| ((*n).to_string(), get(self, n), get(other, n)))
            .filter(|(_, a, b)| a != b)
            .collect()
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

impl Testbed {
    /// The fingerprints of some counters as one text, whatever their order.
    #[must_use]
    pub fn key(&self, counters: impl Iterator<Item = Counter>) -> String {
        let counters: std::collections::BTreeSet<Counter> = counters.collect();
        let parts: Vec<String> = counters
            .iter()
            .map(|c| format!("{c}:{}", self.fingerprint(*c)))
            .collect();
        parts.join(" ")
    }
}
