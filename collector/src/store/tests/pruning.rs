//! Retention: what goes, what stays, and that whoever derives the view from what is left comes to
//! the same one.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::{Fixture, append, difference, main_line, report, rows, sha};
use crate::detect::alerts::life::{Resolution, State};
use crate::history::{retention, watch};
use crate::model::{Line, ProfileKind, ProfileRef, Report, digest};
use crate::store::prune::Bounds;
use crate::store::{Handed, Keep, Plan, Prunable, Store, Triage};

const DAY: i64 = 86_400;

/// So many days from now.
fn later(days: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + days * DAY
}

fn keep(profiles: u64, branches: Option<u64>, main: Option<u64>) -> Keep {
    Keep {
        profiles: Some(profiles),
        branches,
        main,
    }
}

/// Drops everything that a plan lets go.
fn drop_all(store: &mut Store, keep: &Keep, now: i64, bounds: Bounds) -> Prunable {
    let plan = store.plan_within(keep, now, bounds).unwrap();
    let foreseen = store.prunable(&plan).unwrap();
    let sum = prune_all(store, &plan, now);
    assert_eq!(sum, foreseen, "what was foreseen is what went");
    sum
}

fn prune_all(store: &mut Store, plan: &Plan, now: i64) -> Prunable {
    let mut sum = Prunable::default();
    for _ in 0..1_000 {
        let some = store.prune(plan, "p", now).unwrap();
        if some.is_empty() {
            return sum;
        }
        sum.add(&some);
    }
    panic!("no end of it: {sum:?}");
}

/// Everything is old; of the main line the newest commits stay.
pub(super) fn all_but(store: &mut Store, main: bool, newest: i64) {
    store.catch_up().unwrap();
    let keep = keep(1, Some(1), main.then_some(1));
    drop_all(store, &keep, later(3), Bounds { level: 2, newest });
}

fn blob(text: &str) -> (String, Vec<u8>) {
    (digest(text.as_bytes()), text.as_bytes().to_vec())
}

/// A commit with a profile of its own, and one that every commit has.
fn profiled(at: u64, value: f64) -> (Report, [(String, Vec<u8>); 2]) {
    let mut r = report(at, 'a', &[("a", value), ("b", 3e6)]);
    let blobs = [blob(&format!("[[\"a{at}\",1]]")), blob("[[\"same\",1]]")];
    for (benchmark, (hash, _)) in ["a", "b"].iter().zip(&blobs) {
        r.profiles.push(ProfileRef {
            benchmark: (*benchmark).into(),
            kind: ProfileKind::Functions,
            blob: hash.clone(),
        });
    }
    (r, blobs)
}

fn own(at: u64) -> String {
    blob(&format!("[[\"a{at}\",1]]")).0
}

/// 40 commits, a step at 20; a branch at 5 with a series of its own.
pub(super) fn fill(store: &mut Store) {
    for at in 0..40 {
        let (r, blobs) = profiled(at, if at < 20 { 1e6 } else { 2e6 });
        store.put(&r, &blobs).unwrap();
    }
    store.put(&branch(), &[]).unwrap();
    append(store, &main_line(0, 40));
    store.catch_up().unwrap();
    watch::search(store, usize::MAX).unwrap();
}

fn branch() -> Report {
    let mut beside = report(5, 'f', &[("a", 9e6), ("only-here", 1e3)]);
    beside.line = Some(Line::Branch {
        name: Some("topic".into()),
        merge_base: Some(sha(4, 'a')),
    });
    beside
}

/// The view is that of the log, also once derived anew, and in another store that reads the export.
pub(super) fn holds(store: &mut Store, path: &std::path::Path) {
    watch::search(store, usize::MAX).unwrap();
    let live = rows(path);
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    store.rebuild().unwrap();
    watch::search(store, usize::MAX).unwrap();
    assert_eq!(difference(&live, &rows(path)), Vec::<String>::new());
    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    let other = Fixture::new();
    let mut copy = other.store();
    for _ in 0..2 {
        copy.import(&mut exported.as_slice()).unwrap();
        watch::search(&mut copy, usize::MAX).unwrap();
        assert_eq!(difference(&live, &rows(&other.path)), Vec::<String>::new());
    }
    assert_eq!(copy.verify().unwrap(), store.verify().unwrap());
    let mut again = Vec::new();
    copy.export(&mut again).unwrap();
    assert_eq!(String::from_utf8(again), String::from_utf8(exported));
}

