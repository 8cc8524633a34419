//! A drift, as pages say it: how much a commit, how much in all, since when; and the press that
//! opens it as a change.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawForm, State};
use axum::response::{IntoResponse, Response};
use collector::detect::Kind;
use collector::detect::alerts::replay::WINDOW;
use collector::error::Error;
use collector::history::{health, open_among, open_drift};
use collector::store::{Reported, SeriesState, Store};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::auth::Actor;
use crate::error::Fail;
use crate::look::address::field;
use crate::pages::answer::the_series;
use crate::pages::triage::back;
use crate::text;

/// Whether a change is a drift that somebody opened.
pub(super) fn is_drift(t: &Reported) -> bool {
    t.event.change.kind == Kind::Drift
}

/// A slope that goes through a series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drift {
    /// Per measured commit (fraction of the level).
    pub(super) slope: f64,
    /// Over all of them (fraction of the level).
    pub(super) total: f64,
    /// When the first of them was written, in seconds since 1970-01-01 UTC.
    pub(super) since: Option<i64>,
    /// The change as which somebody opened it.
    pub(super) opened: Option<String>,
}

impl Drift {
    /// The drift of a series; `None` where it comes to less than its limit allows for.
    pub(super) fn of(store: &Store, series: &SeriesState) -> Result<Option<Self>, Fail> {
        let Some(total) = health::drift(series) else {
            return Ok(None);
        };
        let first = store.recent(series.row.id, u64::MAX, WINDOW)?;
        let commit = match first.first() {
            Some(v) => store.commits_from(v.position, 1)?.pop(),
            None => None,
        };
        let changes = store.events_of(&series.row.key.id())?;
        Ok(Some(Self {
            slope: series.drift,
            total,
            since: commit.map(|c| c.time),
            opened: open_among(&changes).map(|t| t.id.clone()),
        }))
    }

    /// `drifts by +0.026 % a commit, +3.90 % since 27 Aug`.
    pub(super) fn words(&self) -> String {
        format!("drifts by {}", self.figures())
    }

    /// `+0.026 % a commit, +3.90 % since 27 Aug`.
    pub(super) fn figures(&self) -> String {
        let since = self
            .since
            .map_or_else(|| " in all".into(), |t| format!(" since {}", text::day(t)));
        format!("{}{since}", self.amounts(self.total))
    }

    /// The same over so many commits of the series.
    pub(super) fn words_over(&self, commits: usize) -> String {
        let total = self.slope * commits.saturating_sub(1) as f64;
        format!("drifts by {} here", self.amounts(total))
    }

    fn amounts(&self, total: f64) -> String {
        let slope = fine_percent(self.slope);
        let total = text::minus(&collector::format::percent(total));
        format!("{slope} a commit, {total}")
    }
}

/// The press that opens the drift of a series as a change.
pub(super) fn offer(series: &str) -> Markup {
    html! {
        form .opens method="post" action="/drift" {
            input type="hidden" name="series" value=(series);
            button title="Somebody then decides about it as about any other change" { "Open as a change" }
        }
    }
}

/// Opens a drift, and leads to where it is decided about.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let (series, change) = opened(&app, &form, actor).await?;
    Ok(back(format!("/series/{series}#g{change}")))
}

/// The same for programs.
pub(crate) async fn open_api(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let (series, change) = opened(&app, &form, actor).await?;
    let document = json!({ "schema": "uptick.opened/1", "id": change, "series": series });
    Ok(axum::Json(document).into_response())
}

/// The series that a form names, and the identity of its drift.
async fn opened(app: &Arc<App>, form: &[u8], actor: Actor) -> Result<(String, String), Fail> {
    let series = field(form, "series").unwrap_or_default();
    if series.is_empty() {
        return Err(Fail::Bad("`series` names no series.".into()));
    }
    app.write(move |store| {
        let found = the_series(store, &series)?;
        let change = open_drift(store, &found, &actor.0, text::now()).map_err(refused)?;
        Ok((series, change))
    })
    .await
}

/// That a series does not drift is the asker's matter.
fn refused(e: Error) -> Fail {
    match e {
        Error::Usage(what) => Fail::Unreadable(what),
        e => e.into(),
    }
}

/// A slope is small: `+0.026 %`, where two digits would say `+0.03 %`.
fn fine_percent(x: f64) -> String {
    text::minus(&format!("{:+.3} %", 100.0 * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_is_said_with_its_slope_and_its_total() {
        let drift = Drift {
            slope: 0.000_26,
            total: 0.039,
            since: Some(0),
            opened: None,
        };
        assert_eq!(
            drift.words(),
            "drifts by +0.026 % a commit, +3.90 % since 1 Jan"
        );
        assert_eq!(
            drift.words_over(11),
            "drifts by +0.026 % a commit, +0.26 % here"
        );
    }
}
