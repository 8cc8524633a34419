//! `uptick backup` and `restore`: a store as one file, a server as a directory of such files.

use std::path::{Path, PathBuf};

use collector::error::{EXIT_OK, Error, Result};
use collector::format::plural;
use collector::store::{Store, Verification};
use collector::system;
use dashboard::Server;
use serde_json::json;
use tempfile::TempDir;

use crate::args::{Args, Backup, Restore};
use crate::{context, node, print};

pub(crate) fn backup(args: &Args, a: &Backup) -> anyhow::Result<u8> {
    match (&args.data, args.project()) {
        (Some(dir), None) => backup_server(args, dir, a),
        _ => backup_one(&context::store_path(args)?, a),
    }
}

fn backup_one(path: &Path, a: &Backup) -> anyhow::Result<u8> {
    let bytes = level(path)?.backup(&a.file)?;
    let elsewhere = say_elsewhere(&a.file)?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.backup/1", "file": a.file, "bytes": bytes,
            "profiles_elsewhere": elsewhere,
        }))?;
    } else {
        print::out(&format!("{} in {}\n", mib(bytes), a.file.display()))?;
    }
    Ok(EXIT_OK)
}

/// The server's own file first: what it says of a job that is done lies in a store that is copied
/// after it. What came in between is in a store and not in the queue, as after a crash, and is handed
/// in once more.
fn backup_server(args: &Args, dir: &Path, a: &Backup) -> anyhow::Result<u8> {
    let own = context::existing_server_file(args)?;
    refuse_existing(&a.file)?;
    let half = beside(&a.file)?;
    let mut bytes = level(&own)?.backup(&Server::file(half.path()))?;
    let mut copied = Vec::new();
    let mut elsewhere = 0;
    for project in Store::open_existing(&Server::file(half.path()))?.projects()? {
        let store = Server::store(dir, &project.name);
        // One that was added and not opened yet has none.
        if store.is_file() {
            let to = Server::store(half.path(), &project.name);
            bytes += level(&store)?.backup(&to)?;
            elsewhere += say_elsewhere(&to)?;
            copied.push(project.name);
        }
    }
    settle(half, &a.file)?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.backup/1", "directory": a.file, "bytes": bytes, "projects": copied,
            "profiles_elsewhere": elsewhere,
        }))?;
    } else {
        print::out(&format!(
            "{} of the server and {} in {}\n",
            mib(bytes),
            plural(copied.len(), "project"),
            a.file.display()
        ))?;
    }
    print::note(
        "note: it has the secrets of push webhooks and channels and the tokens of forges: keep it as \
         closed as the server's directory",
    );
    Ok(EXIT_OK)
}

/// A store to be copied, as far as its shared log where it is a node's replica.
fn level(path: &Path) -> Result<Store> {
    let store = Store::open_existing(path)?;
    let Some(known) = store.marker()? else {
        return Ok(store);
    };
    let followed = Store::open(path).and_then(|s| node::linked(s, path));
    let (store, how) = match followed {
        Ok(followed) => (followed, "has what the log has now".to_string()),
        Err(e) => (
            store,
            format!("has what this node had followed, because {e}"),
        ),
    };
    print::note(&format!(
        "note: {}: the truth lies in {}, of which pg_dump makes the backup; this copy {how}, and is a \
         store by itself",
        path.display(),
        known.address
    ));
    Ok(store)
}