#[test]
fn profiles_go_after_their_time_but_for_those_around_an_open_change() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    let keep = keep(90, None, None);
    let early = drop_all(&mut store, &keep, later(89), Bounds::default());
    assert_eq!(early, Prunable::default());
    let now = later(91);
    let gone = drop_all(&mut store, &keep, now, Bounds::default());
    // One measured commit before the set, the set, and one after it.
    let stay: Vec<u64> = (0..40)
        .filter(|at| store.blob(&own(*at)).unwrap().is_some())
        .collect();
    assert_eq!(stay, [19, 20, 21]);
    assert_eq!(gone.profiles, 37, "the common one stays too");
    assert!(store.blob(&blob("[[\"same\",1]]").0).unwrap().is_some());
    let pruned = store.pruned_profile(&own(3)).unwrap().unwrap();
    assert_eq!((pruned.time, pruned.kept), (now, 90));
    assert_eq!(store.pruned_profile(&own(20)).unwrap(), None);
    let v = store.verify().unwrap();
    assert_eq!((v.pruned, v.pending, v.blobs), (37, 0, 4));
    holds(&mut store, &f.path);
}

#[test]
fn a_change_that_was_decided_about_holds_its_profiles_for_a_month() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    let id = store.open_events(9).unwrap()[0].reported.id.clone();
    let accepted = Triage {
        events: vec![id],
        state: Some(State::Resolved(Resolution::Accepted)),
        ..Triage::default()
    };
    store.decide(&accepted, "a", later(70)).unwrap();
    let keep = keep(90, None, None);
    drop_all(&mut store, &keep, later(99), Bounds::default());
    assert!(store.blob(&own(20)).unwrap().is_some());
    drop_all(&mut store, &keep, later(101), Bounds::default());
    assert_eq!(store.blob(&own(20)).unwrap(), None);
    assert_eq!(store.blob(&blob("[[\"same\",1]]").0).unwrap(), None);
    assert_eq!(store.verify().unwrap().blobs, 0);
    holds(&mut store, &f.path);
}

#[test]
fn a_profile_that_never_came_is_pending_and_one_that_comes_back_is_there() {
    let f = Fixture::new();
    let mut store = f.store();
    let (early, blobs) = profiled(1, 1e6);
    store.put(&early, &blobs[..1]).unwrap();
    let keep = keep(90, None, None);
    drop_all(&mut store, &keep, later(100), Bounds::default());
    let v = store.verify().unwrap();
    assert_eq!((v.pruned, v.pending), (1, 1));
    assert_eq!(store.pruned_profile(&blobs[1].0).unwrap(), None);
    // A later commit has the same profile: it is kept, also over a rebuild, and known as there.
    let (mut late, _) = profiled(2, 1e6);
    late.profiles[0].blob = blobs[0].0.clone();
    store.put(&late, &blobs[..1]).unwrap();
    store.rebuild().unwrap();
    assert!(store.blob(&blobs[0].0).unwrap().is_some());
    assert_eq!(store.pruned_profile(&blobs[0].0).unwrap(), None);
    let v = store.verify().unwrap();
    assert_eq!((v.pruned, v.pending, v.problems), (0, 1, vec![]));
}

#[test]
fn a_profile_that_came_back_travels_with_an_export() {
    let f = Fixture::new();
    let mut store = f.store();
    let (early, blobs) = profiled(1, 1e6);
    store.put(&early, &blobs).unwrap();
    drop_all(
        &mut store,
        &keep(90, None, None),
        later(100),
        Bounds::default(),
    );
    let (mut late, _) = profiled(2, 1e6);
    late.profiles[0].blob = blobs[0].0.clone();
    store.put(&late, &blobs).unwrap();
    let v = store.verify().unwrap();
    assert_eq!((v.blobs, v.pruned, v.pending), (2, 0, 0));
    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    let copy = Fixture::new();
    copy.store().import(&mut exported.as_slice()).unwrap();
    assert_eq!(copy.store().verify().unwrap(), v);
    holds(&mut store, &f.path);
}

