//! A server's projects, how each stands, and what its own pages say of all of them.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use collector::store::queue::Project;
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;
use crate::pages::layout::{self, Nav};
use crate::pages::status;
use crate::pages::summary::{Health, Summary, summary};
use crate::reader::Reader;
use crate::service::pages::{WHY, at, page, silent};
use crate::service::server::Server;
use crate::text::{self, plural};

/// Whether what is sent to this node would be kept, whichever of its projects it is for, and their
/// pages lack nothing.
pub(super) async fn readyz(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
) -> Response {
    status::verdict(status::unready(&app).or_else(|| server.unready()))
}

/// How a project stands; `None` where its store cannot be read, which its own pages say.
async fn standing(server: &Server, name: &str) -> Option<Arc<Summary>> {
    let (app, _) = server.project(name)?;
    let seen = (app.look().await, text::today());
    if let Some(known) = server.summaries.kept(name, &seen) {
        return Some(known);
    }
    let made = Arc::new(app.read(summary).await.ok()?);
    if made.is_whole() {
        server.summaries.keep(name, seen, &made);
    }
    Some(made)
}

/// A project, and how it stands.
struct Row {
    project: Project,
    stands: Option<Arc<Summary>>,
    /// Commits that wait or are being measured.
    waiting: u64,
}

async fn rows(server: &Server) -> Result<Vec<Row>, Fail> {
    let read = server.app().read(|store, _| {
        let all = store.projects()?;
        let waiting = all.iter().map(|p| store.jobs_ahead(&p.name));
        let waiting: Result<Vec<u64>, _> = waiting.collect();
        Ok(all.into_iter().zip(waiting?).collect::<Vec<_>>())
    });
    let mut out = Vec::new();
    for (project, waiting) in read.await? {
        let stands = standing(server, &project.name).await;
        out.push(Row {
            project,
            stands,
            waiting,
        });
    }
    Ok(out)
}

/// Projects.
pub(super) async fn projects(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let waits = app.read(|store, _| Ok(store.waits(clock())?)).await?;
    let all = rows(&server).await?;
    let body = html! {
        section .verdict.(tone(&all)) {
            h1 { (verdict(&all)) }
            p { "Each project is one repository; every commit of its main line is measured." }
            (layout::forms(&[("JSON", "/api/v1/projects".into())]))
        }
        (silent(&waits))
        @if all.is_empty() { (no_project()) } @else {
            div .scroll { table .rows.stack {
                thead { tr {
                    th scope="col" { "Project" } th scope="col" { "Open regressions" }
                    th scope="col" { "Newest measured commit" } th scope="col" { "Repository" }
                    th scope="col" { "Last reached" }
                } }
                tbody { @for r in &all { (project_row(r)) } }
            } }
        }
    };
    Ok(page(&app, (&reader, Nav::Projects), "Projects", body))
}

/// New regressions of all projects.
fn new(all: &[Row]) -> usize {
    let known = all.iter().filter_map(|r| r.stands.as_ref());
    known.map(|s| s.new).sum()
}

fn tone(all: &[Row]) -> &'static str {
    match new(all) {
        0 => "quiet",
        _ => "bad",
    }
}

/// What a person would say first.
fn verdict(all: &[Row]) -> Markup {
    let with = |r: &&Row| r.stands.as_ref().is_some_and(|s| s.new > 0);
    html! {
        @match new(all) {
            0 => { "Projects" }
            n => {
                span aria-hidden="true" { "▲" } " " (plural(n, "new regression")) " in "
                (plural(all.iter().filter(with).count(), "project"))
            }
        }
    }
}

fn no_project() -> Markup {
    let add = "uptick project add NAME --url URL --data DIR";
    let why = html! { "A project is added on the machine that serves; it is measured from its newest commit on." };
    layout::empty("No project", why, &[("add one", add)])
}

fn project_row(r: &Row) -> Markup {
    let p = &r.project;
    html! {
        tr {
            td { a href={ "/p/" (p.name) "/" } { (text::cut(&p.name, 64)) } }
            td data-th="open" { (open(r)) }
            td data-th="newest" { (newest(r)) }
            td data-th="from" {
                (text::cut(&p.url, 100)) " " span .muted { (text::cut(&p.branch, 60)) }
            }
            td data-th="last reached" {
                @if p.looked > 0 { (at(p.looked)) } @else if p.trouble.is_empty() { "not yet" } @else { "never" }
                @if !p.trouble.is_empty() { " " span .tag.stale { "trouble" } " " (text::cut(&p.trouble, WHY)) }
            }
        }
    }
}

