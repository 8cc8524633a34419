//! One judgement in the making: what two reports say, what is measured again, what explains it.

use crate::check::Options;
use crate::check::baseline::Baseline;
use crate::check::confirm::{Sides, apply, confirm_row};
use crate::check::release::Release;
use crate::config::{Config, glob};
use crate::detect::gate;
use crate::error::Result;
use crate::explain;
use crate::format::{benchmarks, name, telling};
use crate::git::Repo;
use crate::history::{Stored, untold_note};
use crate::judge::{self, Beside, Judgement, Reason, Row};
use crate::model::{Counter, Failure, Metric, Phase, Report, Sha, Variants, Verdict};
use crate::parallel::parallel;
use crate::run::{BuiltCommit, Progress, Runner};
use crate::store::Store;
use std::collections::BTreeSet;

/// Why a metric of one's own is never confirmed here.
const OTHERS_COUNT_IT: &str =
    "the tool that reported it counts it, and uptick cannot ask that tool again";

/// The other variant of the head, and what measures it.
pub(super) struct Against {
    pub(super) variants: Variants,
    pub(super) runner: Runner,
}

/// One judgement in the making.
pub(super) struct Run<'a> {
    runner: &'a mut Runner,
    store: &'a mut Store,
    base: Report,
    head: Report,
    rows: Vec<Row>,
    options: &'a Options,
    progress: &'a dyn Progress,
    benches: Option<(BuiltCommit, BuiltCommit)>,
    notes: Vec<String>,
    doubts: Vec<String>,
    hints: Vec<String>,
    /// Benchmarks that ran at first and then could not be run again.
    failed: Vec<Failure>,
    /// Where the base is another variant of the head: what measures it.
    against: Option<Against>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        runner: &'a mut Runner,
        store: &'a mut Store,
        (base, head): (Report, Report),
        against: Option<Against>,
        options: &'a Options,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let stored = Stored {
            store,
            base: &base,
            head: &head,
            variants: against.as_ref().map(|a| &a.variants),
        };
        let rows = stored.rows(runner.config(), &options.overrides, i64::MAX)?;
        Ok(Self {
            doubts: judge::doubts(&base, &head, &rows),
            runner,
            store,
            base,
            head,
            rows,
            options,
            progress,
            benches: None,
            notes: Vec::new(),
            hints: Vec::new(),
            failed: Vec::new(),
            against,
        })
    }

    /// Says what may hide a change.
    pub(super) fn doubt(&mut self, why: impl Iterator<Item = String>) {
        self.doubts.extend(why);
    }

    /// Both commits, built and standing in worktrees of their own.
    fn benches(&mut self) -> Result<&(BuiltCommit, BuiltCommit)> {
        if self.benches.is_none() {
            let (_, head) = self.runner.build(0, &self.head.commit.sha, self.progress)?;
            let (builder, slot) = match &mut self.against {
                Some(against) => (&mut against.runner, 0),
                None => (&mut *self.runner, 1),
            };
            let (_, base) = builder.build(slot, &self.base.commit.sha, self.progress)?;
            self.benches = Some((base, head));
        }
        match &self.benches {
            Some(b) => Ok(b),
            None => Err(crate::error::Error::Internal("the commits vanished".into())),
        }
    }

    /// Measures the suspects again, base and head in turn, and keeps what holds.
    pub(super) fn confirm(&mut self) -> Result<()> {
        let moved = |r: &Row| {
            matches!(
                r.verdict,
                Verdict::Regressed | Verdict::Improved | Verdict::Suspect
            )
        };
        let suspects: Vec<usize> = (0..self.rows.len())
            .filter(|&i| self.rows[i].judged && moved(&self.rows[i]))
            .collect();
        let (reported, suspects): (Vec<usize>, Vec<usize>) = suspects
            .into_iter()
            .partition(|&i| others_count(&self.rows[i]));
        self.confirm_by_changes()?;
        for i in reported {
            if !self.rows[i].confirmed {
                self.could_not_confirm(i, OTHERS_COUNT_IT);
            }
        }
        if suspects.is_empty() {
            return Ok(());
        }
        self.benches()?;
        self.progress.stage(&format!(
            "measuring {} again on both sides",
            benchmarks(suspects.len())
        ));
        let Some((base, head)) = &self.benches else {
            return Ok(());
        };
        let (runner, rows) = (&*self.runner, &self.rows);
        let width = runner.parallelism();
        let against = self.against.as_ref();
        let sides = Sides {
            base: (against.map_or(runner, |a| &a.runner), base),
            head: (runner, head),
        };
        let results = parallel(width, &suspects, |&i| {
            let base_name = base_name(against.map(|a| &a.variants), &rows[i].benchmark);
            confirm_row(&sides, &rows[i], &base_name)
        });
        let mut ps = Vec::new();
        for (&i, result) in suspects.iter().zip(results) {
            match result {
                Ok(c) => {
                    apply(&mut self.rows[i], &c);
                    ps.push((i, c.p));
                }
                Err(why) => self.could_not_confirm(i, &why),
            }
        }
        self.keep_what_survives_fdr(&ps);
        Ok(())
    }

    /// What is not measured again is confirmed as on the pages, which measure nothing.
    fn confirm_by_changes(&mut self) -> Result<()> {
        let stored = Stored {
            store: self.store,
            base: &self.base,
            head: &self.head,
            variants: self.against.as_ref().map(|a| &a.variants),
        };
        let is_final = |r: &&mut Row| !r.judged || others_count(r);
        stored.confirm(self.rows.iter_mut().filter(is_final))
    }

    /// A suspect that cannot be run again is neither a change nor none.
    fn could_not_confirm(&mut self, i: usize, why: &str) {
        let row = &mut self.rows[i];
        if row.metric == Metric::BinarySize || others_count(row) {
            // A file has one size, and what another tool reported it alone can count again.
            row.why.add(Reason::CannotMeasureAgain {
                because: why.into(),
            });
            return;
        }
        row.verdict = Verdict::Incomparable;
        row.why = Reason::RunAgainFailed.into();
        let message = format!("it moved, and running both sides again failed: {why}");
        let name = row.benchmark.clone();
        let failure = Failure::new(Some(name), Phase::Confirm, message);
        self.failed.push(failure);
    }

    /// Several suspects at once are judged together: at most a share q of them may be wrong.
    fn keep_what_survives_fdr(&mut self, ps: &[(usize, f64)]) {
        let q = gate::Policy::for_series(
            &crate::model::Metric::Instructions,
            &self.runner.session().counter,
        )
        .fdr_q;
        let values: Vec<f64> = ps.iter().map(|(_, p)| *p).collect();
        for ((i, _), kept) in ps.iter().zip(gate::benjamini_hochberg(&values, q)) {
            let row = &mut self.rows[*i];
            if !kept && row.confirmed {
                row.confirmed = false;
                row.verdict = Verdict::Suspect;
                row.why.add(Reason::OneOfMany);
            }
        }
    }

    /// What the series of the store say that these two measurements do not.
    pub(super) fn heed_history(&mut self) -> Result<()> {
        let stored = Stored {
            store: self.store,
            base: &self.base,
            head: &self.head,
            variants: self.against.as_ref().map(|a| &a.variants),
        };
        let untold = stored.untold(&self.rows)?;
        self.notes.extend(untold_note(&untold));
        Ok(())
    }

    pub(super) fn explain(&mut self) -> Result<()> {
        let wanted = explain::wanted(&self.rows, &self.base, &self.head, self.store)?;
        let picture = self.options.flamegraph && wanted.is_empty();
        let costliest = if picture {
            explain::costliest(&self.rows)
        } else {
            None
        };
        if wanted.is_empty() && costliest.is_none() {
            return Ok(());
        }
        if !explain::possible(self.runner) {
            self.notes
                .push("functions cannot be named without valgrind".into());
            return Ok(());
        }
        self.benches()?;
        let Some((base, head)) = &self.benches else {
            return Ok(());
        };
        self.progress.stage(&format!(
            "taking profiles of {}",
            benchmarks(wanted.len() + usize::from(costliest.is_some()))
        ));
        let hunks = self.runner.repo().hunks(&base.sha, &head.sha);
        let hunks = hunks.unwrap_or_else(|e| {
            let why = telling(&e.to_string(), 200);
            self.notes
                .push(format!("likely lines cannot be named: {why}"));
            Vec::new()
        });
        let pair = explain::Pair {
            base,
            head,
            hunks: &hunks,
            against: self.against.as_ref().map(|a| (&a.runner, &a.variants)),
        };
        explain::rows(
            self.runner,
            self.store,
            &mut self.rows,
            &wanted,
            &pair,
            &mut self.notes,
        )?;
        if let Some(i) = costliest {
            explain::picture(
                self.runner,
                self.store,
                &mut self.rows[i],
                head,
                &mut self.notes,
            )?;
        }
        Ok(())
    }

    /// The creep since the last release, and what the messages of the range accept.
    pub(super) fn hold_against_release(&mut self) -> Result<()> {
        let release = Release {
            repo: self.runner.repo(),
            config: self.runner.config(),
            store: self.store,
            base: &self.base,
            head: &self.head,
        };
        if self.options.release {
            release.creep(&mut self.rows, &mut self.notes, &mut self.hints)?;
        }
        let until = self.options.accepted_until.as_ref();
        release.accept(&mut self.rows, until.unwrap_or(&self.head.commit.sha))
    }

    pub(super) fn finish(self, baseline: Baseline) -> Judgement {
        let distance = self
            .runner
            .repo()
            .distance(&self.base.commit.sha, &self.head.commit.sha);
        let counter = self.runner.session().counter.clone();
        let mut notes: Vec<String> = baseline.note.into_iter().chain(self.notes).collect();
        notes.extend(optimised_away(&self.rows));
        notes.extend(refuted(&self.rows));
        notes.extend(redefined(&self.base));
        let repo = self.runner.repo();
        notes.extend(built_otherwise(
            repo,
            &self.base.commit.sha,
            &self.head.commit.sha,
        ));
        notes.extend(idle_limits(self.runner.config(), &self.rows, &self.head));
        let asked = &self.runner.config().suite.only;
        if self.rows.is_empty() && self.head.failures.is_empty() && !asked.is_empty() {
            let asked = asked.iter().map(|o| format!("`{}`", name(o, 60)));
            let asked = asked.collect::<Vec<_>>().join(", ");
            notes.push(format!(
                "only {asked} was asked for, and no benchmark is called that: `uptick list` names them"
            ));
        }
        let only = baseline
            .proposal
            .then(|| repo.only_merged(&self.base.commit.sha, &self.head.commit));
        let doubts = self.doubts.into_iter().chain(tenfold_gain(&self.rows));
        let beside = Beside {
            how: baseline.how,
            distance,
            proposal: baseline.proposal,
            only: only.flatten(),
            notes,
            doubts: doubts.collect(),
            hints: self.hints,
            failures: self.failed,
            strict: self.options.strict,
            variants: self.against.map(|a| a.variants),
        };
        judge::judgement(&self.base, &self.head, counter, self.rows, beside)
    }
}

