//! For how long a queue keeps what is over.

use rusqlite::{Transaction, params};

use crate::error::Result;
use crate::store::Store;

const DAY: i64 = 86_400_000;
/// Jobs that ended so long ago are forgotten, but for those of pull requests that are there.
const JOBS: i64 = 90 * DAY;
/// Collectors that were not heard of for so long are.
const COLLECTORS: i64 = 30 * DAY;
/// Jobs that one transaction forgets: whoever else writes waits for no more.
const AT_ONCE: usize = 500;

impl Store {
    /// Forgets what is over for long: at most so many jobs that there is no need to look again at once
    /// where it gives `false`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn forget_old(&mut self, now: i64) -> Result<bool> {
        self.change(|tx| {
            forget_collectors(tx, now)?;
            Ok(forget_jobs(tx, now)? == AT_ONCE)
        })
    }
}

/// The newest job stays: no number is given twice.
fn forget_jobs(tx: &Transaction<'_>, now: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached(
        "DELETE FROM job WHERE id IN (SELECT j.id FROM job j \
         WHERE j.state IN ('done', 'failed', 'cancelled', 'withdrawn') AND j.ended < ?1 \
         AND j.id < (SELECT max(id) FROM job) AND NOT EXISTS (SELECT 1 FROM pull p \
         WHERE p.project = j.project AND j.sha IN (p.sha, p.base)) LIMIT ?2)",
    )?
    .execute(params![now - JOBS, AT_ONCE as i64])
}

fn forget_collectors(tx: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM collector WHERE beat < ?1 \
         AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.collector = collector.name)",
        [now - COLLECTORS],
    )?;
    tx.execute(
        "DELETE FROM pause WHERE collector NOT IN (SELECT name FROM collector) \
         OR project NOT IN (SELECT name FROM project)",
        [],
    )
    .map(|_| ())
}
