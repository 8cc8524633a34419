//! The store: what is derived is a function of the log, whoever interrupts, in whatever batches.

mod arrival;
mod drifts;
mod handing;
mod killed;
mod objects;
mod people;
mod pruning;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::detect::alerts::life::{Resolution, State};
use crate::detect::gate::Varies;
use crate::error::Error;
use crate::history::watch;
use crate::model::{
    Better, Commit, Counter, Line, Measurement, Metric, NoiseClass, ProfileKind, ProfileRef,
    Report, Sha, Testbed,
};
use crate::store::log::append::Sealed;
use crate::store::log::entry::{Entry, Stretch};
use crate::store::{Handed, Store, Triage};

/// Tables of the view with the columns that name the same thing in every store: no row numbers.
const VIEW: [&str; 10] = [
    "SELECT benchmark, metric, unit, better, counter, fingerprint, class, points, latest_position, latest_value, \
     key, latest_sha, latest_time, kind, noise, drift, spread, varies, varies_in_units \
     FROM series ORDER BY 1, 2, 3, 5, 6",
    "SELECT s.key, p.position, p.report, p.value FROM point p JOIN series s ON s.id = p.series \
     ORDER BY 1, 2, 3",
    "SELECT s.key, p.position, p.report, p.value FROM branch_point p \
     JOIN series s ON s.id = p.series ORDER BY 1, 2, 3",
    "SELECT sha, position, subject, reports, main, branch, merge_base FROM measured_commit \
     ORDER BY sha",
    "SELECT * FROM testbed ORDER BY key",
    "SELECT * FROM change ORDER BY id",
    "SELECT batch, time, actor, event, before, after, note, link, undoes, regroups, \
     assignee, fixed, due, snooze FROM decided ORDER BY id",
    "SELECT blob FROM named_profile ORDER BY 1",
    "SELECT * FROM pruned_profile ORDER BY 1",
    "SELECT * FROM pruned_report ORDER BY 1",
];

fn rows(path: &Path) -> Vec<Vec<Vec<Value>>> {
    let db = Connection::open(path).unwrap();
    VIEW.iter()
        .map(|sql| {
            let mut s = db.prepare(sql).unwrap();
            let n = s.column_count();
            s.query_map([], |r| (0..n).map(|i| r.get(i)).collect())
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap()
        })
        .collect()
}

/// The rows that only one of two views has, so that a failure can be read.
fn difference(a: &[Vec<Vec<Value>>], b: &[Vec<Vec<Value>>]) -> Vec<String> {
    let mut out = Vec::new();
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let only = |a: &[Vec<Value>], b: &[Vec<Value>], mark: char| -> Vec<String> {
            let alone = a.iter().filter(|r| !b.contains(r));
            alone.map(|r| format!("{mark} table {i}: {r:?}")).collect()
        };
        out.extend(only(a, b, '-'));
        out.extend(only(b, a, '+'));
    }
    out
}

fn sha(position: u64, line: char) -> Sha {
    Sha(format!("{position:06x}{}", String::from(line).repeat(34)))
}

/// A report of counts; `line` tells commits of one position apart.
pub(in crate::store) fn report(position: u64, line: char, values: &[(&str, f64)]) -> Report {
    let measurements = values
        .iter()
        .map(|(name, v)| Measurement::once(name, Metric::Instructions, Counter::Callgrind, *v))
        .collect();
    Report {
        schema: Report::SCHEMA.into(),
        commit: Commit {
            sha: sha(position, line),
            position,
            parents: vec![],
            author: "A".into(),
            time: 1_700_000_000 + i64::try_from(position).unwrap(),
            subject: format!("commit {position}{line}"),
        },
        testbed: Testbed::default(),
        build_key: format!("{position}{line}"),
        suite_key: "s".into(),
        testbed_key: "t".into(),
        started: 1_700_000_000,
        seconds: 1.0,
        reused: None,
        line: None,
        measurements,
        failures: vec![],
        profiles: vec![],
    }
}

/// A metric of one's own, 0 or negative, of whose direction people are not sure.
fn own(name: &str, at: u64, value: f64) -> Measurement {
    let better = if at.is_multiple_of(3) {
        Better::Lower
    } else {
        Better::Higher
    };
    let metric = Metric::stored("profit", "EUR", better);
    Measurement::once(name, metric, Counter::stored("ledger"), value)
}

/// A store in a folder of its own.
pub(in crate::store) struct Fixture {
    _dir: tempfile::TempDir,
    pub(in crate::store) path: PathBuf,
}

impl Fixture {
    pub(in crate::store) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        Self { _dir: dir, path }
    }

    pub(in crate::store) fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }
}