/// Rows whose stored numbers still say what fresh runs refuted: pages read those.
fn refuted(rows: &[Row]) -> Vec<String> {
    let beyond = |r: &&Row| {
        let limit = r.limit.unwrap_or(f64::INFINITY);
        r.judged && r.why.refutes() && r.change.is_some_and(|c| c.abs() > limit)
    };
    let say = |r: &Row| {
        format!(
            "`{}` moved by {} in what is stored, and not when it was measured again: one of the stored \
             numbers is wrong, and `uptick run --fresh COMMIT` replaces it",
            name(&r.benchmark, 120),
            r.moved()
        )
    };
    rows.iter().filter(beyond).take(5).map(say).collect()
}

/// Benchmarks that the base itself defines otherwise: a change of the definition is no change here.
fn redefined(base: &Report) -> Option<String> {
    let measured = base.measurements.iter().filter(|m| m.redefined);
    let names: BTreeSet<&str> = measured.map(|m| m.benchmark.as_str()).collect();
    let first = name(names.first()?, 120);
    let more = match names.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    Some(format!(
        "`{first}`{more}: the baseline's {} defines it otherwise; both sides are measured as the head's \
         says",
        Config::FILE
    ))
}

/// Limits that hold for no benchmark: a slip of the pen would leave the general one in force unseen.
fn idle_limits(config: &Config, rows: &[Row], head: &Report) -> Vec<String> {
    if rows.is_empty() || !head.failures.is_empty() || !config.suite.only.is_empty() {
        return Vec::new();
    }
    let holds = |pattern: &str| rows.iter().any(|r| glob(pattern, &r.benchmark));
    let idle = config
        .benchmark_limits
        .iter()
        .filter(|l| !holds(&l.benchmark));
    let say = |pattern: &str| {
        format!(
            "the [[limit]] for `{}` in {} holds for no benchmark: `uptick list` names them",
            name(pattern, 120),
            Config::FILE
        )
    };
    idle.take(5).map(|l| say(&l.benchmark)).collect()
}

