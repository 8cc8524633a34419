//! Why a comparison has no verdict: a code for machines, and the one place where it has words.

use crate::format::{name, plural};
use crate::judge::{Reasons, Row};
use crate::model::{Failure, Verdict};
use serde::Serialize;
use std::fmt;

/// Why a comparison has no verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum NoVerdict {
    /// Benchmarks of the base are not in the head.
    Vanished {
        /// How many.
        benchmarks: usize,
        /// One of them.
        first: String,
    },
    /// Benchmarks gave no number in the head.
    Failed {
        /// How many.
        benchmarks: usize,
    },
    /// Base and head cannot be compared.
    Incomparable {
        /// Why not.
        #[serde(skip)]
        why: Reasons,
    },
    /// No benchmark repeats well enough.
    Blind,
    /// Something could not be measured as it should, and that was asked for.
    Doubtful,
    /// No benchmark gives a number, in the head as in the base.
    NoNumbers,
    /// Every benchmark is new.
    AllNew,
    /// There is no benchmark.
    NoBenchmarks,
}

impl NoVerdict {
    /// Why rows come to nothing, beside what failed and what is doubtful.
    #[must_use]
    pub(super) fn of(rows: &[&Row], failures: &[Failure], doubts: &[String]) -> Self {
        let with = |verdict| rows.iter().filter(move |r| r.verdict == verdict);
        // Where nothing at all can be compared, that goes before what else is missing.
        if !rows.iter().any(|r| r.is_compared())
            && let Some(row) = with(Verdict::Incomparable).find(|r| r.why.sets_apart())
        {
            let why = row.why.clone();
            return Self::Incomparable { why };
        }
        let benchmarks = with(Verdict::Vanished).count();
        if let Some(row) = with(Verdict::Vanished).next() {
            let first = row.benchmark.clone();
            return Self::Vanished { benchmarks, first };
        }
        if !failures.is_empty() {
            let benchmarks = failures.len();
            return Self::Failed { benchmarks };
        }
        if let Some(row) = with(Verdict::Incomparable).next() {
            let why = row.why.clone();
            return Self::Incomparable { why };
        }
        if with(Verdict::Unchanged).any(|r| r.cannot_tell_below.is_some()) {
            return Self::Blind;
        }
        let doubtful = !doubts.is_empty();
        if doubtful && rows.iter().any(|r| r.is_compared()) {
            Self::Doubtful
        } else if doubtful && rows.is_empty() {
            Self::NoNumbers
        } else if with(Verdict::New).next().is_some() {
            Self::AllNew
        } else {
            Self::NoBenchmarks
        }
    }
}

impl fmt::Display for NoVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished { benchmarks, first } => write!(
                f,
                "{} vanished, `{}` first; leave it out (`exclude` in uptick.toml) if that is meant",
                plural(*benchmarks, "benchmark"),
                name(first, 30)
            ),
            Self::Failed { benchmarks } => {
                write!(f, "{} gave no number", plural(*benchmarks, "benchmark"))
            }
            Self::Incomparable { why } => write!(f, "head and base cannot be compared: {why}"),
            Self::Blind => f.write_str("no benchmark repeats well enough for a change to be told"),
            Self::Doubtful => f.write_str(
                "not everything could be measured as it should, and `--strict` asks for that",
            ),
            Self::NoNumbers => {
                f.write_str("nothing was measured: no benchmark gives a number, as in the baseline")
            }
            Self::AllNew => f.write_str("every benchmark is new: the baseline has none of them"),
            Self::NoBenchmarks => f.write_str(
                "nothing was measured: no benchmark was found, or `include` and `exclude` leave none \
                 (`uptick list` says what is looked for, `uptick init` writes a file)",
            ),
        }
    }
}
