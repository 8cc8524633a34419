//! How a metric was counted.

use crate::model::legible::legible;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Characters of the name of a tool.
const NAME: usize = 100;

/// How a metric was counted. Values of two counters are never compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Another tool, which reported the number.
    Reported(Arc<str>),
}

impl Counter {
    /// The counters that measure here.
    pub const WELL_KNOWN: [Self; 5] = [
        Self::PerfEvent,
        Self::Callgrind,
        Self::Clock,
        Self::Rusage,
        Self::File,
    ];

    /// The name used in JSON, in `uptick.toml` and on the command line; of a tool its own.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::PerfEvent => "perf_event",
            Self::Callgrind => "callgrind",
            Self::Clock => "clock",
            Self::Rusage => "rusage",
            Self::File => "file",
            Self::Reported(tool) => tool,
        }
    }

    /// How a number came about, in words: `counted by callgrind`, `reported by pytest-benchmark`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Reported(_) => self.by(),
            _ => format!("counted {}", self.by()),
        }
    }

    /// The same after a value: `by callgrind`, `reported by pytest-benchmark`.
    #[must_use]
    pub fn by(&self) -> String {
        match self {
            Self::Reported(tool) => format!("reported by {tool}"),
            counter => format!("by {counter}"),
        }
    }

    /// The counter of that name that measures here.
    #[must_use]
    pub fn well_known(name: &str) -> Option<Self> {
        Self::WELL_KNOWN.into_iter().find(|c| c.name() == name)
    }

    /// The counter of that name, or the tool.
    ///
    /// # Errors
    /// Why nobody can be shown that name.
    pub fn of(name: &str) -> Result<Self, String> {
        if Self::well_known(name).is_none() {
            legible("counter", name, NAME)?;
        }
        Ok(Self::stored(name))
    }

    /// [`Counter::of`] what was checked when it came in.
    #[must_use]
    pub fn stored(name: &str) -> Self {
        Self::well_known(name).unwrap_or_else(|| Self::Reported(name.into()))
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Counter {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Counter {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        Self::of(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_reads_as_it_was_written_and_a_tool_is_itself() {
        for counter in Counter::WELL_KNOWN {
            assert_eq!(Counter::of(counter.name()), Ok(counter.clone()));
            assert_eq!(counter.words(), format!("counted by {counter}"));
        }
        let tool = Counter::stored("pytest-benchmark");
        assert_eq!(tool.words(), "reported by pytest-benchmark");
        assert_eq!(Counter::of("pytest-benchmark"), Ok(tool));
        assert!(Counter::of("a\u{7}").is_err());
    }
}
