//! The flame graph, and what one does with it.

use collector::format::{flag, instant, share};
use collector::profile::{critical_path, names};
use maud::{Markup, PreEscaped, html};

use super::load::{Pair, Source};
use crate::flame::{Picture, Tree};
use crate::look::{Look, Shape};
use crate::pages::layout;
use crate::text::{self, plural};

/// Call trees of one side that are named.
const NAMED: usize = 6;

pub(super) fn html(p: &Pair, look: &Look) -> Markup {
    let (Source::Stacks { base, head, .. }, Some(tree)) = (&p.source, p.tree()) else {
        return no_picture(p);
    };
    let page = format!("/functions/{}", p.stem());
    html! {
        section .flamebox #flame {
            h2 { "Flame graph" }
            (legend())
            p .muted { "Critical path: " (critical_path(head)) }
            (form(&page, look))
            div .flameview { (view(p, &Picture::of((base, head), tree, look), tree, &page)) }
        }
    }
}

/// What another look changes.
fn view(p: &Pair, picture: &Picture<'_>, whole: &Tree, page: &str) -> Markup {
    let look = picture.look;
    html! {
        div .filters { (shapes(look, page)) (found(whole, look, page)) }
        @if picture.is_empty() { p { (nowhere(look)) } } @else {
            figure .wide.flame {
                (PreEscaped(picture.svg(page)))
                figcaption { output .cursor { (picture.words()) } }
            }
            (one_sided(picture, page))
        }
        p {
            @if let Some(function) = picture.focused() {
                a href={ (page) (look.around(function).query()) "#flame" } {
                    "Callers and callees of " (text::cut(&names::short(function), 60))
                } " · "
            }
            @if *look != Look::default() { a .flamereset href={ (page) "#flame" } { "Whole graph" } " · " }
            a href={ "/flame/" (p.stem()) ".svg" (look.query()) } { "Open as SVG of its own" }
        }
    }
}

/// What one side alone has, by name: in the picture it may be narrow.
fn one_sided(picture: &Picture<'_>, page: &str) -> Markup {
    let all = picture.one_sided();
    let list = |word: &str, added: bool| {
        let some: Vec<_> = all.iter().filter(|f| f.2 == added).collect();
        html! {
            @if !some.is_empty() {
                span .fact {
                    (word) ": "
                    @for (i, (frame, name, _)) in some.iter().take(NAMED).enumerate() {
                        @if i > 0 { ", " }
                        a href={ (page) (picture.to(*frame).query()) "#flame" } {
                            (text::cut(&names::short(name), 60))
                        }
                    }
                    @if some.len() > NAMED { " and " (some.len() - NAMED) " more" }
                }
            }
        }
    };
    html! { @if !all.is_empty() { p { (list("Removed", false)) (list("Added", true)) } } }
}

fn legend() -> Markup {
    html! {
        p .muted {
            "Width: the side that costs more. "
            span .swatch.u3 {} " costs more " span .swatch.d3 {} " costs less "
            span .swatch.added {} " added " span .swatch.removed {} " removed. "
            "A click shows a frame at full width, with what is too narrow to be seen here."
        }
    }
}

/// The search; what is at full width stays so.
fn form(page: &str, look: &Look) -> Markup {
    let kept = Look {
        search: String::new(),
        ..look.clone()
    };
    html! {
        form .flametools action={ (page) "#flame" } {
            @for (name, value) in kept.pairs() { input type="hidden" name=(name) value=(value); }
            label { "Functions with " input .flamesearch name="q" type="search" maxlength="200" value=(look.search); }
            button .small { "Find" }
        }
    }
}

fn shapes(look: &Look, page: &str) -> Markup {
    let is = |shape| look.of.is_empty() && look.shape == shape;
    let to = |l: Look| format!("{page}{}#flame", l.query());
    let mut options = vec![
        (
            "from callers down",
            to(look.shaped(Shape::Callees)),
            is(Shape::Callees),
        ),
        (
            "from own cost up",
            to(look.shaped(Shape::Inverted)),
            is(Shape::Inverted),
        ),
    ];
    let around = format!("around {}", text::cut(&names::short(&look.of), 40));
    if !look.of.is_empty() {
        options.push((&around, to(look.around(&look.of)), true));
    }
    layout::choice("order", &options)
}

/// How much of the cost the search matches, whatever is at full width.
fn found(whole: &Tree, look: &Look, page: &str) -> Markup {
    if look.search.is_empty() {
        return html! {};
    }
    let found = whole.search(&look.search);
    let side = |s: Option<f64>| s.map_or_else(|| "–".into(), share);
    let without = Look {
        search: String::new(),
        ..look.clone()
    };
    html! {
        output .flamefound {
            (plural(found.functions, "function")) " with “" (text::cut(&look.search, 60)) "”"
            @if found.functions > 0 {
                ", with what they call: " (side(found.shares.0)) " of the cost before, "
                (side(found.shares.1)) " after"
            }
            ". " a href={ (page) (without.query()) "#flame" } { "Clear" }
        }
    }
}

/// What is said where nothing can be drawn.
pub(super) fn nowhere(look: &Look) -> String {
    if look.of.is_empty() {
        return "Neither profile has any cost.".into();
    }
    format!(
        "Neither profile has a function {}.",
        text::cut(&look.of, 120)
    )
}

/// Which profiles were there once.
pub(super) fn pruned(p: &Pair) -> Markup {
    html! {
        @for (sha, gone) in &p.pruned {
            "The profile of " (sha.short()) " was pruned on " (day(gone.time)) " (kept " (gone.kept)
            @if gone.kept == 1 { " day). " } @else { " days). " }
        }
    }
}

/// The day of a time, in UTC.
fn day(time: i64) -> String {
    instant(time - time.rem_euclid(86_400))
}

fn no_picture(p: &Pair) -> Markup {
    let bench = flag("--only", &text::whole(&p.series.row.key.benchmark));
    let line = format!(
        "uptick compare {} {} {bench}",
        p.base.sha.short(),
        p.head.sha.short()
    );
    let why = html! {
        (pruned(p))
        "These are the functions' own costs, which counting leaves by itself. Whole call stacks are "
        "taken when a benchmark moved, or on demand:"
    };
    layout::empty("No flame graph yet", why, &[("take them", &line)])
}
