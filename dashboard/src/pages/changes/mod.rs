//! All changes ever: every one that was reported, with what has become of it.

mod documents;
mod html;

pub(super) use documents::change as document;

use collector::config::Config;
use collector::store::{ChangeFilter, Event, MeasuredCommit, Store};

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::pages::{care, series};
use crate::query::{Changes, Format};
use crate::reader::Reader;

/// Changes on a page.
const ROWS: usize = 100;

/// A change with the commits around it.
struct Row {
    event: Event,
    /// The newest measured commit before its set, and the last measured one in it.
    around: Option<(MeasuredCommit, MeasuredCommit)>,
    /// Who is to care for it.
    carer: Option<String>,
}

/// The changes of one page.
struct List {
    rows: Vec<Row>,
    /// How many match in all.
    total: u64,
    /// Metrics of which there are changes.
    metrics: Vec<String>,
}

fn load(
    store: &Store,
    config: &Config,
    (reader, asked): (&Reader, &Changes),
) -> Result<List, Fail> {
    let whose = care::whose(reader, &asked.owner)?;
    let filter = ChangeFilter {
        fates: asked.fates,
        metric: asked.metric.clone(),
        worse: asked.way.worse(),
        text: asked.text.clone(),
        care: care::of(store, config, &whose)?,
        skip: (asked.page - 1) * ROWS,
        take: ROWS,
    };
    let (events, total) = store.changes(&filter)?;
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let around = series::around(store, &event.reported)?;
        let key = &event.series.key;
        let carer = config.carer(&key.benchmark, &event.reported.assignee);
        let carer = carer.map(str::to_owned);
        rows.push(Row {
            event,
            around,
            carer,
        });
    }
    let metrics = store.changed_metrics()?;
    Ok(List {
        rows,
        total,
        metrics,
    })
}

pub(super) fn page(
    store: &Store,
    app: &App,
    (reader, asked): (&Reader, &Changes),
    format: Format,
) -> Result<Page, Fail> {
    let list = load(store, &app.options.config, (reader, asked))?;
    match format {
        Format::Html => {
            let body = html::html(&list, reader, asked);
            Ok(layout::page(app, Nav::None, "All changes", body))
        }
        Format::Json => json_page(&documents::json(&list, asked)),
        Format::Csv => Ok(csv_page("changes", documents::csv(&list))),
        other => Err(no_such_form(other)),
    }
}
