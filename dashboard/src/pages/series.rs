//! Series: when did it change, by how much, and who may have done it.

use collector::detect::Kind;
use collector::format::{percent, quoted, share};
use collector::store::{MeasuredCommit, SeriesState, Store, TestbedRow, Told, Triage, Value};
use maud::{Markup, PreEscaped, html};
use serde_json::json;

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::chart::{Mark, Marker, Series, draw};
use crate::error::Fail;
use crate::pages::answer::{SVG, csv_page, json_page, markdown_page, the_series};
use crate::pages::layout::{self, Nav};
use crate::pages::{health, log};
use crate::query::{Format, compare_url};
use crate::text::{self, csv_field, md, plural};

/// Commits in the table under the chart.
const NEWEST: usize = 50;
/// Series of the same benchmark on earlier testbeds that are drawn too.
const OLDER: usize = 3;
/// Points that a document gives; more come by range.
const DOCUMENT: usize = 20_000;

struct History {
    series: SeriesState,
    id: String,
    range: (u64, u64),
    values: Vec<Value>,
    older: Vec<(SeriesState, Vec<Value>)>,
    changes: Vec<Told>,
    testbeds: Vec<TestbedRow>,
    siblings: Vec<SeriesState>,
}

fn load(store: &Store, id: &str, from: u64, to: u64) -> Result<History, Fail> {
    let series = the_series(store, id)?;
    let key = &series.row.key;
    let siblings = store.series_of(&key.benchmark)?;
    let same = |s: &&SeriesState| {
        s.row.key.metric == key.metric
            && s.row.key.counter == key.counter
            && s.row.id != series.row.id
    };
    let mut older = Vec::new();
    for s in siblings.iter().filter(same).take(OLDER) {
        older.push((s.clone(), store.values(s.row.id, from, to)?));
    }
    older.retain(|(_, v)| !v.is_empty());
    Ok(History {
        values: store.values(series.row.id, from, to)?,
        changes: store.events_of(id)?,
        testbeds: store.testbeds()?,
        id: id.into(),
        range: (from, to),
        older,
        siblings,
        series,
    })
}

pub(super) fn page(
    store: &Store,
    app: &App,
    (id, from, to): (&str, u64, u64),
    format: Format,
) -> Result<Page, Fail> {
    let h = load(store, id, from, to)?;
    let title = text::name(&h.series.row.key.benchmark);
    match format {
        Format::Html => Ok(layout::page(app, Nav::Health, &title, html(store, &h)?)),
        Format::Svg => Ok(Page::new(
            SVG,
            Policy::Picture,
            standalone(&chart(store, &h)?).into_bytes(),
        )),
        Format::Json => json_page(&document(store, &h)?),
        Format::Csv => Ok(csv_page("series", csv(store, &h)?)),
        Format::Markdown => Ok(markdown_page(markdown(store, &h)?)),
        Format::Atom => Err(crate::pages::answer::no_such_form(format)),
    }
}

fn seen(h: &History) -> impl Iterator<Item = &Told> {
    h.changes.iter().filter(|t| t.event.seen)
}

fn words(h: &History) -> String {
    let key = &h.series.row.key;
    let n = h.values.len();
    let latest = h.values.last().map_or_else(
        || "nothing measured".into(),
        |v| text::value(v.value, key.metric),
    );
    let changes: Vec<String> = seen(h).map(|t| percent(t.event.change.change)).collect();
    let steps = if changes.is_empty() {
        "no lasting change".to_string()
    } else {
        let all = changes.iter().map(|c| text::minus(c));
        format!(
            "{}: {}",
            plural(changes.len(), "lasting change"),
            all.collect::<Vec<_>>().join(", ")
        )
    };
    format!("{}; now {latest}; {steps}.", plural(n, "commit"))
}

fn points(values: &[Value]) -> Series {
    Series {
        xs: values.iter().map(|v| v.position as f64).collect(),
        ys: values.iter().map(|v| v.value).collect(),
        bands: values.iter().map(|v| (v.low, v.high)).collect(),
    }
}

