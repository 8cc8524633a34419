//! Commits that nobody measured, which the collectors of a project's server could.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::history::Wanted;
use collector::jobs::{Purpose, WANTED};
use collector::store::Store;
use collector::store::queue::Offer;
use maud::{Markup, html};

use crate::app::App;
use crate::auth::Actor;
use crate::clock::clock;
use crate::error::Fail;
use crate::look::address::field;
use crate::mirror::describe;
use crate::text::plural;

/// How many commits between two positions are not measured, with the press that has them measured,
/// the newest first.
pub(super) fn between(
    store: &Store,
    app: &App,
    (from, to): (u64, u64),
) -> Result<Option<Markup>, Fail> {
    if app.role.project().is_none() {
        return Ok(None);
    }
    let (all, _) = store.unmeasured(from, to, 0)?;
    let some = usize::try_from(all).unwrap_or(usize::MAX);
    Ok((all > 0).then(|| {
        html! {
            form method="post" action="/measure" {
                input type="hidden" name="from" value=(from);
                input type="hidden" name="to" value=(to);
                (plural(some, "commit")) " in this stretch "
                @if some == 1 { "is" } @else { "are" } " not measured. "
                button .small {
                    @if some > WANTED { "Measure the newest " (WANTED) } @else { "Measure what is missing" }
                }
            }
        }
    }))
}

/// Offers them, and leads to the queue.
pub(crate) async fn measure(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let Some((name, server)) = app.role.project() else {
        return Err(Fail::NotFound(
            "No collector works for this store: `uptick serve --data DIR` has some.".into(),
        ));
    };
    let stretch = (position(&form, "from")?, position(&form, "to")?);
    let (_, found) = app
        .read(move |store, _| Ok(store.unmeasured(stretch.0, stretch.1, WANTED)?))
        .await?;
    if found.is_empty() {
        return Err(Fail::Conflict(
            "Every commit of this stretch is measured by now.".into(),
        ));
    }
    let wanted: Vec<Wanted> = found
        .into_iter()
        .rev()
        .map(|(position, sha)| Wanted { position, sha })
        .collect();
    let dir = app.options.store.with_file_name("mirror.git");
    let described = tokio::task::spawn_blocking(move || describe(&dir, wanted));
    let commits = described.await.map_err(|_| Fail::panicked())?;
    let name = name.to_string();
    server
        .write(move |store| {
            let project = store.project(&name)?.ok_or(Fail::Internal)?;
            let offer = Offer {
                project: &project.name,
                commits: &commits,
                labels: &project.labels,
                purpose: Purpose::Backfill,
            };
            // Whoever presses wants what failed tried again, too.
            Ok(store.want(&offer, true, (&actor.0, clock()))?)
        })
        .await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/queue")]).into_response())
}

fn position(form: &[u8], name: &str) -> Result<u64, Fail> {
    let named = field(form, name).and_then(|text| text.parse().ok());
    named.ok_or_else(|| Fail::Bad(format!("`{name}` is no position.")))
}
