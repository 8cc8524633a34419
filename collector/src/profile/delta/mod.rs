//! Why two profiles of one benchmark differ: which functions, which lines, called from where.
//!
//! Functions are matched by normalised name (and file, for names without a path), never by line, hash or address.

mod explanation;
mod moves;

pub use explanation::{Explanation, Kind};
mod hunks;
mod lines;
mod table;

pub use hunks::{Ranked, likely_hunks};
pub use lines::{LineDelta, Region};

use crate::model::Hunk;

use super::Profile;
use crate::model::FunctionDelta;
use table::{Row, Table};

/// At most this many functions are listed; beyond the first dozens they say nothing.
const MAX_FUNCTIONS: usize = 50;
/// At most this many lines are listed.
const MAX_LINES: usize = 50;

/// Explains the difference of two profiles.
///
/// `limit` is the relative change that counts (0.01 = 1 %). `hunks` is the diff between the two commits, empty if
/// unknown: with it, lines are compared with themselves though lines were inserted above them.
#[must_use]
pub fn explain(base: &Profile, head: &Profile, limit: f64, hunks: &[Hunk]) -> Explanation {
    let table = Table::new(base, head);
    let mut changed: Vec<&Row> = table.rows.iter().filter(|r| r.delta() != 0).collect();
    changed.sort_by(|a, b| {
        (b.delta().unsigned_abs(), &a.name, &a.file).cmp(&(
            a.delta().unsigned_abs(),
            &b.name,
            &b.file,
        ))
    });
    let (lines, regions) = lines::compare(base, head, hunks);
    let listed = &changed[..changed.len().min(MAX_FUNCTIONS)];
    let functions = listed.iter().map(|row| function(row, &lines)).collect();
    Explanation {
        kind: kind(base.total, head.total, &changed, limit),
        total: (base.total, head.total),
        functions,
        explained: explained(base.total, head.total, listed, &changed),
        lines: lines.into_iter().take(MAX_LINES).collect(),
        regions,
    }
}

fn function(row: &Row, lines: &[LineDelta]) -> FunctionDelta {
    let own = |l: &&LineDelta| l.function == row.name && l.file == row.file;
    let line = lines.iter().find(own).map_or(row.line, LineDelta::shown);
    FunctionDelta {
        name: row.name.clone(),
        file: Some(row.file.clone()).filter(|f| !f.is_empty()),
        line: Some(line).filter(|l| *l > 0),
        base: row.base.cost,
        head: row.head.cost,
        delta: row.delta(),
        base_inclusive: row.base.inclusive,
        head_inclusive: row.head.inclusive,
        calls: row.calls(),
        caller: row.caller.clone(),
    }
}

fn kind(base: u64, head: u64, changed: &[&Row], limit: f64) -> Kind {
    if changed.is_empty() {
        return Kind::Same;
    }
    if changed.iter().all(|row| is_layout(row)) {
        return Kind::Layout;
    }
    let allowed = limit * base as f64;
    if base.abs_diff(head) as f64 > allowed {
        return Kind::Moved;
    }
    let moved = |row: &&Row| row.delta().unsigned_abs() as f64 > allowed;
    if changed.iter().any(moved) {
        Kind::Shifted
    } else {
        Kind::Same
    }
}

fn explained(base: u64, head: u64, listed: &[&Row], all: &[&Row]) -> f64 {
    let sum = |rows: &[&Row]| rows.iter().map(|r| i128::from(r.delta())).sum::<i128>();
    let moved = |rows: &[&Row]| {
        rows.iter()
            .map(|r| i128::from(r.delta()).abs())
            .sum::<i128>()
    };
    let change = i128::from(head) - i128::from(base);
    let (rest, whole) = match (change, all.len()) {
        (0, 0) => (0, 1),
        (0, _) => (moved(all) - moved(listed), moved(all)),
        _ => ((change - sum(listed)).abs(), change.abs()),
    };
    (1.0 - rest as f64 / whole as f64).max(0.0)
}

/// libc's memory and string functions and the inner parts of its allocator, whose cost depends on where code and
/// data lie: `__memcmp_avx2_movbe` branches on page crossings, `free` on its neighbours.
const LAYOUT: &[&str] = &[
    "memchr",
    "memcmp",
    "memcpy",
    "memmove",
    "mempcpy",
    "memrchr",
    "memset",
    "bcmp",
    "rawmemchr",
    "strchr",
    "strchrnul",
    "strcmp",
    "strcpy",
    "strlen",
    "strncmp",
    "strncpy",
    "strnlen",
    "strrchr",
    "stpcpy",
    "memcmpeq",
    "aligned_alloc",
    "calloc",
    "cfree",
    "free",
    "malloc",
    "malloc_consolidate",
    "malloc_printerr",
    "memalign",
    "posix_memalign",
    "realloc",
    "sysmalloc",
    "systrim",
    "alloc_perturb",
    "checked_request2size",
    "int_free",
    "int_malloc",
    "int_memalign",
    "int_realloc",
    "mremap_chunk",
    "munmap_chunk",
    "tcache_get",
    "tcache_init",
    "tcache_put",
    "unlink_chunk",
    "mid_memalign",
    "morecore",
    "default_morecore",
    "sbrk",
    "brk",
];

/// What glibc appends for the variant that the CPU gets: `_avx2_movbe`, `_sse2_unaligned_erms`, `_isra_0`, …
const VARIANTS: &[&str] = &[
    "_avx", "_evex", "_sse", "_erms", "_ssse3", "_generic", "_neon", "_sve", "_mops",
];

fn is_layout(row: &Row) -> bool {
    is_layout_function(&row.name) && row.calls().is_some_and(|(base, head)| base == head)
}

/// Whether the name is one of libc's memory, string or allocator functions, in any variant.
#[must_use]
pub fn is_layout_function(name: &str) -> bool {
    if name.contains("::") {
        return false;
    }
    let name = name.split('.').next().unwrap_or(name); // `_int_free.isra.0`
    let name = name
        .trim_start_matches('_')
        .trim_start_matches("libc_")
        .trim_start_matches("GI___");
    let plain = VARIANTS
        .iter()
        .filter_map(|v| name.find(v))
        .min()
        .map_or(name, |n| &name[..n]);
    LAYOUT.contains(&plain)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
