//! Which parts of a diff the change in cost most likely comes from.

use crate::model::Hunk;

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
    let moved: Vec<bool> = (0..ranked.len()).map(|i| is_moved(&ranked, i)).collect();
    let mut keep = moved.into_iter();
    ranked.retain(|_| !keep.next().unwrap_or(false));
    ranked.sort_by_key(|r| (std::cmp::Reverse(r.score()), r.index));
    ranked
}

/// Lines that cost as much elsewhere before were moved, which is no change of cost: some other
/// hunk of the diff lost what this one gained, to within this share.
const MOVED: f64 = 0.02;

fn is_moved(ranked: &[Ranked], at: usize) -> bool {
    let own = ranked[at].on_lines as f64;
    let undone = |r: &Ranked| own != 0.0 && (r.on_lines as f64 + own).abs() <= MOVED * own.abs();
    ranked.iter().enumerate().any(|(i, r)| i != at && undone(r))
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
