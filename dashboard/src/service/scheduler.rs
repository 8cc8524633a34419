//! Looks at a project's repository, tells its store the main line, offers what is new.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use collector::git::{Copy, remote_tags};
use collector::history;
use collector::jobs::{Purpose, first_new};
use collector::model::{Commit, Sha};
use collector::store::Store;
use collector::store::queue::{Offer, Project};
use tokio::runtime::Handle;

use crate::clock::clock;
use crate::error::Fail;
use crate::service::pulls;
use crate::service::server::Server;

/// Between two looks, however often somebody asks for one.
const REST: Duration = Duration::from_millis(200);
/// Between two looks where the server's own file cannot be read.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is asked meanwhile whether somebody said another time between looks.
const GLANCE: Duration = Duration::from_secs(5);
/// Tags that are known, at most.
const TAGS: usize = 500;
/// Commits that one look offers; of a longer push the newest.
const MOST: usize = 1_000;

/// Starts to look at a project's repository, at once, then every so often and whenever somebody asks
/// for it through what is given back; several who ask at once are one.
pub(super) fn start(server: &Arc<Server>, name: &str) -> SyncSender<()> {
    let (sender, receiver) = sync_channel(1);
    let (server, name, runtime) = (Arc::downgrade(server), name.to_string(), Handle::current());
    let work = move || watch(&server, &name, &runtime, &receiver);
    // Without a thread the project is still served, and its webhook finds nobody.
    let _ = std::thread::Builder::new()
        .name("scheduler".into())
        .spawn(work);
    sender
}

fn watch(server: &Weak<Server>, name: &str, runtime: &Handle, poked: &Receiver<()>) {
    loop {
        let Some(server) = server.upgrade().filter(|s| !s.app().is_closing()) else {
            return;
        };
        let poll = runtime.block_on(look(&server, name)).unwrap_or(AGAIN);
        let of = Arc::downgrade(&server);
        drop(server);
        std::thread::sleep(REST);
        let now = || {
            let server = of.upgrade()?;
            runtime.block_on(poll_of(&server, name)).ok()
        };
        if !rest((poll, GLANCE), now, poked) {
            return;
        }
    }
}

