//! What is derived from the log: series, points, commits, events.

mod apply;
mod commits;
pub(super) mod events;
mod line;
mod pages;
pub(super) mod series;

pub use commits::{MeasuredCommit, ReportRow, TestbedRow};
pub use events::{Event, EventCounts, Told};
pub use pages::{Generation, SeriesFilter, SeriesOrder, SeriesState, Unsearched, Value};
pub use series::{Point, SeriesRow};
