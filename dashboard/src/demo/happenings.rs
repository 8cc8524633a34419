//! What happened to the invented code, and when.

/// One thing that happened to the code: from a commit on, counted from the newest, some
/// benchmarks cost more or less.
pub(super) struct Happening {
    /// Commits before the newest.
    pub(super) ago: u64,
    /// Beginnings of benchmark names.
    pub(super) touches: &'static [(&'static str, f64)],
    pub(super) subject: &'static str,
    pub(super) author: usize,
    /// The function that it happened in.
    pub(super) function: &'static str,
}

pub(super) const HAPPENINGS: &[Happening] = &[
    Happening {
        ago: 196,
        touches: &[("parse/", 0.953), ("lex/", 0.961)],
        subject: "Intern identifiers instead of cloning them",
        author: 1,
        function: "lexis::intern::Interner::get",
    },
    Happening {
        ago: 131,
        touches: &[("parse/", 1.018), ("lex/unicode", 1.034)],
        subject: "Check UTF-8 before the first token, not after the last",
        author: 3,
        function: "core::str::converts::from_utf8",
    },
    Happening {
        ago: 88,
        touches: &[("lex/unicode", 0.968), ("parse/", 0.985)],
        subject: "Check UTF-8 in blocks of 32 bytes",
        author: 0,
        function: "core::str::converts::from_utf8",
    },
    Happening {
        ago: 61,
        touches: &[("index/", 0.94), ("query/", 0.972)],
        subject: "Keep postings in an arena",
        author: 2,
        function: "lexis::index::Postings::push",
    },
    Happening {
        ago: 47,
        touches: &[("emit/", 1.083)],
        subject: "Emit through a dyn Writer",
        author: 4,
        function: "lexis::emit::Writer::write_all",
    },
    Happening {
        ago: 42,
        touches: &[("emit/", 1.0 / 1.083)],
        subject: "Revert \"Emit through a dyn Writer\"",
        author: 4,
        function: "lexis::emit::Writer::write_all",
    },
    Happening {
        ago: 34,
        touches: &[("query/", 0.958)],
        subject: "Stop at the first match in `Query::any`",
        author: 1,
        function: "lexis::query::any",
    },
    Happening {
        ago: 23,
        touches: &[
            ("parse/large", 1.041),
            ("parse/small", 1.022),
            ("parse/minified", 1.031),
            ("lex/unicode", 1.013),
        ],
        subject: "Split Lexer::next so that errors carry spans",
        author: 3,
        function: "lexis::lex::Lexer::next",
    },
    Happening {
        ago: 9,
        touches: &[("emit/json", 1.092), ("emit/pretty", 1.064)],
        subject: "Escape strings through a table built per call",
        author: 2,
        function: "lexis::emit::escape::table",
    },
];

/// Where the compiler was updated, the kernel, and where a benchmark begins or ends.
pub(super) const NEW_RUSTC: u64 = 150;
pub(super) const NEW_KERNEL: u64 = 72;
pub(super) const FAILS_SINCE: u64 = 5;
pub(super) const CBOR_SINCE: u64 = 52;
pub(super) const XML_UNTIL: u64 = 100;
/// Reports that keep profiles.
pub(super) const PROFILED: u64 = 60;
/// Commits a day.
pub(super) const PACE: i64 = 16;
