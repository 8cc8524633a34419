//! What is handed in and taken out again: whole or not at all, once, and undone as if it had never
//! been.

use super::{Fixture, difference, history, report, rows, values_at};
use crate::history::watch;
use crate::model::{Better, Counter, Measurement, Metric, NoiseClass, digest};
use crate::store::log::append::Sealed;
use crate::store::log::entry::{Entry, Exclusion, Kind};
use crate::store::turns::PAUSE;
use crate::store::{Appending, Handed, Scope, SeriesState, Store};

fn filled(f: &Fixture) -> Store {
    let mut store = f.store();
    for r in history() {
        store.put(&r, &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    store
}

#[test]
fn an_excluded_report_is_out_of_everything_and_back_as_it_was() {
    let f = Fixture::new();
    let mut store = filled(&f);
    let before = rows(&f.path);
    let one = store.commit(&super::sha(5, 'a').0).unwrap().unwrap();
    let hash = store.reports(Some(&one.sha), 1).unwrap()[0].hash.clone();
    assert!(
        store
            .exclude(&hash, false, ("a noisy night", "me", 7))
            .unwrap()
    );
    assert!(!store.exclude(&hash, false, ("again", "me", 8)).unwrap());
    assert!(values_at(&store, 5).is_empty());
    assert!(store.any_report_of(&one.sha).unwrap().is_none());
    assert!(!store.measured().unwrap().contains(&one.sha));
    let said = store.excluded(Some(&one.sha)).unwrap();
    assert_eq!(
        (said[0].report.as_str(), said[0].reason.as_str()),
        (&*hash, "a noisy night")
    );
    assert_eq!(
        store.reports_named(&hash[..8]).unwrap(),
        std::slice::from_ref(&hash)
    );
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    let without = rows(&f.path);
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&without, &rows(&f.path)), Vec::<String>::new());
    // Taken back in, the same minute.
    assert!(store.exclude(&hash, true, ("it was not", "me", 7)).unwrap());
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&before, &rows(&f.path)), Vec::<String>::new());
    assert_eq!(store.excluded(None).unwrap(), []);
    assert!(
        store
            .exclude(&"0".repeat(64), false, ("", "me", 7))
            .is_err()
    );
}

#[test]
fn the_report_before_counts_again_where_the_newer_one_is_excluded() {
    let f = Fixture::new();
    let mut store = f.store();
    for (value, started) in [(1e6, 1), (9e6, 2)] {
        let mut r = report(3, 'a', &[("b", value)]);
        r.started = started;
        store.put(&r, &[]).unwrap();
    }
    let newest = store.reports(None, 1).unwrap()[0].hash.clone();
    store.exclude(&newest, false, ("hot", "me", 1)).unwrap();
    assert_eq!(store.series().unwrap()[0].latest_value, 1e6);
    let sha = super::sha(3, 'a');
    assert_eq!(store.any_report_of(&sha).unwrap().unwrap().started, 1);
}

#[test]
fn an_exclusion_may_come_before_its_report() {
    let f = Fixture::new();
    let mut store = f.store();
    let r = report(3, 'a', &[("b", 1e6)]);
    let hash = digest(&serde_json::to_vec(&r).unwrap());
    let entry = Entry::Exclusion(Exclusion {
        report: hash.clone(),
        back: false,
        reason: "x".into(),
        actor: "me".into(),
        time: 1,
        seen: 0,
    });
    store.append(&Sealed::of(&entry).unwrap(), &[]).unwrap();
    store.put(&r, &[]).unwrap();
    assert_eq!(store.counts().unwrap(), (0, 0));
    assert_eq!(store.excluded(Some(&super::sha(3, 'a'))).unwrap().len(), 1);
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    store.exclude(&hash, true, ("y", "me", 2)).unwrap();
    assert_eq!(store.counts().unwrap(), (1, 1));
}

