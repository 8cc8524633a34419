//! What gave no number in the head, and since when.

use collector::model::Failure;
use collector::store::{Silence, Store};
use maud::{Markup, html};
use serde::Serialize;

use crate::error::Fail;
use crate::pages::compare::load::Comparison;
use crate::pages::output;
use crate::text::{self, plural};

/// Failures that are listed.
const LISTED: usize = 20;

/// Something that gave no number in the head.
#[derive(Serialize)]
pub(in crate::pages) struct Failing {
    #[serde(flatten)]
    failure: Failure,
    /// It failed in the base too.
    before: bool,
    /// Since when the main line has had no number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent: Option<Silence>,
}

/// What failed in the head, the newest failures first.
pub(in crate::pages) fn failing(store: &Store, c: &Comparison) -> Result<Vec<Failing>, Fail> {
    let fails_in_base = |f: &Failure| {
        let mut all = c.base_report.failures.iter();
        all.any(|b| b.benchmark == f.benchmark)
    };
    // A branch has no place on the main line: what failed in its base too has failed since then.
    let up_to = if c.head.main {
        c.head.position
    } else {
        c.base.position
    };
    let mut all: Vec<(bool, &Failure)> = c
        .head_report
        .failures
        .iter()
        .map(|f| (fails_in_base(f), f))
        .collect();
    // Before any are left out: many that failed in the base too hide none that is new.
    all.sort_by_key(|(before, _)| *before);
    let mut out = Vec::new();
    for (before, failure) in all.into_iter().take(LISTED) {
        let silent = match &failure.benchmark {
            Some(benchmark) => store.silent_since(benchmark, up_to)?,
            None => None,
        };
        out.push(Failing {
            before,
            failure: failure.clone(),
            silent,
        });
    }
    Ok(out)
}

pub(in crate::pages) fn section(c: &Comparison, failing: &[Failing]) -> Markup {
    let all = c.head_report.failures.len();
    html! {
        @if !failing.is_empty() {
            section #failed { h2 { "Failed (" (all) ")" }
                @for f in failing { (one(f)) }
                @if all > failing.len() { p .muted { "and " (all - failing.len()) " more" } }
            }
        }
    }
}

fn one(f: &Failing) -> Markup {
    html! {
        p {
            @if f.before { "In the base, too." } @else { span .tag.failed { "new" } }
            @if let Some(s) = &f.silent {
                " No number since " a .sha href={ "/commit/" (s.since.short()) } { (s.since.short()) }
                " (" (plural(s.commits as usize, "commit")) "), " (text::time(s.time)) "."
            }
        }
        (output::failure(&f.failure))
    }
}
