//! What goes: whatever is older than it is kept, and not spared.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, Rows, params};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::Report;
use crate::store::Store;
use crate::store::log::arrival;
use crate::store::prune::bytes;
use crate::store::prune::spared::{Bounds, Spared};
use crate::store::prune::what::{Candidate, DAY, What};

/// For how many days what is kept, from when the store got it; what is not named is kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Profiles.
    pub profiles: Option<u64>,
    /// Reports of branches.
    pub branches: Option<u64>,
    /// Reports of the main line.
    pub main: Option<u64>,
}

impl Keep {
    /// Refuses times by which a report would go before its profiles.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub fn check(&self) -> Result<()> {
        let reports = [self.branches, self.main].into_iter().flatten().min();
        let profiles = self.profiles.unwrap_or(u64::MAX);
        match reports {
            Some(days) if profiles > days => Err(Error::Usage(format!(
                "--keep-profiles: a profile is kept no longer than its report: add \
                 `--keep-profiles {days}d`, or fewer days"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether everything is kept for ever.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// What has a time, in the order in which it goes.
    pub(super) fn each(&self) -> Vec<(What, u64)> {
        let all = [
            (What::Profiles, self.profiles),
            (What::Reports { main: false }, self.branches),
            (What::Reports { main: true }, self.main),
        ];
        let timed = all.into_iter().filter_map(|(what, t)| Some((what, t?)));
        timed.collect()
    }

    /// The newest entry that is over its time; `None` where that is never over.
    fn end(&self, db: &Connection, what: What, now: i64) -> rusqlite::Result<Option<i64>> {
        let Some((_, days)) = self.each().into_iter().find(|(w, _)| *w == what) else {
            return Ok(None);
        };
        let seconds = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY);
        arrival::last_before(db, now.saturating_sub(seconds), now).map(Some)
    }
}

/// How much goes, or went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Prunable {
    /// Profiles.
    pub profiles: u64,
    /// Their bytes where they lie: packed in the file, as they are elsewhere.
    pub profile_bytes: u64,
    /// Reports of branches.
    pub branch_reports: u64,
    /// Their packed bytes; what is derived from them goes beside.
    pub branch_bytes: u64,
    /// Reports of the main line.
    pub main_reports: u64,
    /// Their packed bytes; what is derived from them goes beside.
    pub main_bytes: u64,
}

impl Prunable {
    pub(super) fn of(what: What, candidates: &[Candidate]) -> Self {
        let n = candidates.len() as u64;
        let bytes = candidates.iter().map(|c| c.bytes).sum();
        let mut out = Self::default();
        let (count, size) = match what {
            What::Profiles => (&mut out.profiles, &mut out.profile_bytes),
            What::Reports { main: false } => (&mut out.branch_reports, &mut out.branch_bytes),
            What::Reports { main: true } => (&mut out.main_reports, &mut out.main_bytes),
        };
        (*count, *size) = (n, bytes);
        out
    }

    /// Adds what another step dropped.
    pub fn add(&mut self, other: &Self) {
        self.profiles += other.profiles;
        self.profile_bytes += other.profile_bytes;
        self.branch_reports += other.branch_reports;
        self.branch_bytes += other.branch_bytes;
        self.main_reports += other.main_reports;
        self.main_bytes += other.main_bytes;
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a pruning at one time lets go.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) keep: Keep,
    now: i64,
    bounds: Bounds,
    spared: Spared,
    /// The last entry of the log, but for prunings, by which it was made.
    seen: i64,
}

/// What a plan goes by: the last entry of the log that is no pruning.
fn seen(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT seq FROM log WHERE kind <> 'pruning' ORDER BY seq DESC LIMIT 1")?
        .query_row([], |r| r.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}

impl Store {
    /// What may go now, by what was derived up to now.
    ///
    /// # Errors
    /// [`Error::Usage`] as for [`Keep::check`]; [`Error::Store`].
    pub fn plan_pruning(&self, keep: &Keep, now: i64) -> Result<Plan> {
        self.plan_within(keep, now, Bounds::default())
    }

    /// [`Store::plan_pruning`] with bounds of one's own.
    pub(in crate::store) fn plan_within(
        &self,
        keep: &Keep,
        now: i64,
        bounds: Bounds,
    ) -> Result<Plan> {
        keep.check()?;
        self.ask(|db| {
            let seen = seen(db)?;
            let branches = keep.end(db, What::Reports { main: false }, now)?;
            let spared = Spared::look(db, now, branches.unwrap_or(-1), bounds)?;
            Ok(Plan {
                keep: *keep,
                now,
                bounds,
                spared,
                seen,
            })
        })
    }

    /// Makes a plan anew where something was reported, decided or handed in since: whoever drops
    /// much does it for a long time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn renew_plan(&self, plan: &mut Plan) -> Result<()> {
        if self.ask(seen)? != plan.seen {
            *plan = self.plan_within(&plan.keep, plan.now, plan.bounds)?;
        }
        Ok(())
    }

    /// How much a plan lets go: nothing is changed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn prunable(&self, plan: &Plan) -> Result<Prunable> {
        let mut sum = Prunable::default();
        for (what, _) in plan.keep.each() {
            let candidates = self.ask(|db| whole(db, plan.candidates(db, what)?, what))?;
            sum.add(&Prunable::of(what, &candidates));
        }
        Ok(sum)
    }
}

/// Without the reports that are damaged: they stay, for `verify` to name.
fn whole(db: &Connection, mut all: Vec<Candidate>, what: What) -> rusqlite::Result<Vec<Candidate>> {
    if matches!(what, What::Reports { .. }) {
        let mut left = Vec::with_capacity(all.len());
        for c in all {
            if bytes::report(db, &c.hash)?.is_some() {
                left.push(c);
            }
        }
        all = left;
    }
    Ok(all)
}

impl Plan {
    /// What of one kind is over its time and not spared, the oldest first.
    pub(super) fn candidates(
        &self,
        db: &Connection,
        what: What,
    ) -> rusqlite::Result<Vec<Candidate>> {
        let mut all = Vec::new();
        self.visit(db, what, &mut |c| {
            all.push(c);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// Shows them one by one for as long as `each` goes on: whoever drops some in a transaction
    /// reads no more than those.
    pub(super) fn visit(
        &self,
        db: &Connection,
        what: What,
        each: Each<'_>,
    ) -> rusqlite::Result<()> {
        let Some(end) = self.keep.end(db, what, self.now)? else {
            return Ok(());
        };
        let seen = match what {
            What::Profiles => self.profiles(db, end, each)?,
            What::Reports { main } => self.reports(db, (main, end), each)?,
        };
        if what == (What::Reports { main: true }) && seen.is_continue() {
            // They come last, so that nobody asks whether more is wanted.
            let _ = excluded(db, end, each)?;
        }
        Ok(())
    }

    fn profiles(
        &self,
        db: &Connection,
        end: i64,
        each: Each<'_>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        let mut query = db.prepare_cached(
            "SELECT n.blob, coalesce(length(b.bytes), o.bytes), n.last FROM named_profile n \
             LEFT JOIN blob b ON b.hash = n.blob LEFT JOIN object o ON o.hash = n.blob \
             WHERE n.last <= ?1 AND (b.hash IS NOT NULL OR o.hash IS NOT NULL) \
             ORDER BY n.last, n.blob",
        )?;
        show(
            query.query([end])?,
            &|c, _| Ok(self.spared.profile(&c.hash)),
            each,
        )
    }

    /// Profiles that a report names, that are over their time as well and that never came: no entry
    /// that is left may name them.
    pub(super) fn never_came(
        &self,
        db: &Connection,
        report: &Report,
    ) -> rusqlite::Result<Vec<String>> {
        let end = self.keep.end(db, What::Profiles, self.now)?;
        let mut over = db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM named_profile WHERE blob = ?1 AND last <= ?2)",
        )?;
        let mut out = Vec::new();
        for p in &report.profiles {
            let is_over: bool = over.query_row(params![p.blob, end], |r| r.get(0))?;
            if is_over && !self.spared.profile(&p.blob) {
                out.push(p.blob.clone());
            }
        }
        Ok(out)
    }

