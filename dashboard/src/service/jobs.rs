//! What collectors ask: for a job, whether to go on, to take a report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use collector::error::Error;
use collector::jobs::Purpose;
use collector::jobs::wire::{Beat, Beaten, Claim, Failed, Hello, LONGEST_WAIT, Lease};
use collector::jobs::{check_label, check_name, pull_name, refusal};
use collector::model::Line;
use collector::store::Handed;
use collector::store::queue::{Claimant, Closed, Failing, Finished, Held, Job, Project};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::api::receive::{Admitted, Share, admitted, handed, show, unreadable};
use crate::app::App;
use crate::auth::Shown;
use crate::clock::clock;
use crate::error::Fail;
use crate::service::server::Server;

/// Labels of one collector.
const LABELS: usize = 32;
/// Facts of one machine, and bytes of each.
const FACTS: usize = 64;
const FACT: usize = 256;
/// Who waits for a job looks this often, for those that another process offered.
const LOOK: Duration = Duration::from_secs(1);
/// Heartbeats in the time that a lease holds.
const BEATS: u64 = 4;
/// How long a report waits for whoever else writes to its project's store: the queue waits along, with
/// the heartbeats of all. A collector comes again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a stage and of why a job failed.
const STAGE: usize = 100;
const WHY: usize = 4_096;

