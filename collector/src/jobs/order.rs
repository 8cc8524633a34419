//! Which waiting job is leased next.
//!
//! By purpose, and among equals the newest. Every tenth lease goes to whichever has waited longest,
//! so that a flood of new commits starves nothing: a job that has `n` older ones before it is leased
//! within `10 (n + 1)` leases.

/// Every so many leases one goes to the oldest.
pub const TURN_OF_OLDEST: u64 = 10;

/// A job that may be leased now. Numbers are given in the order of offering, and within one push
/// the newest commit has the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub id: i64,
    /// Its purpose's [`super::Purpose::rank`].
    pub rank: u8,
}

/// Whether the lease after `leases` others is that of the oldest.
#[must_use]
pub const fn is_turn_of_oldest(leases: u64) -> bool {
    leases % TURN_OF_OLDEST == TURN_OF_OLDEST - 1
}

/// The number of the job that is leased next, after `leases` others.
#[must_use]
pub fn next(waiting: &[Waiting], leases: u64) -> Option<i64> {
    let chosen = if is_turn_of_oldest(leases) {
        waiting.iter().min_by_key(|w| w.id)
    } else {
        waiting
            .iter()
            .min_by_key(|w| (w.rank, std::cmp::Reverse(w.id)))
    };
    chosen.map(|w| w.id)
}

/// The place of the first commit on `line` that is new, after the main line was `old`: the one behind
/// the last that both have. Where nothing is known of the old line, or nothing is left of it, only
/// the newest is: nobody asked for the past.
#[must_use]
pub fn first_new<T: PartialEq>(old: &[T], line: &[T]) -> usize {
    let same = old.iter().zip(line).take_while(|(a, b)| a == b).count();
    if same == 0 {
        line.len().saturating_sub(1)
    } else {
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn purpose_comes_first_then_the_newest_and_every_tenth_time_the_oldest() {
        let waiting = [(1, 4), (2, 1), (3, 1), (4, 2)].map(|(id, rank)| Waiting { id, rank });
        assert_eq!(next(&waiting, 0), Some(3));
        assert_eq!(next(&waiting, 9), Some(1));
        assert_eq!(next(&[], 0), None);
    }

    #[test]
    fn what_is_new_begins_behind_what_both_lines_have() {
        assert_eq!(first_new(&[], &[1, 2, 3]), 2);
        assert_eq!(first_new(&[1, 2], &[1, 2, 3, 4]), 2);
        // Forced: 3 was replaced.
        assert_eq!(first_new(&[1, 2, 3], &[1, 2, 4]), 2);
        // Taken back.
        assert_eq!(first_new(&[1, 2, 3], &[1, 2]), 2);
        // Another history altogether.
        assert_eq!(first_new(&[1, 2, 3], &[7, 8, 9]), 2);
        assert_eq!(first_new::<u8>(&[], &[]), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(14),
            ..ProptestConfig::with_cases(64)
        })]

        /// However many newer and more urgent ones come in between.
        #[test]
        fn nothing_starves(older in 0usize..8, rank in 0u8..5, start in 0u64..20) {
            let mut waiting: Vec<Waiting> =
                (0..=older as i64).map(|id| Waiting { id, rank }).collect();
            let mine = older as i64;
            let mut leases = start;
            let mut newest = mine;
            let most = start + TURN_OF_OLDEST * (older as u64 + 1);
            while waiting.iter().any(|w| w.id == mine) {
                prop_assert!(leases < most, "starved for {} leases", leases - start);
                newest += 1;
                waiting.push(Waiting { id: newest, rank: 0 });
                let id = next(&waiting, leases);
                waiting.retain(|w| Some(w.id) != id);
                leases += 1;
            }
        }
    }
}
