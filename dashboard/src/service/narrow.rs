//! A change whose set holds several commits is narrowed to one without anybody asking: the commits
//! inside it that were not measured are offered, by the search's own choice, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use collector::git::Copy;
use collector::history::{Wanted, narrowing};
use collector::jobs::Purpose;
use collector::model::Commit;
use collector::store::Generation;
use collector::store::queue::Offer;

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;
use crate::service::server::Server;

/// How often projects are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// Offers what narrows open changes down, for ever.
pub(super) async fn keep(server: Arc<Server>) {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    while !server.app().is_closing() {
        tokio::time::sleep(EVERY).await;
        let all: Vec<(String, Arc<App>)> = {
            let all = server
                .projects
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            all.iter()
                .map(|(name, p)| (name.clone(), p.app.clone()))
                .collect()
        };
        for (name, app) in all {
            // What cannot be offered now is offered at the next look.
            let before = seen.remove(&name);
            if let Ok(now) = look(&server, &name, &app, before).await {
                seen.insert(name, now);
            }
        }
    }
}

/// What the choice depends on: the project's store, and how many commits are given up.
type Seen = (Generation, usize);

/// Looks at one project, unless nothing has changed.
async fn look(
    server: &Arc<Server>,
    name: &str,
    app: &Arc<App>,
    before: Option<Seen>,
) -> Result<Seen, Fail> {
    let at = app.look().await;
    let asked = name.to_string();
    let own = server.app();
    let (given_up, project) = own
        .read(move |store, _| Ok((store.given_up(&asked)?, store.project(&asked)?)))
        .await?;
    let project = project.ok_or(Fail::Internal)?;
    let now = (at, given_up.len());
    if before == Some(now) {
        return Ok(now);
    }
    let wanted = app
        .read(move |store, _| Ok(narrowing(store, &|sha| given_up.contains(sha))?))
        .await?;
    let positions: BTreeSet<u64> = wanted.iter().map(|w| w.position).collect();
    if !wanted.is_empty() {
        let dir = server.home(name).join("mirror.git");
        let described = tokio::task::spawn_blocking(move || describe(&dir, wanted));
        let commits = described.await.map_err(|_| Fail::panicked())?;
        let offered = own.write(move |store| {
            let offer = Offer {
                project: &project.name,
                commits: &commits,
                labels: &project.labels,
                purpose: Purpose::Narrow,
            };
            Ok(store.offer(&offer, None, clock())?)
        });
        if offered.await? > 0 {
            server.work.notify_waiters();
        }
    }
    app.set_narrowing(positions);
    Ok(now)
}

/// The commits as the mirror has them; one that it does not have is offered without its words.
fn describe(dir: &std::path::Path, wanted: Vec<Wanted>) -> Vec<Commit> {
    let mirror = dir.is_dir().then(|| Copy::mirror(dir).ok()).flatten();
    let known = |w: &Wanted| mirror.as_ref()?.repo().commit(&w.sha).ok();
    let bare = |w: Wanted| Commit {
        sha: w.sha,
        position: w.position,
        parents: Vec::new(),
        author: String::new(),
        time: 0,
        subject: String::new(),
    };
    wanted
        .into_iter()
        .map(|w| known(&w).unwrap_or_else(|| bare(w)))
        .collect()
}
