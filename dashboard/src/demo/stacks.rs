//! Invented call trees whose costs sum to a given total, to the instruction.

use collector::measure::FunctionTable;
use collector::profile::{Frame, Node, Profile};

/// Depth, function, file, share of the whole that it executes itself (per mille).
const TREE: &[(usize, &str, &str, u64)] = &[
    (0, "lexis::run", "src/lib.rs", 8),
    (1, "lexis::parse::Parser::document", "src/parse.rs", 31),
    (2, "lexis::parse::Parser::value", "src/parse.rs", 92),
    (3, "lexis::parse::Parser::object", "src/parse.rs", 74),
    (4, "lexis::lex::Lexer::next", "src/lex.rs", 163),
    (5, "lexis::lex::Lexer::string", "src/lex/string.rs", 88),
    (
        6,
        "core::str::converts::from_utf8",
        "library/core/src/str/converts.rs",
        57,
    ),
    (6, "__memcpy_avx_unaligned_erms", "", 21),
    (5, "lexis::lex::Lexer::number", "src/lex/number.rs", 41),
    (
        6,
        "core::num::dec2flt::dec2flt",
        "library/core/src/num/dec2flt/mod.rs",
        34,
    ),
    (4, "lexis::intern::Interner::get", "src/intern.rs", 52),
    (
        5,
        "<std::collections::hash::map::HashMap<K, V, S>>::get",
        "library/std/src/collections/hash/map.rs",
        46,
    ),
    (3, "lexis::parse::Parser::array", "src/parse.rs", 38),
    (
        4,
        "<alloc::vec::Vec<lexis::Value>>::push",
        "library/alloc/src/vec/mod.rs",
        29,
    ),
    (
        5,
        "alloc::raw_vec::finish_grow",
        "library/alloc/src/raw_vec.rs",
        12,
    ),
    (1, "lexis::index::Postings::push", "src/index.rs", 24),
    (2, "malloc", "", 19),
    (1, "lexis::query::any", "src/query.rs", 16),
    (1, "lexis::emit::Writer::write_all", "src/emit.rs", 44),
    (2, "lexis::emit::escape::string", "src/emit/escape.rs", 61),
];

/// Where a function stands that the tree above does not have.
const ADDED: &[(&str, usize, &str)] = &[("lexis::emit::escape::table", 19, "src/emit/escape.rs")];

/// The tree of a benchmark. `shares` is what functions gained or lost as a share of the level
/// before all of it.
pub(super) fn profile(name: &str, total: u64, shares: &[(&str, f64)]) -> Profile {
    let grown: f64 = 1.0 + shares.iter().map(|(_, s)| s).sum::<f64>();
    let before = total as f64 / grown;
    let sum: u64 = TREE.iter().map(|t| t.3).sum();
    let mut p = Profile {
        total,
        ..Profile::default()
    };
    let mut path: Vec<u32> = Vec::new();
    let tilt = name.bytes().map(u64::from).sum::<u64>() % 7;
    for (i, (depth, function, file, share)) in TREE.iter().enumerate() {
        path.truncate(*depth);
        let gained: f64 = shares
            .iter()
            .filter(|(f, _)| f == function)
            .map(|(_, s)| s)
            .sum();
        // Benchmarks of one suite look alike, not equal.
        let tilted = (*share + (i as u64 * tilt) % 13) as f64 / (sum + 60) as f64;
        let cost = (before * (tilted + gained)).max(0.0) as u64;
        push(&mut p, &mut path, function, file, cost, 10 + i as u32 * 7);
        for (extra, under, file) in ADDED.iter().filter(|(_, under, _)| *under == i) {
            let gained: f64 = shares
                .iter()
                .filter(|(f, _)| f == extra)
                .map(|(_, s)| s)
                .sum();
            if gained > 0.0 {
                push(
                    &mut p,
                    &mut path,
                    extra,
                    file,
                    (before * gained) as u64,
                    31 + *under as u32,
                );
                path.pop();
            }
        }
    }
    // What rounding left goes to the first function, so that the sum is exact.
    let spent: u64 = p.nodes.iter().skip(1).map(|n| n.cost).sum();
    if let Some(first) = p.nodes.first_mut() {
        first.cost = total.saturating_sub(spent);
    }
    p.total = p.nodes.iter().map(|n| n.cost).sum();
    p
}

fn push(p: &mut Profile, path: &mut Vec<u32>, function: &str, file: &str, cost: u64, line: u32) {
    let in_repo = file.starts_with("src/");
    let frame = p.frames.len() as u32;
    p.frames.push(Frame {
        name: function.into(),
        file: file.into(),
        line,
        in_repo,
        calls: Some(1000),
    });
    let node = p.nodes.len() as u32;
    p.nodes.push(Node {
        parent: path.last().copied(),
        frame,
        inlined: false,
        site: line,
        cost,
    });
    path.push(node);
}

/// The same by function.
pub(super) fn table(name: &str, total: u64, shares: &[(&str, f64)]) -> FunctionTable {
    let p = profile(name, total, shares);
    let mut out: FunctionTable = p
        .nodes
        .iter()
        .map(|n| (p.frames[n.frame as usize].name.clone(), n.cost))
        .collect();
    out.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
    out
}
