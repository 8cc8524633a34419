//! Which axes, and which stretch: links, so that they need no script and no drag.

use maud::{Markup, html};

use super::history::History;
use crate::look::{Across, SeriesLook, Upward};
use crate::pages::layout;

pub(super) fn html(h: &History, url: &str) -> Markup {
    let to = |look: SeriesLook| format!("{url}{}", look.query());
    let across = [(Across::Commit, "by commit"), (Across::Date, "by date")];
    let across = across.map(|(x, word)| (word, to(SeriesLook { x, ..h.look }), h.look.x == x));
    let upward = [(Upward::Fitted, "fitted"), (Upward::Zero, "from zero")];
    let upward = upward.map(|(y, word)| (word, to(SeriesLook { y, ..h.look }), h.look.y == y));
    let whole = (h.first, h.series.row.latest_position.max(h.first));
    html! {
        div .filters {
            (layout::choice("across", &across))
            (layout::choice("upward", &upward))
            @if !h.values.is_empty() {
                div .choice role="group" aria-label="stretch" {
                    span .muted { "stretch" }
                    @for (word, look) in h.look.beside(whole, h.ends()) { a href=(to(look)) { (word) } }
                }
            }
        }
    }
}
