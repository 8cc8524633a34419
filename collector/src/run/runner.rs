//! What measures the commits of one repository.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Config;
use crate::error::Result;
use crate::git::Repo;
use crate::measure::env::Scratch;
use crate::measure::stage::Stage;
use crate::measure::{self, Session, host};
use crate::model::{Counter, Metric, Sha, Testbed, Variants};
use crate::run::home::Home;
use crate::run::outside::{Outside, Tracked};
use crate::suite::{Cache, Overlay, Place, Variables, key};

/// A worktree and a target directory that only this process uses now.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(super) place: Place,
    pub(super) _lock: File,
    /// The commit that stands in it, with its jobs.
    pub(super) standing: Option<Sha>,
    /// Files of that commit that the clone lacks.
    pub(super) lacking: Vec<crate::git::Lacking>,
}

/// Measures commits of one repository.
#[derive(Debug)]
pub struct Runner {
    pub(super) repo: Repo,
    pub(super) config: Config,
    pub(super) home: Home,
    pub(super) session: Session,
    pub(super) host: Testbed,
    pub(super) cache: Cache,
    /// Who sees which files while benchmarks run. Dropped before the workers and their locks.
    pub(super) stage: Arc<Stage>,
    pub(super) workers: Vec<Worker>,
    /// Workers whose place was built in by somebody else, kept so that it can be stood in for.
    pub(super) borrowed: Vec<Worker>,
    pub(super) toolchains: HashMap<Sha, key::Toolchain>,
    pub(super) compilers: key::Versions,
    /// What the C compiler calls itself, once somebody asked.
    pub(super) c_compiler: Option<String>,
    pub(super) overlay: Overlay,
    pub(super) outside: Outside,
    /// What files of commits name outside of them.
    pub(super) tracked: Tracked,
    /// Whether there is anything of the kind, once somebody asked.
    pub(super) any_outside: Option<bool>,
    /// What builds of this repository read of the environment.
    pub(super) variables: Variables,
    /// What files go through on their way into a worktree.
    pub(super) filters: String,
    /// Counts that this runner took, by benchmark.
    pub(super) counts: HashMap<String, Vec<f64>>,
    /// Whether commits are measured to be compared, by one definition of each benchmark.
    pub(super) comparing: bool,
}

impl Runner {
    /// A runner for a repository.
    ///
    /// # Errors
    /// When the counter that is asked for cannot be had, or `.uptick/` cannot be written.
    pub fn open(repo: Repo, config: Config) -> Result<Self> {
        let home = Home::make(&repo)?;
        let counter = measure::choose_counter(&config.suite.counter)?;
        let metrics = config
            .suite
            .metrics
            .iter()
            .filter_map(|m| Metric::well_known(m))
            .collect();
        let strings = config.suite.strings;
        let session = Session {
            scratch: Scratch::new()?,
            counter,
            strings,
            metrics,
        };
        let variables = Variables::kept_in(&home.dir().join("cache"));
        let cache = Cache::new(&home.dir().join("cache"), config.suite.cache_mib << 20);
        Ok(Self {
            filters: repo.filters(),
            repo,
            host: host::testbed(strings),
            outside: Outside::of(&config),
            config,
            home,
            session,
            cache,
            stage: Arc::default(),
            workers: Vec::new(),
            borrowed: Vec::new(),
            toolchains: HashMap::new(),
            compilers: HashMap::new(),
            c_compiler: None,
            overlay: Overlay::default(),
            tracked: Tracked::default(),
            any_outside: None,
            variables,
            counts: HashMap::new(),
            comparing: false,
        })
    }

    /// A second runner on the same repository for the same work, with workers of its own, so
    /// that two threads can build at once.
    ///
    /// # Errors
    /// As [`Runner::open`].
    pub fn another(&self) -> Result<Self> {
        let mut other = Self::open(self.repo.clone(), self.config.clone())?;
        other.overlay = self.overlay.clone();
        other.comparing = self.comparing;
        Ok(other)
    }

    /// A runner for another variant of the benchmarks that this one measures.
    ///
    /// # Errors
    /// As [`Runner::open`].
    pub fn variant(&self, variants: &Variants) -> Result<Self> {
        let mut config = self.config.clone();
        config.tag(variants.base_tags(&self.config.suite.tags));
        for name in &mut config.suite.only {
            if let Some(other) = variants.base_name(name) {
                *name = other;
            }
        }
        let mut other = Self::open(self.repo.clone(), config)?;
        other.overlay = self.overlay.clone();
        other.comparing = self.comparing;
        Ok(other)
    }

    /// Measures commits to compare them: what a commit itself defines otherwise is no point of
    /// its series.
    pub fn comparing(&mut self) {
        self.comparing = true;
    }

    /// Lays these files over every commit before it is built. They are part of every key.
    pub fn overlay(&mut self, overlay: Overlay) {
        self.overlay = overlay;
    }

    /// Measures only benchmarks that one of these globs matches; none: all.
    ///
    /// The selection is part of the suite's key: a report of some benchmarks must not stand
    /// for a report of all.
    pub fn only(&mut self, globs: &[String]) {
        if !globs.is_empty() {
            self.config.suite.only = globs.to_vec();
        }
    }

    /// What the commands depend on outside the worktree, as it was when this was opened.
    #[must_use]
    pub fn outside(&self) -> &Outside {
        &self.outside
    }

    /// A program outside the worktree that was edited since this was opened.
    #[must_use]
    pub fn edited(&self) -> Option<PathBuf> {
        let now = Outside::of(&self.config);
        self.outside.edited(&now).map(PathBuf::from)
    }

    /// The repository.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `.uptick/`.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// How benchmarks are run.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Time is disturbed by a neighbour; an instruction count under valgrind is not.
    #[must_use]
    pub fn parallelism(&self) -> usize {
        let alone = self.session.counter != Counter::Callgrind
            || self
                .session
                .metrics
                .iter()
                .any(|m| matches!(m, Metric::WallTime | Metric::CpuTime))
            || !self.config.commands.is_empty();
        match (alone, self.config.suite.jobs) {
            (true, _) => 1,
            (false, 0) => std::thread::available_parallelism().map_or(1, usize::from),
            (false, n) => n,
        }
    }
}
