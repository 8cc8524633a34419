//! Facts and verdicts: from a git commit to a judged, explained report.
pub mod model;
pub mod profile;
