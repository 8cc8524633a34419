//! Cost by source line, before and after.

use std::collections::{BTreeMap, HashMap};

use super::moves::Moves;
use super::table::key;
use crate::model::Hunk;
use crate::profile::Profile;

/// A line of the repository whose cost changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineDelta {
    /// File, relative to the repository.
    pub file: String,
    /// The line in the base's file; `None` where the diff added it.
    pub old: Option<u32>,
    /// The line in the head's file; `None` where the diff removed it.
    pub new: Option<u32>,
    /// The function that the line belongs to.
    pub function: String,
    /// Instructions before.
    pub base: u64,
    /// Instructions after.
    pub head: u64,
}

impl LineDelta {
    /// `head − base`.
    #[must_use]
    pub const fn delta(&self) -> i64 {
        self.head.wrapping_sub(self.base) as i64
    }

    /// The line to show: the head's, where it is still there.
    #[must_use]
    pub fn shown(&self) -> u32 {
        self.new.or(self.old).unwrap_or(0)
    }
}

/// A function of the repository whose lines changed cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// File, relative to the repository.
    pub file: String,
    /// Normalised name.
    pub function: String,
    /// First and last line that was executed before; `None` if none was.
    pub old: Option<(u32, u32)>,
    /// First and last line that was executed after.
    pub new: Option<(u32, u32)>,
    /// Change of the cost of its lines, with what they call outside the repository.
    pub delta: i64,
}

/// Costs of one function's lines, by old and new line number.
#[derive(Default)]
struct Function {
    cells: BTreeMap<(Option<u32>, Option<u32>), (u64, u64)>,
    old: Option<(u32, u32)>,
    new: Option<(u32, u32)>,
}

type Functions<'p> = HashMap<(&'p str, (&'p str, &'p str)), Function>;

/// Lines with changed cost, the largest change first, and the functions that contain them.
pub(super) fn compare(
    base: &Profile,
    head: &Profile,
    hunks: &[Hunk],
) -> (Vec<LineDelta>, Vec<Region>) {
    let moves = Moves::new(hunks);
    let mut functions: Functions<'_> = HashMap::new();
    for line in &base.lines {
        let function = functions.entry((&line.file, key(&base.frames[line.frame as usize])));
        let function = function.or_default();
        let new = moves.new_line(&line.file, line.line);
        function.cells.entry((Some(line.line), new)).or_default().0 += line.cost;
        function.old = widen(function.old, line.line);
    }
    for line in &head.lines {
        let function = functions.entry((&line.file, key(&head.frames[line.frame as usize])));
        let function = function.or_default();
        let old = moves.old_line(&line.file, line.line);
        function.cells.entry((old, Some(line.line))).or_default().1 += line.cost;
        function.new = widen(function.new, line.line);
    }
    let mut lines = Vec::new();
    let mut regions = Vec::new();
    for ((file, (name, _)), function) in functions {
        if function.moved_as_a_whole() {
            continue;
        }
        let before = lines.len();
        lines.extend(function.lines(file, name));
        if lines.len() > before {
            regions.push(function.region(file, name));
        }
    }
    lines.sort_by(|a, b| {
        let weight = |l: &LineDelta| std::cmp::Reverse(l.delta().unsigned_abs());
        (weight(a), &a.file, a.shown(), &a.function).cmp(&(
            weight(b),
            &b.file,
            b.shown(),
            &b.function,
        ))
    });
    regions.sort_by(|a, b| {
        let weight = |r: &Region| std::cmp::Reverse(r.delta.unsigned_abs());
        (weight(a), &a.file, &a.function).cmp(&(weight(b), &b.file, &b.function))
    });
    (lines, regions)
}

fn widen(range: Option<(u32, u32)>, line: u32) -> Option<(u32, u32)> {
    if line == 0 {
        return range;
    }
    Some(range.map_or((line, line), |(first, last)| {
        (first.min(line), last.max(line))
    }))
}

impl Function {
    /// The same costs in the same order on other lines: something was inserted above, and no diff told so.
    fn moved_as_a_whole(&self) -> bool {
        let before = self
            .cells
            .iter()
            .filter(|c| c.1.0 > 0)
            .map(|c| (c.0.0, c.1.0));
        let after = self
            .cells
            .iter()
            .filter(|c| c.1.1 > 0)
            .map(|c| (c.0.1, c.1.1));
        let in_order = |mut cells: Vec<(Option<u32>, u64)>| {
            cells.sort_unstable();
            cells.into_iter().map(|c| c.1).collect::<Vec<_>>()
        };
        in_order(before.collect()) == in_order(after.collect())
    }

    fn lines(&self, file: &str, name: &str) -> impl Iterator<Item = LineDelta> {
        let changed = self.cells.iter().filter(|(_, (base, head))| base != head);
        changed.map(move |(&(old, new), &(base, head))| LineDelta {
            file: file.to_owned(),
            old,
            new,
            function: name.to_owned(),
            base,
            head,
        })
    }

    fn region(&self, file: &str, name: &str) -> Region {
        let delta = self
            .cells
            .values()
            .map(|(base, head)| head.wrapping_sub(*base) as i64)
            .sum();
        Region {
            file: file.to_owned(),
            function: name.to_owned(),
            old: self.old,
            new: self.new,
            delta,
        }
    }
}
