//! Which commit inside a change's set is measured next, where every commit is measured once.

use crate::search::probe::{Action, Observation};
use crate::search::range::{Candidate, Direction, Noise, Options, Range};
use crate::search::search::Search;

/// The commits of a range that narrow a change down, by the search's own choice: `values` has each
/// commit's value from the last before the change to the first after it, `None` where it was not
/// measured; `given_up` are those that never will be. Empty where nothing is left to gain.
#[must_use]
pub fn narrow(values: &[Option<f64>], given_up: &[usize]) -> Vec<usize> {
    let (Some(Some(before)), Some(Some(after))) = (values.first(), values.last()) else {
        return Vec::new();
    };
    let candidate = |(i, value): (usize, &Option<f64>)| Candidate {
        group: i as u64,
        share: 0.0,
        changes_build: true,
        known: value.iter().copied().collect(),
    };
    let range = Range {
        commits: values.iter().enumerate().map(candidate).collect(),
        ..Range::default()
    };
    let options = Options {
        direction: if after < before {
            Direction::Down
        } else {
            Direction::Up
        },
        // The change was found already, however small it is.
        min_effect: 0.0,
        noise: Noise::Exact,
        explore_builds: 0,
        ..Options::default()
    };
    let Ok(mut search) = Search::new(&range, options) else {
        return Vec::new();
    };
    for commit in given_up {
        search.observe(*commit, Observation::Skip("given up".into()));
    }
    match search.next(1) {
        Action::Done(_) => Vec::new(),
        Action::Measure(probes) => {
            let wanted = probes.iter().map(|p| p.commit);
            wanted
                .filter(|c| values[*c].is_none() && !given_up.contains(c))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_of_one_commit_is_narrow() {
        assert!(narrow(&[Some(1.0), Some(2.0)], &[]).is_empty());
        assert!(narrow(&[Some(1.0), None, Some(2.0)], &[1]).is_empty());
        assert_eq!(narrow(&[Some(1.0), None, Some(2.0)], &[]), [1]);
        assert!(narrow(&[None, None, Some(2.0)], &[]).is_empty());
        assert!(narrow(&[], &[]).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(14),
            ..ProptestConfig::with_cases(64)
        })]

        /// Measuring what is asked for ends at the commit that made the step, in about as many
        /// builds as halving takes.
        #[test]
        fn asked_again_and_again_it_ends_at_the_step(n in 2usize..200, at in 0usize..1_000, up: bool) {
            let step = 1 + at % n;
            let (low, high) = if up { (100.0, 103.0) } else { (103.0, 100.0) };
            let value = |i: usize| if i < step { low } else { high };
            let mut values = vec![None; n + 1];
            (values[0], values[n]) = (Some(value(0)), Some(value(n)));
            let mut builds = 0;
            loop {
                let wanted = narrow(&values, &[]);
                if wanted.is_empty() {
                    break;
                }
                for i in wanted {
                    values[i] = Some(value(i));
                    builds += 1;
                }
            }
            prop_assert!(values[step - 1].is_some() && values[step].is_some());
            prop_assert!(builds <= 2 * (usize::BITS - n.leading_zeros()) as usize, "{builds} of {n}");
        }
    }
}
