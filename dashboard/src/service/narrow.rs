//! A change whose set holds several commits is narrowed to one without anybody asking: the commits
//! inside it that were not measured are offered, by the search's own choice, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use collector::history::narrowing;
use collector::jobs::Purpose;
use collector::store::Generation;
use collector::store::queue::Offer;

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;
use crate::mirror::describe;
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

/// What the choice depends on.
#[derive(Debug)]
struct Seen {
    /// Who was told of it: a project is opened anew when its `uptick.toml` changes.
    app: Weak<App>,
    /// The project's store.
    at: Generation,
    /// How many commits are given up.
    given_up: usize,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.app, &other.app)
            && (self.at, self.given_up) == (other.at, other.given_up)
    }
}

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
    let now = Seen {
        app: Arc::downgrade(app),
        at,
        given_up: given_up.len(),
    };
    if before.as_ref() == Some(&now) {
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
                labels: &[],
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use collector::history::watch::search;
    use collector::model::Sha;
    use collector::store::queue::NewProject;
    use collector::store::{Keep, Store};

    use super::*;
    use crate::fixture::report;
    use crate::service::{ServerOptions, open_server, projects};

    /// A server's directory with a project whose cost rose between two commits that were measured.
    fn filled(dir: &std::path::Path) {
        let project = NewProject {
            name: "lexis".into(),
            url: "/nowhere/at/all".into(),
            branch: "main".into(),
            poll: 3_600,
            labels: vec!["default".into()],
            pulls: Vec::new(),
        };
        let mut own = Store::open_service(&Server::file(dir)).unwrap();
        own.add_project(&project, 0).unwrap();
        let mut store = Store::open(&dir.join("projects/lexis/uptick.db")).unwrap();
        let line: Vec<Sha> = (0..60).map(|n| report(n, 0.0).commit.sha).collect();
        store.set_main_line(0, &line).unwrap();
        for n in (0..60).filter(|n| !(31..38).contains(n)) {
            let value = if n < 34 { 1_000_000.0 } else { 1_100_000.0 };
            store.put(&report(n, value), &[]).unwrap();
        }
        while search(&mut store, 64).unwrap() > 0 {}
    }

    #[tokio::test]
    async fn a_project_that_is_opened_anew_is_told_again_what_is_narrowed() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let options = ServerOptions {
            dir: dir.path().to_path_buf(),
            name: "host".into(),
            public: false,
            ttl: Duration::from_secs(60),
            keep: Keep::default(),
            keep_free: 0,
            new_series: 1_000,
            public_url: None,
            embed_in: Vec::new(),
            proxy: None,
            blobs: None,
            log: None,
        };
        let at = "127.0.0.1:8787".parse().unwrap();
        let server = open_server(options, at).await.unwrap();
        let opened = || server.project("lexis").unwrap().0;
        let first = opened();
        let seen = look(&server, "lexis", &first, None).await.unwrap();
        assert!(first.is_narrowing(31, 37));
        // Its `uptick.toml` is another one.
        server.configure("lexis", "# changed\n".into());
        projects::refresh(&server).await.unwrap();
        let second = opened();
        assert!(!Arc::ptr_eq(&first, &second));
        look(&server, "lexis", &second, Some(seen)).await.unwrap();
        assert!(second.is_narrowing(31, 37));
    }
}
