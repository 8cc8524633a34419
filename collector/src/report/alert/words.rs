//! The words of a message, the same for every sink.

use crate::format::{from_to, name, plural, sentence};
use crate::report::alert::{Happened, Message, Moved, Suspect};

/// Characters of a benchmark's name.
const NAME: usize = 80;
/// Characters of a commit's subject.
const SUBJECT: usize = 90;
/// Characters of an author's or a project's name.
const WHO: usize = 40;
/// Characters of two values with their unit.
const LEVELS: usize = 80;
/// Characters of which channels are disabled.
const NOTE: usize = 300;
/// Changes that are listed below the head, where a sink has room for them.
const DETAILS: usize = 8;
/// Authors that are named.
const AUTHORS: usize = 3;
/// Digits of a commit, as people write it.
const SHORT: usize = 9;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Our words and numbers.
    Ours(String),
    /// A name out of the code: a benchmark, a commit.
    Name(String),
    /// What other people wrote: a subject, an author.
    Theirs(String),
}

/// A message in words. Names are clean of control and direction characters and of a bounded
/// length; what they mean to a sink is for its dress to take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What happened, in one line.
    pub title: Vec<Piece>,
    /// Which commit, and whose.
    pub lines: Vec<Vec<Piece>>,
    /// Where to read on.
    pub link: String,
    /// What moved, one a line; may be cut.
    pub details: Vec<Vec<Piece>>,
    /// How many changes there are, listed or not.
    pub total: usize,
}

/// A message in words.
#[must_use]
pub fn said(m: &Message) -> Said {
    let details = match m.happened {
        Happened::Moved | Happened::Narrowed | Happened::Missed => {
            m.moved.iter().take(DETAILS).map(detail).collect()
        }
        Happened::Recovered | Happened::Disabled | Happened::Test => Vec::new(),
    };
    Said {
        title: title(m),
        lines: lines(m),
        link: m.link.clone(),
        total: if details.is_empty() { 0 } else { m.total },
        details,
    }
}

fn ours(text: impl Into<String>) -> Piece {
    Piece::Ours(text.into())
}

fn title(m: &Message) -> Vec<Piece> {
    let mut out = vec![Piece::Theirs(sentence(&m.project, WHO)), ours(": ")];
    if m.happened == Happened::Disabled {
        out.push(ours("a channel of its alerts is disabled"));
        return out;
    }
    if m.happened == Happened::Missed {
        let missed = plural(m.total, "open change");
        out.push(ours(format!("{missed} while this channel was disabled")));
        return out;
    }
    let Some(worst) = m.moved.first() else {
        out.push(ours("a test message of uptick"));
        return out;
    };
    out.push(Piece::Name(name(&worst.benchmark, NAME)));
    let others = match m.total {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    out.push(ours(match m.happened {
        Happened::Recovered => format!("{others} went back by itself"),
        _ if worst.regressed => format!(" regressed, {}{others}", worst.size),
        _ => format!(" improved, {}{others}", worst.size),
    }));
    if m.happened == Happened::Narrowed {
        out.push(ours(": narrowed to one commit"));
    }
    out
}

fn lines(m: &Message) -> Vec<Vec<Piece>> {
    if m.happened == Happened::Test {
        return vec![vec![ours("Alerts of this project will come here.")]];
    }
    if m.happened == Happened::Disabled {
        return vec![
            vec![
                ours("It hears of nothing: "),
                Piece::Theirs(sentence(&m.note, NOTE)),
            ],
            vec![ours("A test message that is taken puts it into use again.")],
        ];
    }
    let mut out = Vec::new();
    if m.happened == Happened::Missed {
        out.push(vec![ours("The oldest of them:")]);
    }
    if let Some(newest) = m.suspects.first() {
        out.push(commit(newest, m.commits));
        out.push(authors(&m.suspects));
    }
    if m.everything {
        out.push(vec![ours(
            "Every series of a testbed moved: did the machine change?",
        )]);
    }
    out
}

fn commit(newest: &Suspect, commits: u64) -> Vec<Piece> {
    let short: String = newest.sha.chars().take(SHORT).collect();
    let mut out = Vec::new();
    if commits > 1 {
        out.push(ours(format!(
            "one of {}, the newest ",
            plural(commits, "commit")
        )));
    }
    out.push(Piece::Name(name(&short, SHORT)));
    out.push(ours(" "));
    out.push(Piece::Theirs(sentence(&newest.subject, SUBJECT)));
    out
}

fn authors(suspects: &[Suspect]) -> Vec<Piece> {
    let mut all: Vec<&str> = Vec::new();
    for s in suspects {
        if !all.contains(&s.author.as_str()) {
            all.push(&s.author);
        }
    }
    let mut out = vec![ours("by ")];
    for (i, author) in all.iter().take(AUTHORS).enumerate() {
        if i > 0 {
            out.push(ours(", "));
        }
        out.push(Piece::Theirs(sentence(author, WHO)));
    }
    if all.len() > AUTHORS {
        out.push(ours(" and others"));
    }
    out
}

fn detail(c: &Moved) -> Vec<Piece> {
    let levels = from_to(&c.before, &c.after);
    // A unit that is the metric's name says it already.
    let what = match c.after.ends_with(&c.metric) {
        true => c.counter.clone(),
        false => format!("{}, {}", c.metric, c.counter),
    };
    vec![
        Piece::Name(name(&c.benchmark, NAME)),
        ours(format!(" {}: ", c.size)),
        // Units and metrics may be those of another tool.
        Piece::Theirs(sentence(&levels, LEVELS)),
        ours(" ("),
        Piece::Theirs(sentence(&what, WHO)),
        ours(")"),
    ]
}
