//! What the words, signs and keys mean.

use maud::{Markup, html};

use crate::app::{App, Role};
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::no_such_form;
use crate::pages::layout::{self, Nav};
use crate::query::Format;

const KEYS: &[(&str, &str)] = &[
    ("j, k", "next and previous group or row"),
    ("Enter", "open it"),
    ("x", "select a group"),
    ("a", "acknowledge (the selected groups, or the current one)"),
    ("f", "fixed: asks which commit fixed it"),
    ("w, n", "accepted (wanted), noise"),
    (
        "t",
        "take it on: it is yours from then on, for whoever signed in",
    ),
    (
        "i, v",
        "infrastructure: the machine changed, not the code; invalid: the number is wrong",
    ),
    (
        "m, s",
        "merge the selected groups; split the selected series off into a group of their own",
    ),
    (
        "u",
        "undo: what was decided about the current group, else your own last decision in this window",
    ),
    (
        "/",
        "search: whatever has a name (benchmarks, metrics, commits, owners, tags, pages), by any part of \
         it",
    ),
    (
        "← →",
        "on a chart: point to the previous and next commit, Enter compares it with the one before; \
         with Shift, or by dragging: select a range, to zoom in (Enter), list its commits or compare \
         its ends",
    ),
    ("0 or Esc", "show all again"),
    ("g then t, h, c, v", "go to Today, Health, Commits, Compare"),
    ("?", "this page, which can switch the keys off"),
];

/// Those of a server's own pages.
const SERVER_KEYS: &[(&str, &str)] = &[
    ("j, k", "next and previous row"),
    ("Enter", "open it"),
    ("g then t, h", "go to the first page, Health"),
    ("?", "this page, which can switch the keys off"),
];

const WORDS: &[(&str, &str)] = &[
    (
        "change",
        "a step in a series that lasted: the level before, the level after, and the commits that may \
         have caused it (95 %)",
    ),
    (
        "noise",
        "how much a series varies around its level from commit to commit",
    ),
    (
        "next commit: limit",
        "how far the next commit may move before it is suspect: the gate's own limit, history and \
         calibration counted",
    ),
    (
        "lasting step from",
        "the smallest step that is found four times out of five once it has lasted 30 commits",
    ),
    (
        "drift",
        "a slope that goes through a series: no single commit's doing, and no noise",
    ),
    (
        "exact, layout, threaded",
        "why a count may vary: it repeats; it depends on where things lie in memory; threads take turns",
    ),
    (
        "testbed",
        "machine, compiler and libraries that a number depends on; numbers of two testbeds are never compared",
    ),
    (
        "limit",
        "how far a number may move before it counts; each row says where its limit comes from",
    ),
    ("recovered", "went back to its old level by itself"),
    (
        "withdrawn",
        "was reported, and the commits measured since show no such step",
    ),
    (
        "owner, assignee",
        "whose a benchmark is, by [owners] in uptick.toml; who took a change on, which goes before it",
    ),
];

const SERVER: &[(&str, &str, &str)] = &[
    (
        "/projects",
        "Projects",
        "what is open in each, its newest measured commit; the name leads to its own pages",
    ),
    ("/health", "Health", "how well each project can be watched"),
    ("/queue", "Queue", "commits that wait, run, failed"),
    (
        "/pulls",
        "Pull requests",
        "how far each is, and which of a fork’s wait for approval",
    ),
    ("/collectors", "Collectors", "the machines that measure"),
];

pub(super) fn page(app: &App, format: Format) -> Result<Page, Fail> {
    if format != Format::Html {
        return Err(no_such_form(format));
    }
    Ok(layout::page(app, Nav::None, "Help and keys", body(app)))
}

/// The same on a server's own page.
pub(crate) fn body(app: &App) -> Markup {
    let is_server = matches!(app.role, Role::Server);
    html! {
        h1 { "Help and keys" }
        (layout::on_paper("/help"))
        @if is_server { (server()) }
        section {
            h2 { "Keys" }
            // Without a script there are none to switch off.
            p #keys hidden { "They get in the way of dictation and of some tools: this browser can do without them." }
            @let keys = if is_server { SERVER_KEYS } else { KEYS };
            dl .keys { @for (k, what) in keys { dt { kbd { (k) } } dd { (what) } } }
        }
        section { h2 { "Words" } dl .keys { @for (w, what) in WORDS { dt { (w) } dd { (what) } } } }
        section { h2 { "Signs" } (signs()) }
        @if !is_server { section { h2 { "Other forms" } (forms()) } }
    }
}

/// What a server's own pages are.
fn server() -> Markup {
    html! {
        section {
            h2 { "Pages" }
            dl .keys {
                @for (url, name, what) in SERVER {
                    dt { a href=(url) { (name) } }
                    dd { (what) }
                }
            }
        }
    }
}

fn signs() -> Markup {
    html! {
        p {
            span .delta.up { "▲ +4.10 %" } " costs more, beyond its limit; "
            span .delta.down { "▼ −2.00 %" } " costs less; "
            span .delta.same { "+0.02 %" } " is within its limit."
        }
    }
}

fn forms() -> Markup {
    html! {
        p {
            "Each page names its other forms. Add " code { ".json" } " to an address, " code { ".csv" } " to that of a list, " code { ".md" } " to those of Today, Health, a "
            "comparison, a commit, a series and its functions, " code { ".svg" } " to that of a series (“Save PNG” beside it draws the same with this browser’s fonts: "
            "uptick brings none, so that it has no address ending in " code { ".png" } "). "
            a href="/changes.atom" { "Atom feed" } ". "
            a href="/api/v1/openapi.json" { "API document" } "."
        }
    }
}
