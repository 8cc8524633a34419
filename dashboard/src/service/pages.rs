//! The queue, the collectors: as pages and as documents.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use collector::jobs::{State as JobState, is_silent};
use collector::model::Sha;
use collector::store::Store;
use collector::store::queue::{Collector, Job, Wait};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;
use crate::pages::answer::HTML;
use crate::pages::layout::{self, Nav};
use crate::reader::Reader;
use crate::text;

/// Rows of each state.
const ROWS: usize = 100;
/// Characters of why something failed.
pub(super) const WHY: usize = 400;

pub(super) fn page(app: &App, at: (&Reader, Nav), title: &str, body: Markup) -> Response {
    let kind = [(header::CONTENT_TYPE, HTML)];
    (kind, layout::current(app, (Some(at.0), at.1), title, body)).into_response()
}

/// A time of the queue, to the minute.
pub(super) fn at(millis: i64) -> Markup {
    text::moment(millis / 1000)
}

fn commit(project: &str, sha: &Sha, subject: &str) -> Markup {
    html! {
        a .sha href={ "/p/" (project) "/commit/" (sha.short()) } { (sha.short()) } " "
        span .subject { (text::cut(subject, 80)) }
    }
}

/// Which labels wait for a collector that nobody has heard of for an hour.
pub(super) fn silent(waits: &[Wait]) -> Markup {
    html! {
        @for w in waits.iter().filter(|w| w.silent) {
            p .warning role="status" {
                b { (text::plural(w.waiting as usize, "commit")) }
                @if w.pulls { " of pull requests" }
                @if w.waiting == 1 { " waits" } @else { " wait" }
                " for label " code { (text::cut(&w.label, 40)) } " since " (at(w.since))
                "; no collector of it " @if w.pulls { "that takes them " } "has beaten for an hour"
                @if let Some(heard) = w.heard { " (last heard of " (at(heard)) ")" }
                @else { " (none was ever heard of)" }
                ". " (layout::command(&collect(w)))
            }
        }
    }
}

/// The command that starts a collector for what waits.
fn collect(w: &Wait) -> String {
    let also = if w.pulls { " --untrusted" } else { "" };
    format!(
        "uptick collect --server URL --name NAME --label {}{also}",
        w.label
    )
}

/// Which collectors failed the last jobs of a project by their machines, and take none for a while.
fn paused(all: &[Collector], may: bool) -> Markup {
    let now = clock();
    let each = all
        .iter()
        .flat_map(|c| c.pauses.iter().map(move |p| (c, p)));
    // One that is over is of interest only as long as somebody waits.
    let shown = each.filter(|(_, p)| p.waiting || p.until > now);
    html! {
        @for (c, p) in shown.clone() {
            p .warning role="status" {
                "The machine of " b { (text::cut(&c.name, 64)) } " failed the last "
                @if p.failures == 1 { "job" } @else { (p.failures) " jobs" }
                " of " (p.project)
                @if p.waiting { "; they wait" }
                @if p.until > now {
                    @if p.waiting { ", and " } @else { "; " }
                    "it takes none before " (at(p.until))
                }
                ". " span .muted { (text::cut(&p.stage, 100)) } " " (text::cut(&p.why, WHY))
            }
        }
        @if may && shown.clone().next().is_some() { (try_all()) }
    }
}

/// Which collectors are not answered, because they or this server are too old for the other.
fn refused(all: &[Collector]) -> Markup {
    html! {
        @for c in all {
            @if let Some(why) = &c.refused {
                p .warning role="status" {
                    b { (text::cut(&c.name, 64)) } " gets no jobs: " (why) "."
                }
            }
        }
    }
}

/// Has all that failed tried again, at once.
fn try_all() -> Markup {
    html! {
        form method="post" action="/queue/retry-all" {
            button .small type="submit" { "Try all again now" }
        }
    }
}

/// The queue as it stands.
struct Queue {
    waits: Vec<Wait>,
    collectors: Vec<Collector>,
    /// Each state with its number of jobs and the first of them.
    states: Vec<(JobState, u64, Vec<Job>)>,
}

