//! Health: the index of benchmarks, and how well each can be watched.

use collector::detect::gate::{self, Policy};
use collector::format::{percent, share, thousands};
use collector::model::Metric;
use collector::store::{SeriesFilter, SeriesOrder, SeriesState, Store, TestbedRow};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::chart::spark;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, Order, encode};
use crate::text::{self, csv_field, md, plural};

/// Rows on a page.
const ROWS: usize = 100;
/// Rows of a document.
const DOCUMENT: usize = 5_000;
/// Commits in a sparkline, and behind a noise figure.
const SPARK: usize = 60;
/// A series not measured for so many commits is stale.
const STALE: u64 = 20;
/// A series whose noise takes its limit to so many times the floor is called noisy.
const NOISY: f64 = 2.0;

pub(super) struct Asked<'a> {
    pub(super) metric: Option<Metric>,
    pub(super) text: &'a str,
    pub(super) order: Order,
    pub(super) page: usize,
}

/// One benchmark as it is listed.
struct Row {
    series: SeriesState,
    recent: Vec<f64>,
    /// The smallest change that the next commit would be stopped for (fraction), and why.
    limit: gate::Limit,
    alarms: (u64, u64),
}

struct Health {
    metric: Option<Metric>,
    metrics: Vec<(Metric, u64)>,
    rows: Vec<Row>,
    total: u64,
    testbeds: Vec<TestbedRow>,
    newest: u64,
    failures: Vec<collector::model::Failure>,
    counts: (u64, u64),
}

fn load(store: &Store, asked: &Asked<'_>, take: usize) -> Result<Health, Fail> {
    let metrics = store.metrics()?;
    // What is judged first; a store without it has something else to show.
    let default = [Metric::Instructions, Metric::WallTime];
    let metric = asked.metric.or_else(|| {
        default
            .into_iter()
            .find(|m| metrics.iter().any(|(n, _)| n == m))
    });
    let order = match asked.order {
        Order::Name => SeriesOrder::Name,
        Order::Noise => SeriesOrder::Noise,
        Order::Age => SeriesOrder::Age,
        Order::Cost => SeriesOrder::Cost,
    };
    let filter = SeriesFilter {
        metric,
        text: asked.text.into(),
        order,
        skip: (asked.page - 1) * ROWS,
        take,
    };
    let (found, total) = store.find_series(&filter)?;
    let rows = found
        .into_iter()
        .map(|s| row(store, s))
        .collect::<Result<_, Fail>>()?;
    let newest = store.commits(u64::MAX, 1)?.pop();
    let failures = match &newest {
        Some(c) => store
            .any_report_of(&c.sha)?
            .map(|r| r.failures)
            .unwrap_or_default(),
        None => Vec::new(),
    };
    Ok(Health {
        metric,
        metrics,
        rows,
        total,
        testbeds: store.testbeds()?,
        newest: newest.map_or(0, |c| c.position),
        failures,
        counts: store.counts()?,
    })
}

fn row(store: &Store, series: SeriesState) -> Result<Row, Fail> {
    let recent: Vec<f64> = store
        .recent(series.row.id, u64::MAX, SPARK)?
        .iter()
        .map(|v| v.value)
        .collect();
    let policy = Policy::for_series(series.row.key.metric, series.row.key.counter);
    // As the gate has it: what an exact count varied by were real changes, and no noise.
    let noise: &[f64] = if series.row.class.repeats() {
        &[]
    } else {
        &recent
    };
    let limit = gate::limit(&policy, noise, series.row.latest_value, 0.0);
    let alarms = store.alarms(&series.row.key.id())?;
    Ok(Row {
        series,
        recent,
        limit,
        alarms,
    })
}

impl Row {
    fn is_stale(&self, newest: u64) -> bool {
        self.series.row.latest_position + STALE < newest
    }

    /// What is wrong with it, and what would help.
    fn trouble(&self, newest: u64) -> Option<(&'static str, String)> {
        let s = &self.series;
        if self.is_stale(newest) {
            let behind = newest - s.row.latest_position;
            return Some((
                "stale",
                format!("not measured for {}", plural(behind as usize, "commit")),
            ));
        }
        let policy = Policy::for_series(s.row.key.metric, s.row.key.counter);
        if self.limit.fraction > NOISY * policy.relative_floor && s.noise > 0.0 {
            let help = if s.row.key.metric == Metric::WallTime {
                "; count instructions instead"
            } else {
                ""
            };
            return Some(("noisy", format!("varies by {}{help}", share(s.noise))));
        }
        if (s.drift * SPARK as f64).abs() > policy.relative_floor {
            return Some(("drifting", format!("by {} a commit", percent(s.drift))));
        }
        (s.kind == "young" && !s.row.class.repeats())
            .then(|| ("young", "too few commits to know it".into()))
    }
}