fn chart(store: &Store, h: &History) -> Result<String, Fail> {
    let key = &h.series.row.key;
    let marks = marks(store, h)?;
    let older: Vec<Series> = h.older.iter().map(|(_, v)| points(v)).collect();
    let title = format!("{} by commit: {}", text::name(&key.benchmark), key.metric);
    let (from, to) = ends(h);
    let dates = dates(store, from, to)?;
    let label_x = |x: f64| {
        let at = dates
            .partition_point(|(p, _)| (*p as f64) < x)
            .min(dates.len().saturating_sub(1));
        dates
            .get(at)
            .map_or_else(String::new, |(_, t)| text::day(*t))
    };
    let label_y = |y: f64| text::value(y, key.metric);
    Ok(draw(
        &points(&h.values),
        &older,
        &marks,
        (&title, &words(h)),
        &label_x,
        &label_y,
    ))
}

/// The first and the last position that is drawn.
fn ends(h: &History) -> (u64, u64) {
    let all = || {
        h.older
            .iter()
            .map(|(_, v)| v)
            .chain(std::iter::once(&h.values))
    };
    let first = all().filter_map(|v| v.first()).map(|v| v.position).min();
    let last = all().filter_map(|v| v.last()).map(|v| v.position).max();
    (first.unwrap_or(0), last.unwrap_or(0))
}

/// Dates of at most some 40 commits of a range, ascending.
fn dates(store: &Store, from: u64, to: u64) -> Result<Vec<(u64, i64)>, Fail> {
    const STOPS: u64 = 40;
    let mut out: Vec<(u64, i64)> = Vec::new();
    for i in 0..=STOPS {
        let at = from + (to - from) * i / STOPS;
        if let Some(c) = store.commits_from(at, 1)?.pop()
            && out.last().is_none_or(|(p, _)| *p < c.position)
        {
            out.push((c.position, c.time));
        }
    }
    Ok(out)
}

fn marks(store: &Store, h: &History) -> Result<Vec<Mark>, Fail> {
    let (from, to) = ends(h);
    let mut out = Vec::new();
    for (i, pair) in h.testbeds.windows(2).enumerate() {
        let at = pair[1].first_position;
        if i < 50 && (from..=to).contains(&at) {
            let what: Vec<String> = health::differences(&pair[0], &pair[1])
                .into_iter()
                .map(|(n, a, b)| format!("{n} {} → {}", text::cut(&a, 40), text::cut(&b, 40)))
                .collect();
            let words = format!("Testbed changed: {}", what.join("; "));
            out.push(Mark {
                at: at as f64,
                what: Marker::Environment,
                href: "/health".into(),
                words,
            });
        }
    }
    for (i, t) in seen(h).enumerate() {
        let c = &t.event.change;
        let what = Marker::Change {
            before: c.before,
            after: c.after,
            number: i + 1,
        };
        let words = format!("{}: {} at commit {}", i + 1, percent(c.change), c.index);
        let href = link(store, c.first, c.last)?.unwrap_or_else(|| format!("/series/{}", h.id));
        out.push(Mark {
            at: c.index as f64,
            what,
            href,
            words,
        });
    }
    Ok(out)
}

/// The comparison that shows a commit set.
fn link(store: &Store, first: i64, last: i64) -> Result<Option<String>, Fail> {
    let (first, last) = (first.max(0).cast_unsigned(), last.max(0).cast_unsigned());
    let base = store.commits(first, 1)?.pop();
    let head = store.commits(last + 1, 1)?.pop();
    Ok(base.zip(head).map(|(b, h)| compare_url(&b.sha, &h.sha)))
}

/// A chart that stands alone brings the few lines of the sheet that it needs.
fn standalone(svg: &str) -> String {
    const STYLE: &str = "<style>:root{color-scheme:light dark}text{font:110px sans-serif;fill:#555}path{fill:none;stroke:#ddd;stroke-width:8}\
        .axis{stroke:#999}.line{stroke:#0072b2;stroke-width:18}.older{stroke:#aaa;stroke-width:14}.dot{stroke:#0072b2;\
        stroke-width:45;stroke-linecap:round}.band{fill:#0072b2;opacity:.15;stroke:none}.step,.env{stroke-width:22}\
        .up{stroke:#b34700;fill:#b34700}.down{stroke:#0072b2;fill:#0072b2}.env{stroke:#888;stroke-dasharray:40}\
        .envmark{fill:#888}.number{fill:#fff}\
        </style><style media=\"(prefers-color-scheme:dark)\">text{fill:#aaa}path{stroke:#333}.line,.dot{stroke:#56b4e9}</style>";
    match svg.find("<title") {
        Some(at) => format!("{}{STYLE}{}", &svg[..at], &svg[at..]),
        None => svg.into(),
    }
}

