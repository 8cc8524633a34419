//! The one way in which a store is changed.

use std::path::Path;

use rusqlite::{Transaction, TransactionBehavior};

use crate::error::{Error, Result};
use crate::store::link::Link;
use crate::store::shared::{attach, capture, follow};
use crate::store::{Store, explain};

/// How often a transaction is done again because somebody else wrote to the shared log.
const TRIES: u32 = 200;
/// After so many of them it waits in line: a node that is farther away than the others, or slower,
/// would come too late each time.
const IN_LINE: u32 = 3;

impl Store {
    /// Runs `work` in one transaction, which is kept unless it gives `None`. On a replica it is kept
    /// once what it wrote is in the shared log, and done again where somebody else wrote meanwhile.
    pub(in crate::store) fn transact<T>(
        &mut self,
        mut work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<Option<T>>,
    ) -> Result<Option<T>> {
        for tried in 0..TRIES {
            let wrong = |e: rusqlite::Error| explain(&self.path, &e);
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(wrong)?;
            if self.link.is_none() && !self.joins {
                refuse_joined(&tx, &self.path)?;
            }
            let held = Holding(&mut self.link);
            if tried < IN_LINE || wait_in_line(held.0, &tx, &self.path)? {
                let Some(out) = work(&tx).map_err(wrong)? else {
                    return Ok(None);
                };
                if settle(held.0, &tx, &self.path)? {
                    tx.commit().map_err(wrong)?;
                    return Ok(Some(out));
                }
            }
            drop(held);
            drop(tx);
            self.follow()?;
        }
        Err(self.crowded())
    }

    fn crowded(&self) -> Error {
        Error::Store(format!(
            "{}: other nodes write without a pause; try again",
            self.path.display()
        ))
    }

    /// [`Store::transact`] with work in between that needs the shared log to stand still: nobody
    /// else writes to it from `before` on. Where `before` gives `None` there is none.
    pub(in crate::store) fn transact_held<J, T>(
        &mut self,
        mut before: impl FnMut(&Transaction<'_>) -> rusqlite::Result<std::result::Result<J, T>>,
        mut between: impl FnMut(&J) -> Result<()>,
        mut after: impl FnMut(&Transaction<'_>, &J) -> rusqlite::Result<T>,
    ) -> Result<T> {
        for tried in 0..TRIES {
            let wrong = |e: rusqlite::Error| explain(&self.path, &e);
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(wrong)?;
            if self.link.is_none() && !self.joins {
                refuse_joined(&tx, &self.path)?;
            }
            let held = Holding(&mut self.link);
            let waits = tried >= IN_LINE;
            if !waits || wait_in_line(held.0, &tx, &self.path)? {
                let found = match before(&tx).map_err(wrong)? {
                    Ok(found) => found,
                    Err(out) => return Ok(out),
                };
                if waits || hold(held.0, &tx, &self.path)? {
                    between(&found)?;
                    let out = after(&tx, &found).map_err(wrong)?;
                    if settle(held.0, &tx, &self.path)? {
                        tx.commit().map_err(wrong)?;
                        return Ok(out);
                    }
                }
            }
            drop(held);
            drop(tx);
            self.follow()?;
        }
        Err(self.crowded())
    }

    /// Whether the truth of this store lies elsewhere.
    pub(in crate::store) const fn is_replica(&self) -> bool {
        self.link.is_some()
    }

    /// Whether something can be written where the truth lies.
    pub(in crate::store) fn check_shared(&mut self) -> Result<()> {
        match self.link.as_mut().and_then(|l| l.shared.as_mut()) {
            Some(shared) => shared.check(),
            None => Ok(()),
        }
    }

    /// What `ask` says, also where the answer would be no: on a replica once everything is here that
    /// others wrote.
    pub(in crate::store) fn surely<T>(
        &mut self,
        is_no: impl Fn(&T) -> bool,
        mut ask: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let out = ask(self)?;
        if is_no(&out) && self.follow()? {
            return ask(self);
        }
        Ok(out)
    }
}

/// Refuses to write to a store that another process made a replica since this one opened it: nothing
/// would bring to the shared log what is written here.
fn refuse_joined(tx: &Transaction<'_>, path: &Path) -> Result<()> {
    let joined = attach::marker(tx).map_err(|e| explain(path, &e))?;
    match joined {
        None => Ok(()),
        Some(_) => Err(Error::Store(format!(
            "{}: a server has made this store a replica of its shared log meanwhile: run the command \
             again (what was stored before that went along)",
            path.display()
        ))),
    }
}

/// Ships what a transaction wrote; gives whether it may be kept.
fn settle(link: &mut Option<Link>, tx: &Transaction<'_>, path: &Path) -> Result<bool> {
    let Some(link) = link else { return Ok(true) };
    let wrong = |e: rusqlite::Error| explain(path, &e);
    let what = capture::collect(tx).map_err(wrong)?;
    if what.is_empty() {
        link.release();
        return Ok(true);
    }
    let shared = link.shared.as_mut().ok_or_else(|| alone(path))?;
    let at = follow::version(tx).map_err(wrong)?;
    let Some(version) = shared.ship(&at, &what)? else {
        return Ok(false);
    };
    follow::set_version(tx, &version, &shared.server()).map_err(wrong)?;
    capture::forget(tx).map_err(wrong)?;
    Ok(true)
}

/// Lets nobody else write to the shared log; gives whether the replica has everything of it.
fn hold(link: &mut Option<Link>, tx: &Transaction<'_>, path: &Path) -> Result<bool> {
    let Some(link) = link else { return Ok(true) };
    let at = follow::version(tx).map_err(|e| explain(path, &e))?;
    let shared = link.shared.as_mut().ok_or_else(|| alone(path))?;
    shared.hold(Some(&at))
}

/// Lets nobody else write to the shared log, and has the transaction begin with what others wrote by
/// then; gives whether that could be.
fn wait_in_line(link: &mut Option<Link>, tx: &Transaction<'_>, path: &Path) -> Result<bool> {
    let Some(link) = link else { return Ok(true) };
    let shared = link.shared.as_mut().ok_or_else(|| alone(path))?;
    Ok(shared.hold(None)? && follow::level(tx, shared.as_mut(), path)?)
}

/// A shared log to which nobody else writes, until this is dropped.
struct Holding<'a>(&'a mut Option<Link>);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.release();
        }
    }
}

impl Link {
    fn release(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.release();
        }
    }
}

fn alone(path: &Path) -> Error {
    Error::Store(format!(
        "{}: this is a node's replica of a log in PostgreSQL, and nothing is written to it alone: \
         name the log (--log, or UPTICK_LOG), or have `uptick serve --data DIR --detach` make the \
         directory a server by itself (nothing was changed)",
        path.display()
    ))
}
