//! A suspect is measured again on both sides, in turn, before anyone is told.

use crate::detect::gate::{self, Decision};
use crate::judge::{self, Reason, Row};
use crate::measure;
use crate::model::{NoiseClass, Tags, Verdict};
use crate::run::{BuiltCommit, Runner};

/// Both sides, built, each with what runs it.
pub(super) struct Sides<'a> {
    pub(super) base: (&'a Runner, &'a BuiltCommit),
    pub(super) head: (&'a Runner, &'a BuiltCommit),
}

/// Fresh samples of both sides, in turn, and what they say. `base_name` is what the base calls
/// the benchmark.
pub(super) fn confirm_row(
    sides: &Sides<'_>,
    row: &Row,
    base_name: &str,
) -> std::result::Result<gate::Confirmation, String> {
    let (other, base) = sides.base;
    let (runner, head) = sides.head;
    let jobs = (base.job(base_name), head.job(&row.benchmark));
    let (Some((b, _)), Some((h, _))) = jobs else {
        // A file's size, or a benchmark that only the report knows: nothing to run again.
        return Err("it has no program to run".into());
    };
    let limit = row.held_to();
    let policy = judge::floors(runner.config(), &row.metric, &row.counter);
    let exact = row.class == NoiseClass::Exact;
    let runs = runs_needed(&policy, row.history.len());
    let mut commands = runner.config().commands.iter();
    let is_built = commands.any(|c| c.build.is_some() && c.name == Tags::split(&row.benchmark).0);
    gate::confirm_in_rounds(&policy, &limit, &row.history, |round, bs, hs| {
        if exact && round == 0 {
            // The stored value is the first of two: an exact count must come again as it was.
            bs.extend(row.base.as_ref().map(|s| s.value));
            hs.extend(row.head.as_ref().map(|s| s.value));
        }
        for i in round * runs..(round + 1) * runs {
            bs.push(sample(other.session(), b, row, i)?);
            hs.push(sample(runner.session(), h, row, i)?);
            if let (true, [b, .., again], [h, .., other]) = (exact && is_built, &bs[..], &hs[..])
                && are_one((*b, *h), (*again, *other))
            {
                return Err(ONE_PROGRAM.into());
            }
            let repeats = |v: &[f64]| v.iter().all(|x| *x == v[0]);
            if exact && repeats(bs) && repeats(hs) {
                break;
            }
        }
        Ok(())
    })
}

const ONE_PROGRAM: &str = "both sides now count what one of them counted before. Where its build \
    leaves something outside of the commit's files (`make install`, `cp`, a link), both run what was \
    built last: have `build` keep it inside, where `{tree}` names it. If it does not, one of the stored \
    numbers is wrong, and `uptick run --fresh COMMIT` replaces it";

/// Whether two sides that counted differently have both become one of them.
fn are_one((base, head): (f64, f64), again: (f64, f64)) -> bool {
    base != head && again.0 == again.1 && (again.0 == base || again.0 == head)
}

/// The least number of fresh runs of each side with which the rank test can reach the policy's
/// level at all: the smallest two-sided p is 2/C(h + 2n, n). Without a history 5 runs would
/// never prove anything; 7 do.
fn runs_needed(policy: &gate::Policy, history: usize) -> usize {
    const MOST: usize = 12;
    let least_p = |n: usize| {
        let ways = (1..=n).fold(1.0, |w, k| w * ((history + n + k) as f64) / (k as f64));
        2.0 / ways
    };
    (policy.rerun..MOST)
        .find(|&n| least_p(n) <= policy.alpha)
        .unwrap_or(MOST)
}

fn sample(
    session: &measure::Session,
    job: &measure::Job,
    row: &Row,
    index: usize,
) -> std::result::Result<f64, String> {
    measure::sample(session, job, &row.metric, row.class, index).map_err(|e| e.message)
}

