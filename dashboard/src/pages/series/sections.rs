//! What stands around the chart: other series, changes, what to do next, the newest commits.

use collector::detect::Kind;
use collector::format::quoted;
use collector::report::links;
use collector::store::{MeasuredCommit, Reported, SeriesState, Store, Triage, Value};
use maud::{Markup, html};

use super::history::{History, Moved, around, link, suspects};
use super::words;
use crate::app::App;
use crate::error::Fail;
use crate::look::{Others, SeriesLook};
use crate::pages::layout;
use crate::pages::{bisect, groups, log, missing};
use crate::reader::Reader;
use crate::text;

/// Changes of the testbed that are spelled out.
const TESTBEDS: usize = 6;
/// Other metrics that are offered.
const METRICS: usize = 12;

/// What the diamonds on the chart stand for.
pub(super) fn environment(h: &History) -> Markup {
    html! {
        @if h.moves().next().is_some() {
            ul .plain.environment {
                @for moved in h.moves().rev().take(TESTBEDS) { (testbed_change(moved)) }
            }
        }
    }
}

fn testbed_change(moved: &Moved) -> Markup {
    html! {
        li {
            "◆ " (text::time(moved.time)) ": "
            @for (i, (name, a, b)) in moved.facts.iter().take(4).enumerate() {
                @if i > 0 { ", " }
                b { (text::cut(name, 30)) } " " (text::cut(a, 40)) " → " (text::cut(b, 40))
            }
        }
    }
}

/// The same benchmark by other metrics, and on earlier testbeds.
pub(super) fn siblings(h: &History) -> Markup {
    let options: Vec<(&str, String, bool)> = offered(h)
        .into_iter()
        .map(|s| {
            (
                s.row.key.metric.name(),
                alike(h, s),
                s.row.id == h.series.row.id,
            )
        })
        .collect();
    html! {
        @if options.len() > 1 { (layout::choice("metric", &options)) }
        @if !h.older.is_empty() { (older(h)) }
    }
}

/// Another series, seen as this one is, but for what was put beside it.
fn alike(h: &History, s: &SeriesState) -> String {
    let with = Others::default();
    let look = SeriesLook { with, ..h.look };
    format!("/series/{}{}", s.row.key.id(), look.query())
}

/// The newest testbed's series of each other metric, and this one.
fn offered(h: &History) -> Vec<&SeriesState> {
    let all = h.siblings.iter().enumerate().filter(|(i, s)| {
        // They are ordered by metric, the newest testbed first.
        let newest = *i == 0 || h.siblings[i - 1].row.key.metric != s.row.key.metric;
        if s.row.key.metric == h.series.row.key.metric {
            s.row.id == h.series.row.id
        } else {
            newest
        }
    });
    all.map(|(_, s)| s).take(METRICS).collect()
}

fn older(h: &History) -> Markup {
    html! {
        p .muted {
            "Grey: the same benchmark on "
            @for (i, (s, _)) in h.older.iter().enumerate() {
                @if i > 0 { ", " }
                a href=(alike(h, s)) { "testbed " (s.row.key.fingerprint) }
            }
            ", not comparable."
        }
    }
}

/// Shorter ranges of a long history.
pub(super) fn ranges(h: &History, url: &str) -> Markup {
    let n = h.values.len();
    html! {
        @for last in [50usize, 200, 1000] {
            @if n > last {
                a href={ (url) (h.look.over(h.values[n - last].position, u64::MAX).query()) } {
                    "last " (last)
                }
                " "
            }
        }
    }
}

/// One line of the table of changes.
struct Line<'a> {
    number: usize,
    change: &'a Reported,
    suspects: Vec<MeasuredCommit>,
    url: Option<String>,
}

pub(super) fn changes(store: &Store, h: &History) -> Result<Markup, Fail> {
    let mut lines = Vec::new();
    for (number, change) in h.changes().rev() {
        lines.push(Line {
            number,
            change,
            suspects: suspects(store, change)?,
            url: link(h, store, change)?,
        });
    }
    Ok(html! {
        section {
            h2 { "Changes" }
            @if lines.is_empty() { p { (words::why_none(h)) } } @else {
                div .scroll { table .rows.stack {
                    thead { (changes_head()) }
                    tbody { @for line in &lines { (change_row(h, line)) } }
                } }
            }
        }
    })
}

fn changes_head() -> Markup {
    html! {
        tr {
            th scope="col" { "#" }
            th scope="col" { "When" }
            th scope="col" .num { "Change" }
            th scope="col" { "Before → after" }
            th scope="col" { "Suspects" }
            th scope="col" { "How sure" }
            th scope="col" { "State" }
            th scope="col" { span .hidden { "Links" } }
        }
    }
}

