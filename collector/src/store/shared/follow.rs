//! A replica applies what others wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, params, params_from_iter};

use crate::error::{Error, Result};
use crate::store::link::{Kin, News, Row, Server, Shared, Shipment, Version};
use crate::store::log::append::head;
use crate::store::log::late;
use crate::store::outbox::pages_differ;
use crate::store::secrets::{SECRET, close_to_others};
use crate::store::shared::capture::{self, Table, value, values};
use crate::store::{Store, explain};

/// The version up to which a replica is the same as the shared log.
pub(super) fn version(db: &Connection) -> rusqlite::Result<Version> {
    db.prepare_cached("SELECT version, mark FROM replica")?
        .query_row([], |r| {
            Ok(Version {
                number: r.get(0)?,
                mark: r.get(1)?,
            })
        })
}

/// Notes the version, and the server that had it.
pub(super) fn set_version(
    tx: &Transaction<'_>,
    version: &Version,
    server: &Server,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE replica SET version = ?1, mark = ?2, server = ?3")?
        .execute(params![version.number, version.mark, server.to_string()])?;
    Ok(())
}

impl Store {
    /// Applies what others wrote to a store that is shared; gives whether there was anything.
    ///
    /// # Errors
    /// [`Error::Store`] when the shared log is unreachable, or older than this replica.
    pub fn follow(&mut self) -> Result<bool> {
        let mut moved = false;
        loop {
            let (at, seq) = match self.link {
                Some(_) => self.ask(|db| Ok((version(db)?, head(db)?)))?,
                None => return Ok(moved),
            };
            let Some(shared) = self.link.as_mut().and_then(|l| l.shared.as_mut()) else {
                return Ok(moved);
            };
            let news = shared.news(&at, seq)?;
            match news.kin {
                Kin::Same if news.head >= at.number => {}
                Kin::Same | Kin::Other => return Err(self.ahead(at.number, news.head)),
                Kin::Unknown => return Err(self.too_old(at.number, news.head)),
            }
            let server = shared.server();
            let done = news.version.number == news.head;
            moved |= self.apply_news(&at, &news, &server)?;
            if done {
                self.fill_new_tables()?;
                return Ok(moved);
            }
        }
    }

    /// Reads rows anew that an older uptick had no table or column for when they came. Where another
    /// connection to this file wrote or followed meanwhile, what was read may be of before that: it is
    /// read again the next time.
    fn fill_new_tables(&mut self) -> Result<()> {
        let Some(link) = self.link.as_mut().filter(|l| !l.has_all) else {
            return Ok(());
        };
        let Some(shared) = link.shared.as_mut() else {
            return Ok(());
        };
        let wrong = |e: rusqlite::Error| explain(&self.path, &e);
        let filled = |db: &Connection| {
            let sql = "SELECT tables FROM replica";
            let had: String = db.query_row(sql, [], |r| r.get(0))?;
            Ok((had, Table::known(db)?, version(db)?))
        };
        let (had, known, at) = filled(&self.db).map_err(wrong)?;
        if had != known {
            let (rows, server) = (shared.rows()?, shared.server());
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(wrong)?;
            if version(&tx).map_err(wrong)? != at {
                return Ok(());
            }
            let news = News {
                what: Shipment {
                    rows,
                    ..Shipment::default()
                },
                head: at.number,
                version: at,
                kin: Kin::Same,
            };
            take(&tx, &self.path, &news, &server)?;
            tx.execute("UPDATE replica SET tables = ?1", [known])
                .map_err(wrong)?;
            tx.commit().map_err(wrong)?;
        }
        link.has_all = true;
        Ok(())
    }

    fn ahead(&self, at: i64, head: i64) -> Error {
        Error::Store(format!(
            "{}: this replica is ahead of its database (it has version {at}, which is not in the \
             history that came to {head} there): the database is an older copy of the one that it \
             belongs to, and what came since would be lost; serve with the right one, or move this directory away and let it be filled anew",
            self.path.display()
        ))
    }

    fn too_old(&self, at: i64, head: i64) -> Error {
        Error::Store(format!(
            "{}: this replica was away for too long (it has version {at} of {head}, and the database \
             does not keep any more who wrote that one): move this directory away and let it be filled \
             anew",
            self.path.display()
        ))
    }

    /// Gives whether it was applied: another connection to this file may have done so.
    fn apply_news(&mut self, at: &Version, news: &News, server: &Server) -> Result<bool> {
        let wrong = |e: rusqlite::Error| explain(&self.path, &e);
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrong)?;
        if version(&tx).map_err(wrong)? != *at {
            return Ok(false);
        }
        take(&tx, &self.path, news, server)?;
        tx.commit().map_err(wrong)?;
        Ok(news.version.number > at.number)
    }
}