/// A report of 5,000 numbers takes three transactions; whoever ends between them loses nothing.
#[test]
fn a_large_report_is_applied_in_parts() {
    let names: Vec<String> = (0..5_000).map(|i| format!("b{i}")).collect();
    let values: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 1e6)).collect();
    let r = report(1, 'a', &values);
    let whole = Fixture::new();
    whole.store().put(&r, &[]).unwrap();
    let f = Fixture::new();
    let mut store = f.store();
    store.put_durably(&r, &[]).unwrap();
    let batch = store.read(0, 1).unwrap();
    for _ in 0..2 {
        let done = store.change(|tx| crate::store::view::apply::apply_some(tx, &batch));
        assert_eq!(done.unwrap(), 0);
        assert!(store.is_behind().unwrap());
        assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
        store = f.store();
    }
    assert_eq!(store.counts().unwrap(), (0, 4_000));
    store.derive().unwrap();
    assert!(!store.is_behind().unwrap());
    assert_eq!(
        difference(&rows(&f.path), &rows(&whole.path)),
        Vec::<String>::new()
    );
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    store.rebuild().unwrap();
    assert_eq!(
        difference(&rows(&f.path), &rows(&whole.path)),
        Vec::<String>::new()
    );
}

#[test]
fn a_key_stands_for_one_body() {
    let f = Fixture::new();
    let mut store = f.store();
    let body = |value: f64| serde_json::to_vec(&report(1, 'a', &[("b", value)])).unwrap();
    let handed = |value| Handed::read(&body(value)).unwrap();
    assert_eq!(store.holds(&handed(1.0), Some("k")).unwrap(), None);
    assert_eq!(store.new_series(&handed(1.0)).unwrap(), 1);
    let first = store.hold(&handed(1.0), Some("k"), 0).unwrap().unwrap();
    assert_eq!((first.new, first.hashes), (1, vec![digest(&body(1.0))]));
    store.derive().unwrap();
    assert_eq!(store.new_series(&handed(1.0)).unwrap(), 0);
    let again = store.holds(&handed(1.0), Some("k")).unwrap().unwrap();
    assert_eq!((again.reports, again.new), (1, 0));
    assert_eq!(store.hold(&handed(2.0), Some("k"), 0).unwrap(), None);
    assert_eq!(store.counts().unwrap(), (1, 1));
    assert!(
        store
            .hold(&handed(2.0), Some("other"), 0)
            .unwrap()
            .is_some()
    );
    // Eight days later the key is free.
    let later = store.hold(&handed(3.0), Some("k"), 8 * 86_400).unwrap();
    assert_eq!(later.unwrap().new, 1);
}

/// A report as bytes, changed as a document.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut r = serde_json::to_value(report(1, 'a', &[("b", 1.0)])).unwrap();
    change(&mut r);
    serde_json::to_vec(&r).unwrap()
}

/// What older versions took is refused where it is handed in, and is still read in an import.
#[test]
fn what_no_page_can_show_is_refused_at_the_door_and_read_in_a_log() {
    use serde_json::json;
    let branch = |name: String| json!({"on": "branch", "name": name});
    let on = |line: serde_json::Value| changed(|r| r["line"] = line);
    let failed = |stage: &str| {
        let all = json!([{"benchmark": null, "stage": stage, "message": ""}]);
        changed(|r| r["failures"] = all)
    };
    let profile = json!([{"benchmark": "b", "kind": "functions", "blob": "zz"}]);
    let bad = [
        ("line.name", on(branch("b".repeat(1_001)))),
        ("line.name", on(branch("a\nb".into()))),
        (
            "line.merge_base",
            on(json!({"on": "branch", "merge_base": "zz"})),
        ),
        (
            "commit.time",
            changed(|r| r["commit"]["time"] = json!(9e18 as i64)),
        ),
        (
            "commit.time",
            changed(|r| r["commit"]["time"] = json!(-62_135_596_801_i64)),
        ),
        (
            "started",
            changed(|r| r["started"] = json!(253_402_300_800_i64)),
        ),
        ("reused", changed(|r| r["reused"] = json!("zz"))),
        ("profiles.blob", changed(|r| r["profiles"] = profile)),
        ("failures[0].stage", failed("nonsense")),
    ];
    for (field, body) in bad {
        let why = Handed::read(&body).err().unwrap().to_string();
        assert!(why.contains(field), "{field}: {why}");
        let mut line = b"{\"report\":".to_vec();
        line.extend([&body[..], b"}\n"].concat());
        let f = Fixture::new();
        let done = f.store().import(&mut &line[..]).unwrap();
        assert_eq!(done.new, 1, "{field}");
    }
    let early = changed(|r| r["commit"]["time"] = json!(-62_135_596_800_i64));
    for good in [on(branch("b".repeat(1_000))), failed("build"), early] {
        Handed::read(&good).unwrap();
    }
}

