//! The store's series on the main line, as `changes`, `replay` and `log` read them.

use crate::args::{Args, Selection};
use crate::{context, print};
use collector::config::{Fraction, glob};
use collector::detect::Settings;
use collector::error::Error;
use collector::git::Repo;
use collector::history::steps::{self, Found};
use collector::history::{self, Floor, MainLine, Track};
use collector::model::Metric;
use collector::model::SeriesKey;
use collector::store::{Moment, Store};

/// The main line with the series asked for, searched.
pub(crate) struct Searched {
    pub(crate) line: MainLine,
    pub(crate) series: Vec<Found>,
    /// When it is looked at, which says what is snoozed.
    pub(crate) moment: Moment,
}

/// Reads and searches the series asked for.
pub(crate) fn found(args: &Args, s: &Selection, floor: Option<&str>) -> anyhow::Result<Searched> {
    let floor = asked(floor)?;
    // Made by an older uptick it has no decisions yet: opening it to write brings it up to date.
    // Where it cannot be written it is read as it is.
    let existing = context::existing_store(args)?;
    let store = context::store(args).unwrap_or(existing);
    let (line, tracks) = tracks(args, &store, s)?;
    let find = |t: Track| {
        let known = store.events_of(&t.key.id())?;
        Ok(steps::find(t, known, floor))
    };
    let series = tracks
        .into_iter()
        .map(find)
        .collect::<anyhow::Result<_>>()?;
    Ok(Searched {
        line,
        series,
        moment: history::moment(&store, context::now())?,
    })
}

/// The floor for a store's series: `--floor`, else that of the alerts.
pub(crate) fn asked(floor: Option<&str>) -> anyhow::Result<Floor> {
    Ok(Floor(Fraction::of_flag("--floor", floor)?))
}

/// The settings for the series of a CSV: nothing is left out unless asked for.
pub(crate) fn settings_of_csv(floor: Option<&str>) -> anyhow::Result<Settings> {
    Ok(Settings {
        relative_floor: Fraction::of_flag("--floor", floor)?.unwrap_or(0.0),
        ..Settings::default()
    })
}

/// The series asked for, on the line asked for.
pub(crate) fn tracks(
    args: &Args,
    store: &Store,
    s: &Selection,
) -> anyhow::Result<(MainLine, Vec<Track>)> {
    let metrics = metrics(store, &s.metric)?;
    let wanted = |k: &SeriesKey| {
        metrics.contains(&k.metric)
            && (s.bench.is_empty() || s.bench.iter().any(|b| glob(b, &k.benchmark)))
    };
    let line = line(args, s.line.as_deref())?;
    let mut tracks = history::tracks(store, &line, &wanted)?;
    if tracks.is_empty() && s.line.is_none() && !line.is_empty() {
        tracks = history::tracks(store, &MainLine::default(), &wanted)?;
        if !tracks.is_empty() {
            print::note("note: no measured commit is on the main line; all are taken by position");
            return Ok((MainLine::default(), tracks));
        }
    }
    if tracks.is_empty() {
        return Err(nothing(s).into());
    }
    Ok((line, tracks))
}

/// The main line; without a repository there is none, and positions must do.
pub(crate) fn line(args: &Args, rev: Option<&str>) -> anyhow::Result<MainLine> {
    let repo = match Repo::open(&args.dir) {
        Ok(repo) => repo,
        Err(_) if args.store.is_some() && rev.is_none() => {
            print::note("note: no repository here; the store's commits are taken by position");
            return Ok(MainLine::default());
        }
        Err(e) => return Err(e.into()),
    };
    let branch = context::load(&repo)?.baseline.branch;
    Ok(MainLine::of(&repo, branch.as_deref(), rev)?)
}

/// Which metrics are asked for.
enum Metrics {
    All,
    Judged,
    Named(Vec<String>),
}

impl Metrics {
    fn contains(&self, metric: &Metric) -> bool {
        match self {
            Self::All => true,
            Self::Judged => metric.is_judged(),
            Self::Named(names) => names.iter().any(|n| n == metric.name()),
        }
    }
}

fn metrics(store: &Store, names: &[String]) -> anyhow::Result<Metrics> {
    if names.iter().any(|n| n == "all") {
        return Ok(Metrics::All);
    }
    if names.is_empty() {
        return Ok(Metrics::Judged);
    }
    let names = names.iter().map(|n| known_metric(store, n));
    Ok(Metrics::Named(names.collect::<anyhow::Result<_>>()?))
}

/// The name of a metric that is well known, or in the store.
pub(crate) fn known_metric(store: &Store, name: &str) -> anyhow::Result<String> {
    let mut known: Vec<String> = Metric::WELL_KNOWN.map(|m| m.name().to_owned()).into();
    for (metric, _) in store.metrics()? {
        if metric.is_own() {
            known.push(metric.name().to_owned());
        }
    }
    if known.iter().any(|k| k == name) {
        return Ok(name.to_owned());
    }
    let known = known.join(", ");
    Err(Error::Usage(format!("--metric: `{name}` is none of {known}")).into())
}

fn nothing(s: &Selection) -> Error {
    Error::NoVerdict(if s.bench.is_empty() && s.metric.is_empty() {
        "the store holds no commit of this line yet; `uptick run A..B` measures a range".into()
    } else {
        "no series of the main line matches; `uptick log` lists them all".into()
    })
}
