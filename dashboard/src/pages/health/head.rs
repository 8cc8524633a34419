//! The judgement over all series, and the ways to choose among them.

use collector::format::thousands;
use collector::history::health::Trouble;
use maud::{Markup, html};

use super::address::{address, parameters};
use super::rows::{Count, Health};
use crate::pages::layout;
use crate::query::{self, Grouping, State};
use crate::text::{self, plural};

/// Metrics that one can choose by a link; the others by the address.
const METRICS: usize = 12;

pub(super) fn judgement(h: &Health, asked: &query::Health) -> Markup {
    let suite = h.suite();
    let tone = match suite.look {
        _ if suite.all == 0 => "quiet",
        0 => "good",
        _ => "quiet",
    };
    html! {
        section .verdict.(tone) {
            h1 { (said(suite)) }
            p { (beside(h, asked)) }
            (layout::forms(&forms(asked)))
        }
    }
}

/// `3 need a look, 38 fine`.
fn said(suite: Count) -> String {
    let fine = thousands((suite.all - suite.look) as f64);
    match suite.look {
        _ if suite.all == 0 => "Suite: no series yet".into(),
        0 => format!("Suite: all {fine} series are fine"),
        1 => format!("Suite: 1 series needs a look, {fine} fine"),
        n => format!(
            "Suite: {} series need a look, {fine} fine",
            thousands(n as f64)
        ),
    }
}

fn beside(h: &Health, asked: &query::Health) -> Markup {
    let o = &h.overview;
    let newest = o.testbeds.iter().filter_map(|t| t.last_report).max();
    let silent = o.testbeds.iter().filter(|t| t.is_silent()).count();
    let machines = asked.machines.iter().flatten();
    let mute = machines.filter(|m| m.silent).count();
    html! {
        (plural(o.counts.0 as usize, "report")) ", " (plural(o.counts.1 as usize, "point")) ", "
        (plural(o.testbeds.len(), "testbed"))
        @if let Some(at) = newest { "; newest report " (text::moment(at)) }
        "."
        @if silent > 0 { " " a href="#testbeds" { b { (plural(silent, "testbed")) " silent" } } "." }
        @if mute > 0 { " " a href="#collectors" { b { (plural(mute, "collector")) " silent" } } "." }
        @if !o.failures.is_empty() {
            " " a href="#failures" { b { (plural(o.failures.len(), "failure")) } } " on the newest commit."
        }
        @if o.unsearched > 0 {
            " " (text::unsearched(o.unsearched as usize)) "."
        }
    }
}

fn forms(asked: &query::Health) -> Vec<(&'static str, String)> {
    let here = address(asked);
    let query = here
        .split_once('?')
        .map_or(String::new(), |(_, q)| format!("?{q}"));
    ["JSON", "CSV", "Markdown"]
        .into_iter()
        .zip(["json", "csv", "md"])
        .map(|(word, suffix)| (word, format!("/health.{suffix}{query}")))
        .collect()
}

/// Links that choose: by state, metric, group and name. Each count is of all pages.
pub(super) fn filters(h: &Health, asked: &query::Health) -> Markup {
    html! {
        (states(h, asked))
        div .filters {
            (metrics(h, asked))
            (groups(h, asked))
            form action="/health" role="search" {
                @for (name, value) in kept(asked) { input type="hidden" name=(name) value=(value); }
                label .hidden for="q" { "Filter by name" }
                input #q name="q" type="search" value=(asked.text) placeholder="filter by name" maxlength="512";
                button .small type="submit" { "Filter" }
            }
        }
    }
}

/// What a search keeps of the address.
fn kept(asked: &query::Health) -> Vec<(&'static str, String)> {
    let all = parameters(asked).into_iter();
    all.filter(|(name, _)| !matches!(*name, "q" | "page"))
        .collect()
}

const fn label(state: State) -> &'static str {
    match state {
        State::All => "all",
        State::Look => "need a look",
        State::Fine => "fine",
        State::In(trouble) => trouble.name(),
    }
}

fn states(h: &Health, asked: &query::Health) -> Markup {
    html! {
        div .choice.states role="group" aria-label="state" {
            @for state in State::ALL {
                @let to = query::Health { state, page: 1, ..asked.clone() };
                @let n = h.count(state);
                a href=(address(&to)) aria-current=[(state == asked.state).then_some("true")] {
                    b { (thousands(n as f64)) } " " (label(state)) (since(h, state))
                }
            }
        }
    }
}

/// Since when the first of those that fail has had no number.
fn since(h: &Health, state: State) -> String {
    match h.overview.since.values().map(|s| s.time).min() {
        Some(time) if state == State::In(Trouble::Failing) && h.count(state) > 0 => {
            format!(" since {}", text::day(time))
        }
        _ => String::new(),
    }
}

fn metrics(h: &Health, asked: &query::Health) -> Markup {
    let to = |metric: Option<&str>| {
        address(&query::Health {
            metric: metric.map(str::to_owned),
            page: 1,
            ..asked.clone()
        })
    };
    let suite = h.suite();
    let mut all = vec![(worded("all", suite), to(None), asked.metric.is_none())];
    for (name, (n, look)) in h.overview.metrics().into_iter().take(METRICS) {
        let count = Count { all: n, look };
        let on = asked.metric.as_deref() == Some(name);
        all.push((worded(name, count), to(Some(name)), on));
    }
    let all: Vec<(&str, String, bool)> = all
        .iter()
        .map(|(word, href, on)| (word.as_str(), href.clone(), *on))
        .collect();
    layout::choice("metric", &all)
}

/// `wall time 9, 2 to look at`.
fn worded(name: &str, count: Count) -> String {
    let n = thousands(count.all as f64);
    let name = text::cut(name, 40);
    match count.look {
        0 => format!("{name} {n}"),
        look => format!("{name} {n} ({look} to look at)"),
    }
}

/// By what the series stand together; by owner only where somebody owns any.
fn groups(h: &Health, asked: &query::Health) -> Markup {
    let by_itself = query::Health {
        grouped: None,
        ..asked.clone()
    };
    let asks = asked.grouping() == Grouping::Owner;
    let has_owners = asks || h.overview.entries.iter().any(|e| e.owner.is_some());
    let offered = Grouping::ALL
        .iter()
        .filter(|(g, _)| has_owners || *g != Grouping::Owner);
    let links: Vec<(&str, String, bool)> = offered
        .map(|(grouping, word)| {
            let url = address(&query::Health {
                grouped: (*grouping != by_itself.grouping()).then_some(*grouping),
                page: 1,
                ..asked.clone()
            });
            (*word, url, asked.grouping() == *grouping)
        })
        .collect();
    layout::choice("group", &links)
}
