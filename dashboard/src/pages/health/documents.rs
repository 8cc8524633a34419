//! The index as JSON, CSV and Markdown.

use collector::format::share;
use serde_json::{Value, json};

use super::rows::{Health, Row, noise_of};
use crate::query::{self, State};
use crate::text::{self, csv_field, md};

pub(super) fn json(h: &Health, asked: &query::Health) -> Value {
    let rows: Vec<Value> = h.rows.iter().map(|r| row(h, r)).collect();
    let suite = h.suite();
    let states: serde_json::Map<String, Value> = State::ALL
        .iter()
        .filter(|s| **s != State::All)
        .map(|s| (s.word().to_string(), json!(h.count(*s))))
        .collect();
    json!({
        "schema": "uptick.series_list/1", "total": h.total, "series": rows,
        "suite": { "series": suite.all, "look": suite.look, "fine": suite.all - suite.look },
        "matching": h.matching.all, "states": states, "unsearched": h.overview.unsearched,
        "failures": h.overview.failures, "testbeds": h.overview.testbeds,
        "collectors": asked.machines.as_ref().map(|all| {
            all.iter().map(machine).collect::<Vec<_>>()
        }),
    })
}

fn machine(m: &query::Machine) -> Value {
    json!({
        "name": m.name, "labels": m.labels, "heard": m.heard, "silent": m.silent, "busy": m.busy,
    })
}

fn row(h: &Health, r: &Row) -> Value {
    let e = h.entry(r);
    let (s, key) = (&e.series, &e.series.row.key);
    json!({
        "series": key.id(), "benchmark": key.benchmark, "metric": key.metric,
        "unit": key.metric.unit(), "better": key.metric.better(), "owner": e.owner.as_deref(),
        "counter": key.counter, "testbed": key.fingerprint, "class": s.row.class,
        "kind": s.kind, "points": s.row.points, "latest": s.row.latest_value,
        "latest_sha": s.latest_sha, "latest_time": s.latest_time, "noise": noise_of(e),
        "drift": s.drift, "drift_total": r.drift.as_ref().map(|d| d.total),
        "drift_since": r.drift.as_ref().and_then(|d| d.since),
        "drift_change": r.drift.as_ref().and_then(|d| d.opened.as_deref()),
        "limit": r.sight.next.fraction, "limit_units": r.sight.next.units,
        "why": r.sight.next.why.to_string(), "reason": r.sight.next.why,
        "lasting_step": r.sight.lasting,
        "alarms": e.alerts.0, "false_alarms": e.alerts.1, "states": e.troubles,
    })
}

const COLUMNS: [&str; 12] = [
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
    "states",
];

/// The troubles of a series, or that it is fine.
fn state(h: &Health, r: &Row) -> String {
    let troubles = &h.entry(r).troubles;
    if troubles.is_empty() {
        return "ok".into();
    }
    let words: Vec<&str> = troubles.iter().map(|t| t.name()).collect();
    words.join(" ")
}

pub(super) fn csv(h: &Health) -> Vec<Vec<String>> {
    let mut out = vec![COLUMNS.map(String::from).to_vec()];
    for r in &h.rows {
        let e = h.entry(r);
        let (s, key) = (&e.series, &e.series.row.key);
        out.push(vec![
            key.id(),
            csv_field(&key.benchmark),
            csv_field(key.metric.name()),
            csv_field(key.counter.name()),
            s.row.points.to_string(),
            s.row.latest_value.to_string(),
            noise_of(e).to_string(),
            text::csv_number(r.sight.next.fraction),
            e.alerts.0.to_string(),
            e.alerts.1.to_string(),
            r.sight.lasting.to_string(),
            state(h, r),
        ]);
    }
    out
}

pub(super) fn markdown(h: &Health) -> String {
    let suite = h.suite();
    let mut out = format!(
        "{} of {} series need a look.\n\n\
         | benchmark | metric | latest | noise | next commit: limit | lasting step from | state |\n\
         |---|---|--:|--:|--:|--:|---|\n",
        suite.look, suite.all
    );
    for r in &h.rows {
        let e = h.entry(r);
        let s = &e.series;
        let key = &s.row.key;
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            md(&key.benchmark),
            md(key.metric.name()),
            md(&text::value(s.row.latest_value, &key.metric)),
            share(noise_of(e)),
            md(&h.allowed(r)),
            share(r.sight.lasting),
            state(h, r),
        ));
    }
    out
}
