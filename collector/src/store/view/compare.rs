//! Whether the view is what the log gives: derived once more in a store that is nobody's, and
//! compared by checksums over every row.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Rows, params};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::store::Store;

/// What is derived, by names that are the same in every store. Columns that the change finder
/// writes depend on when it looked, and are left out.
const TABLES: [(&str, &str); 15] = [
    (
        "series",
        "SELECT benchmark, metric, unit, better, counter, fingerprint, class, points, latest_position, \
         latest_value, key, latest_sha, latest_time FROM series",
    ),
    (
        "points",
        "SELECT s.key, p.position, p.report, p.value, p.low, p.high FROM point p \
         JOIN series s ON s.id = p.series",
    ),
    (
        "points of branches",
        "SELECT s.key, p.position, p.report, p.value, p.low, p.high FROM branch_point p \
         JOIN series s ON s.id = p.series",
    ),
    ("commits", "SELECT * FROM measured_commit"),
    ("testbeds", "SELECT * FROM testbed"),
    ("reports", "SELECT * FROM report"),
    ("commits of the main line", "SELECT * FROM main_line"),
    ("commits that left it", "SELECT * FROM line_left"),
    ("places of profiles", "SELECT * FROM stacks"),
    (
        "changes",
        "SELECT id, series, judged, told_at, state, note, link, reported, cause, \
         assignee, fixed, due, snooze FROM change",
    ),
    (
        "decisions",
        "SELECT batch, time, actor, event, before, after, note, link, undoes, regroups, \
         assignee, fixed, due, snooze FROM decided",
    ),
    ("excluded reports", "SELECT * FROM exclusion"),
    // By which entry a profile was named last is known from those that are left.
    ("profiles that are named", "SELECT blob FROM named_profile"),
    ("pruned profiles", "SELECT * FROM pruned_profile"),
    ("pruned reports", "SELECT * FROM pruned_report"),
];

/// How many rows there are, and the sum of their hashes, whatever their order.
pub(super) type Sum = (u64, u128);

impl Store {
    /// What of the view is not what the log gives, in words. A view that is behind the log is
    /// compared with what it has applied; in the middle of a report it is not compared.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when the log cannot be read or applied.
    pub(in crate::store) fn differs_from_log(&self) -> Result<Vec<String>> {
        if self.ask(|db| state(db, "part"))? > 0 {
            return Ok(Vec::new());
        }
        let mut anew = Self::scratch()?;
        let end = self.ask(|db| state(db, "applied"))?;
        self.ask(|db| feed(db, &anew.db, end))?;
        anew.derive()?;
        let mut out = Vec::new();
        for (what, sql) in TABLES {
            let of = |db: &Connection| sum(db.prepare(sql)?.query([])?);
            if self.ask(of)? != anew.ask(of)? {
                out.push(format!(
                    "the {what} are not those of the log: `uptick rebuild` derives them anew"
                ));
            }
        }
        Ok(out)
    }
}

fn state(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.query_row("SELECT value FROM state WHERE name = ?1", [name], |r| {
        r.get(0)
    })
}

/// Copies the log up to a place.
fn feed(from: &Connection, to: &Connection, end: i64) -> rusqlite::Result<()> {
    let mut rows =
        from.prepare("SELECT seq, kind, hash, document FROM log WHERE seq <= ?1 ORDER BY seq")?;
    let mut rows = rows.query([end])?;
    let mut put = to.prepare("INSERT INTO log VALUES (?1, ?2, ?3, ?4)")?;
    to.execute_batch("BEGIN")?;
    while let Some(r) = rows.next()? {
        let (seq, kind, hash): (i64, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
        put.execute(params![seq, kind, hash, r.get::<_, Vec<u8>>(3)?])?;
    }
    to.execute_batch("COMMIT")
}

/// The sum of rows.
pub(super) fn sum(mut rows: Rows<'_>) -> rusqlite::Result<Sum> {
    let mut out: Sum = (0, 0);
    while let Some(row) = rows.next()? {
        let mut hash = Sha256::new();
        for i in 0..row.as_ref().column_count() {
            update(&mut hash, row.get_ref(i)?);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let half = digest.first_chunk().copied().unwrap_or_default();
        out = (out.0 + 1, out.1.wrapping_add(u128::from_le_bytes(half)));
    }
    Ok(out)
}

/// A value with its kind and length, so that two rows that differ never read alike.
fn update(hash: &mut Sha256, value: ValueRef<'_>) {
    let (kind, bytes): (u8, Vec<u8>) = match value {
        ValueRef::Null => (0, Vec::new()),
        ValueRef::Integer(i) => (1, i.to_le_bytes().to_vec()),
        ValueRef::Real(f) => (2, f.to_bits().to_le_bytes().to_vec()),
        ValueRef::Text(t) => (3, t.to_vec()),
        ValueRef::Blob(b) => (4, b.to_vec()),
    };
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
