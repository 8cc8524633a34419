//! A series as JSON, CSV and Markdown.

use std::collections::HashMap;

use collector::store::{MeasuredCommit, SeriesState, Store, Value};
use serde_json::json;

use super::beside;
use super::history::History;
use super::words;
use crate::error::Fail;
use crate::text::{self, csv_field, md};

/// Points that a document gives; more come by range.
const DOCUMENT: usize = 20_000;
/// Commits in the Markdown table.
const NEWEST: usize = 50;

fn commits_of(store: &Store, h: &History) -> Result<HashMap<u64, MeasuredCommit>, Fail> {
    if beside::all(h).all(|(_, v)| v.is_empty()) {
        return Ok(HashMap::new());
    }
    let (from, to) = h.ends();
    let all = store.commits_between(from, to)?;
    Ok(all.into_iter().map(|c| (c.position, c)).collect())
}

pub(super) fn json(store: &Store, h: &History) -> Result<serde_json::Value, Fail> {
    let key = &h.series.row.key;
    let commits = commits_of(store, h)?;
    let skip = h.values.len().saturating_sub(DOCUMENT);
    let points: Vec<serde_json::Value> = h.values[skip..]
        .iter()
        .map(|v| point(v, commits.get(&v.position)))
        .collect();
    let mut document = json!({
        "schema": "uptick.series/1", "series": h.id, "benchmark": key.benchmark,
        "metric": key.metric, "counter": key.counter, "unit": key.metric.unit(),
        "better": key.metric.better(),
        "testbed": key.fingerprint, "class": h.series.row.class, "kind": h.series.kind,
        "noise": h.series.noise, "drift": h.series.drift,
        "drift_total": h.drift.as_ref().map(|d| d.total), "points": points, "left_out": skip,
        "changes": h.every_event(),
    });
    if !h.others.is_empty() {
        document["with"] = h.others.iter().map(|(s, v)| another(s, v)).collect();
    }
    Ok(document)
}

/// Another series of the chart; its commits are those of the first.
fn another(s: &SeriesState, values: &[Value]) -> serde_json::Value {
    let key = &s.row.key;
    let skip = values.len().saturating_sub(DOCUMENT);
    let point = |v: &Value| json!({ "position": v.position, "value": v.value, "low": v.low, "high": v.high });
    let points: Vec<serde_json::Value> = values[skip..].iter().map(point).collect();
    json!({
        "series": key.id(), "benchmark": key.benchmark, "metric": key.metric,
        "counter": key.counter, "unit": key.metric.unit(), "better": key.metric.better(),
        "testbed": key.fingerprint, "points": points, "left_out": skip,
    })
}

fn point(v: &Value, c: Option<&MeasuredCommit>) -> serde_json::Value {
    json!({
        "position": v.position, "value": v.value, "low": v.low, "high": v.high,
        "sha": c.map(|c| &c.sha), "time": c.map(|c| c.time),
        "subject": c.map(|c| text::cut(&c.subject, 100)),
        "author": c.map(|c| text::cut(&c.author, 60)),
    })
}

pub(super) fn csv(store: &Store, h: &History) -> Result<Vec<Vec<String>>, Fail> {
    let commits = commits_of(store, h)?;
    let head = ["position", "sha", "value", "low", "high", "subject"].map(String::from);
    let mut out = vec![head.to_vec()];
    let line = |v: &Value| {
        let c = commits.get(&v.position);
        vec![
            v.position.to_string(),
            c.map_or_else(String::new, |c| c.sha.0.clone()),
            v.value.to_string(),
            v.low.to_string(),
            v.high.to_string(),
            csv_field(c.map_or("", |c| &c.subject)),
        ]
    };
    if h.others.is_empty() {
        out.extend(h.values.iter().map(line));
        return Ok(out);
    }
    // Of several series each line says whose it is.
    out[0].extend(["benchmark", "metric", "unit", "counter", "testbed"].map(String::from));
    for (s, values) in beside::all(h) {
        let key = &s.row.key;
        let whose = [
            csv_field(&key.benchmark),
            csv_field(key.metric.name()),
            csv_field(key.metric.unit()),
            csv_field(key.counter.name()),
            csv_field(&key.fingerprint),
        ];
        out.extend(values.iter().map(|v| [line(v), whose.to_vec()].concat()));
    }
    Ok(out)
}

pub(super) fn markdown(store: &Store, h: &History) -> Result<String, Fail> {
    let key = &h.series.row.key;
    let mut out = format!(
        "# {} · {}\n\n{}\n\n| commit | value | subject |\n|---|--:|---|\n",
        md(&key.benchmark),
        md(key.metric.name()),
        words::summary(h)
    );
    let commits = commits_of(store, h)?;
    for v in h.values.iter().rev().take(NEWEST) {
        let c = commits.get(&v.position);
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            c.map_or("", |c| c.sha.short()),
            md(&text::value(v.value, &key.metric)),
            md(c.map_or("", |c| &c.subject))
        ));
    }
    Ok(out)
}
