//! A judgement as GitLab's Code Quality report: its widget shows what the merge request adds.

use crate::config::Config;
use crate::format::{sentence, telling};
use crate::judge::{Judgement, Row};
use crate::model::{Failure, digest};
use crate::report::{annotated, fingerprint, message};
use serde_json::{Value, json};

/// The report; `[]` when nothing regressed, which the target branch must say too.
#[must_use]
pub fn code_quality(j: &Judgement) -> String {
    let regressed = j.unaccepted();
    let issues = regressed.iter().map(|r| issue(j, r));
    let all: Vec<Value> = issues.chain(j.failures.iter().map(failed)).collect();
    format!("{:#}\n", Value::from(all))
}

/// A benchmark without a number is not clean, and no regression either.
fn failed(f: &Failure) -> Value {
    let name = f.benchmark.as_deref().unwrap_or("the commit");
    json!({
        "description": format!("{} gave no number: {}", sentence(name, 200), telling(&f.message, 200)),
        "check_name": "uptick/failed",
        "fingerprint": digest(format!("{name}\0{}", f.stage).as_bytes()),
        "severity": "info",
        "location": { "path": Config::FILE, "lines": { "begin": 1 } },
    })
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
