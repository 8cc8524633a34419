//! What the environments of two reports have in common, and what they differ in.

use collector::judge::Row;
use collector::model::{Counter, Fact};
use maud::{Markup, html};

use crate::headline::is_of;
use crate::pages::compare::load::Comparison;
use crate::text;

/// What a reader asks about first.
const ASKED: [&str; 3] = ["rustc", "libc", "kernel"];
/// Differences that are listed.
const LISTED: usize = 12;

/// Whether both were measured in the same place, as far as it matters to what is shown.
pub(super) fn html(c: &Comparison, metric: Option<&str>) -> Markup {
    let counter = counter(c, metric);
    let facts = c
        .base_report
        .testbed
        .beside(&c.head_report.testbed, counter);
    let differs = |matters: bool| {
        let wanted = move |f: &&Fact| !f.is_same() && f.matters == matters;
        facts.iter().filter(wanted).take(LISTED)
    };
    let same = facts
        .iter()
        .filter(|f| f.is_same() && ASKED.contains(&f.name.as_str()));
    let same: Vec<&Fact> = same.collect();
    html! {
        p .muted {
            @if differs(true).next().is_some() { "Another testbed, " (counter.words()) }
            @else { "Same testbed, " (counter.words()) }
            @if !same.is_empty() {
                "; same "
                @for (i, f) in same.iter().enumerate() {
                    @if i > 0 { ", " }
                    (text::cut(&f.name, 30)) " " (text::cut(&f.here, 40))
                }
            }
            "."
        }
        @if differs(true).next().is_some() {
            p .warn {
                @for f in differs(true) { (fact(f)) }
                "Its rows are grey: what differs there is not the code's doing alone."
            }
        }
        @if differs(false).next().is_some() {
            p .muted {
                @for f in differs(false) { (fact(f)) }
                "Numbers " (counter.words()) " do not depend on that."
            }
        }
    }
}

fn fact(f: &Fact) -> Markup {
    let value = |v: &str| {
        if v.trim().is_empty() {
            "–".into()
        } else {
            text::cut(v, 40)
        }
    };
    html! {
        span .fact { "◆ " (text::cut(&f.name, 40)) ": " (value(&f.here)) " → " (value(&f.there)) }
    }
}

/// How the metric that is shown was counted.
fn counter<'a>(c: &'a Comparison, metric: Option<&str>) -> &'a Counter {
    let shown = |r: &&Row| metric.is_some() && is_of(r, metric);
    let found = c.judgement.results.iter().find(shown);
    found.map_or(&c.judgement.counter, |r| &r.counter)
}
