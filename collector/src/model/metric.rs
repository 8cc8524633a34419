//! What is counted, how, and why its values may vary.

use serde::{Deserialize, Serialize};
use std::fmt;

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

/// The class of that name; an unknown one is judged as the most careful.
#[must_use]
pub fn class_from_name(name: &str) -> NoiseClass {
    let all = [
        NoiseClass::Exact,
        NoiseClass::Seeded,
        NoiseClass::Layout,
        NoiseClass::Threaded,
    ];
    all.into_iter()
        .find(|c| c.name() == name)
        .unwrap_or(NoiseClass::Sampled)
}
