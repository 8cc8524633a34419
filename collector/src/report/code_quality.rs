//! A judgement as GitLab's Code Quality report: its widget shows what the merge request adds.

use crate::judge::{Judgement, Row};
use crate::model::digest;
use crate::report::{annotated, fingerprint, message};
use serde_json::{Value, json};

/// The report; `[]` when nothing regressed, which the target branch must say too.
#[must_use]
pub fn code_quality(j: &Judgement) -> String {
    let issues: Vec<Value> = j.unaccepted().iter().map(|r| issue(j, r)).collect();
    format!("{:#}\n", Value::from(issues))
}

fn issue(j: &Judgement, row: &Row) -> Value {
    let (path, line) = annotated(row);
    json!({
        "description": message(row),
        "check_name": format!("uptick/{}", row.metric),
        // Two with the same fingerprint are one to GitLab, and the commit must not be in it:
        // a regression that stays is the same issue.
        "fingerprint": digest(fingerprint(j, row).as_bytes()),
        "severity": "major",
        "location": { "path": path, "lines": { "begin": line } },
    })
}
