//! What a server says of itself to whoever holds one of its tokens, as JSON.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/about`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `uptick.about/1`.
    pub schema: String,
    /// The uptick that serves.
    pub version: String,
    /// The schema of the leases that it gives: a collector of another one cannot work for it.
    pub lease: String,
    /// Its clock, in milliseconds since 1970-01-01 UTC.
    pub now: i64,
    /// Why nothing that is sent would be kept, if so.
    pub unready: Option<String>,
    /// The token that was shown.
    pub token: Shown,
    /// What waits, by label.
    pub waits: Vec<Waits>,
}

impl About {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.about/1";
}

/// A token, as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What it is for.
    pub name: String,
    /// `read`, `write`, `collect` or `admin`.
    pub scope: String,
    /// When it ends, in seconds since 1970-01-01 UTC; `None`: never.
    pub expires: Option<i64>,
    /// The labels that it may take jobs of; none: any.
    pub labels: Vec<String>,
}

/// What waits for collectors of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The label.
    pub label: String,
    /// How many jobs wait.
    pub waiting: u64,
    /// They are pull requests, which only some collectors take.
    pub pulls: bool,
}
