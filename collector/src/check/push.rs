//! Several commits that came with one push: each is judged, not their sum alone, in which one that
//! costs more hides behind one that costs less.

use crate::check::baseline::Baseline;
use crate::check::{Options, run};
use crate::error::Result;
use crate::format::sentence;
use crate::judge::{Judgement, Row};
use crate::model::{Sha, Verdict};
use crate::run::{Progress, Reuse, Runner, is_failed};
use crate::store::Store;

/// Commits of one push that are judged by themselves, the newest; more are an import of history.
const MOST: usize = 50;

/// Judges the head of a push against the tip before it, and each commit of it against the one
/// before. Gives the judgement of the commit that is worst, if any regressed; else that of the
/// whole.
///
/// # Errors
/// As [`run`].
pub fn push(
    runner: &mut Runner,
    store: &mut Store,
    head: &Sha,
    baseline: Baseline,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Judgement> {
    let pushed = baseline.pushed.clone();
    let before = baseline.sha.clone();
    let mut whole = run(runner, store, head, baseline, options, progress)?;
    let left_out = pushed.len().saturating_sub(MOST);
    let alone = Options {
        release: false,
        accepted_until: Some(head.clone()),
        ..options.clone()
    };
    let mut regressed = Vec::new();
    let mut last = before;
    // How many of the push lie up to it.
    let mut reached = 0;
    // Those that are not judged alone are judged together, by the last of them.
    for (i, sha) in pushed.iter().enumerate().skip(left_out.saturating_sub(1)) {
        if is_failed(&runner.report(store, sha, Reuse::Numbers, progress)?) {
            whole.notes.push(format!(
                "{} of the push does not build: what it costs is judged with the next that does",
                sha.short()
            ));
            continue;
        }
        let how = match i + 1 - reached {
            1 => format!("the commit before, of a push of {}", pushed.len()),
            n => format!("{n} commits before, of a push of {}", pushed.len()),
        };
        let base = Baseline::found(last, how);
        let judgement = run(runner, store, sha, base, &alone, progress)?;
        last = sha.clone();
        reached = i + 1;
        if !judgement.unaccepted().is_empty() {
            regressed.push(judgement);
        }
    }
    if left_out > 1 {
        whole.notes.push(format!(
            "the first {left_out} of {} commits pushed were judged together",
            pushed.len()
        ));
    }
    Ok(worst(whole, regressed))
}

/// The largest regression of a judgement.
fn size(j: &Judgement) -> f64 {
    let first = j.unaccepted().first().and_then(|r| r.change);
    first.map_or(0.0, f64::abs)
}

/// That the push itself takes back what one of its commits cost: the tip is as good as before.
fn mended(worst: &Judgement, whole: &Judgement) -> Option<String> {
    let is_well = |r: &&Row| {
        let same = |w: &&Row| w.judged && w.benchmark == r.benchmark && w.metric == r.metric;
        let at_tip = whole.results.iter().find(same);
        at_tip.is_some_and(|w| matches!(w.verdict, Verdict::Unchanged | Verdict::Improved))
    };
    let is_tip = worst.head.sha == whole.head.sha;
    let tip_is_well = whole.unaccepted().is_empty();
    (!is_tip && tip_is_well && worst.unaccepted().iter().all(is_well)).then(|| {
        format!(
            "the tip of the push, {}, is well again: there what regressed costs no more than before \
             the push",
            whole.head.sha.short()
        )
    })
}

/// The judgement to show; what else regressed is noted in it.
fn worst(whole: Judgement, mut regressed: Vec<Judgement>) -> Judgement {
    regressed.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let mut all = regressed.into_iter();
    let Some(mut worst) = all.next() else {
        return whole;
    };
    for other in all {
        worst.notes.push(format!(
            "{} of the same push regressed too: {} ({})",
            other.head.sha.short(),
            other
                .unaccepted()
                .first()
                .map_or_else(String::new, |r| r.moved()),
            sentence(&other.head.subject, 50)
        ));
    }
    worst.notes.extend(mended(&worst, &whole));
    worst.notes.extend(whole.notes);
    for failure in whole.failures {
        if !worst.failures.contains(&failure) {
            worst.failures.push(failure);
        }
    }
    worst
}
