//! `uptick log`: the history of a benchmark in the terminal.

use std::collections::HashMap;

use collector::config::glob;
use collector::detect::{Change, Finder};
use collector::error::{EXIT_OK, Error};
use collector::format::{arrow, moved, name, quoted, sentence, value};
use collector::git::Repo;
use collector::history::{self, Floor};
use collector::model::SeriesKey;
use collector::store::{Point, SeriesRow, Store};
use serde_json::json;

use crate::args::{Args, Log};
use crate::{context, line, print};

pub(crate) fn run(args: &Args, a: &Log) -> anyhow::Result<u8> {
    let store = context::existing_store(args)?;
    let metric = line::known_metric(&store, &a.metric)?;
    let all = store.series()?;
    let series: Vec<SeriesRow> = all
        .iter()
        .filter(|s| s.key.metric.name() == metric)
        .filter(|s| a.bench.as_ref().is_none_or(|b| glob(b, &s.key.benchmark)))
        .cloned()
        .collect();
    if series.is_empty() {
        return Err(nothing(a, &metric, &all).into());
    }
    let repo = Repo::open(&args.dir).ok();
    let marks = if a.bench.is_some() || a.json {
        marks(args, &store, &series)?
    } else {
        HashMap::new()
    };
    let none = Marks::default();
    let marks = |s: &SeriesRow| marks.get(&s.key).unwrap_or(&none);
    if a.json {
        let all: Vec<_> = series
            .iter()
            .map(|s| Ok(document(s, &points(&store, s, a.number)?, marks(s))))
            .collect::<anyhow::Result<_>>()?;
        print::json(&json!({ "schema": "uptick.log/1", "series": all }))?;
        return Ok(EXIT_OK);
    }
    for s in &series {
        let most = if a.bench.is_some() {
            a.number
        } else {
            usize::MAX
        };
        let points = points(&store, s, most)?;
        print::out(&if a.bench.is_some() {
            history(s, &points, marks(s), repo.as_ref())
        } else {
            summary(s, points.len())
        })?;
    }
    Ok(EXIT_OK)
}

/// The changes of one series by position.
type Marks = HashMap<u64, Change>;

/// What the change finder says of each series, by the position of the first commit of the new
/// level. Found on the main line; commits beside it are listed and never marked.
fn marks(
    args: &Args,
    store: &Store,
    series: &[SeriesRow],
) -> anyhow::Result<HashMap<SeriesKey, Marks>> {
    let wanted = |k: &SeriesKey| series.iter().any(|s| s.key == *k);
    let line = line::line(args, None)?;
    let mut all = HashMap::new();
    for t in history::tracks(store, &line, &wanted)? {
        let settings = Floor::default().settings(&t.key, t.noise);
        let changes = Finder::new(settings).find(&t.points).changes.into_iter();
        let marks = changes.filter_map(|c| Some((u64::try_from(c.index).ok()?, c)));
        all.insert(t.key, marks.collect());
    }
    Ok(all)
}

fn nothing(a: &Log, metric: &str, all: &[SeriesRow]) -> Error {
    let other = all.iter().map(|s| s.key.metric.name());
    Error::NoVerdict(match (&a.bench, other.clone().find(|m| *m != metric)) {
        (Some(b), _) if other.clone().any(|m| m == metric) => {
            format!("no series of {metric} matches `{b}`; `uptick log` lists them all")
        }
        (_, Some(other)) => format!(
            "the store holds no {metric}, but other metrics: `uptick log --metric {}`",
            quoted(other)
        ),
        (_, None) => format!("the store holds no {metric} yet; `uptick run` measures a commit"),
    })
}

/// The newest `n` points, one a commit, oldest first.
fn points(store: &Store, s: &SeriesRow, n: usize) -> anyhow::Result<Vec<Point>> {
    let mut points = store.points(&s.key, u64::MAX)?;
    points.dedup_by(|later, first| {
        let same = later.sha == first.sha;
        if same {
            first.clone_from(later);
        }
        same
    });
    let skip = points.len().saturating_sub(n);
    Ok(points.split_off(skip))
}

fn document(s: &SeriesRow, points: &[Point], marks: &Marks) -> serde_json::Value {
    json!({
        "benchmark": s.key.benchmark,
        "metric": s.key.metric,
        "unit": s.key.metric.unit(),
        "better": s.key.metric.better(),
        "counter": s.key.counter,
        "testbed": s.key.fingerprint,
        "class": s.class,
        "points": points.iter().map(|p| json!({
            "sha": p.sha, "position": p.position, "value": p.value, "low": p.low, "high": p.high,
        })).collect::<Vec<_>>(),
        "changes": points.iter().filter_map(|p| Some(json!({
            "sha": p.sha, "change": marks.get(&p.position)?,
        }))).collect::<Vec<_>>(),
    })
}

/// `commits` are counted, not measurements: a commit may have been measured twice.
fn summary(s: &SeriesRow, commits: usize) -> String {
    format!(
        "{:<40}  {:>28}  {:>4} {:<7}  {}\n",
        name(&s.key.benchmark, 40),
        value(s.latest_value, &s.key.metric),
        commits,
        if commits == 1 { "commit" } else { "commits" },
        s.class.name()
    )
}

fn history(s: &SeriesRow, points: &[Point], marks: &Marks, repo: Option<&Repo>) -> String {
    let mut out = format!(
        "{} · {} {} · {} · testbed {}\n",
        name(&s.key.benchmark, 40),
        s.key.metric,
        s.key.counter.by(),
        s.class.name(),
        s.key.fingerprint
    );
    let size_of = |change, sides| moved(change, sides, &s.key.metric);
    let mut before: Option<f64> = None;
    let mut lines = Vec::new();
    for p in points {
        let change = before.map_or(0.0, |b| collector::stats::change(b, p.value));
        let (mark, size) = match marks.get(&p.position) {
            Some(c) => (arrow(c.change), size_of(c.change, (c.before, c.after))),
            None if change == 0.0 => (" ", String::new()),
            None => (" ", size_of(change, (before.unwrap_or(p.value), p.value))),
        };
        let subject = repo
            .and_then(|r| r.commit(&p.sha).ok())
            .map_or_else(String::new, |c| c.subject);
        lines.push(format!(
            "{mark} {}  {:>24}  {size:>11}  {}\n",
            p.sha.short(),
            value(p.value, &s.key.metric),
            sentence(&subject, 28)
        ));
        before = Some(p.value);
    }
    lines.reverse();
    out.extend(lines);
    out
}
