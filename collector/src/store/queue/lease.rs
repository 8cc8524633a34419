//! Leases: taken, renewed, closed, and taken away.

use rusqlite::{OptionalExtension, Transaction, params};

use super::pauses::ALIVE;
use super::pulls::MAY_BE_MEASURED;
use super::rows::{self, Job};
use super::{json, pauses};
use crate::error::{Error, Result};
use crate::jobs::wire::{Claim, Going};
use crate::jobs::{ASKEW, After, Fault, LONGEST_PAUSE, after, is_expired, is_turn_of_oldest};
use crate::store::Store;

/// Who asks for a job.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// What it says of itself.
    pub claim: &'a Claim,
    /// Whose token it showed: only that one renews and closes its leases.
    pub holder: &'a str,
    /// How long its lease holds, in milliseconds.
    pub ttl: i64,
}

/// A lease, as whoever has it names it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The job.
    pub job: i64,
    /// The lease.
    pub epoch: i64,
    /// Whose token is shown.
    pub holder: &'a str,
}

/// Why a job could not be done.
#[derive(Clone, Copy, Debug)]
pub struct Failing<'a> {
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether a machine's fault is known to hit this job alone.
    pub only_this_job: bool,
    /// Where it failed.
    pub stage: &'a str,
    /// What happened, in words.
    pub why: &'a str,
}

impl<'a> Failing<'a> {
    /// A fault, at a stage, for a reason.
    #[must_use]
    pub const fn new(fault: Fault, stage: &'a str, why: &'a str) -> Self {
        Self {
            fault,
            only_this_job: false,
            stage,
            why,
        }
    }
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The hash of the report.
    pub report: String,
    /// Where and why the commit as a whole gave no number.
    pub failed: Option<(String, String)>,
}

/// Whether a lease was still good when something was done under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Done.
    Yes,
    /// The lease is over; nothing was done.
    Lost,
}

impl Store {
    /// Leases the next job to a collector: `None` where none waits for its labels. A collector that
    /// has one already lost it (the answer did not reach it), and it goes back first.
    ///
    /// # Errors
    /// [`Error::Usage`] where another run under the same name is at work, [`Error::Store`].
    pub fn claim(&mut self, who: &Claimant<'_>, now: i64) -> Result<Option<Job>> {
        let claimed = self.change(|tx| {
            sweep(tx, who.ttl, now)?;
            if let Some(job) = others(tx, who.claim)? {
                return Ok(Err(job));
            }
            let mine: Option<i64> = tx
                .prepare_cached("SELECT job FROM lease WHERE collector = ?1")?
                .query_row([&who.claim.collector], |r| r.get(0))
                .optional()?;
            if let Some(job) = mine {
                put_back(tx, job, &Failing::new(Fault::Nobody, "", ""), now)?;
            }
            enter(tx, who.claim, now)?;
            let leases: i64 =
                tx.query_row("SELECT value FROM state WHERE name = 'leases'", [], |r| {
                    r.get(0)
                })?;
            let job = lease(tx, who, leases.cast_unsigned(), now)?;
            if job.is_some() {
                tx.execute(
                    "UPDATE state SET value = value + 1 WHERE name = 'leases'",
                    [],
                )?;
            }
            Ok(Ok(job))
        })?;
        claimed.map_err(|job| taken(who.claim, job))
    }

    /// Notes that a collector is there, and what it says of itself.
    ///
    /// # Errors
    /// As [`Store::claim`].
    pub fn note_collector(&mut self, claim: &Claim, now: i64) -> Result<()> {
        let noted = self.change(|tx| {
            let other = others(tx, claim)?;
            if other.is_none() {
                enter(tx, claim, now)?;
            }
            Ok(other)
        })?;
        noted.map_or(Ok(()), |job| Err(taken(claim, job)))
    }

