//! A series as JSON, CSV and Markdown.

use std::collections::HashMap;

use collector::store::{MeasuredCommit, Store, Value};
use serde_json::json;

use super::history::History;
use super::words;
use crate::error::Fail;
use crate::text::{self, csv_field, md};

/// Points that a document gives; more come by range.
const DOCUMENT: usize = 20_000;
/// Commits in the Markdown table.
const NEWEST: usize = 50;

fn commits_of(store: &Store, h: &History) -> Result<HashMap<u64, MeasuredCommit>, Fail> {
    let (Some(a), Some(b)) = (h.values.first(), h.values.last()) else {
        return Ok(HashMap::new());
    };
    let all = store.commits_between(a.position, b.position)?;
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
    Ok(json!({
        "schema": "uptick.series/1", "series": h.id, "benchmark": key.benchmark,
        "metric": key.metric, "counter": key.counter, "unit": key.metric.unit(),
        "better": key.metric.better(),
        "testbed": key.fingerprint, "class": h.series.row.class, "kind": h.series.kind,
        "noise": h.series.noise, "drift": h.series.drift,
        "drift_total": h.drift.as_ref().map(|d| d.total), "points": points, "left_out": skip,
        "changes": h.every_event(),
    }))
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
    let mut out = vec![
        ["position", "sha", "value", "low", "high", "subject"]
            .map(String::from)
            .to_vec(),
    ];
    for v in &h.values {
        let c = commits.get(&v.position);
        out.push(vec![
            v.position.to_string(),
            c.map_or_else(String::new, |c| c.sha.0.clone()),
            v.value.to_string(),
            v.low.to_string(),
            v.high.to_string(),
            csv_field(c.map_or("", |c| &c.subject)),
        ]);
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
