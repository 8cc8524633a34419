//! What makes two measurements one: the keys of suite, testbed and build.

use crate::config::Config;
use crate::error::Result;
use crate::measure::host;
use crate::model::{CC, Counter, Measurement, Metric, Sha, Tags, Testbed, digest};
use crate::run::above;
use crate::run::runner::Runner;
use crate::suite::{BuildKey, key, steering};
use std::path::PathBuf;

impl Runner {
    /// The hash of what is asked for.
    #[must_use]
    pub fn suite_key(&self) -> String {
        self.suite_key_of(&self.config)
    }

    pub(super) fn suite_key_of(&self, config: &Config) -> String {
        let steering = steering(config, self.repo.root()) + &self.filters;
        let key = key::suite_key(config, self.session.counter.name(), &steering);
        let key = self.outside.mark(self.overlay.mark(key, 16), 16);
        self.variables.mark(key, 16)
    }

    /// The key of reports that hold further runs of single benchmarks: they must never stand
    /// for a whole report.
    pub(super) fn samples_key(&mut self, sha: &Sha) -> Result<String> {
        let key = self.suite_key_at(sha)?;
        Ok(digest(format!("samples {key}").as_bytes())[..16].to_string())
    }

    /// Marks what the commit's own `uptick.toml` defines otherwise than the one in use. A commit
    /// that defines a benchmark nowhere takes the definition in use for its own.
    pub(super) fn mark_redefined(&self, sha: &Sha, measurements: &mut [Measurement]) {
        if !self.comparing || self.config.commands.is_empty() {
            return;
        }
        let file = self.repo.file(sha, Config::FILE);
        let Some(mut own) = file.and_then(|text| Config::parse(&text).ok()) else {
            return;
        };
        own.tag(self.config.suite.tags.clone());
        let is_redefined = |name: &str| {
            let named = |config: &'_ Config| {
                let found = config.commands.iter().find(|c| c.name == name);
                found.map(|c| (c.clone(), config.suite.env.clone()))
            };
            let (asked, own) = (named(&self.config), named(&own));
            own.is_some() && asked.is_some() && own != asked
        };
        for m in measurements {
            m.redefined = is_redefined(Tags::split(&m.benchmark).0);
        }
    }

    /// Commands that the base's own `uptick.toml` has, and neither the head's nor the one in use.
    #[must_use]
    pub fn removed_commands(&self, base: &Sha, head: &Sha) -> Vec<String> {
        let own = |sha: &Sha| Config::parse(&self.repo.file(sha, Config::FILE)?).ok();
        let (Some(before), Some(after)) = (own(base), own(head)) else {
            return Vec::new();
        };
        let has = |config: &Config, name: &str| config.commands.iter().any(|c| c.name == name);
        let names = before.commands.into_iter().map(|c| c.name);
        names
            .filter(|n| !has(&after, n) && !has(&self.config, n) && self.config.wants(n))
            .collect()
    }

    fn toolchain(&mut self, sha: &Sha) -> key::Toolchain {
        if let Some(known) = self.toolchains.get(sha) {
            return known.clone();
        }
        let toolchain = key::Toolchain::of(&self.config, &self.repo, sha, &mut self.compilers);
        self.toolchains.insert(sha.clone(), toolchain.clone());
        toolchain
    }

    /// The conditions under which a commit would be measured here and now.
    pub fn testbed(&mut self, sha: &Sha) -> Testbed {
        let mut testbed = self.host.clone();
        testbed
            .facts
            .insert("rustc".into(), self.toolchain(sha).rustc);
        testbed
            .facts
            .insert("profile".into(), self.config.suite.profile.clone());
        // Whatever the commands' builds call, that may be it.
        if self.config.commands.iter().any(|c| c.build.is_some()) {
            let cc = self.c_compiler.get_or_insert_with(host::c_compiler);
            testbed.facts.insert(CC.into(), cc.clone());
        }
        testbed
    }

    /// The fingerprints of every counter that this session uses.
    pub fn testbed_key(&mut self, sha: &Sha) -> String {
        let sampled = |m: &Metric| {
            matches!(
                m,
                Metric::WallTime | Metric::CpuTime | Metric::PeakRss | Metric::PageFaults
            )
        };
        let mut counters = vec![self.session.counter.clone(), Counter::File];
        if !self.config.commands.is_empty() || self.session.metrics.iter().any(sampled) {
            counters.push(Counter::Rusage);
        }
        self.testbed(sha).key(counters.into_iter())
    }

    pub(super) fn build_key(&mut self, sha: &Sha) -> Result<String> {
        Ok(self.key_of_build(sha)?.whole(&self.variables))
    }

    pub(super) fn key_of_build(&mut self, sha: &Sha) -> Result<BuildKey> {
        let inputs = key::build_inputs(&self.config, &self.repo, sha)?;
        let seed = std::fs::read_to_string(self.lock_seed()).unwrap_or_default();
        let toolchain = self.toolchain(sha);
        let steering = steering(&self.config, self.repo.root()) + &self.filters;
        let key = key::build_key(&self.config, &inputs, &seed, &toolchain, steering);
        let key = self.outside.mark(self.overlay.mark(key, 64), 64);
        Ok(BuildKey {
            of_commit: self.marked(key, sha, 64)?,
            only_in: None,
        })
    }

    /// A key of a commit that follows what it reads outside of itself. One look at HEAD says for all
    /// commits whether there is anything of the kind: a listing of each costs a process.
    pub(super) fn marked(&mut self, key: String, sha: &Sha, length: usize) -> Result<String> {
        let any = match self.any_outside {
            Some(any) => any,
            None => {
                let any = above::is_any(&self.config, &self.repo)
                    || match self.repo.resolve("HEAD") {
                        Ok(head) => !self.mark_outside(String::new(), &head, 64)?.is_empty(),
                        Err(_) => false,
                    };
                *self.any_outside.insert(any)
            }
        };
        match any {
            true => self.mark_outside(key, sha, length),
            false => Ok(key),
        }
    }

    fn mark_outside(&mut self, key: String, sha: &Sha, length: usize) -> Result<String> {
        let inputs = key::build_inputs(&self.config, &self.repo, sha)?;
        let key = self.tracked.mark(key, &self.repo, &inputs, length);
        Ok(above::mark(key, &self.config, &self.repo, sha, length))
    }

    /// [`Runner::suite_key`] of one commit, with what that reads outside of itself.
    pub(super) fn suite_key_at(&mut self, sha: &Sha) -> Result<String> {
        let key = self.suite_key();
        self.marked(key, sha, 16)
    }

    pub(super) fn lock_seed(&self) -> PathBuf {
        self.home.dir().join("Cargo.lock")
    }
}
