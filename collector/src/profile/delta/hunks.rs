//! Which parts of a diff the change in cost most likely comes from.

use crate::model::Hunk;
use std::collections::HashMap;

use super::Explanation;

impl Hunk {
    fn touches(&self, old: Option<u32>, new: Option<u32>) -> bool {
        let within = |start: u32, len: u32, line: u32| line >= start && line - start < len;
        old.is_some_and(|l| within(self.old_start, self.old_len, l))
            || new.is_some_and(|l| within(self.new_start, self.new_len, l))
    }

    fn overlaps(&self, old: Option<(u32, u32)>, new: Option<(u32, u32)>) -> bool {
        let meets = |start: u32, len: u32, (first, last): (u32, u32)| {
            start <= last && u64::from(start) + u64::from(len.max(1)) > u64::from(first)
        };
        old.is_some_and(|r| meets(self.old_start, self.old_len, r))
            || new.is_some_and(|r| meets(self.new_start, self.new_len, r))
    }
}

/// A hunk and what speaks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Index into the given hunks.
    pub index: usize,
    /// The hunk.
    pub hunk: Hunk,
    /// Change in cost of the very lines that it touches.
    pub on_lines: i64,
    /// Change in cost of the functions that contain it.
    pub in_functions: i64,
    /// The function with the largest change that contains it.
    pub function: Option<String>,
}

impl Ranked {
    /// Lines that were touched and changed cost say more than the function around them: they count double.
    fn score(&self) -> u128 {
        2 * u128::from(self.on_lines.unsigned_abs()) + u128::from(self.in_functions.unsigned_abs())
    }
}

/// The hunks that touch lines, or functions, whose cost changed; the likeliest first. Hunks that touch none are
/// left out.
#[must_use]
pub fn likely_hunks(explanation: &Explanation, hunks: &[Hunk]) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = hunks
        .iter()
        .enumerate()
        .map(|(index, hunk)| rank(explanation, index, hunk))
        .collect();
    ranked.retain(|r| r.score() > 0);
    ranked.sort_by_key(|r| (std::cmp::Reverse(r.score()), r.index));
    ranked
}

fn rank(explanation: &Explanation, index: usize, hunk: &Hunk) -> Ranked {
    let lines = explanation.lines.iter().filter(|l| l.file == hunk.file);
    let on_lines = lines
        .filter(|l| hunk.touches(l.old, l.new))
        .map(super::LineDelta::delta)
        .sum();
    let regions = explanation.regions.iter();
    let around = || {
        regions
            .clone()
            .filter(|r| r.file == hunk.file && hunk.overlaps(r.old, r.new))
    };
    Ranked {
        index,
        hunk: hunk.clone(),
        on_lines,
        in_functions: around().map(|r| r.delta).sum(),
        function: around().next().map(|r| r.function.clone()),
    }
}

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
