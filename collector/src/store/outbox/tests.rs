//! The outbox over real stores: what makes a message, who sends it, and what never sends one.

use crate::detect::alerts::life::{Resolution, State};
use crate::history::retention;
use crate::history::watch::{search, search_for};
use crate::model::{Channel, Counter, Metric, Report, Secret, Sink, digest};
use crate::notify::{self, Origin, Parcel};
use crate::remote::channel::{Answer, Outcome};
use crate::report::alert::Happened;
use crate::store::prune::Bounds;
use crate::store::tests::{self, Fixture};
use crate::store::{Audience, Delivery, Keep, Progress, Store, Triage};

fn channel(name: &str) -> Channel {
    Channel {
        id: 0,
        name: name.into(),
        sink: Sink::Webhook,
        address: Secret::new("https://hooks.example/s3cret".into()),
        secret: Secret::new("whsec_s3cret".into()),
        former: Secret::default(),
        room: String::new(),
        sender: String::new(),
        private: false,
        improvements: false,
        since: -1,
        created: 1,
        disabled: None,
        why: String::new(),
    }
}

fn report(position: u64, series: usize, value: f64) -> Report {
    let names: Vec<String> = (0..series).map(|i| format!("b{i}")).collect();
    let values: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), value)).collect();
    let mut report = tests::report(position, 'a', &values);
    report.commit.author = format!("Author {position}");
    report.commit.subject = format!("commit {position}");
    report
}

/// Stores a report and looks at it at `now`.
fn hand_in(store: &mut Store, report: &Report, now: i64) {
    store.put(report, &[]).unwrap();
    search_for(store, usize::MAX, Audience::Channels { now }).unwrap();
}

/// Stores a stretch of one level.
fn stretch(store: &mut Store, at: std::ops::Range<u64>, series: usize, value: f64, now: i64) {
    for i in at {
        hand_in(store, &report(i, series, value), now);
    }
}

/// The first commit after a flat store: what moves there is found at once.
const NEXT: u64 = 12;
/// The first after that, for what moves again.
const LATER: u64 = 24;

/// A store of flat commits and a channel.
fn flat(f: &Fixture, series: usize) -> Store {
    let mut store = f.store();
    stretch(&mut store, 0..NEXT, series, 1e6, 0);
    store.add_channel(&channel("c")).unwrap();
    store
}

fn take(store: &mut Store, now: i64) -> Vec<Parcel> {
    let origin = Origin {
        project: "lexis".into(),
        url: "https://uptick.example".into(),
    };
    notify::take(store, 10, now, &origin).unwrap()
}

fn answer(outcome: Outcome) -> Answer {
    Answer {
        outcome,
        words: "HTTP".into(),
        said: String::new(),
    }
}

#[track_caller]
fn settle(store: &mut Store, parcel: &Parcel, outcome: Outcome, now: i64) {
    assert!(notify::settle(store, &parcel.lease, &answer(outcome), now, 0.5).unwrap());
}

