//! Facts and verdicts: from a git commit to a judged, explained report.
pub mod detect;
pub mod model;
pub mod stats;
