//! Making messages, inside the transaction that reports what they are about.

use crate::store::view::events::OPEN;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::detect::Kind;
use crate::model::Channel;
use crate::store::log::entry::Alert;
use crate::store::outbox::{News, channels, identity};

/// Seconds that a message waits for further changes of its commit, counted from the last one …
const QUIET: i64 = 5;
/// … and in all: series are searched 64 at a time, and thousands may move with one commit.
const LONGEST: i64 = 60;

/// Whether a channel hears of a change.
fn hears(channel: &Channel, alert: &Alert) -> bool {
    let c = &alert.change;
    alert.series.metric.is_judged()
        && c.kind == Kind::Step
        && c.index > channel.since
        && (channel.improvements || alert.series.metric.is_worse(c.after - c.before))
}

/// Puts a change that was just reported into a message to each channel that hears of it: into the
/// one about its commit, where there is one, so that a commit is reported once whatever it moved.
pub(in crate::store) fn announce(
    tx: &Transaction<'_>,
    alert: &Alert,
    now: i64,
) -> rusqlite::Result<()> {
    for channel in channels::all(tx)?.iter().filter(|c| hears(c, alert)) {
        let series = alert.series.id();
        let message = match about_commit(tx, channel, alert, &series)? {
            Some(seq) => join(tx, seq, alert, now)?,
            None => insert(tx, channel, alert, now)?,
        };
        tx.prepare_cached("INSERT OR IGNORE INTO outbox_change VALUES (?1, ?2, ?3)")?
            .execute(params![message, alert.id, series])?;
    }
    Ok(())
}

/// The message whose commit set has a commit in common with the change's. Changes of one series
/// have different causes.
fn about_commit(
    tx: &Transaction<'_>,
    channel: &Channel,
    alert: &Alert,
    series: &str,
) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached(
        "SELECT seq FROM outbox WHERE channel = ?1 AND last >= ?2 AND first <= ?3 \
         AND news = 'moved' AND state IN ('waiting', 'delivered', 'missed') \
         AND NOT EXISTS (SELECT 1 FROM outbox_change c WHERE c.message = seq AND c.series = ?4) \
         ORDER BY seq LIMIT 1",
    )?
    .query_row(
        params![channel.id, alert.change.first, alert.change.last, series],
        |r| r.get(0),
    )
    .optional()
}

/// A message that nobody tried to send yet waits a little for what else its commit moved; one
/// that was sent is not sent again.
fn join(tx: &Transaction<'_>, seq: i64, alert: &Alert, now: i64) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "UPDATE outbox SET first = max(first, ?2), last = min(last, ?3), \
         due = CASE WHEN state = 'waiting' AND tries = 0 \
         THEN max(due, min(created + ?5, ?4)) ELSE due END WHERE seq = ?1",
    )?
    .execute(params![
        seq,
        alert.change.first,
        alert.change.last,
        now + QUIET,
        LONGEST
    ])?;
    Ok(seq)
}

fn insert(
    tx: &Transaction<'_>,
    channel: &Channel,
    alert: &Alert,
    now: i64,
) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO outbox (id, channel, news, first, last, created, due, state, ended, answer) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?8, 'missed', 'waiting'), iif(?8, ?6, NULL), \
         iif(?8, 'the channel is disabled', ''))",
    )?
    .execute(params![
        identity(channel, News::Moved, &alert.id),
        channel.id,
        News::Moved.name(),
        alert.change.first,
        alert.change.last,
        now,
        now + QUIET,
        channel.disabled.is_some()
    ])?;
    Ok(tx.last_insert_rowid())
}

/// Has whoever heard of a change that is one commit's now hear whose it is.
pub(in crate::store) fn narrowed(
    tx: &Transaction<'_>,
    change: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let about = messages_about(tx, change)?;
    about.into_iter().try_for_each(|m| say_narrowed(tx, m, now))
}

/// Makes a message of a delivered one that named several commits, where one is left.
pub(super) fn say_narrowed(tx: &Transaction<'_>, message: i64, now: i64) -> rusqlite::Result<()> {
    if let Some((first, last)) = set_of(tx, message)?
        && first == last
    {
        let said = tx
            .prepare_cached(
                "INSERT INTO outbox (id, channel, news, first, last, about, created, due) \
                 SELECT o.id || '_one', o.channel, 'narrowed', ?2, ?2, o.seq, ?3, ?3 \
                 FROM outbox o JOIN channel h ON h.id = o.channel AND h.disabled IS NULL \
                 WHERE o.seq = ?1 AND o.news = 'moved' AND o.state = 'delivered' \
                 AND json_extract(o.message, '$.commits') > 1 \
                 ON CONFLICT (id) DO UPDATE SET first = excluded.first, last = excluded.last, \
                 created = excluded.created, due = excluded.due, state = 'waiting', ended = NULL, \
                 leased = 0, tries = 0, answer = '', message = NULL WHERE state = 'dropped'",
            )?
            .execute(params![message, first, now])?;
        if said > 0 {
            // What another of those commits moves is news of its own from now on.
            tx.prepare_cached("UPDATE outbox SET first = ?2, last = ?2 WHERE seq = ?1")?
                .execute(params![message, first])?;
        }
    }
    Ok(())
}

/// Positions of the commits that may have caused all open changes of a message; `None` where no
/// commit can have caused all.
pub(super) fn set_of(db: &Connection, message: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    let (first, last): (Option<i64>, Option<i64>) = db
        .prepare_cached(&format!(
            "SELECT max(e.first), min(e.last) FROM outbox_change m \
             JOIN change e ON e.id = m.change WHERE m.message = ?1 AND {OPEN}"
        ))?
        .query_row([message], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(first.zip(last).filter(|(first, last)| first <= last))
}

fn messages_about(tx: &Transaction<'_>, change: &str) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached("SELECT message FROM outbox_change WHERE change = ?1")?
        .query_map([change], |r| r.get(0))?
        .collect()
}

/// Has whoever heard of a change that just went back hear that, once nothing of their message is
/// open any more.
pub(in crate::store) fn went_back(
    tx: &Transaction<'_>,
    change: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let about = messages_about(tx, change)?;
    about.into_iter().try_for_each(|m| say_back(tx, m, now))
}

/// Makes a message of a delivered one whose changes are all over, where one of them went back: what
/// people settled is no news to them.
pub(super) fn say_back(tx: &Transaction<'_>, message: i64, now: i64) -> rusqlite::Result<()> {
    let changes = "FROM outbox_change m JOIN change e ON e.id = m.change WHERE m.message = o.seq";
    tx.prepare_cached(&format!(
        "INSERT OR IGNORE INTO outbox (id, channel, news, first, last, about, created, due) \
         SELECT o.id || '_back', o.channel, 'recovered', o.first, o.last, o.seq, ?2, ?2 \
         FROM outbox o JOIN channel h ON h.id = o.channel AND h.disabled IS NULL \
         WHERE o.seq = ?1 AND o.news = 'moved' AND o.state = 'delivered' \
         AND NOT EXISTS (SELECT 1 {changes} AND {OPEN}) \
         AND EXISTS (SELECT 1 {changes} AND e.state IN ('new', 'acknowledged'))"
    ))?
    .execute(params![message, now])
    .map(|_| ())
}