#[track_caller]
fn only(store: &Store) -> Delivery {
    let mut all = store.deliveries(10).unwrap();
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn five_hundred_regressions_of_one_commit_are_one_message() {
    let f = Fixture::new();
    let mut store = flat(&f, 500);
    hand_in(&mut store, &report(NEXT, 500, 1.2e6), 100);
    assert_eq!(only(&store).changes, 500);
    // It waits a little for what else the commit moved.
    assert!(!store.is_due(104).unwrap());
    let parcel = take(&mut store, 200).remove(0);
    let m = &parcel.message;
    assert_eq!((m.total, m.moved.len(), m.commits), (500, 20, 1));
    assert_eq!(m.suspects[0].author, "Author 12");
    assert!(m.everything);
    let link = "https://uptick.example/compare/00000baaa..00000caaa";
    assert_eq!(m.link, link);
    settle(&mut store, &parcel, Outcome::Taken, 201);
    // What is found of it later changes nothing for people.
    let late = |i: u64, value: f64| {
        let mut r = report(i, 1, value);
        r.measurements[0].benchmark = "late".into();
        r.build_key = format!("{i} late");
        r
    };
    for i in 0..=NEXT {
        let value = if i < NEXT { 1e6 } else { 1.7e6 };
        hand_in(&mut store, &late(i, value), 300);
    }
    assert_eq!(only(&store).changes, 501);
    assert!(take(&mut store, 10_000).is_empty());
    assert_eq!(only(&store).state, Progress::Delivered);
}

/// What is judged stands first on the page, and would be green.
#[test]
fn a_message_about_time_leads_to_where_the_time_is_compared() {
    let f = Fixture::new();
    let mut store = f.store();
    store.add_channel(&channel("c")).unwrap();
    for i in 0..NEXT + LATER {
        let mut r = report(i, 2, 1e6);
        let time = &mut r.measurements[1];
        (time.metric, time.counter) = (Metric::WallTime, Counter::Clock);
        if i >= NEXT {
            (time.value, time.low, time.high) = (1.2e6, 1.2e6, 1.2e6);
            time.samples = vec![1.2e6];
        }
        hand_in(&mut store, &r, 100);
    }
    let message = take(&mut store, 10_000).remove(0).message;
    assert_eq!(message.moved[0].metric, "wall_time");
    assert!(
        message.link.ends_with("?metric=wall_time"),
        "{}",
        message.link
    );
}

#[test]
fn who_is_killed_before_it_sends_leaves_the_message_under_the_same_identity() {
    let f = Fixture::new();
    hand_in(&mut flat(&f, 1), &report(NEXT, 1, 1.2e6), 100);
    // Killed here; and once more while it sent.
    let first = take(&mut f.store(), 200).remove(0);
    let mut store = f.store();
    assert!(take(&mut store, 201).is_empty(), "it is leased");
    let second = take(&mut store, 1_000).remove(0);
    assert_eq!(first.lease.id, second.lease.id);
    assert_eq!(first.message, second.message);
    assert!(!first.lease.id.contains('.'));
    // What the first one says now is void.
    let late = answer(Outcome::Taken);
    assert!(!notify::settle(&mut store, &first.lease, &late, 1_001, 0.0).unwrap());
    settle(&mut store, &second, Outcome::Taken, 1_002);
    assert_eq!(
        (only(&store).state, only(&store).tries),
        (Progress::Delivered, 2)
    );
    assert!(take(&mut store, 1_000_000).is_empty());
}

#[test]
fn of_two_servers_one_sends_and_a_channel_gets_one_message_at_a_time() {
    let f = Fixture::new();
    let mut one = flat(&f, 1);
    one.add_channel(&channel("d")).unwrap();
    let mut other = f.store();
    stretch(&mut one, NEXT..LATER, 1, 1.2e6, 100);
    hand_in(&mut one, &report(LATER, 1, 1.5e6), 100);
    let (a, b) = (take(&mut one, 200), take(&mut other, 200));
    let mut to: Vec<&str> = a
        .iter()
        .chain(&b)
        .map(|p| p.lease.channel.name.as_str())
        .collect();
    to.sort_unstable();
    assert_eq!(to, ["c", "d"]);
    for p in a.iter().chain(&b) {
        settle(&mut other, p, Outcome::Taken, 201);
    }
    assert_eq!(take(&mut other, 202).len(), 2, "the second commit's");
}

#[test]
fn what_is_not_taken_is_sent_again_by_the_schedule_and_then_given_up() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    hand_in(&mut store, &report(NEXT, 1, 1.2e6), 0);
    let mut now = 10;
    let mut bodies = Vec::new();
    for delay in &notify::schedule::DELAYS[1..] {
        let parcel = take(&mut store, now).remove(0);
        settle(&mut store, &parcel, Outcome::Later(None), now);
        bodies.push(parcel.message);
        assert!(take(&mut store, now + delay - 1).is_empty(), "{delay}");
        now = only(&store).due.unwrap();
    }
    let last = take(&mut store, now).remove(0);
    settle(&mut store, &last, Outcome::Later(None), now);
    assert!(bodies.iter().all(|m| *m == last.message));
    let d = only(&store);
    assert_eq!((d.state, d.tries, d.due), (Progress::Failed, 10, None));
    assert_eq!(store.outbox_counts().unwrap().failed, 1);
}