impl Queue {
    fn read(store: &Store) -> Result<Self, Fail> {
        let mut states = Vec::new();
        let shown = [
            JobState::Leased,
            JobState::Waiting,
            JobState::Failed,
            JobState::Done,
            JobState::Cancelled,
            JobState::Withdrawn,
        ];
        for state in shown {
            states.push((state, store.jobs_in(state)?, store.jobs(state, ROWS)?));
        }
        Ok(Self {
            waits: store.waits(clock())?,
            collectors: store.collectors()?,
            states,
        })
    }
}

/// The queue.
pub(super) async fn queue(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let queue = app.read(|store, _| Queue::read(store)).await?;
    let may = reader.may_decide(app.options.read_only);
    let body = html! {
        section .verdict.quiet {
            h1 { "Queue" }
            p {
                @for (i, (state, n, _)) in queue.states.iter().enumerate() {
                    @if i > 0 { " · " }
                    (n) " " (word(*state))
                }
            }
            p {
                a href="/pulls" { "Pull requests" }
                @if reader.may_do_everything(false) { " · " a href="/log" { "Log" } }
            }
            (layout::forms(&[("JSON", "/api/v1/jobs".into())]))
        }
        (silent(&queue.waits))
        (paused(&queue.collectors, may))
        @for (state, n, jobs) in &queue.states { (jobs_of(*state, *n, (jobs, may))) }
    };
    Ok(page(&app, (&reader, Nav::Queue), "Queue", body))
}

const fn word(state: JobState) -> &'static str {
    match state {
        JobState::Waiting => "waiting",
        JobState::Leased => "running",
        JobState::Done => "done",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Withdrawn => "withdrawn",
    }
}

/// The first jobs of a state, to decide about where one may.
fn jobs_of(state: JobState, n: u64, (jobs, may): (&[Job], bool)) -> Markup {
    html! {
        @if !jobs.is_empty() {
            section id=(word(state)) {
                h2 { (n) " " (word(state)) }
                @if may && state == JobState::Failed && n > 1 { (try_all()) }
                div .scroll { table .rows.stack {
                    thead { tr {
                        th scope="col" { "Commit" } th scope="col" { "Project" } th scope="col" { "For" }
                        th scope="col" { "Label" } th scope="col" { "Since" } th scope="col" { "What" }
                        @if may { th scope="col" aria-label="Decide" {} }
                    } }
                    tbody { @for j in jobs { (job_row(j, may)) } }
                } }
                @if n > jobs.len() as u64 { p .muted { "The first " (jobs.len()) " are shown." } }
            }
        }
    }
}

fn job_row(j: &Job, may: bool) -> Markup {
    html! {
        tr {
            td { (commit(&j.project, &j.sha, &j.subject)) }
            td { a href={ "/p/" (j.project) "/" } { (j.project) } }
            td data-th="for" { (j.purpose.name()) }
            td data-th="label" { (text::cut(&j.label, 40)) }
            td data-th="since" { (at(since(j))) }
            td { (what(j)) }
            @if may { td { (decide(j)) } }
        }
    }
}

fn since(j: &Job) -> i64 {
    match j.state {
        JobState::Waiting => j.offered,
        JobState::Leased => j.started.unwrap_or(j.offered),
        _ => j.ended.unwrap_or(j.offered),
    }
}

fn what(j: &Job) -> Markup {
    html! {
        @if matches!(j.state, JobState::Leased | JobState::Done) {
            "on " (text::cut(&j.collector, 64)) " "
        }
        @if !j.stage.is_empty() { span .muted { (text::cut(&j.stage, 100)) } " " }
        @if j.attempts > 1 { span .muted { "attempt " (j.attempts) } " " }
        @if !j.why.is_empty() { (text::cut(&j.why, WHY)) }
    }
}

fn decide(j: &Job) -> Markup {
    let to = match j.state {
        JobState::Waiting | JobState::Leased => Some(("/queue/cancel", "Cancel")),
        JobState::Failed | JobState::Cancelled => Some(("/queue/retry", "Try again")),
        JobState::Done | JobState::Withdrawn => None,
    };
    html! {
        @if let Some((action, word)) = to {
            form method="post" action=(action) {
                input type="hidden" name="job" value=(j.id);
                button .small type="submit" { (word) }
            }
        }
    }
}

