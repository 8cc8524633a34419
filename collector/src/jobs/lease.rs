//! How long the right to measure a commit holds.

use std::time::Duration;

/// A lease that no heartbeat renews ends after so many seconds, unless the server says otherwise.
pub const TTL: u64 = 60;
/// A job may take so many seconds, unless its collector says otherwise.
pub const JOB_LIMIT: u64 = 6 * 3600;
/// A label of which no collector has been heard for so long is said to be silent, in milliseconds.
const SILENCE: i64 = 3_600_000;
/// How far two looks at the clock lie apart at most that are made for one moment, in milliseconds.
pub const ASKEW: i64 = 10_000;
/// The longest pause between two tries to reach a server, in seconds.
const LONGEST_PAUSE: f64 = 60.0;

/// Whether a lease until `until` is over at `now`, both in milliseconds of the store's clock.
///
/// A clock that was set back would make a lease last for as long as it was set back: one that ends
/// later than `ttl` from now was given before that, and is over too. By a little it is only newer: who
/// looks has read the clock before it was given, or is another node with a clock of its own.
#[must_use]
pub const fn is_expired(until: i64, now: i64, ttl: i64) -> bool {
    now >= until || until.saturating_sub(now) > ttl.saturating_add(ASKEW)
}

/// Whether those who wait for a label should be said to wait in vain: no collector of it was heard
/// of for an hour. All in milliseconds; `waiting` is since when the oldest job waits.
#[must_use]
pub const fn is_silent(heard: Option<i64>, waiting: i64, now: i64) -> bool {
    let since = match heard {
        Some(heard) => heard,
        None => waiting,
    };
    now.saturating_sub(since) >= SILENCE
}

/// How long to wait before the next try after `failures` in a row: 1 s, doubled up to a minute, and
/// of that between a half and all, as `random` in 0..1 says: those that were cut off together come
/// back apart.
#[must_use]
pub fn backoff(failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = f64::from(1u32 << doublings).min(LONGEST_PAUSE);
    Duration::from_secs_f64(whole * (0.5 + random.clamp(0.0, 1.0) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clock_that_jumps_makes_no_lease_longer() {
        assert!(!is_expired(1_060, 1_000, 60));
        // Given a moment after this look at the clock.
        assert!(!is_expired(1_060, 990, 60));
        assert!(is_expired(1_060, 999 - ASKEW, 60));
        assert!(is_expired(1_060, 1_060, 60));
        // Set back by a year: the lease is over at once.
        assert!(is_expired(1_060, -31_536_000_000, 60));
        // Set forward by a year: over too; the epoch makes what comes late void.
        assert!(is_expired(1_060, 31_536_000_000, 60));
        assert!(is_expired(i64::MAX, i64::MIN, 60));
    }

    #[test]
    fn silence_is_an_hour_without_a_heartbeat() {
        let hour = 3_600_000;
        assert!(!is_silent(Some(0), 0, hour - 1));
        assert!(is_silent(Some(0), 0, hour));
        assert!(!is_silent(None, 10, hour));
        assert!(is_silent(None, 10, hour + 10));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(14),
            ..ProptestConfig::with_cases(64)
        })]

        #[test]
        fn pauses_grow_from_half_a_second_to_a_minute(n in 0u32..100, random in 0.0f64..1.0) {
            let pause = backoff(n, random).as_secs_f64();
            prop_assert!((0.5..=60.0).contains(&pause));
            prop_assert!(backoff(n + 1, random) >= backoff(n, random));
        }

        #[test]
        fn no_lease_outlasts_its_time(given in -1_000_000i64..1_000_000, later in 0i64..1_000_000,
            jump in -10_000_000i64..10_000_000) {
            let ttl = 60_000;
            let until = given + ttl;
            if later >= ttl {
                // Whatever the clock says by then, it is over or the clock was set back.
                let now = given + later + jump;
                prop_assert!(is_expired(until, now, ttl) || jump < 0);
            }
        }
    }
}