#[test]
fn a_wish_to_wait_is_obeyed_and_who_is_gone_hears_no_more() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    stretch(&mut store, NEXT..LATER, 1, 1.2e6, 0);
    hand_in(&mut store, &report(LATER, 1, 1.5e6), 0);
    let parcel = take(&mut store, 10).remove(0);
    settle(&mut store, &parcel, Outcome::Later(Some(3_600)), 10);
    let parcel = take(&mut store, 11).remove(0);
    settle(&mut store, &parcel, Outcome::Gone, 11);
    let all = store.deliveries(10).unwrap();
    assert!(all.iter().all(|d| d.state == Progress::Missed), "{all:#?}");
    assert!(store.channels().unwrap()[0].disabled.is_some());
    stretch(&mut store, LATER + 1..36, 1, 1.5e6, 20);
    hand_in(&mut store, &report(36, 1, 2e6), 20);
    assert_eq!(store.open_events(10).unwrap().len(), 3);
    assert_eq!(store.deliveries(10).unwrap().len(), 3);
    assert!(!store.is_due(1_000_000).unwrap());
}

/// What a disabled channel did not hear is said by others at once, and by itself once it is in use.
#[test]
fn who_was_gone_hears_once_what_was_missed() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    store.add_channel(&channel("other")).unwrap();
    let before = store.generation().unwrap();
    hand_in(&mut store, &report(NEXT, 1, 1.2e6), 0);
    for parcel in take(&mut store, 10) {
        let outcome = match parcel.lease.channel.name.as_str() {
            "c" => Outcome::Gone,
            _ => Outcome::Taken,
        };
        settle(&mut store, &parcel, outcome, 10);
    }
    // Pages that say so are made anew.
    assert!(store.generation().unwrap().triage > before.triage);
    let told = take(&mut store, 11).remove(0);
    assert_eq!(told.lease.channel.name, "other");
    assert_eq!(told.message.happened, Happened::Disabled);
    assert!(told.message.note.starts_with("c ("), "{:?}", told.message);
    assert!(told.message.link.ends_with("/channels"));
    settle(&mut store, &told, Outcome::Taken, 11);

    stretch(&mut store, NEXT + 1..LATER, 1, 1.2e6, 20);
    hand_in(&mut store, &report(LATER, 1, 1.5e6), 20);
    for parcel in take(&mut store, 30) {
        assert_eq!(parcel.lease.channel.name, "other");
        settle(&mut store, &parcel, Outcome::Taken, 30);
    }
    let origin = Origin {
        project: "lexis".into(),
        url: "https://uptick.example".into(),
    };
    let tried = notify::trial(&mut store, "c", 40, &origin).unwrap();
    settle(&mut store, &tried, Outcome::Taken, 40);
    let missed = take(&mut store, 41).remove(0);
    assert_eq!(missed.lease.channel.name, "c");
    assert_eq!(missed.message.happened, Happened::Missed);
    assert_eq!(missed.message.total, 2);
    // The first of the two leads on.
    assert_eq!(missed.message.suspects[0].subject, format!("commit {NEXT}"));
    settle(&mut store, &missed, Outcome::Taken, 41);
    assert!(!store.is_due(1_000_000).unwrap());
    let again = notify::trial(&mut store, "c", 50, &origin).unwrap();
    settle(&mut store, &again, Outcome::Taken, 50);
    assert!(!store.is_due(1_000_000).unwrap());
}

#[test]
fn what_was_there_before_the_channel_is_history_to_it() {
    let f = Fixture::new();
    let mut store = f.store();
    // Nobody looked until now: the first look at a series is a look at its past.
    for i in 0..LATER {
        let value = if i < NEXT { 1e6 } else { 1.5e6 };
        store.put(&report(i, 1, value), &[]).unwrap();
    }
    store.add_channel(&channel("c")).unwrap();
    let now = Audience::Channels { now: 1 };
    search_for(&mut store, usize::MAX, now).unwrap();
    // A backfill of what is older than the channel too.
    for i in 0..LATER {
        let mut r = report(i, 1, if i < NEXT { 2e6 } else { 3e6 });
        r.measurements[0].benchmark = "other".into();
        r.build_key = format!("{i} other");
        hand_in(&mut store, &r, 2);
    }
    assert_eq!(store.open_events(10).unwrap().len(), 2);
    assert_eq!(store.deliveries(10).unwrap(), vec![]);
    // An improvement is heard by who asked for it.
    let wants = Channel {
        improvements: true,
        ..channel("d")
    };
    store.add_channel(&wants).unwrap();
    hand_in(&mut store, &report(LATER, 1, 5e5), 3);
    assert_eq!(only(&store).channel, "d");
}

