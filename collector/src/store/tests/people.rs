//! Who takes a change on, what mended it, and two who decide at once.

use super::{Fixture, report};
use crate::detect::alerts::life::{Resolution, State};
use crate::history::watch;
use crate::store::{Care, ChangeFilter, Fates, Moment, Outcome, Reported, Store, Triage};

const FIXED: State = State::Resolved(Resolution::FixedBy);

/// A store in which two series were slowed down.
fn slowed(f: &Fixture) -> (Store, Vec<String>) {
    let mut store = f.store();
    for at in 0..40 {
        let value = if at < 20 { 1e6 } else { 2e6 };
        let values = [("parse/a", value), ("lex/b", value)];
        store.put(&report(at, 'a', &values), &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
    let all = store.open_events(9).unwrap();
    let ids = all.into_iter().map(|e| e.reported.id).collect();
    (store, ids)
}

fn about(ids: &[String]) -> Triage {
    Triage {
        events: ids.to_vec(),
        ..Triage::default()
    }
}

fn now(store: &Store, id: &str) -> Reported {
    let all = store.changes(&every()).unwrap().0;
    let found = all.into_iter().find(|e| e.reported.id == id);
    found.unwrap().reported
}

fn every() -> ChangeFilter {
    ChangeFilter {
        take: 99,
        ..ChangeFilter::default()
    }
}

#[test]
fn a_change_is_snoozed_until_a_day_or_a_commit_and_comes_back() {
    let f = Fixture::new();
    let (mut store, ids) = slowed(&f);
    let snooze = |until: &str| Triage {
        snooze: Some(until.into()),
        ..about(&ids[..1])
    };
    let at = |today: &str, newest| Moment {
        today: today.into(),
        newest,
    };
    let day = store.decide(&snooze("2026-12-01"), "ada", 1).unwrap();
    let stands = now(&store, &ids[0]);
    assert!(stands.is_snoozed(&at("2026-11-30", 0)));
    assert!(!stands.is_snoozed(&at("2026-12-01", 0)));
    let listed = |store: &Store, at: Moment| {
        let filter = ChangeFilter {
            fates: Fates::Snoozed,
            at,
            take: 9,
            ..ChangeFilter::default()
        };
        store.changes(&filter).unwrap().1
    };
    assert_eq!(listed(&store, at("2026-11-30", 0)), 1);
    assert_eq!(listed(&store, at("2026-12-01", 0)), 0);
    store.decide(&snooze("@100"), "ada", 2).unwrap().unwrap();
    assert!(now(&store, &ids[0]).is_snoozed(&at("2026-12-01", 99)));
    assert!(!now(&store, &ids[0]).is_snoozed(&at("2026-12-01", 100)));
    assert_eq!(listed(&store, at("2026-12-01", 99)), 1);
    assert_eq!(listed(&store, at("2026-12-01", 100)), 0);
    // Neither is the other change, nor one that is settled.
    assert!(!now(&store, &ids[1]).is_snoozed(&at("2026-01-01", 0)));
    assert_eq!(store.undo(day.unwrap(), "ada", 3).unwrap(), 1);
    assert_eq!(now(&store, &ids[0]).snooze, "@100");
    let settle = Triage {
        state: Some(State::Resolved(Resolution::Noise)),
        ..about(&ids[..1])
    };
    store.decide(&settle, "ada", 4).unwrap().unwrap();
    assert!(!now(&store, &ids[0]).is_snoozed(&at("2026-12-01", 0)));
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_change_is_taken_on_handed_on_and_given_back() {
    let f = Fixture::new();
    let (mut store, ids) = slowed(&f);
    let give = |to: &str| Triage {
        assignee: Some(to.into()),
        due: Some("2026-12-01".into()),
        ..about(&ids[..1])
    };
    store.decide(&give("ada"), "ada", 1).unwrap().unwrap();
    let second = store.decide(&give("ben"), "ada", 2).unwrap().unwrap();
    assert_eq!(
        store.decide(&give("ben"), "ben", 3).unwrap(),
        None,
        "no news"
    );
    let stands = now(&store, &ids[0]);
    assert_eq!((&*stands.assignee, &*stands.due), ("ben", "2026-12-01"));
    assert_eq!(stands.event.state, State::New);
    assert_eq!(store.undo(second, "ada", 4).unwrap(), 1);
    assert_eq!(now(&store, &ids[0]).assignee, "ada");
    assert_eq!(store.undo(second, "ada", 5).unwrap(), 0, "taken back once");
    // One that is older and comes later is kept, and changes nothing.
    store.decide(&give("eve"), "eve", 0).unwrap().unwrap();
    assert_eq!(now(&store, &ids[0]).assignee, "ada");
    store.decide(&give(""), "ada", 6).unwrap().unwrap();
    assert_eq!(now(&store, &ids[0]).assignee, "");
    assert_eq!(now(&store, &ids[1]).assignee, "");
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn what_mended_it_counts_as_long_as_it_is_mended() {
    let f = Fixture::new();
    let (mut store, ids) = slowed(&f);
    let set = |state, fixed: Option<&str>| Triage {
        state: Some(state),
        fixed: fixed.map(str::to_owned),
        ..about(&ids[..1])
    };
    store.decide(&set(FIXED, Some("abc123")), "ada", 1).unwrap();
    assert_eq!(now(&store, &ids[0]).fixed, "abc123");
    let again = store.decide(&set(State::New, None), "ben", 2).unwrap();
    assert_eq!(now(&store, &ids[0]).fixed, "");
    store.undo(again.unwrap(), "ada", 3).unwrap();
    let stands = now(&store, &ids[0]);
    assert_eq!((stands.event.state, &*stands.fixed), (FIXED, "abc123"));
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(now(&store, &ids[0]).fixed, "abc123");
}

#[test]
fn the_later_of_two_sees_what_the_earlier_decided() {
    let f = Fixture::new();
    let (mut store, ids) = slowed(&f);
    let saw = |at: i64, state| Triage {
        state: Some(state),
        seen: ids.iter().map(|id| (id.clone(), at)).collect(),
        ..about(&ids)
    };
    let first = store.decide_as_seen(&saw(0, FIXED), "ada", 1).unwrap();
    let Outcome::Decided(at) = first else {
        panic!("{first:?}")
    };
    let later = saw(0, State::Acknowledged);
    let overtaken = store.decide_as_seen(&later, "ben", 2).unwrap();
    assert!(matches!(overtaken, Outcome::Overtaken(_)), "{overtaken:?}");
    assert_eq!(now(&store, &ids[0]).event.state, FIXED);
    // Who says the same has nothing to be told, and who has seen it may.
    let same = store.decide_as_seen(&saw(0, FIXED), "ben", 3).unwrap();
    assert_eq!(same, Outcome::Nothing);
    assert_eq!(now(&store, &ids[0]).decided, at);
    let seen = store.decide_as_seen(&saw(at, State::Acknowledged), "ben", 4);
    assert!(matches!(seen.unwrap(), Outcome::Decided(_)));
}

#[test]
fn changes_are_found_by_who_cares_for_them() {
    let f = Fixture::new();
    let (mut store, ids) = slowed(&f);
    let found = |store: &Store, name: &str, benchmarks: &[&str]| {
        let care = Some(Care {
            name: name.into(),
            benchmarks: benchmarks.iter().map(|b| (*b).to_owned()).collect(),
        });
        store.changes(&ChangeFilter { care, ..every() }).unwrap().1
    };
    assert_eq!(found(&store, "ada", &["parse/a"]), 1);
    assert_eq!(found(&store, "", &["lex/b"]), 1);
    // Who takes a change on has it, whosesoever the benchmark is.
    let take = Triage {
        assignee: Some("eve".into()),
        ..about(&ids)
    };
    store.decide(&take, "eve", 1).unwrap();
    assert_eq!(found(&store, "ada", &["parse/a"]), 0);
    assert_eq!(
        (found(&store, "eve", &[]), found(&store, "", &["lex/b"])),
        (2, 0)
    );
}

/// A decision of a newer uptick says more than this one knows; an older one said less.
#[test]
fn decisions_of_other_versions_stay_readable() {
    let f = Fixture::new();
    let (store, ids) = slowed(&f);
    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    let mut text = String::from_utf8(exported).unwrap();
    let old = format!(
        r#"{{"decision":{{"changes":["{}"],"state":"noise","actor":"ada","time":1,"seen":1}}}}"#,
        ids[0]
    );
    let newer = format!(
        r#"{{"decision":{{"changes":["{}"],"assignee":"ben","mood":"good","actor":"ada","time":2,"seen":2}}}}"#,
        ids[1]
    );
    text.push_str(&format!("{old}\n{newer}\n"));
    let other = Fixture::new();
    let mut copy = other.store();
    copy.import(&mut text.as_bytes()).unwrap();
    watch::search(&mut copy, usize::MAX).unwrap();
    assert_eq!(
        now(&copy, &ids[0]).event.state,
        State::Resolved(Resolution::Noise)
    );
    assert_eq!(now(&copy, &ids[1]).assignee, "ben");
    let mut again = Vec::new();
    copy.export(&mut again).unwrap();
    assert!(
        String::from_utf8(again)
            .unwrap()
            .contains("\"mood\":\"good\"")
    );
}