/// A step in two series at 12, back at 24 in one of them.
fn history() -> Vec<Report> {
    (0..36)
        .map(|i| {
            let a = if i < 12 { 1e6 } else { 1.2e6 };
            let b = if (12..24).contains(&i) { 3e6 } else { 2e6 };
            report(i, 'a', &[("a", a), ("b", b)])
        })
        .collect()
}

fn main_line(from: u64, to: u64) -> Entry {
    Entry::MainLine(Stretch {
        from,
        commits: (from..to).map(|i| sha(i, 'a')).collect(),
        seen: 0,
    })
}

fn append(store: &mut Store, entry: &Entry) {
    let sealed = Sealed::of(entry).unwrap();
    store.append(&sealed, &[]).unwrap();
}

fn values_at(store: &Store, position: u64) -> Vec<f64> {
    let series = store.series().unwrap();
    let of = |s: &crate::store::SeriesRow| store.values(s.id, position, position).unwrap();
    let mut all: Vec<f64> = series.iter().flat_map(of).map(|v| v.value).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[test]
fn a_branch_changes_nothing_of_the_main_line_whoever_comes_first() {
    for branch_first in [false, true] {
        let f = Fixture::new();
        let mut store = f.store();
        let main = report(5, 'a', &[("b", 1e6)]);
        let beside = report(5, 'f', &[("b", 9e6)]);
        let both = if branch_first {
            [&beside, &main]
        } else {
            [&main, &beside]
        };
        for r in both {
            store.put(r, &[]).unwrap();
        }
        append(&mut store, &main_line(0, 10));
        store.catch_up().unwrap();
        assert_eq!(values_at(&store, 5), [1e6], "branch first: {branch_first}");
        let listed = store.commits(u64::MAX, 10).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].sha, main.commit.sha);
        assert_eq!(store.branch_commits(10).unwrap()[0].sha, beside.commit.sha);
        assert!(store.verify().unwrap().problems.is_empty());
    }
}

#[test]
fn a_report_that_says_its_line_is_believed_where_the_store_knows_none() {
    let f = Fixture::new();
    let mut store = f.store();
    let mut beside = report(5, 'f', &[("b", 9e6)]);
    beside.line = Some(Line::Branch {
        name: Some("topic".into()),
        merge_base: Some(sha(4, 'a')),
    });
    store.put(&beside, &[]).unwrap();
    assert_eq!(values_at(&store, 5), Vec::<f64>::new());
    let commit = &store.branch_commits(10).unwrap()[0];
    assert_eq!((commit.branch.as_str(), commit.main), ("topic", false));
    assert!(store.current_series().unwrap().is_empty());
}

#[test]
fn counts_around_a_commit_are_those_of_branches_too() {
    let f = Fixture::new();
    let mut store = f.store();
    for (at, line, count) in [
        (0, 'a', 1e6),
        (50, 'a', 2e6),
        (51, 'a', 3e6),
        (51, 'f', 9e6),
    ] {
        store.put(&report(at, line, &[("b", count)]), &[]).unwrap();
    }
    append(&mut store, &main_line(0, 60));
    store.catch_up().unwrap();
    let series = store.series().unwrap();
    let fingerprint = &series[0].key.fingerprint;
    let around = |position: i64| {
        let counts = store.counts_around(&Counter::Callgrind, fingerprint, position);
        let (class, mut counts) = counts.unwrap().remove("b").unwrap();
        assert_eq!(class, NoiseClass::Exact);
        counts.sort_by(f64::total_cmp);
        counts
    };
    assert_eq!(around(52), [2e6, 3e6, 9e6]);
    assert_eq!(around(1), [1e6, 3e6], "of before, and the newest");
}

#[test]
fn a_commit_of_a_branch_measures_none_of_the_main_line() {
    let f = Fixture::new();
    let mut store = f.store();
    for (at, line) in [(0, 'a'), (2, 'a'), (1, 'f'), (5, 'a')] {
        store.put(&report(at, line, &[("b", 1e6)]), &[]).unwrap();
    }
    append(&mut store, &main_line(0, 6));
    store.catch_up().unwrap();
    let missing = |most| store.unmeasured(0, 5, most).unwrap();
    assert_eq!(missing(0), (3, Vec::new()));
    let newest = [4, 3, 1].map(|i| (i, sha(i, 'a')));
    assert_eq!(missing(9), (3, newest.to_vec()));
    assert_eq!(missing(2), (3, newest[..2].to_vec()));
}

/// A store that met many testbeds knows those that measure now.
#[test]
fn of_many_testbeds_the_newest_are_known() {
    let f = Fixture::new();
    let mut store = f.store();
    for i in 0..203 {
        let mut one = report(i, 'a', &[("b", 1e6)]);
        one.testbed.facts.insert("rustc".into(), i.to_string());
        store.put(&one, &[]).unwrap();
    }
    let firsts = store.testbeds().unwrap().into_iter();
    let firsts: Vec<u64> = firsts.map(|t| t.first_position).collect();
    assert_eq!(firsts, (3..203).collect::<Vec<u64>>());
}

