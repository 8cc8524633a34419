//! What a report says of profiles, and one function whose cost differs between two of them.

use serde::{Deserialize, Serialize};

/// A profile of one benchmark in one report: a content-addressed blob in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRef {
    /// The benchmark.
    pub benchmark: String,
    /// What the blob holds.
    pub kind: ProfileKind,
    /// SHA-256 of the uncompressed blob, in hexadecimal.
    pub blob: String,
}

/// What a stored profile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKind {
    /// Self cost by function, which every exact count gives for nothing.
    Functions,
    /// Whole call stacks.
    Stacks,
}

/// One function whose cost differs between two profiles of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// Normalised name: demangled, without hash, disambiguator and `.llvm.` suffix.
    pub name: String,
    /// Source file, relative to the repository where it lies inside it.
    pub file: Option<String>,
    /// The line where the function begins, or its costliest line.
    pub line: Option<u32>,
    /// Self cost before.
    pub base: u64,
    /// Self cost after.
    pub head: u64,
    /// `head − base`.
    pub delta: i64,
    /// Inclusive cost before.
    pub base_inclusive: u64,
    /// Inclusive cost after.
    pub head_inclusive: u64,
    /// Calls before and after, where they are known.
    pub calls: Option<(u64, u64)>,
    /// For code outside the repository: the nearest caller inside it.
    pub caller: Option<Location>,
}

/// A place in the sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Function name, normalised.
    pub function: String,
    /// File, relative to the repository where it lies inside it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}
