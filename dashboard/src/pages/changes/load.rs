//! The changes of one page of the list.

use collector::config::Config;
use collector::history;
use collector::store::{ChangeFilter, Event, MeasuredCommit, Store};

use crate::error::Fail;
use crate::pages::{care, series};
use crate::query::Changes;
use crate::reader::Reader;

/// Changes on a page.
pub(super) const ROWS: usize = 100;
/// Changes of a document that has no pages.
pub(super) const DOCUMENT: usize = 5_000;

/// A change with the commits around it.
pub(super) struct Row {
    pub(super) event: Event,
    /// The newest measured commit before its set, and the last measured one in it.
    pub(super) around: Option<(MeasuredCommit, MeasuredCommit)>,
    /// Who is to care for it.
    pub(super) carer: Option<String>,
    /// Until when nobody need look at it.
    pub(super) snoozed: Option<String>,
}

/// The changes of one page.
pub(super) struct List {
    pub(super) rows: Vec<Row>,
    /// How many match in all.
    pub(super) total: u64,
    /// Metrics of which there are changes.
    pub(super) metrics: Vec<String>,
}

/// The changes from the page on that is asked for, so many at most.
pub(super) fn load(
    store: &Store,
    config: &Config,
    (reader, asked): (&Reader, &Changes),
    take: usize,
) -> Result<List, Fail> {
    let whose = care::whose(reader, &asked.owner)?;
    let at = care::moment(store)?;
    let filter = ChangeFilter {
        fates: asked.fates,
        metric: asked.metric.clone(),
        worse: asked.way.worse(),
        text: asked.text.clone(),
        at: at.clone(),
        care: care::of(store, config, &whose)?,
        skip: (asked.page - 1) * ROWS,
        take,
    };
    let (events, total) = store.changes(&filter)?;
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let around = series::around(store, &event.reported)?;
        let key = &event.series.key;
        let carer = config.carer(&key.benchmark, &event.reported.assignee);
        let carer = carer.map(str::to_owned);
        let snoozed = history::snoozed(&event.reported, &at);
        rows.push(Row {
            event,
            around,
            carer,
            snoozed,
        });
    }
    let metrics = store.changed_metrics()?;
    Ok(List {
        rows,
        total,
        metrics,
    })
}