/// What git says in several lines.
fn one_line(words: &str) -> String {
    let lines = words.lines().map(str::trim).filter(|l| !l.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// Waits until a project is to be looked at again, or somebody asks for it; by what is said by then
/// of how often that is. Gives whether anybody can still ask.
fn rest(
    (mut poll, glance): (Duration, Duration),
    now: impl Fn() -> Option<Duration>,
    poked: &Receiver<()>,
) -> bool {
    let began = Instant::now();
    loop {
        let left = poll.saturating_sub(began.elapsed());
        match poked.recv_timeout(left.min(glance)) {
            Ok(()) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) if left <= glance => return true,
            Err(RecvTimeoutError::Timeout) => poll = now().unwrap_or(poll),
        }
    }
}

/// How often a project is to be looked at.
async fn poll_of(server: &Arc<Server>, name: &str) -> Result<Duration, Fail> {
    let wanted = name.to_string();
    let asked = server
        .app()
        .read(move |store, _| Ok(store.project(&wanted)?));
    let project = asked.await?.ok_or(Fail::Internal)?;
    Ok(Duration::from_secs(project.poll))
}

/// One look; gives how long to wait for the next.
async fn look(server: &Arc<Server>, name: &str) -> Result<Duration, Fail> {
    let wanted = name.to_string();
    let found = server
        .app()
        .read(move |store, _| Ok(store.project(&wanted)?))
        .await?;
    let project = found.ok_or(Fail::Internal)?;
    let poll = Duration::from_secs(project.poll);
    let trouble = match follow_all(server, &project).await {
        Ok(()) => String::new(),
        Err(fail) => one_line(&fail.words()),
    };
    let name = name.to_string();
    let noted = server
        .app()
        .write(move |store| Ok(store.looked_at(&name, clock(), &trouble)?));
    noted.await?;
    Ok(poll)
}

/// Follows the main line, then the pull requests, then the tags.
async fn follow_all(server: &Arc<Server>, project: &Project) -> Result<(), Fail> {
    follow(server, project.clone()).await?;
    // One that cannot be fetched is said, and takes nothing from the tags.
    let pulls = pulls::follow(server, project).await;
    follow_tags(server, project).await?;
    pulls
}

/// What a look at a repository found.
struct Found {
    tip: Sha,
    line: Vec<Sha>,
    /// Commits that nobody has offered yet, oldest first.
    new: Vec<Commit>,
    /// How many older ones of the same push are not offered.
    unoffered: usize,
    /// Whether commits that were on the line are not any more.
    forced: bool,
    config: String,
}

/// Has charts and comparisons know the repository's tags, those of the newest commits first.
async fn follow_tags(server: &Arc<Server>, project: &Project) -> Result<(), Fail> {
    let url = project.url.clone();
    let asked = tokio::task::spawn_blocking(move || remote_tags(&url)).await;
    let Ok(tags) = asked.map_err(|_| Fail::panicked())? else {
        // One that cannot be asked now keeps the tags that were read.
        return Ok(());
    };
    let (app, _) = server.project(&project.name).ok_or(Fail::Internal)?;
    let known = app.read(move |store, _| newest_tags(store, tags));
    app.set_releases(known.await?);
    Ok(())
}

/// Those of the newest commits, the newest first; those beside the line come last.
fn newest_tags(store: &Store, tags: Vec<(String, Sha)>) -> Result<Vec<(String, Sha)>, Fail> {
    let mut placed = Vec::with_capacity(tags.len());
    for (name, sha) in tags {
        placed.push((store.main_position(&sha)?, name, sha));
    }
    placed.sort();
    let newest = placed.into_iter().rev().take(TAGS);
    Ok(newest.map(|(_, name, sha)| (name, sha)).collect())
}

/// The `uptick.toml` of the main line as it was seen last; empty before the first look.
pub(super) async fn known_config(server: &Arc<Server>, project: &Project) -> String {
    let (home, branch) = (server.home(&project.name), project.branch.clone());
    let read = tokio::task::spawn_blocking(move || {
        let dir = home.join("mirror.git");
        let mirror = dir.is_dir().then(|| Copy::mirror(&dir).ok()).flatten()?;
        let tip = mirror.tip(&branch)?;
        mirror.repo().file(&tip, collector::config::Config::FILE)
    });
    read.await.ok().flatten().unwrap_or_default()
}

async fn follow(server: &Arc<Server>, project: Project) -> Result<(), Fail> {
    let dir = server.home(&project.name).join("mirror.git");
    let asked = project.clone();
    let fetched = tokio::task::spawn_blocking(move || fetch(&dir, &asked));
    let fetched = fetched.await.map_err(|_| Fail::panicked())?;
    let Some(fetched) = fetched.map_err(|e| Fail::Store(e.to_string()))? else {
        // Another node may have offered what is new; the mirror that was fetched is ours.
        if server.options.log.is_some() {
            let config = known_config(server, &project).await;
            server.configure(&project.name, config);
        }
        return Ok(());
    };
    let (app, _) = server.project(&project.name).ok_or(Fail::Internal)?;
    let (fetched, since) = match fetched.since.clone() {
        Some(since) => (fetched, since),
        None => {
            app.read(move |store, _| {
                let since = Since::of_store(store, &fetched.line)?;
                Ok((fetched, since))
            })
            .await?
        }
    };
    let read = tokio::task::spawn_blocking(move || found(fetched, &since));
    let found = read.await.map_err(|_| Fail::panicked())?;
    let found = found.map_err(|e| Fail::Store(e.to_string()))?;
    server.configure(&project.name, found.config);
    // The line first: whoever hears of a commit can place it.
    let line = found.line.clone();
    app.write(move |store| Ok(history::set_line(store, &line)?))
        .await?;
    if found.unoffered > 0 {
        tracing::warn!(
            project = project.name,
            commits = found.unoffered,
            "of a push of more than {MOST} commits the oldest are not measured"
        );
    }
    let (line, new, tip, forced) = (found.line, found.new, found.tip, found.forced);
    server
        .app()
        .write(move |store| {
            if forced {
                let line: HashSet<&Sha> = line.iter().collect();
                store.withdraw(&project.name, &line, clock())?;
            }
            let offer = Offer {
                project: &project.name,
                commits: &new,
                // Somebody may have changed them since this look began.
                labels: &[],
                purpose: Purpose::Commit,
            };
            Ok(store.offer(&offer, Some(&tip), clock())?)
        })
        .await?;
    server.work.notify_waiters();
    Ok(())
}

/// A repository whose tip is another one.
struct Fetched {
    mirror: Copy,
    tip: Sha,
    line: Vec<Sha>,
    /// `None` where the mirror does not know how the line was.
    since: Option<Since>,
}

/// What became of a line that was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Since {
    /// The place of the first commit that is new.
    from: usize,
    /// Whether commits that were on the line are not any more.
    forced: bool,
}

