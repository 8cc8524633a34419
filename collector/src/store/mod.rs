//! Where reports are kept, and what is derived from them. The only SQL of the project.
//!
//! A report is one immutable, compressed, checksummed document, written in one
//! transaction and acknowledged only after it is durable (`synchronous=FULL`: with
//! `NORMAL` 380 of 400 simulated power cuts lost acknowledged writes, with `FULL` none).
//! The same report twice is stored once. Series and points are derived in a second
//! transaction, from where it was left; [`Store::rebuild`] derives them anew.

mod decisions;
mod derive;
mod events;
mod line;
mod pages;
mod tokens;
mod transfer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::{Error, Result};
use crate::model::{Counter, Metric, NoiseClass, Report, Sha, digest};

pub use decisions::Decided;
pub use events::{Decision, Event, EventCounts, Told, Triage};
pub use pages::{
    Generation, MeasuredCommit, ReportRow, SeriesFilter, SeriesOrder, SeriesState, TestbedRow,
    Unsearched, Value,
};
pub use tokens::{Scope, Token};
pub use transfer::{Imported, MAX_LINE};

/// One number on the schema; each migration raises it by one.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema.sql"),
    include_str!("dashboard.sql"),
    include_str!("groups.sql"),
];
/// How long one process waits for another one's write.
const BUSY: Duration = Duration::from_secs(30);
/// Level 1 packs a report of 20,000 measurements to a fifteenth in about 10 ms.
const ZSTD_LEVEL: i32 = 1;
/// No document is larger than this once unpacked; a damaged length field must not take all memory.
const MAX_DOCUMENT: usize = 256 << 20;

/// An open store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The commit's place on the main line.
    pub position: u64,
    /// The commit.
    pub sha: Sha,
    /// The measured value.
    pub value: f64,
    /// The least sample.
    pub low: f64,
    /// The greatest sample.
    pub high: f64,
}

/// What names a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct SeriesKey {
    /// The benchmark.
    pub benchmark: String,
    /// What is counted.
    pub metric: Metric,
    /// How it is counted.
    pub counter: Counter,
    /// The testbed's fingerprint for that counter.
    pub fingerprint: String,
}

impl SeriesKey {
    /// Sixteen hexadecimal digits that stand for it in addresses.
    #[must_use]
    pub fn id(&self) -> String {
        let (metric, counter) = (self.metric.name(), self.counter.name());
        let name = format!(
            "{}\0{metric}\0{counter}\0{}",
            self.benchmark, self.fingerprint
        );
        let mut id = digest(name.as_bytes());
        id.truncate(16);
        id
    }
}

/// A series as an index shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// Its number in the store.
    pub id: i64,
    /// Its name.
    pub key: SeriesKey,
    /// Its noise class at the newest position.
    pub class: NoiseClass,
    /// How many points it has.
    pub points: u64,
    /// The newest position.
    pub latest_position: u64,
    /// The value there.
    pub latest_value: f64,
}

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// Reports read and checked.
    pub reports: u64,
    /// Profiles read and checked.
    pub blobs: u64,
    /// What is wrong, in words; empty when all is well.
    pub problems: Vec<String>,
}

