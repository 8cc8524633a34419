//! Where the commits of a chart lie in time.

use crate::text;

/// Seconds in a day.
const DAY: f64 = 86_400.0;
/// Days beyond which an axis says the year.
const YEARS: f64 = 330.0;

/// The days of positions. Along the line a date never goes back: a commit that says to be older
/// than the one before it is taken to be as old.
#[derive(Debug, Default)]
pub(super) struct Dates(Vec<(f64, f64)>);

impl Dates {
    /// Of positions, ascending, and when their commits were written.
    pub(super) fn along(times: &[(u64, i64)]) -> Self {
        let mut latest = f64::MIN;
        let days = times.iter().map(|(position, time)| {
            latest = latest.max(*time as f64 / DAY);
            (*position as f64, latest)
        });
        Self(days.collect())
    }

    /// The day at a position; between two known ones, a day between theirs.
    pub(super) fn at(&self, position: f64) -> f64 {
        let i = self.0.partition_point(|(p, _)| *p < position);
        match (i.checked_sub(1).map(|i| self.0[i]), self.0.get(i).copied()) {
            (Some((p, day)), Some((q, next))) => {
                day + (next - day) * (position - p) / (q - p).max(1.0)
            }
            (None, Some((_, day))) | (Some((_, day)), None) => day,
            (None, None) => 0.0,
        }
    }
}

/// How a day is written on an axis that spans so many.
pub(super) fn label(day: f64, span: f64) -> String {
    let time = (day * DAY).round() as i64;
    if day.fract() == 0.0 || span > YEARS {
        whole(time, span)
    } else {
        text::minute(time)
    }
}

/// The day of a time on an axis that spans so many.
pub(super) fn whole(time: i64, span: f64) -> String {
    if span > YEARS {
        text::date(time)
    } else {
        text::day(time)
    }
}

/// The days between the first and the last of some times.
pub(super) fn span(times: &[(u64, i64)]) -> f64 {
    let days = |ends: (&(u64, i64), &(u64, i64))| (ends.1.1 - ends.0.1) as f64 / DAY;
    times.first().zip(times.last()).map_or(0.0, days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_never_go_back_along_the_line() {
        let day = |n: i64| n * 86_400;
        let dates = Dates::along(&[(3, day(10)), (4, day(8)), (6, day(20))]);
        let at = |p: f64| dates.at(p);
        assert_eq!((at(3.0), at(4.0), at(6.0)), (10.0, 10.0, 20.0));
        assert_eq!((at(5.0), at(5.5)), (15.0, 17.5));
        assert_eq!((at(0.0), at(9.0)), (10.0, 20.0));
        assert_eq!(Dates::default().at(3.0), 0.0);
    }

    #[test]
    fn an_axis_says_what_its_span_needs() {
        assert_eq!(label(0.0, 30.0), "1 Jan");
        assert_eq!(label(0.5, 2.0), "1 Jan 12:00");
        assert_eq!(label(366.0, 900.0), "2 Jan 1971");
        assert_eq!(label(366.5, 900.0), "2 Jan 1971");
        let year = [(1, 0), (2, 86_400), (9, 400 * 86_400)];
        assert_eq!(whole(0, span(&year)), "1 Jan 1970");
        assert_eq!(whole(0, span(&year[..2])), "1 Jan");
        assert_eq!(span(&[]), 0.0);
    }
}
