//! Everything measured for one commit on one testbed in one go: the unit of writing.

use crate::model::commit::Commit;
use crate::model::commit::Sha;
use crate::model::counter::Counter;
use crate::model::failure::Failure;
use crate::model::metric::{Metric, stored};
use crate::model::noise_class::NoiseClass;
use crate::model::profile::ProfileRef;
use crate::model::tags::tagged;
use crate::model::testbed::Testbed;

use serde::{Deserialize, Serialize};

/// One benchmark × metric on one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The benchmark's name, as criterion or `uptick.toml` gives it, with its [`Tags`].
    ///
    /// [`Tags`]: crate::model::Tags
    #[serde(flatten, with = "tagged")]
    pub benchmark: String,
    /// What was counted. One of one's own says its unit and which way is better beside its name.
    #[serde(flatten, with = "stored")]
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
    #[serde(deserialize_with = "samples")]
    pub samples: Vec<f64>,
    /// Why it may vary.
    pub class: NoiseClass,
    /// Relative spread seen in calibration ((max − min) / median); 0 for exact.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spread: f64,
    /// Of how much of the program it is, where that is not what it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// What a reader must know about this number, in one sentence; it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The commit's own `uptick.toml` defines this benchmark otherwise: the number serves a
    /// comparison with another commit, and is no point of a series.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redefined: bool,
}

/// How much of a program was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// The whole process, where the routine alone should have been.
    Whole,
}

/// Between two notes of one number.
const AND: &str = "; ";

/// The note of a number that holds a criterion benchmark's whole process; never to be compared
/// with one that holds the routine alone.
pub const WHOLE_PROCESS: &str =
    "linked statically, or without symbols: the whole process is counted, criterion's start-up too";

/// How the first versions said the same.
const WHOLE_PROCESS_ONCE: &str =
    "statically linked or stripped: the whole process is counted, criterion's start-up too";

impl Measurement {
    /// Whether the whole process was counted where the routine alone should have been. Reports that
    /// are older than the field for it say so in a note, which is that sentence and no other.
    #[must_use]
    pub fn is_whole_process(&self) -> bool {
        let notes = || self.note.as_deref().unwrap_or("").split(AND);
        match self.extent {
            Some(Extent::Whole) => true,
            None => notes().any(|note| [WHOLE_PROCESS, WHOLE_PROCESS_ONCE].contains(&note)),
        }
    }

    /// Says something more that a reader must know about it.
    pub fn doubt(&mut self, why: &str) {
        self.note = Some(match self.note.take() {
            Some(note) => format!("{note}{AND}{why}"),
            None => why.to_owned(),
        });
    }

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
            extent: None,
            note: None,
            redefined: false,
        }
    }
}

/// Samples of one measurement; more is refused while it is read.
const SAMPLES: usize = 100_000;

/// Reads samples, never more than [`SAMPLES`] into memory.
fn samples<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<f64>, D::Error> {
    struct Bounded;
    impl<'de> serde::de::Visitor<'de> for Bounded {
        type Value = Vec<f64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {SAMPLES} numbers")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<f64>, A::Error> {
            let mut all = Vec::new();
            while let Some(x) = seq.next_element()? {
                if all.len() == SAMPLES {
                    return Err(serde::de::Error::invalid_length(SAMPLES + 1, &self));
                }
                all.push(x);
            }
            Ok(all)
        }
    }
    d.deserialize_seq(Bounded)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

/// The line of commits that a report's commit is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Line {
    /// The first-parent line of the default branch: only its commits are points of a series.
    Main,
    /// Another one, compared with where it left the main line.
    Branch {
        /// Its name, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its merge-base with the main line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merge_base: Option<Sha>,
    },
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
    /// Which line of commits it is on; absent where whoever measured it did not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
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
    pub fn find(
        &self,
        benchmark: &str,
        metric: &Metric,
        counter: &Counter,
    ) -> Option<&Measurement> {
        self.measurements
            .iter()
            .find(|m| m.benchmark == benchmark && m.metric == *metric && m.counter == *counter)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn how_much_was_counted_stands_in_a_field_and_in_the_one_note_of_older_reports() {
        let plain = Measurement::once("b", Metric::Instructions, Counter::Callgrind, 1.0);
        let noted = |note: &str| Measurement {
            note: Some(note.to_owned()),
            ..plain.clone()
        };
        let whole = Measurement {
            extent: Some(Extent::Whole),
            ..plain.clone()
        };
        let mut old = noted(WHOLE_PROCESS);
        old.doubt("beside others");
        for (m, is_whole) in [
            (whole.clone(), true),
            (noted(WHOLE_PROCESS), true),
            (old, true),
            (noted(WHOLE_PROCESS_ONCE), true),
            (noted("beware: the whole process is counted twice"), false),
            (plain.clone(), false),
        ] {
            assert_eq!(m.is_whole_process(), is_whole, "{m:?}");
        }
        let text = serde_json::to_string(&whole).unwrap();
        assert!(text.contains(r#""extent":"whole""#), "{text}");
        assert_eq!(serde_json::from_str::<Measurement>(&text).unwrap(), whole);
        assert!(!serde_json::to_string(&plain).unwrap().contains("extent"));
    }
}
