//! The order in which reports arrive decides when a change is reported, and nothing else.
//!
//! What is equal, whatever the order and whoever looked when: which changes of a series stand, on
//! which commits, between which levels, with which cause, and where they went back. What is not:
//! the newest commit at the first report, and the identity where the first look saw wider commit
//! sets than the last one. An identity is given at the first report, from the commit set as it was
//! then, and is kept for life; the order may decide which it is, but never that a standing change
//! has two, shares one, or has that of a change which lay elsewhere.
//!
//! This holds for changes that the last look would report by itself. One on the threshold, in a
//! series that varies or walks, is reported if any look saw enough of it, and stands as long as a
//! second look does not refute it: which looks there were is part of the answer there.
//!
//! Of several reports of one commit the one that arrived last counts.

use std::collections::BTreeSet;
use std::path::Path;

use super::{report, sha};
use crate::detect::alerts::life::is_same;
use crate::detect::{Change, Kind};
use crate::history::watch;
use crate::model::Line;
use crate::stats::SplitMix64;
use crate::store::log::append::Sealed;
use crate::store::log::entry::{Entry, Stretch, identity};
use crate::store::{Reported, Store};

/// What must not depend on the order: the series, and all of the change that stands there.
type Standing = (String, Change, Option<i64>);

fn standing(store: &Store) -> Vec<(Standing, Reported)> {
    let mut all = Vec::new();
    for series in store.series().unwrap() {
        let reported = store.events_of(&series.key.id()).unwrap();
        for t in reported.into_iter().filter(|t| t.event.seen) {
            let reported = t.reported.clone().unwrap();
            assert!(is_same(&reported, &t.event.change), "{t:?}");
            assert_eq!(t.id, identity(&series.key, &reported));
            let name = series.key.benchmark.clone();
            all.push(((name, t.event.change.clone(), t.event.recovered), t));
        }
    }
    all.sort_by(|(a, _), (b, _)| (&a.0, a.1.index).cmp(&(&b.0, b.1.index)));
    let ids: BTreeSet<&str> = all.iter().map(|(_, t)| t.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "two changes have one identity");
    all
}

/// Each entry arrives durably, is applied at once or along with later ones, and somebody looks
/// after it, or after later ones: as it goes while a server takes reports.
fn arrive(entries: &[&Entry], g: &mut SplitMix64) -> Vec<Standing> {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    for entry in entries {
        store.append(&Sealed::of(entry).unwrap(), &[]).unwrap();
        if g.below(3) > 0 {
            store.catch_up().unwrap();
        }
        if g.below(3) > 0 {
            watch::search(&mut store, usize::MAX).unwrap();
        }
    }
    store.catch_up().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    let all = standing(&store);
    // Whoever looks again at all of it reports nothing more.
    let reported = store.verify().unwrap().entries;
    let anew = "UPDATE series SET searched = -1";
    store.db.execute(anew, []).unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(standing(&store), all);
    assert_eq!(store.verify().unwrap().entries, reported);
    all.into_iter().map(|(standing, _)| standing).collect()
}

/// Holds some orders of the same entries against the order of the commits.
fn orders(name: &str, entries: &[Entry], n: usize, seed: u64) -> Vec<Standing> {
    let mut g = SplitMix64::new(seed);
    let mut order: Vec<&Entry> = entries.iter().collect();
    let expected = arrive(&order, &mut g);
    for i in 0..n {
        g.shuffle(&mut order);
        assert_eq!(arrive(&order, &mut g), expected, "{name}, order {i}");
    }
    expected
}

/// One report for each commit, with a value of one benchmark.
fn commits(n: u64, value: impl Fn(u64) -> f64) -> Vec<Entry> {
    let one = |i| Entry::Report(Box::new(report(i, 'a', &[("a", value(i))])));
    (0..n).map(one).collect()
}

/// Position and way back of each standing change.
fn places(all: &[Standing]) -> Vec<(i64, Option<i64>)> {
    all.iter().map(|(_, c, back)| (c.index, *back)).collect()
}

#[test]
fn steps_stand_where_they_are_whatever_comes_first() {
    let stairs = commits(15, |i| 1e6 * 1.1_f64.powi((i / 5) as i32));
    let seen = orders("stairs", &stairs, 200, 1);
    assert_eq!(places(&seen), [(5, None), (10, None)]);
}

#[test]
fn a_way_back_is_no_change_of_its_own_even_if_it_was_known_first() {
    let back = commits(12, |i| if (4..8).contains(&i) { 2e6 } else { 1e6 });
    assert_eq!(places(&orders("back", &back, 200, 2)), [(4, Some(8))]);
    let again = commits(16, |i| if i / 4 % 2 == 1 { 2e6 } else { 1e6 });
    let seen = orders("up, down, up", &again, 200, 3);
    assert_eq!(places(&seen), [(4, Some(8)), (12, None)]);
}

#[test]
fn what_varies_has_its_clear_steps_whatever_comes_first() {
    let mut g = SplitMix64::new(9);
    let noise: Vec<f64> = (0..26).map(|_| g.next_f64()).collect();
    let values = |i: u64| 1000.0 + noise[i as usize] + if i < 13 { 0.0 } else { 60.0 };
    let seen = orders("noise", &commits(26, values), 100, 4);
    assert_eq!(places(&seen), [(13, None)]);
}

