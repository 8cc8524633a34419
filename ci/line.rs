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
use collector::store::Store;

/// The main line with the series asked for, searched.
pub(crate) struct Searched {
    pub(crate) line: MainLine,
    pub(crate) series: Vec<Found>,
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
    Ok(Searched { line, series })
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
    let metrics = metrics(&s.metric)?;
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

fn metrics(names: &[String]) -> anyhow::Result<Vec<Metric>> {
    if names.iter().any(|n| n == "all") {
        return Ok(Metric::ALL.to_vec());
    }
    if names.is_empty() {
        return Ok(Metric::ALL.into_iter().filter(|m| m.is_judged()).collect());
    }
    let one = |n: &String| {
        let known: Vec<&str> = Metric::ALL.iter().map(|m| m.name()).collect();
        let unknown = || format!("--metric: `{n}` is none of {}, all", known.join(", "));
        Metric::from_name(n).ok_or_else(|| Error::Usage(unknown()).into())
    };
    names.iter().map(one).collect()
}

fn nothing(s: &Selection) -> Error {
    Error::NoVerdict(if s.bench.is_empty() && s.metric.is_empty() {
        "the store holds no commit of this line yet; `uptick run A..B` measures a range".into()
    } else {
        "no series of the main line matches; `uptick log` lists them all".into()
    })
}
