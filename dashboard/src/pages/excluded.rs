//! Reports that somebody excluded: which, why, and the way back.

use collector::store::Excluded;
use maud::{Markup, html};

use crate::pages::layout;
use crate::text;

/// Reports that are listed; the document has all.
const LISTED: usize = 50;

/// Nothing where every report counts.
pub(super) fn section(all: &[Excluded]) -> Markup {
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Excluded reports" }
                p .muted { "They stay in the log; no page, chart and alert counts them." }
                ul .plain { @for e in all.iter().take(LISTED) { (line(e)) } }
                @if all.len() > LISTED { p .muted { "and " (all.len() - LISTED) " more" } }
            }
        }
    }
}

fn line(e: &Excluded) -> Markup {
    let short = e.report.get(..12).unwrap_or_default();
    html! {
        li {
            p {
                code { (e.sha.short()) } " · “" (text::cut(&e.reason, 200)) "” · "
                (text::cut(&e.actor, 40)) " · " (text::time(e.time))
            }
            (layout::command(&format!("uptick exclude {} --undo", short)))
        }
    }
}
