//! What of a project waits for a collector: its server knows that, and no counter of the project's
//! store moves with it, so that it is part of what names the page.

use std::sync::Arc;

use collector::store::queue::Wait;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;
use crate::query::{Format, View, Waiting, What};
use crate::text::{self, plural};

/// A view of Today with what waits; any other as it is.
pub(crate) async fn with_waits(app: &Arc<App>, view: View) -> Result<View, Fail> {
    let shows = matches!(view.what, What::Today { .. }) && view.format != Format::Atom;
    let Some((name, server)) = app.role.project().filter(|_| shows) else {
        return Ok(view);
    };
    let name = name.to_string();
    let found = server.read(move |store, _| Ok(store.waits_of(Some(&name), clock())?));
    let waiting = waiting(&found.await?);
    Ok(View { waiting, ..view })
}

fn waiting(all: &[Wait]) -> Option<Waiting> {
    let since = all.iter().map(|w| w.since).min()?;
    let silent = all.iter().filter(|w| w.silent);
    Some(Waiting {
        jobs: all.iter().map(|w| w.waiting).sum(),
        // To the minute, as it is shown.
        since: since / 60_000 * 60,
        silent: silent.map(|w| w.label.clone()).collect(),
    })
}

/// The line of Today.
pub(super) fn line(w: &Waiting) -> Markup {
    html! {
        p .muted {
            // One for each label that measures a commit.
            (plural(usize::try_from(w.jobs).unwrap_or(usize::MAX), "job"))
            @if w.jobs == 1 { " waits" } @else { " wait" }
            " in the " a href="/queue" { "queue" } ", the oldest since " (text::moment(w.since)) "."
            @if !w.silent.is_empty() {
                " " b { "No collector of " (text::cut(&w.silent.join(", "), 80)) " was heard of for an hour." }
            }
        }
    }
}

/// The same in a document.
pub(super) fn document(waiting: Option<&Waiting>) -> Value {
    waiting.map_or(
        Value::Null,
        |w| json!({ "jobs": w.jobs, "since": w.since, "silent": w.silent }),
    )
}
