//! One hunk of a diff.

/// One hunk of a diff, as `@@ -old_start,old_len +new_start,new_len @@` gives it, best with no context lines
/// (`git diff -U0`). A length of 0 means that nothing was removed (or added) *after* that line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hunk {
    /// File in the head, relative to the repository.
    pub file: String,
    /// First line in the base, from 1.
    pub old_start: u32,
    /// Lines in the base.
    pub old_len: u32,
    /// First line in the head, from 1.
    pub new_start: u32,
    /// Lines in the head.
    pub new_len: u32,
}