#[test]
fn a_branch_and_another_machine_leave_the_same_whatever_comes_first() {
    let mut entries = commits(12, |i| if i < 6 { 1e6 } else { 1.3e6 });
    for entry in &mut entries {
        let Entry::Report(r) = entry else { continue };
        // The step is the other machine's: from there on it measures.
        let kernel = if r.commit.position < 6 { "5" } else { "6" };
        r.testbed.facts.insert("kernel".into(), kernel.into());
    }
    // Two branches beside it, one of which says so; the third's commits are all the store has
    // until the main line is known.
    for (name, said) in [('d', true), ('e', false)] {
        for i in 3..9 {
            let mut r = report(i, name, &[("a", 9e6), ("of the branch", i as f64)]);
            r.line = said.then(|| Line::Branch {
                name: Some("topic".into()),
                merge_base: Some(sha(2, 'a')),
            });
            entries.push(Entry::Report(Box::new(r)));
        }
    }
    entries.push(Entry::MainLine(Stretch {
        from: 0,
        commits: (0..12).map(|i| sha(i, 'a')).collect(),
        seen: 0,
    }));
    let seen = orders("branches", &entries, 300, 5);
    assert_eq!(places(&seen), [(6, None)]);
    assert_eq!(seen[0].1.kind, Kind::Environment);
}

/// A store of one series, which doubles at its twentieth commit.
fn with_a_step() -> Store {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    for i in 0..40 {
        let value = if i < 20 { 1e6 } else { 2e6 };
        store.put(&report(i, 'a', &[("b", value)]), &[]).unwrap();
    }
    store
}

/// Whoever looks in the middle of an import would report steps of half a history, under identities
/// beside those that the other half brings.
#[test]
fn nothing_is_searched_while_a_history_is_imported() {
    let mut store = with_a_step();
    store
        .mark_import(Some(super::super::importing::now()))
        .unwrap();
    assert_eq!(watch::search(&mut store, usize::MAX).unwrap(), 0);
    assert_eq!(store.unsearched_series().unwrap(), 1);
    // One that ended without a word holds nobody up.
    store.mark_import(Some(1)).unwrap();
    assert_eq!(watch::search(&mut store, usize::MAX).unwrap(), 1);
    let mut out = Vec::new();
    store.export(&mut out).unwrap();
    let mut other = Store::open(Path::new(":memory:")).unwrap();
    other.import(&mut out.as_slice()).unwrap();
    assert!(!other.is_being_imported().unwrap(), "the mark stays");
    watch::search(&mut other, usize::MAX).unwrap();
    assert_eq!(standing(&other).len(), 1);
}

/// Another store reported a step too, and people decided about that: it is the one that stands.
#[test]
fn of_two_that_tell_of_one_step_the_one_stands_that_people_decided_about() {
    let mut store = with_a_step();
    watch::search(&mut store, usize::MAX).unwrap();
    let own = standing(&store).remove(0).1;
    let series = store.series().unwrap().remove(0).key;
    let change = Change {
        first: 18,
        ..own.event.change.clone()
    };
    let theirs = crate::store::log::entry::Alert {
        id: identity(&series, &change),
        series,
        told_at: 22,
        change,
    };
    let id = theirs.id.clone();
    let alert = Sealed::of(&Entry::Alert(Box::new(theirs))).unwrap();
    store.append(&alert, &[]).unwrap();
    store.catch_up().unwrap();
    let accepted = crate::store::Triage {
        events: vec![id.clone()],
        state: Some(crate::detect::alerts::life::State::Resolved(
            crate::detect::alerts::life::Resolution::Accepted,
        )),
        ..crate::store::Triage::default()
    };
    store.decide(&accepted, "Mei", 1).unwrap();
    assert_eq!(watch::search(&mut store, usize::MAX).unwrap(), 1);
    let stand: Vec<String> = seen(&store);
    assert_eq!(stand, [id]);
    assert_ne!(stand, [own.id]);
    assert_eq!(watch::search(&mut store, usize::MAX).unwrap(), 0);
}

/// A look at what another process was deriving anew is worth nothing.
#[test]
fn what_was_derived_anew_since_a_look_is_looked_at_again() {
    let mut store = with_a_step();
    let stale = store.unsearched(1).unwrap().remove(0);
    assert!(store.is_so(&stale.row).unwrap());
    watch::search(&mut store, usize::MAX).unwrap();
    let before = seen(&store);
    assert_eq!(before.len(), 1);
    let nothing = crate::store::Looked {
        mark: stale.mark,
        series: stale.row,
        findings: crate::detect::Finder::default().find(&[]),
        varies: crate::detect::gate::Varies::Relative(0.0),
        events: Vec::new(),
    };
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    store
        .keep_findings(&[nothing], crate::store::Audience::Nobody)
        .unwrap();
    assert_eq!(store.current_series().unwrap()[0].kind, "exact");
    assert_eq!(seen(&store), before);
}

fn seen(store: &Store) -> Vec<String> {
    let series = store.series().unwrap().remove(0);
    let all = store.events_of(&series.key.id()).unwrap();
    let seen = all.into_iter().filter(|t| t.event.seen);
    seen.map(|t| t.id).collect()
}
