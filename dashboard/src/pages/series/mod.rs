//! Series: when did it change, by how much, and who may have done it.

mod beside;
mod choose;
mod controls;
mod dates;
mod documents;
mod history;
mod picture;
mod sections;
mod words;

pub(super) use choose::{chart as chosen, page as choose};
pub(super) use history::around;

use collector::model::{Better, Metric};
use collector::store::{Store, Value};
use maud::{Markup, PreEscaped, html};

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::look::SeriesLook;
use crate::pages::answer::{SVG, csv_page, json_page, markdown_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::pages::{decide, drift};
use crate::query::Format;
use crate::reader::Reader;
use crate::text::{self, plural};
use history::History;

/// Commits in the table under the chart.
const NEWEST: usize = 50;
/// So few commits are shown as a table at once.
const FEW: usize = 12;

pub(super) fn page(
    store: &Store,
    app: &App,
    reader: &Reader,
    (id, look): (&str, SeriesLook),
    format: Format,
) -> Result<Page, Fail> {
    let h = history::load((store, app), id, look)?;
    let title = text::name(&h.series.row.key.benchmark);
    match format {
        Format::Html => Ok(layout::page(
            app,
            Nav::Health,
            &title,
            html(store, app, reader, &h)?,
        )),
        Format::Svg => {
            let svg = picture::standalone(&picture::chart(store, &h)?, &beside::names(&h));
            Ok(Page::new(SVG, Policy::Picture, svg.into_bytes()))
        }
        Format::Json => json_page(&documents::json(store, &h)?),
        Format::Csv => Ok(csv_page("series", documents::csv(store, &h)?)),
        Format::Markdown => Ok(markdown_page(documents::markdown(store, &h)?)),
        Format::Atom => Err(no_such_form(format)),
    }
}

fn html(store: &Store, app: &App, reader: &Reader, h: &History) -> Result<Markup, Fail> {
    let newest: Vec<&Value> = h.values.iter().rev().take(NEWEST).collect();
    let commits = match (newest.last(), newest.first()) {
        (Some(a), Some(b)) => store.commits_between(a.position, b.position)?,
        _ => Vec::new(),
    };
    let url = format!("/series/{}", h.id);
    Ok(html! {
        (head(h))
        (controls::html(h, &url))
        (figure(store, h, &url)?)
        (drifts(reader.may_decide(app.options.read_only), h))
        (beside::add(h))
        (sections::changes(store, h)?)
        (decide::section(store, app, reader, ("Decisions", h.events()))?)
        (sections::next_steps((store, app), reader, h)?)
        details .data open[h.values.len() <= FEW] {
            summary { "The newest " (newest.len()) " commits as a table" }
            (sections::table(h, &newest, &commits))
        }
        (forms(h, &url))
    })
}

/// Where it is not what a reader expects.
fn direction(metric: &Metric) -> &'static str {
    match metric.better() {
        Better::Lower => "",
        Better::Higher => ", higher is better",
    }
}

fn head(h: &History) -> Markup {
    let key = &h.series.row.key;
    html! {
        section .head {
            h1 title=(text::whole(&key.benchmark)) { (text::cut(&key.benchmark, 160)) }
            p .muted {
                (text::metric(&key.metric)) (direction(&key.metric)) " · " (key.counter.words()) " · "
                (plural(h.series.row.points as usize, "commit")) " · testbed " code { (key.fingerprint) }
            }
            (sections::siblings(h))
        }
    }
}

fn figure(store: &Store, h: &History, url: &str) -> Result<Markup, Fail> {
    let chart = if h.values.is_empty() {
        let all = html! { a href={ (url) (h.look.over(0, u64::MAX).query()) } { "Show the whole history" } };
        layout::empty("Nothing was measured in this range", all, &[])
    } else {
        PreEscaped(picture::chart(store, h)?)
    };
    Ok(html! {
        figure .wide data-series=(h.id) {
            (chart)
            (beside::legend(h, url))
            figcaption {
                span { (words::summary(h)) } " "
                @if let Some(words) = words::marks(h) { span .muted { (words) } " " }
                @if let Some(words) = words::landmarks(h) { span .muted { (words) } " " }
                @if h.look.is_zoomed() { (zoomed(h, url)) } @else { (sections::ranges(h, url)) }
                (sections::environment(h))
                output .cursor {}
            }
        }
    })
}

/// What may be done about a drift: it is opened as a change once.
fn drifts(may: bool, h: &History) -> Markup {
    html! {
        @if let Some(words) = &h.drift { div .drift #drift {
            span { "It " (words.words()) "." } " "
            @match h.open_drift() {
                Some(t) => { "That is open as a change: " a href={ "#g" (t.id) } { "decide about it" } "." }
                None if may => { (drift::offer(&h.id)) }
                None => {}
            }
        } }
    }
}

/// The way out of a range, and to what lies in it.
fn zoomed(h: &History, url: &str) -> Markup {
    html! {
        a .reset href={ (url) (h.look.over(0, u64::MAX).query()) } { "Show all" } " "
        @if let (Some(a), Some(b)) = (h.values.first(), h.values.last()) {
            a href={ "/commits?from=" (a.position) "&before=" (b.position + 1) } { "Commits in this range" }
        }
    }
}

fn forms(h: &History, url: &str) -> Markup {
    let query = h.look.query();
    let suffix = |word, suffix: &str| (word, format!("{url}.{suffix}{query}"));
    layout::forms(&[
        suffix("JSON", "json"),
        suffix("CSV", "csv"),
        suffix("Markdown", "md"),
        suffix("SVG", "svg"),
        ("Embed", format!("/embed/{}{query}", h.id)),
        ("Badge", format!("/badge/{}.svg", h.id)),
    ])
}