impl Store {
    /// Opens the store at `path`, making and migrating it as needed.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be opened, is no store, or is newer than this program.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir)
                .map_err(|e| Error::Store(format!("{}: {e}", dir.display())))?;
        }
        let db = Connection::open(path).map_err(|e| explain(path, &e))?;
        let mut store = Self {
            db,
            path: path.to_path_buf(),
        };
        store.configure()?;
        if store.migrate()? {
            // Only the dashboard's tables wait for it; what is damaged is told by who reads it.
            let _ = store.derive();
        }
        Ok(store)
    }

    /// Opens a store that must exist, for reading only.
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
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(|e| explain(path, &e))?;
        let store = Self {
            db,
            path: path.to_path_buf(),
        };
        store.db.busy_timeout(BUSY).map_err(|e| store.error(&e))?;
        store.check_version()?;
        Ok(store)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, e: &rusqlite::Error) -> Error {
        explain(&self.path, e)
    }

    fn configure(&self) -> Result<()> {
        let set = || -> rusqlite::Result<()> {
            self.db.busy_timeout(BUSY)?;
            self.db.pragma_update(None, "journal_mode", "WAL")?;
            self.db.pragma_update(None, "synchronous", "FULL")?;
            self.db.pragma_update(None, "foreign_keys", true)
        };
        set().map_err(|e| self.error(&e))
    }

    fn version(&self) -> Result<usize> {
        self.db
            .pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0))
            .map(|v| usize::try_from(v).unwrap_or(0))
            .map_err(|e| self.error(&e))
    }

    fn check_version(&self) -> Result<usize> {
        let version = self.version()?;
        if version > MIGRATIONS.len() {
            return Err(Error::Store(format!(
                "{}: this store has schema {version}, and this uptick knows up to {}: it was written \
                 by a newer uptick; update this one (nothing was changed)",
                self.path.display(),
                MIGRATIONS.len()
            )));
        }
        Ok(version)
    }

    /// Brings the schema up to date; gives whether there was anything to do.
    fn migrate(&mut self) -> Result<bool> {
        if self.check_version()? == MIGRATIONS.len() {
            return Ok(false);
        }
        let path = self.path.clone();
        let mut apply = || -> rusqlite::Result<()> {
            // Immediate: of two processes that make a store at once, one waits and finds it made.
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let now: i64 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
            for (i, sql) in MIGRATIONS
                .iter()
                .enumerate()
                .skip(usize::try_from(now).unwrap_or(0))
            {
                tx.execute_batch(sql)?;
                tx.pragma_update(None, "user_version", (i + 1) as i64)?;
            }
            tx.commit()
        };
        apply().map_err(|e| explain(&path, &e))?;
        Ok(true)
    }

    /// Runs a query; SQLite's error in words.
    fn ask<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        query(&self.db).map_err(|e| self.error(&e))
    }

    /// Runs a change in one transaction.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let path = self.path.clone();
        let apply = || -> rusqlite::Result<T> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let out = change(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        apply().map_err(|e| explain(&path, &e))
    }

    /// Stores a report with its profiles, durably, and derives series and points from it.
    /// Gives its hash. A report that is there already changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`]; then nothing of it was stored.
    pub fn put(&mut self, report: &Report, profiles: &[(String, Vec<u8>)]) -> Result<String> {
        let hash = self.put_durably(report, profiles)?;
        self.derive()?;
        Ok(hash)
    }

    /// [`Store::put`] without deriving: the acknowledged, durable part.
    ///
    /// # Errors
    /// [`Error::Store`]; then nothing of it was stored.
    pub fn put_durably(
        &mut self,
        report: &Report,
        profiles: &[(String, Vec<u8>)],
    ) -> Result<String> {
        let json = serde_json::to_vec(report)
            .map_err(|e| Error::Store(format!("the report cannot be written as JSON: {e}")))?;
        let hash = digest(&json);
        let document = pack(&json)?;
        let packed: Vec<(&str, Vec<u8>)> = profiles
            .iter()
            .map(|(h, bytes)| Ok((h.as_str(), pack(bytes)?)))
            .collect::<Result<_>>()?;
        let path = self.path.clone();
        let mut insert = || -> rusqlite::Result<()> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut blob = tx.prepare_cached("INSERT OR IGNORE INTO blob VALUES (?1, ?2)")?;
            for (hash, bytes) in &packed {
                blob.execute(params![hash, bytes])?;
            }
            drop(blob);
            let failed = report.failures.iter().any(|f| f.benchmark.is_none());
            let added = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO report (hash, sha, position, build_key, suite_key, \
                     testbed_key, started, failed, document) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)",
                )?
                .execute(params![
                    hash,
                    report.commit.sha.0,
                    report.commit.position as i64,
                    report.build_key,
                    report.suite_key,
                    report.testbed_key,
                    report.started,
                    failed,
                    document,
                ])?;
            tx.execute(
                "UPDATE state SET value = value + ?1 WHERE name = 'reports'",
                [added as i64],
            )?;
            tx.commit()
        };
        insert().map_err(|e| explain(&path, &e))?;
        Ok(hash)
    }

    fn report_where(&self, condition: &str, args: &[&str]) -> Result<Option<Report>> {
        let sql = format!(
            "SELECT hash, document FROM report WHERE {condition} ORDER BY failed, id DESC LIMIT 1"
        );
        let row = self
            .db
            .prepare_cached(&sql)
            .and_then(|mut s| {
                s.query_row(rusqlite::params_from_iter(args), |r| {
                    Ok((r.get::<_, String>(0)?, r.get::<_, Vec<u8>>(1)?))
                })
                .optional()
            })
            .map_err(|e| self.error(&e))?;
        row.map(|(hash, document)| self.unpack_report(&hash, &document))
            .transpose()
    }

    /// Every report of a commit for what is asked and where, in the order of arrival.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn reports_of(&self, sha: &Sha, suite: &str, testbed: &str) -> Result<Vec<Report>> {
        let query = || -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
            let mut s = self.db.prepare_cached(
                "SELECT hash, document FROM report \
                 WHERE sha = ?1 AND suite_key = ?2 AND testbed_key = ?3 ORDER BY id",
            )?;
            s.query_map(params![sha.0, suite, testbed], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?
            .collect()
        };
        let rows = query().map_err(|e| self.error(&e))?;
        rows.iter()
            .map(|(hash, document)| self.unpack_report(hash, document))
            .collect()
    }

    /// The commits that have any report.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn measured(&self) -> Result<std::collections::HashSet<Sha>> {
        let query = || -> rusqlite::Result<std::collections::HashSet<Sha>> {
            let mut s = self.db.prepare_cached("SELECT DISTINCT sha FROM report")?;
            s.query_map([], |r| r.get(0).map(Sha))?.collect()
        };
        query().map_err(|e| self.error(&e))
    }

    fn unpack_report(&self, hash: &str, document: &[u8]) -> Result<Report> {
        let json = unpack(document).map_err(|e| self.damaged(&format!("report {hash}: {e}")))?;
        if digest(&json) != hash {
            return Err(self.damaged(&format!(
                "report {hash}: its content does not have that hash"
            )));
        }
        serde_json::from_slice(&json).map_err(|e| self.damaged(&format!("report {hash}: {e}")))
    }

    fn damaged(&self, what: &str) -> Error {
        Error::Store(format!(
            "{}: damaged: {what}; `uptick verify` lists everything that is, and a store that was \
             exported can be imported again",
            self.path.display()
        ))
    }

    /// The newest report of a commit for what is asked and where; one with numbers if there is one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn report_of(&self, sha: &Sha, suite: &str, testbed: &str) -> Result<Option<Report>> {
        self.report_where(
            "sha = ?1 AND suite_key = ?2 AND testbed_key = ?3",
            &[&sha.0, suite, testbed],
        )
    }

    /// A report with numbers of any commit with that build key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn report_of_build(&self, key: &str, suite: &str, testbed: &str) -> Result<Option<Report>> {
        self.report_where(
            "build_key = ?1 AND suite_key = ?2 AND testbed_key = ?3 AND failed = 0",
            &[key, suite, testbed],
        )
    }

    /// The newest report of a commit, wherever it was measured.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn any_report_of(&self, sha: &Sha) -> Result<Option<Report>> {
        self.report_where("sha = ?1", &[&sha.0])
    }

    /// The points of a series up to a position, in order of position; several reports of one
    /// commit give several points.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn points(&self, key: &SeriesKey, up_to: u64) -> Result<Vec<Point>> {
        let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
        let query = || -> rusqlite::Result<Vec<Point>> {
            let mut s = self.db.prepare_cached(
                "SELECT p.position, r.sha, p.value, p.low, p.high \
                 FROM series s JOIN point p ON p.series = s.id JOIN report r ON r.id = p.report \
                 WHERE s.benchmark = ?1 AND s.metric = ?2 AND s.counter = ?3 AND s.fingerprint = ?4 \
                 AND p.position <= ?5 ORDER BY p.position, p.report",
            )?;
            let name = params![
                key.benchmark,
                key.metric.name(),
                key.counter.name(),
                key.fingerprint,
                up_to
            ];
            s.query_map(name, |r| {
                Ok(Point {
                    position: r.get::<_, i64>(0)?.cast_unsigned(),
                    sha: Sha(r.get(1)?),
                    value: r.get(2)?,
                    low: r.get(3)?,
                    high: r.get(4)?,
                })
            })?
            .collect()
        };
        query().map_err(|e| self.error(&e))
    }

    /// Every series, by benchmark and metric.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn series(&self) -> Result<Vec<SeriesRow>> {
        let query = || -> rusqlite::Result<Vec<SeriesRow>> {
            let mut s = self.db.prepare_cached(
                "SELECT id, benchmark, metric, counter, fingerprint, class, points, \
                 latest_position, latest_value FROM series \
                 ORDER BY benchmark, metric, counter, fingerprint",
            )?;
            let rows = s.query_map([], |r| {
                let (metric, counter, class): (String, String, String) =
                    (r.get(2)?, r.get(3)?, r.get(5)?);
                Ok(SeriesRow {
                    id: r.get(0)?,
                    key: SeriesKey {
                        benchmark: r.get(1)?,
                        metric: Metric::from_name(&metric).unwrap_or(Metric::Instructions),
                        counter: Counter::from_name(&counter).unwrap_or(Counter::Clock),
                        fingerprint: r.get(4)?,
                    },
                    class: crate::model::class_from_name(&class),
                    points: r.get::<_, i64>(6)?.cast_unsigned(),
                    latest_position: r.get::<_, i64>(7)?.cast_unsigned(),
                    latest_value: r.get(8)?,
                })
            })?;
            rows.collect()
        };
        query().map_err(|e| self.error(&e))
    }

    /// The noise class of each benchmark's instruction count on a testbed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn classes(
        &self,
        counter: Counter,
        fingerprint: &str,
    ) -> Result<HashMap<String, NoiseClass>> {
        let query = || -> rusqlite::Result<HashMap<String, NoiseClass>> {
            let mut s = self.db.prepare_cached(
                "SELECT benchmark, class FROM series \
                 WHERE metric = ?1 AND counter = ?2 AND fingerprint = ?3",
            )?;
            let name = params![Metric::Instructions.name(), counter.name(), fingerprint];
            s.query_map(name, |r| {
                let class: String = r.get(1)?;
                Ok((r.get(0)?, crate::model::class_from_name(&class)))
            })?
            .collect()
        };
        query().map_err(|e| self.error(&e))
    }

    /// A profile by its hash, checked.
    ///
    /// # Errors
    /// [`Error::Store`] when it is damaged.
    pub fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>> {
        let row: Option<Vec<u8>> = self
            .db
            .query_row("SELECT bytes FROM blob WHERE hash = ?1", [hash], |r| {
                r.get(0)
            })
            .optional()
            .map_err(|e| self.error(&e))?;
        let Some(packed) = row else { return Ok(None) };
        let bytes = unpack(&packed).map_err(|e| self.damaged(&format!("profile {hash}: {e}")))?;
        if digest(&bytes) != hash {
            return Err(self.damaged(&format!(
                "profile {hash}: its content does not have that hash"
            )));
        }
        Ok(Some(bytes))
    }

    /// Keeps a profile of call stacks.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn put_stacks(
        &mut self,
        sha: &Sha,
        benchmark: &str,
        suite: &str,
        bytes: &[u8],
    ) -> Result<()> {
        let hash = digest(bytes);
        let packed = pack(bytes)?;
        let path = self.path.clone();
        let mut insert = || -> rusqlite::Result<()> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            tx.execute(
                "INSERT OR IGNORE INTO blob VALUES (?1, ?2)",
                params![hash, packed],
            )?;
            tx.execute(
                "INSERT OR REPLACE INTO stacks VALUES (?1, ?2, ?3, ?4)",
                params![sha.0, benchmark, suite, hash],
            )?;
            tx.commit()
        };
        insert().map_err(|e| explain(&path, &e))
    }

    /// A profile of call stacks that was kept.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn stacks(&self, sha: &Sha, benchmark: &str, suite: &str) -> Result<Option<Vec<u8>>> {
        let hash: Option<String> = self
            .db
            .query_row(
                "SELECT blob FROM stacks WHERE sha = ?1 AND benchmark = ?2 AND suite_key = ?3",
                params![sha.0, benchmark, suite],
                |r| r.get(0),
            )
            .optional()
            .map_err(|e| self.error(&e))?;
        hash.map_or(Ok(None), |h| self.blob(&h))
    }

    /// How many reports and points there are, from counters.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn counts(&self) -> Result<(u64, u64)> {
        let get = |name: &str| -> Result<u64> {
            self.db
                .query_row("SELECT value FROM state WHERE name = ?1", [name], |r| {
                    r.get::<_, i64>(0)
                })
                .map(i64::cast_unsigned)
                .map_err(|e| self.error(&e))
        };
        Ok((get("reports")?, get("points")?))
    }

    /// Reads everything and checks every hash.
    ///
    /// # Errors
    /// [`Error::Store`] only when the store cannot be read at all.
    pub fn verify(&self) -> Result<Verification> {
        let mut v = Verification::default();
        let integrity: Vec<String> = self
            .db
            .prepare("PRAGMA integrity_check")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .map_err(|e| self.error(&e))?;
        v.problems
            .extend(integrity.into_iter().filter(|l| l != "ok"));
        self.each_report(&mut |hash, report| {
            v.reports += 1;
            if let Err(e) = report {
                v.problems.push(format!("report {hash}: {e}"));
            }
            Ok(())
        })?;
        let hashes: Vec<String> = self
            .db
            .prepare("SELECT hash FROM blob")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .map_err(|e| self.error(&e))?;
        for hash in hashes {
            v.blobs += 1;
            if let Err(e) = self.blob(&hash) {
                v.problems.push(e.to_string());
            }
        }
        Ok(v)
    }

    /// Visits every report in the order of arrival, one in memory at a time.
    fn each_report(&self, visit: &mut dyn FnMut(&str, Result<Report>) -> Result<()>) -> Result<()> {
        let mut last = 0i64;
        loop {
            let row: Option<(i64, String, Vec<u8>)> = self
                .db
                .prepare_cached(
                    "SELECT id, hash, document FROM report WHERE id > ?1 ORDER BY id LIMIT 1",
                )
                .and_then(|mut s| {
                    s.query_row([last], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                        .optional()
                })
                .map_err(|e| self.error(&e))?;
            let Some((id, hash, document)) = row else {
                return Ok(());
            };
            last = id;
            visit(&hash, self.unpack_report(&hash, &document))?;
        }
    }
}

fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(|e| Error::Store(format!("zstd: {e}")))
}

fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut out = Vec::new();
    let limit = MAX_DOCUMENT as u64 + 1;
    zstd::stream::read::Decoder::new(packed)?
        .take(limit)
        .read_to_end(&mut out)?;
    if out.len() > MAX_DOCUMENT {
        return Err(std::io::Error::other("larger than any document may be"));
    }
    Ok(out)
}

/// What a user can do about an error of SQLite.
fn explain(path: &Path, e: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let advice = match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "this file is no uptick store; name another with --store, or move it away"
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            "the store is damaged; `uptick export` saves what can be read, `uptick import` fills a \
             new one"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the store cannot be written; nothing was stored"
        }
        Some(ErrorCode::DiskFull) => "the disk is full; nothing was stored",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has been writing for 30 s; nothing was stored"
        }
        Some(ErrorCode::CannotOpen) => "the store cannot be opened",
        _ => return Error::Store(format!("{}: {e}", path.display())),
    };
    Error::Store(format!("{}: {advice} ({e})", path.display()))
}
