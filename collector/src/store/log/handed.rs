//! What somebody hands in: read, bounded and packed before the one writer sees it, then stored in
//! one transaction, whole or not at all.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::{Error, Result};
use crate::model::{Report, SeriesKey, digest};
use crate::store::Store;
use crate::store::log::append::{Sealed, put};
use crate::store::log::arrival;
use crate::store::log::blobs;
use crate::store::log::codec::pack;
use crate::store::log::entry::{Entry, Kind};
use crate::store::log::fields;
use crate::store::log::fresh;
use crate::store::log::transfer::{Imported, Line, SCHEMA, unpack_blob};

/// How long a key is remembered: a client that retries for a week has other troubles.
const REMEMBERED: i64 = 7 * 86_400;

/// Commits beyond the newest one that is known at which a report may be: more than the longest
/// history has. What is at a place that no commit will reach would stay the newest, and everything
/// else be stale.
const LEAP: u64 = 10_000_000;

/// Reports with their profiles, ready to be stored.
pub struct Handed {
    body: String,
    entries: Vec<Sealed>,
    /// Packed profiles by their hash.
    blobs: Vec<(String, Vec<u8>)>,
    /// The short names of the series that the reports are of.
    series: Vec<String>,
    /// The last place that a report is at.
    furthest: u64,
    /// The first report.
    first: Option<Box<Report>>,
    /// Fields of the reports that nobody knows.
    unknown: BTreeSet<String>,
}

impl Handed {
    /// Reads one report document, or lines of an export. Whoever hands in reports decides nothing,
    /// and says nothing about the main line.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the line and the field which is wrong.
    pub fn read(body: &[u8]) -> Result<Self> {
        let mut handed = Self {
            body: digest(body),
            entries: Vec::new(),
            blobs: Vec::new(),
            series: Vec::new(),
            furthest: 0,
            first: None,
            unknown: BTreeSet::new(),
        };
        if is_export(body) {
            for (i, line) in body.split(|b| *b == b'\n').enumerate() {
                if !line.trim_ascii().is_empty() {
                    let at = |e: Error| Error::Usage(format!("line {} of the import: {e}", i + 1));
                    handed.line(line).map_err(at)?;
                }
            }
        } else {
            handed.entry(Kind::Report, body.trim_ascii())?;
        }
        if handed.hashes().next().is_none() {
            return Err(Error::Usage(format!(
                "The body is neither a report ({}) nor lines of {SCHEMA} with one.",
                Report::SCHEMA
            )));
        }
        handed.series.sort_unstable();
        handed.series.dedup();
        Ok(handed)
    }

    /// The hashes under which the reports are stored.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        let reports = self.entries.iter().filter(|e| e.kind == Kind::Report);
        reports.map(|e| e.hash.as_str())
    }

    /// The report, where there is one only.
    ///
    /// # Errors
    /// [`Error::Usage`] where there are several.
    pub fn single_report(&self) -> Result<&Report> {
        match (&self.first, self.hashes().count()) {
            (Some(report), 1) => Ok(report),
            (_, n) => Err(Error::Usage(format!("{n} reports where one is taken"))),
        }
    }

    fn line(&mut self, text: &[u8]) -> Result<()> {
        let line = Line::read(text)?;
        if let Some((kind, bytes)) = line.entry()? {
            return self.entry(kind, bytes);
        }
        match (line.schema, line.blob) {
            (Some(schema), _) if schema == SCHEMA => Ok(()),
            (Some(schema), _) => Err(Error::Usage(format!("unknown schema `{schema}`"))),
            (_, Some(blob)) => {
                let (hash, bytes) = unpack_blob(&blob)?;
                self.blobs.push((hash, pack(&bytes)?));
                Ok(())
            }
            _ => Err(Error::Usage(format!(
                "neither a header, a profile nor a report of {SCHEMA}; decisions are not taken here"
            ))),
        }
    }

    fn entry(&mut self, kind: Kind, bytes: &[u8]) -> Result<()> {
        if !matches!(kind, Kind::Report | Kind::Profile) {
            return Err(Error::Usage(format!(
                "an entry `{}` is not taken here: only reports with their profiles are; `uptick import` \
                 reads a whole export",
                kind.name()
            )));
        }
        if let Entry::Report(r) = fresh::read(kind, bytes).map_err(Error::Usage)? {
            self.series
                .extend(SeriesKey::all_of(&r).map(|key| key.id()));
            self.furthest = self.furthest.max(r.commit.position);
            self.first.get_or_insert(r);
            fields::add_unknown(bytes, &mut self.unknown);
        }
        self.entries.push(Sealed::of_bytes(kind, bytes)?);
        Ok(())
    }

    fn imported(&self, new: u64) -> Imported {
        let hashes: Vec<String> = self.hashes().map(str::to_owned).collect();
        Imported {
            reports: hashes.len() as u64,
            new,
            hashes,
            note: fields::note(&self.unknown),
        }
    }
}

