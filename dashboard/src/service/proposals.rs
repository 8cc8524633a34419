//! Pull requests as a page and as a document, and the approval of a fork's.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::model::Sha;
use collector::store::queue::{Collector, Project, Pull, Standing};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::auth::Actor;
use crate::clock::clock;
use crate::error::Fail;
use crate::look::address::field;
use crate::pages::layout::{self, Nav};
use crate::query::{commit_url, encode};
use crate::reader::Reader;
use crate::service::pages::{at, page};
use crate::service::server::Server;
use crate::text;

/// Pull requests that are listed, those that moved last.
const ROWS: usize = 200;
/// A collector that was heard of within this time, in milliseconds, is there.
const ALIVE: i64 = 3_600_000;

/// Pull requests, of every project or of the one that the address names.
pub(super) async fn pulls(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fail> {
    let of = query.and_then(|q| field(q.as_bytes(), "project"));
    let of = of.filter(|name| !name.is_empty());
    let named = of.clone();
    let (mut all, projects, collectors) = app
        .read(move |store, _| {
            Ok((
                store.pulls(named.as_deref(), ROWS + 1)?,
                store.projects()?,
                store.collectors()?,
            ))
        })
        .await?;
    let is_cut = all.len() > ROWS;
    all.truncate(ROWS);
    let may = reader.may_do_everything(app.options.read_only);
    let json = address("/api/v1/pulls", of.as_deref());
    let body = html! {
        section .verdict.quiet {
            h1 { "Pull requests" @if let Some(name) = &of { " of " (text::cut(name, 64)) } }
            p {
                "Each is judged against where it leaves the main line, and changes nothing there. "
                "One from a fork is measured once somebody has read that commit and approves it; a "
                "push to it voids that."
                @if of.is_some() { " " a href="/pulls" { "Those of all projects" } }
            }
            (layout::forms(&[("JSON", json)]))
        }
        (nobody(&all, &collectors))
        @if all.is_empty() { (none(&projects)) } @else {
            div .scroll { table .rows {
                thead { tr {
                    th scope="col" { "Pull request" } th scope="col" { "Project" }
                    th scope="col" { "Head" } th scope="col" { "Since" } th scope="col" { "What" }
                    @if may { th scope="col" aria-label="Decide" {} }
                } }
                tbody { @for p in &all { (row(p, may.then_some(of.as_deref()))) } }
            } }
            @if is_cut { p .muted { "Those are the " (ROWS) " that moved last; there are more." } }
        }
    };
    Ok(page(&app, (&reader, Nav::Pulls), "Pull requests", body))
}

/// That they wait for a collector that takes them.
fn nobody(all: &[Pull], collectors: &[Collector]) -> Markup {
    let waits = all.iter().any(|p| p.standing == Standing::Waiting);
    let now = clock();
    let is_there = |c: &Collector| c.untrusted && now - c.beat < ALIVE;
    html! {
        @if waits && !collectors.iter().any(is_there) {
            p .warning role="status" {
                "No collector at work takes pull requests, whose code nobody may have read. "
                (layout::command("uptick collect --server URL --name NAME --untrusted"))
            }
        }
    }
}

fn none(projects: &[Project]) -> Markup {
    let watched = projects.iter().any(|p| !p.pulls.is_empty());
    let why = html! {
        @if watched { "No repository has one that is not merged." }
        @else { "No project says which of its references are pull requests." }
    };
    let set = "uptick project set NAME --pulls 'refs/pull/*/head' --data DIR";
    layout::empty("No pull request", why, &[("have them measured", set)])
}

/// An address, of every project or of one.
fn address(path: &str, of: Option<&str>) -> String {
    of.map_or_else(
        || path.into(),
        |name| format!("{path}?project={}", encode(name)),
    )
}

/// A pull request; `may`: somebody who may approve it looks, at all of them or at one project's.
fn row(p: &Pull, may: Option<Option<&str>>) -> Markup {
    html! {
        tr {
            td { (named(p)) }
            td { a href={ "/p/" (p.project) "/" } { (p.project) } }
            td {
                @if p.standing == Standing::Measured {
                    a .sha href=(judgement(p)) { (p.sha.short()) }
                } @else { span .sha { (p.sha.short()) } }
                " " span .subject { (text::cut_or_empty(&p.subject, 80)) }
            }
            td { (at(p.seen)) }
            td { (what(p)) }
            @if let Some(of) = may { td { (decide(p, of)) } }
        }
    }
}

/// The page of its head: of two that have one head, the branch is called after one alone.
fn judgement(p: &Pull) -> String {
    format!("/p/{}{}", p.project, commit_url(&p.sha))
}

/// Its name, which leads to its page once there is one.
fn named(p: &Pull) -> Markup {
    html! {
        @if p.standing == Standing::Measured {
            a href=(judgement(p)) { (text::cut(&p.name, 60)) }
        } @else { (text::cut(&p.name, 60)) }
        @if !p.own { " " span .tag { "fork" } }
    }
}

fn what(p: &Pull) -> Markup {
    html! {
        @match p.standing {
            Standing::Unapproved => { "not approved: nobody measures it" }
            Standing::Found => { "found just now" }
            Standing::Waiting => { "waiting" }
            Standing::Running => { "running" }
            Standing::Failed => { a href="/queue#failed" { "failed" } }
            Standing::Measured => {
                a href=(judgement(p)) { "its judgement" }
            }
        }
        @if !p.not_notified.is_empty() {
            " " span .tag.stale { "forge" } " " (text::cut(&p.not_notified, 200))
        }
        @if !p.approved_by.is_empty() {
            " " span .muted { "approved by " (text::cut(&p.approved_by, 40)) }
        }
    }
}

fn decide(p: &Pull, of: Option<&str>) -> Markup {
    html! {
        @if p.standing == Standing::Unapproved {
            form method="post" action="/pulls/approve" {
                input type="hidden" name="project" value=(p.project);
                input type="hidden" name="commit" value=(p.sha.0);
                @if let Some(name) = of { input type="hidden" name="of" value=(name); }
                button .small type="submit" title="Collectors build and run this very commit" {
                    "Approve " (p.sha.short())
                }
            }
        }
    }
}

/// Pull requests as a document, of every project or of the one that the address names.
pub(super) async fn pulls_json(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fail> {
    let of = query.and_then(|q| field(q.as_bytes(), "project"));
    let of = of.filter(|name| !name.is_empty());
    let all = app
        .read(move |store, _| Ok(store.pulls(of.as_deref(), ROWS)?))
        .await?;
    Ok(axum::Json(json!({ "schema": "uptick.pulls/1", "pulls": all })).into_response())
}

/// Lets the head of a fork's pull request be measured: the commit that the form names.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let (Some(project), Some(commit)) = (field(&form, "project"), field(&form, "commit")) else {
        return Err(Fail::Bad("`project` and `commit` must be named.".into()));
    };
    let (name, head) = (project.clone(), Sha(commit));
    let found = app
        .write(move |store| Ok(store.approve_pull(&name, &head, &actor.0, clock())?))
        .await?;
    if !found {
        return Err(Fail::Conflict(
            "No pull request has that commit as its head any more: look at what was pushed.".into(),
        ));
    }
    server.poke(&project);
    let to = address("/pulls", field(&form, "of").as_deref());
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}