fn html(store: &Store, h: &History) -> Result<Markup, Fail> {
    let key = &h.series.row.key;
    let newest: Vec<&Value> = h.values.iter().rev().take(NEWEST).collect();
    let range = newest
        .last()
        .zip(newest.first())
        .map(|(a, b)| (a.position, b.position));
    let commits = range.map_or(Ok(Vec::new()), |(a, b)| store.commits_between(a, b))?;
    let chart = if h.values.is_empty() {
        None
    } else {
        Some(chart(store, h)?)
    };
    let url = format!("/series/{}", h.id);
    let zoomed = h.range != (0, u64::MAX);
    Ok(html! {
        section .head {
            h1 title=(text::whole(&key.benchmark)) { (text::cut(&key.benchmark, 160)) }
            p .muted { (text::metric(key.metric)) " · counted by " (key.counter.name()) " · " (plural(h.series.row.points as usize, "commit")) " · testbed " code { (key.fingerprint) } }
            (siblings(h))
        }
        figure .wide data-series=(h.id) {
            @match &chart {
                Some(svg) => { (PreEscaped(svg)) }
                None => { (layout::empty("Nothing was measured in this range", html! { a href=(url) { "Show the whole history" } }, &[])) }
            }
            figcaption {
                span { (words(h)) } " "
                @if zoomed { a .reset href=(url) { "Show all" } " " @if let (Some(a), Some(b)) = (h.values.first(), h.values.last()) { a href={ "/commits?from=" (a.position) "&before=" (b.position + 1) } { "Commits in this range" } } } @else { (ranges(h, &url)) }
                (environment(h))
                output .cursor {}
            }
        }
        (changes(store, h)?)
        (next_steps(h, &commits))
        details .data open[h.values.len() <= 12] {
            summary { "The newest " (newest.len()) " commits as a table" }
            (table(h, &newest, &commits))
        }
        (layout::forms(&[("JSON", format!("{url}.json")), ("CSV", format!("{url}.csv")), ("Markdown", format!("{url}.md")), ("SVG", format!("{url}.svg")), ("Badge", format!("/badge/{}.svg", h.id))]))
    })
}

/// What the diamonds on the chart stand for.
fn environment(h: &History) -> Markup {
    let (from, to) = ends(h);
    let shown = |t: &TestbedRow| (from..=to).contains(&t.first_position);
    let all: Vec<_> = h.testbeds.windows(2).filter(|p| shown(&p[1])).collect();
    html! {
        @if !all.is_empty() { ul .plain.environment {
            @for pair in all.iter().rev().take(6) {
                li { "◆ " (text::time(pair[1].first_time)) ": "
                    @for (i, (name, a, b)) in health::differences(&pair[0], &pair[1]).iter().take(4).enumerate() { @if i > 0 { ", " } b { (text::cut(name, 30)) } " " (text::cut(a, 40)) " → " (text::cut(b, 40)) } }
            }
        } }
    }
}

fn siblings(h: &History) -> Markup {
    let options: Vec<(&str, String, bool)> = h
        .siblings
        .iter()
        .enumerate()
        .filter(|(i, s)| {
            // The newest testbed's series of each other metric; they are ordered so.
            let newest = *i == 0 || h.siblings[i - 1].row.key.metric != s.row.key.metric;
            let same = s.row.key.metric == h.series.row.key.metric;
            if same {
                s.row.id == h.series.row.id
            } else {
                newest
            }
        })
        .map(|(_, s)| s)
        .take(12)
        .map(|s| {
            (
                s.row.key.metric.name(),
                format!("/series/{}", s.row.key.id()),
                s.row.id == h.series.row.id,
            )
        })
        .collect();
    let older: Vec<&SeriesState> = h.older.iter().map(|(s, _)| s).collect();
    html! {
        @if options.len() > 1 { (layout::choice("metric", &options)) }
        @if !older.is_empty() { p .muted { "Grey: the same benchmark on " @for (i, s) in older.iter().enumerate() { @if i > 0 { ", " } a href={ "/series/" (s.row.key.id()) } { "testbed " (s.row.key.fingerprint) } } ", not comparable." } }
    }
}

