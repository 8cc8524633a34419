//! Facts and verdicts: from a git commit to a judged, explained report.
pub mod config;
pub mod error;
pub mod git;
pub mod model;
