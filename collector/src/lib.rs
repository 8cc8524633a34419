//! Facts and verdicts: from a git commit to a judged, explained report.
pub mod config;
pub mod detect;
pub mod error;
pub mod git;
pub mod measure;
pub mod model;
pub mod profile;
pub mod stats;
pub mod store;
pub mod suite;
