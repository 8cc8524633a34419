//! From the log to the view: entries are applied in their order, each once. What is derived is a
//! function of that order alone, whatever the batches.

use rusqlite::{Connection, Transaction};

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::log::append::{self, Placed};
use crate::store::log::arrival;
use crate::store::log::entry::Entry;
use crate::store::log::late;
use crate::store::log::pruning::Pruning;
use crate::store::turns::Appending;
use crate::store::view::{changes, decided, measured, pruned};

/// Entries that are applied in one transaction.
const BATCH: usize = 16;
/// Numbers that are applied in one transaction: whoever waits to append waits no longer than for
/// so many, about a tenth of a second.
const NUMBERS: usize = 2_000;
/// How often a write steps back for entries that another process put in between.
const TRIES: usize = 100;

impl Store {
    /// Applies what is new in the log. Gives the number of entries.
    pub(in crate::store) fn catch_up(&mut self) -> Result<u64> {
        let mut done = 0;
        loop {
            let after = self.ask(applied)?;
            let batch = self.read(after, BATCH)?;
            if batch.is_empty() {
                return Ok(done);
            }
            done += batch.len() as u64;
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                self.appending.let_by();
                let n = self.change(|tx| apply_some(tx, rest))?;
                rest = rest.get(n..).unwrap_or_default();
            }
        }
    }

    /// Derives what the log has and the view has not. Gives the number of entries.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn derive(&mut self) -> Result<u64> {
        self.catch_up()
    }

    /// Lets others go first, part by part, while this one derives.
    pub fn stand_behind(&mut self, others: Appending) {
        self.appending = others;
    }

    /// How far the view has come: the place in the log of the newest entry that it has.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn applied(&self) -> Result<i64> {
        self.ask(applied)
    }

    /// Whether the log has entries that are not applied yet.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn is_behind(&self) -> Result<bool> {
        self.ask(|db| Ok(applied(db)? < append::head(db)?))
    }

    /// Forgets everything derived and derives it again. Gives the number of reports.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn rebuild(&mut self) -> Result<u64> {
        self.change(forget_all)?;
        self.catch_up()?;
        Ok(self.counts()?.0)
    }

    /// Runs a change of log and view in one transaction, once everything before it is applied.
    pub(in crate::store) fn with_view<T>(
        &mut self,
        mut work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        for _ in 0..TRIES {
            self.catch_up()?;
            let attempt = self.transact(|tx| {
                if applied(tx)? != append::head(tx)? {
                    return Ok(None);
                }
                work(tx).map(Some)
            });
            if let Some(out) = attempt? {
                return Ok(out);
            }
        }
        Err(Error::Store(format!(
            "{}: other processes write without a pause; try again",
            self.path.display()
        )))
    }
}

/// Appends an entry within a transaction of [`Store::with_view`] and applies it. Gives its place;
/// `None` where it was there already.
pub(in crate::store) fn append_and_apply(
    tx: &Transaction<'_>,
    entry: Entry,
) -> rusqlite::Result<Option<i64>> {
    let wrap = |e: Error| rusqlite::Error::ToSqlConversionFailure(e.to_string().into());
    let sealed = append::Sealed::of(&entry).map_err(wrap)?;
    let Some(seq) = append::put(tx, &sealed)? else {
        return Ok(None);
    };
    arrival::note(tx, Some(seq))?;
    let hash = sealed.hash;
    let mut room = usize::MAX;
    apply(tx, &Placed::new(seq, hash, entry), &mut room)?;
    Ok(Some(seq))
}

/// Applies a pruning that another store made, within the transaction of [`Store::with_view`] that
/// appended it.
pub(in crate::store) fn apply_new(
    tx: &Transaction<'_>,
    seq: i64,
    sealed: &append::Sealed,
    pruning: &Pruning,
) -> rusqlite::Result<()> {
    let (hash, entry) = (
        sealed.hash.clone(),
        Entry::Pruning(Box::new(pruning.clone())),
    );
    let mut room = usize::MAX;
    apply(tx, &Placed::new(seq, hash, entry), &mut room).map(|_| ())
}

/// Applies entries as far as one transaction goes; gives how many are done.
pub(in crate::store) fn apply_some(
    tx: &Transaction<'_>,
    entries: &[Placed],
) -> rusqlite::Result<usize> {
    let mut room = NUMBERS;
    for (i, placed) in entries.iter().enumerate() {
        if !apply(tx, placed, &mut room)? {
            return Ok(i);
        }
    }
    Ok(entries.len())
}

/// Forgets everything derived: it is derived anew from the log.
pub(in crate::store) fn forget_all(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "DELETE FROM point; DELETE FROM branch_point; DELETE FROM series; \
                 DELETE FROM measured_commit; DELETE FROM testbed; DELETE FROM report; \
                 DELETE FROM stacks; DELETE FROM main_line; DELETE FROM line_left; \
                 DELETE FROM change; \
                 DELETE FROM decided; DELETE FROM exclusion; DELETE FROM named_profile; \
                 DELETE FROM pruned_profile; DELETE FROM pruned_report; \
                 UPDATE state SET value = 0 \
                 WHERE name IN ('applied', 'part', 'points', 'reports'); \
                 UPDATE state SET value = value + 1 \
                 WHERE name IN ('facts_generation', 'people_generation');",
    )
}

/// How far the view has come: the newest entry that it has.
pub(in crate::store) fn applied(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT value FROM state WHERE name = 'applied'")?
        .query_row([], |r| r.get(0))
}

/// Writes what one entry means into the view, at most `room` numbers of it. Gives whether it is
/// done.
fn apply(tx: &Transaction<'_>, placed: &Placed, room: &mut usize) -> rusqlite::Result<bool> {
    // Another process may have applied it between our reading and this transaction.
    if applied(tx)? >= placed.seq {
        return Ok(true);
    }
    match &placed.entry {
        Entry::Report(r) => {
            let (seq, hash) = (placed.seq, placed.hash.as_str());
            let numbers = placed.numbers.get_or_init(|| measured::numbers(r));
            if !measured::report(tx, (seq, hash), (r, numbers), room)? {
                return Ok(false);
            }
            pruned::named(tx, seq, r.profiles.iter().map(|p| &p.blob))?;
        }
        Entry::Stub(s) => {
            let (seq, hash) = (placed.seq, placed.hash.as_str());
            let report = s.as_report();
            let numbers = measured::numbers(&report);
            measured::report(tx, (seq, hash), (&report, &numbers), room)?;
        }
        Entry::Profile(p) => {
            measured::profile(tx, p)?;
            pruned::named(tx, placed.seq, std::iter::once(&p.blob))?;
        }
        Entry::Pruning(p) => {
            pruned::pruning(tx, p)?;
            late::settle(tx, p)?;
        }
        Entry::MainLine(s) => measured::main_line(tx, s)?,
        Entry::Alert(a) => changes::alert(tx, a)?,
        Entry::Decision(c) => decided::decision(tx, placed.seq, c)?,
        Entry::Exclusion(e) => measured::exclusion(tx, e)?,
    }
    let counter = match &placed.entry {
        Entry::Decision(_) => "people_generation",
        _ => "facts_generation",
    };
    bump(tx, counter)?;
    tx.prepare_cached("UPDATE state SET value = ?1 WHERE name = 'applied'")?
        .execute([placed.seq])?;
    Ok(true)
}

pub(in crate::store) fn bump(tx: &Transaction<'_>, counter: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE state SET value = value + 1 WHERE name = ?1")?
        .execute([counter])?;
    Ok(())
}
