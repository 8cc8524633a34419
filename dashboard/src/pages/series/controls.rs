//! Which axes, and which stretch: links, so that they need no script and no drag.

use maud::{Markup, html};

use super::beside::{self, Scale};
use super::history::History;
use crate::look::{Across, SeriesLook, Upward};
use crate::pages::layout;

/// The vertical axes that the chart can have, and which of them it has.
fn upward(h: &History) -> Vec<(Upward, &'static str, bool)> {
    let scale = Scale::of(h);
    let zero = (Upward::Zero, "from zero", h.look.y == Upward::Zero);
    if h.others.is_empty() {
        let fitted = (Upward::Usual, "fitted", !zero.2);
        return vec![fitted, zero];
    }
    let relative = (Upward::Relative, "relative", scale == Scale::Relative);
    if !beside::has_one_unit(h) {
        return vec![relative];
    }
    let is_fitted = scale == Scale::Own && !zero.2;
    vec![(Upward::Fitted, "fitted", is_fitted), zero, relative]
}

pub(super) fn html(h: &History, url: &str) -> Markup {
    let to = |look: SeriesLook| format!("{url}{}", look.query());
    let across = [(Across::Commit, "by commit"), (Across::Date, "by date")];
    let across = across.map(|(x, word)| (word, to(SeriesLook { x, ..h.look }), h.look.x == x));
    let upward = upward(h).into_iter();
    let upward: Vec<(&str, String, bool)> = upward
        .map(|(y, word, on)| (word, to(SeriesLook { y, ..h.look }), on))
        .collect();
    let whole = (h.first, h.series.row.latest_position.max(h.first));
    html! {
        div .filters {
            (layout::choice("across", &across))
            @if upward.len() > 1 { (layout::choice("upward", &upward)) }
            @if !h.values.is_empty() {
                div .choice role="group" aria-label="stretch" {
                    span .muted { "stretch" }
                    @for (word, look) in h.look.beside(whole, h.ends()) { a href=(to(look)) { (word) } }
                }
            }
        }
    }
}
