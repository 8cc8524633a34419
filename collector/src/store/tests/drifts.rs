//! A drift that somebody opened as a change.

use super::{Fixture, difference, report, rows};
use crate::detect::Kind;
use crate::detect::alerts::life::{Resolution, State};
use crate::history::{open_drift, watch};
use crate::model::{Metric, Report};
use crate::stats::SplitMix64;
use crate::store::{Reported, Store, Triage};

/// Wall times: one series that grows by 20 % over 200 commits, one that does not.
fn history(from: u64, to: u64, level: impl Fn(u64) -> f64) -> Vec<Report> {
    let noisy = |i: u64| SplitMix64::new(i).next_f64() - 0.5;
    (from..to)
        .map(|i| {
            let mut r = report(i, 'a', &[("grows", level(i) + 4.0 * noisy(i))]);
            r.measurements[0].metric = Metric::WallTime;
            let mut still = r.measurements[0].clone();
            (still.benchmark, still.value) = ("still".into(), 1000.0 + 4.0 * noisy(i + 1000));
            still.samples = vec![still.value];
            (still.low, still.high) = (still.value, still.value);
            r.measurements.push(still);
            r
        })
        .collect()
}

fn grown(store: &mut Store, all: Vec<Report>) {
    for r in all {
        store.put(&r, &[]).unwrap();
    }
    watch::search(store, usize::MAX).unwrap();
}

fn drifts(store: &Store) -> Vec<Reported> {
    let all = store.series().unwrap();
    let events = all
        .iter()
        .flat_map(|s| store.events_of(&s.key.id()).unwrap());
    events
        .filter(|t| t.event.change.kind == Kind::Drift)
        .collect()
}

fn open(store: &mut Store, name: &str) -> crate::error::Result<String> {
    let row = store
        .series()
        .unwrap()
        .into_iter()
        .find(|s| s.key.benchmark == name);
    let series = store.series_by_id(&row.unwrap().key.id()).unwrap().unwrap();
    open_drift(store, &series, "Ann", 0)
}

#[test]
fn it_is_one_change_for_life_until_somebody_settles_it() {
    let f = Fixture::new();
    let mut store = f.store();
    grown(&mut store, history(0, 200, |i| 1000.0 + i as f64));
    assert!(
        open(&mut store, "still")
            .unwrap_err()
            .to_string()
            .contains("does not drift")
    );
    let id = open(&mut store, "grows").unwrap();
    assert_eq!(open(&mut store, "grows").unwrap(), id);
    let decisions = store.decisions(10).unwrap();
    let who: Vec<_> = decisions.iter().map(|d| (&*d.actor, &*d.event)).collect();
    assert_eq!(who, [("Ann", &*id)], "once, and by whom");
    let [t] = drifts(&store)
        .try_into()
        .unwrap_or_else(|all| panic!("{all:?}"));
    let c = &t.event.change;
    assert!(
        (c.change - 0.2).abs() < 0.01 && c.low < c.change && c.change < c.high,
        "{c:?}"
    );
    assert_eq!((c.first, c.last, t.event.is_open()), (199, 199, true));
    // It goes on while the series does, a view that is made anew has it, and it is news to nobody.
    grown(&mut store, history(200, 230, |i| 1000.0 + i as f64));
    assert_eq!(open(&mut store, "grows").unwrap(), id);
    let before = rows(&f.path);
    store.rebuild().unwrap();
    watch::search(&mut store, usize::MAX).unwrap();
    assert_eq!(difference(&before, &rows(&f.path)), Vec::<String>::new());
    assert!(drifts(&store)[0].event.is_open());
    let settled = Triage {
        events: vec![id.clone()],
        state: Some(State::Resolved(Resolution::Accepted)),
        ..Triage::default()
    };
    store.decide(&settled, "me", 0).unwrap();
    assert_ne!(open(&mut store, "grows").unwrap(), id);
}

#[test]
fn it_recovers_when_the_level_is_back_and_a_step_beside_it_is_one_of_its_own() {
    let f = Fixture::new();
    let mut store = f.store();
    grown(&mut store, history(0, 200, |i| 1000.0 + i as f64));
    let id = open(&mut store, "grows").unwrap();
    grown(&mut store, history(200, 230, |i| 1400.0 + i as f64));
    assert_eq!(drifts(&store)[0].event.recovered, None);
    let changes = store.open_events(9).unwrap();
    let kinds: Vec<Kind> = changes
        .iter()
        .map(|e| e.reported.event.change.kind)
        .collect();
    assert!(
        kinds.contains(&Kind::Step) && kinds.contains(&Kind::Drift),
        "{kinds:?}"
    );
    grown(&mut store, history(230, 260, |_| 1000.0));
    let all = drifts(&store);
    assert_eq!(
        (all[0].id.as_str(), all[0].event.recovered),
        (id.as_str(), Some(230))
    );
}
