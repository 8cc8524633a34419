//! A process that dies between any two steps of the database loses nothing that was acknowledged,
//! and whoever goes on repeats nothing.
//!
//! The test runs itself as a child that is killed in the middle: SQLite calls back every few
//! instructions of its machine, and at one of these calls the child is gone, with whatever it had
//! appended and not applied, or found and not reported.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Fixture, append, difference, main_line, pruning, report, rows};
use crate::detect::alerts::life::{Resolution, State};
use crate::history::watch;
use crate::store::{Appending, Store, Triage};

/// Places at which a process dies.
const POINTS: u64 = 200;
/// Instructions of SQLite's machine between two calls.
const STRIDE: i32 = 10;
/// What says to the child where its store is, and at which call it dies.
const STORE: &str = "UPTICK_TEST_KILLED_STORE";
const CALL: &str = "UPTICK_TEST_KILLED_AT";
/// What the child says of an entry once it was reported that it is durable.
const ACKNOWLEDGED: &str = "acknowledged ";

/// A step in one series and a pulse in the other, decided about as it goes; `said` hears of every
/// report once it is acknowledged. Whoever does it again does nothing anew.
fn work(store: &mut Store, said: impl Fn(&str)) {
    for i in 0..10 {
        let a = if i < 4 { 1e6 } else { 1.2e6 };
        let b = if (3..6).contains(&i) { 3e6 } else { 2e6 };
        let hash = store
            .put_durably(&report(i, 'a', &[("a", a), ("b", b)]), &[])
            .unwrap();
        said(&hash);
        store.catch_up().unwrap();
        watch::search(store, usize::MAX).unwrap();
        if i == 7 {
            append(store, &main_line(0, 8));
            decide(store);
        }
    }
}

fn decide(store: &mut Store) {
    let open = store.open_events(10).unwrap();
    let what = Triage {
        events: open.iter().map(|e| e.reported.id.clone()).collect(),
        state: Some(State::Resolved(Resolution::Accepted)),
        ..Triage::default()
    };
    store.decide(&what, "p", 1).unwrap();
}

/// Calls `at` with the number of each call that SQLite makes.
fn counted(db: &mut Connection, at: impl Fn(u64) + Send + 'static) -> Arc<AtomicU64> {
    let calls = Arc::new(AtomicU64::new(0));
    let n = calls.clone();
    let handler = move || {
        at(1 + n.fetch_add(1, Ordering::SeqCst));
        false
    };
    db.progress_handler(STRIDE, Some(handler)).unwrap();
    calls
}

/// Ends this process as the kernel ends one: nothing of it runs any more, and no core is left.
fn die() {
    let kill = format!("kill -KILL {}", std::process::id());
    let sent = Command::new("/bin/sh").args(["-c", &kill]).status();
    panic!("still alive: {sent:?}");
}

/// The child; nothing where no parent asks for it.
#[test]
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn child() {
    if let Some(mut store) = doomed() {
        work(&mut store, |hash| println!("{ACKNOWLEDGED}{hash}"));
    }
}

/// The child that prunes; nothing where no parent asks for it.
#[test]
fn child_that_prunes() {
    if let Some(mut store) = doomed() {
        pruning::all_but(&mut store, true, 3);
        store.shrink(false).unwrap();
    }
}

/// The child that brings an older store up to date; nothing where no parent asks for it.
#[test]
fn child_that_brings_up_to_date() {
    if let Some((path, call)) = asked() {
        let mut db = Connection::open(&path).unwrap();
        dies_at(&mut db, call);
        bring_up_to_date(db, &path);
    }
}

fn bring_up_to_date(db: Connection, path: &Path) {
    let path = path.to_path_buf();
    let mut store = Store {
        db,
        path,
        objects: None,
        appending: Appending::default(),
        link: None,
        joins: false,
    };
    store.configure().unwrap();
    assert!(store.migrate().unwrap());
}

/// The store of a child, which dies at the call that its parent named.
fn doomed() -> Option<Store> {
    let (path, call) = asked()?;
    let mut store = Store::open(&path).unwrap();
    dies_at(&mut store.db, call);
    Some(store)
}

/// What a parent asks a child for.
fn asked() -> Option<(PathBuf, u64)> {
    let (path, call) = (std::env::var(STORE).ok()?, std::env::var(CALL).ok()?);
    Some((path.into(), call.parse().unwrap()))
}

fn dies_at(db: &mut Connection, call: u64) {
    counted(db, move |n| {
        if n == call {
            die();
        }
    });
}

/// Runs a child; gives what was acknowledged before it died.
fn killed_at(child: &str, call: u64, path: &Path) -> Vec<String> {
    let test = format!("store::tests::killed::{child}");
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(STORE, path)
        .env(CALL, call.to_string())
        .output()
        .unwrap();
    assert_eq!(out.status.signal(), Some(9), "call {call}: {out:?}");
    let said = String::from_utf8(out.stdout).unwrap();
    let hashes = said.lines().filter_map(|l| l.split_once(ACKNOWLEDGED));
    hashes.map(|(_, hash)| hash.to_owned()).collect()
}

