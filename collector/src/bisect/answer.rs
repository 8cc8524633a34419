//! From what the searches said to the document that people and programs read.

use crate::bisect::request::Request;
use crate::bisect::{Hunt, Trail};
use crate::error::Error;
use crate::model::{Commit, Metric, Sha};
use crate::search::finding::{Finding, Found, FoundStep, Named, Searched, Unmeasured};
use crate::search::{Answer, Outcome, Skipped, Step};

impl Hunt<'_> {
    /// The document, but for the explanation.
    pub(super) fn finding(&self, main: &Trail, last: &Trail, merges: &[Commit]) -> Finding {
        let (o, m) = (&last.outcome, &main.outcome);
        let total = m.bad.value - m.good.value;
        let outcome = outcome(m, o);
        let names = |is: &[usize]| is.iter().map(|&i| last.commit(i).sha.clone()).collect();
        let culprit = last.culprit().filter(|_| outcome == Found::Found);
        let sections = &self.journal.sections;
        let clear = matches!(m.answer, Answer::Found | Answer::Range) && total != 0.0;
        Finding {
            schema: Finding::SCHEMA,
            outcome,
            culprit: culprit.map(|(c, _)| Named::of(c)),
            merged_by: merges.first().map(Named::of),
            merges: merges.iter().map(Named::of).collect(),
            suspects: names(&o.suspects),
            confidence: o.confidence,
            verified: None,
            metric: self.asked.metric.clone(),
            counter: match self.collectors {
                Some(collectors) => Some(collectors.counter()),
                None => self.like.as_ref().map(|l| l.counter.clone()),
            },
            benchmark: self.asked.benchmark.clone(),
            before: o.before.value,
            after: o.after.value,
            change: o.change,
            share: clear.then(|| last.delta() / total),
            good: m.good.value,
            bad: m.bad.value,
            steps: steps(main, last),
            explained: m.explained,
            range: Searched {
                good: Sha(self.journal.request.good.clone()),
                bad: Sha(self.journal.request.bad.clone()),
                commits: main.line.commits.len() - 1,
            },
            measured: sections.iter().map(|s| s.measured).sum(),
            inside: sections.iter().skip(1).map(|s| s.measured).sum(),
            builds: 0,
            reused: m.reused + sections.iter().map(|s| s.reused).sum::<usize>(),
            located: culprit.and_then(|_| self.located(main, last)),
            runs: if m.exact { 0 } else { m.runs },
            skipped: skipped(main, last),
            functions: Vec::new(),
            functions_explain: None,
            likely: Vec::new(),
            flamegraph: None,
            dependencies: Vec::new(),
            // With --fixed the commit is a gain, which nobody takes back.
            undo: culprit
                .filter(|_| !self.journal.request.fixed)
                .map(|(c, _)| undo(c)),
            reason: reason(main, &self.journal.request, &self.asked.metric),
            notes: Vec::new(),
            again: self.journal.request.again(),
            log: self.journal.path().display().to_string(),
        }
    }
}

/// Too few commits gave a number; the first complaint, and how many there were.
pub(super) fn unmeasurable(trail: &Trail) -> Error {
    let first = trail.outcome.skipped.first();
    let why = first.map_or_else(String::new, |s| {
        let lines: Vec<&str> = s.why.lines().take(12).collect();
        format!(
            "; {}, the first of them: {}",
            trail.commit(s.commit).sha.short(),
            lines.join("\n    ")
        )
    });
    Error::Failed(format!(
        "nothing to compare: {} of the {} commits tried gave no number{why}",
        trail.outcome.skipped.len(),
        trail.outcome.builds.max(trail.outcome.skipped.len())
    ))
}

/// The kind of answer; a hole at an end is no proof that nothing happened.
fn outcome(main: &Outcome, last: &Outcome) -> Found {
    match (main.answer, last.answer) {
        (Answer::NotReproduced, _) if main.skipped.is_empty() => Found::NoRegression,
        (Answer::Found, Answer::Found) => Found::Found,
        _ => Found::Range,
    }
}

fn reason(main: &Trail, request: &Request, metric: &Metric) -> String {
    let (o, fixed) = (&main.outcome, request.fixed);
    let other_way = (o.bad.value - o.good.value) * request.direction(metric).sign() < 0.0;
    match o.answer {
        Answer::NotReproduced if !o.skipped.is_empty() => {
            "the nearest commits that give numbers do not differ; what lies beyond them does not \
             build or run"
                .into()
        }
        Answer::NotReproduced if other_way && fixed => {
            "it became worse; without --fixed the commit that did it is found".into()
        }
        Answer::NotReproduced if other_way => {
            "it became better; --fixed finds the commit that did it".into()
        }
        Answer::NotReproduced => "the two ends do not differ by the smallest change of interest; \
                                  --limit sets a smaller one"
            .into(),
        _ => o.reason.clone(),
    }
}

fn steps(main: &Trail, last: &Trail) -> Vec<FoundStep> {
    let of = |t: &Trail, s: &Step| {
        let first = s.suspects.first().copied().unwrap_or(s.first_after);
        FoundStep {
            sha: t.commit(first).sha.clone(),
            subject: t.commit(first).subject.clone(),
            before: s.before.value,
            after: s.after.value,
            change: s.change,
            share: s.share,
            suspects: s
                .suspects
                .iter()
                .map(|&i| t.commit(i).sha.clone())
                .collect(),
        }
    };
    let mut steps: Vec<FoundStep> = main.outcome.steps.iter().map(|s| of(main, s)).collect();
    // Down a branch, the branch's own commit stands for the merge that brought it in.
    if main.section != last.section {
        let merge = main.culprit().map(|(c, _)| c.sha.clone());
        let step = last
            .outcome
            .steps
            .iter()
            .find(|s| s.suspects == last.outcome.suspects);
        let place = steps.iter().position(|s| Some(&s.sha) == merge.as_ref());
        if let (Some(step), Some(i)) = (step, place) {
            steps[i] = FoundStep {
                share: steps[i].share,
                ..of(last, step)
            };
        }
    }
    steps
}

fn skipped(main: &Trail, last: &Trail) -> Vec<Unmeasured> {
    let of = |t: &Trail| -> Vec<Unmeasured> {
        let name = |s: &Skipped| Unmeasured {
            sha: t.commit(s.commit).sha.clone(),
            why: s.why.clone(),
            suspect: s.touches,
        };
        t.outcome.skipped.iter().map(name).collect()
    };
    let mut all = of(main);
    if main.section != last.section {
        all.extend(of(last));
    }
    all
}

/// The command that takes a commit back. Of a merge its first parent stays, whichever parent it is
/// slow beside: to go back to another one would take the main line's own commits along.
fn undo(culprit: &Commit) -> String {
    match culprit.parents.len() {
        0 | 1 => format!("git revert {}", culprit.sha.short()),
        _ => format!("git revert -m 1 {}", culprit.sha.short()),
    }
}
