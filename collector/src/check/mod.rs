//! One commit against its baseline: measure what is missing, judge, confirm, explain.
//!
//! This is the flow behind `check` and `compare`, and the one owner of each of its steps.

pub mod baseline;
mod confirm;
pub mod event;
mod judging;
mod options;
mod push;
pub mod release;
mod variants;

use crate::check::baseline::Baseline;
use crate::config::Config;
use crate::error::Result;
use crate::judge::Judgement;
use crate::model::{Failure, Measurement, Phase, Report, Sha, Tags};
use crate::run::{Progress, Reuse, Runner};
use crate::store::Store;
use judging::Run;
pub use options::Options;
pub use push::push;
pub use variants::variants;

/// How far back an unbuildable baseline is replaced by an older one: each try is a build that
/// fails, and a branch that was broken for longer has no baseline.
const BASE_ATTEMPTS: usize = 8;

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
    runner.comparing();
    let reuse = options.reuse();
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
    // Before the base is measured by the head's definitions, which may have fewer benchmarks.
    let known = store.any_report_of(&baseline.sha)?;
    let head_report = runner.report(store, head, reuse, progress)?;
    refuse_failed(&head_report, "the head")?;
    let (mut base_report, baseline) =
        base_report(runner, store, baseline, &head_report, reuse_named, progress)?;
    let gone = runner.removed_commands(&base_report.commit.sha, head);
    let unknown = add_removed(&mut base_report, &gone, known.as_ref());
    let sides = (base_report, head_report);
    let mut run = Run::new(runner, store, sides, None, options, progress)?;
    run.doubt(unknown.iter().map(|name| {
        format!(
            "`{name}` vanished: the baseline's {} has it, and nobody measured it there",
            Config::FILE
        )
    }));
    run.confirm()?;
    run.explain()?;
    run.hold_against_release()?;
    run.heed_history()?;
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

/// Gives the base what was measured of commands that the head has no more; gives those of which
/// nothing is known.
fn add_removed<'a>(
    base: &mut Report,
    gone: &'a [String],
    known: Option<&Report>,
) -> Vec<&'a String> {
    let known =
        known.filter(|k| k.commit.sha == base.commit.sha && k.testbed_key == base.testbed_key);
    let all = known.map_or(&[][..], |k| &k.measurements);
    let mut unknown = Vec::new();
    for name in gone {
        let own = |m: &&Measurement| Tags::split(&m.benchmark).0 == name;
        let before = base.measurements.len();
        base.measurements.extend(all.iter().filter(own).cloned());
        if base.measurements.len() == before {
            unknown.push(name);
        }
    }
    unknown
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
            "the baseline {} {}; looking at the commits before it ({})",
            baseline.sha.short(),
            match first.failures.iter().any(|f| f.stage == Phase::Build) {
                true => "does not build",
                false => "gives no number",
            },
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
