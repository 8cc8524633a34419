//! Which two commits to compare, for whoever has no address yet.

use collector::model::Variants;
use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::no_such_form;
use crate::pages::compare::releases::{self, named};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, compare_url, variants_query};
use crate::text;

/// Commits that are offered.
const OFFERED: usize = 50;
/// Pairs of neighbours that are listed.
const NEIGHBOURS: usize = 12;

/// The address of the comparison, once both sides name a measured commit.
pub(in crate::pages) fn chosen(
    store: &Store,
    app: &App,
    (base, head): (&str, &str),
    (variants, rows): (Option<&Variants>, &str),
) -> Result<Option<String>, Fail> {
    let (base, head) = (named(store, app, base)?, named(store, app, head)?);
    let both = base.zip(head);
    let parts = variants.map(variants_query).into_iter();
    let parts = parts.chain(Some(rows.to_owned()).filter(|r| !r.is_empty()));
    let parts: Vec<String> = parts.collect();
    let query = match parts.as_slice() {
        [] => String::new(),
        parts => format!("?{}", parts.join("&")),
    };
    Ok(both.map(|(base, head)| format!("{}{query}", compare_url(&base.sha, &head.sha))))
}

/// The form. A side that names no measured commit is said to.
pub(in crate::pages) fn choose(
    store: &Store,
    app: &App,
    (base, head): (&str, &str),
    f: Format,
) -> Result<Page, Fail> {
    let unknown = [base, head]
        .into_iter()
        .filter(|name| !name.is_empty())
        .filter_map(|name| match named(store, app, name) {
            Ok(Some(_)) => None,
            Ok(None) => Some(Ok(name)),
            Err(e) => Some(Err(e)),
        })
        .collect::<Result<Vec<&str>, _>>()?;
    if f != Format::Html {
        return Err(match unknown.first() {
            Some(name) => Fail::NotFound(no_commit(name)),
            None => no_such_form(f),
        });
    }
    let newest = store.commits(u64::MAX, OFFERED)?;
    let releases = releases::measured(store, app)?;
    let body = html(&newest, &releases, (base, head), &unknown);
    Ok(layout::page(app, Nav::Compare, "Compare", body))
}

fn no_commit(name: &str) -> String {
    format!(
        "No measured commit, branch or tag is called `{}`: `uptick run {0}` measures it.",
        text::cut(name, 80)
    )
}

fn html(
    newest: &[MeasuredCommit],
    releases: &[(String, MeasuredCommit)],
    (base, head): (&str, &str),
    unknown: &[&str],
) -> Markup {
    let before = newest.get(1).or(newest.first());
    let otherwise = |typed: &str, c: Option<&MeasuredCommit>| match c {
        Some(c) if typed.is_empty() => c.sha.short().to_string(),
        _ => typed.to_string(),
    };
    html! {
        h1 { "Compare two commits" }
        (layout::on_paper("/compare"))
        @for name in unknown { p .note role="alert" { (no_commit(name)) } }
        form .choose action="/compare" {
            (side("base", "Before", &otherwise(base, before)))
            (side("head", "After", &otherwise(head, newest.first())))
            button .primary type="submit" { "Compare" }
        }
        p .muted { "A commit is named by the beginning of its hash or by a tag; a branch by its name, and then \
            its newest measured commit is meant." }
        (against_the_one_before(releases))
        (neighbours(newest))
        datalist #measured {
            @for (name, _) in releases { option value=(text::cut(name, 60)) {} }
            @for c in newest {
                option value=(c.sha.short()) { (text::cut(&c.subject, 60)) }
            }
        }
    }
}

/// The newest releases, each compared with the one before.
fn against_the_one_before(releases: &[(String, MeasuredCommit)]) -> Markup {
    html! {
        @if releases.len() > 1 {
            section #releases {
                h2 { "Release against release" }
                ul .plain {
                    @for pair in releases.windows(2).take(NEIGHBOURS) {
                        @let ((before, base), (after, head)) = (&pair[1], &pair[0]);
                        li {
                            a href=(compare_url(&base.sha, &head.sha)) {
                                (text::cut(before, 40)) " → " (text::cut(after, 40))
                            }
                            " " span .muted { (text::time(head.time)) }
                        }
                    }
                }
            }
        }
    }
}

/// The newest commits, each compared with the one before.
fn neighbours(newest: &[MeasuredCommit]) -> Markup {
    html! {
        section {
            h2 { "Each with the one measured before it" }
            ul .plain {
                @for pair in newest.windows(2).take(NEIGHBOURS) {
                    li {
                        (layout::commit_line(&pair[0])) ", " (text::time(pair[0].time)) " "
                        a href=(compare_url(&pair[1].sha, &pair[0].sha)) { "Compare" }
                    }
                }
            }
        }
    }
}

fn side(name: &str, word: &str, value: &str) -> Markup {
    html! {
        p {
            label for=(name) { (word) } " "
            input id=(name) name=(name) value=(value) list="measured" required maxlength="200"
                spellcheck="false" autocomplete="off";
        }
    }
}
