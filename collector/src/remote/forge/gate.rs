//! A check as the state of a commit, which is what a protected branch can ask for.

use super::interface::{Annotation, CommitState, CommitStatus};
use crate::error::EXIT_NO_VERDICT;
use crate::format::{benchmarks, percent, telling};
use crate::judge::{Checked, Judgement, Outcome};
use crate::model::{Verdict, digest};
use crate::report::{annotated, fingerprint, message};

/// The state, under a context that names the project and the leg.
#[must_use]
pub fn status(checked: &Checked, project: &str, leg: &str, link: Option<&str>) -> CommitStatus {
    let (state, description) = match checked {
        Checked::Judged(j) => judged(j),
        Checked::Failed { message, code } => {
            let state = if *code == EXIT_NO_VERDICT {
                CommitState::Neutral
            } else {
                CommitState::Error
            };
            let said = telling(message, 120);
            let words = if state == CommitState::Neutral {
                format!("no verdict: {said}")
            } else {
                said
            };
            (state, words)
        }
    };
    let names = ["uptick", project, leg]
        .into_iter()
        .filter(|n| !n.is_empty());
    let context = names.collect::<Vec<_>>().join("/");
    CommitStatus {
        context: super::interface::short(&context, 100),
        state,
        description,
        link: link.map(str::to_string),
        findings: findings(checked),
    }
}

fn judged(j: &Judgement) -> (CommitState, String) {
    let regressed = j.unaccepted();
    let total = j
        .results
        .iter()
        .filter(|r| r.judged && r.head.is_some())
        .count();
    match j.outcome {
        Outcome::Regressed => {
            let worst = regressed.first();
            let name = worst.map_or("", |r| r.benchmark.as_str());
            let by = worst
                .and_then(|r| r.change)
                .map_or_else(String::new, percent);
            let name = crate::format::name(name, 60);
            let n = regressed.len();
            (
                CommitState::Failure,
                format!("{n} of {} regressed, most {name} {by}", benchmarks(total)),
            )
        }
        _ if !j.failures.is_empty() => {
            let n = j.failures.len();
            (
                CommitState::Error,
                format!("{n} of {} gave no number", benchmarks(total + n)),
            )
        }
        Outcome::NoVerdict => {
            let gone = j.with(Verdict::Vanished).len();
            let is_compared = j.results.iter().any(|r| r.judged && r.is_compared());
            let comparable = is_compared || j.with(Verdict::Incomparable).is_empty();
            let why = match gone {
                n if n > 0 && comparable => format!("{} vanished", benchmarks(n)),
                _ => "nothing could be compared".to_string(),
            };
            (CommitState::Neutral, format!("no verdict: {why}"))
        }
        Outcome::Ok => {
            let all = benchmarks(total);
            let said = match j.maybe_worse().len() {
                0 => format!("no regression in {all}"),
                n => format!("not confirmed: {n} of {all} may be worse"),
            };
            (CommitState::Success, said)
        }
    }
}

fn findings(checked: &Checked) -> Vec<Annotation> {
    let Checked::Judged(j) = checked else {
        return Vec::new();
    };
    let finding = |r: &&crate::judge::Row| Annotation {
        id: digest(fingerprint(j, r).as_bytes())[..32].to_string(),
        message: message(r),
        place: annotated(r),
    };
    j.unaccepted().iter().map(finding).collect()
}
