//! A badge for a README: the newest value, and whether a change of it is open.

use collector::detect::Change;
use collector::format::moved;
use collector::store::Store;

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::pages::answer::{SVG, the_series};
use crate::text::{cut, value, xml};

pub(super) fn page(store: &Store, app: &App, id: &str) -> Result<Page, Fail> {
    let s = the_series(store, id)?;
    let open = store
        .events_of(id)?
        .into_iter()
        .rev()
        .find(|t| t.event.is_open());
    let metric = &s.row.key.metric;
    let size = |c: &Change| moved(c.change, (c.before, c.after), metric);
    let (word, colour) = match open.map(|t| t.event.change) {
        Some(c) if metric.is_worse(c.change) => (size(&c), "#b34700"),
        Some(c) => (size(&c), "#0a66a8"),
        // Of a node that lacks reports nobody knows whether one is open.
        None if app.behind().is_some() => (value(s.row.latest_value, metric), "#555"),
        None => (value(s.row.latest_value, metric), "#14532d"),
    };
    let left = cut(&s.row.key.benchmark, 40);
    let width = |t: &str| t.chars().count() as u32 * 7 + 14;
    let (a, b) = (width(&left), width(&word));
    let (left, word) = (xml(&left), xml(&word));
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"20\" role=\"img\" \
         aria-label=\"{left}: {word}\">\
         <title>{left}: {word}</title><rect width=\"{0}\" height=\"20\" rx=\"4\" fill=\"{colour}\"/>\
         <path d=\"M4 0h{1}v20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z\" fill=\"#333\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"{2}\" y=\"14\">{left}</text><text x=\"{3}\" y=\"14\">{word}</text></g></svg>",
        a + b,
        a - 4,
        a / 2,
        a + b / 2
    );
    Ok(Page::new(SVG, Policy::Picture, svg.into_bytes()))
}