#[test]
fn a_main_line_that_was_rewritten_moves_its_commits() {
    let f = Fixture::new();
    let mut store = f.store();
    for i in 0..6 {
        store.put(&report(i, 'a', &[("b", 1e6)]), &[]).unwrap();
        store.put(&report(i, 'c', &[("b", 2e6)]), &[]).unwrap();
    }
    append(&mut store, &main_line(0, 6));
    let other = Stretch {
        from: 3,
        commits: (3..6).map(|i| sha(i, 'c')).collect(),
        seen: 0,
    };
    append(&mut store, &Entry::MainLine(other));
    store.catch_up().unwrap();
    assert_eq!(values_at(&store, 2), [1e6]);
    assert_eq!(values_at(&store, 4), [2e6]);
    assert!(store.verify().unwrap().problems.is_empty());
}

/// The end of a line is part of what is said of it.
#[test]
fn a_main_line_that_became_shorter_has_its_newest_commits_no_longer() {
    let said = |r: Report| Report {
        line: Some(Line::Main),
        ..r
    };
    let whole = Stretch {
        from: 0,
        commits: (0..6).map(|i| sha(i, 'a')).collect(),
        seen: 0,
    };
    let shorter = Stretch {
        from: 3,
        commits: vec![sha(3, 'c')],
        seen: 7,
    };
    for late in [None, Some(5), Some(4)] {
        let f = Fixture::new();
        let mut store = f.store();
        append(&mut store, &Entry::MainLine(whole.clone()));
        for i in (0..6).filter(|i| Some(*i) != late) {
            store
                .put(&said(report(i, 'a', &[("b", 1e6)])), &[])
                .unwrap();
        }
        store
            .put(&said(report(3, 'c', &[("b", 2e6)])), &[])
            .unwrap();
        append(&mut store, &Entry::MainLine(shorter.clone()));
        store.catch_up().unwrap();
        if let Some(i) = late {
            store
                .put(&said(report(i, 'a', &[("b", 1e6)])), &[])
                .unwrap();
        }
        // Beyond what is known of the line, and never on it: its report's word counts.
        store
            .put(&said(report(7, 'c', &[("b", 2e6)])), &[])
            .unwrap();
        let newest: Vec<Sha> = store
            .commits(u64::MAX, 3)
            .unwrap()
            .into_iter()
            .map(|c| c.sha)
            .collect();
        assert_eq!(newest, [sha(7, 'c'), sha(3, 'c'), sha(2, 'a')], "{late:?}");
        // A store of before this was noted notes it as it is opened.
        let older = "DROP TABLE line_left; PRAGMA user_version = 12; \
                     UPDATE measured_commit SET main = 1";
        store.db.execute_batch(older).unwrap();
        store = Store::open(&f.path).unwrap();
        assert!(store.verify().unwrap().problems.is_empty());
        let again = Stretch {
            from: 3,
            commits: (3..6).map(|i| sha(i, 'a')).collect(),
            seen: 12,
        };
        append(&mut store, &Entry::MainLine(again));
        store.catch_up().unwrap();
        assert_eq!(values_at(&store, 5), [1e6]);
        assert!(store.verify().unwrap().problems.is_empty());
    }
}

#[test]
fn a_change_keeps_its_identity_and_is_never_reported_twice() {
    let f = Fixture::new();
    let mut store = f.store();
    let mut ids = std::collections::BTreeSet::new();
    for r in history() {
        store.put(&r, &[]).unwrap();
        watch::search(&mut store, usize::MAX).unwrap();
        ids.extend(
            store
                .open_events(100)
                .unwrap()
                .into_iter()
                .map(|e| e.reported.id),
        );
    }
    assert_eq!(ids.len(), 2, "{ids:?}");
    let before = rows(&f.path);
    let entries = store.verify().unwrap().entries;
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&before, &rows(&f.path)), Vec::<String>::new());
    assert_eq!(store.verify().unwrap().entries, entries, "reported anew");
}

#[test]
fn decisions_live_through_a_rebuild_and_travel_with_an_export() {
    let f = Fixture::new();
    let mut store = f.store();
    for r in history() {
        store.put(&r, &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    let id = store.open_events(10).unwrap()[0].reported.id.clone();
    let noise = Triage {
        events: vec![id.clone()],
        state: Some(State::Resolved(Resolution::Noise)),
        ..Triage::default()
    };
    let batch = store.decide(&noise, "a", 1).unwrap().unwrap();
    assert_eq!(store.undo(batch, "b", 1).unwrap(), 1);
    // The same once more within the same second is another decision.
    assert!(store.decide(&noise, "a", 1).unwrap().is_some());
    assert_eq!(store.decide(&noise, "a", 1).unwrap(), None);
    let before = rows(&f.path);
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&before, &rows(&f.path)), Vec::<String>::new());

    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    let other = Fixture::new();
    let mut copy = other.store();
    for _ in 0..2 {
        copy.import(&mut exported.as_slice()).unwrap();
        watch::search(&mut copy, usize::MAX).unwrap();
    }
    assert_eq!(
        difference(&before, &rows(&other.path)),
        Vec::<String>::new()
    );
    let mut again = Vec::new();
    copy.export(&mut again).unwrap();
    assert_eq!(String::from_utf8(again), String::from_utf8(exported));
}

