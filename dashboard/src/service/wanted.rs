//! Commits that somebody asks for: of the past, or for a search.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use collector::history;
use collector::jobs::{Offered, OfferedJob, Purpose, State as Stands, WANTED, Wanted, check_label};
use collector::model::Commit;
use collector::store::Store;
use collector::store::queue::{Job, Offer};

use crate::app::App;
use crate::auth::Actor;
use crate::clock::clock;
use crate::error::Fail;
use crate::mirror::{bare, describe};
use crate::service::jobs::read;
use crate::service::server::Server;

/// Offers what has no job yet, and says how far each is.
pub(super) async fn offer(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Fail> {
    let wanted: Wanted = read(&body)?;
    check(&wanted).map_err(Fail::Unreadable)?;
    let found = placed(&server, &wanted).await?;
    let mut ask = Ask {
        labels: labels(&app, &wanted).await?,
        commits: found.iter().cloned().map(bare).collect(),
        project: wanted.project,
        purpose: wanted.purpose,
    };
    let known = ask.clone();
    let there = app.read(move |store, _| known.read(store)).await?;
    let fell = |job: &Job| matches!(job.state, Stands::Failed | Stands::Cancelled);
    // Whoever waits asks again and again: that writes nothing.
    let jobs = match there.filter(|jobs| !(wanted.again && jobs.iter().any(fell))) {
        Some(jobs) => jobs,
        None => {
            let dir = server.home(&ask.project).join("mirror.git");
            let described = tokio::task::spawn_blocking(move || describe(&dir, found));
            ask.commits = described.await.map_err(|_| Fail::panicked())?;
            let jobs = app
                .write(move |store| ask.write(store, wanted.again, &actor.0))
                .await?;
            server.work.notify_waiters();
            jobs
        }
    };
    let offered = Offered {
        schema: Offered::SCHEMA.into(),
        jobs: jobs.into_iter().map(told).collect(),
    };
    Ok(axum::Json(offered).into_response())
}

/// What is asked for, with what the server knows of it.
#[derive(Clone)]
struct Ask {
    project: String,
    commits: Vec<Commit>,
    labels: Vec<String>,
    purpose: Purpose,
}

impl Ask {
    fn offer(&self) -> Offer<'_> {
        Offer {
            project: &self.project,
            commits: &self.commits,
            labels: &self.labels,
            purpose: self.purpose,
        }
    }

    fn read(&self, store: &Store) -> Result<Option<Vec<Job>>, Fail> {
        Ok(store.wanted(&self.offer())?)
    }

    fn write(&self, store: &mut Store, again: bool, who: &str) -> Result<Vec<Job>, Fail> {
        Ok(store.want(&self.offer(), again, (who, clock()))?)
    }
}

fn check(wanted: &Wanted) -> Result<(), String> {
    if !wanted.purpose.may_be_wanted() {
        return Err("purpose: bisect, backfill or confirm".into());
    }
    if wanted.commits.is_empty() || wanted.commits.len() > WANTED {
        return Err(format!("commits: 1 to {WANTED}"));
    }
    match wanted.label.as_str() {
        "" => Ok(()),
        label => check_label(label),
    }
}

/// The labels that measure: the one that is named, or all of the project.
async fn labels(app: &Arc<App>, wanted: &Wanted) -> Result<Vec<String>, Fail> {
    let name = wanted.project.clone();
    let project = app.read(move |store, _| Ok(store.project(&name)?)).await?;
    let project = project.ok_or_else(no_project)?;
    match wanted.label.as_str() {
        "" => Ok(project.labels),
        label if project.labels.iter().any(|l| l == label) => Ok(vec![label.into()]),
        label => Err(Fail::Unreadable(format!(
            "label: {label} measures nothing of this project; {} do.",
            project.labels.join(", ")
        ))),
    }
}

/// No 404: that is what a server says which is too old to know the address.
fn no_project() -> Fail {
    Fail::Unreadable("project: there is none of that name.".into())
}

/// The commits at their places on the main line: nothing else is run because somebody asks for it.
async fn placed(server: &Arc<Server>, wanted: &Wanted) -> Result<Vec<history::Wanted>, Fail> {
    let (app, _) = server.project(&wanted.project).ok_or_else(no_project)?;
    let commits = wanted.commits.clone();
    let found = app.read(move |store, _| {
        let place = |sha: collector::model::Sha| match store.main_position(&sha)? {
            Some(position) => Ok(history::Wanted { sha, position }),
            None => Err(Fail::Unreadable(format!(
                "commits: {} is not on the main line that this server knows.",
                crate::text::cut(&sha.0, 40)
            ))),
        };
        commits
            .into_iter()
            .map(place)
            .collect::<Result<Vec<_>, Fail>>()
    });
    found.await
}

fn told(job: Job) -> OfferedJob {
    OfferedJob {
        job: job.id,
        sha: job.sha,
        label: job.label,
        purpose: job.purpose,
        state: job.state,
        collector: job.collector,
        stage: job.stage,
        why: job.why,
        report: job.report,
    }
}
