//! A drift opened as a change: somebody wants it looked at, though no commit did it.

use crate::detect::alerts::life::{self, State};
use crate::detect::alerts::replay::WINDOW;
use crate::detect::{Finder, drifted};
use crate::error::{Error, Result};
use crate::history::watch::points_of;
use crate::history::{Floor, health};
use crate::store::{SeriesState, Store};

/// Opens the drift of a series as a change, or gives the one that is open already: its identity,
/// under which people decide about it as about any other change.
///
/// # Errors
/// [`Error::Usage`] where the series does not drift by more than its limit allows for.
pub fn open_drift(store: &mut Store, series: &SeriesState) -> Result<String> {
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
    store.report_change(&series.row.key, &event)
}
