//! Opening a store: what the file is, is read before anything of it is changed.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::{Error, Result};
use crate::store::{Appending, Store, explain, locks, may_write_beside, migrate};
use crate::system;

/// How long one process waits for another one's write.
const BUSY: Duration = Duration::from_secs(30);
/// What the file's header says of whose it is: `upti`.
const APPLICATION: i64 = 1_970_304_617;
/// The first schema with that mark.
const MARKED: i64 = 4;
/// What every schema before that mark had: tables of that name alone may be anybody's.
const UNMARKED: [(&str, &[&str]); 4] = [
    (
        "report",
        &[
            "id",
            "hash",
            "sha",
            "position",
            "build_key",
            "suite_key",
            "testbed_key",
            "started",
            "failed",
            "document",
        ],
    ),
    ("blob", &["hash", "bytes"]),
    (
        "point",
        &["series", "position", "report", "value", "low", "high"],
    ),
    ("state", &["name", "value"]),
];
/// The newest schema.
const NEWEST: i64 = migrate::STEPS.len() as i64;

/// Plans a query without a look at what is bound to it: one that looked is made anew whenever
/// something else is bound, and with the partial indexes here that is each time it is asked.
fn plan_once(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

/// Does what SQLite refuses at once, without waiting, while another process does the same: of two
/// that make a store in the same moment, both change its mode.
fn in_turn(mut change: impl FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        match change() {
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && began.elapsed() < BUSY =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

fn make_folder(path: &Path) -> Result<()> {
    let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) else {
        return Ok(());
    };
    std::fs::create_dir_all(dir).map_err(|e| Error::Store(format!("{}: {e}", dir.display())))
}

/// The process that holds a file's lock, as Linux lists them: `1: FLOCK ADVISORY WRITE 42 fe:01:7 …`.
fn holder(file: &File) -> Option<u32> {
    let inode = format!(":{}", system::identity(&file.metadata().ok()?).number);
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let line = locks.lines().find(|l| {
        let mut words = l.split_whitespace();
        words.nth(1) == Some("FLOCK") && words.nth(3).is_some_and(|w| w.ends_with(&inode))
    })?;
    line.split_whitespace().nth(4)?.parse().ok()
}

/// Whether a store lies where this process writes nothing, and nobody has it open: SQLite would
/// make a file beside it even to read.
fn nobody_writes(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    !may_write_beside(path) && !Path::new(&log).exists()
}

/// The address by which SQLite reads a file that does not change.
fn immutable(path: &Path) -> OsString {
    let mut address = b"file:".to_vec();
    // Two slashes at the front would begin a host's name.
    if path.is_absolute() {
        address.extend(b"//");
    }
    for &byte in system::bytes_of(path.as_os_str()) {
        match byte {
            b'%' | b'?' | b'#' => address.extend(format!("%{byte:02X}").bytes()),
            _ => address.push(byte),
        }
    }
    address.extend(b"?immutable=1");
    system::name_of(address)
}

impl Store {
    /// Opens the store at `path`, making and migrating it as needed.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be opened, is no store, or is newer than this program;
    /// then nothing of the file was changed.
    pub fn open(path: &Path) -> Result<Self> {
        make_folder(path)?;
        let has_content = std::fs::metadata(path).is_ok_and(|m| m.len() > 0);
        if has_content {
            Self::open_read_only(path)?.schema()?;
        }
        let db = Connection::open(path).map_err(|e| explain(path, &e))?;
        let mut store = Self {
            db,
            path: path.to_path_buf(),
            objects: None,
            appending: Appending::default(),
            link: None,
            joins: false,
        };
        store.configure()?;
        let migrated = store.migrate()?;
        store.watch_if_replica()?;
        if migrated {
            store.catch_up()?;
        }
        Ok(store)
    }

    /// Opens a store that must exist, for reading only. One of an older schema is brought up to
    /// date first.
    ///
    /// # Errors
    /// [`Error::Store`] as for [`Store::open`], and when there is none.
    pub fn open_existing(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::Store(format!(
                "{}: no store here yet; `uptick run` measures a commit and makes one",
                path.display()
            )));
        }
        let store = Self::open_read_only(path)?;
        if store.schema()? == NEWEST {
            return Ok(store);
        }
        drop(store);
        drop(Self::open(path)?);
        Self::open_read_only(path)
    }

    /// Holds the store for one server: whoever holds it already is named. Nothing is written for
    /// it; commands that run once go beside a server as before.
    ///
    /// # Errors
    /// [`Error::Store`] where another server holds it, it cannot be opened, or no lock there holds.
    pub fn reserve(path: &Path) -> Result<File> {
        make_folder(path)?;
        let failed = |e: std::io::Error| Error::Store(format!("{}: {e}", path.display()));
        let place = system::lock_place(path);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&place)
            .map_err(failed)?;
        // This lock and those of SQLite do not see each other; the file must stay open, because
        // closing any handle of a file gives up SQLite's locks of this process.
        if locks::take(&file, &place)? {
            return Ok(file);
        }
        let who = holder(&file).map_or_else(String::new, |pid| format!(" (process {pid})"));
        Err(Error::Store(format!(
            "{}: another `uptick serve`{who} serves this store; end it first, or add --read-only",
            path.display()
        )))
    }

    /// A store that is nobody's: it lies in memory, and in a nameless file where that is not
    /// enough, and is gone when it is dropped.
    pub(in crate::store) fn scratch() -> Result<Self> {
        let path = Path::new("");
        let db = Connection::open(path).map_err(|e| explain(path, &e))?;
        let mut store = Self {
            db,
            path: path.to_path_buf(),
            objects: None,
            appending: Appending::default(),
            link: None,
            joins: false,
        };
        store.migrate()?;
        Ok(store)
    }

    /// Has this store wait for whoever else writes to its file for so long and no longer.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn wait_at_most(&self, longest: Duration) -> Result<()> {
        self.ask(|db| db.busy_timeout(longest))
    }

    pub(in crate::store) fn open_read_only(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = if nobody_writes(path) {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable(path), flags)
        } else {
            Connection::open_with_flags(path, flags)
        };
        let db = db.map_err(|e| explain(path, &e))?;
        let store = Self {
            db,
            path: path.to_path_buf(),
            objects: None,
            appending: Appending::default(),
            link: None,
            joins: false,
        };
        store
            .ask(|db| {
                db.busy_timeout(BUSY)?;
                plan_once(db)
            })
            .map(|_| store)
    }

    pub(in crate::store) fn configure(&self) -> Result<()> {
        self.ask(|db| {
            db.busy_timeout(BUSY)?;
            // One that has content keeps what it has: to say it again is a write.
            let pages: i64 = db.pragma_query_value(None, "page_count", |r| r.get(0))?;
            if pages == 0 {
                db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            }
            plan_once(db)?;
            in_turn(|| db.pragma_update(None, "journal_mode", "WAL"))?;
            db.pragma_update(None, "synchronous", "FULL")?;
            db.pragma_update(None, "foreign_keys", true)
        })
    }

    /// The schema's number; 0 for an empty database.
    pub(in crate::store) fn schema(&self) -> Result<i64> {
        let (version, application) = self.ask(|db| {
            let get = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
            Ok((get("user_version")?, get("application_id")?))
        })?;
        let here = self.path.display();
        if version > NEWEST && application == APPLICATION {
            return Err(Error::Store(format!(
                "{here}: this store has schema {version}, and this uptick knows up to {NEWEST}: it \
                 was written by a newer uptick; update this one (nothing was changed)"
            )));
        }
        let ours = match version {
            0 => application == 0 && self.is_empty()?,
            1.. if version < MARKED => application == 0 && self.has_our_tables()?,
            1.. if version <= NEWEST => application == APPLICATION,
            _ => false,
        };
        if ours {
            return Ok(version);
        }
        Err(Error::Store(format!(
            "{here}: this is another program's database; name another file with --store \
             (nothing was changed)"
        )))
    }

    fn is_empty(&self) -> Result<bool> {
        self.ask(|db| {
            db.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)", [], |r| {
                r.get(0)
            })
        })
    }

    /// Whether a file without our mark has the tables of a store that had none yet.
    fn has_our_tables(&self) -> Result<bool> {
        self.ask(|db| {
            let mut columns = db.prepare("SELECT name FROM pragma_table_info(?1)")?;
            for (table, ours) in UNMARKED {
                let found = columns.query_map([table], |r| r.get(0))?;
                let found = found.collect::<rusqlite::Result<Vec<String>>>()?;
                if !ours.iter().all(|c| found.iter().any(|f| f == c)) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Brings the schema up to date; gives whether there was anything to do.
    pub(in crate::store) fn migrate(&mut self) -> Result<bool> {
        if self.schema()? == NEWEST {
            return Ok(false);
        }
        let path = self.path.clone();
        let mut apply = || -> rusqlite::Result<()> {
            // Immediate: of two processes that make a store at once, one waits and finds it made.
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let now: i64 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
            migrate::run(&tx, usize::try_from(now).unwrap_or(0))?;
            tx.commit()
        };
        apply().map_err(|e| explain(&path, &e))?;
        Ok(true)
    }
}
