//! What tells the files of this process's runs from those of another's.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// What a file of this process's runs is called: not as a process that was killed called its own,
/// whose slots had the same paths, and of whose children one may go on and write there.
pub(super) fn own_name(name: &str) -> String {
    static TAG: OnceLock<u32> = OnceLock::new();
    let tag = TAG.get_or_init(|| RandomState::new().hash_one(std::process::id()) as u32);
    format!("{name}-{tag:08x}")
}
