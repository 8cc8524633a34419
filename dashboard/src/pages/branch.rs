//! A branch, and so a pull request: all its measured commits, each against where the branch left the
//! main line.

use std::sync::Arc;

use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::answer::{json_page, no_such_form};
use crate::pages::compare::{Pair, usual_base, verdict, verdicts};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, branch_url, compare_url};
use crate::text::{self, plural};

/// Commits that are listed, the newest ones.
const LISTED: usize = 100;

/// A commit of the branch with what it is compared with.
struct Judged {
    commit: MeasuredCommit,
    base: Option<MeasuredCommit>,
    how: &'static str,
    verdict: Option<Arc<Headline>>,
}

/// A commit of the branch in the document.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    commit: &'a MeasuredCommit,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a str>,
    how: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Headline>,
}

pub(super) fn page(store: &Store, app: &App, name: &str, format: Format) -> Result<Page, Fail> {
    let (all, is_cut) = load(store, app, name)?;
    let Some(newest) = all.first() else {
        return Err(Fail::NotFound(format!(
            "No commit of a branch `{}` beside the main line is stored; Commits lists those that are.",
            text::cut(name, 80)
        )));
    };
    match format {
        Format::Html => Ok(layout::page(
            app,
            Nav::Commits,
            &format!("Branch {name}"),
            html(name, newest, (&all, is_cut)),
        )),
        Format::Json => {
            let commits: Vec<Listed<'_>> = all.iter().map(Judged::listed).collect();
            json_page(&json!({ "schema": "uptick.branch/1", "branch": name, "commits": commits }))
        }
        other => Err(no_such_form(other)),
    }
}

/// Its newest commits, and whether there are more.
fn load(store: &Store, app: &App, name: &str) -> Result<(Vec<Judged>, bool), Fail> {
    let mut all = Vec::new();
    for commit in store.commits_of_branch(name, LISTED + 1)? {
        let (base, how) = usual_base(store, &commit)?;
        all.push(Judged {
            commit,
            base,
            how,
            verdict: None,
        });
    }
    let is_cut = all.len() > LISTED;
    all.truncate(LISTED);
    let pairs: Vec<Pair<'_>> = all
        .iter()
        .filter_map(|j| Some((j.base.as_ref()?, &j.commit)))
        .collect();
    let mut verdicts = verdicts(store, app, &pairs)?.into_iter();
    for j in all.iter_mut().filter(|j| j.base.is_some()) {
        j.verdict = verdicts.next().flatten();
    }
    // The page is headed by the verdict on the newest commit, however many numbers that has.
    if let Some(newest) = all.first_mut()
        && newest.verdict.is_none()
        && let Some(base) = &newest.base
    {
        newest.verdict = verdict(store, app, (base, &newest.commit))?;
    }
    Ok((all, is_cut))
}

impl Judged {
    fn listed(&self) -> Listed<'_> {
        Listed {
            commit: &self.commit,
            base: self.base.as_ref().map(|b| b.sha.0.as_str()),
            how: self.how,
            verdict: self.verdict.as_deref(),
        }
    }

    /// The comparison with its base.
    fn compare(&self) -> Option<String> {
        let base = self.base.as_ref()?;
        Some(compare_url(&base.sha, &self.commit.sha))
    }
}

fn html(name: &str, newest: &Judged, (all, is_cut): (&[Judged], bool)) -> Markup {
    let verdict = newest.verdict.as_deref();
    let json = branch_url(name).replacen("/branch?", "/branch.json?", 1);
    html! {
        section .verdict.(verdict.map_or("quiet", Headline::class)) {
            p .crumb {
                "Branch " b { (text::cut(name, 80)) } " · "
                @if is_cut { "more than " } (plural(all.len(), "measured commit"))
                @if is_cut { ", the newest of which are below" }
            }
            h1 { @match verdict {
                Some(h) => { (h.html()) }
                None if newest.base.is_some() => "The two commits cannot be judged here",
                None => "Nothing to compare with",
            } }
            (sides(newest))
            p .muted { "The verdict is that on the newest commit. None of them is a point of the main line." }
            (layout::forms(&[("JSON", json)]))
        }
        div .scroll { table .rows.stack.commits {
            thead { tr {
                th scope="col" { "Commit" }
                th scope="col" { "Date" }
                th scope="col" { "Against the merge-base" }
                th scope="col" { span .hidden { "Links" } }
            } }
            tbody { @for j in all { (row(j)) } }
        } }
    }
}

fn sides(newest: &Judged) -> Markup {
    html! {
        dl .sides {
            @if let Some(b) = &newest.base {
                dt { "base" }
                dd { (layout::commit_line(b)) " " span .muted { (newest.how) } }
            }
            dt { "newest" }
            dd {
                (layout::commit_line(&newest.commit)) " " span .muted { (text::time(newest.commit.time)) }
                @if let Some(url) = newest.compare() { " " a href=(url) { "Full comparison" } }
            }
        }
    }
}

fn row(j: &Judged) -> Markup {
    html! {
        tr {
            td .what { (layout::commit_line(&j.commit)) }
            td { (text::time(j.commit.time)) }
            td {
                @if let Some(h) = &j.verdict { (h.brief()) }
                @else { span .muted { "on its own page" } }
            }
            td { @if let Some(url) = j.compare() { a href=(url) { "Compare" } } }
        }
    }
}
