//! One commit against its baseline: measure what is missing, judge, confirm, explain.
//!
//! This is the flow behind `check` and `compare`, and the one owner of each of its steps.

pub mod baseline;
mod confirm;
pub mod event;
mod push;
pub mod release;

use crate::check::baseline::Baseline;
use crate::check::release::Release;
use crate::detect::gate;
use crate::error::Result;
use crate::explain;
use crate::format::benchmarks;
use crate::judge::{self, Beside, HISTORY, Judgement, Overrides, Row};
use crate::model::{Failure, Measurement, Metric, Phase, Report, SeriesKey, Sha, Verdict};
use crate::parallel::parallel;
use crate::run::{BuiltCommit, Progress, Reuse, Runner};
use crate::store::Store;
use confirm::{apply, confirm_row};
pub use push::push;

/// How far back an unbuildable baseline is replaced by an older one: each try is a build that
/// fails, and a branch that was broken for longer has no baseline.
const BASE_ATTEMPTS: usize = 8;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Limits and selection from the command line.
    pub overrides: Overrides,
    /// Measure both sides anew, whatever is stored.
    pub fresh: bool,
    /// Draw flame graphs even when nothing moved: of the costliest benchmark.
    pub flamegraph: bool,
    /// Hold the head against the last release too.
    pub release: bool,
    /// Messages up to this commit may accept what the head costs; absent: up to the head.
    pub accepted_until: Option<Sha>,
    /// Give no verdict where something could not be measured as it should.
    pub strict: bool,
}

/// Judges `head` against its baseline.
///
/// # Errors
/// When git, the store or the machine fails; a commit that does not build is an
/// [`crate::error::Error::Failed`].
pub fn run(
    runner: &mut Runner,
    store: &mut Store,
    head: &Sha,
    baseline: Baseline,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Judgement> {
    let reuse = if options.fresh {
        Reuse::Nothing
    } else {
        Reuse::Numbers
    };
    if baseline.named {
        // No other commit will do: if it gives no numbers, nobody waits for those of the head.
        let report = runner.report(store, &baseline.sha, reuse, progress)?;
        refuse_empty(&report)?;
    }
    let reuse_named = if baseline.named {
        Reuse::Numbers
    } else {
        reuse
    };
    let head_report = runner.report(store, head, reuse, progress)?;
    refuse_failed(&head_report, "the head")?;
    let (base_report, baseline) =
        base_report(runner, store, baseline, &head_report, reuse_named, progress)?;
    let mut run = Run::new(runner, store, base_report, head_report, options, progress)?;
    run.confirm()?;
    run.explain()?;
    run.hold_against_release()?;
    Ok(run.finish(baseline))
}

fn refuse_failed(report: &Report, who: &str) -> Result<()> {
    match report.failures.iter().find(|f| f.benchmark.is_none()) {
        None => Ok(()),
        Some(f) => Err(no_numbers(report, who, f)),
    }
}

fn no_numbers(report: &Report, who: &str, f: &Failure) -> crate::error::Error {
    let (stage, fault) = (f.stage, f.fault());
    let message = format!(
        "{who}, {} ({}), gives no numbers ({stage}): {}",
        report.commit.sha.short(),
        report.commit.subject,
        f.message
    );
    crate::error::Error::NoNumbers {
        stage,
        fault,
        message,
    }
}

/// The baseline's report; where it was not named and does not build, that of its nearest ancestor
/// that does and has a benchmark of the head's.
fn base_report(
    runner: &mut Runner,
    store: &mut Store,
    baseline: Baseline,
    head: &Report,
    reuse: Reuse,
    progress: &dyn Progress,
) -> Result<(Report, Baseline)> {
    let first = runner.report(store, &baseline.sha, reuse, progress)?;
    if !gives_nothing(&first, head) {
        return Ok((first, baseline));
    }
    let ancestors = runner.repo().ancestors(&baseline.sha, BASE_ATTEMPTS)?;
    for sha in ancestors.into_iter().skip(1) {
        progress.note(&format!(
            "the baseline {} does not build; looking at the commits before it ({})",
            baseline.sha.short(),
            first_failure(&first)
        ));
        let report = runner.report(store, &sha, reuse, progress)?;
        if gives_nothing(&report, head) {
            continue;
        }
        if !shares_a_benchmark(&report, head) {
            // Further back the benchmarks were not there yet.
            break;
        }
        let how = format!(
            "{}, then back to the nearest commit that builds",
            baseline.how
        );
        let proposal = baseline.proposal;
        let older = Baseline::found(sha, how);
        return Ok((report, Baseline { proposal, ..older }));
    }
    refuse_empty(&first)?;
    Err(crate::error::Error::NoVerdict(
        "no baseline could be measured".into(),
    ))
}

/// Whether a commit failed, with all that the head could be compared in.
fn gives_nothing(report: &Report, head: &Report) -> bool {
    !report.failures.is_empty() && !shares_a_benchmark(report, head)
}

/// Refuses a baseline that failed and has no number at all.
fn refuse_empty(report: &Report) -> Result<()> {
    let failure = report.failures.first();
    match failure.filter(|_| report.measurements.is_empty()) {
        None => Ok(()),
        Some(f) => Err(no_numbers(report, "the baseline", f)),
    }
}

fn first_failure(report: &Report) -> String {
    let failure = report.failures.first();
    failure.map_or_else(String::new, |f| crate::format::telling(&f.message, 120))
}

fn shares_a_benchmark(a: &Report, b: &Report) -> bool {
    let names = |r: &Report| -> std::collections::BTreeSet<String> {
        r.measurements.iter().map(|m| m.benchmark.clone()).collect()
    };
    !names(a).is_disjoint(&names(b))
}

/// One judgement in the making.
struct Run<'a> {
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
}