/// Whose lease it is: that of the token that was shown.
fn holder(shown: Shown) -> String {
    shown.0.map_or_else(String::new, |id| format!("token {id}"))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fail> {
    serde_json::from_slice(body).map_err(|e| Fail::Unreadable(format!("The body: {e}.")))
}

fn conflict(e: Error) -> Fail {
    match e {
        Error::Usage(words) => Fail::Conflict(words),
        e => e.into(),
    }
}

fn lost() -> Fail {
    Fail::Conflict(
        "This lease is over: the job may be another collector's by now. Nothing was kept.".into(),
    )
}

/// Leases the next job, or says after a while that there is none: 204.
pub(super) async fn claim(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(shown): Extension<Shown>,
    body: Bytes,
) -> Result<Response, Fail> {
    speaks_ours(&app, read(&body)?).await?;
    let claim: Claim = read(&body)?;
    check(&claim).map_err(Fail::Unreadable)?;
    let allowed = match shown.0 {
        Some(token) => {
            app.read(move |store, _| Ok(store.labels_of_token(token)?))
                .await?
        }
        None => Vec::new(),
    };
    within(&claim, &allowed)?;
    // One that finds nothing to do is there all the same.
    let present = claim.clone();
    app.write(move |store| store.note_collector(&present, clock()).map_err(conflict))
        .await?;
    let until = Instant::now() + Duration::from_secs(claim.wait.min(LONGEST_WAIT));
    loop {
        // Whoever offers from now on rings.
        let work = server.work.notified();
        let (ttl, asked) = (server.ttl(), claim.clone());
        let may = app.read(move |store, _| Ok(store.may_claim(&asked, ttl, clock())?));
        if may.await?
            && let Some(lease) = lease(&app, &server, &claim, shown).await?
        {
            return Ok(axum::Json(lease).into_response());
        }
        let left = until.saturating_duration_since(Instant::now());
        if app.is_closing() || left.is_zero() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let _ = tokio::time::timeout(left.min(LOOK), work).await;
    }
}

/// Refuses a collector that would misunderstand this server, or be misunderstood: which of the two is
/// older is said to it, and on the page of collectors.
async fn speaks_ours(app: &Arc<App>, mut hello: Hello) -> Result<(), Fail> {
    let Some(why) = refusal(hello.protocol) else {
        return Ok(());
    };
    check_name(&hello.collector).map_err(Fail::Unreadable)?;
    hello.version = crate::text::cut_or_empty(&hello.version, FACT);
    app.write(move |store| Ok(store.note_refused(&hello, clock())?))
        .await?;
    Err(Fail::Denied(
        StatusCode::UPGRADE_REQUIRED,
        format!("No job is given out: {why}."),
    ))
}

/// Whether a token may take jobs of what is asked for.
fn within(claim: &Claim, allowed: &[String]) -> Result<(), Fail> {
    let beyond = |l: &&String| !allowed.is_empty() && !allowed.contains(l);
    match claim.labels.iter().find(beyond) {
        None => Ok(()),
        Some(label) => Err(Fail::Denied(
            StatusCode::FORBIDDEN,
            format!(
                "This token takes jobs of label {}, and not of {label}.",
                allowed.join(", ")
            ),
        )),
    }
}

/// What a collector says of itself, held against limits once.
fn check(claim: &Claim) -> Result<(), String> {
    check_name(&claim.collector)?;
    check_name(&claim.session)?;
    if claim.labels.is_empty() || claim.labels.len() > LABELS {
        return Err(format!("labels: 1 to {LABELS}"));
    }
    claim.labels.iter().try_for_each(|l| check_label(l))?;
    let long = |t: &String| t.len() > FACT;
    let facts = &claim.testbed;
    if facts.len() > FACTS || facts.iter().any(|(k, v)| long(k) || long(v)) || long(&claim.version)
    {
        return Err(format!("testbed: at most {FACTS} facts of {FACT} bytes"));
    }
    Ok(())
}

async fn lease(
    app: &Arc<App>,
    server: &Arc<Server>,
    claim: &Claim,
    shown: Shown,
) -> Result<Option<Lease>, Fail> {
    let (claim, holder, ttl) = (claim.clone(), holder(shown), server.ttl());
    app.write(move |store| {
        let claimant = Claimant {
            claim: &claim,
            holder: &holder,
            ttl,
        };
        let job = store.claim(&claimant, clock()).map_err(conflict)?;
        let Some(job) = job else { return Ok(None) };
        let project = store.project(&job.project)?.ok_or(Fail::Internal)?;
        Ok(Some(document(job, project, ttl)))
    })
    .await
}

fn document(job: Job, project: Project, ttl: i64) -> Lease {
    let ttl = ttl.cast_unsigned().div_ceil(1000);
    Lease {
        schema: Lease::SCHEMA.into(),
        job: job.id,
        epoch: job.epoch,
        ttl,
        beat: (ttl / BEATS).max(1),
        project: job.project,
        url: project.url,
        branch: project.branch,
        sha: job.sha,
        position: job.position,
        purpose: job.purpose,
        attempt: job.attempts,
        reference: job.reference,
    }
}

/// Renews a lease.
pub(super) async fn beat(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(shown): Extension<Shown>,
    body: Bytes,
) -> Result<Response, Fail> {
    let beat: Beat = read(&body)?;
    let (holder, ttl) = (holder(shown), server.ttl());
    let stage = crate::text::cut_or_empty(&beat.stage, STAGE);
    let state = app
        .write(move |store| {
            let held = Held {
                job: beat.job,
                epoch: beat.epoch,
                holder: &holder,
            };
            Ok(store.beat(&held, &stage, ttl, clock())?)
        })
        .await?;
    Ok(axum::Json(Beaten { state }).into_response())
}

/// Notes why a job could not be done.
pub(super) async fn fail(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(shown): Extension<Shown>,
    body: Bytes,
) -> Result<Response, Fail> {
    let failed: Failed = read(&body)?;
    let holder = holder(shown);
    let stage = crate::text::cut_or_empty(&failed.stage, STAGE);
    let closed = app
        .write(move |store| {
            let held = Held {
                job: failed.job,
                epoch: failed.epoch,
                holder: &holder,
            };
            let why = collector::error::tail(&failed.why, WHY);
            let failing = Failing {
                only_this_job: failed.is_only_this_job(),
                ..Failing::new(failed.fault, &stage, why)
            };
            Ok(store.fail(&held, &failing, clock())?)
        })
        .await?;
    server.work.notify_waiters();
    done(closed, StatusCode::OK)
}

fn done(closed: Closed, status: StatusCode) -> Result<Response, Fail> {
    match closed {
        Closed::Yes => {
            Ok((status, axum::Json(json!({ "schema": "uptick.closed/1" }))).into_response())
        }
        Closed::Lost => Err(lost()),
    }
}

/// Which lease a report comes under.
#[derive(Deserialize)]
pub(super) struct Under {
    job: i64,
    epoch: i64,
}

/// Takes the report of a job: lines of an export with that one report and its profiles.
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(shown): Extension<Shown>,
    Query(under): Query<Under>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fail> {
    let (handed, _turn) = handed(&app, &headers, body).await?;
    let came = finished(&handed).map_err(unreadable)?;
    let (share, came) = match room(&app, &server, under.job, handed.clone()).await? {
        Room::Share(share) => (share, came),
        Room::Nothing(why) => (
            None,
            Finished {
                failed: Some((CONFIRM.into(), why)),
                ..came
            },
        ),
    };
    let (holder, at) = (holder(shown), server.clone());
    let (closed, project) = app
        .write(move |store| {
            let held = Held {
                job: under.job,
                epoch: under.epoch,
                holder: &holder,
            };
            let (mut project, mut unkept) = (None, None);
            let closed = store.finish(&held, &came, clock(), |job| {
                project = Some(job.project.clone());
                append(&at, job, &handed).map_err(|e| {
                    let words = e.to_string();
                    unkept = Some(unreadable(e));
                    Error::Failed(words)
                })
            });
            // What the project's store says is no word about the queue's.
            if let Some(fail) = unkept {
                return Ok((Err(fail), project));
            }
            let closed = closed?;
            if let (Closed::Yes, Some(share)) = (&closed, share) {
                share.keep();
            }
            Ok((Ok(closed), project))
        })
        .await?;
    if let Some((app, _)) = project.and_then(|p| server.project(&p)) {
        app.wrote(&closed);
        show(&app).await;
    }
    done(closed?, StatusCode::CREATED)
}

/// Whether there is room for a report.
enum Room {
    /// With what it takes of the day's new series, unless it is stored already.
    Share(Option<Share>),
    /// It says nothing new where something was to be measured anew: why.
    Nothing(String),
}

/// Where a job failed whose report confirms nothing.
const CONFIRM: &str = "confirm";

/// Asks the job's project as any report asks it. A name that would begin series without end is
/// the report's own fault: trying again later would not help it.
async fn room(
    app: &Arc<App>,
    server: &Server,
    job: i64,
    handed: Arc<Handed>,
) -> Result<Room, Fail> {
    let known = app.read(move |store, _| Ok(store.job(job)?)).await?;
    let confirms = known
        .as_ref()
        .is_some_and(|j| j.purpose == Purpose::Confirm);
    let project = known.and_then(|job| server.project(&job.project));
    let Some((project, _)) = project else {
        return Ok(Room::Share(None));
    };
    match admitted(&project, handed, None).await {
        Ok(Admitted::New(share)) => Ok(Room::Share(Some(share))),
        Ok(Admitted::Stored(_)) if confirms => Ok(Room::Nothing(
            "its collector handed in what it had measured before: its uptick measures nothing anew"
                .into(),
        )),
        Ok(Admitted::Stored(_)) => Ok(Room::Share(None)),
        Err(Fail::Quota(words)) => Err(Fail::Unreadable(words)),
        Err(fail) => Err(fail),
    }
}

/// Puts a report into the log of its project: that of the commit that was asked for, at the place
/// that the server knows.
fn append(server: &Server, job: &Job, handed: &Handed) -> collector::error::Result<()> {
    let report = handed.single_report()?;
    let commit = &report.commit;
    if commit.sha != job.sha || commit.position != job.position {
        return Err(Error::Usage(format!(
            "the report is about {} at position {}, the job about {} at {}",
            commit.sha.short(),
            commit.position,
            job.sha.short(),
            job.position
        )));
    }
    let mut store = server.open_store(&job.project)?;
    store.wait_at_most(PATIENCE)?;
    if !job.reference.is_empty() && store.main_position(&job.sha)?.is_none() {
        is_its_branch(report.line.as_ref(), &pull_name(&job.reference)).map_err(Error::Usage)?;
    }
    store.hold(handed, None, crate::text::now())?;
    Ok(())
}

/// A pull request's report is that of the branch that is called after it, whatever it says: it never
/// becomes a point, and never another's.
fn is_its_branch(line: Option<&Line>, name: &str) -> Result<(), String> {
    let said = match line {
        Some(Line::Branch {
            name: Some(said), ..
        }) if said == name => return Ok(()),
        Some(Line::Branch {
            name: Some(said), ..
        }) => {
            format!("one of the branch {}", crate::text::cut(said, STAGE))
        }
        Some(Line::Branch { name: None, .. }) => "one of a branch without a name".into(),
        Some(Line::Main) | None => "one of the main line".into(),
    };
    Err(format!(
        "the report of the pull request {name} says that it is {said}"
    ))
}

/// What came of a job by its report. A commit of which nothing could be measured has failed, and
/// its report says so for good.
fn finished(handed: &Handed) -> collector::error::Result<Finished> {
    let report = handed.single_report()?;
    let nothing = report.measurements.is_empty();
    let first = report.failures.first().filter(|_| nothing);
    Ok(Finished {
        report: handed.hashes().last().unwrap_or_default().to_string(),
        failed: first.map(|f| {
            let why = collector::error::tail(&f.message, WHY);
            (f.stage.name().to_string(), why.to_string())
        }),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_s_report_is_of_its_own_branch() {
        let branch = |name: Option<&str>| Line::Branch {
            name: name.map(String::from),
            merge_base: None,
        };
        assert_eq!(
            is_its_branch(Some(&branch(Some("pull/7"))), "pull/7"),
            Ok(())
        );
        let other = branch(Some("pull/70"));
        for line in [None, Some(&Line::Main), Some(&branch(None)), Some(&other)] {
            let why = is_its_branch(line, "pull/7").unwrap_err();
            assert!(
                why.contains("the pull request pull/7 says that it is one of"),
                "{why}"
            );
        }
    }
}
