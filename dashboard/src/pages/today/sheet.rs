//! Which groups stand on one page: as many as a browser draws at once.

use std::ops::Range;

use maud::{Markup, html};

use crate::pages::groups::Group;
use crate::text::plural;

/// Series of a group that are seen at once.
pub(super) const MEMBERS: usize = 3;
/// Series of a group that are named when it is unfolded.
pub(super) const OTHERS: usize = 6;
/// Elements that groups may have on a page; with what stands around them they are fewer than 1,500.
const ROOM: usize = 1_150;
/// Elements of a group whatever is in it: its head, its cause, its controls …
const FRAME: usize = 68;
/// … of a series that is seen at once …
const MEMBER: usize = 19;
/// … and of one that is folded.
const OTHER: usize = 7;

/// Some of the groups.
pub(super) struct Sheet {
    /// From 1 on.
    page: usize,
    range: Range<usize>,
}

impl Sheet {
    /// The groups of a page; of one beyond the last those of the last.
    pub(super) fn of(groups: &[Group], page: usize) -> Self {
        let weights = groups.iter().map(|g| weight(g.events.len()));
        let mut sheets = sheets(weights);
        sheets.truncate(page.max(1));
        Self {
            page: sheets.len().max(1),
            range: sheets.pop().unwrap_or(0..0),
        }
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// How many groups stand elsewhere, and the way to them.
    pub(super) fn links(&self, total: usize, url: &dyn Fn(usize) -> String) -> Markup {
        let (before, after) = (self.range.start, total - self.range.end);
        html! {
            @if before + after > 0 {
                nav .pager aria-label="Further groups" {
                    @if before > 0 {
                        a rel="prev" href=(url(self.page - 1)) { "← " (plural(before, "group")) " before" }
                    }
                    span {
                        "Groups " (self.range.start + 1) " to " (self.range.end) " of " (total)
                        ", the worst first"
                    }
                    @if after > 0 {
                        a rel="next" href=(url(self.page + 1)) { (plural(after, "group")) " more →" }
                    }
                }
            }
        }
    }
}

/// Elements of a group of so many series.
fn weight(series: usize) -> usize {
    let (seen, folded) = (
        series.min(MEMBERS),
        series.saturating_sub(MEMBERS).min(OTHERS),
    );
    FRAME + MEMBER * seen + OTHER * folded
}

/// The groups of each page, one of these weights each.
fn sheets(weights: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut left = 0;
    for (i, weight) in weights.enumerate() {
        match out.last_mut() {
            Some(last) if weight <= left => last.end = i + 1,
            _ => {
                out.push(i..i + 1);
                left = ROOM;
            }
        }
        left = left.saturating_sub(weight);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_stands_on_one_page() {
        let weights = || (0..200).map(|i| weight(1 + i % 40));
        let all = sheets(weights());
        let places: Vec<usize> = all.iter().cloned().flatten().collect();
        assert_eq!(places, (0..200).collect::<Vec<_>>());
        for range in &all {
            let sum: usize = weights().skip(range.start).take(range.len()).sum();
            assert!(sum <= ROOM, "{range:?}: {sum}");
        }
        assert!(sheets(std::iter::empty()).is_empty());
        // One that has no room by itself has a page of its own.
        assert_eq!(sheets([9_000, 9_000].into_iter()), [0..1, 1..2]);
    }
}
