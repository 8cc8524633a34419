//! Choosing several series for one chart.

use collector::store::{SeriesState, Store};
use maud::{Markup, html};

use super::beside;
use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::look::BESIDE;
use crate::pages::answer::the_series;
use crate::pages::layout::{self, Nav};
use crate::pages::search;
use crate::query::Gather;
use crate::text;

/// Benchmarks that are looked at.
const BENCHMARKS: usize = 40;
/// Series that are offered.
const OFFERED: usize = 120;

/// The chart that was asked for; `None` where something is to be chosen first, or taken off.
pub(in crate::pages) fn chart(asked: &Gather) -> Option<String> {
    let first = asked.chosen.first()?;
    let is_chosen = asked.show || asked.text.trim().is_empty();
    (is_chosen && !is_too_many(asked)).then(|| format!("/series/{first}{}", asked.look.query()))
}

fn is_too_many(asked: &Gather) -> bool {
    asked.chosen.len() > BESIDE + 1
}

/// Those that were chosen, and those that the text finds.
pub(in crate::pages) fn page(store: &Store, app: &App, asked: &Gather) -> Result<Page, Fail> {
    let ids = asked.chosen.iter();
    let chosen: Result<Vec<SeriesState>, Fail> = ids.map(|id| the_series(store, id)).collect();
    let chosen = chosen?;
    let mut found = Vec::new();
    for name in search::benchmarks((store, &*app.names.of(store)?), &asked.text, BENCHMARKS)? {
        found.extend(store.series_of(&name)?);
    }
    found.retain(|s| chosen.iter().all(|c| c.row.id != s.row.id));
    let body = html(asked, &chosen, &found);
    Ok(layout::page(app, Nav::Health, "Several series", body))
}

fn html(asked: &Gather, chosen: &[SeriesState], found: &[SeriesState]) -> Markup {
    let shown = &found[..found.len().min(OFFERED)];
    html! {
        section .head {
            h1 { "Several series in one chart" }
            (layout::on_paper("/series"))
            p .muted { "Up to " (BESIDE + 1) " lines, of whichever benchmarks, metrics and testbeds; series of \
                other units are drawn relative to where each begins." }
        }
        form .gather action="/series" {
            (beside::stretch(asked.look))
            div .filters {
                label .hidden for="q" { "Part of a benchmark’s name" }
                input #q name="q" type="search" value=(asked.text) placeholder="part of a benchmark’s name"
                    maxlength="512" spellcheck="false";
                button .small type="submit" { "Find" }
            }
            @if is_too_many(asked) {
                p .note role="alert" { (chosen.len()) " are chosen: take off " (chosen.len() - BESIDE - 1)
                    ", more lines are told apart by nobody." }
            }
            @if !chosen.is_empty() { (table("In the chart", chosen, true)) }
            @if !shown.is_empty() { (table("Found", shown, false)) }
            @else if asked.text.trim().is_empty() { p .muted { (HINT) } }
            @else { (nothing(asked)) }
            @if found.len() > shown.len() {
                p .muted { (found.len() - shown.len()) " more are found: a longer part of the name leaves fewer." }
            }
            @if !chosen.is_empty() || !shown.is_empty() {
                p { button .primary type="submit" name="show" value="1" { "Show in one chart" } }
            }
        }
    }
}

const HINT: &str = "Any part of a name finds it; of several words each must be there.";

fn nothing(asked: &Gather) -> Markup {
    let title = format!("No further series holds “{}”", text::cut(&asked.text, 80));
    layout::empty(
        &title,
        html! { a href="/health" { "Health" } " lists every benchmark." },
        &[],
    )
}

fn table(title: &str, all: &[SeriesState], is_chosen: bool) -> Markup {
    html! {
        section {
            h2 { (title) }
            div .scroll { table .rows.stack {
                thead { tr {
                    th scope="col" { span .hidden { "Chosen" } }
                    th scope="col" { "Benchmark" } th scope="col" { "Metric" } th scope="col" { "Counter" }
                    th scope="col" { "Testbed" } th scope="col" .num { "Newest" }
                } }
                tbody { @for s in all { (row(s, is_chosen)) } }
            } }
        }
    }
}

fn row(s: &SeriesState, is_chosen: bool) -> Markup {
    let key = &s.row.key;
    let id = key.id();
    let (name, metric) = (text::name(&key.benchmark), text::metric(&key.metric));
    html! {
        tr {
            td {
                input #{ "s" (id) } type="checkbox" name="id" value=(id) checked[is_chosen]
                    aria-label={ (name) ", " (metric) ", testbed " (key.fingerprint) };
            }
            th scope="row" .name { label for={ "s" (id) } title=(text::whole(&key.benchmark)) { (name) } }
            td { (metric) }
            td { (key.counter.words()) }
            td .muted { code { (text::cut(&key.fingerprint, 16)) } }
            td .num data-th="newest" { (text::value(s.row.latest_value, &key.metric)) }
        }
    }
}
