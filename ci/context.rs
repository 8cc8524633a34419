//! What every command opens first: the repository, its configuration, the store.

use std::path::{Path, PathBuf};

use collector::config::{Config, Fraction};
use collector::error::Error;
use collector::git::Repo;
use collector::judge::Overrides;
use collector::run::{Home, Workshop};
use collector::store::Store;
use collector::suite::{Located, locate};

use crate::args::{Args, Judging, Measuring};
use crate::print;

/// The repository's configuration with the command line laid over it.
pub(crate) fn config(repo: &Repo, start: &Path, measuring: &Measuring) -> anyhow::Result<Config> {
    let mut config = Config::load(repo.root())?;
    find_workspace(repo, &mut config, start);
    if let Some(counter) = &measuring.counter {
        config.suite.counter = counter.clone();
    }
    if !measuring.metric.is_empty() {
        config.suite.metrics = measuring.metric.clone();
    }
    config
        .validate()
        .map_err(|e| Error::Usage(format!("command line: {e}")))?;
    Ok(config)
}

/// Finds the Cargo workspace with the benchmarks where `uptick.toml` does not name one.
pub(crate) fn find_workspace(repo: &Repo, config: &mut Config, start: &Path) {
    if config.suite.dir != "." || !config.suite.criterion {
        return;
    }
    match locate(repo.root(), start) {
        Located::Top => {}
        Located::Below(dir) => {
            print::note(&format!(
                "note: the benchmarks are those of the Cargo workspace in {dir}/ (`dir` under \
                 [suite] in uptick.toml names another)"
            ));
            config.suite.dir = dir;
        }
        Located::Several(dirs) => print::note(&format!(
            "note: several Cargo workspaces have benches: name one with `dir = {:?}` under [suite] \
             in uptick.toml, or call uptick in its directory ({})",
            dirs.first().map_or("", String::as_str),
            dirs.join(", ")
        )),
    }
}

pub(crate) fn workshop(args: &Args, measuring: &Measuring) -> anyhow::Result<Workshop> {
    let repo = Repo::open(&args.dir)?;
    let config = config(&repo, &args.dir, measuring)?;
    let mut workshop = Workshop::open(repo, config)?;
    workshop.only(&measuring.only);
    Ok(workshop)
}

/// Where the store is: named, or inside the repository.
pub(crate) fn store_path(args: &Args) -> anyhow::Result<PathBuf> {
    match &args.store {
        Some(path) => Ok(path.clone()),
        None => Ok(Home::of(&Repo::open(&args.dir)?).store()),
    }
}

pub(crate) fn store(args: &Args) -> anyhow::Result<Store> {
    if args.store.is_none() {
        // With its .gitignore, so that `git add -A` never takes the store along.
        Home::make(&Repo::open(&args.dir)?)?;
    }
    Ok(Store::open(&store_path(args)?)?)
}

/// A store that must be there already.
pub(crate) fn existing_store(args: &Args) -> anyhow::Result<Store> {
    Ok(Store::open_existing(&store_path(args)?)?)
}

pub(crate) fn overrides(judging: &Judging) -> anyhow::Result<Overrides> {
    let limit = judging.limit.as_deref().map(Fraction::parse).transpose();
    let limit = limit.map_err(|e| Error::Usage(format!("--limit: {e}")))?;
    Ok(Overrides {
        limit: limit.map(|f| f.0),
        only: judging.measuring.only.clone(),
    })
}

/// The directory that files are named from; where it is gone, they are named whole.
pub(crate) fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}