#[test]
fn who_hands_in_reports_decides_nothing() {
    for line in [
        r#"{"decided":{"benchmark":"b","metric":"instructions","counter":"callgrind","fingerprint":"f","told_at":1,"position":1,"first":1,"last":1,"before":1.0,"after":2.0,"decisions":[]}}"#,
        r#" {"decision":{"changes":["a"],"actor":"the boss","time":1,"seen":0,"link":"javascript:x"}}"#,
        r#"{"alert":{}}"#,
        r#"{"main_line":{"from":0,"commits":[]}}"#,
    ] {
        let text = format!("{{\"schema\":\"uptick.export/1\"}}\n{line}\n");
        let e = Handed::read(text.as_bytes()).err().unwrap();
        assert!(e.to_string().contains("line 2"), "{e}");
        assert!(e.to_string().contains("not taken here"), "{e}");
    }
}

#[test]
fn what_could_not_have_been_measured_is_refused_by_its_field() {
    type Spoil = fn(&mut serde_json::Value);
    let cases: [(&str, Spoil); 10] = [
        ("commit.position", |r| {
            r["commit"]["position"] = (1u64 << 62).into()
        }),
        ("commit.sha", |r| {
            r["commit"]["sha"] = "ABCDEF".repeat(8)[..40].into()
        }),
        ("seconds", |r| r["seconds"] = (-1.0).into()),
        ("measurements[0].value", |r| {
            r["measurements"][0]["value"] = 1.7e308.into()
        }),
        ("measurements[0].value", |r| {
            r["measurements"][0]["value"] = (-1.0).into()
        }),
        ("measurements[0].low", |r| {
            r["measurements"][0]["low"] = 5e6.into()
        }),
        ("measurements[0]: metric", |r| {
            r["measurements"][0]["metric"] = "a\u{1b}[31m".into()
        }),
        ("measurements[0]", |r| {
            r["measurements"][0]
                .as_object_mut()
                .unwrap()
                .remove("counter");
        }),
        ("stands there twice", |r| {
            let twice = r["measurements"][0].clone();
            r["measurements"].as_array_mut().unwrap().push(twice);
        }),
        ("measurements[0].samples", |r| {
            r["measurements"][0]["samples"] = vec![0.0; 100_001].into();
        }),
    ];
    for (field, spoil) in cases {
        let mut r = serde_json::to_value(report(1, 'a', &[("b", 1e6)])).unwrap();
        spoil(&mut r);
        let text = serde_json::to_vec(&r).unwrap();
        let e = Handed::read(&text).err().unwrap().to_string();
        assert!(e.contains(field), "{field}: {e}");
    }
}

#[test]
fn fields_that_this_version_does_not_know_survive() {
    let f = Fixture::new();
    let mut store = f.store();
    let mut r = serde_json::to_value(report(1, 'a', &[("b", 1e6)])).unwrap();
    r["invented later"] = 42.into();
    let text = serde_json::to_string_pretty(&r).unwrap();
    let handed = Handed::read(text.as_bytes()).unwrap();
    let done = store.hold(&handed, None, 0).unwrap().unwrap();
    assert_eq!(done.hashes, [crate::model::digest(text.as_bytes())]);
    let mut out = Vec::new();
    store.export(&mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("invented later"));
}

#[test]
fn a_field_by_mistake_is_said() {
    let f = Fixture::new();
    let mut r = serde_json::to_value(report(1, 'a', &[("b", 1e6)])).unwrap();
    r["measurements"][0]["bettr"] = "higher".into();
    let done = f
        .store()
        .import(&mut format!("{{\"report\":{r}}}\n").as_bytes())
        .unwrap();
    let note = done.note.unwrap();
    assert!(note.contains("`bettr` (is `better` meant?)"), "{note}");
    let handed = Handed::read(r.to_string().as_bytes()).unwrap();
    let done = f.store().hold(&handed, None, 0).unwrap().unwrap();
    assert_eq!(done.note, Some(note));
}

