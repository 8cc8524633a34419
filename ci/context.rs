//! What every command opens first: the repository, its configuration, the store.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use collector::check::event::Event;
use collector::config::{Config, Fraction, Seconds};
use collector::error::Error;
use collector::format::name as shown;
use collector::git::Repo;
use collector::history::{self, Whose};
use collector::judge::Overrides;
use collector::model::Tags;
use collector::remote::objects;
use collector::run::{Home, Runner};
use collector::store::Store;
use collector::suite::settle_workspace;
use dashboard::Server;

use crate::args::{Args, Command, Judging, Measuring, OfServer};
use crate::{event, node, print};

/// What the CI system around us says of its event.
pub(crate) fn event() -> Event {
    let document = event::document().map_err(|e| e.to_string());
    Event::read(&|name| std::env::var(name).ok(), document)
}

/// What `uptick.toml` says, also where a sparse checkout has left it out.
pub(crate) fn file(repo: &Repo) -> anyhow::Result<Config> {
    let Some(text) = repo.left_out(Config::FILE) else {
        return Ok(Config::load(repo.root())?);
    };
    let config = Config::parse_own(&text);
    Ok(config.map_err(|e| Error::Usage(format!("HEAD:{}: {e}", Config::FILE)))?)
}

/// The repository's configuration; where it does not name the default branch, the CI system may.
pub(crate) fn load(repo: &Repo) -> anyhow::Result<Config> {
    let mut config = file(repo)?;
    if config.baseline.branch.is_none() {
        config.baseline.branch = event().default_branch;
    }
    Ok(config)
}

/// The repository's configuration with the command line laid over it.
pub(crate) fn config(repo: &Repo, start: &Path, measuring: &Measuring) -> anyhow::Result<Config> {
    let mut config = load(repo)?;
    find_workspace(repo, &mut config, start);
    if let Some(counter) = &measuring.counter {
        config.suite.counter = counter.clone();
    }
    if !measuring.metric.is_empty() {
        config.suite.metrics = measuring.metric.clone();
    }
    config
        .suite
        .features
        .extend(measuring.features.iter().cloned());
    if !measuring.package.is_empty() {
        config.suite.packages.clone_from(&measuring.package);
    }
    if let Some(text) = &measuring.timeout {
        let parsed = Seconds::parse(text).map_err(|e| Error::Usage(format!("--timeout: {e}")))?;
        config.suite.timeout = parsed;
    }
    let tags = tags(measuring)?;
    if !tags.is_empty() {
        config.tag(tags);
    }
    config
        .validate()
        .map_err(|e| Error::Usage(format!("command line: {e}")))?;
    Ok(config)
}

/// The tags that are given, or those of the first benchmark that is asked for with some.
fn tags(measuring: &Measuring) -> anyhow::Result<Tags> {
    if measuring.tag.is_empty() {
        let of_name = measuring.only.iter().map(|n| Tags::split(n).1);
        return Ok(of_name
            .into_iter()
            .find(|t| !t.is_empty())
            .unwrap_or_default());
    }
    Tags::parse(&measuring.tag).map_err(|e| Error::Usage(format!("--tag: {e}")).into())
}

/// Finds the Cargo workspace with the benchmarks where `uptick.toml` does not name one.
pub(crate) fn find_workspace(repo: &Repo, config: &mut Config, start: &Path) {
    if let Some(note) = settle_workspace(config, repo.root(), start) {
        print::note(&note);
    }
}

pub(crate) fn runner(args: &Args, measuring: &Measuring) -> anyhow::Result<Runner> {
    let repo = Repo::open(&args.dir)?;
    let config = config(&repo, &args.dir, measuring)?;
    let mut runner = Runner::open(repo, config)?;
    runner.only(&measuring.only);
    Ok(runner)
}

/// A server's own file, in the directory that `--data` names.
pub(crate) fn server_file(args: &Args) -> anyhow::Result<PathBuf> {
    let dir = args.data.as_deref().ok_or_else(|| {
        Error::Usage("a server's directory is needed: --data DIR (or UPTICK_DATA)".into())
    })?;
    Ok(Server::file(dir))
}

/// [`server_file`] where there must be one already.
pub(crate) fn existing_server_file(args: &Args) -> anyhow::Result<PathBuf> {
    let file = server_file(args)?;
    if !file.is_file() {
        let dir = file.parent().unwrap_or(&file).display();
        return Err(Error::Store(format!(
            "{dir}: no server here yet; `uptick project add` or `uptick serve --data DIR` makes one"
        ))
        .into());
    }
    Ok(file)
}

/// Where tokens are kept: in a server's own file where `--data` names one, else in the store.
pub(crate) fn token_store(args: &Args) -> anyhow::Result<Store> {
    match args.data {
        Some(_) => {
            let file = server_file(args)?;
            Ok(node::linked(Store::open_service(&file)?, &file)?)
        }
        None => store(args),
    }
}