#[test]
fn rebuild_and_import_send_nothing_and_an_export_has_no_secret() {
    let f = Fixture::new();
    let mut store = flat(&f, 2);
    hand_in(&mut store, &report(NEXT, 2, 1.2e6), 100);
    let parcel = take(&mut store, 200).remove(0);
    settle(&mut store, &parcel, Outcome::Taken, 200);
    let before = store.deliveries(10).unwrap();
    store.rebuild().unwrap();
    search_for(&mut store, usize::MAX, Audience::Channels { now: 300 }).unwrap();
    store.rebuild().unwrap();
    search(&mut store, usize::MAX).unwrap();
    search_for(&mut store, usize::MAX, Audience::Channels { now: 301 }).unwrap();
    assert_eq!(store.deliveries(10).unwrap(), before);

    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    assert!(!String::from_utf8_lossy(&exported).contains("s3cret"));
    // Into a store where the series are known and looked at, and into one that is new.
    for known in [true, false] {
        let g = Fixture::new();
        let mut copy = g.store();
        if known {
            stretch(&mut copy, 0..2, 2, 1e6, 0);
        }
        copy.add_channel(&channel("c")).unwrap();
        copy.import(&mut exported.as_slice()).unwrap();
        search_for(&mut copy, usize::MAX, Audience::Channels { now: 1 }).unwrap();
        assert_eq!(copy.open_events(10).unwrap().len(), 2);
        // Reports alone, from before there were alerts.
        for i in NEXT + 1..=LATER {
            let value = if i < LATER { 1.2e6 } else { 1.9e6 };
            let line = serde_json::json!({ "report": report(i, 2, value) }).to_string();
            copy.import(&mut line.as_bytes()).unwrap();
            let now = Audience::Channels { now: 2 };
            search_for(&mut copy, usize::MAX, now).unwrap();
        }
        assert_eq!(copy.open_events(10).unwrap().len(), 4);
        assert_eq!(copy.deliveries(10).unwrap(), vec![], "known: {known}");
        // What is measured then is heard.
        stretch(&mut copy, LATER + 1..36, 2, 1.9e6, 3);
        hand_in(&mut copy, &report(36, 2, 2.5e6), 3);
        assert_eq!(only(&copy).changes, 2);
    }
}

#[test]
fn what_went_back_is_said_once_and_only_to_who_heard_of_it() {
    // One that lasted, and one of a single commit.
    for until in [LATER, NEXT + 1] {
        went_back(until);
    }
}

fn went_back(until: u64) {
    let f = Fixture::new();
    let mut store = flat(&f, 2);
    stretch(&mut store, NEXT..until, 2, 1.2e6, 100);
    let parcel = take(&mut store, 200).remove(0);
    settle(&mut store, &parcel, Outcome::Taken, 200);
    store.add_channel(&channel("late")).unwrap();
    stretch(&mut store, until..until + 7, 2, 1e6, 300);
    let back = take(&mut store, 1_000);
    assert_eq!(back.len(), 1, "{back:#?}");
    assert_eq!(back[0].message.happened, Happened::Recovered);
    assert_eq!(
        (back[0].message.total, back[0].lease.channel.name.as_str()),
        (2, "c")
    );
    settle(&mut store, &back[0], Outcome::Taken, 1_000);
    store.rebuild().unwrap();
    for _ in 0..2 {
        search_for(&mut store, usize::MAX, Audience::Channels { now: 2_000 }).unwrap();
    }
    assert_eq!(store.deliveries(10).unwrap().len(), 2);
}

#[test]
fn what_goes_back_while_its_message_is_under_way_is_said_after_it() {
    let f = Fixture::new();
    let mut store = flat(&f, 2);
    stretch(&mut store, NEXT..LATER, 2, 1.2e6, 100);
    let parcel = take(&mut store, 200).remove(0);
    stretch(&mut store, LATER..LATER + 7, 2, 1e6, 201);
    assert!(store.open_events(10).unwrap().is_empty());
    assert_eq!(only(&store).state, Progress::Waiting);
    settle(&mut store, &parcel, Outcome::Taken, 202);
    let back = take(&mut store, 300);
    assert_eq!(back.len(), 1, "{back:#?}");
    assert_eq!(back[0].message.happened, Happened::Recovered);
}