#[test]
fn a_line_that_holds_two_things_is_refused() {
    let f = Fixture::new();
    let r = serde_json::to_string(&report(1, 'a', &[("b", 1e6)])).unwrap();
    for other in ["\"exclusion\":{}", "\"schema\":\"uptick.export/1\""] {
        let line = format!("{{\"report\":{r},{other}}}\n");
        let e = f.store().import(&mut line.as_bytes()).unwrap_err();
        let name = other.split('"').nth(1).unwrap();
        let said = format!("both `report` and `{name}`");
        assert!(e.to_string().contains(&said), "{e}");
        let e = Handed::read(line.as_bytes()).err().unwrap();
        assert!(e.to_string().contains(&said), "{e}");
    }
}

#[test]
fn an_export_that_was_cut_is_not_taken_for_a_whole_one() {
    let f = Fixture::new();
    let mut store = f.store();
    for i in 0..4 {
        append(
            &mut store,
            &Entry::Report(report(i, 'a', &[("b", 1e6)]).into()),
        );
    }
    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    let text = String::from_utf8(exported).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let import = |lines: &[&str]| {
        let other = Fixture::new();
        let done = other
            .store()
            .import(&mut lines.join("\n").as_bytes())
            .map_err(|e| e.to_string());
        let kept = other.store().verify().unwrap().reports;
        (done.map(|d| d.reports), kept)
    };
    assert_eq!(import(&lines), (Ok(4), 4));
    // Two exports in one file.
    assert_eq!(import(&[&lines[..], &lines].concat()), (Ok(8), 4));
    let (done, kept) = import(&lines[..lines.len() - 2]);
    assert!(done.unwrap_err().contains("cut off after 3 records"));
    assert_eq!(kept, 3);
    let (done, kept) = import(&[&lines[..2], &lines[3..]].concat());
    assert!(
        done.unwrap_err()
            .contains("of 4 records, of which 3 records came")
    );
    assert_eq!(kept, 3);
    let (done, _) = import(&[&lines[..2], &lines].concat());
    assert!(
        done.unwrap_err()
            .contains("line 3 of the import: cut off after 1 record")
    );
    // By hand, or by a collector: nothing promises an end.
    let by_hand = ["{\"schema\":\"uptick.export/1\"}", lines[1]];
    assert_eq!(import(&by_hand), (Ok(1), 1));
}