/// How many regressions are open, as the project's Today counts them.
fn open(r: &Row) -> Markup {
    let today = format!("/p/{}/", r.project.name);
    html! {
        @match &r.stands {
            None => { "cannot be read" }
            Some(s) if s.newest.is_none() => { "–" }
            Some(s) if s.new + s.known == 0 => { span .tick aria-hidden="true" { "✓" } " none" }
            Some(s) => {
                a href=(today) {
                    @if s.new > 0 { b { (s.new) " new" } }
                    @if s.new > 0 && s.known > 0 { ", " }
                    @if s.known > 0 { (s.known) " acknowledged" }
                }
            }
        }
    }
}

/// The newest measured commit with its verdict, or what comes next.
fn newest(r: &Row) -> Markup {
    let Some(stands) = &r.stands else {
        return html! {};
    };
    let Some(c) = &stands.newest else {
        return next(r);
    };
    html! {
        a .sha href={ "/p/" (r.project.name) "/commit/" (c.sha.short()) } { (c.sha.short()) } " "
        span .subject { (text::cut(&c.subject, 60)) } " " (text::time(c.time)) " "
        @match &stands.verdict {
            Some(v) => { (v.brief()) }
            None if stands.is_first => { span .muted { "the first" } }
            None => { span .muted { "its own page has its verdict" } }
        }
        @if r.waiting > 0 {
            " " a href="/queue" { (plural(usize::try_from(r.waiting).unwrap_or(0), "job")) " ahead" }
        }
    }
}

/// What comes next where nothing is measured yet.
fn next(r: &Row) -> Markup {
    let p = &r.project;
    html! {
        "Nothing is measured yet. "
        @if r.waiting > 0 {
            a href="/queue" { (plural(usize::try_from(r.waiting).unwrap_or(0), "job")) }
            @if r.waiting == 1 { " waits" } @else { " wait" }
            " for a collector of label "
            code { (text::cut(&p.labels.join(", "), 80)) } "."
        } @else if p.looked > 0 {
            "The server measures each commit that is pushed to " code { (text::cut(&p.branch, 60)) } " from now on."
        } @else if p.trouble.is_empty() {
            "The server looks at the repository next."
        } @else {
            "The server tries to reach the repository again."
        }
    }
}

/// Projects as a document.
pub(super) async fn projects_json(
    Extension(server): Extension<Arc<Server>>,
) -> Result<Response, Fail> {
    let all = rows(&server).await?;
    let each = all.iter().map(|r| {
        let mut project = json!(r.project);
        project["waiting"] = json!(r.waiting);
        project["stands"] = json!(r.stands.as_ref().map(|s| s.document()));
        project
    });
    let each: Vec<serde_json::Value> = each.collect();
    Ok(axum::Json(json!({ "schema": "uptick.projects/1", "projects": each })).into_response())
}

/// How well each project can be watched.
pub(super) async fn health(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let all = rows(&server).await?;
    let body = html! {
        section .verdict.quiet {
            h1 { "Health" }
            p { "How well each project can be watched: its own Health lists every series." }
            (layout::forms(&[("JSON", "/api/v1/projects".into())]))
        }
        @if all.is_empty() { (no_project()) } @else {
            div .scroll { table .rows.stack {
                thead { tr {
                    th scope="col" { "Project" } th scope="col" .num { "Series" }
                    th scope="col" .num { "Need a look" } th scope="col" .num { "Failing" }
                    th scope="col" .num { "Testbeds" } th scope="col" { "Newest report" }
                } }
                tbody { @for r in &all { (health_row(r)) } }
            } }
        }
    };
    Ok(page(&app, (&reader, Nav::Health), "Health", body))
}

fn health_row(r: &Row) -> Markup {
    let own = format!("/p/{}/health", r.project.name);
    let none = Health::default();
    let h = r.stands.as_ref().map_or(&none, |s| &s.health);
    html! {
        tr {
            td { a href=(own) { (text::cut(&r.project.name, 64)) } }
            td .num data-th="series" { (h.series) }
            td .num data-th="need a look" { a href={ (own) "?state=look" } { (h.look) } }
            td .num data-th="failing" { (h.failing) }
            td .num data-th="testbeds" {
                (h.testbeds)
                @if h.silent > 0 { " " span .tag.stale { (h.silent) " silent" } }
            }
            td data-th="newest report" {
                @match (h.newest, r.stands.is_some()) {
                    (Some(at), _) => { (text::moment(at)) }
                    (None, true) => { (next(r)) }
                    (None, false) => { "Its store cannot be read." }
                }
            }
        }
    }
}

/// What the words, signs and keys mean.
pub(super) async fn help(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
) -> Response {
    let body = crate::pages::help::body(&app);
    page(&app, (&reader, Nav::None), "Help and keys", body)
}