/// One report far beyond all others would stay the newest for ever.
#[test]
fn a_report_beyond_the_reach_of_the_main_line_is_refused() {
    let at = |position: u64| changed(|r| r["commit"]["position"] = position.into());
    let handed = |position| Handed::read(&at(position)).unwrap();
    let f = Fixture::new();
    let mut store = f.store();
    // Where nothing is known, anything may be.
    assert_eq!(store.leaps(&handed(99_999_999)).unwrap(), None);
    store.put(&report(7, 'a', &[("b", 1.0)]), &[]).unwrap();
    assert_eq!(store.leaps(&handed(10_000_007)).unwrap(), None);
    let why = store.leaps(&handed(10_000_008)).unwrap().unwrap();
    assert!(
        why.contains("beyond the newest") && why.contains("rev-list"),
        "{why}"
    );
    // Whoever has the file may put anything into it.
    let line = [b"{\"report\":", &at(50_000_000)[..], b"}\n"].concat();
    assert_eq!(store.import(&mut &line[..]).unwrap().new, 1);
    assert_eq!(store.leaps(&handed(50_000_008)).unwrap(), None);
}

/// All of a body is stored, or nothing.
#[test]
fn a_body_with_one_wrong_line_stores_nothing() {
    let good = serde_json::to_string(&report(1, 'a', &[("b", 1.0)])).unwrap();
    let bad = good.replace("\"seconds\":1.0", "\"seconds\":-1.0");
    let text = format!("{{\"report\":{good}}}\n{{\"report\":{bad}}}\n");
    let why = Handed::read(text.as_bytes()).err().unwrap().to_string();
    assert!(why.contains("line 2") && why.contains("seconds"), "{why}");
    assert_eq!(Kind::from_name("exclusion"), Some(Kind::Exclusion));
}