    /// Whether something waits for one of these labels, or a lease may be over; without a write.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn may_claim(&self, claim: &Claim, ttl: i64, now: i64) -> Result<bool> {
        self.ask(|db| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM job WHERE state = 'waiting' \
                 AND label IN (SELECT value FROM json_each(?1)) AND (purpose <> 'pull' OR ?5) \
                 AND (not_before <= ?3 OR not_before - ?3 > {LONGEST_PAUSE}) \
                 AND NOT EXISTS ({})) \
                 OR EXISTS (SELECT 1 FROM lease WHERE until <= ?3 OR until - ?3 > ?4)",
                pauses::HERE
            );
            db.prepare_cached(&sql)?.query_row(
                params![
                    json(&claim.labels),
                    claim.collector,
                    now,
                    ttl.saturating_add(ASKEW),
                    claim.untrusted
                ],
                |r| r.get(0),
            )
        })
    }

    /// Renews a lease for `ttl` milliseconds.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn beat(&mut self, held: &Held<'_>, stage: &str, ttl: i64, now: i64) -> Result<Going> {
        let gone = |g: &Going| *g != Going::Go;
        self.surely(gone, |store| store.beat_here(held, stage, ttl, now))
    }

    fn beat_here(&mut self, held: &Held<'_>, stage: &str, ttl: i64, now: i64) -> Result<Going> {
        self.change(|tx| {
            let collector: Option<String> = tx
                .prepare_cached(
                    "UPDATE lease SET until = ?4, stage = ?5 \
                     WHERE job = ?1 AND epoch = ?2 AND holder = ?3 RETURNING collector",
                )?
                .query_row(
                    params![held.job, held.epoch, held.holder, now + ttl, stage],
                    |r| r.get(0),
                )
                .optional()?;
            if let Some(name) = collector {
                tx.prepare_cached("UPDATE collector SET beat = ?2 WHERE name = ?1")?
                    .execute(params![name, now])?;
                return Ok(Going::Go);
            }
            let cancelled: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM job \
                 WHERE id = ?1 AND epoch = ?2 AND state = 'cancelled')",
                params![held.job, held.epoch],
                |r| r.get(0),
            )?;
            Ok(if cancelled {
                Going::Cancelled
            } else {
                Going::Lost
            })
        })
    }

    /// Closes a job with what came of it. `append` puts the report where it belongs, durably, while
    /// nobody else can lease the job; where the lease is over it is not called.
    ///
    /// A crash between the two leaves the report in its log and the job leased: the same report
    /// again is no second one, and closes it. Whoever did not hear the answer asks again: a job that
    /// this lease closed with the same report is closed.
    ///
    /// # Errors
    /// What `append` says, and [`Error::Store`]; then the job is leased as before.
    pub fn finish(
        &mut self,
        held: &Held<'_>,
        done: &Finished,
        now: i64,
        mut append: impl FnMut(&Job) -> Result<()>,
    ) -> Result<Closed> {
        self.surely(is_lost, |store| {
            store.transact_held(
                |tx| match leased(tx, held)? {
                    Some(job) => Ok(Ok(job)),
                    None if is_closed_with(tx, held, &done.report)? => Ok(Err(Closed::Yes)),
                    None => Ok(Err(Closed::Lost)),
                },
                &mut append,
                |tx, job| close(tx, (held, job), done, now).map(|()| Closed::Yes),
            )
        })
    }

    /// Notes that a collector could not do it; the job waits again, or has failed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn fail(&mut self, held: &Held<'_>, failing: &Failing<'_>, now: i64) -> Result<Closed> {
        self.surely(is_lost, |store| {
            store.change(|tx| {
                let Some(job) = leased(tx, held)? else {
                    return Ok(Closed::Lost);
                };
                let at = (job.collector.as_str(), job.project.as_str());
                let mut failing = *failing;
                match failing.fault {
                    Fault::Machine if !failing.only_this_job => {
                        failing.only_this_job =
                            pauses::lengthen(tx, at, (failing.stage, failing.why), now)?;
                    }
                    Fault::Machine | Fault::Nobody => {}
                    Fault::Commit => pauses::end(tx, at)?,
                }
                put_back(tx, held.job, &failing, now)?;
                Ok(Closed::Yes)
            })
        })
    }

    /// Lets every lease hold for `ttl` milliseconds from now: no heartbeat could come while the server
    /// was away, which is no collector's fault. One that holds already for that reason, and of whose
    /// collector nothing was heard since, is left as it is: a server that is started again and again
    /// would keep the leases of the dead. Gives how many were renewed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn renew_leases(&mut self, ttl: i64, now: i64) -> Result<usize> {
        self.change(|tx| {
            tx.execute(
                "UPDATE lease SET until = ?2 + ?1 WHERE ?2 - until > ?1 OR until - ?2 > ?1 \
                 OR until <= ?1 + \
                 (SELECT c.beat FROM collector c WHERE c.name = lease.collector)",
                [ttl, now],
            )
        })
    }

    /// Takes away every lease that is over. Gives how many.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn expire(&mut self, ttl: i64, now: i64) -> Result<usize> {
        self.change(|tx| sweep(tx, ttl, now))
    }
}

