//! Where a line of the base stands in the head.

use crate::model::Hunk;
use std::collections::HashMap;

/// How the diff moved the lines that it did not touch.
pub(super) struct Moves<'h> {
    by_file: HashMap<&'h str, Vec<&'h Hunk>>,
}

impl<'h> Moves<'h> {
    pub(super) fn new(hunks: &'h [Hunk]) -> Self {
        let mut by_file: HashMap<&str, Vec<&Hunk>> = HashMap::new();
        for hunk in hunks {
            by_file.entry(&hunk.file).or_default().push(hunk);
        }
        by_file
            .values_mut()
            .for_each(|h| h.sort_by_key(|h| (h.new_start, h.old_start)));
        Self { by_file }
    }

    /// Where a line of the base is in the head; `None` if the diff removed it.
    pub(super) fn new_line(&self, file: &str, old: u32) -> Option<u32> {
        self.follow(file, old, |h| (h.old_start, h.old_len, h.new_len))
    }

    /// Where a line of the head was in the base; `None` if the diff added it.
    pub(super) fn old_line(&self, file: &str, new: u32) -> Option<u32> {
        self.follow(file, new, |h| (h.new_start, h.new_len, h.old_len))
    }

    fn follow(
        &self,
        file: &str,
        line: u32,
        side: impl Fn(&Hunk) -> (u32, u32, u32),
    ) -> Option<u32> {
        let mut shift = 0i64;
        for hunk in self.by_file.get(file).map_or(&[][..], Vec::as_slice) {
            let (start, here, there) = side(hunk);
            // With a length of 0 git names the line before.
            let first = if here == 0 {
                u64::from(start) + 1
            } else {
                u64::from(start)
            };
            if u64::from(line) < first {
                break;
            }
            if u64::from(line) < first + u64::from(here) {
                return None;
            }
            shift += i64::from(there) - i64::from(here);
        }
        u32::try_from(i64::from(line) + shift).ok()
    }
}