/// [`token_store`] where there must be one already.
pub(crate) fn existing_token_store(args: &Args) -> anyhow::Result<Store> {
    match args.data {
        Some(_) => Ok(Store::open_existing(&existing_server_file(args)?)?),
        None => existing_store(args),
    }
}

/// Refuses a server's directory where the command would do nothing with it: what it does would be done
/// to another store than the one that was meant. A variable of the environment is meant for the commands
/// that know it, and is passed over by those that never do: who measures a repository on the machine that
/// serves need not unset it.
pub(crate) fn refuse_unused_data(args: &Args, typed: bool) -> anyhow::Result<()> {
    let Some(dir) = &args.data else {
        return match args.project() {
            None => Ok(()),
            Some(_) => Err(Error::Usage(
                "--project names a project of a server: --data DIR is its directory".into(),
            )
            .into()),
        };
    };
    let of_server = args.command.as_ref().map(Command::of_server);
    let given = match typed {
        true => format!("--data {}", dir.display()),
        false => format!("UPTICK_DATA={}", dir.display()),
    };
    let why = match of_server.unwrap_or(OfServer::Nothing) {
        OfServer::Whole | OfServer::Project(Some(_)) => return Ok(()),
        OfServer::Nothing | OfServer::Store if !typed => return Ok(()),
        OfServer::Nothing => {
            "this command has nothing to do with a server's directory: leave it out".into()
        }
        OfServer::Project(None) => format!(
            "a server has a store for each project: say which is meant with --project NAME{}",
            known(args)
        ),
        OfServer::Store => format!(
            "a server has a store for each project, and this command is told which by its file: \
             --store {} instead{}",
            Server::store(dir, "NAME").display(),
            known(args)
        ),
    };
    Err(Error::Usage(format!("{given}: {why}")).into())
}

/// The names of a server's projects, as far as they can be read.
fn known(args: &Args) -> String {
    let read = || {
        let file = existing_server_file(args).ok()?;
        Store::open_existing(&file).ok()?.projects().ok()
    };
    let names: Vec<String> = read().into_iter().flatten().map(|p| p.name).collect();
    match names.len() {
        0 => String::new(),
        1..=8 => format!(" ({})", names.join(", ")),
        _ => " (`uptick project list` shows them)".into(),
    }
}

/// Where the store is: named, that of a server's project, or inside the repository.
pub(crate) fn store_path(args: &Args) -> anyhow::Result<PathBuf> {
    match (&args.store, &args.data, args.project()) {
        (Some(path), ..) => Ok(path.clone()),
        (None, Some(dir), Some(name)) => {
            let server = Store::open_existing(&existing_server_file(args)?)?;
            if server.project(name)?.is_none() {
                return Err(Error::Usage(format!(
                    "--project: there is no project `{}`{}",
                    shown(name, 64),
                    known(args)
                ))
                .into());
            }
            Ok(Server::store(dir, name))
        }
        _ => Ok(Home::of(&Repo::open(&args.dir)?).store()?),
    }
}

pub(crate) fn store(args: &Args) -> anyhow::Result<Store> {
    if args.project().is_some() {
        // Its main line is what the server says.
        return followed_store(args);
    }
    if args.store.is_none() {
        // With its .gitignore, so that `git add -A` never takes the store along.
        Home::make(&Repo::open(&args.dir)?)?;
    }
    let mut store = followed_store(args)?;
    if let Ok(repo) = Repo::open(&args.dir) {
        let branch = load(&repo)?.baseline.branch;
        history::refresh(&mut store, &repo, branch.as_deref(), whose(args))?;
    }
    Ok(store)
}

/// A store that must be there already, with everything that other nodes wrote.
pub(crate) fn followed_store(args: &Args) -> anyhow::Result<Store> {
    let path = store_path(args)?;
    let mut store = node::linked(Store::open(&path)?, &path)?;
    objects::attach(&mut store, usize::MAX)?;
    Ok(store)
}

/// Whether the store lies in the repository or was named.
pub(crate) const fn whose(args: &Args) -> Whose {
    match args.store {
        Some(_) => Whose::Named,
        None => Whose::Repository,
    }
}

/// A store that must be there already.
pub(crate) fn existing_store(args: &Args) -> anyhow::Result<Store> {
    let mut store = Store::open_existing(&store_path(args)?)?;
    objects::attach(&mut store, usize::MAX)?;
    Ok(store)
}

pub(crate) fn overrides(judging: &Judging) -> anyhow::Result<Overrides> {
    Ok(Overrides {
        limit: Fraction::of_flag("--limit", judging.limit.as_deref())?,
        only: judging.measuring.only.clone(),
    })
}

/// The directory that files are named from; where it is gone, they are named whole.
pub(crate) fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

/// Seconds since 1970-01-01 UTC.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