/// Whether a body is lines of an export rather than one report.
fn is_export(body: &[u8]) -> bool {
    let text = body.trim_ascii();
    let begins = |with: &str| text.starts_with(with.as_bytes());
    begins("{\"report\"") || begins("{\"schema\":\"uptick.export/") || {
        let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
        // Any other line of an export, such as a profile, stands before further ones.
        first.len() < text.len()
            && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
            && !begins("{}")
    }
}

impl Store {
    /// What storing it would give, where all of it is stored already: a retry needs no writer.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn holds(&self, handed: &Handed, key: Option<&str>) -> Result<Option<Imported>> {
        self.ask(|db| {
            let known = match key {
                None => true,
                Some(key) => body_of(db, key)?.as_ref() == Some(&handed.body),
            };
            let all = known
                && has_each(db, "log", handed.entries.iter().map(|e| &e.hash))?
                && has_each(db, "profile_here", handed.blobs.iter().map(|b| &b.0))?;
            Ok(all.then(|| handed.imported(0)))
        })
    }

    /// Whether it lies where no commit of this store's main line is for long: then why, and what to
    /// do. An import is not asked: whoever has the store's file may put anything into it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn leaps(&self, handed: &Handed) -> Result<Option<String>> {
        let newest: Option<i64> = self.ask(|db| {
            db.prepare_cached(
                "SELECT max((SELECT coalesce(max(position), -1) FROM main_line), \
                 coalesce((SELECT position FROM measured_commit WHERE main = 1 \
                 ORDER BY position DESC LIMIT 1), -1))",
            )?
            .query_row([], |r| r.get(0))
        })?;
        // An empty store knows no place.
        let newest = newest.and_then(|n| u64::try_from(n).ok());
        Ok(newest.and_then(|newest| leap(handed.furthest, newest)))
    }

    /// How many series it would add.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn new_series(&self, handed: &Handed) -> Result<u64> {
        self.ask(|db| {
            let mut known =
                db.prepare_cached("SELECT EXISTS (SELECT 1 FROM series WHERE key = ?1)")?;
            let mut n = 0;
            for key in &handed.series {
                n += u64::from(!known.query_row([key], |r| r.get::<_, bool>(0))?);
            }
            Ok(n)
        })
    }

    /// Stores it durably, and derives nothing: all of it or, where the key stands for another
    /// body, nothing (`None`).
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::Disk`]; then nothing of it was stored.
    pub fn hold(
        &mut self,
        handed: &Handed,
        key: Option<&str>,
        now: i64,
    ) -> Result<Option<Imported>> {
        self.transact(|tx| {
            if let Some(key) = key
                && !claim(tx, key, &handed.body, now)?
            {
                return Ok(None);
            }
            for (hash, packed) in &handed.blobs {
                blobs::keep(tx, hash, packed)?;
            }
            let mut new = 0;
            for entry in &handed.entries {
                let seq = put(tx, entry)?;
                arrival::note(tx, seq)?;
                let is_new = seq.is_some();
                new += u64::from(is_new && entry.kind == Kind::Report);
            }
            Ok(Some(handed.imported(new)))
        })
    }

    /// Writes what nobody reads, to find out whether it would be kept.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::Disk`].
    pub fn probe(&mut self) -> Result<()> {
        self.check_shared()?;
        self.change(|tx| {
            let sql = "UPDATE state SET value = value + 1 WHERE name = 'probes'";
            tx.execute(sql, [])?;
            Ok(())
        })
    }
}

fn leap(at: u64, newest: u64) -> Option<String> {
    if at <= newest.saturating_add(LEAP) {
        return None;
    }
    Some(format!(
        "commit.position: {at} is more than {LEAP} commits beyond the newest that is known here, at \
         {newest}. It is the number of the commit's first-parent ancestors: `git rev-list --count \
         --first-parent SHA` less one. Where it is right, hand in a commit in between first."
    ))
}

/// Notes that a key stands for a body; gives whether it does, and not for another one.
fn claim(tx: &Transaction<'_>, key: &str, body: &str, now: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached("DELETE FROM handed WHERE time < ?1")?
        .execute([now - REMEMBERED])?;
    tx.prepare_cached("INSERT OR IGNORE INTO handed (key, body, time) VALUES (?1, ?2, ?3)")?
        .execute(params![key, body, now])?;
    Ok(body_of(tx, key)?.is_some_and(|b| b == body))
}

fn body_of(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT body FROM handed WHERE key = ?1")?
        .query_row([key], |r| r.get(0))
        .optional()
}

fn has_each<'a>(
    db: &Connection,
    table: &str,
    mut hashes: impl Iterator<Item = &'a String>,
) -> rusqlite::Result<bool> {
    let mut has = db.prepare_cached(&format!(
        "SELECT EXISTS (SELECT 1 FROM {table} WHERE hash = ?1)"
    ))?;
    hashes.try_fold(true, |all, hash| {
        Ok(all && has.query_row([hash], |r| r.get(0))?)
    })
}