/// What under [suite] the head's file says otherwise than the base's: both are built by one of them.
fn built_otherwise(repo: &Repo, base: &Sha, head: &Sha) -> Option<String> {
    let suite = |sha: &Sha| {
        let text = repo.file(sha, Config::FILE).unwrap_or_default();
        Config::parse(&text).ok().map(|c| c.suite)
    };
    let (a, b) = (suite(base)?, suite(head)?);
    let differs = [
        ("features", a.features != b.features),
        ("all-features", a.all_features != b.all_features),
        (
            "no-default-features",
            a.no_default_features != b.no_default_features,
        ),
        ("profile", a.profile != b.profile),
        ("env", a.env != b.env),
    ];
    let keys: Vec<String> = differs
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    (!keys.is_empty()).then(|| {
        format!(
            "the two commits' {} differ under [suite] in {}: both sides are built and run by the one \
             in use, and what that change itself costs is not seen",
            Config::FILE,
            keys.join(", ")
        )
    })
}

/// Benchmarks of so few instructions that their work is probably not done at all.
fn optimised_away(rows: &[Row]) -> Option<String> {
    /// A call and a return with a black box around a value take as many.
    const NOTHING: f64 = 10.0;
    let count = |r: &Row| r.head.as_ref().map_or(f64::INFINITY, |h| h.value);
    let instructions = |r: &&Row| r.judged && r.metric == crate::model::Metric::Instructions;
    let mut few = rows
        .iter()
        .filter(instructions)
        .filter(|r| count(r) < NOTHING);
    let first = few.next()?;
    let more = match few.count() {
        0 => String::new(),
        n => format!(" (and {n} more like it)"),
    };
    Some(format!(
        "`{}` takes {} an iteration{more}: the compiler probably removed its work; \
         `std::hint::black_box` around inputs and results keeps it",
        crate::format::name(&first.benchmark, 60),
        crate::format::plural(count(first), "instruction"),
    ))
}

