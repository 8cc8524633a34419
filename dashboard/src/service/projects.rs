//! The projects that a server serves follow those that are in its file.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use collector::store::Store;
use collector::store::queue::Project;

use crate::app::{App, Failure, Known, Role};
use crate::clock::clock;
use crate::error::Fail;
use crate::service::scheduler;
use crate::service::server::{Served, Server};
use crate::{live, routes};

/// A project that another process added is served within this time.
const EVERY: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(86_400);

/// Serves what is added, for ever.
pub(super) async fn keep(server: Arc<Server>) {
    while !server.app().is_closing() {
        tokio::time::sleep(EVERY).await;
        // What cannot be opened is tried again at the next look.
        let _ = refresh(&server).await;
    }
}

/// Takes away the leases that are over, for ever, so that what collectors left shows without another
/// one asking. While the log was away no heartbeat could be taken, and so none is over for that.
pub(super) async fn sweep(server: Arc<Server>) {
    let ttl = server.ttl();
    let every = server.ttl().clamp(1_000, 8_000).cast_unsigned() / 4;
    let is_away = || {
        let log = server.options.log.as_ref();
        log.is_some_and(|log| log.trouble().is_some())
    };
    let mut was_away = is_away();
    while !server.app().is_closing() {
        tokio::time::sleep(Duration::from_millis(every)).await;
        if is_away() {
            was_away = true;
            continue;
        }
        if was_away {
            let renewed = server
                .app()
                .write(move |store| Ok(store.renew_leases(ttl, clock())?));
            was_away = renewed.await.is_err();
            continue;
        }
        let over = server
            .app()
            .write(move |store| Ok(store.expire(ttl, clock())?))
            .await;
        if over.is_ok_and(|n| n > 0) {
            server.work.notify_waiters();
        }
    }
}

/// Forgets what the queue keeps no longer, at the start and daily, for ever.
pub(super) async fn forget(server: Arc<Server>) {
    while !server.app().is_closing() {
        let more = server
            .app()
            .write(|store| Ok(store.forget_old(clock())?))
            .await;
        // What cannot be forgotten now is forgotten a day later.
        let rest = match more {
            Ok(true) => EVERY,
            Ok(false) | Err(_) => DAY,
        };
        tokio::time::sleep(rest).await;
    }
}

/// Every project, and what the pages of the others say of it.
fn known(store: &Store) -> Result<(Vec<Project>, Vec<Known>), Fail> {
    let all = store.projects()?;
    let known = all.iter().map(|p| {
        let pulls = !p.pulls.is_empty() || !store.pulls(Some(&p.name), 1)?.is_empty();
        let name = p.name.clone();
        Ok(Known { name, pulls })
    });
    let known: Result<Vec<Known>, Fail> = known.collect();
    Ok((all, known?))
}

/// Opens every project that is not served yet, or by another configuration, and serves those no more
/// that were removed.
pub(super) async fn refresh(server: &Arc<Server>) -> Result<(), Failure> {
    let all = server.app().read(|store, _| known(store)).await;
    let (all, known): (Vec<Project>, Vec<Known>) =
        all.map_err(|e| Failure::Listen(std::io::Error::other(e.words())))?;
    if server.app().set_projects(known) {
        // Menus name them.
        server.forget();
    }
    let is_known = |name: &String| all.iter().any(|p| p.name == *name);
    for name in server.served().iter().filter(|name| !is_known(name)) {
        close(server, name).await;
    }
    for project in all {
        let config = match server.new_config(&project.name) {
            Some(config) => config,
            None if server.project(&project.name).is_some() => continue,
            None => scheduler::known_config(server, &project).await,
        };
        // One whose store cannot be opened is no reason not to serve the others.
        let opened = open(server, &project.name, config).await;
        if let Err(e) = &opened {
            tracing::error!(project = project.name, why = %e, "a project cannot be served");
        }
        server.note_unopened(&project.name, opened.err().map(|e| e.to_string()));
    }
    Ok(())
}

/// Ends a project that was removed: its pages, the looks at its repository, and what one of them offered
/// after it was gone.
async fn close(server: &Arc<Server>, name: &str) {
    server.forget_project(name);
    let gone = name.to_string();
    let ended = server
        .app()
        .write(move |store| Ok(store.end_what_is_of_no_project(&gone, clock())?))
        .await;
    if let Err(e) = ended {
        tracing::warn!(
            project = name,
            why = e.words(),
            "jobs of a removed project may be left"
        );
    }
    tracing::info!(project = name, "a project is served no more");
}

/// Opens a project, or opens it anew with another configuration.
async fn open(server: &Arc<Server>, name: &str, config: String) -> Result<(), Failure> {
    let store = server.home(name).join("uptick.db");
    let options = Server::app_options(&server.options, store, name, &config);
    let role = Role::Project {
        base: format!("/p/{name}"),
        server: server.app().clone(),
    };
    let app = App::open(options, role, server.local).await?;
    let mut all = server
        .projects
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    let before = all.remove(name);
    if let Some(before) = &before {
        before.app.close();
    }
    let poke = before.map(|b| b.poke);
    let served = Served {
        router: routes::router(&app),
        _tasks: live::tasks(&app),
        app,
        config,
        poke: poke.unwrap_or_else(|| scheduler::start(server, name)),
    };
    all.insert(name.to_string(), served);
    Ok(())
}
