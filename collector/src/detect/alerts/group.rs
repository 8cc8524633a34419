//! One cause, many series: changes that one commit explains are reported together.

use crate::detect::steps::finder::{Change, Kind};

/// Changes of several series on one testbed that share a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Positions in the input, ascending.
    pub members: Vec<usize>,
    /// First commit that all members may be caused by.
    pub first: i64,
    /// Last commit that all members may be caused by.
    pub last: i64,
    /// The largest |relative change| among them.
    pub largest: f64,
    /// Whether every series of a testbed moved: ask what happened to the machine first. Who knows
    /// the testbeds says it.
    pub everything: bool,
}

/// The fewest groups whose members all have a commit in common; the largest first.
///
/// Greedy by the end of the commit set, which is optimal for covering intervals by points (Cormen et
/// al., *Introduction to Algorithms*, exercise 16.2-5). A group's set is the
/// intersection of its members' sets. Changes of one series never share a group.
#[must_use]
pub fn group(changes: &[(usize, &Change)]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..changes.len()).collect();
    order.sort_by_key(|&i| (changes[i].1.last, changes[i].1.first, changes[i].0));
    let mut groups: Vec<Group> = Vec::new();
    for i in order {
        let (owner, c) = changes[i];
        // A drift has no commit in common with anything.
        let stands_alone = |of: usize| changes[of].1.kind == Kind::Drift;
        let fits = |g: &Group| {
            c.first <= g.last
                && !stands_alone(i)
                && g.members
                    .iter()
                    .all(|m| changes[*m].0 != owner && !stands_alone(*m))
        };
        match groups.iter_mut().find(|g| fits(g)) {
            Some(g) => {
                g.members.push(i);
                g.first = g.first.max(c.first);
                g.largest = g.largest.max(c.change.abs());
            }
            None => groups.push(Group {
                members: vec![i],
                first: c.first,
                last: c.last,
                largest: c.change.abs(),
                everything: false,
            }),
        }
    }
    for g in &mut groups {
        g.members.sort_unstable();
    }
    groups.sort_by(|a, b| {
        b.members
            .len()
            .cmp(&a.members.len())
            .then(b.largest.total_cmp(&a.largest))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Kind;

    fn change(first: i64, last: i64, change: f64) -> Change {
        let (low, high) = (change, change);
        let (before, after) = (1.0, 1.0 + change);
        let (index, confidence, kind) = (last, 1.0, Kind::Step);
        Change {
            index,
            first,
            last,
            before,
            after,
            change,
            low,
            high,
            confidence,
            kind,
        }
    }

    #[test]
    fn overlapping_sets_are_one_event_with_the_common_commits() {
        let all = [
            change(10, 14, 0.1),
            change(12, 12, 0.3),
            change(11, 20, -0.2),
            change(30, 30, 0.5),
        ];
        let tagged: Vec<(usize, &Change)> = all.iter().enumerate().collect();
        let groups = group(&tagged);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].members, [0, 1, 2]);
        assert_eq!(
            (groups[0].first, groups[0].last, groups[0].largest),
            (12, 12, 0.3)
        );
        assert!(!groups[0].everything);
    }

    #[test]
    fn one_series_never_explains_itself_twice() {
        let all = [change(10, 14, 0.1), change(12, 15, 0.3)];
        assert_eq!(group(&[(0, &all[0]), (0, &all[1])]).len(), 2);
        assert!(group(&[]).is_empty());
    }
}