/// Says which profiles are not in a copy; gives how many. Asked of the copy: others may have been moved
/// since.
fn say_elsewhere(copy: &Path) -> Result<u64> {
    let store = Store::open_existing(copy)?;
    let elsewhere = store.object_counts()?.moved;
    if let (1.., Some(place)) = (elsewhere, store.place()?) {
        print::note(&format!(
            "note: {} not in it: they lie in {}, and are copied from there",
            match elsewhere {
                1 => "1 profile is".to_string(),
                n => format!("{n} profiles are"),
            },
            place.whole()
        ));
    }
    Ok(elsewhere)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

pub(crate) fn restore(args: &Args, a: &Restore) -> anyhow::Result<u8> {
    match (&args.data, args.project()) {
        (Some(dir), None) => restore_server(dir, a),
        _ => restore_one(context::store_path(args)?, a),
    }
}

fn restore_one(path: PathBuf, a: &Restore) -> anyhow::Result<u8> {
    let v = Store::restore(&a.backup.file, &path, a.original_gone)?;
    if a.backup.json {
        print::json(&json!({
            "schema": "uptick.restore/1",
            "store": path,
            "reports": v.reports,
            "profiles": v.blobs,
        }))?;
    } else {
        print::out(&format!(
            "{} checked and restored to {}\n",
            counted(&v),
            path.display()
        ))?;
    }
    say_borrowed(&path)?;
    Ok(EXIT_OK)
}

fn restore_server(dir: &Path, a: &Restore) -> anyhow::Result<u8> {
    let from = &a.backup.file;
    if !Server::file(from).is_file() {
        return Err(Error::Usage(format!(
            "{}: this is no backup of a server, which is a directory that `uptick backup --data DIR` \
             wrote; the file of one store is restored with --project NAME or --store FILE",
            from.display()
        ))
        .into());
    }
    let is_empty = is_empty(dir);
    let half = match is_empty {
        // It may be another disk, which nothing can be renamed onto from beside it.
        true => {
            close_to_others(dir)?;
            within(dir)?
        }
        false => {
            refuse_existing(dir)?;
            beside(dir)?
        }
    };
    Store::restore(
        &Server::file(from),
        &Server::file(half.path()),
        a.original_gone,
    )?;
    let mut all = Verification::default();
    let mut restored = Vec::new();
    for project in Store::open_existing(&Server::file(half.path()))?.projects()? {
        let store = Server::store(from, &project.name);
        if store.is_file() {
            let to = Server::store(half.path(), &project.name);
            let v = Store::restore(&store, &to, a.original_gone)?;
            all.reports += v.reports;
            all.blobs += v.blobs;
            restored.push(project.name);
        }
    }
    match is_empty {
        true => spread(half, dir)?,
        false => settle(half, dir)?,
    }
    if a.backup.json {
        print::json(&json!({
            "schema": "uptick.restore/1", "directory": dir, "projects": restored,
            "reports": all.reports, "profiles": all.blobs,
        }))?;
    } else {
        print::out(&format!(
            "{} of {} checked and restored to {}\n",
            counted(&all),
            plural(restored.len(), "project"),
            dir.display()
        ))?;
    }
    for name in &restored {
        say_borrowed(&Server::store(dir, name))?;
    }
    print::note(
        "note: tokens that were revoked after that backup are good again: `uptick token list` and \
         `revoke`; jobs that were under way are given out anew",
    );
    Ok(EXIT_OK)
}

fn counted(v: &Verification) -> String {
    format!(
        "{} and {}",
        plural(v.reports, "report"),
        plural(v.blobs, "profile")
    )
}

fn say_borrowed(path: &Path) -> Result<()> {
    let store = Store::open_existing(path)?;
    if let (true, Some(place)) = (store.borrows()?, store.place()?) {
        print::note(&format!(
            "note: its profiles in {} are the other store's: this one reads them and removes none; \
             where that store is gone, restore with --original-gone",
            place.whole()
        ));
    }
    Ok(())
}

fn refuse_existing(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => Err(Error::Usage(format!(
            "{}: this is there already, and is never written over: move it away first",
            path.display()
        ))),
    }
}

/// A directory beside its place, so that the last step is a rename; others cannot look into it.
fn beside(path: &Path) -> Result<TempDir> {
    let parent = folder(path);
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    within(parent)
}

/// Whether there is a directory with nothing in it, or with what a new disk has.
fn is_empty(dir: &Path) -> bool {
    let nothing =
        |e: std::io::Result<std::fs::DirEntry>| e.is_ok_and(|e| e.file_name() == "lost+found");
    std::fs::read_dir(dir).is_ok_and(|mut all| all.all(nothing))
}

/// Has nobody look into a directory but its owner and its group.
fn close_to_others(dir: &Path) -> Result<()> {
    let about = std::fs::metadata(dir).map_err(Error::io(dir))?;
    let mode = system::mode(&about);
    if mode & 0o007 == 0 {
        return Ok(());
    }
    system::set_mode(dir, mode & !0o007).map_err(Error::io(dir))
}

fn within(dir: &Path) -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix(".uptick-").tempdir_in(dir);
    made.map_err(Error::io(dir))
}

fn folder(path: &Path) -> &Path {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

/// Makes what lies in a directory durable.
fn sync(half: &Path) -> Result<()> {
    let projects = half.join("projects");
    for dir in [projects.as_path(), half] {
        if dir.is_dir() {
            system::sync_directory(dir).map_err(Error::io(dir))?;
        }
    }
    Ok(())
}

/// Moves what a directory has to the one around it. The server's own file comes last and is what makes
/// it a server's: whoever is killed before leaves none.
fn spread(half: TempDir, to: &Path) -> Result<()> {
    sync(half.path())?;
    let own = Server::file(half.path());
    let all = std::fs::read_dir(half.path()).map_err(Error::io(half.path()))?;
    let mut entries: Vec<PathBuf> = all
        .map(|e| e.map(|e| e.path()))
        .collect::<std::io::Result<_>>()
        .map_err(Error::io(half.path()))?;
    entries.sort_by_key(|e| *e == own);
    for entry in entries {
        if entry == own {
            system::sync_directory(to).map_err(Error::io(to))?;
        }
        let place = to.join(entry.file_name().unwrap_or_default());
        std::fs::rename(&entry, &place).map_err(Error::io(&place))?;
    }
    half.close().map_err(Error::io(to))?;
    system::sync_directory(to).map_err(Error::io(to))
}

/// Gives a directory its name once all in it is durable.
fn settle(half: TempDir, to: &Path) -> Result<()> {
    sync(half.path())?;
    std::fs::rename(half.path(), to).map_err(Error::io(to))?;
    // It is there under its name now, and nothing is to be removed.
    let _ = half.keep();
    system::sync_directory(folder(to)).map_err(Error::io(to))
}
