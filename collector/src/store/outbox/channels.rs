//! Channels, as the command line makes them.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::error::{Error, Result};
use crate::model::{Channel, Secret, Sink};
use crate::store::Store;
use crate::store::outbox::{News, identity};
use crate::store::secrets::close_to_others;

const COLUMNS: &str = "id, name, sink, address, secret, former, room, sender, private, improvements, \
    since, created, disabled, why";

fn channel(r: &Row<'_>) -> rusqlite::Result<Channel> {
    let sink: String = r.get(2)?;
    let unknown = || {
        let why = format!("channel of a kind `{sink}` that this uptick does not know: update it");
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, why.into())
    };
    Ok(Channel {
        id: r.get(0)?,
        name: r.get(1)?,
        sink: Sink::from_name(&sink).ok_or_else(unknown)?,
        address: Secret::new(r.get(3)?),
        secret: Secret::new(r.get(4)?),
        former: Secret::new(r.get(5)?),
        room: r.get(6)?,
        sender: r.get(7)?,
        private: r.get(8)?,
        improvements: r.get(9)?,
        since: r.get(10)?,
        created: r.get(11)?,
        disabled: r.get(12)?,
        why: r.get(13)?,
    })
}

/// Every channel, in the order in which they were made.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Channel>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM channel ORDER BY id"))?
        .query_map([], channel)?
        .collect()
}

pub(super) fn by_id(db: &Connection, id: i64) -> rusqlite::Result<Option<Channel>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM channel WHERE id = ?1"))?
        .query_row([id], channel)
        .optional()
}

impl Store {
    /// Every channel, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn channels(&self) -> Result<Vec<Channel>> {
        self.ask(all)
    }

    /// Adds a channel; gives its number. What is measured by now is history to it. From now on
    /// the store's file is closed to those who are neither its owner nor of its group.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is one of that name, else [`Error::Store`].
    pub fn add_channel(&mut self, c: &Channel) -> Result<i64> {
        let id = self.change(|tx| {
            let added = tx.execute(
                "INSERT OR IGNORE INTO channel (name, sink, address, secret, room, sender, \
                 private, improvements, created, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
                 (SELECT coalesce(max(position), -1) FROM measured_commit WHERE main = 1))",
                params![
                    c.name,
                    c.sink.name(),
                    c.address.expose(),
                    c.secret.expose(),
                    c.room,
                    c.sender,
                    c.private,
                    c.improvements,
                    c.created
                ],
            )?;
            Ok((added > 0).then(|| tx.last_insert_rowid()))
        })?;
        let taken = || {
            Error::Usage(format!(
                "there is a channel `{0}` already; `uptick channel remove {0}` ends it",
                c.name
            ))
        };
        let id = id.ok_or_else(taken)?;
        close_to_others(self.path())?;
        Ok(id)
    }

    /// Ends a channel and forgets its messages. Gives whether there was one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn remove_channel(&mut self, name: &str) -> Result<bool> {
        // What is deleted would stay readable in the file's free pages.
        self.ask(|db| db.pragma_update(None, "secure_delete", true))?;
        let removed = self.change(|tx| {
            tx.execute(
                "DELETE FROM outbox_change WHERE message IN (SELECT o.seq FROM outbox o \
                 JOIN channel c ON c.id = o.channel WHERE c.name = ?1)",
                [name],
            )?;
            tx.execute(
                "DELETE FROM outbox WHERE channel IN (SELECT id FROM channel WHERE name = ?1)",
                [name],
            )?;
            let removed = tx.execute("DELETE FROM channel WHERE name = ?1", [name])?;
            if removed > 0 {
                pages_differ(tx)?;
            }
            Ok(removed)
        })?;
        Ok(removed > 0)
    }

    /// Gives a channel another secret; the one before stays valid until the next time. Gives
    /// whether there is such a channel.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn rotate_secret(&mut self, name: &str, secret: &Secret) -> Result<bool> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE channel SET former = secret, secret = ?2 WHERE name = ?1",
                params![name, secret.expose()],
            )?;
            Ok(changed > 0)
        })
    }

    /// Takes a channel out of use: what waits for it is kept as missed, and the other channels hear of
    /// it once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn disable_channel(&mut self, id: i64, why: &str, now: i64) -> Result<()> {
        self.change(|tx| disable(tx, id, why, now))
    }

    /// Puts a disabled channel into use again: one message says what it missed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn enable_channel(&mut self, id: i64, now: i64) -> Result<()> {
        self.change(|tx| {
            let enabled = tx.execute(
                "UPDATE channel SET disabled = NULL, why = '' \
                 WHERE id = ?1 AND disabled IS NOT NULL",
                [id],
            )?;
            if enabled > 0 {
                say_missed(tx, id, now)?;
                pages_differ(tx)?;
            }
            Ok(())
        })
    }

    /// Says that history arrives up to a position: no channel hears of what is found in it.
    pub(in crate::store) fn is_history(&mut self, position: u64) -> Result<()> {
        self.change(|tx| {
            tx.prepare_cached("UPDATE channel SET since = ?1 WHERE since < ?1")?
                .execute([i64::try_from(position).unwrap_or(i64::MAX)])?;
            Ok(())
        })
    }
}

