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
    (5, "lexis::lex::Lexer::peek", "src/lex.rs", 17),
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

const SPLIT: &str = "lexis::lex::Lexer::next";
const PEEK: &str = "lexis::lex::Lexer::peek";

/// Under which function, function and file of what came later, and whose gain it shares.
const ADDED: &[(&str, &str, &str, &str)] = &[
    (
        "lexis::emit::escape::string",
        "lexis::emit::escape::table",
        "src/emit/escape.rs",
        "lexis::emit::escape::table",
    ),
    (SPLIT, "lexis::span::Span::merge", "src/span.rs", SPLIT),
];

/// What functions gained (`shares`) of the level before all of it.
fn gain(function: &str, shares: &[(&str, f64)]) -> f64 {
    shares
        .iter()
        .filter(|(f, _)| *f == function)
        .map(|(_, s)| s)
        .sum()
}

/// The tree of a benchmark.
pub(super) fn profile(name: &str, total: u64, shares: &[(&str, f64)]) -> Profile {
    let grown: f64 = 1.0 + shares.iter().map(|(_, s)| s).sum::<f64>();
    let before = total as f64 / grown;
    let tilt = name.bytes().map(u64::from).sum::<u64>() % 7;
    // Benchmarks of one suite look alike, not equal.
    let weight = |i: usize| TREE[i].3 + (i as u64 * tilt) % 13;
    let sum: u64 = (0..TREE.len()).map(weight).sum();
    let share = |i: usize| weight(i) as f64 / sum as f64;
    // Once `next` was split, `peek` is inlined away and spans are merged.
    let is_split = gain(SPLIT, shares) > 0.0;
    let (mut p, mut path) = (Profile::default(), Vec::new());
    for (i, (depth, function, file, _)) in TREE.iter().enumerate() {
        path.truncate(*depth);
        let cost = match *function {
            PEEK if is_split => continue,
            SPLIT if is_split => share(i) + share(i + 1) + 0.6 * gain(SPLIT, shares),
            f => share(i) + gain(f, shares),
        };
        let line = 10 + i as u32 * 7;
        push(
            &mut p,
            &mut path,
            function,
            file,
            (before * cost).max(0.0) as u64,
            line,
        );
        for (_, extra, file, cause) in ADDED.iter().filter(|a| a.0 == *function) {
            let part = if extra == cause { 1.0 } else { 0.4 };
            let cost = before * part * gain(cause, shares);
            if cost > 0.0 {
                push(&mut p, &mut path, extra, file, cost as u64, line + 2);
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
