//! Search: benchmarks and commits by any part of what names them.

use collector::store::{Found, SeriesState, Store};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{json_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, encode};
use crate::text;

/// Benchmarks and commits that are shown, of each at most.
const MOST: usize = 50;

pub(super) fn page(store: &Store, app: &App, text: &str, f: Format) -> Result<Page, Fail> {
    let found = store.find(text, MOST)?;
    match f {
        Format::Html => {
            let title = if text.is_empty() {
                "Search".to_string()
            } else {
                format!("Search: {text}")
            };
            Ok(layout::page(app, Nav::None, &title, html(text, &found)))
        }
        Format::Json => json_page(&json!({
            "schema": "uptick.search/1",
            "text": text,
            "benchmarks": found.benchmarks,
            "commits": found.commits,
        })),
        f => Err(no_such_form(f)),
    }
}

/// The address of the one thing that a text can mean: a benchmark of just this name, or all that
/// was found.
pub(super) fn only_one(store: &Store, text: &str) -> Result<Option<String>, Fail> {
    let found = store.find(text, 2)?;
    let exact = found.benchmarks.iter().find(|b| *b == text);
    match (exact, found.benchmarks.as_slice(), found.commits.as_slice()) {
        (Some(benchmark), ..) => series_of(store, benchmark, None),
        (None, [benchmark], []) => series_of(store, benchmark, None),
        (None, [], [commit]) => Ok(Some(format!("/commit/{}", commit.sha.short()))),
        _ => Ok(None),
    }
}

/// The address of the series of a benchmark: the judged one first.
pub(super) fn series_of(
    store: &Store,
    benchmark: &str,
    metric: Option<&str>,
) -> Result<Option<String>, Fail> {
    let all = store.series_of(benchmark)?;
    let judged = |s: &&SeriesState| s.row.key.metric.is_judged();
    let wanted = |s: &&SeriesState| metric.is_none_or(|m| s.row.key.metric.name() == m);
    let found = all
        .iter()
        .filter(wanted)
        .find(judged)
        .or_else(|| all.iter().find(wanted));
    Ok(found.map(|s| format!("/series/{}", s.row.key.id())))
}

fn html(text: &str, found: &Found) -> Markup {
    let nothing = found.benchmarks.is_empty() && found.commits.is_empty();
    html! {
        h1 { "Search" }
        (field(text))
        @if text.trim().is_empty() {
            p .muted { (HINT) }
        } @else if nothing {
            (layout::empty(&format!("Nothing holds “{}”", text::cut(text, 80)), html! {
                (HINT) " " a href="/health" { "Health" } " lists every benchmark, "
                a href="/commits" { "Commits" } " every measured commit."
            }, &[]))
        } @else {
            (benchmarks(&found.benchmarks))
            (commits(found))
        }
    }
}

const HINT: &str = "Any part of a benchmark’s name, a commit’s hash, subject, author or branch; of \
    several words each must be there.";

/// The field of the search, as pages show it that know no better way on.
pub(super) fn field(text: &str) -> Markup {
    html! {
        form .filters action="/search" role="search" {
            label .hidden for="q" { "Search" }
            input #q name="q" type="search" value=(text) placeholder="benchmark, commit, author, branch"
                maxlength="512" spellcheck="false";
            button .small type="submit" { "Search" }
        }
    }
}

fn benchmarks(names: &[String]) -> Markup {
    html! {
        @if !names.is_empty() {
            section {
                h2 { (counted(names.len(), "benchmark")) }
                ul .plain {
                    @for name in names {
                        li { a href={ "/series?benchmark=" (encode(name)) } title=(text::whole(name)) {
                            (text::cut(name, 120))
                        } }
                    }
                }
            }
        }
    }
}

fn commits(found: &Found) -> Markup {
    html! {
        @if !found.commits.is_empty() {
            section {
                h2 { (counted(found.commits.len(), "commit")) }
                ul .plain {
                    @for c in &found.commits {
                        li {
                            (layout::commit_line(c)) ", " (text::time(c.time))
                            @if !c.main { " " span .tag { (text::cut_or_empty(&c.branch, 60)) } }
                        }
                    }
                }
            }
        }
    }
}

/// How many, or that there may be more.
fn counted(n: usize, of: &str) -> String {
    if n < MOST {
        text::plural(n, of)
    } else {
        format!("The first {n} {of}s")
    }
}