#[test]
fn reports_of_branches_go_and_their_commits_with_them() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    let keep = keep(90, Some(180), Some(3 * 365));
    let gone = drop_all(&mut store, &keep, later(181), Bounds::default());
    assert_eq!((gone.branch_reports, gone.main_reports), (1, 0));
    assert_eq!(store.branch_commits(9).unwrap(), []);
    assert_eq!(store.report_of(&sha(5, 'f'), "s", "t").unwrap(), None);
    assert_eq!(store.commits(u64::MAX, 99).unwrap().len(), 40);
    holds(&mut store, &f.path);
    // Whoever hands it in again is told that it was here, and it does not come back.
    let text = serde_json::to_vec(&branch()).unwrap();
    let handed = Handed::read(&text).unwrap();
    let done = store.hold(&handed, None, 0).unwrap().unwrap();
    assert_eq!((done.reports, done.new), (1, 0));
    store.catch_up().unwrap();
    assert_eq!(store.branch_commits(9).unwrap(), []);
    let hash = digest(&text);
    let none = store.exclude(&hash, false, ("x", "p", 1)).unwrap_err();
    let said = none.to_string();
    assert!(
        said.contains(&hash) && said.contains("was pruned"),
        "{said}"
    );
    let nowhere = store.exclude("beef", false, ("x", "p", 1)).unwrap_err();
    assert!(nowhere.to_string().contains("is not here"), "{nowhere}");
    holds(&mut store, &f.path);
}

#[test]
fn reports_of_the_main_line_go_but_for_what_open_changes_need() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    let keep = keep(90, Some(180), Some(3 * 365));
    let bounds = Bounds {
        level: 8,
        newest: 5,
    };
    let now = later(3 * 365 + 1);
    drop_all(&mut store, &keep, now, bounds);
    let left: Vec<u64> = store
        .commits_from(0, 99)
        .unwrap()
        .iter()
        .map(|c| c.position)
        .collect();
    let stay: Vec<u64> = (12..=28).chain(35..40).collect();
    assert_eq!(left, stay);
    watch::search(&mut store, usize::MAX).unwrap();
    let open = store.open_events(9).unwrap();
    assert_eq!(open.len(), 1, "the change is still seen");
    assert_eq!(open[0].reported.event.change.index, 20);
    holds(&mut store, &f.path);
}

/// Between what an open change holds and the newest commits the level crept, by a two-thousandth a
/// commit: no step was there to be reported, and none is made by what went.
#[test]
fn a_change_that_is_reported_while_old_points_go_holds_what_it_needs() {
    let f = Fixture::new();
    let mut store = f.store();
    let put = |store: &mut Store, at: u64, value: f64| {
        store.put(&report(at, 'a', &[("a", value)]), &[]).unwrap();
        watch::search(store, usize::MAX).unwrap();
    };
    (0..40).for_each(|at| put(&mut store, at, 1e6));
    let bounds = Bounds {
        level: 20,
        newest: 8,
    };
    let keep = keep(1, Some(1), Some(1));
    let mut plan = store.plan_within(&keep, later(3), bounds).unwrap();
    put(&mut store, 40, 2e6);
    let gone = retention::prune(&mut store, &mut plan, "p", later(3), usize::MAX).unwrap();
    assert_eq!(store.open_events(9).unwrap().len(), 1);
    assert_eq!(gone.main_reports, 20);
}

#[test]
fn what_crept_before_its_points_went_is_no_step_across_the_gap() {
    let f = Fixture::new();
    let mut store = f.store();
    let value = |at: u64| match at {
        0..10 => 1e6,
        10..70 => 2e6 + 1e3 * at.saturating_sub(20) as f64,
        _ => 2.05e6,
    };
    let put = |store: &mut Store, at| {
        store
            .put(&report(at, 'a', &[("a", value(at))]), &[])
            .unwrap();
    };
    (0..80).for_each(|at| put(&mut store, at));
    append(&mut store, &main_line(0, 100));
    store.catch_up().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    let reported = |store: &Store| -> Vec<i64> {
        let open = store.open_events(9).unwrap();
        open.iter().map(|e| e.reported.event.change.index).collect()
    };
    assert_eq!(reported(&store), [10]);
    let bounds = Bounds {
        level: 8,
        newest: 10,
    };
    drop_all(&mut store, &keep(1, Some(1), Some(1)), later(2), bounds);
    assert_eq!(store.pruned_positions().unwrap().len(), 53);
    for at in 80..100 {
        put(&mut store, at);
        watch::search(&mut store, usize::MAX).unwrap();
    }
    assert_eq!(reported(&store), [10]);
    holds(&mut store, &f.path);
}

