//! Facts and verdicts: from a git commit to a judged, explained report.
pub mod baseline;
pub mod changes;
pub mod check;
pub mod config;
pub mod detect;
pub mod error;
pub mod explain;
pub mod git;
pub mod judge;
pub mod measure;
pub mod model;
pub mod profile;
pub mod report;
pub mod stats;
pub mod store;
pub mod suite;
pub mod workshop;
