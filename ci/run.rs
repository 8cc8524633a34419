//! `uptick run`: measures a commit, or a range of them from the newest back.

use collector::error::{EXIT_FAILED, EXIT_NO_VERDICT, EXIT_OK, Error};
use collector::format::{benchmarks, name, plural, sentence, telling, thousands, value};
use collector::git::Repo;
use collector::model::{Commit, Report, Sha};
use collector::run::{Reuse, Runner, is_failed};
use collector::store::Store;
use serde_json::json;

use crate::args::{Args, Run};
use crate::progress::Terminal;
use crate::{context, interrupt, print};

pub(crate) fn run(args: &Args, a: &Run) -> anyhow::Result<u8> {
    let mut runner = context::runner(args, &a.measuring)?;
    let commits = commits(&runner, &a.what)?;
    let mut store = context::store(args)?;
    interrupt::say("commits that are done are stored; the same command goes on");
    let progress = Terminal::new();
    let reuse = match (a.fresh, a.retry || commits.len() == 1) {
        (true, _) => Reuse::Nothing,
        (false, true) => Reuse::Numbers,
        (false, false) => Reuse::Everything,
    };
    let single = commits.len() == 1;
    if single && a.what == "HEAD" && runner.repo().is_dirty() {
        print::note("note: uncommitted changes are not measured; HEAD is");
    }
    let reports = measure_all(
        &mut runner,
        &mut store,
        &commits,
        reuse,
        &progress,
        |report| {
            if a.json {
                return Ok(());
            }
            print::out(&if single { whole(report) } else { line(report) })
        },
    )?;
    if !single && reports.iter().all(has_none) {
        print::note(NONE);
    }
    if a.json {
        let commits: Vec<_> = reports.iter().map(document).collect();
        print::json(&json!({ "schema": "uptick.run/1", "commits": commits }))?;
    }
    Ok(exit_code(&reports))
}

fn commits(runner: &Runner, what: &str) -> anyhow::Result<Vec<Commit>> {
    let repo = runner.repo();
    let Some((from, to)) = what.split_once("..") else {
        return Ok(vec![repo.commit(&repo.resolve(what)?)?]);
    };
    let or_head = |rev: &str| {
        if rev.is_empty() {
            "HEAD".to_string()
        } else {
            rev.to_string()
        }
    };
    let to = to.trim_start_matches('.');
    let (from, to) = (or_head(from), repo.resolve(&or_head(to))?);
    let commits = match repo.resolve(&from) {
        Ok(from) => repo.first_parent_range(&from, &to)?,
        Err(e) => whole_line(repo, &from, &to)?.ok_or(e)?,
    };
    if commits.is_empty() {
        return Err(Error::Usage(format!(
            "`{what}` is an empty range: the older commit stands before the dots"
        ))
        .into());
    }
    Ok(commits)
}

/// All commits up to one, newest first, where a range was asked for that begins before the first:
/// `HEAD~100..HEAD` in a young repository.
fn whole_line(repo: &Repo, from: &str, to: &Sha) -> anyhow::Result<Option<Vec<Commit>>> {
    let is_before_the_first = from.rsplit_once('~').is_some_and(|(rev, back)| {
        back.parse::<u32>().is_ok() && repo.resolve(rev).is_ok() && !repo.is_shallow()
    });
    if !is_before_the_first {
        return Ok(None);
    }
    let mut all = repo.main_line(to)?;
    all.reverse();
    print::note(&format!(
        "note: `{from}` would be before the first commit: this is all there is, {}",
        plural(all.len() as u64, "commit")
    ));
    Ok(Some(all))
}

fn measure_all(
    runner: &mut Runner,
    store: &mut Store,
    commits: &[Commit],
    reuse: Reuse,
    progress: &Terminal,
    mut each: impl FnMut(&Report) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (i, commit) in commits.iter().enumerate() {
        if commits.len() > 1 {
            progress.commits(i, commits.len());
        }
        let report = runner.report(store, &commit.sha, reuse, progress);
        progress.clear();
        let report = report?;
        each(&report)?;
        reports.push(report);
    }
    Ok(reports)
}

fn state(report: &Report) -> &'static str {
    if is_failed(report) {
        "failed"
    } else if report.reused.is_some() {
        "equal_build"
    } else {
        "measured"
    }
}

fn document(report: &Report) -> serde_json::Value {
    json!({
        "sha": report.commit.sha,
        "subject": report.commit.subject,
        "position": report.commit.position,
        "state": state(report),
        "same_as": report.reused,
        "seconds": report.seconds,
        "testbed": report.testbed,
        "measurements": report.measurements,
        "failures": report.failures,
    })
}

/// One commit of a backfill.
fn line(report: &Report) -> String {
    let c = &report.commit;
    let what = match report.failures.iter().find(|f| f.benchmark.is_none()) {
        Some(f) => format!("skipped, {} failed: {}", f.stage, telling(&f.message, 60)),
        None => {
            let n = report
                .measurements
                .iter()
                .filter(|m| m.metric.is_judged())
                .count();
            let failed = report.failures.len();
            let also = if failed > 0 {
                format!(", {failed} failed")
            } else {
                String::new()
            };
            let equal_build = report
                .reused
                .as_ref()
                .map_or_else(String::new, |s| format!(", same build as {}", s.short()));
            format!("{}{also}{equal_build}", benchmarks(n))
        }
    };
    format!("{} {}  {}\n", c.sha.short(), what, sentence(&c.subject, 40))
}

/// All numbers of one commit.
fn whole(report: &Report) -> String {
    let mut out = format!(
        "{} {}\n",
        report.commit.sha.short(),
        sentence(&report.commit.subject, 68)
    );
    let width = report
        .measurements
        .iter()
        .map(|m| m.benchmark.chars().count())
        .max()
        .unwrap_or(0);
    for m in report.measurements.iter().filter(|m| m.metric.is_judged()) {
        let cold = report
            .find(
                &m.benchmark,
                &collector::model::Metric::InstructionsCold,
                &m.counter,
            )
            .map_or_else(String::new, |c| format!("  cold {}", thousands(c.value)));
        out.push_str(&format!(
            "  {:<width$}  {}{cold}  {}\n",
            name(&m.benchmark, 40),
            value(m.value, &m.metric),
            m.class.name(),
            width = width.min(40)
        ));
        if let Some(note) = &m.note {
            out.push_str(&format!("    note: {}\n", sentence(note, 200)));
        }
    }
    for f in &report.failures {
        let who = f.benchmark.as_deref().unwrap_or("the commit");
        out.push_str(&format!(
            "  FAILED {} ({}): {}\n",
            name(who, 40),
            f.stage,
            f.message.trim()
        ));
    }
    if has_none(report) {
        out.push_str(&format!("  {NONE}\n"));
    }
    out
}

/// What is said of commits without any benchmark.
const NONE: &str = "no benchmarks found: `uptick list` says what was looked at";

/// Whether a commit has no benchmark that could give a number, or fail to.
fn has_none(report: &Report) -> bool {
    report.measurements.is_empty() && report.failures.is_empty()
}

/// A backfill is done when every commit was tried; a single commit must give numbers, and of many
/// some must have benchmarks.
fn exit_code(reports: &[Report]) -> u8 {
    match reports {
        [one] if is_failed(one) || !one.failures.is_empty() => EXIT_FAILED,
        all if all.iter().all(has_none) => EXIT_NO_VERDICT,
        all if !all.is_empty() && all.iter().all(is_failed) => EXIT_FAILED,
        _ => EXIT_OK,
    }
}
