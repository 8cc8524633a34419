//! How sending went: what the page of channels and the counters show.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::error::Result;
use crate::store::Store;
use crate::store::outbox::News;

/// Messages that are kept after they were closed.
const KEPT: i64 = 2_000;

const DELIVERY: &str = "SELECT o.id, c.name, o.news, o.state, o.tries, o.created, o.due, o.ended, \
    o.answer, (SELECT count(*) FROM outbox_change m WHERE m.message = coalesce(o.about, o.seq)) \
    FROM outbox o JOIN channel c ON c.id = o.channel";

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It is due, is being sent, or is sent again later.
    Waiting,
    /// It was taken.
    Delivered,
    /// It was given up.
    Failed,
    /// Its channel was disabled; it is said with all that was missed once that is in use again.
    Missed,
    /// What it was about was settled or went back before it was sent.
    Dropped,
}

/// A message as the page of channels shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its identity, the same at each try.
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// What it is about.
    pub news: News,
    /// How far it has come.
    pub state: Progress,
    /// Changes that it is about.
    pub changes: u64,
    /// Tries so far.
    pub tries: u32,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// When it is tried next; `None` once it is closed.
    pub due: Option<i64>,
    /// When it was closed.
    pub ended: Option<i64>,
    /// What the other side answered last, in a few words without secrets.
    pub answer: String,
}

impl Delivery {
    /// How far it has come, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let answer = &self.answer;
        match self.state {
            Progress::Waiting if self.tries == 0 => "waiting".into(),
            Progress::Waiting => format!("waiting for another try ({answer})"),
            Progress::Delivered => "delivered".into(),
            Progress::Failed => format!("given up ({answer})"),
            Progress::Missed => format!("missed ({answer})"),
            Progress::Dropped => format!("not sent: {answer}"),
        }
    }
}

/// The outbox in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages that wait.
    pub waiting: u64,
    /// When the oldest of them was made, in seconds since 1970-01-01 UTC.
    pub oldest: Option<i64>,
    /// Messages that were taken, of those that are kept.
    pub delivered: u64,
    /// Messages that were given up, of those that are kept.
    pub failed: u64,
    /// Channels that were disabled.
    pub disabled: u64,
}

impl Store {
    /// The newest messages first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.ask(|db| {
            db.prepare_cached(&format!("{DELIVERY} ORDER BY o.seq DESC LIMIT ?1"))?
                .query_map([limit as i64], delivery)?
                .collect()
        })
    }

    /// The newest message of a channel.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn last_delivery(&self, channel: i64) -> Result<Option<Delivery>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "{DELIVERY} WHERE o.channel = ?1 ORDER BY o.seq DESC LIMIT 1"
            ))?
            .query_row([channel], delivery)
            .optional()
        })
    }

    /// The outbox in numbers.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn outbox_counts(&self) -> Result<Counts> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT coalesce(sum(state = 'waiting'), 0), \
                 min(CASE WHEN state = 'waiting' THEN created END), \
                 coalesce(sum(state = 'delivered'), 0), coalesce(sum(state = 'failed'), 0), \
                 (SELECT count(*) FROM channel WHERE disabled IS NOT NULL) FROM outbox",
            )?
            .query_row([], |r| {
                let n = |i| r.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok(Counts {
                    waiting: n(0)?,
                    oldest: r.get(1)?,
                    delivered: n(2)?,
                    failed: n(3)?,
                    disabled: n(4)?,
                })
            })
        })
    }
}

fn delivery(r: &rusqlite::Row<'_>) -> rusqlite::Result<Delivery> {
    let (news, state): (String, String) = (r.get(2)?, r.get(3)?);
    let due = r.get(6)?;
    let state = match state.as_str() {
        "delivered" => Progress::Delivered,
        "failed" => Progress::Failed,
        "missed" => Progress::Missed,
        "dropped" => Progress::Dropped,
        _ => Progress::Waiting,
    };
    Ok(Delivery {
        id: r.get(0)?,
        channel: r.get(1)?,
        news: News::from_name(&news).unwrap_or(News::Moved),
        state,
        tries: r.get(4)?,
        created: r.get(5)?,
        due: Some(due).filter(|_| state == Progress::Waiting),
        ended: r.get(7)?,
        answer: r.get(8)?,
        changes: r.get::<_, i64>(9)?.cast_unsigned(),
    })
}

/// Forgets what was closed long ago.
pub(super) fn forget_old(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let newest: i64 = tx
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM outbox")?
        .query_row([], |r| r.get(0))?;
    let old = params![newest - KEPT];
    tx.prepare_cached(
        "DELETE FROM outbox_change WHERE message IN \
         (SELECT seq FROM outbox WHERE seq <= ?1 AND state <> 'waiting')",
    )?
    .execute(old)?;
    tx.prepare_cached("DELETE FROM outbox WHERE seq <= ?1 AND state <> 'waiting'")?
        .execute(old)?;
    Ok(())
}
