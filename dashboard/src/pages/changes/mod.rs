//! All changes ever: every one that was reported, with what has become of it.

mod documents;
mod html;
mod load;

pub(super) use documents::change as document;

use collector::store::Store;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, known_metric, no_such_form};
use crate::pages::feed;
use crate::pages::layout::{self, Nav};
use crate::query::{Changes, Format};
use crate::reader::Reader;

pub(super) fn page(
    store: &Store,
    app: &App,
    (reader, asked): (&Reader, &Changes),
    format: Format,
) -> Result<Page, Fail> {
    if let Some(metric) = &asked.metric {
        let names = app.names.of(store)?;
        known_metric(metric, names.metrics().iter().map(String::as_str))?;
    }
    let take = match format {
        Format::Csv => load::DOCUMENT,
        _ => load::ROWS,
    };
    let config = &app.options.config;
    let mut list = load::load(store, config, (reader, asked), take)?;
    let page = layout::page_of(asked.page, load::ROWS, list.total);
    let last = Changes {
        page,
        ..asked.clone()
    };
    // Beyond the last page is the last page; a program is told that there is nothing.
    let is_beyond = page < asked.page && format == Format::Html;
    let asked = if is_beyond { &last } else { asked };
    if is_beyond {
        list = load::load(store, config, (reader, asked), take)?;
    }
    match format {
        Format::Html => {
            let body = html::html(&list, config, reader, asked);
            Ok(layout::page(app, Nav::None, "All changes", body))
        }
        Format::Json => json_page(&documents::json(&list, asked)),
        Format::Csv => Ok(csv_page("changes", documents::csv(&list))),
        Format::Atom => {
            let entries = list.rows.iter().map(|r| {
                let commit = r.around.as_ref().map(|(_, head)| head);
                (&r.event, commit, html::leads_to(r))
            });
            feed::single(store, app, entries, &asked.feed())
        }
        other => Err(no_such_form(other)),
    }
}