fn ranges(h: &History, url: &str) -> Markup {
    let n = h.values.len();
    html! { @for last in [50usize, 200, 1000] { @if n > last { a href={ (url) "?from=" (h.values[n - last].position) } { "last " (last) } " " } } }
}

fn changes(store: &Store, h: &History) -> Result<Markup, Fail> {
    let metric = h.series.row.key.metric;
    let mut rows = Vec::new();
    for (i, t) in seen(h).enumerate() {
        let c = &t.event.change;
        let (first, last) = (
            c.first.max(0).cast_unsigned(),
            c.last.max(0).cast_unsigned(),
        );
        let suspects = store.commits_between(first, last)?;
        rows.push((i + 1, t, suspects, link(store, c.first, c.last)?));
    }
    rows.reverse();
    Ok(html! {
        section { h2 { "Changes" }
            @if rows.is_empty() {
                p { (why_none(h)) }
            } @else { div .scroll { table .rows.stack {
                thead { tr { th scope="col" { "#" } th scope="col" { "When" } th scope="col" .num { "Change" } th scope="col" { "Before → after" } th scope="col" { "Suspects" } th scope="col" { "How sure" } th scope="col" { "State" } th scope="col" { span .hidden { "Links" } } } }
                tbody { @for (number, t, suspects, url) in &rows {
                    @let c = &t.event.change;
                    tr {
                        td { (number) }
                        td { @if let Some(s) = suspects.last() { (text::time(s.time)) } }
                        td .num { (text::delta(c.change, metric)) }
                        td .pair { (text::value(c.before, metric)) " → " (text::value(c.after, metric)) }
                        td .suspects { @if c.kind == Kind::Environment { span .tag.noisy { "testbed changed" } " " }
                            @match suspects.as_slice() { [] => "–", [one] => { (layout::commit_line(one)) }, [.., last] => { (plural(suspects.len(), "commit")) " up to " (layout::commit_line(last)) } } }
                        td .muted { (crate::pages::groups::sure(c)) }
                        td { @if t.event.recovered.is_some() { "recovered" } @else { (log::word(Triage::word(t.event.state))) } @if !t.note.is_empty() { " " span .muted { "“" (text::cut(&t.note, 80)) "”" } } }
                        td { @if let Some(url) = url { a href=(url) { "Compare" } } }
                    }
                } }
            } } }
        }
    })
}

fn why_none(h: &History) -> String {
    match h.series.kind.as_str() {
        "young" => format!("Too few commits to tell: {} so far.", h.series.row.points),
        "exact" => {
            "None: apart from single commits the count never moved by more than 0.5 %.".into()
        }
        _ => format!(
            "None that lasted; the series varies by {} from commit to commit.",
            share(h.series.noise)
        ),
    }
}

fn next_steps(h: &History, commits: &[MeasuredCommit]) -> Markup {
    let bench = quoted(&text::whole(&h.series.row.key.benchmark));
    let open = seen(h).filter(|t| t.event.is_open()).last();
    let newest = commits.last().map(|c| c.sha.short().to_string());
    html! {
        section .next { h2 { "Next" } dl {
            @if let (Some(t), Some(head)) = (open, &newest) { @if t.event.change.last > t.event.change.first {
                dt { "find the commit" } dd { (layout::command(&format!("uptick bisect {head}~{} {head} --bench {bench}", t.event.change.last - t.event.change.first + 1))) } } }
            dt { "see where the cost is" } dd { (layout::command(&format!("uptick flamegraph {bench}"))) }
            dt { "read it in a terminal" } dd { (layout::command(&format!("uptick log {bench}"))) }
        } }
    }
}