/// The log in its order, and how much of it is applied.
fn log(path: &Path) -> (Vec<(String, String)>, usize) {
    let db = Connection::open(path).unwrap();
    let mut s = db
        .prepare("SELECT kind, hash FROM log ORDER BY seq")
        .unwrap();
    let all = s.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    let all = all.collect::<rusqlite::Result<_>>().unwrap();
    let sql = "SELECT count(*) FROM log, state WHERE name = 'applied' AND seq <= value";
    let applied: i64 = db.query_row(sql, [], |r| r.get(0)).unwrap();
    (all, usize::try_from(applied).unwrap())
}

#[test]
fn who_dies_anywhere_loses_nothing_and_who_goes_on_repeats_nothing() {
    let whole = Fixture::new();
    let mut store = whole.store();
    let calls = counted(&mut store.db, |_| ());
    work(&mut store, |_| ());
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls > 2 * POINTS, "{calls}");
    let (expected, _) = log(&whole.path);
    let kinds = |kind: &str| expected.iter().filter(|(k, _)| k == kind).count();
    assert_eq!(
        (kinds("report"), kinds("alert"), kinds("decision")),
        (10, 2, 1)
    );

    let mut between = 0;
    for i in 0..POINTS {
        let f = Fixture::new();
        drop(f.store());
        let call = (2 * i + 1) * calls / (2 * POINTS);
        let acknowledged = killed_at("child", call, &f.path);
        let (left, applied) = log(&f.path);
        assert!(expected.starts_with(&left), "call {call}");
        for hash in acknowledged {
            let is_there = left.iter().any(|(_, h)| *h == hash);
            assert!(is_there, "call {call}: {hash} was acknowledged");
        }
        between += usize::from(applied < left.len());
        go_on(&f.path, &expected, &whole.path, call);
    }
    assert!(
        between > 10,
        "{between} of {POINTS} died between append and apply"
    );
}

/// Whoever opens the store does the same work again, and the log and the view are as if nobody had
/// died.
fn go_on(path: &Path, expected: &[(String, String)], whole: &Path, call: u64) {
    let mut store = Store::open(path).unwrap();
    store.catch_up().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    work(&mut store, |_| ());
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    assert_eq!(log(path).0, expected, "call {call}");
    let other = difference(&rows(whole), &rows(path));
    assert_eq!(other, Vec::<String>::new(), "call {call}");
}

/// Places at which a process dies that prunes.
const PRUNING: u64 = 60;

#[test]
fn who_dies_while_pruning_leaves_a_store_that_the_next_one_prunes_to_its_end() {
    let before = Fixture::new();
    pruning::fill(&mut before.store());
    let whole = Fixture::new();
    std::fs::copy(&before.path, &whole.path).unwrap();
    let mut store = whole.store();
    let calls = counted(&mut store.db, |_| ());
    pruning::all_but(&mut store, true, 3);
    store.shrink(false).unwrap();
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls > 2 * PRUNING, "{calls}");
    let (mut half, all) = (0, pruned(&whole.path));
    for i in 0..PRUNING {
        let f = Fixture::new();
        std::fs::copy(&before.path, &f.path).unwrap();
        let call = (2 * i + 1) * calls / (2 * PRUNING);
        killed_at("child_that_prunes", call, &f.path);
        let mut store = Store::open(&f.path).unwrap();
        // Whatever is not whole any more is in an entry that says so.
        assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
        half += usize::from((1..all).contains(&pruned(&f.path)));
        pruning::all_but(&mut store, true, 3);
        assert_eq!(pruned(&f.path), all, "call {call}");
        pruning::holds(&mut store, &f.path);
    }
    assert!(half > 10, "{half} of {PRUNING} died half-way");
}

/// How many profiles and reports are pruned.
fn pruned(path: &Path) -> usize {
    let db = Connection::open(path).unwrap();
    let sql = "SELECT (SELECT count(*) FROM pruned_profile) + (SELECT count(*) FROM pruned_report)";
    let n: i64 = db.query_row(sql, [], |r| r.get(0)).unwrap();
    usize::try_from(n).unwrap()
}

/// Places at which a process dies that brings an older store up to date.
const MIGRATING: u64 = 60;

#[test]
fn who_dies_while_a_store_is_brought_up_to_date_leaves_it_as_it_was() {
    for (from, older) in [(3, super::older as fn(&Fixture)), (7, pruning::older)] {
        let whole = Fixture::new();
        older(&whole);
        let mut db = Connection::open(&whole.path).unwrap();
        let calls = counted(&mut db, |_| ());
        bring_up_to_date(db, &whole.path);
        let calls = calls.load(Ordering::SeqCst);
        assert!(calls > 2 * MIGRATING, "{calls}");
        let expected = derived(&whole);
        for i in 0..MIGRATING {
            let f = Fixture::new();
            older(&f);
            let call = (2 * i + 1) * calls / (2 * MIGRATING);
            killed_at("child_that_brings_up_to_date", call, &f.path);
            assert_eq!(schema(&f.path), from, "call {call}");
            let other = difference(&expected, &derived(&f));
            assert_eq!(other, Vec::<String>::new(), "call {call}");
        }
    }
}

fn schema(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.pragma_query_value(None, "user_version", |r| r.get(0))
        .unwrap()
}

/// What whoever opens a store derives from it.
fn derived(f: &Fixture) -> Vec<Vec<Vec<Value>>> {
    let mut store = f.store();
    store.catch_up().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    rows(&f.path)
}