/// How long news are applied while nobody may write.
const LEVEL: Duration = Duration::from_secs(2);

/// Applies within a transaction what others wrote, while nobody writes; gives whether that could be.
pub(super) fn level(tx: &Transaction<'_>, shared: &mut dyn Shared, path: &Path) -> Result<bool> {
    let wrong = |e: rusqlite::Error| explain(path, &e);
    let began = Instant::now();
    loop {
        // Others wait: over a slow link the rest is followed first, while they may write.
        if began.elapsed() > LEVEL {
            return Ok(false);
        }
        let at = version(tx).map_err(wrong)?;
        let news = shared.news(&at, head(tx).map_err(wrong)?)?;
        if news.kin != Kin::Same || news.head < at.number {
            return Ok(false);
        }
        take(tx, path, &news, &shared.server())?;
        if news.version.number == news.head {
            return Ok(true);
        }
    }
}

fn take(tx: &Transaction<'_>, path: &Path, news: &News, server: &Server) -> Result<()> {
    let is_secret = |row: &Row| SECRET.contains(&row.table.as_str());
    if news.what.rows.iter().any(is_secret) {
        close_to_others(path)?;
        tx.pragma_update(None, "secure_delete", true)
            .map_err(|e| explain(path, &e))?;
    }
    let take = || -> rusqlite::Result<()> {
        apply(tx, news)?;
        // Pages say which of them are disabled, and each node keeps its own.
        if news.what.rows.iter().any(|row| row.table == "channel") {
            pages_differ(tx)?;
        }
        set_version(tx, &news.version, server)?;
        if news.version.number == news.head {
            tx.prepare_cached("UPDATE replica SET complete = 1 WHERE complete = 0")?
                .execute([])?;
        }
        capture::forget(tx)
    };
    take().map_err(|e| explain(path, &e))
}

fn apply(tx: &Transaction<'_>, news: &News) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached(
        "INSERT INTO log (seq, kind, hash, document) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (seq) DO UPDATE SET kind = ?2, hash = ?3, document = ?4",
    )?;
    for e in &news.what.entries {
        if late::keep(tx, (e.seq, &e.kind), &e.document)? {
            continue;
        }
        put.execute(params![e.seq, e.kind, e.hash, e.document])?;
    }
    let mut put = tx.prepare_cached("INSERT OR REPLACE INTO blob VALUES (?1, ?2)")?;
    let mut gone = tx.prepare_cached("DELETE FROM blob WHERE hash = ?1")?;
    for b in &news.what.blobs {
        match &b.bytes {
            Some(bytes) => put.execute(params![b.hash, bytes])?,
            None => gone.execute([&b.hash])?,
        };
    }
    rows(tx, &news.what.rows)
}

/// What went first: a row that came may have the place of one that went.
fn rows(tx: &Transaction<'_>, all: &[Row]) -> rusqlite::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let tables: BTreeMap<&str, Table> = Table::all(tx)?.into_iter().map(|t| (t.name, t)).collect();
    // A table that this uptick does not know is one of a newer one.
    let known = |r: &Row| tables.get(r.table.as_str());
    for (row, table) in all.iter().filter_map(|r| Some((r, known(r)?))) {
        if row.value.is_none() {
            let sql = format!("DELETE FROM {} WHERE {}", table.name, table.is_key());
            tx.prepare_cached(&sql)?
                .execute(params_from_iter(values(&row.key)))?;
        }
    }
    for (row, table) in all.iter().filter_map(|r| Some((r, known(r)?))) {
        if let Some(json) = &row.value {
            put(tx, table, json)?;
        }
    }
    Ok(())
}

/// Columns that are not known here are left out; those that are not named have their default.
fn put(tx: &Transaction<'_>, table: &Table, json: &str) -> rusqlite::Result<()> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.to_string().into()))?;
    let columns: Vec<&String> = table
        .columns
        .iter()
        .filter(|c| object.contains_key(*c))
        .collect();
    let names: Vec<String> = columns.iter().map(|c| format!("\"{c}\"")).collect();
    let places: Vec<String> = (1..=columns.len()).map(|i| format!("?{i}")).collect();
    let sql = format!(
        "INSERT OR REPLACE INTO {} ({}) VALUES ({})",
        table.name,
        names.join(", "),
        places.join(", ")
    );
    let bound = columns.iter().filter_map(|c| object.get(*c)).map(value);
    tx.prepare_cached(&sql)?.execute(params_from_iter(bound))?;
    Ok(())
}
