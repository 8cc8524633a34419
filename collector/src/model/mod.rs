//! The nouns: commit, benchmark, metric, counter, testbed, measurement, report, verdict.
//!
//! One word for one thing, in code, schema, pages and messages alike. What a
//! number depends on travels with the number; two numbers are only compared
//! when metric, counter and testbed fingerprint are equal.

mod channel;
mod commit;
mod counter;
mod failure;
mod hash;
mod hunk;
mod legible;
mod metric;
mod noise_class;
mod profile;
mod report;
mod series;
mod tags;
mod testbed;
mod variants;
mod verdict;

pub use channel::{Channel, Secret, Sink};
pub use commit::{Commit, Sha};
pub use counter::Counter;
pub use failure::{Failure, Fault, Phase};
pub use hash::digest;
pub use hunk::Hunk;
pub use legible::is_hostile;
pub use metric::{Better, Metric, shown, stored};
pub use noise_class::{NoiseClass, class_from_name};
pub use profile::{FunctionDelta, Location, ProfileKind, ProfileRef};
pub use report::{Extent, Line, Measurement, Report, WHOLE_PROCESS};
pub use series::SeriesKey;
pub use tags::{Tags, tagged};
pub use testbed::{CC, Fact, Testbed};
pub use variants::Variants;
pub use verdict::Verdict;