fn is_lost(closed: &Closed) -> bool {
    *closed == Closed::Lost
}

/// The job that another run under the same name has.
fn others(tx: &Transaction<'_>, claim: &Claim) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached("SELECT job FROM lease WHERE collector = ?1 AND session <> ?2")?
        .query_row(params![claim.collector, claim.session], |r| r.get(0))
        .optional()
}

fn taken(claim: &Claim, job: i64) -> Error {
    Error::Usage(format!(
        "another collector called `{}` is at work on job {job}: give each a name of its own; one \
         that was killed is forgotten when its lease ends, a minute after its last word unless the \
         server was started with another `--lease`",
        claim.collector
    ))
}

/// Enters a collector's name, with what it says of itself now.
fn enter(tx: &Transaction<'_>, claim: &Claim, now: i64) -> rusqlite::Result<()> {
    let testbed = serde_json::to_string(&claim.testbed).unwrap_or_else(|_| "{}".into());
    pauses::try_anew(tx, claim)?;
    tx.prepare_cached(
        "INSERT INTO collector \
         (name, session, labels, version, testbed, first, beat, untrusted, protocol) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8) ON CONFLICT (name) DO UPDATE SET session = ?2, \
         labels = ?3, version = ?4, testbed = ?5, beat = ?6, untrusted = ?7, protocol = ?8",
    )?
    .execute(params![
        claim.collector,
        claim.session,
        json(&claim.labels),
        claim.version,
        testbed,
        now,
        claim.untrusted,
        claim.protocol
    ])
    .map(|_| ())
}

/// Leases by the rule of [`crate::jobs::next`], over the jobs that this collector may have now: not
/// what its own machine failed, while another one of that label is alive; none of a project that its
/// machine pauses for; a pull request only where it takes them, and only its present head, that of a
/// fork only while it is approved.
fn lease(
    tx: &Transaction<'_>,
    who: &Claimant<'_>,
    leases: u64,
    now: i64,
) -> rusqlite::Result<Option<Job>> {
    // What its machine failed comes last: another job tells whether that was the machine or the job.
    let turns: &[(&str, &str)] = if is_turn_of_oldest(leases) {
        &[("id", "true")]
    } else {
        &[
            ("rank, id DESC", "avoid <> ?2"),
            ("rank, id DESC", "avoid = ?2"),
        ]
    };
    let mut taken = None;
    for turn in turns {
        if taken.is_none() {
            taken = take(tx, who.claim, *turn, now)?;
        }
    }
    let Some((job, epoch)) = taken else {
        return Ok(None);
    };
    tx.prepare_cached(
        "INSERT INTO lease (job, epoch, until, collector, session, holder) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        job,
        epoch,
        now + who.ttl,
        who.claim.collector,
        who.claim.session,
        who.holder
    ])?;
    rows::one(tx, job)
}

/// Takes the first of the jobs that a collector may have now, in an order and on a condition; gives its
/// number and its epoch.
fn take(
    tx: &Transaction<'_>,
    claim: &Claim,
    (order, condition): (&str, &str),
    now: i64,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let sql = format!(
        "UPDATE job SET state = 'leased', epoch = epoch + 1, attempts = attempts + 1, \
         collector = ?2, started = ?3, stage = '', why = '' WHERE id = (SELECT id FROM job \
         WHERE state = 'waiting' AND label IN (SELECT value FROM json_each(?1)) \
         AND (not_before <= ?3 OR not_before - ?3 > {LONGEST_PAUSE}) AND {condition} \
         AND (avoid <> ?2 OR NOT EXISTS (SELECT 1 FROM collector c, json_each(c.labels) e \
         WHERE c.name <> ?2 AND c.beat > ?3 - {ALIVE} AND e.value = label \
         AND (purpose <> 'pull' OR c.untrusted))) AND NOT EXISTS ({}) \
         AND (purpose <> 'pull' OR ?4 AND (reference = '' OR EXISTS ({MAY_BE_MEASURED}))) \
         ORDER BY {order} LIMIT 1) RETURNING id, epoch",
        pauses::HERE
    );
    tx.prepare_cached(&sql)?
        .query_row(
            params![json(&claim.labels), claim.collector, now, claim.untrusted],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()
}

/// The job of a lease that is still good.
fn leased(tx: &Transaction<'_>, held: &Held<'_>) -> rusqlite::Result<Option<Job>> {
    let good: bool = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM lease WHERE job = ?1 AND epoch = ?2 AND holder = ?3)",
        )?
        .query_row(params![held.job, held.epoch, held.holder], |r| r.get(0))?;
    if good {
        rows::one(tx, held.job)
    } else {
        Ok(None)
    }
}

