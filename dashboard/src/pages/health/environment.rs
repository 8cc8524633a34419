//! Testbeds: what names them, when each last reported, what changed from one to the next; and the
//! collectors of the server, where there is one.

use std::collections::BTreeSet;

use collector::format::thousands;
use collector::model::Counter;
use collector::store::TestbedRow;
use maud::{Markup, html};

use super::rows::Health;
use crate::overview::Bed;
use crate::pages::testbeds::{Facts, Stay, all_differences, stay_of, stays};
use crate::query::Machine;
use crate::text::{self, plural};

/// Testbeds of before that are listed beside those that measure.
const BEFORE: usize = 5;
/// Facts that are named of a testbed.
const FACTS: usize = 12;

pub(super) fn html(h: &Health) -> Markup {
    let all = &h.overview.testbeds;
    let entries = h.overview.entries.iter();
    let counters: BTreeSet<Counter> = entries.map(|e| e.series.row.key.counter.clone()).collect();
    let counters: Vec<Counter> = counters.into_iter().collect();
    let stays = stays(all.iter().map(|b| &b.row), &counters);
    let mut before = 0;
    let shown: Vec<usize> = (0..all.len())
        .rev()
        .filter(|i| {
            before += usize::from(all[*i].series == 0);
            all[*i].series > 0 || before <= BEFORE
        })
        .collect();
    html! {
        section #testbeds {
            h2 { "Testbeds" }
            p .muted {
                "What numbers depend on beside the code. A new compiler or library begins a new series; "
                "nothing is compared across it."
                @if shown.len() < all.len() { " " (all.len() - shown.len()) " earlier ones are not shown." }
            }
            div .scroll { table .rows.stack.beds {
                thead { tr {
                    th scope="col" { "Testbed" }
                    th scope="col" { "Commits" }
                    th scope="col" .num { "Reports" }
                    th scope="col" { "Newest report" }
                    th scope="col" { "State" }
                    th scope="col" { "What" }
                } }
                tbody { @for i in shown { (row(all, i, (&stays, &counters))) } }
            } }
        }
    }
}

fn row(all: &[Bed], i: usize, known: (&[Stay<'_>], &[Counter])) -> Markup {
    let bed = &all[i];
    let t = &bed.row;
    html! {
        tr {
            th scope="row" { (ids(bed)) }
            td { (text::date(t.first_time)) " to " (text::date(t.last_time)) }
            td .num { (thousands(t.reports as f64)) }
            td { @match bed.last_report { Some(at) => { (text::moment(at)) } None => { "–" } } }
            td { (state(bed)) }
            td .what { (what(t, known)) }
        }
    }
}

/// The names that Series prints, one for all counters that agree.
fn ids(bed: &Bed) -> Markup {
    let mut by_id: Vec<(&str, Vec<&str>)> = Vec::new();
    for (counter, id) in &bed.ids {
        match by_id.iter_mut().find(|(known, _)| known == id) {
            Some((_, counters)) => counters.push(counter),
            None => by_id.push((id, vec![counter])),
        }
    }
    let several = by_id.len() > 1;
    html! {
        @for (i, (id, counters)) in by_id.iter().enumerate() {
            @if i > 0 { br; }
            code { (id) }
            @if several { " " (text::cut(&counters.join(", "), 60)) }
        }
    }
}

fn state(bed: &Bed) -> Markup {
    let behind = plural(usize::try_from(bed.behind).unwrap_or(usize::MAX), "commit");
    html! {
        @if bed.series == 0 { "replaced" }
        @else if bed.is_silent() { span .tag.stale { "silent" } " for " (behind) }
        @else if bed.behind > 0 { (behind) " behind" }
        @else { "measures " (plural(bed.series, "series")) }
    }
}

fn facts(t: &TestbedRow) -> String {
    let said = t.facts.iter().filter(|(_, v)| !v.trim().is_empty());
    let all: Vec<String> = said
        .take(FACTS)
        .map(|(name, value)| format!("{} {}", text::cut(name, 30), text::cut(value, 60)))
        .collect();
    all.join(" · ")
}

/// What changed when a testbed came; of one that took no other's place what it is.
fn what(t: &TestbedRow, (stays, counters): (&[Stay<'_>], &[Counter])) -> String {
    let Some(stay) = stay_of(stays, t, counters) else {
        return facts(t);
    };
    if stay.first != t {
        let same = changed(&all_differences(stay.first, t));
        return format!("{same} (no number depends on it)");
    }
    let before = stay.replaced.as_ref();
    before.map_or_else(|| facts(t), |(_, facts)| changed(facts))
}

fn changed(facts: &Facts) -> String {
    let all: Vec<String> = facts
        .iter()
        .map(|(name, a, b)| {
            let (name, a, b) = (text::cut(name, 30), text::cut(a, 60), text::cut(b, 60));
            format!("◆ {name} {a} → {b}")
        })
        .collect();
    all.join(" · ")
}

/// The collectors of the server that has the project.
pub(super) fn machines(all: &[Machine]) -> Markup {
    html! {
        section #collectors {
            h2 { a href="/collectors" { "Collectors" } }
            @if all.is_empty() { p { "None was ever heard of: nothing is measured until one asks for work." } }
            @else {
                ul .plain {
                    @for m in all {
                        li {
                            b { (text::cut(&m.name, 64)) } " "
                            @if m.silent { span .tag.stale { "silent" } " since " }
                            @else if m.busy { "measures, last heard of " } @else { "waits for work, last heard of " }
                            (text::moment(m.heard)) " · "
                            (text::cut(&m.labels.join(", "), 100))
                        }
                    }
                }
            }
        }
    }
}