/// A byte that a bad disk turned over in a number, a decision or a name is found.
#[test]
fn what_is_derived_is_held_against_the_log() {
    for (sql, named) in [
        (
            "UPDATE point SET value = value + 1 WHERE position = 7",
            "the points",
        ),
        (
            "UPDATE series SET latest_value = 0 WHERE benchmark = 'a'",
            "the series",
        ),
        ("UPDATE series SET better = 'higher'", "the series"),
        (
            "UPDATE measured_commit SET subject = 'x' WHERE position = 1",
            "the commits",
        ),
        ("UPDATE change SET state = 'noise'", "the changes"),
        (
            "UPDATE main_line SET sha = 'x' WHERE position = 3",
            "the commits of the main line",
        ),
    ] {
        let f = Fixture::new();
        let mut store = filled(&f);
        super::append(&mut store, &super::main_line(0, 36));
        store.derive().unwrap();
        assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
        let db = rusqlite::Connection::open(&f.path).unwrap();
        assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
        let problems = store.verify().unwrap().problems;
        assert!(
            problems.iter().any(|p| p.starts_with(named)),
            "{sql}: {problems:?}"
        );
        store.rebuild().unwrap();
        watch::search(&mut store, usize::MAX).unwrap();
        assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn a_backup_is_the_store_and_never_written_over() {
    let f = Fixture::new();
    let store = filled(&f);
    let copy = f.path.with_extension("backup");
    assert!(store.backup(&copy).unwrap() > 0);
    assert!(
        store
            .backup(&copy)
            .unwrap_err()
            .to_string()
            .contains("there already")
    );
    let to = f.path.with_extension("restored");
    assert!(Store::restore(&copy, &f.path, false).is_err());
    assert_eq!(
        Store::restore(&copy, &to, false).unwrap(),
        store.verify().unwrap()
    );
    assert_eq!(difference(&rows(&f.path), &rows(&to)), Vec::<String>::new());
    // A log that another store left would be taken for part of this one.
    std::fs::remove_file(&to).unwrap();
    let left = f.path.with_extension("restored-wal");
    std::fs::write(&left, "x").unwrap();
    let why = Store::restore(&copy, &to, false).unwrap_err().to_string();
    assert!(why.contains("restored-wal"), "{why}");
    std::fs::remove_file(&left).unwrap();
    let mut bytes = std::fs::read(&copy).unwrap();
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    // Every one: a page may still hold what was moved to another.
    let all: Vec<usize> = (0..bytes.len() - 44)
        .filter(|at| bytes[*at..].starts_with(&magic))
        .collect();
    assert!(!all.is_empty());
    for at in all {
        bytes[at + 40] ^= 0xff;
    }
    std::fs::write(&copy, &bytes).unwrap();
    let why = Store::restore(&copy, &to, false).unwrap_err().to_string();
    assert!(why.contains("damaged") && !to.exists(), "{why}");
}

/// What only the excluded report said of a number's kind is gone with it.
#[test]
fn a_series_is_judged_as_the_newest_report_that_is_left_says() {
    let f = Fixture::new();
    let mut store = f.store();
    let own = |at: u64, better, class, spread| {
        let metric = Metric::stored("profit", "EUR", better);
        let once = Measurement::once("b", metric, Counter::stored("ledger"), 5.0);
        let mut r = super::report(at, 'a', &[]);
        r.measurements = vec![Measurement {
            class,
            spread,
            ..once
        }];
        r
    };
    let right = own(1, Better::Higher, NoiseClass::Sampled, 0.25);
    let wrong = own(2, Better::Lower, NoiseClass::Exact, 0.5);
    store.put(&right, &[]).unwrap();
    store.put(&wrong, &[]).unwrap();
    let judged = |store: &Store| {
        let SeriesState { row, spread, .. } = store.current_series().unwrap().remove(0);
        (row.key.metric.better(), row.class, spread)
    };
    assert_eq!(judged(&store), (Better::Lower, NoiseClass::Exact, 0.5));
    let hash = store.reports(Some(&wrong.commit.sha), 1).unwrap()[0]
        .hash
        .clone();
    store.exclude(&hash, false, ("mixed up", "me", 7)).unwrap();
    assert_eq!(judged(&store), (Better::Higher, NoiseClass::Sampled, 0.25));
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_token_of_any_scope_is_sound() {
    let f = Fixture::new();
    let mut store = f.store();
    for (i, scope) in Scope::ALL.into_iter().enumerate() {
        let hash = format!("{i:064x}");
        store.add_token("t", scope, &hash, 1, None).unwrap();
    }
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

/// SQLite's lock goes to whoever looks at the right moment, which is hardly ever who waits.
#[test]
fn whoever_derives_lets_those_go_first_who_append() {
    let f = Fixture::new();
    let mut store = f.store();
    let names: Vec<String> = (0..20_000).map(|n| format!("b{n}")).collect();
    let values: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 1.0)).collect();
    store.put_durably(&report(1, 'a', &values), &[]).unwrap();
    let appending = Appending::default();
    store.stand_behind(appending.clone());
    let waits = appending.one_more();
    let begin = std::time::Instant::now();
    // Nobody waits for ever, though somebody always appends.
    store.derive().unwrap();
    assert!(begin.elapsed() >= PAUSE * 10, "{:?}", begin.elapsed());
    assert!(!store.is_behind().unwrap());
    drop(waits);
}

#[test]
fn what_stood_before_a_wrong_line_of_an_import_is_stored_and_shown() {
    let f = Fixture::new();
    let mut store = f.store();
    let line = |r| format!("{{\"report\":{}}}\n", serde_json::to_string(r).unwrap());
    let mut text = String::from("\u{feff}{\"schema\":\"uptick.export/1\"}\n");
    text.extend(history().iter().take(3).map(line));
    text.push_str("{\"report\":3}\n");
    let refused = store.import(&mut text.as_bytes()).unwrap_err();
    assert!(
        refused.to_string().contains("line 5 of the import"),
        "{refused}"
    );
    let shown: i64 = store
        .db
        .query_row("SELECT count(*) FROM point", [], |r| r.get(0))
        .unwrap();
    assert_eq!(shown, 6);
    assert_eq!(store.commits(u64::MAX, 9).unwrap().len(), 3);
}
