//! All changes as documents.

use collector::store::Event;
use serde_json::{Value, json};

use super::load::{List, ROWS, Row};
use crate::pages::groups::verdict;
use crate::query::Changes;
use crate::text::{self, csv_field};

/// One change, as every document has it.
pub(in crate::pages) fn change(e: &Event) -> Value {
    let key = &e.series.key;
    json!({
        "benchmark": key.benchmark, "metric": key.metric,
        "unit": key.metric.unit(), "better": key.metric.better(),
        "counter": key.counter, "testbed": key.fingerprint,
        "series": key.id(), "verdict": verdict(e), "event": e.reported,
    })
}

pub(super) fn json(list: &List, asked: &Changes) -> Value {
    let rows: Vec<Value> = list.rows.iter().map(row).collect();
    json!({
        "schema": "uptick.all_changes/1", "total": list.total, "page": asked.page,
        "per_page": ROWS, "changes": rows,
    })
}

fn row(r: &Row) -> Value {
    let mut out = change(&r.event);
    out["stands"] = json!(r.event.reported.fate().word());
    out["carer"] = json!(r.carer);
    out["base"] = json!(r.around.as_ref().map(|(base, _)| base));
    out["commit"] = json!(r.around.as_ref().map(|(_, commit)| commit));
    out
}

pub(super) fn csv(list: &List) -> Vec<Vec<String>> {
    let head = [
        "event",
        "state",
        "verdict",
        "change",
        "before",
        "after",
        "unit",
        "benchmark",
        "metric",
        "counter",
        "testbed",
        "first",
        "last",
        "commit",
        "time",
        "note",
        "link",
        "carer",
        "assignee",
        "fixed",
        "due",
        "snooze",
    ];
    let mut out = vec![head.map(String::from).to_vec()];
    out.extend(list.rows.iter().map(line));
    out
}

fn line(r: &Row) -> Vec<String> {
    let (key, t) = (&r.event.series.key, &r.event.reported);
    let c = &t.event.change;
    let commit = r.around.as_ref().map(|(_, commit)| commit);
    vec![
        t.id.clone(),
        t.fate().word().into(),
        verdict(&r.event).name().into(),
        text::csv_number(c.change),
        c.before.to_string(),
        c.after.to_string(),
        csv_field(key.metric.unit()),
        csv_field(&key.benchmark),
        csv_field(key.metric.name()),
        csv_field(key.counter.name()),
        csv_field(&key.fingerprint),
        c.first.to_string(),
        c.last.to_string(),
        commit.map_or_else(String::new, |m| m.sha.0.clone()),
        commit.map_or_else(String::new, |m| text::iso(m.time)),
        csv_field(&t.note),
        csv_field(&t.link),
        csv_field(r.carer.as_deref().unwrap_or("")),
        csv_field(&t.assignee),
        csv_field(&t.fixed),
        csv_field(&t.due),
        csv_field(&t.snooze),
    ]
}