/// Whether this lease closed its job, with that report.
fn is_closed_with(tx: &Transaction<'_>, held: &Held<'_>, report: &str) -> rusqlite::Result<bool> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM job WHERE id = ?1 AND epoch = ?2 AND report = ?3 \
         AND state IN ('done', 'failed'))",
        params![held.job, held.epoch, report],
        |r| r.get(0),
    )
}

fn close(
    tx: &Transaction<'_>,
    (held, job): (&Held<'_>, &Job),
    done: &Finished,
    now: i64,
) -> rusqlite::Result<()> {
    pauses::end(tx, (&job.collector, &job.project))?;
    let (state, (stage, why)) = match &done.failed {
        None => ("done", ("", "")),
        Some((stage, why)) => ("failed", (stage.as_str(), why.as_str())),
    };
    tx.execute(
        "UPDATE job SET state = ?3, ended = ?4, stage = ?5, why = ?6, report = ?7 \
         WHERE id = ?1 AND epoch = ?2 AND state = 'leased'",
        params![held.job, held.epoch, state, now, stage, why, done.report],
    )?;
    tx.execute(
        "DELETE FROM lease WHERE job = ?1 AND epoch = ?2",
        params![held.job, held.epoch],
    )?;
    Ok(())
}

/// Ends a lease without a result.
fn put_back(
    tx: &Transaction<'_>,
    job: i64,
    failing: &Failing<'_>,
    now: i64,
) -> rusqlite::Result<()> {
    let Failing { stage, why, .. } = *failing;
    let attempts: u32 = tx.query_row("SELECT attempts FROM job WHERE id = ?1", [job], |r| {
        r.get(0)
    })?;
    tx.execute("DELETE FROM lease WHERE job = ?1", [job])?;
    match after(failing.fault, failing.only_this_job, attempts, now) {
        After::Failed => tx.execute(
            "UPDATE job SET state = 'failed', ended = ?2, stage = ?3, why = ?4 \
             WHERE id = ?1 AND state = 'leased'",
            params![job, now, stage, why],
        ),
        After::Again {
            not_before,
            attempts,
        } => tx.execute(
            "UPDATE job SET state = 'waiting', attempts = ?2, not_before = ?3, stage = ?4, \
             why = ?5, avoid = CASE WHEN ?6 THEN collector ELSE avoid END \
             WHERE id = ?1 AND state = 'leased'",
            params![
                job,
                attempts,
                not_before,
                stage,
                why,
                failing.fault == Fault::Machine
            ],
        ),
    }
    .map(|_| ())
}

/// Takes away the leases that are over: the collector died, or is cut off.
fn sweep(tx: &Transaction<'_>, ttl: i64, now: i64) -> rusqlite::Result<usize> {
    let all: Vec<(i64, i64, String)> = tx
        .prepare_cached("SELECT job, until, collector FROM lease")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut over = 0;
    for (job, until, collector) in all {
        if is_expired(until, now, ttl) {
            let why = format!("{collector} was not heard of until its lease was over");
            // It may be the job that kills whoever takes it.
            let failing = Failing {
                only_this_job: true,
                ..Failing::new(Fault::Machine, "lease", &why)
            };
            put_back(tx, job, &failing, now)?;
            // Nobody has to wait for a machine that is gone; the next may begin at once.
            tx.execute(
                "UPDATE job SET not_before = ?2 WHERE id = ?1 AND state = 'waiting'",
                params![job, now],
            )?;
            over += 1;
        }
    }
    Ok(over)
}
