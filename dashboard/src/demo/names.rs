//! Who and what the invented history is about.

use collector::model::NoiseClass;
use collector::model::NoiseClass::{Exact, Layout, Threaded};

/// Name, instructions at the beginning, class, relative noise, growth per commit.
pub(super) const BENCHMARKS: &[(&str, f64, NoiseClass, f64, f64)] = &[
    ("parse/small", 1.82e5, Exact, 0.0, 0.0),
    ("parse/large", 1.204e9, Exact, 0.0, 0.0),
    ("parse/minified", 8.71e7, Exact, 0.0, 0.0),
    ("parse/deeply_nested", 4.42e7, Exact, 0.0, 0.0),
    ("parse/comments", 2.35e7, Exact, 0.0, 0.0),
    ("parse/errors", 9.61e6, Exact, 0.0, 0.0),
    ("lex/ascii", 6.14e7, Exact, 0.0, 0.0),
    ("lex/unicode", 3.11e8, Exact, 0.0, 0.0),
    ("lex/strings", 2.02e7, Exact, 0.0, 0.0),
    ("lex/numbers", 1.77e7, Exact, 0.0, 0.0),
    ("emit/json", 2.21e8, Exact, 0.0, 0.0),
    ("emit/pretty", 3.03e8, Exact, 0.0, 0.0),
    ("emit/cbor", 7.45e7, Exact, 0.0, 0.0),
    ("index/build", 5.21e8, Layout, 0.0004, 0.0),
    ("index/merge", 2.64e8, Layout, 0.0004, 0.0),
    ("index/lookup", 1.12e6, Exact, 0.0, 0.0),
    ("index/prefix", 3.87e6, Exact, 0.0, 0.0),
    ("query/any", 4.41e6, Exact, 0.0, 0.0),
    ("query/all", 8.92e6, Exact, 0.0, 0.0),
    ("query/phrase", 2.38e7, Exact, 0.0, 0.0),
    ("query/regex", 6.66e7, Exact, 0.0, 0.0),
    ("query/fuzzy/1", 4.05e7, Exact, 0.0, 0.0),
    ("query/fuzzy/2", 1.93e8, Exact, 0.0, 0.0),
    ("io/replay", 7.72e8, Threaded, 0.003, 0.00025),
    ("io/watch", 1.35e7, Threaded, 0.045, 0.0),
    ("io/mmap", 2.20e6, Exact, 0.0, 0.0),
    ("pool/spawn", 5.51e6, Threaded, 0.012, 0.0),
    ("pool/steal", 1.98e7, Threaded, 0.021, 0.0),
    ("pool/join", 3.42e6, Threaded, 0.009, 0.0),
    ("net/tls_handshake", 3.28e7, Exact, 0.0, 0.0),
    ("legacy/xml", 1.09e8, Exact, 0.0, 0.0),
    ("startup/cold", 1.41e7, Layout, 0.0006, 0.0),
    ("startup/help", 2.31e6, Exact, 0.0, 0.0),
];

/// Names that would do harm to a page, a picture, a spreadsheet or a terminal that trusted them.
pub(super) const HOSTILE: &[&str] = &[
    "hostile/<script>alert(1)</script>",
    "hostile/\"quotes\" 'and' &amp;",
    "hostile/]]><svg onload=alert(1)>",
    "hostile/\u{1b}[31mred\u{1b}[0m",
    "hostile/\u{202e}gnp.exe",
    "=cmd|' /C calc'!A0",
    "hostile/é\u{301}\u{1f600}",
];

pub(super) const AUTHORS: &[&str] = &[
    "Ada Lindqvist",
    "Jonas Okafor",
    "Mei Tanaka",
    "Rosa Delgado",
    "Tomasz Wolski",
    "O'Brien <b>Bob</b>",
];

pub(super) const TRIAGERS: &[&str] = &["kim", "rosa", "ada"];

pub(super) const SUBJECTS: &[&str] = &[
    "Describe the grammar's escape rules",
    "Name the benchmark inputs after their sizes",
    "Move span arithmetic into its own module",
    "Test empty documents",
    "Accept trailing commas behind a flag",
    "Remove an unused feature",
    "Report the byte offset of a bad escape",
    "Update dependencies",
    "Fix a typo in the README",
    "Use `let else` in the parser",
    "Document how positions are counted",
    "Run clippy on benches too",
    "Give errors a stable code",
    "Make `Token` Copy",
    "Split the fuzz target",
    "Say which file could not be read",
    "Keep the order of keys in the pretty printer",
    "Close the watcher on drop",
];