impl Since {
    fn of(old: &[Sha], line: &[Sha]) -> Self {
        Self {
            from: first_new(old, line),
            forced: !line.starts_with(old),
        }
    }

    /// The same by the line that a project's store knows: it came from another node, or the mirror
    /// was made anew since.
    fn of_store(store: &Store, line: &[Sha]) -> Result<Self, Fail> {
        let same = history::fork(store, line)?;
        let known = store.main_tip()?;
        Ok(Self {
            from: match same {
                0 => line.len().saturating_sub(1),
                same => same,
            },
            forced: known.is_some_and(|(at, _)| at >= same as u64),
        })
    }
}

/// Fetches; `None` where nothing is new.
fn fetch(dir: &std::path::Path, project: &Project) -> collector::error::Result<Option<Fetched>> {
    let mirror = Copy::mirror(dir)?;
    let tip = mirror.fetch(&project.url, &project.branch)?;
    if tip.0 == project.seen {
        return Ok(None);
    }
    let line = mirror.repo().first_parent_names(&tip)?;
    let seen = Sha(project.seen.clone());
    let since = if seen.0.is_empty() {
        Some(Since::of(&[], &line))
    } else if mirror.has(&seen) {
        // The old tip stays in the mirror whatever became of it there.
        let old = mirror.repo().first_parent_names(&seen)?;
        Some(Since::of(&old, &line))
    } else {
        None
    };
    Ok(Some(Fetched {
        mirror,
        tip,
        line,
        since,
    }))
}

/// Reads what is new.
fn found(fetched: Fetched, since: &Since) -> collector::error::Result<Found> {
    let Fetched {
        mirror, tip, line, ..
    } = fetched;
    let repo = mirror.repo();
    let pushed = line.len() - since.from;
    let mut new = repo.first_parents(&tip, pushed.min(MOST))?;
    for (commit, position) in new.iter_mut().zip((0..line.len() as u64).rev()) {
        commit.position = position;
    }
    new.reverse();
    Ok(Found {
        unoffered: pushed.saturating_sub(MOST),
        forced: since.forced,
        config: repo
            .file(&tip, collector::config::Config::FILE)
            .unwrap_or_default(),
        tip,
        line,
        new,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn another_time_between_looks_counts_at_once() {
        let (hour, glance) = (Duration::from_secs(3600), Duration::from_millis(5));
        let (sender, poked) = sync_channel(1);
        assert!(rest((hour, glance), || Some(Duration::ZERO), &poked));
        sender.try_send(()).unwrap();
        assert!(rest((hour, glance), || Some(hour), &poked));
        drop(sender);
        assert!(!rest((hour, glance), || Some(hour), &poked));
        assert_eq!(one_line("fatal: no\n\n  check it\n"), "fatal: no; check it");
    }

    #[test]
    fn what_became_of_a_line_is_known_from_the_store_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("uptick.db")).unwrap();
        let line = |shas: &[u64]| -> Vec<Sha> {
            let named = shas.iter().map(|i| Sha(format!("{i:040x}")));
            named.collect()
        };
        let old = line(&[1, 2, 3, 4]);
        let none = Since::of_store(&store, &old).unwrap();
        assert_eq!(none, Since::of(&[], &old));
        history::set_line(&mut store, &old).unwrap();
        for new in [
            &[1, 2, 3, 4, 5, 6][..],
            &[1, 2, 7, 8],
            &[1, 2],
            &[1, 2, 9],
            &[7, 8, 9],
        ] {
            let new = line(new);
            let known = Since::of_store(&store, &new).unwrap();
            assert_eq!(known, Since::of(&old, &new), "{new:?}");
        }
    }

    #[test]
    fn the_tags_of_the_newest_commits_are_kept_whatever_they_are_called() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("uptick.db")).unwrap();
        let line: Vec<Sha> = (0..600).map(|i| Sha(format!("{i:040x}"))).collect();
        history::set_line(&mut store, &line).unwrap();
        // By their names the oldest are the last ones, as 0.99 is behind 0.100.
        let name = |i: usize| format!("v{:04}", 9_999 - i);
        let mut tags: Vec<(String, Sha)> = line
            .iter()
            .enumerate()
            .map(|(i, s)| (name(i), s.clone()))
            .collect();
        tags.push(("beside".into(), Sha("f".repeat(40))));
        let known = newest_tags(&store, tags).unwrap();
        assert_eq!(known.len(), TAGS);
        assert_eq!(known[0], (name(599), line[599].clone()));
        assert_eq!(known[TAGS - 1].1, line[600 - TAGS]);
    }
}
