//! Sending, seen from the store: who leases a message sends it, and says how it went.

use rusqlite::{Row, Transaction, params};

use crate::error::Result;
use crate::model::Channel;
use crate::store::outbox::record::forget_old;
use crate::store::outbox::rows::{say_back, say_narrowed, set_of};
use crate::store::outbox::{News, channels, identity};
use crate::store::{Event, Store};

/// A message that one process may send until its lease ends.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Of several nodes one that is new may give it again, when what had it is gone; not with the id.
    seq: i64,
    epoch: i64,
    about: Option<i64>,
    /// Its identity, the same at each try.
    pub id: String,
    /// Where it goes.
    pub channel: Channel,
    /// What it is about.
    pub news: News,
    /// The commit set: positions of the main line.
    pub set: (u64, u64),
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// This try's number, from 1.
    pub tries: u32,
    /// The message as it was first composed, as JSON; `None` at the first try.
    pub message: Option<String>,
}

impl Store {
    /// Whether a message waits to be sent now.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn is_due(&self, now: i64) -> Result<bool> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM outbox o JOIN channel c ON c.id = o.channel \
                 WHERE o.state = 'waiting' AND o.due <= ?1 AND o.leased <= ?1 \
                 AND c.disabled IS NULL)",
            )?
            .query_row([now], |r| r.get(0))
        })
    }

    /// Leases at most `n` messages that are due, one a channel, until a time. A channel of which
    /// somebody sends a message waits: what takes messages may be slow, and has its own limits.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn due(&mut self, n: usize, now: i64, until: i64) -> Result<Vec<Lease>> {
        self.change(|tx| {
            let found: Vec<i64> = tx
                .prepare_cached(
                    "SELECT o.seq, min(o.due) FROM outbox o JOIN channel c ON c.id = o.channel \
                     WHERE o.state = 'waiting' AND o.due <= ?1 AND o.leased <= ?1 \
                     AND c.disabled IS NULL AND NOT EXISTS (SELECT 1 FROM outbox b \
                     WHERE b.channel = o.channel AND b.state = 'waiting' AND b.leased > ?1) \
                     GROUP BY o.channel ORDER BY 2, 1 LIMIT ?2",
                )?
                .query_map(params![now, n as i64], |r| r.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut out = Vec::new();
            for seq in found {
                out.extend(lease(tx, seq, until)?);
            }
            Ok(out)
        })
    }

    /// A message that only tries a channel, leased until a time. Gives `None` where there is no
    /// channel of that name.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn trial(&mut self, channel: &str, now: i64, until: i64) -> Result<Option<Lease>> {
        self.change(|tx| {
            let all = channels::all(tx)?;
            let Some(channel) = all.iter().find(|c| c.name == channel) else {
                return Ok(None);
            };
            tx.execute(
                "INSERT INTO outbox (id, channel, news, first, last, created, due, leased) \
                 VALUES ('', ?1, 'test', 0, -1, ?2, ?2, ?3)",
                params![channel.id, now, until],
            )?;
            let seq = tx.last_insert_rowid();
            let id = identity(channel, News::Test, &format!("{now}\0{seq}"));
            tx.execute("UPDATE outbox SET id = ?2 WHERE seq = ?1", params![seq, id])?;
            lease(tx, seq, until)
        })
    }

    /// Keeps a message as it was composed, so that each try sends the same.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn keep_message(&mut self, lease: &Lease, message: &str) -> Result<()> {
        self.change(|tx| {
            tx.execute(
                "UPDATE outbox SET message = ?3 WHERE seq = ?1 AND epoch = ?2 AND id = ?4",
                params![lease.seq, lease.epoch, message, lease.id],
            )?;
            Ok(())
        })
    }

    /// The changes that a message is about, as they stand now.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn changes_of(&self, lease: &Lease) -> Result<Vec<Event>> {
        self.events_of_message(lease.about.unwrap_or(lease.seq))
    }

    /// The commits that may have caused all changes of a message that are open now.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn set_of(&self, lease: &Lease) -> Result<Option<(u64, u64)>> {
        let set = self.ask(|db| set_of(db, lease.about.unwrap_or(lease.seq)))?;
        Ok(set.map(|(first, last)| (first.cast_unsigned(), last.cast_unsigned())))
    }

    /// Closes a message that was taken. What went back or was narrowed while it was under way is
    /// said next. Gives whether the lease still held.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn delivered(&mut self, lease: &Lease, answer: &str, now: i64) -> Result<bool> {
        self.close(lease, "delivered", answer, now)
    }

    /// Closes a message that is given up. Gives whether the lease still held.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn failed(&mut self, lease: &Lease, why: &str, now: i64) -> Result<bool> {
        self.close(lease, "failed", why, now)
    }

    /// Closes a message that nobody need hear any more. Gives whether the lease still held.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn dropped(&mut self, lease: &Lease, why: &str, now: i64) -> Result<bool> {
        self.close(lease, "dropped", why, now)
    }

    /// Takes the channel of a message out of use, whose other side wants no more; the message is missed
    /// with what waits behind it. Gives whether the lease still held.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn gone(&mut self, lease: &Lease, why: &str, now: i64) -> Result<bool> {
        self.change(|tx| {
            let held: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE seq = ?1 AND epoch = ?2 \
                 AND state = 'waiting' AND id = ?3)",
                params![lease.seq, lease.epoch, lease.id],
                |r| r.get(0),
            )?;
            if held {
                channels::disable(tx, lease.channel.id, why, now)?;
                // Of one that was disabled already.
                tx.execute(
                    "UPDATE outbox SET state = 'failed', answer = ?2, ended = ?3, leased = 0 \
                     WHERE seq = ?1 AND state = 'waiting'",
                    params![lease.seq, why, now],
                )?;
            }
            Ok(held)
        })
    }

    /// Has a message sent again at a time. Gives whether the lease still held.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn again(&mut self, lease: &Lease, at: i64, why: &str) -> Result<bool> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE outbox SET due = ?3, leased = 0, answer = ?4 \
                 WHERE seq = ?1 AND epoch = ?2 AND state = 'waiting' AND id = ?5",
                params![lease.seq, lease.epoch, at, why, lease.id],
            )?;
            Ok(changed > 0)
        })
    }

    fn close(&mut self, lease: &Lease, state: &str, answer: &str, now: i64) -> Result<bool> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE outbox SET state = ?3, answer = ?4, ended = ?5, leased = 0 \
                 WHERE seq = ?1 AND epoch = ?2 AND state = 'waiting' AND id = ?6",
                params![lease.seq, lease.epoch, state, answer, now, lease.id],
            )?;
            if changed > 0 {
                say_back(tx, lease.seq, now)?;
                // One that was dropped because it named another commit is made anew.
                say_narrowed(tx, lease.about.unwrap_or(lease.seq), now)?;
            }
            forget_old(tx)?;
            Ok(changed > 0)
        })
    }
}