/// Writes a confirmation into its row.
pub(super) fn apply(row: &mut Row, c: &gate::Confirmation) {
    row.confirmed = true;
    let exact = row.class == NoiseClass::Exact;
    // What is stored of a change that did not hold is told as what is wrong.
    let stays = exact && matches!(c.decision, Decision::Pass);
    if c.effect.is_finite() && !stays {
        // What all runs of both sides say, not what one stored value of each says: the verdict
        // is about this number, and so is the limit beside it.
        let stored = row.change.replace(c.effect);
        let turned = stored.is_some_and(|s| s * c.effect < 0.0);
        let by = stored.map_or(0.0, |s| (s - c.effect).abs());
        if exact && turned {
            row.why.add(Reason::Turned);
        } else if exact && row.limit.is_some_and(|limit| by > limit) {
            row.why.add(Reason::OtherAmount);
        }
    }
    match c.decision {
        Decision::Higher => row.verdict = Verdict::of_move(&row.metric, 1.0),
        Decision::Lower => row.verdict = Verdict::of_move(&row.metric, -1.0),
        Decision::Pass => {
            row.verdict = Verdict::Unchanged;
            row.why.add(Reason::DidNotHold);
        }
        Decision::Suspect => {
            row.verdict = Verdict::Suspect;
            row.confirmed = false;
            row.why.add(Reason::NotProven);
        }
        Decision::CannotTell { detectable } => {
            row.verdict = Verdict::Unchanged;
            row.confirmed = false;
            row.cannot_tell_below = Some(detectable);
            let detectable = Some(detectable).filter(|d| d.is_finite());
            row.why.add(Reason::TooNoisy { detectable });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Better, Counter, Metric};

    #[test]
    fn sides_that_become_one_are_seen() {
        assert!(are_one((1.0, 2.0), (2.0, 2.0)) && are_one((1.0, 2.0), (1.0, 1.0)));
        assert!(!are_one((1.0, 2.0), (1.0, 2.0)) && !are_one((1.0, 2.0), (3.0, 3.0)));
        assert!(!are_one((1.0, 1.0), (1.0, 1.0)));
    }

    #[test]
    fn enough_runs_are_taken_to_prove_a_change() {
        let policy = gate::Policy::for_series(&Metric::WallTime, &Counter::Clock);
        assert_eq!(runs_needed(&policy, 0), 7);
        assert_eq!(runs_needed(&policy, 50), policy.rerun);
    }

    #[test]
    fn the_number_shown_is_the_one_that_is_judged() {
        let mut row = Row::of_metric(Metric::Instructions);
        row.class = NoiseClass::Exact;
        row.change = Some(-0.015);
        let said = gate::Confirmation {
            decision: Decision::Higher,
            p: 0.0,
            effect: 0.0129,
            low: 0.0129,
            high: 0.0129,
        };
        apply(&mut row, &said);
        assert_eq!(
            (row.verdict, row.change),
            (Verdict::Regressed, Some(0.0129))
        );
        assert!(row.why.words().contains("run --fresh"));
        for (stored, is_other) in [(0.0131, false), (0.0129, false), (0.5, true)] {
            let mut row = Row::of_metric(Metric::Instructions);
            row.class = NoiseClass::Exact;
            (row.change, row.limit) = (Some(stored), Some(0.005));
            apply(&mut row, &said);
            let words = row.why.words();
            assert_eq!(
                words.contains("another amount"),
                is_other,
                "{stored}: {words}"
            );
        }
    }

    #[test]
    fn what_fresh_runs_say_is_worse_by_the_direction_of_the_metric() {
        use Verdict::{Improved, Regressed};
        for (better, decision, verdict) in [
            (Better::Lower, Decision::Higher, Regressed),
            (Better::Lower, Decision::Lower, Improved),
            (Better::Higher, Decision::Higher, Improved),
            (Better::Higher, Decision::Lower, Regressed),
        ] {
            let mut row = Row::of_metric(Metric::stored("x", "1/s", better));
            let said = gate::Confirmation {
                decision,
                p: 0.0,
                effect: 0.1,
                low: 0.1,
                high: 0.1,
            };
            apply(&mut row, &said);
            assert_eq!((row.verdict, row.confirmed), (verdict, true));
        }
    }
}