/// Of every second commit, so that a step is one of two commits'.
#[test]
fn a_step_at_a_commit_that_was_measured_again_after_its_points_went_is_news() {
    let f = Fixture::new();
    let mut store = f.store();
    let put = |store: &mut Store, at: u64, value: f64| {
        store.put(&report(at, 'a', &[("a", value)]), &[]).unwrap();
    };
    for at in (0..80).step_by(2) {
        put(&mut store, at, 2e6);
    }
    append(&mut store, &main_line(0, 100));
    store.catch_up().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    let bounds = Bounds {
        level: 8,
        newest: 10,
    };
    drop_all(&mut store, &keep(1, Some(1), Some(1)), later(2), bounds);
    assert_eq!(store.pruned_positions().unwrap().len(), 30);
    for at in (0..60).step_by(2) {
        put(&mut store, at, if at < 40 { 1e6 } else { 2.000_001e6 });
    }
    watch::search(&mut store, usize::MAX).unwrap();
    let open = store.open_events(9).unwrap();
    let sets = open.iter().map(|e| &e.reported.event.change);
    let sets: Vec<_> = sets.map(|c| (c.first, c.last)).collect();
    assert_eq!(sets, [(39, 40)]);
}

#[test]
fn a_series_whose_reports_all_went_keeps_its_changes() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    let mut settle = Triage {
        state: Some(State::Resolved(Resolution::Accepted)),
        ..Triage::default()
    };
    let open = store.open_events(9).unwrap();
    settle.events = open.into_iter().map(|e| e.reported.id).collect();
    store.decide(&settle, "a", later(0)).unwrap();
    for at in 40..60 {
        store.put(&report(at, 'a', &[("new", 1e6)]), &[]).unwrap();
    }
    let bounds = Bounds {
        level: 5,
        newest: 10,
    };
    drop_all(&mut store, &keep(1, Some(1), Some(1)), later(50), bounds);
    let left = store.commits(u64::MAX, 99).unwrap();
    assert_eq!(left.len(), 10, "{left:?}");
    holds(&mut store, &f.path);
    let closed = store.closed_events(9).unwrap();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert_eq!(closed[0].series.points, 0);
}

#[test]
fn a_profile_that_never_came_goes_with_the_last_report_that_names_it() {
    let f = Fixture::new();
    let mut store = f.store();
    for at in 0..6 {
        store.put(&profiled(at, 1e6).0, &[]).unwrap();
    }
    let mut beside = branch();
    beside.profiles = profiled(2, 1e6).0.profiles;
    store.put(&beside, &[]).unwrap();
    assert_eq!(rows(&f.path)[7].len(), 7, "profiles that are named");
    all_but(&mut store, false, 3);
    holds(&mut store, &f.path);
    all_but(&mut store, true, 3);
    assert_eq!(rows(&f.path)[7].len(), 3, "profiles that are named");
    holds(&mut store, &f.path);
}

#[test]
fn a_report_that_is_damaged_stays_and_ends_no_pruning() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    let (hash, mut document): (String, Vec<u8>) = Connection::open(&f.path)
        .unwrap()
        .query_row("SELECT hash, document FROM log WHERE seq = 1", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    let middle = document.len() / 2;
    document[middle] ^= 1;
    Connection::open(&f.path)
        .unwrap()
        .execute("UPDATE log SET document = ?1 WHERE seq = 1", [document])
        .unwrap();
    let bounds = Bounds {
        level: 8,
        newest: 5,
    };
    let keep = keep(1, Some(1), Some(1));
    let plan = store.plan_within(&keep, later(3), bounds).unwrap();
    let foreseen = store.prunable(&plan).unwrap();
    let gone = prune_all(&mut store, &plan, later(3));
    assert_eq!(gone, foreseen);
    assert_eq!((gone.branch_reports, gone.main_reports), (1, 17));
    let entries = store.verify().unwrap().entries;
    assert!(store.prune(&plan, "p", later(3)).unwrap().is_empty());
    let v = store.verify().unwrap();
    assert_eq!(v.entries, entries, "nothing was appended");
    assert!(v.problems[0].contains(&hash), "{:?}", v.problems);
}

