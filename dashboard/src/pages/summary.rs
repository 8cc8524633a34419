//! How a project stands, in one line of a list of projects.

use std::sync::Arc;

use collector::history::health::Trouble;
use collector::store::{MeasuredCommit, Store};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::compare::verdicts;
use crate::pages::groups;

/// How a project stands.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// Regressions that nobody has looked at, and those that somebody works on: as Today counts
    /// them.
    pub(crate) new: usize,
    pub(crate) known: usize,
    /// The commit of the main line that was measured last.
    pub(crate) newest: Option<MeasuredCommit>,
    /// Against the one measured before it; `None` for the first one, and until that is judged.
    pub(crate) verdict: Option<Arc<Headline>>,
    /// Whether nothing was measured before it.
    pub(crate) is_first: bool,
    pub(crate) health: Health,
}

impl Summary {
    /// Whether it lacks nothing that comes without a new report.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_first || self.verdict.is_some()
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "new": self.new, "known": self.known, "newest": self.newest,
            "verdict": self.verdict.as_deref(), "health": self.health,
        })
    }
}

/// How well a project can be watched, as its Health says.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Health {
    pub(crate) series: usize,
    /// Those that need a look.
    pub(crate) look: usize,
    /// Those that give no number any more.
    pub(crate) failing: usize,
    pub(crate) testbeds: usize,
    /// Those that should measure and have not for long.
    pub(crate) silent: usize,
    /// When the newest report was begun, in seconds since 1970-01-01 UTC.
    pub(crate) newest: Option<i64>,
}

/// How the project of a store stands.
pub(crate) fn summary(store: &Store, app: &App) -> Result<Summary, Fail> {
    let (open, _) = groups::open(store)?;
    let bad = open.iter().filter(|g| g.is_of_code());
    let new = bad.clone().filter(|g| g.is_new()).count();
    let mut last = store.commits(u64::MAX, 2)?.into_iter();
    let (newest, before) = (last.next(), last.next());
    let verdict = match (&before, &newest) {
        (Some(base), Some(head)) => verdicts(store, app, &[(base, head)])?.pop().flatten(),
        _ => None,
    };
    Ok(Summary {
        new,
        known: bad.count() - new,
        newest,
        verdict,
        is_first: before.is_none(),
        health: health(store, app)?,
    })
}

fn health(store: &Store, app: &App) -> Result<Health, Fail> {
    let all = app.overview.of(store, &app.options.config)?;
    let failing = |e: &&crate::overview::Entry| e.troubles.contains(&Trouble::Failing);
    Ok(Health {
        series: all.entries.len(),
        look: all.look(),
        failing: all.entries.iter().filter(failing).count(),
        testbeds: all.testbeds.iter().filter(|t| t.series > 0).count(),
        silent: all.testbeds.iter().filter(|t| t.is_silent()).count(),
        newest: all.testbeds.iter().filter_map(|t| t.last_report).max(),
    })
}