fn change_row(h: &History, line: &Line<'_>) -> Markup {
    let metric = &h.series.row.key.metric;
    let c = &line.change.event.change;
    html! {
        tr {
            td { (line.number) }
            td { @if let Some(s) = line.suspects.last() { (text::time(s.time)) } }
            td .num { (text::delta(c.change, (c.before, c.after), metric)) }
            td .pair { (text::value(c.before, metric)) " → " (text::value(c.after, metric)) }
            td .suspects {
                (kind(c.kind))
                @if c.kind == Kind::Drift { "up to " }
                (groups::who(&line.suspects, unmeasured(line)))
                @if unmeasured(line) > 0 && !line.suspects.is_empty() {
                    span .muted { ", " (unmeasured(line)) " of them not measured" }
                }
            }
            td .muted { (groups::sure(c)) }
            td { (state(line.change)) }
            td { @if let Some(url) = &line.url { a href=(url) { "Compare" } } }
        }
    }
}

/// What a change is, where it is no step of a commit's.
fn kind(kind: Kind) -> Markup {
    html! {
        @match kind {
            Kind::Step => {}
            Kind::Environment => { span .tag.noisy { "testbed change" } " " }
            Kind::Drift => { span .tag.drifting { "drift" } " " }
        }
    }
}

/// Commits that may be the cause and were not measured; a drift has none.
fn unmeasured(line: &Line<'_>) -> u64 {
    let c = &line.change.event.change;
    let all = c.last.saturating_sub(c.first).cast_unsigned() + 1;
    match c.kind {
        Kind::Drift => 0,
        _ => all.saturating_sub(line.suspects.len() as u64),
    }
}

fn state(t: &Reported) -> Markup {
    html! {
        @if t.event.recovered.is_some() { "recovered" }
        @else { (log::word(Triage::word(t.event.state))) }
        @if !t.note.is_empty() { " " span .muted { "“" (text::cut(&t.note, 80)) "”" } }
    }
}

/// The commands that go on from here.
pub(super) fn next_steps(
    (store, app): (&Store, &App),
    reader: &Reader,
    h: &History,
) -> Result<Markup, Fail> {
    let name = &h.series.row.key.benchmark;
    let bench = quoted(&text::whole(name));
    let missing = match (h.values.first(), h.values.last()) {
        (Some(a), Some(b)) if reader.may_decide(app.options.read_only) => {
            missing::between(store, app, (a.position, b.position))?
        }
        _ => None,
    };
    Ok(html! {
        section .next {
            h2 { "Next" }
            dl {
                @if let Some(line) = search(store, h)? { dt { "find the commit" } dd { (layout::command(&line)) } }
                @if let Some(press) = missing { dt { "measure what is missing" } dd { (press) } }
                dt { "see where the cost is" }
                dd { (layout::command(&format!("uptick flamegraph {bench}"))) }
                dt { "read it in a terminal" }
                dd { (layout::command(&format!("uptick log {bench}"))) }
            }
        }
    })
}

/// How to search the newest open change whose set has more than one commit.
fn search(store: &Store, h: &History) -> Result<Option<String>, Fail> {
    let is_wide = |t: &Reported| t.event.change.last > t.event.change.first;
    let mut open = h.changes().filter(|(_, t)| t.event.is_open());
    let Some((_, change)) = open.rfind(|(_, t)| is_wide(t)) else {
        return Ok(None);
    };
    let name = &h.series.row.key.benchmark;
    Ok(around(store, change)?.map(|(base, head)| bisect::command(&base, &head, name)))
}

/// The newest commits, one a line.
pub(super) fn table(h: &History, newest: &[&Value], commits: &[MeasuredCommit]) -> Markup {
    html! {
        div .scroll { table .rows {
            thead { tr {
                th scope="col" { "Commit" }
                th scope="col" { "Date" }
                th scope="col" .num { "Value" }
                th scope="col" .num { "Change" }
                th scope="col" { span .hidden { "Links" } }
            } }
            tbody { @for i in 0..newest.len() { (value_row(h, &newest[i..], commits)) } }
        } }
    }
}

/// The line of the first of some values, the newest first.
fn value_row(h: &History, values: &[&Value], commits: &[MeasuredCommit]) -> Markup {
    let metric = &h.series.row.key.metric;
    let find = |v: &Value| commits.iter().find(|c| c.position == v.position);
    let (v, before) = (values[0], values.get(1));
    let commit = find(v);
    let pair = before.and_then(|b| find(b)).zip(commit);
    html! {
        tr {
            td { @match commit { Some(c) => { (layout::commit_line(c)) } None => { (v.position) } } }
            td { @if let Some(c) = commit { (text::time(c.time)) } }
            td .num { (text::value(v.value, metric)) }
            td .num { @if let Some(b) = before { (text::moved(b.value, v.value, metric)) } }
            td { @if let Some((b, c)) = pair { (pair_links(h, b, c)) } }
        }
    }
}

fn pair_links(h: &History, base: &MeasuredCommit, head: &MeasuredCommit) -> Markup {
    let (b, c) = (base.sha.short(), head.sha.short());
    let moved = [(&h.series.row.key.metric, true)];
    html! {
        a href=(links::comparison(&base.sha, &head.sha, moved.into_iter())) { "Compare" } " "
        a href={ "/functions/" (h.id) "/" (b) ".." (c) } { "Functions" }
    }
}