#[test]
fn who_heard_of_several_commits_hears_which_one_it_was() {
    let f = Fixture::new();
    let mut store = flat(&f, 2);
    hand_in(&mut store, &report(NEXT + 4, 2, 1.2e6), 100);
    let parcel = take(&mut store, 200).remove(0);
    assert_eq!((parcel.message.commits, parcel.message.total), (5, 2));
    settle(&mut store, &parcel, Outcome::Taken, 200);
    // One of the commits between is measured: four may still be the cause, and nobody is told.
    hand_in(&mut store, &report(NEXT, 2, 1e6), 300);
    assert!(take(&mut store, 400).is_empty());
    stretch(&mut store, NEXT + 1..NEXT + 4, 2, 1e6, 500);
    let one = take(&mut store, 600);
    assert_eq!(one.len(), 1, "{one:#?}");
    let message = &one[0].message;
    assert_eq!(message.happened, Happened::Narrowed);
    assert_eq!((message.commits, message.total), (1, 2));
    assert_eq!(
        message.suspects[0].sha,
        report(NEXT + 4, 1, 0.0).commit.sha.0
    );
    settle(&mut store, &one[0], Outcome::Taken, 600);
    stretch(&mut store, NEXT + 5..LATER, 2, 1.2e6, 700);
    assert!(take(&mut store, 800).is_empty());
}

#[test]
fn what_another_commit_of_a_set_moved_is_heard_once_the_set_is_one_commit() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    let other = |i: u64, value: f64| {
        let mut r = report(i, 1, value);
        r.measurements[0].benchmark = "other".into();
        r.build_key = format!("{i} other");
        r
    };
    for i in 0..NEXT {
        hand_in(&mut store, &other(i, 1e6), 0);
    }
    hand_in(&mut store, &report(NEXT + 4, 1, 1.2e6), 100);
    let parcel = take(&mut store, 200).remove(0);
    assert_eq!(parcel.message.commits, 5);
    settle(&mut store, &parcel, Outcome::Taken, 200);
    hand_in(&mut store, &report(NEXT + 1, 1, 1e6), 300);
    hand_in(&mut store, &report(NEXT + 2, 1, 1.2e6), 300);
    let one = take(&mut store, 400).remove(0);
    assert_eq!(one.message.happened, Happened::Narrowed);
    settle(&mut store, &one, Outcome::Taken, 400);
    for i in NEXT..NEXT + 4 {
        hand_in(&mut store, &other(i, 1e6), 500);
    }
    hand_in(&mut store, &other(NEXT + 4, 1.2e6), 500);
    let second = take(&mut store, 600);
    assert_eq!(second.len(), 1, "{second:#?}");
    assert_eq!(second[0].message.happened, Happened::Moved);
    assert_eq!((second[0].message.commits, second[0].message.total), (1, 1));
}

/// The set is widened by taking a report out again, and narrowed by another.
#[test]
fn a_commit_that_is_one_of_several_again_is_not_named_until_it_stands_alone() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    hand_in(&mut store, &report(NEXT + 1, 1, 1.2e6), 100);
    let parcel = take(&mut store, 200).remove(0);
    assert_eq!(parcel.message.commits, 2);
    settle(&mut store, &parcel, Outcome::Taken, 200);
    let between = report(NEXT, 1, 1e6);
    hand_in(&mut store, &between, 300);
    let hash = digest(&serde_json::to_vec(&between).unwrap());
    store
        .exclude(&hash, false, ("wrong machine", "me", 301))
        .unwrap();
    search_for(&mut store, usize::MAX, Audience::Channels { now: 301 }).unwrap();
    assert!(take(&mut store, 400).is_empty());
    store
        .exclude(&hash, true, ("it was right", "me", 500))
        .unwrap();
    search_for(&mut store, usize::MAX, Audience::Channels { now: 500 }).unwrap();
    let one = take(&mut store, 600);
    assert_eq!(one.len(), 1, "{one:#?}");
    assert_eq!(one[0].message.happened, Happened::Narrowed);
    assert_eq!(one[0].message.commits, 1);
    settle(&mut store, &one[0], Outcome::Taken, 600);
    assert!(take(&mut store, 700).is_empty());
}

