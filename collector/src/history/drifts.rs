//! A drift opened as a change: somebody wants it looked at, though no commit did it.

use crate::detect::alerts::life::{self, State};
use crate::detect::alerts::replay::WINDOW;
use crate::detect::{Finder, Kind, drifted};
use crate::error::{Error, Result};
use crate::history::watch::points_of;
use crate::history::{Floor, health};
use crate::store::{Reported, SeriesState, Store, Triage};

/// What is noted of a drift that somebody opened.
const OPENED: &str = "opened as a change";

/// The drift among the changes of a series that somebody opened, while nobody has settled it.
#[must_use]
pub fn open_among(changes: &[Reported]) -> Option<&Reported> {
    let is_open = |t: &&Reported| t.event.change.kind == Kind::Drift && t.event.is_open();
    changes.iter().rfind(is_open)
}

/// Opens the drift of a series as a change, with who did it and when, or gives the one that is open
/// already: its identity, under which people decide about it as about any other change.
///
/// # Errors
/// [`Error::Usage`] where the series does not drift by more than its limit allows for.
pub fn open_drift(
    store: &mut Store,
    series: &SeriesState,
    actor: &str,
    now: i64,
) -> Result<String> {
    let is_open = open_among(&store.events_of(&series.row.key.id())?).is_some();
    let values = store.recent(series.row.id, u64::MAX, WINDOW)?;
    let points = points_of(&values);
    let settings = Floor::default().settings(&series.row.key, series.row.class);
    let findings = Finder::new(settings).find(&points);
    let drift = health::drift(series).and_then(|_| drifted(&points, &findings));
    let change = drift.ok_or_else(|| {
        let name = &series.row.key.benchmark;
        Error::Usage(format!("`{name}` does not drift by more than its limit"))
    })?;
    let event = life::Event {
        told_at: change.index,
        change,
        state: State::New,
        recovered: None,
        seen: true,
    };
    let id = store.report_change(&series.row.key, &event)?;
    if is_open {
        return Ok(id);
    }
    let noted = Triage {
        events: vec![id.clone()],
        note: OPENED.into(),
        ..Triage::default()
    };
    store.decide(&noted, actor, now)?;
    Ok(id)
}