    fn reports(
        &self,
        db: &Connection,
        (main, end): (bool, i64),
        each: Each<'_>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        // In this order of tables nothing has to be sorted, and the first are there at once.
        let mut query = db.prepare_cached(
            "SELECT r.hash, length(l.document), r.position FROM report r \
             CROSS JOIN measured_commit c ON c.sha = r.sha CROSS JOIN log l ON l.seq = r.id \
             WHERE c.main = ?1 AND r.id <= ?2 ORDER BY r.id",
        )?;
        let is_spared = |_: &Candidate, r: &Row<'_>| -> rusqlite::Result<bool> {
            Ok(main && self.spared.report(r.get(2)?))
        };
        show(query.query(params![main, end])?, &is_spared, each)
    }
}

/// Whoever sees what may go; it says whether it wants to see more.
type Each<'a> = &'a mut dyn FnMut(Candidate) -> rusqlite::Result<ControlFlow<()>>;

/// Whether a row is spared.
type IsSpared<'a> = &'a dyn Fn(&Candidate, &Row<'_>) -> rusqlite::Result<bool>;

/// Shows the rows that are not spared.
fn show(
    mut rows: Rows<'_>,
    is_spared: IsSpared<'_>,
    each: Each<'_>,
) -> rusqlite::Result<ControlFlow<()>> {
    while let Some(row) = rows.next()? {
        let c = Candidate {
            hash: row.get(0)?,
            bytes: row.get::<_, i64>(1)?.cast_unsigned(),
        };
        if !is_spared(&c, row)? && each(c)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Reports that count no longer: nobody needs them, and they are kept as those of the main line.
fn excluded(db: &Connection, end: i64, each: Each<'_>) -> rusqlite::Result<ControlFlow<()>> {
    let mut query = db.prepare_cached(
        "SELECT l.hash, length(l.document) FROM exclusion e JOIN log l ON l.hash = e.report \
         WHERE e.out = 1 AND l.kind = 'report' AND l.seq <= ?1 ORDER BY l.seq",
    )?;
    show(query.query([end])?, &|_, _| Ok(false), each)
}
