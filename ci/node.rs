//! A server as one of several nodes on a shared log.

use std::path::{Path, PathBuf};

use collector::error::{Error, Result};
use collector::measure::host;
use collector::model::digest;
use collector::store::Store;
use collector::store::shared::{Marker, Seen};
use dashboard::{Log, Server};

use crate::args::Serve;
use crate::print;

/// The log that a server is to share, if any. Without one the directory must not be the replica of
/// one, or be made a server by itself now.
pub(crate) fn log(dir: &Path, a: &Serve) -> Result<Option<Log>> {
    let Some(address) = a.address() else {
        return alone(dir, a.detach).map(|()| None);
    };
    if a.detach {
        let why = "--detach leaves the shared log: leave --log postgres://… out with it";
        return Err(Error::Usage(why.into()));
    }
    Log::open_after(&address, seen(dir)).map(Some)
}

/// A name that is a node's alone, and the same at each start: that of its machine, and a mark of its
/// directory.
pub(crate) fn own_name(dir: &Path) -> String {
    let place = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.into());
    let mark = digest(place.to_string_lossy().as_bytes());
    let machine: String = host::name().chars().take(50).collect();
    format!("{machine}-{}", mark.get(..6).unwrap_or_default())
}

/// What says that a store is a node's; one that cannot be opened says nothing, and is told of where
/// it is served.
fn marker(file: &Path) -> Option<Marker> {
    let store = Store::open_existing(file).ok()?;
    store.marker().ok().flatten()
}

/// What a directory has seen of its log: the newest state of its server, and which one it is where
/// all that is here can be shown without it.
fn seen(dir: &Path) -> Seen {
    let all: Vec<_> = stores(dir).iter().map(|file| marker(file)).collect();
    let own = marker(&Server::file(dir)).filter(Marker::is_whole);
    let whole = |m: &Option<Marker>| m.as_ref().is_some_and(Marker::is_whole);
    let server = all.iter().flatten().map(|m| m.server.clone());
    Seen {
        database: own.filter(|_| all.iter().all(whole)).map(|m| m.database),
        server: server.max_by_key(|s| s.timeline).unwrap_or_default(),
    }
}

fn alone(dir: &Path, detach: bool) -> Result<()> {
    for file in stores(dir) {
        if detach {
            Store::detach(&file)?;
        } else if let Some(known) = marker(&file) {
            return Err(Error::Usage(format!(
                "{}: this directory is a node's, and the truth of it lies in {}: serve it with \
                 `--log {}`, or with `--detach` as a server by itself from now on (nothing was \
                 changed)",
                dir.display(),
                known.address,
                known.address
            )));
        }
    }
    Ok(())
}

/// The stores of a directory, those of projects first: a directory is moved whole once its own file
/// is.
fn stores(dir: &Path) -> Vec<PathBuf> {
    let own = Server::file(dir);
    let projects = projects(dir).into_iter().map(|(_, path)| path);
    projects.chain([own]).filter(|p| p.is_file()).collect()
}

/// The projects of a directory, with their stores.
fn projects(dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(dir.join("projects")) else {
        return Vec::new();
    };
    let store = |e: std::fs::DirEntry| {
        let name = e.file_name().into_string().ok()?;
        Some((name, e.path().join("uptick.db")))
    };
    let mut all: Vec<_> = entries.flatten().filter_map(store).collect();
    all.retain(|(_, path)| path.is_file());
    all.sort();
    all
}

/// Makes a directory a replica of a log: what it has moves there, where nothing is yet, and what is
/// there comes here.
pub(crate) fn join(dir: &Path, store: &mut Store, log: &Log) -> Result<()> {
    let own = Server::LOG_FILE;
    let moves = store.marker()?.is_none() && !store.projects()?.is_empty();
    if moves {
        print::note(&format!(
            "note: {} moves to the log at {}; interrupted, it goes on at the next start",
            dir.display(),
            log.address()
        ));
    }
    store.announce(log.file(own), own)?;
    for (name, path) in projects(dir) {
        let file = Server::log_file(&name);
        Store::open(&path)?.share(log.file(&file), &file)?;
    }
    store.share(log.file(own), own)?;
    match log.trouble() {
        None => {
            store.follow()?;
        }
        Some(why) => print::note(&format!(
            "note: {why}; pages show what this node had, and nothing is taken until it is back"
        )),
    }
    Ok(())
}

/// Has what is written to a replica go where its truth lies. The store of a project that its node
/// has not made yet becomes one here.
pub(crate) fn linked(mut store: Store, path: &Path) -> Result<Store> {
    let known = match store.marker()? {
        Some(known) => Some((known.file.clone(), known)),
        None => of_node(path),
    };
    if let Some((file, known)) = known {
        let seen = Seen {
            server: known.server,
            database: None,
        };
        let log = Log::open_after(&known.address, seen)?;
        store.share(log.file(&file), &file)?;
        store.follow()?;
    }
    Ok(store)
}

/// What a project's store is called in the shared log of the node whose it is, with the node's own
/// mark; `None` of every other place.
fn of_node(path: &Path) -> Option<(String, Marker)> {
    let path = path.canonicalize().ok()?;
    let home = path.parent()?;
    let dir = home
        .parent()
        .filter(|d| d.ends_with("projects"))?
        .parent()?;
    let project = home.file_name()?.to_str()?;
    let place = Server::file(dir);
    let is_its = path.file_name()? == "uptick.db" && place.is_file();
    let node = is_its.then(|| marker(&place)).flatten()?;
    Some((Server::log_file(project), node))
}
