//! A judgement as SARIF 2.1.0, which code scanning of several forges and editors read.

use crate::judge::{Judgement, Row};
use crate::model::{Metric, digest};
use crate::report::{annotated, fingerprint, message};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The log of one run of one tool.
#[must_use]
pub fn sarif(j: &Judgement) -> String {
    let regressed = j.unaccepted();
    let own = regressed.iter().map(|r| &r.metric).filter(|m| m.is_own());
    let mut metrics: BTreeSet<&Metric> = own.collect();
    metrics.extend(&Metric::WELL_KNOWN);
    let rules: Vec<Value> = metrics.into_iter().map(rule).collect();
    let results: Vec<Value> = regressed.iter().map(|r| result(j, r)).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "uptick",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn rule(metric: &Metric) -> Value {
    json!({
        "id": metric.name(),
        "shortDescription": { "text": format!("A benchmark's {} regressed", metric.name()) },
    })
}

fn result(j: &Judgement, row: &Row) -> Value {
    let (path, line) = annotated(row);
    json!({
        "ruleId": row.metric.name(),
        "level": "error",
        "message": { "text": message(row) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&path) },
            "region": { "startLine": line },
        }}],
        "partialFingerprints": { "uptick/v1": digest(fingerprint(j, row).as_bytes()) },
    })
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for b in path.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.~/+@".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_is_a_reference() {
        assert_eq!(super::uri("src/a b:é.rs"), "src/a%20b%3A%C3%A9.rs");
    }
}
