//! What makes a benchmark vary: found out when it is first seen, and stored as its noise class.

use super::env::SEED;
use super::{RUNS, RunError, region};
use crate::model::NoiseClass;

/// A second seed and a second layout, for calibration: any other would do.
const OTHER_SEED: u64 = 2;
const OTHER_PADDING: usize = 64;

/// A first run of so many times the count of those after it is no disturbance.
const SPENT: f64 = 10.0;
const SPENDS: &str = "its first run counted more than ten times what the later ones did, which are what is \
    told: it finds there what a run leaves behind (a cache, a file that it writes anew), so have it \
    begin anew each time";

/// Runs of one benchmark, with what calibration says of it.
#[derive(Debug)]
pub(super) struct Calibrated {
    pub(super) class: NoiseClass,
    pub(super) costs: Vec<region::PerIteration>,
}

/// What the commits around say of a benchmark's count on this testbed.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// What made it vary.
    pub class: NoiseClass,
    /// Counts that it had.
    pub counts: Vec<f64>,
}

impl Known {
    /// Whether one run with that count is enough.
    fn settles(&self, count: f64) -> bool {
        self.class != NoiseClass::Exact || self.counts.contains(&count)
    }
}

/// Counts once if that is known to be enough; else finds out what the count depends on.
///
/// A benchmark is seen first with another random seed *and* another stack layout at once:
/// if the count stays, neither matters, and two runs have settled it. Else the causes are
/// told apart one by one, and the count is taken over [`RUNS`] values of the cause.
///
/// An exact count that no commit around had is looked at in the same way: the commit may have
/// brought something that varies, and on a busy machine a run may count what none beside it does.
pub(super) fn calibrate(
    known: Option<&Known>,
    run: &mut dyn FnMut(u64, usize) -> std::result::Result<region::PerIteration, RunError>,
) -> std::result::Result<Calibrated, RunError> {
    let first = run(SEED, 0)?;
    let class = match known.filter(|k| k.settles(first.warm)) {
        Some(known) => known.class,
        None => {
            let other = run(OTHER_SEED, OTHER_PADDING)?;
            if other.warm == first.warm {
                return Ok(exact(first));
            }
            let second = run(SEED, 0)?;
            // Neither seed nor layout matters, and the first run is the odd one out, unless it
            // changes between two counts: one more run tells.
            if second.warm == other.warm && run(SEED, 0)?.warm == second.warm {
                let is_spent = first.warm > SPENT * second.warm;
                let note = is_spent.then_some(SPENDS);
                return Ok(exact(region::PerIteration {
                    note: second.note.or(note),
                    ..second
                }));
            }
            if second.warm != first.warm {
                NoiseClass::Threaded
            } else if run(OTHER_SEED, 0)?.warm != first.warm {
                NoiseClass::Seeded
            } else {
                NoiseClass::Layout
            }
        }
    };
    let mut costs = vec![first];
    for i in 1..RUNS {
        match class {
            NoiseClass::Exact | NoiseClass::Sampled => break,
            NoiseClass::Threaded => costs.push(run(SEED, 0)?),
            NoiseClass::Seeded => costs.push(run(SEED + i as u64, 0)?),
            // Steps of the stack's own alignment, doubling: 16, 32, 64, 128 bytes.
            NoiseClass::Layout => costs.push(run(SEED, 8 << i)?),
        }
    }
    // What no layout moves was taken for one that does because a single run was odd.
    if known.is_none_or(|k| k.class != class)
        && class == NoiseClass::Layout
        && costs.iter().all(|c| c.warm == costs[0].warm)
    {
        costs.truncate(1);
        let class = NoiseClass::Exact;
        return Ok(Calibrated { class, costs });
    }
    Ok(Calibrated { class, costs })
}

