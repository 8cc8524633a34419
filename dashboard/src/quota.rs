//! How many series reports may begin in a day: a name that holds a time or a random number would
//! begin one with every report, and pages list them all for ever.

use std::sync::{Mutex, PoisonError};

use crate::error::Fail;

const DAY: i64 = 86_400;

/// What was begun today, by UTC. A server that starts anew begins its day anew.
#[derive(Debug)]
pub(crate) struct Quota {
    a_day: u64,
    today: Mutex<(i64, u64)>,
}

impl Quota {
    pub(crate) fn new(a_day: u64) -> Self {
        Self {
            a_day,
            today: Mutex::default(),
        }
    }

    /// Takes so many of today's share.
    ///
    /// # Errors
    /// [`Fail::Quota`] where there are not as many left; then none is taken.
    pub(crate) fn take(&self, series: u64, now: i64) -> Result<(), Fail> {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 != now.div_euclid(DAY) {
            *today = (now.div_euclid(DAY), 0);
        }
        let after = today.1.saturating_add(series);
        if series > 0 && after > self.a_day {
            return Err(Fail::Quota(format!(
                "This report begins {series} new series, and {} of the {} of a day are left: does a \
                 name hold a time or a random number? `uptick serve --new-series` sets the limit.",
                self.a_day.saturating_sub(today.1),
                self.a_day
            )));
        }
        today.1 = after;
        Ok(())
    }

    /// Gives back what was taken for a report that was not stored after all.
    pub(crate) fn give_back(&self, series: u64) {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        today.1 = today.1.saturating_sub(series);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_share_and_the_next_its_own() {
        let quota = Quota::new(10);
        assert!(quota.take(8, 5).is_ok());
        let why = quota.take(3, 6).unwrap_err();
        assert_eq!(why.status().as_u16(), 429);
        assert!(why.words().contains("2 of the 10"), "{}", why.words());
        assert!(quota.take(0, 6).is_ok() && quota.take(2, 7).is_ok());
        assert!(quota.take(1, 8).is_err());
        quota.give_back(1);
        assert!(quota.take(1, 8).is_ok());
        assert!(quota.take(10, DAY + 1).is_ok());
    }
}
