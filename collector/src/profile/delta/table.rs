//! The function table of two profiles side by side.

use std::collections::HashMap;

use crate::model::Location;
use crate::profile::{Frame, Profile, Walk, names};

/// One side of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) cost: u64,
    pub(super) inclusive: u64,
    pub(super) calls: Option<u64>,
    pub(super) present: bool,
}

/// One function in both profiles.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) in_repo: bool,
    pub(super) base: Side,
    pub(super) head: Side,
    pub(super) caller: Option<Location>,
}

impl Row {
    /// Change of self cost.
    pub(super) fn delta(&self) -> i64 {
        self.head.cost.wrapping_sub(self.base.cost) as i64
    }

    /// Calls before and after: a side that lacks the function calls it 0 times, inlined code has no calls.
    pub(super) fn calls(&self) -> Option<(u64, u64)> {
        let calls = |side: Side| if side.present { side.calls } else { Some(0) };
        Some((calls(self.base)?, calls(self.head)?))
    }
}

/// What identifies a function across builds.
pub(super) type Key<'p> = (&'p str, &'p str);

/// A path of modules names one function wherever its file is; `get` may be one per file.
pub(super) fn key(frame: &Frame) -> Key<'_> {
    let file = if names::is_path(&frame.name) {
        ""
    } else {
        frame.file.as_str()
    };
    (&frame.name, file)
}

/// All functions of both profiles.
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

impl Table {
    pub(super) fn new(base: &Profile, head: &Profile) -> Self {
        let mut rows: HashMap<Key<'_>, Row> = HashMap::new();
        fill(&mut rows, base, |row| &mut row.base);
        fill(&mut rows, head, |row| &mut row.head);
        for (key, caller) in callers(base, head) {
            if let Some(row) = rows.get_mut(&key).filter(|r| !r.in_repo) {
                row.caller = Some(caller);
            }
        }
        Self {
            rows: rows.into_values().collect(),
        }
    }
}

fn fill<'p>(
    rows: &mut HashMap<Key<'p>, Row>,
    profile: &'p Profile,
    side: impl Fn(&mut Row) -> &mut Side,
) {
    let owners = profile.owners();
    let mut own = vec![None; profile.frames.len()];
    for (node, &owner) in profile.nodes.iter().zip(&owners) {
        let cost = own[profile.nodes[owner as usize].frame as usize].get_or_insert(0);
        *cost += node.cost;
    }
    for (frame, cost) in profile.frames.iter().zip(own) {
        let Some(cost) = cost else { continue }; // only ever inlined into others
        let row = rows.entry(key(frame)).or_default();
        // The head is filled last, so that its file and line are shown.
        row.name.clone_from(&frame.name);
        row.file.clone_from(&frame.file);
        row.line = frame.line;
        row.in_repo |= frame.in_repo;
        let side = side(row);
        side.present = true;
        side.cost += cost;
        side.calls = match (side.calls, frame.calls) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
    for (key, inclusive) in inclusive_by_key(profile, &owners) {
        if let Some(row) = rows.get_mut(&key) {
            side(row).inclusive = inclusive;
        }
    }
}

/// Inclusive cost by key: a function that calls itself, directly or not, counts once.
fn inclusive_by_key<'p>(profile: &'p Profile, owners: &[u32]) -> HashMap<Key<'p>, u64> {
    let inclusive = profile.inclusive();
    let mut sums: HashMap<Key<'p>, u64> = HashMap::new();
    let mut slots: HashMap<Key<'p>, u32> = HashMap::new();
    let slot_of: Vec<u32> = profile
        .frames
        .iter()
        .map(|f| {
            let next = slots.len() as u32;
            *slots.entry(key(f)).or_insert(next)
        })
        .collect();
    let mut walk = Walk::default();
    for (i, node) in profile.nodes.iter().enumerate() {
        walk.enter(profile, i);
        if owners[i] as usize != i {
            continue;
        }
        let slot = slot_of[node.frame as usize];
        let mut above = walk.path[..walk.path.len() - 1].iter();
        let owns = |&n: &usize| {
            owners[n] as usize == n && slot_of[profile.nodes[n].frame as usize] == slot
        };
        if !above.any(owns) {
            *sums
                .entry(key(&profile.frames[node.frame as usize]))
                .or_default() += inclusive[i];
        }
    }
    sums
}

/// For each function outside the repository the function inside it that calls it (nearest in the stack) and
/// through which most of its change came; the greater cost decides where nothing changed.
fn callers<'p>(base: &'p Profile, head: &'p Profile) -> HashMap<Key<'p>, Location> {
    let mut sides: HashMap<(Key<'p>, Key<'p>), Through> = HashMap::new();
    collect(&mut sides, base, |t| &mut t.base);
    collect(&mut sides, head, |t| &mut t.head);
    let mut best: HashMap<Key<'p>, (u64, u64, std::cmp::Reverse<Key<'p>>, Location)> =
        HashMap::new();
    for ((function, caller), through) in sides {
        let weight = through.head.abs_diff(through.base);
        let place = Location {
            function: caller.0.to_owned(),
            file: through.file,
            line: through.line,
        };
        let rank = (
            weight,
            through.head.max(through.base),
            std::cmp::Reverse(caller),
        );
        let entry = best.entry(function);
        let entry = entry.or_insert_with(|| (0, 0, rank.2, place.clone()));
        if rank >= (entry.0, entry.1, entry.2) {
            *entry = (rank.0, rank.1, rank.2, place);
        }
    }
    best.into_iter()
        .map(|(function, (.., place))| (function, place))
        .collect()
}

#[derive(Default)]
struct Through {
    base: u64,
    head: u64,
    file: String,
    line: u32,
    heaviest: u64,
}

fn collect<'p>(
    sides: &mut HashMap<(Key<'p>, Key<'p>), Through>,
    profile: &'p Profile,
    side: impl Fn(&mut Through) -> &mut u64,
) {
    // For each node: the nearest node inside the repository, and the line there that leads on.
    let owners = profile.owners();
    let mut nearest: Vec<Option<(u32, u32)>> = Vec::with_capacity(profile.nodes.len());
    for (node, &owner) in profile.nodes.iter().zip(&owners) {
        let found = node.parent.and_then(|p| {
            let parent = &profile.nodes[p as usize];
            let inside = profile.frames[parent.frame as usize].in_repo;
            if inside {
                Some((parent.frame, node.site))
            } else {
                nearest[p as usize]
            }
        });
        nearest.push(found);
        let frame = &profile.frames[profile.nodes[owner as usize].frame as usize];
        let Some((caller, line)) = found.filter(|_| node.cost > 0 && !frame.in_repo) else {
            continue;
        };
        let caller = &profile.frames[caller as usize];
        let through = sides.entry((key(frame), key(caller))).or_default();
        *side(through) += node.cost;
        if through.file.is_empty() || node.cost > through.heaviest {
            through.heaviest = node.cost;
            through.file.clone_from(&caller.file);
            through.line = if line > 0 { line } else { caller.line };
        }
    }
}