pub(super) fn page(
    store: &Store,
    app: &App,
    asked: &Asked<'_>,
    format: Format,
) -> Result<Page, Fail> {
    let take = if format == Format::Html {
        ROWS
    } else {
        DOCUMENT
    };
    let h = load(store, asked, take)?;
    match format {
        Format::Html => Ok(layout::page(app, Nav::Health, "Health", html(&h, asked))),
        Format::Json => json_page(&document(&h)),
        Format::Csv => Ok(csv_page("series", csv(&h))),
        Format::Markdown => Ok(markdown_page(markdown(&h))),
        _ => Err(no_such_form(format)),
    }
}

fn url(h: &Health, asked: &Asked<'_>, metric: Option<Metric>, order: Order, page: usize) -> String {
    let mut parts = Vec::new();
    if let Some(m) = metric.or(h.metric) {
        parts.push(format!("metric={m}"));
    }
    if !asked.text.is_empty() {
        parts.push(format!("q={}", encode(asked.text)));
    }
    if let Some((_, word)) = Order::ALL
        .iter()
        .find(|(o, _)| *o == order && order != Order::Name)
    {
        parts.push(format!("order={word}"));
    }
    if page > 1 {
        parts.push(format!("page={page}"));
    }
    format!("/health?{}", parts.join("&"))
}

fn html(h: &Health, asked: &Asked<'_>) -> Markup {
    let orders: Vec<(&str, String, bool)> = Order::ALL
        .iter()
        .map(|(o, word)| (*word, url(h, asked, None, *o, 1), *o == asked.order))
        .collect();
    let metrics: Vec<(&str, String, bool)> = h
        .metrics
        .iter()
        .map(|(m, _)| {
            (
                m.name(),
                url(h, asked, Some(*m), asked.order, 1),
                Some(*m) == h.metric,
            )
        })
        .collect();
    html! {
        section .verdict.quiet {
            h1 { (plural(h.total as usize, "series")) @if let Some(m) = h.metric { " of " (text::metric(m)) } }
            p { (plural(h.counts.0 as usize, "report")) ", " (plural(h.counts.1 as usize, "point")) ", " (plural(h.testbeds.len(), "testbed")) "."
                @if !h.failures.is_empty() { " " strong { (plural(h.failures.len(), "failure")) " in the newest report." } } }
            (troubles(h))
            (layout::forms(&[("JSON", "/health.json".into()), ("CSV", "/health.csv".into()), ("Markdown", "/health.md".into())]))
        }
        @if h.counts.0 == 0 { (layout::empty("No benchmark is known yet", html! { "Benchmarks appear with the first report." }, &[("which benchmarks are found", "uptick list"), ("measure them", "uptick run")])) }
        @else {
            div .filters {
                (layout::choice("metric", &metrics))
                (layout::choice("order", &orders))
                form action="/health" role="search" {
                    @if let Some(m) = h.metric { input type="hidden" name="metric" value=(m.name()); }
                    label .hidden for="q" { "Filter by name" }
                    input #q name="q" type="search" value=(asked.text) placeholder="filter by name" maxlength="512";
                    button .small type="submit" { "Filter" }
                }
            }
            @if h.rows.is_empty() { (layout::empty("No benchmark matches", html! { "No name contains “" (text::cut(asked.text, 80)) "”. " a href="/health" { "Show all" } }, &[])) }
            @else { (table(h)) (layout::pager(asked.page, ROWS, h.total, &|p| url(h, asked, None, asked.order, p))) }
            @if !h.failures.is_empty() { (failures(h)) }
            (environment(h))
        }
    }
}

/// How many of the rows that are shown need a look.
fn troubles(h: &Health) -> Markup {
    let mut counts: std::collections::BTreeMap<&str, usize> = Default::default();
    for (word, _) in h.rows.iter().filter_map(|r| r.trouble(h.newest)) {
        *counts.entry(word).or_default() += 1;
    }
    let all = h.rows.len() as u64 == h.total;
    html! {
        ul .tally {
            @for (word, n) in &counts { li { b { (n) } " " (word) } }
            @if counts.is_empty() && !h.rows.is_empty() { li { "Nothing noisy, drifting or stale" } }
            @if !all && !h.rows.is_empty() { li { "among the " (h.rows.len()) " shown" } }
        }
    }
}

fn table(h: &Health) -> Markup {
    html! {
        div .scroll { table .rows {
            thead { tr {
                th scope="col" { "Benchmark" } th scope="col" { "Last " (SPARK) " commits" } th scope="col" .num { "Latest" }
                th scope="col" .num { "Noise σ" } th scope="col" .num { "Can detect" } th scope="col" .num { "Alarms" } th scope="col" { "Last run" } th scope="col" { "State" }
            } }
            tbody { @for r in &h.rows { (row_html(h, r)) } }
        } }
    }
}

