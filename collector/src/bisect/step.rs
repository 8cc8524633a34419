//! `uptick bisect-step`: one word for `git bisect run`, by thresholds from the two ends.

use crate::bisect::Request;
use crate::bisect::probe::{self, Asked, Seen};
use crate::error::{Error, Result};
use crate::model::{Measurement, Sha};
use crate::run::{Progress, Runner};
use crate::search::{Observation, Options, StepJudge, StepVerdict};
use crate::store::Store;

/// Runs at each end of a metric that differs from run to run.
const END_RUNS: usize = 15;

/// What is told of one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct StepAnswer {
    /// The word for git.
    pub verdict: StepVerdict,
    /// The commit's value; `None` where it gave none.
    pub value: Option<f64>,
    /// Why it is skipped, in words.
    pub why: String,
    /// The levels of the two ends.
    pub ends: (f64, f64),
}

/// Judges one commit by the levels at `request`'s ends, measuring whatever is not stored.
///
/// # Errors
/// [`Error::NoVerdict`] when the ends do not differ: no commit can be judged then. Else when an
/// end gives no number, or git, the store or the machine fails.
pub fn judge_head(
    runner: &mut Runner,
    store: &mut Store,
    request: &Request,
    head: &Sha,
    progress: &dyn Progress,
) -> Result<StepAnswer> {
    let asked = request.asked(&runner.session().counter);
    let mut reference = Vec::new();
    let mut values = |sha: &Sha, least: usize| {
        let runs = samples(runner, store, &asked, sha, least, progress)?;
        Ok::<_, Error>(runs.map(|(runs, like)| {
            if reference.is_empty() && probe::is_paired(like.class) {
                reference.clone_from(&runs);
            }
            let level = probe::levelled(&runs, 0, &reference);
            probe::settled(&level, &like).map_or(level, |v| vec![v])
        }))
    };
    let end = |name: &str, seen: std::result::Result<Vec<f64>, String>| {
        seen.map_err(|why| Error::Failed(format!("{name} gives no number: {why}")))
    };
    let good = end("GOOD", values(&Sha(request.good.clone()), END_RUNS)?)?;
    let bad = end("BAD", values(&Sha(request.bad.clone()), END_RUNS)?)?;
    let limit = request.limit.unwrap_or(Options::default().min_effect);
    let sign = request.direction(&asked.metric).sign();
    let judge = StepJudge::new(&good, &bad, limit, sign).ok_or_else(|| {
        Error::NoVerdict(format!(
            "the ends do not differ clearly: {} and {}; no commit between them can be judged",
            middle(&good),
            middle(&bad)
        ))
    })?;
    let ends = (judge.good, judge.bad);
    Ok(match values(head, judge.runs)? {
        Err(why) => StepAnswer {
            verdict: StepVerdict::Skip,
            value: None,
            why,
            ends,
        },
        Ok(values) => StepAnswer {
            verdict: judge.judge(&values),
            value: Some(middle(&values)),
            why: "it lies between the levels of the two ends".into(),
            ends,
        },
    })
}

fn middle(values: &[f64]) -> f64 {
    crate::stats::median(values).unwrap_or(f64::NAN)
}

/// The runs of a commit, and what they are of; or why it gives none.
type Runs = std::result::Result<(Vec<f64>, Measurement), String>;

/// At least `least` runs of a commit, or what its report has where those settle it.
fn samples(
    runner: &mut Runner,
    store: &mut Store,
    asked: &Asked,
    sha: &Sha,
    least: usize,
    progress: &dyn Progress,
) -> Result<Runs> {
    let Seen {
        observation, like, ..
    } = probe::look(runner, store, asked, sha, progress)?;
    let (mut values, like): (Vec<f64>, Measurement) = match (observation, like) {
        (Observation::Values(v), Some(like)) => (v, like),
        (Observation::Skip(why), _) => return Ok(Err(why)),
        (Observation::Values(_), None) => return Ok(Err("no value".into())),
    };
    let settled = probe::is_paired(like.class) || probe::settled(&values, &like).is_some();
    if !settled && values.len() < least {
        let wanted = [(sha.clone(), least - values.len(), values.len())];
        for seen in probe::more(runner, store, &wanted, &like, progress)? {
            if let Observation::Values(more) = seen {
                values.extend(more);
            }
        }
    }
    Ok(Ok((values, like)))
}