fn table(h: &History, newest: &[&Value], commits: &[MeasuredCommit]) -> Markup {
    let metric = h.series.row.key.metric;
    let find = |p: u64| commits.iter().find(|c| c.position == p);
    html! {
        div .scroll { table .rows {
            thead { tr { th scope="col" { "Commit" } th scope="col" { "Date" } th scope="col" .num { "Value" } th scope="col" .num { "To previous" } th scope="col" { span .hidden { "Links" } } } }
            tbody { @for (i, v) in newest.iter().enumerate() {
                @let before = newest.get(i + 1);
                @let commit = find(v.position);
                tr {
                    td { @match commit { Some(c) => { (layout::commit_line(c)) } None => { (v.position) } } }
                    td { @if let Some(c) = commit { (text::time(c.time)) } }
                    td .num { (text::value(v.value, metric)) }
                    td .num { @if let Some(b) = before { (text::quiet(collector::stats::change(b.value, v.value))) } }
                    td { @if let (Some(c), Some(b)) = (commit, before.and_then(|b| find(b.position))) { a href=(compare_url(&b.sha, &c.sha)) { "Compare" } " " a href={ "/functions/" (h.id) "/" (b.sha.short()) ".." (c.sha.short()) } { "Functions" } } }
                }
            } }
        } }
    }
}

fn commits_of(
    store: &Store,
    h: &History,
) -> Result<std::collections::HashMap<u64, MeasuredCommit>, Fail> {
    let (Some(a), Some(b)) = (h.values.first(), h.values.last()) else {
        return Ok(Default::default());
    };
    let all = store.commits_between(a.position, b.position)?;
    Ok(all.into_iter().map(|c| (c.position, c)).collect())
}

fn document(store: &Store, h: &History) -> Result<serde_json::Value, Fail> {
    let key = &h.series.row.key;
    let commits = commits_of(store, h)?;
    let skip = h.values.len().saturating_sub(DOCUMENT);
    let points: Vec<_> = h.values.iter().skip(skip).map(|v| {
        let c = commits.get(&v.position);
        json!({ "position": v.position, "value": v.value, "low": v.low, "high": v.high, "sha": c.map(|c| &c.sha),
            "time": c.map(|c| c.time), "subject": c.map(|c| text::cut(&c.subject, 100)), "author": c.map(|c| text::cut(&c.author, 60)) })
    }).collect();
    Ok(json!({
        "schema": "uptick.series/1", "series": h.id, "benchmark": key.benchmark, "metric": key.metric, "counter": key.counter,
        "unit": key.metric.unit(), "testbed": key.fingerprint, "class": h.series.row.class, "kind": h.series.kind,
        "noise": h.series.noise, "drift": h.series.drift, "points": points, "left_out": skip, "changes": h.changes,
    }))
}

fn csv(store: &Store, h: &History) -> Result<Vec<Vec<String>>, Fail> {
    let commits = commits_of(store, h)?;
    let mut out = vec![
        ["position", "sha", "value", "low", "high", "subject"]
            .map(String::from)
            .to_vec(),
    ];
    for v in &h.values {
        let c = commits.get(&v.position);
        out.push(vec![
            v.position.to_string(),
            c.map_or_else(String::new, |c| c.sha.0.clone()),
            v.value.to_string(),
            v.low.to_string(),
            v.high.to_string(),
            csv_field(c.map_or("", |c| &c.subject)),
        ]);
    }
    Ok(out)
}

fn markdown(store: &Store, h: &History) -> Result<String, Fail> {
    let key = &h.series.row.key;
    let mut out = format!(
        "# {} · {}\n\n{}\n\n| commit | value | subject |\n|---|--:|---|\n",
        md(&key.benchmark),
        key.metric,
        words(h)
    );
    let commits = commits_of(store, h)?;
    for v in h.values.iter().rev().take(NEWEST) {
        let c = commits.get(&v.position);
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            c.map_or("", |c| c.sha.short()),
            text::value(v.value, key.metric),
            md(c.map_or("", |c| &c.subject))
        ));
    }
    Ok(out)
}
