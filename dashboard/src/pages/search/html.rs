//! What was found, by kind.

use collector::store::TestbedRow;
use maud::{Markup, html};

use super::load::{Hits, MOST, Person, Tag, metric_url};
use crate::pages::layout;
use crate::query::encode;
use crate::text;

/// Facts of a testbed that tell it from others.
const FACTS: usize = 4;

pub(super) fn page(text: &str, found: &Hits) -> Markup {
    html! {
        h1 { "Search" }
        (layout::on_paper(&format!("/search?q={}", encode(text))))
        (field(text))
        @if text.trim().is_empty() {
            p .muted { (HINT) }
        } @else if found.total() == 0 {
            (layout::empty(&format!("Nothing holds “{}”", text::cut(text, 80)), html! {
                (HINT) " " a href="/health" { "Health" } " lists every benchmark, "
                a href="/commits" { "Commits" } " every measured commit."
            }, &[]))
        } @else {
            @if let Some(nearest) = &found.nearest {
                p role="status" {
                    "Nothing holds “" (text::cut(text, 80)) "”; nearest: “" (text::cut(nearest, 80)) "”."
                }
            }
            (lists(found))
        }
    }
}

const HINT: &str = "Any part of the name of a benchmark, metric, page, owner, tag or project, of a \
    commit’s hash, subject, author or branch, of what a testbed is, of a function in a profile of what \
    is open; of several words each must be there.";

/// The field of the search, as pages show it that know no better way on.
pub(in crate::pages) fn field(text: &str) -> Markup {
    html! {
        form .filters action="/search" role="search" {
            label .hidden for="q" { "Search" }
            input #q name="q" type="search" value=(text) placeholder="benchmark, metric, commit, owner, page"
                maxlength="512" spellcheck="false";
            button .small type="submit" { "Search" }
        }
    }
}

fn lists(found: &Hits) -> Markup {
    html! {
        (list(&found.pages, "page", |p| html! { a href=(p.url) { (text::cut(&p.name, 80)) } }))
        (list(&found.benchmarks, "benchmark", |name| html! {
            a href={ "/series?benchmark=" (encode(name)) } title=(text::whole(name)) {
                (text::cut(name, 120))
            }
        }))
        (list(&found.metrics, "metric", |name| html! {
            a href=(metric_url(name)) { (text::cut(name, 80)) } " "
            span .muted { "its series on Health" }
        }))
        (list(&found.people, "owner or assignee", person))
        (list(&found.commits, "commit", |c| html! {
            (layout::commit_line(c)) ", " (text::time(c.time))
            @if !c.main { " " span .tag { (text::cut_or_empty(&c.branch, 60)) } }
        }))
        (list(&found.tags, "tag", tag))
        (list(&found.testbeds, "testbed", testbed))
        (list(&found.functions, "function", |f| html! {
            a href=(f.url) { (text::cut(&f.name, 120)) } " "
            span .muted { "in " (text::name(&f.benchmark)) ", which changed" }
        }))
        (list(&found.projects, "project", |name| html! {
            a href={ "/p/" (name) "/" } { (text::cut(name, 64)) }
        }))
    }
}

fn list<T>(all: &[T], of: &str, line: impl Fn(&T) -> Markup) -> Markup {
    html! {
        @if !all.is_empty() {
            section {
                h2 { (counted(all.len(), of)) }
                ul .plain { @for one in all { li { (line(one)) } } }
            }
        }
    }
}

fn person(p: &Person) -> Markup {
    html! {
        a href=(p.url()) { (text::cut(&p.name, 80)) }
        @if !p.owns.is_empty() {
            " " span .muted { "owns " (text::cut(&p.owns.join(", "), 120)) }
        }
        @if p.open > 0 {
            " " span .muted { "took on " (text::plural(p.open as usize, "open change")) }
        }
    }
}

fn tag(t: &Tag) -> Markup {
    html! {
        @if t.measured {
            a href={ "/commit/" (t.sha.short()) } { (text::cut(&t.name, 80)) }
        } @else {
            (text::cut(&t.name, 80)) " " span .muted { "its commit was not measured" }
        }
    }
}

fn testbed(t: &TestbedRow) -> Markup {
    let said = t.facts.iter().filter(|(_, v)| !v.trim().is_empty());
    let facts: Vec<String> = said
        .take(FACTS)
        .map(|(name, value)| format!("{} {}", text::cut(name, 30), text::cut(value, 60)))
        .collect();
    html! {
        a href="/health#testbeds" { (facts.join(" · ")) } " "
        span .muted { (text::date(t.first_time)) " to " (text::date(t.last_time)) }
    }
}

/// How many, or that there may be more.
fn counted(n: usize, of: &str) -> String {
    let several = match of {
        "owner or assignee" => "owners or assignees".to_string(),
        of => format!("{of}s"),
    };
    match n {
        1 => format!("1 {of}"),
        n if n < MOST => format!("{n} {several}"),
        n => format!("The first {n} {several}"),
    }
}