/// Benchmarks that gained so much that they probably do something else, or nothing: an input that is
/// gone and an error that nobody looks at would pass for the best commit of the year.
fn tenfold_gain(rows: &[Row]) -> Option<String> {
    let asked = rows.iter().filter(|r| r.judged && r.accepted.is_none());
    let mut gained = asked.filter_map(|r| Some((r, r.tenfold_gain()?)));
    let (first, times) = gained.next()?;
    let more = match gained.count() {
        0 => String::new(),
        n => format!(" (and {n} more like it)"),
    };
    let name = crate::format::name(&first.benchmark, 60);
    let much = match times.is_finite() {
        true => format!("{times:.0} times better than"),
        false => "0, and was not".to_string(),
    };
    Some(format!(
        "`{name}` is {much} in the baseline{more}: see that it still does its work, and finds its input; \
         `Uptick-Accept: {name} reason` in the commit's message says that it does"
    ))
}

/// Whether another tool counted it, which cannot be asked again.
const fn others_count(row: &Row) -> bool {
    row.metric.is_own() || matches!(row.counter, Counter::Reported(_))
}

/// What the base calls a benchmark of the head.
fn base_name(variants: Option<&Variants>, name: &str) -> String {
    let other = variants.and_then(|v| v.base_name(name));
    other.unwrap_or_else(|| name.to_owned())
}
