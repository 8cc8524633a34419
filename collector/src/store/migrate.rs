//! From the schema of an older uptick to this one, each step in one transaction.

use rusqlite::{Transaction, params};

use crate::model::{Counter, Metric, Sha};
use crate::store::log::append::{Sealed, put};
use crate::store::log::codec::unpack;
use crate::store::log::entry::{Entry, Kind, Stacks};
use crate::store::log::older::{Batches, Decided, Line};
use crate::store::view::pruned::named;
use crate::store::view::{apply, measured, natures};

/// Each migration raises the schema's number by one.
pub(super) const STEPS: [&str; 13] = [
    include_str!("schema.sql"),
    include_str!("dashboard.sql"),
    include_str!("groups.sql"),
    include_str!("log.sql"),
    include_str!("handing.sql"),
    include_str!("outbox/outbox.sql"),
    include_str!("metrics.sql"),
    include_str!("people.sql"),
    include_str!("retention.sql"),
    include_str!("health.sql"),
    include_str!("snooze.sql"),
    include_str!("objects.sql"),
    include_str!("left.sql"),
];

/// Runs the steps from schema `from` on.
pub(super) fn run(tx: &Transaction<'_>, from: usize) -> rusqlite::Result<()> {
    for (i, sql) in STEPS.iter().enumerate().skip(from) {
        tx.execute_batch(sql)?;
        if i == 3 {
            adopt(tx)?;
        }
        if i == 8 {
            name_profiles(tx)?;
        }
        if i == 9 {
            natures::spreads(tx)?;
        }
        if i == 12 && measured::note_who_left(tx)? {
            apply::forget_all(tx)?;
        }
        tx.pragma_update(None, "user_version", (i + 1) as i64)?;
    }
    Ok(())
}

/// Lists the profiles that the entries name which are applied already.
fn name_profiles(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut entries = tx.prepare(
        "SELECT seq, kind, document FROM log WHERE kind IN ('report', 'profile') \
         AND seq <= (SELECT value FROM state WHERE name = 'applied') ORDER BY seq",
    )?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, kind): (i64, String) = (row.get(0)?, row.get(1)?);
        // What is damaged names nothing; `verify` names it.
        let bytes = unpack(&row.get::<_, Vec<u8>>(2)?).unwrap_or_default();
        let read = Kind::from_name(&kind).map(|k| Entry::parse(k, &bytes));
        match read {
            Some(Ok(Entry::Report(r))) => named(tx, seq, r.profiles.iter().map(|p| &p.blob))?,
            Some(Ok(Entry::Profile(p))) => named(tx, seq, std::iter::once(&p.blob))?,
            _ => {}
        }
    }
    Ok(())
}

/// Puts what an older store kept in tables of its own into the log, and has everything derived
/// anew from there.
fn adopt(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let put = |entry: &Entry| -> rusqlite::Result<String> {
        let wrap =
            |e: crate::error::Error| rusqlite::Error::ToSqlConversionFailure(e.to_string().into());
        let sealed = Sealed::of(entry).map_err(wrap)?;
        put(tx, &sealed)?;
        Ok(sealed.hash)
    };
    for stacks in stacks(tx)? {
        put(&Entry::Profile(stacks))?;
    }
    let mut batches = Batches::default();
    for decided in changes(tx)? {
        let alert = decided.alert();
        batches.add(&alert.id, &decided.decisions);
        put(&Entry::Alert(Box::new(alert)))?;
    }
    batches.commands(|c| put(&Entry::Decision(c)))?;
    tx.execute_batch(
        "DROP TABLE event; DROP TABLE decision; DELETE FROM point; DELETE FROM series; \
         DELETE FROM measured_commit; DELETE FROM testbed; DELETE FROM report; \
         DROP TABLE stacks; CREATE TABLE stacks (sha TEXT NOT NULL, benchmark TEXT NOT NULL, \
         suite_key TEXT NOT NULL, blob TEXT NOT NULL, \
         PRIMARY KEY (sha, benchmark, suite_key)) WITHOUT ROWID; \
         UPDATE state SET value = 0 WHERE name IN ('applied', 'points', 'reports');",
    )
}

fn stacks(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Stacks>> {
    tx.prepare("SELECT sha, benchmark, suite_key, blob FROM stacks ORDER BY sha, benchmark")?
        .query_map([], |r| {
            Ok(Stacks {
                sha: Sha(r.get(0)?),
                benchmark: r.get(1)?,
                suite: r.get(2)?,
                testbed: None,
                blob: r.get(3)?,
            })
        })?
        .collect()
}

/// Every change that was reported, with what was decided about it. One of a metric or counter that
/// nobody knows any more is left out.
fn changes(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Decided>> {
    let rows: Vec<(i64, Option<Decided>)> = tx
        .prepare(
            "SELECT e.id, s.benchmark, s.metric, s.counter, s.fingerprint, e.told_at, \
             e.position, e.first, e.last, e.before, e.after \
             FROM event e JOIN series s ON s.key = e.series ORDER BY e.id",
        )?
        .query_map([], |r| {
            let (metric, counter): (String, String) = (r.get(2)?, r.get(3)?);
            let known = Metric::well_known(&metric).zip(Counter::well_known(&counter));
            let Some((metric, counter)) = known else {
                return Ok((r.get(0)?, None));
            };
            let decided = Decided {
                benchmark: r.get(1)?,
                metric,
                counter,
                fingerprint: r.get(4)?,
                told_at: r.get(5)?,
                position: r.get(6)?,
                first: r.get(7)?,
                last: r.get(8)?,
                before: r.get(9)?,
                after: r.get(10)?,
                decisions: Vec::new(),
            };
            Ok((r.get(0)?, Some(decided)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut out = Vec::new();
    for (id, decided) in rows {
        if let Some(mut decided) = decided {
            decided.decisions = lines(tx, id)?;
            out.push(decided);
        }
    }
    Ok(out)
}

fn lines(tx: &Transaction<'_>, event: i64) -> rusqlite::Result<Vec<Line>> {
    tx.prepare_cached(
        "SELECT batch, time, actor, before, after, note, link, undoes, regroups FROM decision \
         WHERE event = ?1 ORDER BY id",
    )?
    .query_map(params![event], |r| {
        Ok(Line {
            batch: r.get(0)?,
            time: r.get(1)?,
            actor: r.get(2)?,
            before: r.get(3)?,
            after: r.get(4)?,
            note: r.get(5)?,
            link: r.get(6)?,
            undoes: r.get(7)?,
            regroups: r.get(8)?,
        })
    })?
    .collect()
}
