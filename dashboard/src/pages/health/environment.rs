//! The testbeds, and what changed from one to the next.

use std::collections::BTreeSet;

use collector::format::thousands;
use collector::store::TestbedRow;
use maud::{Markup, html};

use super::rows::Health;
use crate::text;

/// Testbeds in the table.
const NEWEST: usize = 20;

/// What changed between one testbed and the next: name, before, after.
pub(in crate::pages) fn differences(
    before: &TestbedRow,
    after: &TestbedRow,
) -> Vec<(String, String, String)> {
    let names: BTreeSet<&String> = before.facts.keys().chain(after.facts.keys()).collect();
    let get = |t: &TestbedRow, n: &str| {
        let known = t.facts.get(n).filter(|v| !v.trim().is_empty());
        known.cloned().unwrap_or_else(|| "–".into())
    };
    names
        .into_iter()
        .map(|n| (n.clone(), get(before, n), get(after, n)))
        .filter(|(_, a, b)| a != b)
        .collect()
}

pub(super) fn html(h: &Health) -> Markup {
    html! {
        section {
            h2 { "Testbeds" }
            p .muted {
                "What numbers depend on beside the code. A new compiler or library begins a new series; "
                "nothing is compared across it."
            }
            div .scroll { table {
                thead { tr {
                    th scope="col" { "From" } th scope="col" { "To" }
                    th scope="col" .num { "Reports" } th scope="col" { "What" }
                } }
                tbody { @for i in (0..h.testbeds.len()).rev().take(NEWEST) { (row(&h.testbeds, i)) } }
            } }
        }
    }
}

fn row(all: &[TestbedRow], i: usize) -> Markup {
    let t = &all[i];
    html! {
        tr {
            td { (text::time(t.first_time)) }
            td { (text::time(t.last_time)) }
            td .num { (thousands(t.reports as f64)) }
            td { @match i.checked_sub(1) { None => { (facts(t)) } Some(p) => { (changed(&all[p], t)) } } }
        }
    }
}

fn facts(t: &TestbedRow) -> Markup {
    let said = |v: &str| !v.trim().is_empty();
    html! {
        @for (name, value) in t.facts.iter().filter(|(_, v)| said(v)).take(20) {
            span .fact { b { (text::cut(name, 30)) } " " (text::cut(value, 60)) }
        }
    }
}

fn changed(before: &TestbedRow, after: &TestbedRow) -> Markup {
    html! {
        @for (name, a, b) in differences(before, after) {
            span .fact { b { "◆ " (text::cut(&name, 30)) } " " (text::cut(&a, 60)) " → " (text::cut(&b, 60)) }
        }
    }
}