/// The queue as a document.
pub(super) async fn queue_json(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let queue = app.read(|store, _| Queue::read(store)).await?;
    let counts = queue
        .states
        .iter()
        .map(|(s, n, _)| (s.name().to_string(), json!(n)));
    let counts: serde_json::Map<String, Value> = counts.collect();
    let jobs: Vec<&Job> = queue.states.iter().flat_map(|(_, _, jobs)| jobs).collect();
    let document =
        json!({ "schema": "uptick.jobs/1", "counts": counts, "waits": queue.waits, "jobs": jobs });
    Ok(axum::Json(document).into_response())
}

/// Collectors.
pub(super) async fn collectors(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let (all, waits) = app
        .read(|store, _| Ok((store.paced_collectors()?, store.waits(clock())?)))
        .await?;
    let body = html! {
        section .verdict.quiet {
            h1 { "Collectors" }
            p { "Machines that measure. Those that serve one label share its work." }
            (layout::forms(&[("JSON", "/api/v1/collectors".into())]))
        }
        (silent(&waits))
        (refused(&all))
        (paused(&all, reader.may_decide(app.options.read_only)))
        (backlog(&waits, &all))
        @if all.is_empty() { (no_collector()) } @else {
            div .scroll { table .rows.stack {
                thead { tr {
                    th scope="col" { "Collector" } th scope="col" { "Labels" } th scope="col" { "Last beat" }
                    th scope="col" { "Job" } th scope="col" .num { "A commit takes" }
                    th scope="col" { "Machine" }
                } }
                tbody { @for c in &all { (collector_row(c)) } }
            } }
        }
    };
    Ok(page(&app, (&reader, Nav::Collectors), "Collectors", body))
}

fn no_collector() -> Markup {
    let why = html! { "Nothing is measured until one asks for work." };
    layout::empty(
        "No collector",
        why,
        &[
            (
                "a token for it",
                "uptick token create NAME --scope collect --data DIR",
            ),
            (
                "on the machine that measures",
                "uptick collect --server URL --name NAME",
            ),
        ],
    )
}

/// How long something takes, as people say it.
fn took(milliseconds: i64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        ..=0 => "under 1 s".into(),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

/// How long it takes until nothing of a label waits: each collector that was heard of lately at its
/// own pace. `None` where none has shown one.
fn left(w: &Wait, all: &[Collector], now: i64) -> Option<i64> {
    let serves = |c: &&Collector| {
        let may = c.labels.contains(&w.label) && (c.untrusted || !w.pulls);
        may && c.refused.is_none() && !is_silent(Some(c.beat), c.first, now)
    };
    let paces = all.iter().filter(serves).filter_map(|c| c.pace);
    let a_millisecond: f64 = paces.map(|pace| 1.0 / pace.max(1) as f64).sum();
    (a_millisecond > 0.0).then(|| (w.waiting as f64 / a_millisecond) as i64)
}

fn backlog(waits: &[Wait], all: &[Collector]) -> Markup {
    html! {
        @if !waits.is_empty() {
            ul .plain {
                @for w in waits {
                    li {
                        "Label " code { (text::cut(&w.label, 40)) } ": "
                        (text::plural(w.waiting as usize, "commit"))
                        @if w.pulls { " of pull requests" }
                        " waiting, the oldest since " (at(w.since))
                        @if let Some(left) = left(w, all, clock()) { ", about " (took(left)) " of work" }
                    }
                }
            }
        }
    }
}

fn collector_row(c: &Collector) -> Markup {
    let fact = |name: &str| c.testbed.get(name).map_or("", String::as_str);
    html! {
        tr {
            td { (text::cut(&c.name, 64)) " " span .muted { (text::cut_or_empty(&c.version, 40)) } }
            td data-th="labels" {
                (text::cut(&c.labels.join(", "), 100))
                @if c.untrusted { " " span .tag { "pull requests" } }
            }
            td data-th="last beat" { (at(c.beat)) }
            td { @if let Some(job) = c.job { a href="/queue#running" { "job " (job) } } @else { "none" } }
            td .num data-th="a commit takes" { @if let Some(pace) = c.pace { (took(pace)) } }
            td { (text::cut_or_empty(fact("arch"), 20)) " " (text::cut_or_empty(fact("cpu"), 60)) }
        }
    }
}

/// Collectors as a document.
pub(super) async fn collectors_json(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let (all, waits) = app
        .read(|store, _| Ok((store.paced_collectors()?, store.waits(clock())?)))
        .await?;
    let document = json!({ "schema": "uptick.collectors/1", "collectors": all, "waits": waits });
    Ok(axum::Json(document).into_response())
}
