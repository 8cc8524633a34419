//! Commits: what was measured, newest first.

use std::collections::HashMap;

use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, compare_url};
use crate::text::{self, csv_field};

/// Rows on a page.
const ROWS: usize = 50;

/// Commits at positions from `from` on and before `before`.
pub(super) fn page(
    store: &Store,
    app: &App,
    (from, before): (u64, u64),
    format: Format,
) -> Result<Page, Fail> {
    let mut all = store.commits(before, ROWS + 1)?;
    all.retain(|c| c.position >= from);
    match format {
        Format::Json => json_page(
            &json!({ "schema": "uptick.commits/1", "commits": &all[..all.len().min(ROWS)] }),
        ),
        Format::Csv => Ok(csv_page("commits", csv(&all))),
        Format::Html => Ok(layout::page(
            app,
            Nav::Commits,
            "Commits",
            html(store, &all, (from, before))?,
        )),
        other => Err(no_such_form(other)),
    }
}

/// The worst and the best change told at each position.
fn told(store: &Store, all: &[MeasuredCommit]) -> Result<HashMap<u64, Vec<f64>>, Fail> {
    let (Some(newest), Some(oldest)) = (all.first(), all.last()) else {
        return Ok(HashMap::new());
    };
    let mut out: HashMap<u64, Vec<f64>> = HashMap::new();
    for e in store.events_within(oldest.position, newest.position, 2_000)? {
        let c = &e.told.event.change;
        out.entry(c.index.max(0).cast_unsigned())
            .or_default()
            .push(c.change);
    }
    Ok(out)
}

fn html(store: &Store, all: &[MeasuredCommit], (from, before): (u64, u64)) -> Result<Markup, Fail> {
    let told = told(store, all)?;
    let shown = &all[..all.len().min(ROWS)];
    Ok(html! {
        section .verdict.quiet {
            h1 { "Measured commits" @if from > 0 { " from " (from) @if before != u64::MAX { " to " (before.saturating_sub(1)) } } }
            p { "The newest first; gaps are commits that were not measured."
                @if from > 0 && all.len() <= ROWS && let (Some(new), Some(old)) = (shown.first(), shown.last()) && new.position > old.position { " " a href=(compare_url(&old.sha, &new.sha)) { "Compare the first with the last" } } }
            (layout::forms(&[("JSON", url(".json", from, before)), ("CSV", url(".csv", from, before))]))
        }
        @if shown.is_empty() { (layout::empty("No commit was measured", html! { "None is stored" @if from > 0 { " in this range" } @else if before != u64::MAX { " before this one" } "." }, &[("measure the last 20", "uptick run HEAD~20..HEAD")])) } @else {
            div .scroll { table .rows {
                thead { tr { th scope="col" { "Commit" } th scope="col" { "Date" } th scope="col" .num { "Numbers" } th scope="col" { "Changes" } th scope="col" { span .hidden { "Links" } } } }
                tbody { @for (i, c) in shown.iter().enumerate() {
                    @let before = all.get(i + 1);
                    tr {
                        td { (layout::commit_line(c)) }
                        td { (text::time(c.time)) }
                        td .num { @if c.failures > 0 { span .tag.stale { (c.failures) " failed" } " " } (c.measurements) }
                        td { @if let Some(changes) = told.get(&c.position) { (extremes(changes)) } }
                        td { @if let Some(b) = before { a href=(compare_url(&b.sha, &c.sha)) { "Compare" } } }
                    }
                } }
            } }
            nav .pager aria-label="Further rows" {
                @if before != u64::MAX { a href="/commits" { "← newest" } }
                @if all.len() > ROWS && let Some(last) = shown.last() { a rel="next" href=(url("", from, last.position)) { "older →" } }
            }
        }
    })
}

fn url(suffix: &str, from: u64, before: u64) -> String {
    let mut parts = Vec::new();
    if from > 0 {
        parts.push(format!("from={from}"));
    }
    if before != u64::MAX {
        parts.push(format!("before={before}"));
    }
    let mark = if parts.is_empty() { "" } else { "?" };
    format!("/commits{suffix}{mark}{}", parts.join("&"))
}

fn extremes(changes: &[f64]) -> Markup {
    let most = changes.iter().copied().fold(0.0, f64::max);
    let least = changes.iter().copied().fold(0.0, f64::min);
    let metric = collector::model::Metric::Instructions;
    html! {
        @if most > 0.0 { (text::delta(most, metric)) " " } @if least < 0.0 { (text::delta(least, metric)) " " }
        @if changes.len() > 1 { span .muted { "in " (changes.len()) " series" } }
    }
}

fn csv(all: &[MeasuredCommit]) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "position",
            "sha",
            "time",
            "author",
            "subject",
            "measurements",
            "failures",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for c in all.iter().take(ROWS) {
        out.push(vec![
            c.position.to_string(),
            c.sha.0.clone(),
            text::iso(c.time),
            csv_field(&c.author),
            csv_field(&c.subject),
            c.measurements.to_string(),
            c.failures.to_string(),
        ]);
    }
    out
}
