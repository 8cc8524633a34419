//! What explains the difference of two profiles.

use crate::model::FunctionDelta;
use crate::profile::delta::lines::LineDelta;
use crate::profile::delta::lines::Region;
use serde::{Deserialize, Serialize};

/// What sort of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The total moved.
    Moved,
    /// The total is the same within the limit, but a function moved by more than it.
    Shifted,
    /// Only libc's memory and string functions moved, called as often as before: code or data lies elsewhere.
    Layout,
    /// Nothing moved by more than the limit.
    Same,
}

/// The difference of two profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What sort of change it is.
    pub kind: Kind,
    /// Instructions before and after.
    pub total: (u64, u64),
    /// Functions whose self cost changed, the largest change first; at most 50.
    pub functions: Vec<FunctionDelta>,
    /// The share of the change that the listed functions account for, from 0 to 1: 1 − |rest| ÷ |change|.
    /// Where the total did not change, the share of all that moved.
    pub explained: f64,
    /// Lines of the repository whose cost changed (with what they call outside it), the largest change first;
    /// at most 50.
    pub lines: Vec<LineDelta>,
    /// Functions of the repository whose lines changed cost, with the lines seen to belong to them.
    pub regions: Vec<Region>,
}
