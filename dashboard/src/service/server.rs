//! What all requests to a server share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use collector::blobs::Place;
use collector::store::{Keep, Store};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::app::{App, Options};
use crate::pages::status;
use crate::postgres::Log;
use crate::proxy::Proxy;
use crate::service::summaries::Summaries;

/// How a server is served.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its directory.
    pub dir: PathBuf,
    /// What it is called on its own pages.
    pub name: String,
    /// Whether anybody may read; without it a token is asked for, on this machine too.
    pub public: bool,
    /// How long a lease holds without a heartbeat.
    pub ttl: Duration,
    /// For how long profiles and reports are kept, in each project.
    pub keep: Keep,
    /// Bytes of the disk below which no report is taken.
    pub keep_free: u64,
    /// Series that reports may begin in a day, in each project.
    pub new_series: u64,
    /// The address that people reach the server by, without a slash at its end.
    pub public_url: Option<String>,
    /// See [`Options::embed_in`].
    pub embed_in: Vec<String>,
    /// See [`Options::proxy`].
    pub proxy: Option<Proxy>,
    /// Where the projects keep their profiles, each in a folder of its own; see [`Options::blobs`].
    pub blobs: Option<Place>,
    /// The log that several nodes share; `None`: this server is the only one.
    pub log: Option<Log>,
}

impl ServerOptions {
    /// How long a lease holds, in milliseconds.
    pub(super) fn ttl_millis(&self) -> i64 {
        i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX)
    }
}

/// One project as it is served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    /// Has its repository looked at.
    pub(super) poke: SyncSender<()>,
    /// The text of its `uptick.toml` on the main line, by which its pages judge.
    pub(super) config: String,
    pub(super) _tasks: JoinSet<()>,
}

/// A server, with its projects.
#[derive(Debug)]
pub struct Server {
    pub(super) app: Arc<App>,
    pub(super) options: ServerOptions,
    pub(super) local: SocketAddr,
    pub(super) projects: RwLock<BTreeMap<String, Served>>,
    /// Why projects that the server has are not served.
    pub(super) unopened: RwLock<BTreeMap<String, String>>,
    /// The `uptick.toml` of each project's main line, as it was seen last.
    pub(super) configs: RwLock<BTreeMap<String, String>>,
    /// How the projects stood when somebody asked last.
    pub(super) summaries: Summaries,
    /// Rung when there may be work for a collector that waits.
    pub(super) work: Notify,
}

impl Server {
    /// The file that has a server's tokens and its queue.
    #[must_use]
    pub fn file(dir: &Path) -> PathBuf {
        dir.join("service.db")
    }

    /// Where a project has its store.
    #[must_use]
    pub fn store(dir: &Path, project: &str) -> PathBuf {
        dir.join("projects").join(project).join("uptick.db")
    }

    /// The stores of the projects that have one.
    #[must_use]
    pub fn stores(dir: &Path) -> Vec<PathBuf> {
        let homes = std::fs::read_dir(dir.join("projects"));
        let all = homes.into_iter().flatten().flatten();
        let stores = all.map(|home| home.path().join("uptick.db"));
        stores.filter(|store| store.is_file()).collect()
    }

    /// What that file is called in a shared log.
    pub const LOG_FILE: &str = "service";

    /// Its own store, pages and tokens.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// How long a lease holds, in milliseconds.
    pub(super) fn ttl(&self) -> i64 {
        self.options.ttl_millis()
    }

    /// The directory of a project.
    pub(super) fn home(&self, project: &str) -> PathBuf {
        self.options.dir.join("projects").join(project)
    }

    /// How a store of a server is served.
    pub(super) fn app_options(
        of: &ServerOptions,
        store: PathBuf,
        name: &str,
        config: &str,
    ) -> Options {
        Options {
            store,
            name: name.into(),
            // One that cannot be read is said where commits are measured.
            config: collector::config::Config::parse(config).unwrap_or_default(),
            public: of.public,
            read_only: false,
            always_ask: true,
            keep: of.keep,
            keep_free: of.keep_free,
            new_series: of.new_series,
            public_url: of.public_url.as_ref().map(|url| format!("{url}/p/{name}")),
            embed_in: of.embed_in.clone(),
            proxy: of.proxy.clone(),
            blobs: of.blobs.clone(),
            log: of.log.clone().map(|log| (log, Self::log_file(name))),
        }
    }

    /// What a project's store is called in a shared log.
    #[must_use]
    pub fn log_file(project: &str) -> String {
        format!("project/{project}")
    }

    /// Opens a project's store for writing.
    pub(super) fn open_store(&self, project: &str) -> collector::error::Result<Store> {
        let mut store = Store::open(&self.home(project).join("uptick.db"))?;
        if let Some(log) = &self.options.log {
            let file = Self::log_file(project);
            store.share(log.file(&file), &file)?;
        }
        Ok(store)
    }

    /// The app and the router of a project.
    pub(super) fn project(&self, name: &str) -> Option<(Arc<App>, Router)> {
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        all.get(name).map(|p| (p.app.clone(), p.router.clone()))
    }

    /// Why the first of the projects should be asked nothing now that should not, with its name: one
    /// that could not be opened, takes no write, or lacks what other nodes wrote.
    pub(super) fn unready(&self) -> Option<String> {
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        let unopened = self.unopened.read().unwrap_or_else(PoisonError::into_inner);
        let first = unopened
            .iter()
            .map(|(name, why)| (name, why.clone()))
            .next();
        let served = || {
            let mut served = all.iter();
            served.find_map(|(name, p)| Some((name, status::unready(&p.app)?)))
        };
        let (name, why) = first.or_else(served)?;
        Some(format!("project {name}: {why}"))
    }

    /// Notes why a project cannot be served, or that it can.
    pub(super) fn note_unopened(&self, name: &str, why: Option<String>) {
        let mut all = self
            .unopened
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => all.insert(name.into(), why),
            None => all.remove(name),
        };
    }

    /// Notes the `uptick.toml` of a project's main line, by which its pages judge.
    pub(super) fn configure(&self, name: &str, config: String) {
        let mut all = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_string(), config);
    }

    /// The configuration of a project that its pages do not judge by yet.
    pub(super) fn new_config(&self, name: &str) -> Option<String> {
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = configs.get(name)?;
        let known = all.get(name).is_some_and(|p| p.config == *wanted);
        (!known).then(|| wanted.clone())
    }

    /// The names of the projects that are served or could not be.
    pub(super) fn served(&self) -> Vec<String> {
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        let unopened = self.unopened.read().unwrap_or_else(PoisonError::into_inner);
        all.keys().chain(unopened.keys()).cloned().collect()
    }

    /// Serves a project no more: nobody waits there, and its repository is looked at by nobody.
    pub(super) fn forget_project(&self, name: &str) {
        let served = {
            let mut all = self
                .projects
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            all.remove(name)
        };
        if let Some(served) = served {
            served.app.close();
        }
        self.note_unopened(name, None);
        self.summaries.forget(name);
        let mut all = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(name);
    }

    /// Has the pages of every project made anew.
    pub(super) fn forget(&self) {
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        all.values().for_each(|p| p.app.cache.forget());
    }

    /// Has a project's repository looked at now. Gives whether there is such a project.
    pub(super) fn poke(&self, name: &str) -> bool {
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        let served = all.get(name);
        // One that is asked for already is the one that is meant.
        served.map(|p| p.poke.try_send(())).is_some()
    }

    /// Lets nobody wait any longer.
    pub(crate) fn close(&self) {
        self.app.close();
        let all = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        all.values().for_each(|p| p.app.close());
        self.work.notify_waiters();
    }
}
