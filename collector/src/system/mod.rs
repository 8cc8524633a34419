//! What operating systems do each in their own way: bits of a file, links, locks, limits.
//!
//! One file a system, with the same functions in each. Windows has fewer of these things: there
//! uptick reads, compares and serves what was measured elsewhere.

#[cfg_attr(windows, path = "windows.rs")]
mod unix;

pub use unix::{
    Identity, bytes_of, descriptors, free_bytes, identity, is_full, is_ours_alone, is_program,
    lock_place, lower_priority, make_private, may_execute, may_write, mode, name_of, network,
    posix_lock, read_start, set_mode, set_mode_of, size_limit, stay_off_links, symlink,
    sync_directory,
};
