//! What of a comparison is shown: by verdict, by metric, by name; all of it in the address.

use std::collections::BTreeSet;

use collector::model::Verdict;
use maud::{Markup, html};

use crate::headline::{self, is_of};
use crate::pages::compare::load::Comparison;
use crate::pages::compare::rows::{Rows, is_shown};
use crate::pages::layout;
use crate::query::{Show, Sort};
use crate::text::{self, plural};

pub(super) fn filters(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let count = |s: Show| {
        let results = c.judgement.results.iter();
        results
            .filter(|r| is_of(r, rows.metric) && is_shown(r, s))
            .count()
    };
    let labels: Vec<String> = Show::ALL
        .iter()
        .map(|(s, _)| format!("{} {}", s.label(), count(*s)))
        .collect();
    let show: Vec<(&str, String, bool)> = Show::ALL
        .iter()
        .zip(&labels)
        .map(|((show, _), label)| {
            let to = Rows {
                show: *show,
                page: 1,
                ..*rows
            };
            (label.as_str(), to.url(&c.stem), *show == rows.show)
        })
        .collect();
    html! {
        div .filters {
            (layout::choice("show", &show))
            (metrics(c, rows))
            (by_name(c, rows))
        }
    }
}

fn by_name(c: &Comparison, rows: &Rows<'_>) -> Markup {
    html! {
        form action=(c.stem) role="search" {
            @if let Some(v) = rows.variants {
                input type="hidden" name="tag" value=(v.head());
                input type="hidden" name="against" value=(v.base());
            }
            @if let Some(m) = rows.metric { input type="hidden" name="metric" value=(m); }
            input type="hidden" name="show" value=(rows.show.word());
            @if rows.sort != Sort::default() {
                input type="hidden" name="sort" value=(rows.sort.word());
            }
            label .hidden for="q" { "Filter by name" }
            input #q name="q" type="search" value=(rows.text) placeholder="filter by name"
                maxlength="512";
            button .small type="submit" { "Filter" }
        }
    }
}

fn metrics(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let metrics = c.judgement.results.iter().map(|r| &r.metric);
    let mut present: Vec<&str> = metrics
        .collect::<BTreeSet<_>>()
        .iter()
        .map(|m| m.name())
        .collect();
    present.dedup();
    let count = |metric: Option<&str>| {
        let results = c.judgement.results.iter();
        results.filter(|r| is_of(r, metric)).count()
    };
    let all: Vec<Option<&str>> = std::iter::once(None)
        .chain(present.iter().map(|m| Some(*m)))
        .collect();
    let labels: Vec<String> = all
        .iter()
        .map(|m| format!("{} {}", m.unwrap_or("judged"), count(*m)))
        .collect();
    let options: Vec<(&str, String, bool)> = all
        .iter()
        .zip(&labels)
        .map(|(metric, label)| {
            let to = Rows {
                metric: *metric,
                page: 1,
                ..*rows
            };
            (label.as_str(), to.url(&c.stem), *metric == rows.metric)
        })
        .collect();
    html! { @if present.len() > 1 { (layout::choice("metric", &options)) } }
}

/// Why no row is shown, and where they are.
pub(super) fn none(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let all = Rows {
        show: Show::All,
        text: "",
        page: 1,
        ..*rows
    }
    .url(&c.stem);
    if !rows.text.is_empty() {
        return layout::empty(
            "No row matches the filter",
            html! { a href=(all) { "Show all rows" } },
            &[],
        );
    }
    let unchanged = headline::of(&c.judgement, rows.metric, Verdict::Unchanged);
    let largest = unchanged
        .first()
        .filter(|r| r.change.is_some())
        .map_or_else(String::new, |r| {
            format!(", the largest by {}", text::minus(&r.moved()))
        });
    let missing = Rows {
        show: Show::Missing,
        page: 1,
        ..*rows
    }
    .url(&c.stem);
    match (rows.show, unchanged.len()) {
        (Show::Missing, _) => layout::empty(
            "Nothing is missing",
            html! { "Every benchmark of either commit was measured in both." },
            &[],
        ),
        (_, 0) => layout::empty(
            "Nothing could be compared",
            html! {
                (headline::why_not(&c.judgement, rows.metric)) ". "
                a href=(missing) { "Show what is there" }
            },
            &[],
        ),
        (Show::Changed | Show::All, n) => layout::empty(
            "Nothing moved beyond its limit",
            html! { (plural(n, "benchmark")) " moved less than that" (largest) ". " a href=(all) { "Show all" } },
            &[],
        ),
        (show, _) => layout::empty(
            &format!("No row is {}", show.label()),
            html! { a href=(all) { "Show all rows" } },
            &[],
        ),
    }
}