#[test]
fn times_by_which_a_report_would_go_before_its_profiles_are_refused() {
    let f = Fixture::new();
    let store = f.store();
    for wrong in [
        keep(181, Some(180), None),
        Keep {
            main: Some(1_000),
            ..Keep::default()
        },
    ] {
        let e = store.plan_pruning(&wrong, 0).unwrap_err().to_string();
        assert!(e.contains("--keep-profiles"), "{e}");
    }
    assert!(store.plan_pruning(&keep(180, Some(180), None), 0).is_ok());
}

#[test]
fn the_age_is_by_the_clock_of_who_keeps_it_and_of_older_stores_by_the_reports() {
    let f = Fixture::new();
    let mut store = f.store();
    // A collector whose clock stands in 1970 hands in what was measured now.
    let mut r = report(1, 'f', &[("a", 1.0)]);
    r.started = 0;
    store.put(&r, &[]).unwrap();
    append(&mut store, &main_line(0, 10));
    store.catch_up().unwrap();
    let keep = keep(90, Some(90), None);
    assert!(drop_all(&mut store, &keep, later(1), Bounds::default()).is_empty());
    // Where nobody noted when it came, its own time counts.
    let db = Connection::open(&f.path).unwrap();
    db.execute("DELETE FROM arrival", []).unwrap();
    let gone = drop_all(&mut store, &keep, later(1), Bounds::default());
    assert_eq!(gone.branch_reports, 1);
}

#[test]
fn what_went_leaves_the_file() {
    let f = Fixture::new();
    let mut store = f.store();
    for at in 0..20 {
        let (mut r, _) = profiled(at, 1e6);
        let noise: String = (0..4_000)
            .map(|i| digest(&[at as u8, i as u8, (i >> 8) as u8]))
            .collect();
        let big = blob(&noise);
        r.profiles[0].blob = big.0.clone();
        store.put(&r, &[big]).unwrap();
    }
    store.shrink(false).unwrap();
    let before = std::fs::metadata(&f.path).unwrap().len();
    let gone = drop_all(
        &mut store,
        &keep(90, None, None),
        later(91),
        Bounds::default(),
    );
    let freed = store.shrink(false).unwrap();
    let after = std::fs::metadata(&f.path).unwrap().len();
    assert!(gone.profile_bytes > 1 << 20, "{gone:?}");
    assert!(freed >= gone.profile_bytes, "{freed} of {gone:?}");
    assert!(before - after >= gone.profile_bytes, "{before} {after}");
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_stub_that_was_changed_is_named() {
    let f = Fixture::new();
    let mut store = f.store();
    fill(&mut store);
    drop_all(
        &mut store,
        &keep(1, Some(1), None),
        later(2),
        Bounds::default(),
    );
    let db = Connection::open(&f.path).unwrap();
    let packed: Vec<u8> = db
        .query_row("SELECT document FROM log WHERE kind = 'stub'", [], |r| {
            r.get(0)
        })
        .unwrap();
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let other = text.replace("\"position\":5", "\"position\":6");
    assert_ne!(text, other);
    let packed = zstd::encode_all(other.as_bytes(), 1).unwrap();
    db.execute("UPDATE log SET document = ?1 WHERE kind = 'stub'", [packed])
        .unwrap();
    let problems = store.verify().unwrap().problems;
    assert!(
        problems[0].contains("what is left of this report"),
        "{problems:?}"
    );
}

/// A store of schema 7 as an uptick of that time made it: 40 commits with profiles, a change, a
/// branch, call stacks of two commits.
const SCHEMA_7: &[u8] = include_bytes!("../fixtures/schema-7.db.zst");

pub(super) fn older(f: &Fixture) {
    std::fs::write(&f.path, zstd::decode_all(SCHEMA_7).unwrap()).unwrap();
}

#[test]
fn a_store_of_before_retention_knows_its_profiles_and_may_be_pruned() {
    let f = Fixture::new();
    older(&f);
    let mut store = f.store();
    let live = rows(&f.path);
    assert_eq!(live[7].len(), 43, "profiles that are named");
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&live, &rows(&f.path)), Vec::<String>::new());
    let gone = drop_all(
        &mut store,
        &keep(90, Some(180), None),
        later(0),
        Bounds::default(),
    );
    assert_eq!((gone.profiles, gone.branch_reports), (37, 1));
    store.shrink(true).unwrap();
    let mode: i64 = Connection::open(&f.path)
        .unwrap()
        .pragma_query_value(None, "auto_vacuum", |r| r.get(0))
        .unwrap();
    assert_eq!(mode, 2, "from now on free pages are given back");
    holds(&mut store, &f.path);
}
