//! What a build or a run said, as it said it: line by line.

use collector::model::Failure;
use maud::{Markup, html};

use crate::text;

/// Lines of output that are shown.
const LINES: usize = 60;
/// Characters of a line.
const WIDTH: usize = 300;

/// A failure that unfolds to what was said.
pub(super) fn failure(f: &Failure) -> Markup {
    let what = f.benchmark.as_deref().unwrap_or("the commit");
    html! {
        details {
            summary { b { (text::name(what)) } " " span .muted { (f.stage) } }
            pre { (lines(&f.message)) }
        }
    }
}

/// Output, line by line cleaned.
pub(super) fn lines(message: &str) -> String {
    message
        .lines()
        .take(LINES)
        .map(|l| text::cut_or_empty(l, WIDTH))
        .collect::<Vec<_>>()
        .join("\n")
}
