//! A judgement as OpenMetrics, for GitLab's metrics report and whatever scrapes files.

use crate::judge::{Judgement, Row};
use crate::model::Verdict;
use crate::profile::names::clean;

/// The families, ended by `# EOF`.
#[must_use]
pub fn openmetrics(j: &Judgement) -> String {
    let mut out = String::new();
    let value = |r: &Row| r.head.as_ref().map(|h| h.value);
    family(
        &mut out,
        j,
        "uptick_value",
        "The measured value, in the metric's unit.",
        &value,
    );
    let change = |r: &Row| r.change;
    family(
        &mut out,
        j,
        "uptick_change_ratio",
        "The change since the baseline.",
        &change,
    );
    let regressed = |r: &Row| {
        let stands = r.judged && r.verdict == Verdict::Regressed && r.accepted.is_none();
        r.head.as_ref().map(|_| f64::from(u8::from(stands)))
    };
    family(
        &mut out,
        j,
        "uptick_regressed",
        "Whether it regressed.",
        &regressed,
    );
    out.push_str("# EOF\n");
    out
}

fn family(
    out: &mut String,
    j: &Judgement,
    name: &str,
    help: &str,
    of: &dyn Fn(&Row) -> Option<f64>,
) {
    out.push_str(&format!("# TYPE {name} gauge\n# HELP {name} {help}\n"));
    for row in &j.results {
        let Some(value) = of(row).filter(|v| v.is_finite()) else {
            continue;
        };
        out.push_str(&format!(
            "{name}{{benchmark=\"{}\",metric=\"{}\",counter=\"{}\"}} {value}\n",
            label(&row.benchmark),
            label(row.metric.name()),
            label(row.counter.name())
        ));
    }
}

fn label(text: &str) -> String {
    clean(text, 500).replace('\\', "\\\\").replace('"', "\\\"")
}
