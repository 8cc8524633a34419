//! Which way is better decides what a move is called, and nothing else.

use crate::config::Config;
use crate::judge::tests::report;
use crate::judge::{Judged, Overrides, Row, confirm_by_changes, rows};
use crate::model::{Better, Counter, Measurement, Metric, NoiseClass, Verdict};

fn own(better: Better, class: NoiseClass, value: f64) -> Measurement {
    let metric = Metric::stored("x", "1/s", better);
    Measurement {
        class,
        ..Measurement::once("b", metric, Counter::stored("tool"), value)
    }
}

fn judged(base: Measurement, head: Measurement, history: &[f64]) -> Row {
    let (base, head) = (report(vec![base]), report(vec![head]));
    let (config, none) = (Config::default(), Overrides::default());
    let judged = Judged::of(&config, &[&base, &head]);
    let mut all = rows(&base, &head, &config, &none, &judged, &|_| history.to_vec());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn a_fall_is_worse_where_higher_is_better_and_values_of_any_sign_are_judged() {
    use Better::{Higher, Lower};
    use Verdict::{Improved, Regressed, Unchanged};
    for (better, base, head, verdict) in [
        (Lower, 100.0, 120.0, Regressed),
        (Lower, 100.0, 80.0, Improved),
        (Higher, 100.0, 120.0, Improved),
        (Higher, 100.0, 80.0, Regressed),
        (Higher, 100.0, 98.0, Unchanged),
        (Lower, 0.0, 1.0, Regressed),
        (Higher, 0.0, 1.0, Improved),
        (Lower, 0.0, 0.0, Unchanged),
        (Lower, 1.0, 0.0, Improved),
        (Higher, 1.0, 0.0, Regressed),
        (Higher, -5.0, -8.0, Regressed),
        (Lower, -5.0, -8.0, Improved),
        (Lower, -5.0, 5.0, Regressed),
        (Lower, -100.0, -99.0, Unchanged),
    ] {
        let exact = |v| own(better, NoiseClass::Exact, v);
        let row = judged(exact(base), exact(head), &[]);
        assert_eq!(row.verdict, verdict, "{better:?} {base} {head}");
        assert!(row.judged && row.cannot_tell_below.is_none());
        for words in [row.moved(), row.allowed(), row.why.words()] {
            assert!(!words.contains("inf") && !words.contains("NaN"), "{words}");
        }
    }
}

#[test]
fn a_suspicion_is_confirmed_in_its_own_direction() {
    let level: Vec<f64> = (0..40).map(|i| 1000.0 + f64::from(i % 5)).collect();
    for (better, verdict) in [
        (Better::Lower, Verdict::Improved),
        (Better::Higher, Verdict::Regressed),
    ] {
        let noisy = |v| own(better, NoiseClass::Sampled, v);
        let mut all = [judged(noisy(1000.0), noisy(800.0), &level)];
        assert_eq!(all[0].verdict, Verdict::Suspect);
        confirm_by_changes(&mut all, &|_| Some(-0.2));
        assert_eq!(all[0].verdict, verdict);
    }
}

#[test]
fn another_counter_or_unit_is_said_and_two_counters_stand_side_by_side() {
    let by = |tool: &str, unit: &str, value: f64| {
        let metric = Metric::stored("x", unit, Better::Lower);
        Measurement::once("b", metric, Counter::stored(tool), value)
    };
    for (head, why) in [
        (by("wrk", "ms", 1.0), "in `s` before and in `ms` now"),
        (
            by("k6", "s", 1.0),
            "reported by wrk before and reported by k6 now",
        ),
    ] {
        let row = judged(by("wrk", "s", 1.0), head, &[]);
        assert_eq!(
            (row.verdict, &*row.why.words()),
            (Verdict::Incomparable, why)
        );
    }
    let (base, head) = (
        report(vec![by("wrk", "s", 1.0), by("k6", "s", 1.0)]),
        report(vec![by("wrk", "s", 1.0), by("k6", "s", 2.0)]),
    );
    let all = rows(
        &base,
        &head,
        &Config::default(),
        &Overrides::default(),
        &Judged::only([]),
        &|_| vec![],
    );
    let said: Vec<_> = all.iter().map(|r| (r.counter.name(), r.verdict)).collect();
    let want = [("k6", Verdict::Regressed), ("wrk", Verdict::Unchanged)];
    assert_eq!(said, want);
}