/// [`Store::disable_channel`] within a transaction.
pub(super) fn disable(tx: &Transaction<'_>, id: i64, why: &str, now: i64) -> rusqlite::Result<()> {
    let disabled = tx.execute(
        "UPDATE channel SET disabled = ?2, why = ?3 WHERE id = ?1 AND disabled IS NULL",
        params![id, now, why],
    )?;
    if disabled == 0 {
        return Ok(());
    }
    // Who tries the channel is looking at what comes of it.
    tx.execute(
        "UPDATE outbox SET state = iif(news = 'test', 'failed', 'missed'), ended = ?2, answer = ?3, \
         leased = 0 WHERE channel = ?1 AND state = 'waiting'",
        params![id, now, format!("the channel is disabled: {why}")],
    )?;
    for other in all(tx)?.iter().filter(|c| c.disabled.is_none()) {
        let about = format!("{id}\0{now}");
        tx.execute(
            "INSERT OR IGNORE INTO outbox (id, channel, news, first, last, created, due) \
             VALUES (?1, ?2, ?3, 0, -1, ?4, ?4)",
            params![
                identity(other, News::Disabled, &about),
                other.id,
                News::Disabled.name(),
                now
            ],
        )?;
    }
    pages_differ(tx)
}

/// Makes one message of those that a channel missed.
fn say_missed(tx: &Transaction<'_>, id: i64, now: i64) -> rusqlite::Result<()> {
    let set: (Option<i64>, Option<i64>) = tx.query_row(
        "SELECT min(first), max(last) FROM outbox WHERE channel = ?1 AND state = 'missed'",
        [id],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?;
    let (Some(channel), (Some(first), Some(last))) = (by_id(tx, id)?, set) else {
        return Ok(());
    };
    tx.execute(
        "INSERT INTO outbox (id, channel, news, first, last, created, due) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        params![
            identity(&channel, News::Missed, &now.to_string()),
            id,
            News::Missed.name(),
            first,
            last,
            now
        ],
    )?;
    let message = tx.last_insert_rowid();
    tx.execute(
        "INSERT OR IGNORE INTO outbox_change SELECT ?2, c.change, c.series FROM outbox_change c \
         JOIN outbox o ON o.seq = c.message WHERE o.channel = ?1 AND o.state = 'missed'",
        params![id, message],
    )?;
    tx.execute(
        "UPDATE outbox SET state = 'dropped', answer = 'said with all that the channel missed' \
         WHERE channel = ?1 AND state = 'missed'",
        [id],
    )?;
    Ok(())
}

/// Has pages that say which channels are disabled made anew.
pub(in crate::store) fn pages_differ(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE state SET value = value + 1 WHERE name = 'people_generation'",
        [],
    )
    .map(|_| ())
}
