//! When a message that was not taken is sent again. Pure.

/// Seconds before each try, the first at once: the table of Standard Webhooks, three days in all.
pub const DELAYS: [i64; 10] = [
    0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];
/// A delay is up to so much longer, so that what failed together is not tried together.
const SPREAD: f64 = 0.2;
/// Nobody makes us wait longer than this.
const LONGEST: i64 = 86_400;

/// When a message is sent again that was tried `tries` times, last at `now`; `None`: no more.
/// `jitter` is from 0 to 1; `asked` is how long the other side asks to wait, in seconds.
#[must_use]
pub fn next(tries: u32, now: i64, jitter: f64, asked: Option<i64>) -> Option<i64> {
    let delay = *DELAYS.get(usize::try_from(tries).ok()?)?;
    let spread = (delay as f64 * SPREAD * jitter.clamp(0.0, 1.0)) as i64;
    let asked = asked.unwrap_or(0).clamp(0, LONGEST);
    Some(now + (delay + spread).max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_try_comes_after_its_delay_and_never_much_later(
            tries in 1u32..20,
            now in 0i64..4_000_000_000,
            jitter in -1.0f64..2.0,
            asked in proptest::option::of(-10i64..10_000_000),
        ) {
            match next(tries, now, jitter, asked) {
                None => prop_assert!(tries >= 10),
                Some(at) => {
                    let delay = DELAYS[tries as usize];
                    let wait = at - now;
                    prop_assert!(wait >= delay);
                    prop_assert!(wait >= asked.unwrap_or(0).clamp(0, 86_400));
                    prop_assert!(wait <= (delay + delay / 5).max(86_400));
                    // Without a wish of the other side, later tries wait longer.
                    let later = next(tries + 1, now, 0.0, None);
                    prop_assert!(asked.is_some() || later.is_none_or(|l| l >= at || jitter > 0.0));
                }
            }
        }
    }

    #[test]
    fn nine_further_tries_take_three_days_and_some_hours() {
        let mut now = 0;
        let mut tries = 1;
        while let Some(at) = next(tries, now, 0.0, None) {
            now = at;
            tries += 1;
        }
        assert_eq!((tries, now), (10, 272_105));
    }
}
