//! `uptick log`: the history of a benchmark in the terminal.

use collector::config::glob;
use collector::error::{EXIT_NO_VERDICT, EXIT_OK, Error};
use collector::git::Repo;
use collector::model::Metric;
use collector::report::{name, percent, value};
use collector::store::{Point, SeriesRow, Store};
use serde_json::json;

use crate::args::{Args, Log};
use crate::{context, print};

pub(crate) fn run(args: &Args, a: &Log) -> anyhow::Result<u8> {
    let metric = Metric::from_name(&a.metric).ok_or_else(|| {
        let known: Vec<&str> = Metric::ALL.iter().map(|m| m.name()).collect();
        Error::Usage(format!(
            "--metric: `{}` is none of {}",
            a.metric,
            known.join(", ")
        ))
    })?;
    let store = context::existing_store(args)?;
    let series: Vec<SeriesRow> = store
        .series()?
        .into_iter()
        .filter(|s| s.key.metric == metric)
        .filter(|s| a.bench.as_ref().is_none_or(|b| glob(b, &s.key.benchmark)))
        .collect();
    if series.is_empty() {
        return Err(nothing(a, metric).into());
    }
    let repo = Repo::open(&args.dir).ok();
    if a.json {
        let all: Vec<_> = series
            .iter()
            .map(|s| Ok(document(s, &points(&store, s, a.number)?)))
            .collect::<anyhow::Result<_>>()?;
        print::json(&json!({ "schema": "uptick.log/1", "series": all }))?;
        return Ok(EXIT_OK);
    }
    for s in &series {
        let points = points(&store, s, a.number)?;
        print::out(&if a.bench.is_some() {
            history(s, &points, repo.as_ref())
        } else {
            summary(s)
        })?;
    }
    Ok(if series.is_empty() {
        EXIT_NO_VERDICT
    } else {
        EXIT_OK
    })
}

fn nothing(a: &Log, metric: Metric) -> Error {
    Error::NoVerdict(match &a.bench {
        Some(b) => format!("no series of {metric} matches `{b}`; `uptick log` lists them all"),
        None => format!("the store holds no {metric} yet; `uptick run` measures a commit"),
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

fn document(s: &SeriesRow, points: &[Point]) -> serde_json::Value {
    json!({
        "benchmark": s.key.benchmark,
        "metric": s.key.metric,
        "counter": s.key.counter,
        "testbed": s.key.fingerprint,
        "class": s.class,
        "points": points.iter().map(|p| json!({
            "sha": p.sha, "position": p.position, "value": p.value, "low": p.low, "high": p.high,
        })).collect::<Vec<_>>(),
    })
}

fn summary(s: &SeriesRow) -> String {
    format!(
        "{:<40}  {:>28}  {:>4} commits  {}\n",
        name(&s.key.benchmark, 40),
        value(s.latest_value, s.key.metric),
        s.points,
        s.class.name()
    )
}

/// Changes are marked from here on: half the gate's usual limit, so that creeping shows too.
const MARK: f64 = 0.0025;

fn history(s: &SeriesRow, points: &[Point], repo: Option<&Repo>) -> String {
    let mut out = format!(
        "{} · {} by {} · {} · testbed {}\n",
        name(&s.key.benchmark, 40),
        s.key.metric,
        s.key.counter,
        s.class.name(),
        s.key.fingerprint
    );
    let mut before: Option<f64> = None;
    let mut lines = Vec::new();
    for p in points {
        let change = before.map(|b| collector::detect::gate::change(b, p.value));
        let (mark, change) = match change {
            Some(c) if c > MARK => ("▲", percent(c)),
            Some(c) if c < -MARK => ("▼", percent(c)),
            Some(0.0) | None => (" ", String::new()),
            Some(c) => (" ", percent(c)),
        };
        let subject = repo
            .and_then(|r| r.commit(&p.sha).ok())
            .map_or_else(String::new, |c| c.subject);
        lines.push(format!(
            "{mark} {}  {:>24}  {change:>11}  {}\n",
            p.sha.short(),
            value(p.value, s.key.metric),
            name(&subject, 28)
        ));
        before = Some(p.value);
    }
    lines.reverse();
    out.extend(lines);
    out
}
