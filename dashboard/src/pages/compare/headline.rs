//! The verdict on one comparison in one line: losses and gains, suspects apart, failures.

use collector::judge::{Judgement, Outcome, Row};
use collector::model::Verdict;
use maud::{Markup, html};

use crate::text::{self, plural};

/// The rows that a headline is about: the judged ones, or those of one metric.
pub(super) fn of<'a>(j: &'a Judgement, metric: Option<&str>, verdict: Verdict) -> Vec<&'a Row> {
    let wanted =
        |r: &&Row| metric.map_or(r.judged, |m| r.metric.name() == m) && r.verdict == verdict;
    let mut rows: Vec<&Row> = j.results.iter().filter(wanted).collect();
    rows.sort_by(|a, b| size(b).total_cmp(&size(a)));
    rows
}

pub(super) fn size(r: &Row) -> f64 {
    r.change.map_or(0.0, f64::abs)
}

/// The verdict in one line.
pub(in crate::pages) fn verdict(j: &Judgement, metric: Option<&str>) -> Markup {
    let worse = of(j, metric, Verdict::Regressed);
    let in_head = |r: &&Row| metric.map_or(r.judged, |m| r.metric.name() == m) && r.head.is_some();
    let total = j.results.iter().filter(in_head).count();
    let compared = plural(total, "benchmark");
    html! {
        @if !worse.is_empty() {
            span aria-hidden="true" { "▲" } " Regression: " (worse.len()) " of " (compared)
            ", worst " (largest(&worse))
        } @else if metric.is_none() && j.outcome == Outcome::NoVerdict {
            "No verdict: " (why_not(j))
        } @else {
            span .tick aria-hidden="true" { "✓" } " No regression in " (compared)
        }
        (gains(j, metric))
        (suspects(j, metric))
        @if !j.failures.is_empty() { " · " (j.failures.len()) " failed" }
    }
}

fn largest(rows: &[&Row]) -> String {
    let moved = rows.first().map(|r| r.moved());
    moved.map_or_else(String::new, |m| text::tight(&m))
}

fn gains(j: &Judgement, metric: Option<&str>) -> Markup {
    let better = of(j, metric, Verdict::Improved);
    html! {
        @if !better.is_empty() { " · " (better.len()) " improved, best " (largest(&better)) }
    }
}

fn suspects(j: &Judgement, metric: Option<&str>) -> Markup {
    let n = of(j, metric, Verdict::Suspect).len();
    html! { @if n > 0 { " · " (n) " suspect" } }
}

/// Why there is no verdict.
pub(super) fn why_not(j: &Judgement) -> String {
    if let Some(r) = j.with(Verdict::Incomparable).first() {
        return text::cut(&r.why, 200);
    }
    match j.with(Verdict::Vanished).len() {
        0 => "nothing was measured in both".into(),
        n => format!("{} vanished", plural(n, "benchmark")),
    }
}

/// How the verdict looks: red only for what regressed.
pub(in crate::pages) fn class(j: &Judgement, metric: Option<&str>) -> &'static str {
    if !of(j, metric, Verdict::Regressed).is_empty() {
        return "bad";
    }
    match j.outcome {
        Outcome::NoVerdict if metric.is_none() => "quiet",
        _ => "good",
    }
}