fn lease(tx: &Transaction<'_>, seq: i64, until: i64) -> rusqlite::Result<Option<Lease>> {
    let channel: i64 = tx
        .prepare_cached("SELECT channel FROM outbox WHERE seq = ?1")?
        .query_row([seq], |r| r.get(0))?;
    let Some(channel) = channels::by_id(tx, channel)? else {
        return Ok(None);
    };
    // The commits as they are known now: more of them were measured while it waited.
    if let Some((first, last)) = set_of(tx, seq)? {
        tx.prepare_cached(
            "UPDATE outbox SET first = ?2, last = ?3 \
             WHERE seq = ?1 AND news = 'moved' AND message IS NULL",
        )?
        .execute(params![seq, first, last])?;
    }
    let row = |r: &Row<'_>| {
        let news: String = r.get(3)?;
        let position = |i| r.get::<_, i64>(i).map(|p| p.max(0).cast_unsigned());
        Ok(Some(Lease {
            seq,
            id: r.get(0)?,
            epoch: r.get(1)?,
            about: r.get(2)?,
            channel,
            news: News::from_name(&news).unwrap_or(News::Moved),
            set: (position(4)?, position(5)?),
            created: r.get(6)?,
            tries: r.get(7)?,
            message: r.get(8)?,
        }))
    };
    tx.prepare_cached(
        "UPDATE outbox SET leased = ?2, epoch = epoch + 1, tries = tries + 1 WHERE seq = ?1 \
         RETURNING id, epoch, about, news, first, last, created, tries, message",
    )?
    .query_row(params![seq, until], row)
}
