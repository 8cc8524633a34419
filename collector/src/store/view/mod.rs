//! What is derived from the log: series, points, commits, changes.

pub(in crate::store) mod apply;
pub(in crate::store) mod changes;
mod commits;
mod compare;
pub(in crate::store) mod decided;
pub(in crate::store) mod events;
pub(in crate::store) mod excluded;
mod find;
mod line;
mod listed;
pub(in crate::store) mod measured;
pub(in crate::store) mod natures;
mod pages;
mod past;
pub(in crate::store) mod pruned;
mod series;

pub use commits::{MeasuredCommit, ReportRow, TestbedRow};
pub use decided::Decision;
pub use events::{Event, EventCounts, Moment, Reported};
pub use excluded::Excluded;
pub use listed::{Care, ChangeFilter, Fate, Fates};
pub use pages::{Generation, SeriesState, Unsearched, Value};
pub use past::Silence;
pub use pruned::PrunedProfile;
pub use series::{Point, SeriesRow};
