//! The pages: each reads what it needs, then writes it in the form that was asked for.

pub(crate) mod answer;
pub(crate) mod assets;
mod badge;
mod bisect;
mod commit;
mod commits;
mod compare;
mod drift;
mod feed;
mod functions;
mod groups;
mod health;
mod help;
mod layout;
mod log;
pub(crate) mod login;
mod output;
mod reports;
mod series;
pub(crate) mod status;
mod today;
pub(crate) mod triage;

use crate::pages::answer::unknown_benchmark;
use std::sync::Arc;

use collector::store::{SeriesState, Store};

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::query::{View, What};

/// Makes the page.
pub(crate) fn render(store: &Store, app: &App, view: &View) -> Result<Page, Fail> {
    let f = view.format;
    match &view.what {
        What::Today => today::page(store, app, f),
        What::Log => log::page(store, app, f),
        What::Commits { from, before } => commits::page(store, app, (*from, *before), f),
        What::Health {
            metric,
            text,
            order,
            page,
        } => {
            let asked = health::Asked {
                metric: metric.as_deref(),
                text,
                order: *order,
                page: *page,
            };
            health::page(store, app, &asked, f)
        }
        What::Find { benchmark, .. } => Err(unknown_benchmark(benchmark)),
        What::Series { id, from, to } => series::page(store, app, (id, *from, *to), f),
        What::Badge { id } => badge::page(store, id),
        What::Commit { sha } => commit::page(store, app, sha, f),
        What::Compare {
            base,
            head,
            metric,
            show,
            text,
            page,
        } => {
            let rows = compare::Rows {
                metric: metric.as_deref(),
                show: *show,
                text,
                page: *page,
            };
            compare::page(store, app, (base, head), &rows, f)
        }
        What::Functions {
            id,
            base,
            head,
            focus,
        } => functions::page(store, app, (id, base, head), *focus, f),
        What::Flame { id, base, head } => functions::download(store, (id, base, head)),
        What::Reports => reports::list(store),
        What::Report { hash } => reports::one(store, hash),
        What::Help => help::page(app, f),
    }
}

/// Where an address leads that is only another name of a page.
pub(crate) async fn redirect(app: &Arc<App>, view: &View) -> Result<Option<String>, Fail> {
    let What::Find { benchmark, metric } = &view.what else {
        return Ok(None);
    };
    let (benchmark, metric) = (benchmark.clone(), metric.clone());
    app.read(move |store, _| {
        let all = store.series_of(&benchmark)?;
        let judged = |s: &&SeriesState| s.row.key.metric.is_judged();
        let wanted =
            |s: &&SeriesState| metric.as_ref().is_none_or(|m| s.row.key.metric.name() == m);
        let found = all
            .iter()
            .filter(wanted)
            .find(judged)
            .or_else(|| all.iter().find(wanted));
        let found = found.ok_or_else(|| unknown_benchmark(&benchmark))?;
        Ok(Some(format!("/series/{}", found.row.key.id())))
    })
    .await
}
