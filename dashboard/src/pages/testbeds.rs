//! Which testbed took the place of which, as far as some counters depend on it.

use std::collections::BTreeMap;

use collector::model::{Counter, Testbed};
use collector::store::TestbedRow;

/// What changed from one testbed to the next: name, before, after.
pub(super) type Facts = Vec<(String, String, String)>;

/// Testbeds that differ in nothing that matters: one, from its first commit to its last.
pub(super) struct Stay<'a> {
    key: String,
    /// As it began.
    pub(super) first: &'a TestbedRow,
    /// As it was last.
    last: &'a TestbedRow,
    /// The one whose place it took, among them all, and what changed.
    pub(super) replaced: Option<(usize, Facts)>,
}

/// Testbeds in the order of their first commits, those together that are one to these counters.
pub(super) fn stays<'a>(
    all: impl Iterator<Item = &'a TestbedRow>,
    counters: &[Counter],
) -> Vec<Stay<'a>> {
    let mut out: Vec<Stay<'a>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for row in all {
        let key = testbed(row).key(counters.iter().cloned());
        match known.get(&key) {
            Some(at) if out[*at].last.last_position <= row.last_position => out[*at].last = row,
            Some(_) => {}
            None => {
                known.insert(key.clone(), out.len());
                out.push(Stay {
                    key,
                    first: row,
                    last: row,
                    replaced: None,
                });
            }
        }
    }
    let mut taken = Vec::new();
    for new in 0..out.len() {
        let replaced = replaced(&out, &taken, (new, counters));
        taken.extend(replaced.iter().map(|(i, _)| *i));
        out[new].replaced = replaced;
    }
    out
}

/// The one of them that a testbed is.
pub(super) fn stay_of<'a, 'b>(
    all: &'a [Stay<'b>],
    row: &TestbedRow,
    counters: &[Counter],
) -> Option<&'a Stay<'b>> {
    let key = testbed(row).key(counters.iter().cloned());
    all.iter().find(|s| s.key == key)
}

/// The one of so many whose place another one took, and what differs: of those that had ended by
/// then and that nobody had taken the place of yet, the one that differs least. Two that measure
/// side by side follow each other nowhere.
fn replaced(
    all: &[Stay<'_>],
    taken: &[usize],
    (new, counters): (usize, &[Counter]),
) -> Option<(usize, Facts)> {
    let first = all[new].first;
    let ended = |s: &Stay<'_>| {
        s.first.first_position < first.first_position
            && s.last.last_position <= first.first_position
    };
    let free = (0..all.len()).filter(|i| *i != new && !taken.contains(i) && ended(&all[*i]));
    let differ = free.map(|i| (i, differences(all[i].last, first, counters)));
    differ.min_by_key(|(i, facts)| (facts.len(), u64::MAX - all[*i].last.last_position))
}

fn testbed(row: &TestbedRow) -> Testbed {
    Testbed {
        facts: row.facts.clone(),
    }
}

/// What differs between two testbeds that any of some counters depends on.
fn differences(before: &TestbedRow, after: &TestbedRow, counters: &[Counter]) -> Facts {
    let (before, after) = (testbed(before), testbed(after));
    let differ = counters.iter().flat_map(|c| before.differences(&after, c));
    let by_name: BTreeMap<String, (String, String)> =
        differ.map(|(name, a, b)| (name, (a, b))).collect();
    by_name
        .into_iter()
        .map(|(name, (a, b))| (name, said(a), said(b)))
        .collect()
}

/// Every fact that differs between two testbeds.
pub(super) fn all_differences(before: &TestbedRow, after: &TestbedRow) -> Facts {
    let facts = testbed(before).beside(&testbed(after), &Counter::Clock);
    let differ = facts.into_iter().filter(|f| !f.is_same());
    differ
        .map(|f| (f.name, said(f.here), said(f.there)))
        .collect()
}

fn said(value: String) -> String {
    if value.trim().is_empty() {
        "–".into()
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(facts: &[(&str, &str)], (first, last): (u64, u64)) -> TestbedRow {
        let facts = facts.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        TestbedRow {
            facts: facts.collect(),
            first_position: first,
            last_position: last,
            first_time: 0,
            last_time: 0,
            reports: 1,
        }
    }

    /// What each testbed that took another's place differs in, to a counter.
    fn changes(rows: &[TestbedRow], counter: Counter) -> Vec<(u64, Facts)> {
        let counters = [counter];
        let all = stays(rows.iter(), &counters).into_iter();
        all.filter_map(|s| Some((s.first.first_position, s.replaced?.1)))
            .collect()
    }

    fn fact(name: &str, before: &str, after: &str) -> Facts {
        vec![(name.into(), before.into(), after.into())]
    }

    #[test]
    fn two_machines_side_by_side_are_no_change_and_each_follows_itself() {
        let at = |cpu, rustc, span| row(&[("cpu", cpu), ("rustc", rustc)], span);
        let beside = [at("A", "1", (0, 90)), at("B", "1", (40, 95))];
        assert_eq!(changes(&beside, Counter::Clock), []);
        // Nor one that comes beside the one that took another's place.
        let third = [
            at("A", "1", (0, 20)),
            at("A", "2", (21, 90)),
            at("B", "2", (60, 90)),
        ];
        let only = [(21, fact("rustc", "1", "2"))];
        assert_eq!(changes(&third, Counter::Clock), only);
        let both = [
            at("A", "1", (0, 50)),
            at("B", "1", (1, 51)),
            at("A", "2", (52, 90)),
            at("B", "2", (53, 90)),
        ];
        let rustc = || fact("rustc", "1", "2");
        assert_eq!(
            changes(&both, Counter::Clock),
            [(52, rustc()), (53, rustc())]
        );
    }

    #[test]
    fn what_a_counter_ignores_is_no_change_of_its_testbed() {
        let at = |kernel, span| row(&[("kernel", kernel)], span);
        let rows = [at("6.1", (0, 50)), at("6.12", (51, 90))];
        assert_eq!(changes(&rows, Counter::Callgrind), []);
        let kernel = fact("kernel", "6.1", "6.12");
        assert_eq!(changes(&rows, Counter::Clock), [(51, kernel.clone())]);
        assert_eq!(all_differences(&rows[0], &rows[1]), kernel);
    }
}
