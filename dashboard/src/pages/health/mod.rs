//! Health: the index of benchmarks, and how well each can be watched.

mod address;
mod documents;
mod environment;
mod glossary;
mod head;
mod machines;
mod rows;
mod table;

use collector::config::Config;
use collector::store::Store;
use maud::{Markup, html};

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form};
use crate::pages::channels;
use crate::pages::layout::{self, Nav};
use crate::pages::output;
use crate::query::{self, Format, State};
use crate::reader::Reader;
use crate::text;

pub(crate) use machines::with_machines;
use rows::{Health, ROWS};

/// Rows of a document.
const DOCUMENT: usize = 5_000;
/// Failures that are shown with what they said.
const FAILURES: usize = 20;

pub(super) fn page(
    store: &Store,
    app: &App,
    (reader, asked): (&Reader, &query::Health),
    format: Format,
) -> Result<Page, Fail> {
    let is_html = format == Format::Html;
    let take = if is_html { ROWS } else { DOCUMENT };
    let config = &app.options.config;
    let h = rows::load((store, config), &app.overview, asked, (take, is_html))?;
    match format {
        Format::Html => Ok(layout::page(
            app,
            Nav::Health,
            "Health",
            html(
                (&h, config),
                (reader.may_decide(app.options.read_only), asked),
                &channels::disabled(store)?,
            ),
        )),
        Format::Json => json_page(&documents::json(&h, asked)),
        Format::Csv => Ok(csv_page("series", documents::csv(&h))),
        Format::Markdown => Ok(markdown_page(documents::markdown(&h))),
        _ => Err(no_such_form(format)),
    }
}

fn html(
    (h, config): (&Health, &Config),
    (may, asked): (bool, &query::Health),
    disabled: &Markup,
) -> Markup {
    html! {
        (head::judgement(h, asked))
        (disabled)
        @if h.overview.counts.0 == 0 { (nothing_yet()) } @else {
            (layout::views(config, "/health", &address::address(asked)))
            (head::filters(h, asked))
            @if h.rows.is_empty() { (no_match(asked)) } @else {
                (table::html(h, may, asked))
                (pager(h, asked))
            }
            (glossary::html())
            @if !h.overview.failures.is_empty() { (failures(h)) }
            (environment::html(h))
        }
        @if let Some(machines) = &asked.machines { (environment::machines(machines)) }
    }
}

fn pager(h: &Health, asked: &query::Health) -> Markup {
    let to = |page: usize| {
        address::address(&query::Health {
            page,
            ..asked.clone()
        })
    };
    let page = layout::page_of(asked.page, ROWS, h.total);
    layout::pager(page, ROWS, h.total, &to)
}

fn nothing_yet() -> Markup {
    layout::empty(
        "No benchmark is known yet",
        html! { "Benchmarks appear with the first report." },
        &[
            ("which benchmarks are found", "uptick list"),
            ("measure them", "uptick run"),
        ],
    )
}

fn no_match(asked: &query::Health) -> Markup {
    let why = html! {
        @match asked.state {
            State::All => { "No series" }
            State::Look => { "No series that needs a look" }
            State::Fine => { "No series that is fine" }
            State::In(trouble) => { "No " (trouble.name()) " series" }
        }
        @if let Some(metric) = &asked.metric { " of " (text::spaced(metric)) }
        @if !asked.text.is_empty() { " has a name with “" (text::cut(&asked.text, 80)) "” in it" }
        @else { " is here" }
        ". " a href="/health" { "Show all" }
    };
    layout::empty("No benchmark matches", why, &[])
}

fn failures(h: &Health) -> Markup {
    let all = &h.overview.failures;
    html! {
        section #failures {
            h2 { "Failures on the newest commit" }
            @for f in all.iter().take(FAILURES) { (output::failure(f)) }
            @if all.len() > FAILURES { p .muted { "The first " (FAILURES) " of " (all.len()) " are shown." } }
        }
    }
}
