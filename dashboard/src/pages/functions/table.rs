//! The functions that differ, the largest difference first.

use collector::format::signed;
use collector::model::FunctionDelta;
use maud::{Markup, html};

use super::links::Links;
use super::load::{Pair, Source};
use crate::app::App;
use crate::look::Look;
use crate::text;

/// Functions in the table.
pub(super) const ROWS: usize = 40;

pub(super) fn html(app: &App, p: &Pair, look: &Look) -> Markup {
    let functions = p.functions();
    let all: f64 = functions
        .iter()
        .map(|f| f.delta.unsigned_abs() as f64)
        .sum();
    let has_total = matches!(p.source, Source::Stacks { .. });
    let links = Links::of(app, p, look);
    let frames = links.frames();
    html! {
        section {
            h2 .hidden { "Functions by change" }
            div .scroll tabindex="0" role="region" aria-label="Functions by change" {
                table .rows.functions.stack {
                    thead { (head(has_total)) }
                    tbody {
                        @for f in functions.iter().take(ROWS) {
                            (row(f, all, has_total, &|f| links.name(f, &frames)))
                        }
                    }
                }
            }
            @if functions.len() > ROWS { p .muted { "and " (functions.len() - ROWS) " more in the CSV" } }
        }
    }
}

fn head(has_total: bool) -> Markup {
    html! {
        tr {
            th scope="col" { "Function" }
            th scope="col" .num { "Self before" }
            th scope="col" .num { "Self after" }
            th scope="col" .num { "Δ self" }
            @if has_total { th scope="col" .num { "Δ total" } }
            th scope="col" { "Status" }
            th scope="col" { "Share of what moved" }
        }
    }
}

fn row(
    f: &FunctionDelta,
    all: f64,
    has_total: bool,
    name: &dyn Fn(&FunctionDelta) -> Markup,
) -> Markup {
    let (class, word) = status(f);
    let delta = text::minus(&signed(f.delta as f64));
    let total = signed(f.head_inclusive as f64 - f.base_inclusive as f64);
    html! {
        tr {
            th scope="row" .name title=(text::whole(&f.name)) { (name(f)) }
            td .num data-label="before" { (cost(f.base)) }
            td .num data-label="after" { (cost(f.head)) }
            td .num.first { span .delta.(direction(f)) { (delta) } }
            @if has_total { td .num data-label="with callees" { (text::minus(&total)) } }
            td { span .tag.(class) { (word) } }
            td { (bar(f, f.delta.unsigned_abs() as f64 / all.max(1.0))) }
        }
    }
}

fn cost(x: u64) -> String {
    match x {
        0 => "–".into(),
        x => text::count(x as f64),
    }
}

const fn direction(f: &FunctionDelta) -> &'static str {
    if f.delta > 0 { "up" } else { "down" }
}

fn status(f: &FunctionDelta) -> (&'static str, &'static str) {
    match (f.base, f.head) {
        (0, _) => ("added", "added"),
        (_, 0) => ("removed", "removed"),
        (b, h) if h > b => ("up", "costs more"),
        _ => ("down", "costs less"),
    }
}

/// How much of all that moved it is.
fn bar(f: &FunctionDelta, part: f64) -> Markup {
    let width = format!("{:.1}", 100.0 * part);
    html! {
        svg .bar viewBox="0 0 100 8" width="100" height="8" aria-hidden="true" {
            rect .(direction(f)) width=(width) height="8" {}
        }
        " " (part_words(part))
    }
}

fn part_words(part: f64) -> String {
    if part < 0.005 {
        "< 1 %".into()
    } else {
        format!("{:.0} %", 100.0 * part)
    }
}