fn row_html(h: &Health, r: &Row) -> Markup {
    let (s, key) = (&r.series, &r.series.row.key);
    let words = format!(
        "the last {} values of {}",
        r.recent.len(),
        text::name(&key.benchmark)
    );
    html! {
        tr {
            th scope="row" .name { a href={ "/series/" (key.id()) } title=(text::whole(&key.benchmark)) { (text::name(&key.benchmark)) } }
            td { (spark(&r.recent, None, &words)) }
            td .num { (text::value(s.row.latest_value, key.metric)) }
            td .num { @if s.noise == 0.0 { span .muted { "none" } } @else { (share(s.noise)) } }
            td .num title=(r.limit.why) { (share(r.limit.fraction)) }
            td .num { (r.alarms.0) @if r.alarms.1 > 0 { span .muted { " (" (r.alarms.1) " false)" } } }
            td { (text::time(s.latest_time)) }
            td { @match r.trouble(h.newest) {
                Some((word, why)) => { span .tag.(word) { (word) } " " span .muted { (why) } }
                None => { span .muted { (s.row.class.name()) } }
            } }
        }
    }
}

fn failures(h: &Health) -> Markup {
    html! {
        section { h2 { "Failures in the newest report" }
            @for f in h.failures.iter().take(20) {
                details { summary { b { (text::name(f.benchmark.as_deref().unwrap_or("the commit"))) } " " span .muted { (text::cut(&f.stage, 20)) } }
                    pre { (lines(&f.message)) } }
            } }
    }
}

/// Output of a build, line by line cleaned.
fn lines(message: &str) -> String {
    message
        .lines()
        .take(60)
        .map(|l| text::cut_or_empty(l, 300))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What changed between one testbed and the next.
pub(super) fn differences(
    before: &TestbedRow,
    after: &TestbedRow,
) -> Vec<(String, String, String)> {
    let names: std::collections::BTreeSet<&String> =
        before.facts.keys().chain(after.facts.keys()).collect();
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

fn environment(h: &Health) -> Markup {
    html! {
        section { h2 { "Testbeds" }
            p .muted { "What numbers depend on beside the code. A new compiler or library begins a new series; nothing is compared across it." }
            div .scroll { table {
                thead { tr { th scope="col" { "From" } th scope="col" { "To" } th scope="col" .num { "Reports" } th scope="col" { "What" } } }
                tbody { @for (i, t) in h.testbeds.iter().enumerate().rev().take(20) {
                    tr {
                        td { (text::time(t.first_time)) } td { (text::time(t.last_time)) } td .num { (thousands(t.reports as f64)) }
                        td { @match i.checked_sub(1).map(|p| differences(&h.testbeds[p], t)) {
                            None => { (facts(t)) }
                            Some(d) => { @for (name, a, b) in d { span .fact { b { "◆ " (text::cut(&name, 30)) } " " (text::cut(&a, 60)) " → " (text::cut(&b, 60)) } } }
                        } }
                    }
                } }
            } }
        }
    }
}

fn facts(t: &TestbedRow) -> Markup {
    html! { @for (name, value) in t.facts.iter().filter(|(_, v)| !v.trim().is_empty()).take(20) { span .fact { b { (text::cut(name, 30)) } " " (text::cut(value, 60)) } } }
}

fn document(h: &Health) -> serde_json::Value {
    let rows: Vec<_> = h.rows.iter().map(|r| json!({
        "series": r.series.row.key.id(), "benchmark": r.series.row.key.benchmark, "metric": r.series.row.key.metric,
        "counter": r.series.row.key.counter, "testbed": r.series.row.key.fingerprint, "class": r.series.row.class,
        "kind": r.series.kind, "points": r.series.row.points, "latest": r.series.row.latest_value,
        "latest_sha": r.series.latest_sha, "latest_time": r.series.latest_time, "noise": r.series.noise,
        "drift": r.series.drift, "limit": r.limit.fraction, "why": r.limit.why, "alarms": r.alarms.0, "false_alarms": r.alarms.1,
    })).collect();
    json!({ "schema": "uptick.series_list/1", "total": h.total, "series": rows, "testbeds": h.testbeds })
}

fn csv(h: &Health) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "series",
            "benchmark",
            "metric",
            "counter",
            "points",
            "latest",
            "noise",
            "limit",
            "alarms",
            "false_alarms",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for r in &h.rows {
        let (s, key) = (&r.series, &r.series.row.key);
        out.push(vec![
            key.id(),
            csv_field(&key.benchmark),
            key.metric.name().into(),
            key.counter.name().into(),
            s.row.points.to_string(),
            s.row.latest_value.to_string(),
            s.noise.to_string(),
            r.limit.fraction.to_string(),
            r.alarms.0.to_string(),
            r.alarms.1.to_string(),
        ]);
    }
    out
}

fn markdown(h: &Health) -> String {
    let mut out = String::from(
        "| benchmark | metric | latest | noise | can detect | state |\n|---|---|--:|--:|--:|---|\n",
    );
    for r in &h.rows {
        let (s, key) = (&r.series, &r.series.row.key);
        let state = r.trouble(h.newest).map_or("ok", |(w, _)| w);
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {state} |\n",
            md(&key.benchmark),
            key.metric,
            text::value(s.row.latest_value, key.metric),
            share(s.noise),
            share(r.limit.fraction)
        ));
    }
    out
}