#[test]
fn other_files_are_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, sql: &str| {
        let path = dir.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let foreign = make("foreign.db", "CREATE TABLE mine (x)");
    let marked = make(
        "marked.db",
        "PRAGMA application_id = 7; PRAGMA user_version = 6",
    );
    let negative = make(
        "negative.db",
        "CREATE TABLE report (x); PRAGMA user_version = -1",
    );
    let namesake = make(
        "namesake.db",
        "CREATE TABLE report (x); PRAGMA user_version = 3",
    );
    let newer = make(
        "newer.db",
        "CREATE TABLE log (x); PRAGMA application_id = 1970304617; PRAGMA user_version = 99",
    );
    for path in [foreign, marked, negative, namesake, newer] {
        let before = std::fs::read(&path).unwrap();
        for open in [Store::open, Store::open_existing] {
            let e = open(&path).unwrap_err();
            assert!(e.to_string().contains("nothing was changed"), "{e}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{}", path.display());
    }
}

#[test]
fn a_store_is_opened_while_another_process_writes() {
    let f = Fixture::new();
    drop(f.store());
    let mut other = Connection::open(&f.path).unwrap();
    let tx = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    tx.execute("UPDATE state SET value = 7 WHERE name = 'probes'", [])
        .unwrap();
    assert_eq!(f.store().counts().unwrap().0, 0);
    tx.commit().unwrap();
}

#[test]
fn flipped_bytes_are_errors() {
    let f = Fixture::new();
    let mut store = f.store();
    store.put(&report(1, 'a', &[("b", 1e6)]), &[]).unwrap();
    drop(store);
    let db = Connection::open(&f.path).unwrap();
    let mut document: Vec<u8> = db
        .query_row("SELECT document FROM log", [], |r| r.get(0))
        .unwrap();
    for at in 0..document.len() {
        document[at] ^= 1;
        db.execute("UPDATE log SET document = ?1", [&document])
            .unwrap();
        let v = f.store().verify().unwrap();
        assert!(!v.problems.is_empty(), "byte {at}");
        document[at] ^= 1;
    }
}

#[test]
fn a_counter_that_is_wrong_is_named_and_mended() {
    let f = Fixture::new();
    let mut store = f.store();
    store.put(&report(1, 'a', &[("b", 1e6)]), &[]).unwrap();
    let db = Connection::open(&f.path).unwrap();
    db.execute("UPDATE state SET value = 9 WHERE name = 'points'", [])
        .unwrap();
    let problems = store.verify().unwrap().problems;
    assert!(problems[0].contains("rebuild"), "{problems:?}");
    store.rebuild().unwrap();
    assert!(store.verify().unwrap().problems.is_empty());
}

#[test]
fn the_mark_of_changes_is_that_of_each_of_them() {
    let f = Fixture::new();
    let mut store = f.store();
    for r in history() {
        store.put(&r, &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    let db = Connection::open(&f.path).unwrap();
    let mut marks = std::collections::BTreeSet::new();
    marks.insert(store.changes_mark(0, 99).unwrap());
    // One grows by what the other one shrinks, and one is lost in what is endless.
    for sql in [
        "UPDATE change SET seen = 1, position = 12, change = iif(id = (SELECT min(id) FROM change), \
         0.5, 0.25)",
        "UPDATE change SET change = 0.75 - change",
        "UPDATE change SET change = 9e999 WHERE change = 0.5",
        "UPDATE change SET change = 0.125 WHERE change = 0.25",
        "UPDATE change SET seen = 0 WHERE change = 0.125",
    ] {
        db.execute(sql, []).unwrap();
        let mark = store.changes_mark(0, 99).unwrap();
        assert!(marks.insert(mark), "{sql}");
    }
    assert_eq!(
        store.changes_mark(13, 99).unwrap(),
        store.changes_mark(14, 99).unwrap()
    );
}

/// A store of schema 3 as an uptick of that time made it: 40 commits, two changes, one accepted, the
/// other called noise, taken back and acknowledged. Beside it its export.
const SCHEMA_3: &[u8] = include_bytes!("../fixtures/schema-3.db.zst");
const EXPORT_3: &[u8] = include_bytes!("../fixtures/schema-3.export.zst");

fn older(f: &Fixture) {
    let bytes = zstd::decode_all(SCHEMA_3).unwrap();
    std::fs::write(&f.path, bytes).unwrap();
}

/// Benchmark, state and note of every change.
fn triage(store: &Store) -> Vec<(String, &'static str, String)> {
    let mut all = store.open_events(10).unwrap();
    all.extend(store.closed_events(10).unwrap());
    let mut out: Vec<_> = all
        .into_iter()
        .map(|e| {
            let word = Triage::word(e.reported.event.state);
            (e.series.key.benchmark, word, e.reported.note)
        })
        .collect();
    out.sort();
    out
}

fn as_decided() -> Vec<(String, &'static str, String)> {
    vec![
        ("lex".into(), "acknowledged", "looking".into()),
        ("parse".into(), "accepted", "wanted".into()),
    ]
}

#[test]
fn an_older_store_is_brought_up_to_date_with_all_that_was_decided() {
    let f = Fixture::new();
    older(&f);
    let mut store = f.store();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(triage(&store), as_decided());
    assert_eq!(store.decisions(10).unwrap().len(), 4);
    let v = store.verify().unwrap();
    assert_eq!((v.problems, v.reports, v.entries), (vec![], 40, 6));
}

#[test]
fn an_older_store_is_found_so_by_who_only_reads() {
    let f = Fixture::new();
    older(&f);
    let store = Store::open_existing(&f.path).unwrap();
    assert_eq!(triage(&store), as_decided());
}

#[test]
fn a_store_of_before_units_keeps_its_series_its_points_and_its_changes() {
    let f = Fixture::new();
    let mut store = f.store();
    for at in 0..40 {
        let value = if at < 20 { 1e6 } else { 2e6 };
        store.put(&report(at, 'a', &[("a", value)]), &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    drop(store);
    let before = rows(&f.path);
    assert_eq!(before[5].len(), 1, "one change");
    Connection::open(&f.path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE old AS SELECT id, benchmark, metric, counter, fingerprint, class, points, \
             latest_position, latest_value, key, latest_sha, latest_time, kind, noise, drift, \
             searched FROM series; DROP TABLE series; ALTER TABLE old RENAME TO series; \
             ALTER TABLE change DROP COLUMN assignee; ALTER TABLE change DROP COLUMN fixed; \
             ALTER TABLE change DROP COLUMN due; ALTER TABLE decided DROP COLUMN assignee; \
             ALTER TABLE decided DROP COLUMN fixed; ALTER TABLE decided DROP COLUMN due; \
             ALTER TABLE change DROP COLUMN snooze; ALTER TABLE decided DROP COLUMN snooze; \
             DROP TABLE arrival; DROP TABLE named_profile; DROP TABLE pruned_profile; \
             DROP TABLE pruned_report; DROP VIEW profile_here; DROP TABLE object_place; \
             DROP TABLE object; DROP TABLE object_left; DROP TABLE line_left; \
             PRAGMA user_version = 6",
        )
        .unwrap();
    let mut store = f.store();
    assert_eq!(difference(&before, &rows(&f.path)), Vec::<String>::new());
    let mut more = report(40, 'a', &[("a", 2e6)]);
    more.measurements.push(own("a", 40, -1.0));
    store.put(&more, &[]).unwrap();
    let names: Vec<(String, u64)> = store
        .series()
        .unwrap()
        .into_iter()
        .map(|s| (s.key.metric.name().to_string(), s.points))
        .collect();
    assert_eq!(names, [("instructions".into(), 41), ("profit".into(), 1)]);
}

/// A store of before its series said how far they vary says it from its reports, and of the rest what
/// the change finder knew.
#[test]
fn a_store_of_before_health_knows_how_far_its_series_vary() {
    let f = Fixture::new();
    let mut store = f.store();
    for at in 0..40 {
        let mut r = report(
            at,
            'a',
            &[("a", 1e6 + (at * 7919 % 101) as f64 * 300.0), ("b", 1e6)],
        );
        r.measurements[0].class = NoiseClass::Threaded;
        r.measurements[0].spread = 0.07;
        store.put(&r, &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    let known = store.current_series().unwrap();
    assert_eq!((known[0].spread, known[1].spread), (0.07, 0.0));
    assert!(matches!(known[0].varies, Varies::Relative(x) if x > 0.001));
    assert_eq!(known[1].varies, Varies::Relative(0.0));
    drop(store);
    Connection::open(&f.path)
        .unwrap()
        .execute_batch(
            "ALTER TABLE series DROP COLUMN spread; ALTER TABLE series DROP COLUMN varies; \
             ALTER TABLE series DROP COLUMN varies_in_units; ALTER TABLE change DROP COLUMN snooze; \
             ALTER TABLE decided DROP COLUMN snooze; DROP VIEW profile_here; \
             DROP TABLE object_place; DROP TABLE object; DROP TABLE object_left; \
             DROP TABLE line_left; \
             PRAGMA user_version = 9",
        )
        .unwrap();
    let store = f.store();
    for (before, now) in known.iter().zip(store.current_series().unwrap()) {
        assert_eq!(now.spread, before.spread);
        assert_eq!(now.varies, Varies::Relative(before.noise));
    }
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

/// A change from 0 has no fraction, which JSON cannot say: it is reported, kept and read again.
#[test]
fn a_change_from_nothing_lives_through_a_rebuild() {
    let f = Fixture::new();
    let mut store = f.store();
    for at in 0..40 {
        let mut r = report(at, 'a', &[]);
        r.measurements = vec![own("a", 1, if at < 20 { 0.0 } else { -3.0 })];
        store.put(&r, &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    let live = rows(&f.path);
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&live, &rows(&f.path)), Vec::<String>::new());
    let event = store.open_events(9).unwrap().remove(0);
    let change = &event.reported.event.change;
    assert_eq!((change.before, change.after), (0.0, -3.0));
    assert_eq!(change.change, f64::NEG_INFINITY);
    assert_eq!(event.reported.reported.as_ref(), Some(change));
    assert_eq!(event.series.key.metric.better(), Better::Higher);
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn an_older_export_is_read_with_all_that_was_decided_and_twice_is_once() {
    let text = zstd::decode_all(EXPORT_3).unwrap();
    let f = Fixture::new();
    let mut store = f.store();
    for _ in 0..2 {
        store.import(&mut text.as_slice()).unwrap();
        watch::search(&mut store, usize::MAX).unwrap();
        assert_eq!(triage(&store), as_decided());
        assert_eq!(store.decisions(10).unwrap().len(), 4);
    }
}

/// What happens to a store, in some order.
#[derive(Clone, Debug)]
enum Act {
    /// A report of the main line, or of a branch, durable and applied or not.
    Put {
        at: u64,
        branch: bool,
        apply: bool,
    },
    Line {
        from: u64,
        to: u64,
    },
    Search,
    Decide {
        which: usize,
        noise: bool,
    },
    Undo,
    /// A report is excluded, or taken back in.
    Exclude {
        which: usize,
        back: bool,
    },
    /// The time of reports is over, but for the newest commits of the main line.
    Prune {
        main: bool,
        newest: i64,
    },
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..30u64, any::<bool>(), any::<bool>())
            .prop_map(|(at, branch, apply)| Act::Put { at, branch, apply }),
        1 => (0..20u64, 1..20u64).prop_map(|(from, n)| Act::Line { from, to: from + n }),
        2 => Just(Act::Search),
        1 => (0..4usize, any::<bool>()).prop_map(|(which, noise)| Act::Decide { which, noise }),
        1 => Just(Act::Undo),
        2 => (0..30usize, any::<bool>()).prop_map(|(which, back)| Act::Exclude { which, back }),
        1 => (any::<bool>(), 1..20i64).prop_map(|(main, newest)| Act::Prune { main, newest }),
        1 => Just(Act::Reopen),
    ]
}

fn perform(store: &mut Store, acts: &[Act], path: &Path) {
    for (i, act) in acts.iter().enumerate() {
        let now = i64::try_from(i).unwrap();
        match act {
            Act::Put { at, branch, apply } => {
                let (line, lift) = if *branch { ('f', 5e5) } else { ('a', 0.0) };
                let step = if *at < 15 { 1e6 } else { 1.5e6 };
                let mut r = report(*at, line, &[("a", step + lift), ("b", 2e6 + lift)]);
                r.measurements.push(own("a", *at, step - 1e6 - lift));
                // It never comes, and some have it in common.
                r.profiles.push(ProfileRef {
                    benchmark: "a".into(),
                    kind: ProfileKind::Functions,
                    blob: crate::model::digest(&[(at % 20) as u8]),
                });
                store.put_durably(&r, &[]).unwrap();
                if *apply {
                    store.catch_up().unwrap();
                }
            }
            Act::Line { from, to } => append(store, &main_line(*from, *to)),
            Act::Search => {
                store.catch_up().unwrap();
                watch::search(store, usize::MAX).unwrap();
            }
            Act::Decide { which, noise } => {
                let events = store.open_events(10).unwrap();
                let state = if *noise {
                    State::Resolved(Resolution::Noise)
                } else {
                    State::Acknowledged
                };
                let what = Triage {
                    events: events
                        .get(*which)
                        .map(|e| e.reported.id.clone())
                        .into_iter()
                        .collect(),
                    state: Some(state),
                    assignee: noise.then(|| format!("p{which}")),
                    ..Triage::default()
                };
                store.decide(&what, "p", now).unwrap();
            }
            Act::Undo => {
                let last = store.decisions(1).unwrap().first().map(|d| d.batch);
                store.undo(last.unwrap_or(0), "p", now).unwrap();
            }
            Act::Exclude { which, back } => {
                let mut known: Vec<String> = store
                    .excluded(None)
                    .unwrap()
                    .into_iter()
                    .map(|e| e.report)
                    .collect();
                if !back {
                    known = store
                        .reports(None, 50)
                        .unwrap()
                        .into_iter()
                        .map(|r| r.hash)
                        .collect();
                }
                if let Some(hash) = known.get(*which) {
                    // What was excluded may be pruned since: there is nothing to take back then.
                    match store.exclude(hash, *back, ("x", "p", now)) {
                        Err(Error::Usage(words)) if *back => {
                            assert!(words.contains("was pruned"), "{words}");
                        }
                        done => assert!(done.is_ok(), "{done:?}"),
                    }
                }
            }
            Act::Prune { main, newest } => pruning::all_but(store, *main, *newest),
            Act::Reopen => *store = Store::open(path).unwrap(),
        }
    }
    store.catch_up().unwrap();
    watch::search(store, usize::MAX).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 120,
        // The same for everybody: a failure is that of the commit that is tested.
        rng_seed: RngSeed::Fixed(20_261_128),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_view_is_a_function_of_the_log(acts in prop::collection::vec(act(), 1..60)) {
        let f = Fixture::new();
        let mut store = f.store();
        perform(&mut store, &acts, &f.path);
        let live = rows(&f.path);
        let entries = store.verify().unwrap();
        prop_assert_eq!(&entries.problems, &Vec::<String>::new());
        store.rebuild().unwrap();
        watch::search(&mut store, usize::MAX).unwrap();
        prop_assert_eq!(difference(&live, &rows(&f.path)), Vec::<String>::new());
        prop_assert_eq!(store.verify().unwrap().entries, entries.entries);
        // Another view that is fed the same log.
        let mut exported = Vec::new();
        store.export(&mut exported).unwrap();
        let other = Fixture::new();
        let mut copy = other.store();
        copy.import(&mut exported.as_slice()).unwrap();
        watch::search(&mut copy, usize::MAX).unwrap();
        prop_assert_eq!(difference(&live, &rows(&other.path)), Vec::<String>::new());
    }
}

/// What is wrong with a line may be as long as the line; what stood before it is kept, and said.
#[test]
fn a_line_that_is_wrong_is_said_shortly_with_what_was_kept() {
    let f = Fixture::new();
    let line = |i: u64| {
        let r = serde_json::to_string(&report(i, 'a', &[("b", 1e6)])).unwrap();
        format!("{{\"report\":{r}}}\n")
    };
    let wrong = format!("{{\"report\":\"{}\"}}\n", "x".repeat(1 << 20));
    let text = [line(0), line(1), wrong].concat();
    let why = f.store().import(&mut text.as_bytes()).unwrap_err();
    let why = why.to_string();
    assert!(why.contains("line 3 of the import"), "{why}");
    assert!(why.contains("2 records before it stored"), "{why}");
    assert!(why.len() < 1000, "{}", why.len());
    assert_eq!(f.store().counts().unwrap().0, 2);
}
