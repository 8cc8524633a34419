//! What makes a benchmark vary: found out when it is first seen, and stored as its noise class.

use super::env::SEED;
use super::{RUNS, RunError, region};
use crate::model::NoiseClass;

/// A second seed and a second layout, for calibration: any other would do.
const OTHER_SEED: u64 = 2;
const OTHER_PADDING: usize = 64;

/// Runs of one benchmark, with what calibration says of it.
#[derive(Debug)]
pub(super) struct Calibrated {
    pub(super) class: NoiseClass,
    pub(super) costs: Vec<region::PerIteration>,
}

/// Counts once if that is known to be enough; else finds out what the count depends on.
///
/// A benchmark is seen first with another random seed *and* another stack layout at once:
/// if the count stays, neither matters, and two runs have settled it. Else the causes are
/// told apart one by one, and the count is taken over [`RUNS`] values of the cause.
pub(super) fn calibrate(
    known: Option<NoiseClass>,
    run: &mut dyn FnMut(u64, usize) -> std::result::Result<region::PerIteration, RunError>,
) -> std::result::Result<Calibrated, RunError> {
    let first = run(SEED, 0)?;
    let class = match known {
        Some(class) => class,
        None if run(OTHER_SEED, OTHER_PADDING)?.warm == first.warm => NoiseClass::Exact,
        None if run(SEED, 0)?.warm != first.warm => NoiseClass::Threaded,
        None if run(OTHER_SEED, 0)?.warm != first.warm => NoiseClass::Seeded,
        None => NoiseClass::Layout,
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
    Ok(Calibrated { class, costs })
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

    #[test]
    fn a_known_class_costs_no_calibration() {
        let mut runs = 0;
        let c = calibrate(Some(NoiseClass::Exact), &mut |_, _| {
            runs += 1;
            Ok(cost(1.0))
        });
        assert_eq!((c.unwrap().costs.len(), runs), (1, 1));
    }
}
