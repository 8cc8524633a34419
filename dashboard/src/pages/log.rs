//! Every decision of people, newest first. Nothing is ever taken out of it.

use collector::store::{Decision, Store};
use maud::{Markup, html};
use serde_json::json;

use super::layout::{self, Nav};
use super::{json_page, no_such_form};
use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::query::Format;
use crate::text;

const NEWEST: usize = 300;

pub(super) fn page(store: &Store, app: &App, format: Format) -> Result<Page, Fail> {
    let all = store.decisions(NEWEST)?;
    match format {
        Format::Json => json_page(&json!({ "schema": "uptick.decisions/1", "decisions": all })),
        Format::Html => {
            let body = html! {
                h1 { "Decisions" }
                p .muted { "The newest " (NEWEST) ", as they were made. The log is only ever added to." }
                @if all.is_empty() { (layout::empty("Nobody has decided anything yet", html! { "Decisions about changes are made on " a href="/" { "Today" } "." }, &[])) }
                @else { (table(&all)) }
            };
            Ok(layout::page(app, Nav::None, "Decisions", body))
        }
        other => Err(no_such_form(other)),
    }
}

pub(super) fn table(all: &[Decision]) -> Markup {
    html! {
        div .scroll { table {
            thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Benchmark" } th scope="col" { "From" } th scope="col" { "To" } th scope="col" { "Note" } th scope="col" { span .hidden { "Undo" } } } }
            tbody { @for (i, d) in all.iter().enumerate() {
                tr {
                    td { (text::time(d.time)) }
                    td { (text::cut(&d.actor, 40)) }
                    td { a href={ "/series/" (d.series) } { (text::name(&d.benchmark)) } }
                    td { (word(&d.before)) }
                    td { (word(&d.after)) @if d.undoes.is_some() { " (undo)" } }
                    td { (text::cut(&d.note, 200)) @if let Some(link) = safe_link(&d.link) { " " a href=(link) rel="noopener noreferrer nofollow" { (text::cut(&link, 60)) } } }
                    td { @if !d.undone && d.undoes.is_none() && all[..i].iter().all(|o| o.batch != d.batch) {
                        form method="post" action="/triage/undo" { input type="hidden" name="batch" value=(d.batch); button .small type="submit" { "Undo" } } }
                        @else if d.undone { span .muted { "undone" } } }
                }
            } }
        } }
    }
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
