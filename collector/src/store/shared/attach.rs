//! Making a store a replica: filled from the shared log where it is empty, moved there where that
//! is; and making it one by itself again.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::{Error, Result};
use crate::store::link::{BlobRow, Link, LogRow, Reach, Row, Server, Shared, Shipment, Version};
use crate::store::log::append::head;
use crate::store::log::late;
use crate::store::shared::capture::{self, STATE, Table};
use crate::store::shared::follow;
use crate::store::{Store, explain, objects};

/// Bytes that are moved in one transaction, one entry at least.
const BYTES: usize = 1 << 20;
/// Rows that are moved in one transaction.
const ROWS: i64 = 2_000;

/// What the first replicas do not say: of which server they are, and which tables they were filled
/// with.
const SERVER: &str = "server";
const TABLES: &str = "tables";

/// What a replica says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Which database it belongs to.
    pub database: String,
    /// Where that is, without a password.
    pub address: String,
    /// What it is called there.
    pub file: String,
    /// The server that had what it has.
    pub server: Server,
    /// The move that is under way; empty: none.
    moving: String,
    /// Whether it had everything once.
    complete: bool,
}

impl Marker {
    /// Whether it can be served before it was asked what came since: it had everything once.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.complete && self.moving.is_empty()
    }

    /// Refuses to make a store by itself of a replica that never had everything.
    pub(in crate::store) fn refuse_unfilled(&self, path: &Path) -> Result<()> {
        if self.complete || !self.moving.is_empty() {
            return Ok(());
        }
        Err(Error::Store(format!(
            "{}: this replica never had everything that its database has: serve it with --log until it \
             is filled, then detach or copy it (nothing was changed)",
            path.display()
        )))
    }
}

pub(super) fn marker(db: &Connection) -> rusqlite::Result<Option<Marker>> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'replica')";
    if !db.query_row(sql, [], |r| r.get::<_, bool>(0))? {
        return Ok(None);
    }
    let server = match says(db, SERVER)? {
        true => "server",
        false => "''",
    };
    let sql = format!("SELECT database, address, file, moving, complete, {server} FROM replica");
    db.query_row(&sql, [], |r| {
        Ok(Marker {
            database: r.get(0)?,
            address: r.get(1)?,
            file: r.get(2)?,
            moving: r.get(3)?,
            complete: r.get(4)?,
            server: Server::read(&r.get::<_, String>(5)?),
        })
    })
    .optional()
}

/// Whether a replica has a column.
fn says(db: &Connection, column: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('replica') WHERE name = ?1)";
    db.query_row(sql, [column], |r| r.get(0))
}

