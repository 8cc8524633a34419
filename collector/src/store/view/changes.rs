//! Changes as they were reported.

use rusqlite::{Transaction, params};

use crate::detect::Kind;
use crate::detect::steps::place::NEAR;
use crate::store::log::entry::Alert;

/// A change as it was reported. Whoever reports it a second time changes nothing.
pub(super) fn alert(tx: &Transaction<'_>, a: &Alert) -> rusqlite::Result<()> {
    let c = &a.change;
    let reported = serde_json::to_string(c).map_err(unwritable)?;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO change (id, series, judged, told_at, position, first, last, \
         before, after, change, low, high, confidence, kind, reported) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
    )?
    .execute(params![
        a.id,
        a.series.id(),
        a.series.metric.is_judged(),
        a.told_at,
        c.index,
        c.first,
        c.last,
        c.before,
        c.after,
        c.change,
        c.low,
        c.high,
        c.confidence,
        kind_word(c.kind),
        reported
    ])?;
    // Of several that tell of one step, the next look lets one stand.
    let near = NEAR as i64;
    tx.prepare_cached(
        "UPDATE series SET searched = min(searched, 0) - 1 WHERE key = ?1 AND searched <> 0 AND EXISTS \
         (SELECT 1 FROM change o WHERE o.series = ?1 AND o.id <> ?2 \
         AND o.first <= ?3 AND o.last >= ?4)",
    )?
    .execute(params![
        a.series.id(),
        a.id,
        c.last.saturating_add(near),
        c.first.saturating_sub(near)
    ])?;
    Ok(())
}

/// A value that cannot be written as JSON, as SQLite's error.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
pub(super) fn unwritable(e: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(e.to_string().into())
}

pub(in crate::store) const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Environment => "environment",
        Kind::Step => "step",
        Kind::Drift => "drift",
    }
}

pub(super) fn kind_of(word: &str) -> Kind {
    match word {
        "environment" => Kind::Environment,
        "drift" => Kind::Drift,
        _ => Kind::Step,
    }
}
