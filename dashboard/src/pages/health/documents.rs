//! The index as JSON, CSV and Markdown.

use collector::format::share;
use serde_json::{Value, json};

use super::rows::{Health, Row};
use crate::text::{self, csv_field, md};

pub(super) fn json(h: &Health) -> Value {
    let rows: Vec<Value> = h.rows.iter().map(row).collect();
    json!({
        "schema": "uptick.series_list/1", "total": h.total, "series": rows, "testbeds": h.testbeds,
    })
}

fn row(r: &Row) -> Value {
    let (s, key) = (&r.series, &r.series.row.key);
    json!({
        "series": key.id(), "benchmark": key.benchmark, "metric": key.metric,
        "unit": key.metric.unit(), "better": key.metric.better(),
        "counter": key.counter, "testbed": key.fingerprint, "class": s.row.class,
        "kind": s.kind, "points": s.row.points, "latest": s.row.latest_value,
        "latest_sha": s.latest_sha, "latest_time": s.latest_time, "noise": s.noise,
        "drift": s.drift, "drift_total": r.drift.as_ref().map(|d| d.total),
        "limit": r.next(), "why": r.limit.as_ref().map(|l| &l.why), "lasting_step": r.lasting,
        "alarms": r.alerts.0, "false_alarms": r.alerts.1,
    })
}

const COLUMNS: [&str; 11] = [
    "series",
    "benchmark",
    "metric",
    "counter",
    "points",
    "latest",
    "noise",
    "limit",
    "alarms",
    "false_alarms",
    "lasting_step",
];

pub(super) fn csv(h: &Health) -> Vec<Vec<String>> {
    let mut out = vec![COLUMNS.map(String::from).to_vec()];
    for r in &h.rows {
        let (s, key) = (&r.series, &r.series.row.key);
        out.push(vec![
            key.id(),
            csv_field(&key.benchmark),
            csv_field(key.metric.name()),
            csv_field(key.counter.name()),
            s.row.points.to_string(),
            s.row.latest_value.to_string(),
            s.noise.to_string(),
            r.next().map_or_else(String::new, text::csv_number),
            r.alerts.0.to_string(),
            r.alerts.1.to_string(),
            r.lasting.to_string(),
        ]);
    }
    out
}

pub(super) fn markdown(h: &Health) -> String {
    let mut out = String::from(
        "| benchmark | metric | latest | noise | next commit: limit | lasting step from | state |\n\
         |---|---|--:|--:|--:|--:|---|\n",
    );
    for r in &h.rows {
        let (s, key) = (&r.series, &r.series.row.key);
        let troubles = r.troubles(h.newest);
        let state = match troubles.as_slice() {
            [] => "ok".to_string(),
            all => all.iter().map(|t| t.0).collect::<Vec<_>>().join(", "),
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {state} |\n",
            md(&key.benchmark),
            md(key.metric.name()),
            md(&text::value(s.row.latest_value, &key.metric)),
            share(s.noise),
            md(&r.allowed()),
            share(r.lasting),
        ));
    }
    out
}