fn exact(cost: region::PerIteration) -> Calibrated {
    Calibrated {
        class: NoiseClass::Exact,
        costs: vec![cost],
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cost(warm: f64) -> region::PerIteration {
        region::PerIteration {
            warm,
            cold: warm,
            profile_marks: Vec::new(),
            extent: None,
            note: None,
        }
    }

    /// Calibrates a made-up benchmark; gives the class and how many runs it took.
    fn class_of(mut f: impl FnMut(u64, usize, usize) -> f64) -> (NoiseClass, usize, usize) {
        let mut runs = 0;
        let c = calibrate(None, &mut |seed, padding| {
            runs += 1;
            Ok(cost(f(seed, padding, runs)))
        })
        .unwrap();
        (c.class, c.costs.len(), runs)
    }

    #[test]
    fn calibration_tells_the_causes_apart() {
        assert_eq!(class_of(|_, _, _| 5.0), (NoiseClass::Exact, 1, 2));
        assert_eq!(class_of(|seed, _, _| seed as f64).0, NoiseClass::Seeded);
        assert_eq!(
            class_of(|_, padding, _| padding as f64).0,
            NoiseClass::Layout
        );
        assert_eq!(class_of(|_, _, run| run as f64).0, NoiseClass::Threaded);
    }

    fn known(counts: &[f64]) -> Known {
        Known {
            class: NoiseClass::Exact,
            counts: counts.to_vec(),
        }
    }

    /// The class, the count and the number of runs of a benchmark that gives these counts.
    fn settled(known: Option<&Known>, counts: &[f64]) -> (NoiseClass, f64, usize) {
        let mut runs = 0;
        let c = calibrate(known, &mut |_, _| {
            runs += 1;
            Ok(cost(counts[(runs - 1).min(counts.len() - 1)]))
        })
        .unwrap();
        (c.class, c.costs[0].warm, runs)
    }

    /// Runs that give these counts, and then the last for ever.
    fn once(
        counts: &[f64],
    ) -> impl FnMut(u64, usize) -> std::result::Result<region::PerIteration, RunError> {
        let mut left: Vec<f64> = counts.iter().rev().copied().collect();
        move |_, _| {
            let next = left.pop().unwrap();
            left.extend(left.is_empty().then_some(next));
            Ok(cost(next))
        }
    }

    #[test]
    fn a_count_that_an_earlier_commit_had_costs_no_calibration() {
        let earlier = known(&[7.0, 1.0]);
        let exact = NoiseClass::Exact;
        assert_eq!(settled(Some(&earlier), &[1.0, 2.0]), (exact, 1.0, 1));
        assert_eq!(settled(Some(&earlier), &[2.0, 2.0, 9.0]), (exact, 2.0, 2));
    }

    #[test]
    fn a_run_that_none_beside_it_repeats_is_not_the_count() {
        let exact = NoiseClass::Exact;
        for known in [None, Some(&known(&[8672.0]))] {
            let first = settled(known, &[19665.0, 14672.0]);
            assert_eq!(first, (exact, 14672.0, 4));
            let spent = calibrate(known, &mut once(&[160_000.0, 14_672.0])).unwrap();
            assert_eq!(
                (spent.costs[0].warm, spent.costs[0].note),
                (14_672.0, Some(SPENDS))
            );
            let odd = calibrate(known, &mut once(&[19_665.0, 14_672.0])).unwrap();
            assert_eq!(odd.costs[0].note, None);
            let flips = settled(known, &[1.0, 2.0, 2.0, 1.0, 2.0]);
            assert_eq!(flips.0, NoiseClass::Threaded);
            let second = settled(known, &[14672.0, 19665.0, 14672.0]);
            assert_eq!((second.0, second.1), (exact, 14672.0));
        }
    }

    #[test]
    fn what_begins_to_vary_is_exact_no_more() {
        let varying: Vec<f64> = (0..9).map(f64::from).collect();
        let earlier = known(&[1e6]);
        let (class, ..) = settled(Some(&earlier), &varying);
        assert_eq!(class, NoiseClass::Threaded);
    }
}