#[test]
fn a_message_that_is_sent_again_names_the_commit_that_it_is_by_then() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    hand_in(&mut store, &report(NEXT + 2, 1, 1.2e6), 100);
    let parcel = take(&mut store, 200).remove(0);
    settle(&mut store, &parcel, Outcome::Taken, 200);
    let between = report(NEXT + 1, 1, 1e6);
    hand_in(&mut store, &report(NEXT, 1, 1e6), 300);
    hand_in(&mut store, &between, 300);
    let one = take(&mut store, 400).remove(0);
    let named = |p: &Parcel| p.message.suspects[0].sha.clone();
    assert_eq!(named(&one), report(NEXT + 2, 1, 0.0).commit.sha.0);
    settle(&mut store, &one, Outcome::Later(None), 400);
    let hash = digest(&serde_json::to_vec(&between).unwrap());
    let why = ("wrong machine", "me", 401);
    store.exclude(&hash, false, why).unwrap();
    search_for(&mut store, usize::MAX, Audience::Channels { now: 401 }).unwrap();
    hand_in(&mut store, &report(NEXT + 1, 1, 1.2e6), 402);
    let mut sent = take(&mut store, 4_000);
    sent.extend(take(&mut store, 4_001));
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0].message.happened, Happened::Narrowed);
    assert_eq!(named(&sent[0]), report(NEXT + 1, 1, 0.0).commit.sha.0);
}

#[test]
fn what_is_measured_before_it_is_sent_narrows_what_is_said() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    hand_in(&mut store, &report(NEXT + 2, 1, 1.2e6), 100);
    stretch(&mut store, NEXT..NEXT + 2, 1, 1e6, 101);
    let parcel = take(&mut store, 200).remove(0);
    assert_eq!(parcel.message.commits, 1);
    settle(&mut store, &parcel, Outcome::Taken, 200);
    stretch(&mut store, NEXT + 3..LATER, 1, 1.2e6, 300);
    assert!(take(&mut store, 400).is_empty());
}

#[test]
fn what_nobody_looked_at_yet_is_heard_before_old_points_go() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    store.put(&report(NEXT, 1, 1.2e6), &[]).unwrap();
    let now = 4_000_000_000;
    let keep = Keep {
        profiles: Some(1),
        branches: Some(1),
        main: Some(1),
    };
    let bounds = Bounds {
        level: 2,
        newest: 8,
    };
    let mut plan = store.plan_within(&keep, now, bounds).unwrap();
    let gone = retention::prune(&mut store, &mut plan, "p", now, usize::MAX).unwrap();
    assert_eq!(gone.main_reports, NEXT + 1 - 8);
    assert_eq!(only(&store).changes, 1);
    assert_eq!(take(&mut store, now + 100).len(), 1);
    // What it found is held by a plan that is made then.
    let plan = retention::plan(&mut store, &keep, now).unwrap();
    assert!(store.prune(&plan, "p", now).unwrap().is_empty());
    assert_eq!(only(&store).changes, 1);
}

#[test]
fn what_people_settled_before_it_was_sent_is_not_sent() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    hand_in(&mut store, &report(NEXT, 1, 1.2e6), 100);
    let events = store.open_events(10).unwrap();
    let noise = Triage {
        events: events.iter().map(|e| e.reported.id.clone()).collect(),
        state: Some(State::Resolved(Resolution::Noise)),
        ..Triage::default()
    };
    store.decide(&noise, "a", 101).unwrap();
    assert!(take(&mut store, 200).is_empty());
    assert_eq!(only(&store).state, Progress::Dropped);
}

#[test]
fn a_channel_is_one_of_its_name_and_leaves_nothing_behind() {
    let f = Fixture::new();
    let mut store = flat(&f, 1);
    let why = store.add_channel(&channel("c")).unwrap_err().to_string();
    assert!(why.contains("already") && !why.contains("s3cret"), "{why}");
    hand_in(&mut store, &report(NEXT, 1, 1.2e6), 100);
    assert!(store.remove_channel("c").unwrap());
    assert!(!store.remove_channel("c").unwrap());
    assert_eq!(store.deliveries(10).unwrap(), vec![]);
    // Added again it is another channel, to which all that is history.
    let id = store.add_channel(&channel("c")).unwrap();
    assert!(id > 1 && !store.is_due(1_000_000).unwrap());
}

#[cfg(unix)]
#[test]
fn a_store_with_secrets_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let f = Fixture::new();
    let _store = flat(&f, 1);
    let mode = std::fs::metadata(&f.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
}