impl Store {
    /// What this store says of itself where it is a replica.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn marker(&self) -> Result<Option<Marker>> {
        self.ask(marker)
    }

    /// Notes from now on what is written, where the store is a replica.
    pub(in crate::store) fn watch_if_replica(&mut self) -> Result<()> {
        if self.marker()?.is_some() {
            self.watch()?;
        }
        Ok(())
    }

    fn watch(&mut self) -> Result<()> {
        self.ask(|db| {
            // A row may come before the one that it names.
            db.pragma_update(None, "foreign_keys", false)?;
            db.execute_batch(objects::GONE)?;
            capture::install(db)
        })?;
        self.link.get_or_insert_default();
        Ok(())
    }

    /// Makes this store a replica of `file` of a shared log: an empty one is to be filled by
    /// [`Store::follow`], one with content is moved there where nothing is yet. A move that was
    /// interrupted goes on.
    ///
    /// # Errors
    /// [`Error::Store`] where it belongs to another log, both have content, or it is unreachable.
    pub fn share(&mut self, mut shared: Box<dyn Shared>, file: &str) -> Result<()> {
        self.joins = true;
        let known = self.marked(shared.as_ref(), file)?;
        if !known.moving.is_empty() {
            self.move_there(shared.as_mut(), &known.moving)?;
        }
        self.watch()?;
        self.link = Some(Link {
            shared: Some(shared),
            ..Link::default()
        });
        Ok(())
    }

    /// Begins to move this store, and nothing more: until [`Store::share`] has moved it nobody else
    /// writes there. Nothing where there is nothing to move.
    ///
    /// # Errors
    /// As [`Store::share`].
    pub fn announce(&mut self, mut shared: Box<dyn Shared>, file: &str) -> Result<()> {
        self.joins = true;
        let known = self.marked(shared.as_ref(), file)?;
        if !known.moving.is_empty() {
            self.begin_move(shared.as_mut(), &known.moving)?;
        }
        Ok(())
    }

    /// The mark of a replica of that file, which is made where there is none.
    fn marked(&mut self, shared: &dyn Shared, file: &str) -> Result<Marker> {
        let known = match self.marker()? {
            Some(known) => known,
            None => self.mark(shared, file)?,
        };
        self.is_of(&known, shared, file)?;
        for column in [SERVER, TABLES] {
            if !self.ask(|db| says(db, column))? {
                // Another process that opens it may be faster.
                let sql =
                    format!("ALTER TABLE replica ADD COLUMN {column} TEXT NOT NULL DEFAULT ''");
                let added = self.ask(|db| db.execute_batch(&sql));
                if !self.ask(|db| says(db, column))? {
                    added?;
                }
            }
        }
        let (address, server) = (shared.address(), shared.server());
        if known.address != address || known.server != server {
            let given = params![address, server.to_string()];
            self.ask(|db| db.execute("UPDATE replica SET address = ?1, server = ?2", given))?;
        }
        Ok(known)
    }

    fn is_of(&self, known: &Marker, shared: &dyn Shared, file: &str) -> Result<()> {
        let (here, database) = (self.path.display(), shared.database());
        if known.database != database {
            return Err(Error::Store(format!(
                "{here}: this is a replica of the database {}, and the log that was named is in {}: \
                 serve with the one that it belongs to, or move the directory away and let it be \
                 filled anew (nothing was changed)",
                known.database, database
            )));
        }
        if let Some(why) = shared.server().refused_after(&known.server) {
            return Err(Error::Store(format!(
                "{here}: the log at {}: {why} (nothing was changed)",
                shared.address()
            )));
        }
        if known.file != file {
            return Err(Error::Store(format!(
                "{here}: this is the replica of `{}`, and lies where that of `{file}` belongs \
                 (nothing was changed)",
                known.file
            )));
        }
        Ok(())
    }

    /// Makes it a replica that has nothing of the shared log yet.
    fn mark(&mut self, shared: &dyn Shared, file: &str) -> Result<Marker> {
        let moving = match self.has_nothing()? {
            true => String::new(),
            false => shared.unique()?,
        };
        let (database, address) = (shared.database().to_owned(), shared.address().to_owned());
        self.change(|tx| {
            tx.execute_batch(late::TABLE)?;
            tx.execute_batch(
                "CREATE TABLE replica (database TEXT NOT NULL, address TEXT NOT NULL, \
                 file TEXT NOT NULL, version INTEGER NOT NULL, mark TEXT NOT NULL, \
                 moving TEXT NOT NULL, complete INTEGER NOT NULL, server TEXT NOT NULL DEFAULT ''); \
                 CREATE TABLE IF NOT EXISTS looked (series TEXT PRIMARY KEY) WITHOUT ROWID; \
                 INSERT OR IGNORE INTO looked SELECT key FROM series WHERE searched <> 0;",
            )?;
            tx.execute(
                "INSERT INTO replica VALUES (?1, ?2, ?3, 0, '', ?4, 0, '')",
                params![database, address, file, moving],
            )
        })?;
        self.marker()?
            .ok_or_else(|| self.damaged("it does not say whose replica it is"))
    }

    fn has_nothing(&self) -> Result<bool> {
        self.ask(|db| {
            let is_empty = |name: &str, only: &str| {
                let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {name} {only})");
                db.query_row(&sql, [], |r| r.get::<_, bool>(0))
            };
            let mut nothing = is_empty("log", "")? && is_empty("blob", "")?;
            for table in Table::all(db)?.iter().filter(|t| t.name != "state") {
                nothing &= is_empty(table.name, "")?;
            }
            Ok(nothing)
        })
    }

    fn begin_move(&self, shared: &mut dyn Shared, id: &str) -> Result<Reach> {
        let end = self.ask(follow::version)?;
        shared.begin_move(id, &end)?.ok_or_else(|| self.both())
    }

    /// Moves everything to the shared log, from where an earlier move came to.
    fn move_there(&mut self, shared: &mut dyn Shared, id: &str) -> Result<()> {
        if self.place()?.is_some() {
            shared.keep_outside()?;
        }
        let reach = self.begin_move(shared, id)?;
        if !reach.is_done {
            let mut at = reach.version;
            self.move_entries(shared, reach.seq, &mut at)?;
            self.move_blobs(shared, reach.blob, &mut at)?;
            for table in self.ask(Table::all)? {
                self.move_table(shared, &table, &mut at)?;
            }
            // Whoever dies after the end there knows by it that it was this move's.
            let server = shared.server();
            self.change(|tx| follow::set_version(tx, &at, &server))?;
            shared.end_move()?;
        }
        self.change(|tx| tx.execute("UPDATE replica SET moving = '', complete = 1", []))?;
        Ok(())
    }

    fn both(&self) -> Error {
        Error::Store(format!(
            "{}: both this store and the log that was named have content of their own, and one would \
             hide the other: serve an empty directory from that log, and `uptick export` here and \
             `uptick import` there; or name an empty database (nothing was moved)",
            self.path.display()
        ))
    }

    fn move_entries(&self, shared: &mut dyn Shared, from: i64, at: &mut Version) -> Result<()> {
        let (mut seq, end) = (from, self.ask(head)?);
        while seq < end {
            let entries = self.ask(|db| {
                let mut rows = db.prepare_cached(
                    "SELECT seq, kind, hash, document FROM log WHERE seq > ?1 ORDER BY seq",
                )?;
                let found = rows.query_map([seq], |r| {
                    Ok(LogRow {
                        seq: r.get(0)?,
                        kind: r.get(1)?,
                        hash: r.get(2)?,
                        document: r.get(3)?,
                    })
                })?;
                some(found, |e| e.document.len())
            })?;
            seq = entries.last().map_or(end, |e| e.seq);
            let what = Shipment {
                entries,
                ..Shipment::default()
            };
            self.ship_part(shared, &what, at)?;
        }
        Ok(())
    }

    fn move_blobs(&self, shared: &mut dyn Shared, from: String, at: &mut Version) -> Result<()> {
        let mut last = from;
        loop {
            let blobs = self.ask(|db| {
                let mut rows = db
                    .prepare_cached("SELECT hash, bytes FROM blob WHERE hash > ?1 ORDER BY hash")?;
                let found = rows.query_map([&last], |r| {
                    Ok(BlobRow {
                        hash: r.get(0)?,
                        bytes: r.get(1)?,
                    })
                })?;
                some(found, |b| b.bytes.as_ref().map_or(0, Vec::len))
            })?;
            let Some(end) = blobs.last() else {
                return Ok(());
            };
            last = end.hash.clone();
            let what = Shipment {
                blobs,
                ..Shipment::default()
            };
            self.ship_part(shared, &what, at)?;
        }
    }

    /// A table whole: what an earlier move brought is put there again as it is.
    fn move_table(&self, shared: &mut dyn Shared, table: &Table, at: &mut Version) -> Result<()> {
        let only = match table.name {
            "state" => format!("WHERE name IN {STATE}"),
            _ => String::new(),
        };
        let sql = format!(
            "SELECT {}, {} FROM {} {only} ORDER BY {} LIMIT ?1 OFFSET ?2",
            table.as_key(""),
            table.as_object(),
            table.name,
            table.key.join(", ")
        );
        for page in 0.. {
            let rows: Vec<Row> = self.ask(|db| {
                db.prepare_cached(&sql)?
                    .query_map([ROWS, page * ROWS], |r| {
                        Ok(Row {
                            table: table.name.into(),
                            key: r.get(0)?,
                            value: r.get(1)?,
                        })
                    })?
                    .collect()
            })?;
            if rows.is_empty() {
                break;
            }
            let what = Shipment {
                rows,
                ..Shipment::default()
            };
            self.ship_part(shared, &what, at)?;
        }
        Ok(())
    }

    fn ship_part(&self, shared: &mut dyn Shared, what: &Shipment, at: &mut Version) -> Result<()> {
        *at = shared.ship(at, what)?.ok_or_else(|| self.both())?;
        Ok(())
    }

    /// Makes the replica at `path` a store by itself. Gives whether it was one.
    ///
    /// # Errors
    /// [`Error::Store`] where it never had everything that the shared log has.
    pub fn detach(path: &Path) -> Result<bool> {
        let mut store = Self::open(path)?;
        let Some(known) = store.marker()? else {
            return Ok(false);
        };
        known.refuse_unfilled(path)?;
        // What is kept until it is applied has its place then.
        store.catch_up()?;
        let path = store.path.clone();
        let leave = |tx: &Transaction<'_>| {
            // What lies elsewhere stays the log's, whose other nodes go on.
            objects::copied(tx, false)?;
            tx.execute_batch(
                "DROP TABLE replica; DROP TABLE looked; DROP TABLE late; DROP TABLE object_gone;",
            )
        };
        let begin = |db: &mut Connection| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            leave(&tx)?;
            tx.commit()
        };
        begin(&mut store.db).map_err(|e| explain(&path, &e))?;
        Ok(true)
    }
}

/// As many rows as go in one transaction.
fn some<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
    size: impl Fn(&T) -> usize,
) -> rusqlite::Result<Vec<T>> {
    let mut out = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += size(&row);
        out.push(row);
        if bytes >= BYTES {
            break;
        }
    }
    Ok(out)
}
