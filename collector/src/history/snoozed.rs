//! What nobody need look at yet, and until when.

use crate::error::Result;
use crate::format::{day, plural};
use crate::store::{Moment, Reported, Store};

/// The moment by which the changes of a store are snoozed or not; `now` in seconds since 1970.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn moment(store: &Store, now: i64) -> Result<Moment> {
    let newest = store.commits(u64::MAX, 1)?.pop();
    Ok(Moment {
        today: day(now),
        newest: newest.map_or(0, |c| c.position),
    })
}

/// Until when nobody need look at a change, in words; `None` where it is not snoozed.
#[must_use]
pub fn snoozed(e: &Reported, at: &Moment) -> Option<String> {
    if !e.is_snoozed(at) {
        return None;
    }
    let place = e
        .snooze
        .strip_prefix('@')
        .and_then(|p| p.parse::<u64>().ok());
    Some(match place {
        Some(place) => {
            let more = plural(place - at.newest, "more commit");
            format!("snoozed for {more}")
        }
        None => format!(
            "snoozed until {}",
            e.snooze.chars().take(10).collect::<String>()
        ),
    })
}