impl<'a> Run<'a> {
    fn new(
        runner: &'a mut Runner,
        store: &'a mut Store,
        base: Report,
        head: Report,
        options: &'a Options,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let judged = judge::judged_metrics(runner.config(), &runner.session().counter);
        let line = runner.repo().ancestors(&base.commit.sha, HISTORY)?;
        let history = |m: &Measurement| history(store, &base, m, &line);
        let rows = judge::rows(
            &base,
            &head,
            runner.config(),
            &options.overrides,
            &judged,
            &history,
        );
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
        })
    }

    /// Both commits, built and standing in worktrees of their own.
    fn benches(&mut self) -> Result<&(BuiltCommit, BuiltCommit)> {
        if self.benches.is_none() {
            let (_, head) = self.runner.build(0, &self.head.commit.sha, self.progress)?;
            let (_, base) = self.runner.build(1, &self.base.commit.sha, self.progress)?;
            self.benches = Some((base, head));
        }
        match &self.benches {
            Some(b) => Ok(b),
            None => Err(crate::error::Error::Internal("the commits vanished".into())),
        }
    }

    /// Measures the suspects again, base and head in turn, and keeps what holds.
    fn confirm(&mut self) -> Result<()> {
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
            .partition(|&i| self.rows[i].metric.is_own());
        for i in reported {
            self.could_not_confirm(i, "nothing here counts it");
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
        let results = parallel(width, &suspects, |&i| {
            confirm_row(runner, &rows[i], base, head)
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

    /// A suspect that cannot be run again is neither a change nor none.
    fn could_not_confirm(&mut self, i: usize, why: &str) {
        let row = &mut self.rows[i];
        if row.metric == Metric::BinarySize || row.metric.is_own() {
            // A file has one size, and what another tool reported it alone can count again.
            row.why = format!("could not be measured again: {why}");
            return;
        }
        row.verdict = Verdict::Incomparable;
        row.why = "it moved, and could not be run again to confirm that".into();
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
                row.why
                    .push_str("; one of many suspects, and not clear enough among them");
            }
        }
    }

    fn explain(&mut self) -> Result<()> {
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
        let hunks = self.runner.repo().hunks(&base.sha, &head.sha)?;
        let pair = explain::Pair {
            base,
            head,
            hunks: &hunks,
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
    fn hold_against_release(&mut self) -> Result<()> {
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

    fn finish(self, baseline: Baseline) -> Judgement {
        let distance = self
            .runner
            .repo()
            .distance(&self.base.commit.sha, &self.head.commit.sha);
        let counter = self.runner.session().counter.clone();
        let mut notes = self.notes;
        notes.extend(optimised_away(&self.rows));
        let beside = Beside {
            how: baseline.how,
            distance,
            proposal: baseline.proposal,
            notes,
            doubts: self.doubts,
            hints: self.hints,
            failures: self.failed,
            strict: self.options.strict,
        };
        judge::judgement(&self.base, &self.head, counter, self.rows, beside)
    }
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

/// Earlier values of a series on the baseline's own line, oldest first; one a commit.
fn history(store: &Store, base: &Report, m: &Measurement, line: &[Sha]) -> Vec<f64> {
    let key = SeriesKey {
        benchmark: m.benchmark.clone(),
        metric: m.metric.clone(),
        counter: m.counter.clone(),
        fingerprint: base.testbed.fingerprint(&m.counter),
    };
    // A history that cannot be read is no history: the floors remain.
    let points = store
        .points_anywhere(&key, base.commit.position)
        .unwrap_or_default();
    let on_line: std::collections::HashSet<&Sha> = line.iter().collect();
    let mut values: Vec<(u64, f64)> = Vec::new();
    for p in points.iter().filter(|p| on_line.contains(&p.sha)) {
        match values.last_mut() {
            Some(last) if last.0 == p.position => last.1 = p.value,
            _ => values.push((p.position, p.value)),
        }
    }
    values.into_iter().map(|(_, v)| v).collect()
}
