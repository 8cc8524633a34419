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
    // What is not judged never repeats, and GitLab shows whatever differs as changed.
    for row in j.results.iter().filter(|r| r.judged) {
        let Some(value) = of(row).filter(|v| v.is_finite()) else {
            continue;
        };
        out.push_str(&format!(
            "{name}{{benchmark=\"{}\",metric=\"{}\",counter=\"{}\"}} {}\n",
            label(&row.benchmark),
            label(row.metric.name()),
            label(row.counter.name()),
            rounded(value)
        ));
    }
}

/// Six significant digits of what is no whole number: one digit less than that is noise.
fn rounded(value: f64) -> String {
    if value.fract() == 0.0 {
        return value.to_string();
    }
    let short: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    short.to_string()
}

fn label(text: &str) -> String {
    clean(text, 500).replace('\\', "\\\\").replace('"', "\\\"")
}
