//! Every decision of people, newest first. Nothing is ever taken out of it.

use collector::store::{Decision, Store};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, no_such_form};
use crate::pages::excluded;
use crate::pages::layout::{self, Nav};
use crate::query::Format;
use crate::reader::Reader;
use crate::text::{self, csv_field};

const NEWEST: usize = 300;
/// Benchmarks that an entry names.
const NAMES: usize = 8;

pub(super) fn page(
    store: &Store,
    app: &App,
    reader: &Reader,
    format: Format,
) -> Result<Page, Fail> {
    let all = store.decisions(NEWEST)?;
    let out = store.excluded(None)?;
    match format {
        Format::Json => {
            json_page(&json!({ "schema": "uptick.decisions/1", "decisions": all, "excluded": out }))
        }
        Format::Csv => Ok(csv_page("decisions", csv(&all))),
        Format::Html => {
            let may = reader.may_decide(app.options.read_only);
            let body = html! {
                (head())
                @if all.is_empty() { (nobody()) } @else { (list(&all, may)) }
                (excluded::section(&out))
            };
            Ok(layout::page(app, Nav::None, "Decisions", body))
        }
        other => Err(no_such_form(other)),
    }
}

fn head() -> Markup {
    html! {
        section .head {
            h1 { "Decisions" }
            p .muted { "The newest " (NEWEST) " lines, as they were made. The log is only ever added to. "
                a href="/changes" { "All changes" } " shows what has become of each." }
            (layout::forms(&[("JSON", "/log.json".into()), ("CSV", "/log.csv".into())]))
        }
    }
}

fn nobody() -> Markup {
    let why = html! { "Decisions about changes are made on " a href="/" { "Today" } "." };
    layout::empty("Nobody has decided anything yet", why, &[])
}

/// Decisions, one entry a request, whatever number of series it was about; with the way back for
/// who may take it.
pub(super) fn list(all: &[Decision], may: bool) -> Markup {
    let mut batches: Vec<Vec<&Decision>> = Vec::new();
    for d in all {
        match batches.iter_mut().find(|b| b[0].batch == d.batch) {
            Some(batch) => batch.push(d),
            None => batches.push(vec![d]),
        }
    }
    html! { ol .log { @for b in &batches { (entry(b, may)) } } }
}

fn entry(batch: &[&Decision], may: bool) -> Markup {
    let d = batch[0];
    // The list may end within it.
    let n = usize::try_from(d.together).unwrap_or(usize::MAX);
    let same = batch.iter().all(|o| o.before == d.before);
    html! {
        li .undone[d.undone] {
            span .when { (text::time(d.time)) }
            div {
                p { b { (text::cut(&d.actor, 40)) } " " (what(d, n, same)) }
                p .muted.names { (names(batch, n)) }
                (note(d))
            }
            @if d.undone { span .muted { "undone" } }
            @else if may && d.undoes.is_none() { (undo(d)) }
        }
    }
}

/// The first of the series that it was about, and how many more there are.
fn names(batch: &[&Decision], n: usize) -> Markup {
    let more = n - batch.len().min(NAMES);
    html! {
        @for (i, o) in batch.iter().take(NAMES).enumerate() {
            @if i > 0 { ", " }
            a href={ "/series/" (o.series) } { (text::cut(&o.benchmark, 40)) }
        }
        @if more > 0 { " and " (more) " more" }
    }
}

fn note(d: &Decision) -> Markup {
    let note = text::cut_or_empty(&d.note, 200);
    let link = safe_link(&d.link);
    html! {
        @if !note.is_empty() || link.is_some() {
            p .note {
                (note)
                @if let Some(link) = link {
                    " " a href=(link) rel="noopener noreferrer nofollow" { (text::cut(&link, 60)) }
                }
            }
        }
    }
}

fn undo(d: &Decision) -> Markup {
    html! {
        form method="post" action="/triage/undo" {
            input type="hidden" name="batch" value=(d.batch);
            button .small type="submit" { "Undo" }
        }
    }
}

/// What was decided, in words.
fn what(d: &Decision, n: usize, same: bool) -> Markup {
    let series = text::plural(n, "series");
    html! {
        @if d.undoes.is_some() { "took a decision back: " }
        @if d.regroups { @if n > 1 { "put " (series) " into one group" } @else { "split 1 series off" } }
        @else {
            @let all = said(d, &series, same);
            @for (i, one) in all.iter().enumerate() { @if i > 0 { "; " } (one) }
            @if !all.is_empty() {}
            @else if d.undoes.is_some() { (series) " back where the commit set puts it" }
            @else { "added a note to " (series) }
        }
    }
}

/// Everything that a decision says of a state, of people and of days: one may say it all at once.
fn said(d: &Decision, series: &str, same: bool) -> Vec<Markup> {
    let state = (d.before != d.after).then(|| {
        html! {
            (series) ": "
            @if same { (word(&d.before)) " → " }
            span .state.(d.after) { (word(&d.after)) }
            @if let Some(fixed) = &d.fixed { " " code { (text::cut(fixed.get(..9).unwrap_or(fixed), 12)) } }
        }
    });
    let assignee = d.assignee.as_ref().map(|name| {
        html! {
            @if name.is_empty() { "took " (series) " off whoever had it" }
            @else { "assigned " (series) " to " b { (text::cut(name, 40)) } }
        }
    });
    let due = d.due.as_ref().map(|day| {
        html! {
            @if day.is_empty() { "set no day for " (series) }
            @else { "due " (text::cut(day, 10)) ": " (series) }
        }
    });
    let snooze = d.snooze.as_ref();
    let snooze = snooze.map(|until| html! { (snoozed(until)) " " (series) });
    [state, assignee, due, snooze]
        .into_iter()
        .flatten()
        .collect()
}

/// Until when something was snoozed, in words.
fn snoozed(until: &str) -> String {
    match until.strip_prefix('@') {
        Some(place) => format!(
            "snoozed until commit {} of the main line:",
            text::cut(place, 20)
        ),
        None if until.is_empty() => "ended the snooze of".into(),
        None => format!("snoozed until {}:", text::cut(until, 10)),
    }
}

fn csv(all: &[Decision]) -> Vec<Vec<String>> {
    let head = [
        "id",
        "batch",
        "time",
        "actor",
        "benchmark",
        "series",
        "before",
        "after",
        "regroups",
        "note",
        "link",
        "undoes",
        "assignee",
        "fixed",
        "due",
        "snooze",
    ];
    let mut out = vec![head.map(String::from).to_vec()];
    for d in all {
        out.push(vec![
            d.id.to_string(),
            d.batch.to_string(),
            text::iso(d.time),
            csv_field(&d.actor),
            csv_field(&d.benchmark),
            d.series.clone(),
            d.before.clone(),
            d.after.clone(),
            d.regroups.to_string(),
            csv_field(&d.note),
            csv_field(&d.link),
            d.undoes.map_or_else(String::new, |u| u.to_string()),
            csv_field(d.assignee.as_deref().unwrap_or("")),
            csv_field(d.fixed.as_deref().unwrap_or("")),
            csv_field(d.due.as_deref().unwrap_or("")),
            csv_field(d.snooze.as_deref().unwrap_or("")),
        ]);
    }
    out
}

pub(super) fn word(state: &str) -> String {
    state.replace('_', " ")
}

/// Only addresses of the web are links; anything else stays text that is not shown.
pub(super) fn safe_link(link: &str) -> Option<String> {
    let clean = text::whole(link);
    let is_web = clean.starts_with("https://") || clean.starts_with("http://");
    (is_web && !clean.contains(char::is_whitespace)).then_some(clean)
}
