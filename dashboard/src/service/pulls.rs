//! Looks at the pull requests of a project and offers those that may be measured.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use collector::git::{Copy, proposed};
use collector::model::{Commit, Sha};
use collector::store::queue::{Head, Project, Pull};

use crate::clock::clock;
use crate::error::Fail;
use crate::service::server::Server;

/// Pull requests of one project that are kept an eye on: those of its own branches, then the newest.
const KEPT: usize = 500;
/// Of these, those that one look offers.
const OFFERED: usize = 20;

/// One look at the pull requests of a project, after one at its main line.
pub(super) async fn follow(server: &Arc<Server>, project: &Project) -> Result<(), Fail> {
    let name = project.name.clone();
    if project.pulls.is_empty() {
        let any = server
            .app()
            .read(move |store, _| Ok(store.pulls(Some(&name), 1)?));
        if any.await?.is_empty() {
            return Ok(());
        }
    }
    let (dir, asked) = (mirror(server, project), project.clone());
    let listed = tokio::task::spawn_blocking(move || list(&dir, &asked));
    let heads = listed.await.map_err(|_| Fail::panicked())?;
    let heads = heads.map_err(|e| Fail::Store(e.to_string()))?;
    let name = project.name.clone();
    let own = server.app();
    let wanted = own.write(move |store| Ok(store.see_pulls(&name, &heads, clock())?));
    let mut first = Ok(());
    for pull in wanted.await?.into_iter().take(OFFERED) {
        first = first.and(offer(server, project, pull).await);
    }
    first
}

fn mirror(server: &Server, project: &Project) -> std::path::PathBuf {
    server.home(&project.name).join("mirror.git")
}

/// The pull requests as the repository has them. What the main line has is merged, and nothing
/// that is proposed.
fn list(dir: &Path, project: &Project) -> collector::error::Result<Vec<Head>> {
    if project.pulls.is_empty() {
        return Ok(Vec::new());
    }
    let copy = Copy::mirror(dir)?;
    let all = proposed(&project.url, &project.pulls, KEPT)?;
    let heads: Vec<&Sha> = all.iter().map(|p| &p.sha).collect();
    let merged = match copy.tip(&project.branch) {
        Some(tip) => copy.behind(&tip, &heads)?,
        None => HashSet::new(),
    };
    let head = |p: &collector::git::Proposed| Head {
        reference: p.reference.clone(),
        sha: p.sha.clone(),
        own: p.own,
    };
    let open = all.iter().filter(|p| !merged.contains(&p.sha));
    Ok(open.map(head).collect())
}

/// Offers one: its head, and where it left the main line unless that was measured.
async fn offer(server: &Arc<Server>, project: &Project, pull: Pull) -> Result<(), Fail> {
    let (dir, asked, of) = (mirror(server, project), project.clone(), pull.clone());
    let described = tokio::task::spawn_blocking(move || describe(&dir, &asked, &of));
    let (head, base) = match described.await.map_err(|_| Fail::panicked())? {
        Ok(Some(found)) => found,
        // One that moved or went meanwhile is another one at the next look.
        Ok(None) => return not_fetched(server, pull).await,
        Err(e) => {
            let words = format!("{}: {e}", pull.name);
            not_fetched(server, pull).await?;
            return Err(Fail::Store(words));
        }
    };
    let known = match (&base, server.project(&project.name)) {
        (Some(base), Some((app, _))) => {
            let sha = base.sha.0.clone();
            let stored = app.read(move |store, _| Ok(store.commit(&sha)?));
            stored.await?.is_some_and(|c| c.reports > 0)
        }
        _ => false,
    };
    let own = server.app();
    let offered = own.write(move |store| {
        let ends = (&head, base.as_ref(), known);
        Ok(store.offer_pull(&pull, ends, clock())?)
    });
    if offered.await? > 0 {
        server.work.notify_waiters();
    }
    Ok(())
}

async fn not_fetched(server: &Arc<Server>, pull: Pull) -> Result<(), Fail> {
    let own = server.app();
    own.write(move |store| Ok(store.pull_not_fetched(&pull, clock())?))
        .await
}

/// A head as the mirror has it once it is fetched, and where it left the main line.
fn describe(
    dir: &Path,
    project: &Project,
    pull: &Pull,
) -> collector::error::Result<Option<(Commit, Option<Commit>)>> {
    let copy = Copy::mirror(dir)?;
    if !copy.has(&pull.sha) {
        copy.fetch_pull(&project.url, &pull.reference)?;
    }
    if !copy.has(&pull.sha) {
        return Ok(None);
    }
    let repo = copy.repo();
    let base = match copy.tip(&project.branch) {
        Some(tip) => repo.merge_base(&tip, &pull.sha)?,
        None => None,
    };
    let base = base.map(|b| repo.commit(&b)).transpose()?;
    Ok(Some((repo.commit(&pull.sha)?, base)))
}
