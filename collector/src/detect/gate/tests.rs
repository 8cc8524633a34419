//! Tests of the gate: floors, odd input, decisions.

use proptest::prelude::*;

use crate::detect::gate::*;
use crate::model::{Better, Counter, Metric};
use crate::stats::SplitMix64;

fn counts() -> Policy {
    Policy::for_series(&Metric::Instructions, &Counter::Callgrind)
}

fn time() -> Policy {
    Policy::for_series(&Metric::WallTime, &Counter::Clock)
}

/// The limit, and the value expected, by a history as it is.
fn limit(policy: &Policy, history: &[f64], base: f64, spread: f64) -> Limit {
    super::limit(policy, &Past::of(history), base, spread)
}

fn expected(history: &[f64], base: f64, limit: &Limit) -> f64 {
    super::expected(&Past::of(history), base, limit)
}

/// Nearly normal noise: the sum of twelve uniforms.
fn noise(g: &mut SplitMix64, n: usize, level: f64, sigma: f64) -> Vec<f64> {
    (0..n)
        .map(|_| level + sigma * ((0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0))
        .collect()
}

#[test]
fn one_instruction_never_alarms_and_constant_history_does_not_blind() {
    for base in [1.0, 10.0, 1e3, 1e9] {
        let l = limit(&counts(), &[base; 50], base, 0.0);
        assert_eq!(
            screen(base, base + 1.0, &l),
            Screen::Within,
            "{base}: {}",
            l.why
        );
        assert_eq!(
            screen(base, base * 1.006 + 11.0, &l),
            Screen::SuspectUp,
            "{base}"
        );
        assert_eq!(
            screen(base, base * 0.994 - 11.0, &l),
            Screen::SuspectDown,
            "{base}"
        );
    }
}

#[test]
fn why_names_the_rule_that_won() {
    assert_eq!(
        limit(&counts(), &[], 1e6, 0.0).why.to_string(),
        "0.50 %: floor for this metric"
    );
    assert_eq!(
        limit(&counts(), &[], 100.0, 0.0).why.to_string(),
        "10 %: floor of 10 instructions"
    );
    assert_eq!(
        limit(&counts(), &[], 1e6, 0.01).why.to_string(),
        "1.75 %: 1.75 × the 1.00 % seen in calibration"
    );
    let mut g = SplitMix64::new(3);
    let l = limit(&time(), &noise(&mut g, 200, 100.0, 10.0), 100.0, 0.0);
    assert!(
        l.why.to_string().contains("this series varies by"),
        "{}",
        l.why
    );
    assert!((0.15..0.25).contains(&l.fraction), "{}", l.fraction);
}

#[test]
fn steps_in_the_history_do_not_widen_the_limit() {
    let mut g = SplitMix64::new(4);
    let mut h = noise(&mut g, 60, 100.0, 4.0);
    h.extend(noise(&mut g, 60, 200.0, 8.0));
    assert!(limit(&time(), &h, 200.0, 0.0).fraction < 0.13);
}

#[test]
fn a_sample_is_screened_against_the_level_unless_the_base_has_left_it() {
    let mut g = SplitMix64::new(14);
    let h = noise(&mut g, 100, 100.0, 4.0);
    let l = limit(&time(), &h, 104.0, 0.0);
    assert!((expected(&h, 104.0, &l) - 100.0).abs() < 1.5);
    assert_eq!(expected(&h, 150.0, &l), 150.0);
    assert_eq!(expected(&[], 150.0, &l), 150.0);
}

#[test]
fn odd_values_have_an_answer() {
    let l = limit(&counts(), &[], 0.0, 0.0);
    assert_eq!((l.fraction, l.units), (f64::INFINITY, 10.0));
    assert_eq!(screen(0.0, 10.0, &l), Screen::Within);
    assert_eq!(screen(0.0, 11.0, &l), Screen::SuspectUp);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let l = limit(&counts(), &[bad, 1.0], 100.0, bad);
        assert!(l.fraction.is_finite());
        assert_eq!(screen(100.0, bad, &l), Screen::Unusable);
        assert_eq!(screen(bad, 100.0, &l), Screen::Unusable);
        assert_eq!(limit(&counts(), &[], bad, 0.0).units, f64::INFINITY);
        assert_eq!(cumulative(&counts(), Better::Lower, bad, 1.0, 0.1), None);
    }
    let l = limit(&counts(), &[], -1e6, 0.0);
    assert_eq!(screen(-1e6, -1.1e6, &l), Screen::SuspectDown);
    assert!((change(-1e6, -1.1e6) + 0.1).abs() < 1e-12);
    assert_eq!(change(0.0, 0.0), 0.0);
    assert_eq!(change(0.0, 1.0), f64::INFINITY);
}

#[test]
fn exact_repeats_decide_without_a_test() {
    let p = counts();
    let l = limit(&p, &[1e6; 9], 1e6, 0.0);
    let up = confirm(&p, &l, &[1e6; 9], &[1e6; 2], &[1.01e6; 2]);
    assert_eq!((up.decision, up.p), (Decision::Higher, 0.0));
    assert!((up.effect - 0.01).abs() < 1e-12);
    assert_eq!(
        confirm(&p, &l, &[], &[1e6; 2], &[0.9e6; 2]).decision,
        Decision::Lower
    );
    assert_eq!(
        confirm(&p, &l, &[], &[1e6; 2], &[1e6 + 1.0; 2]).decision,
        Decision::Pass
    );
    assert_eq!(confirm(&p, &l, &[], &[1e6; 2], &[1e6; 2]).p, 1.0);
}

#[test]
fn fresh_runs_decide_noisy_series() {
    let mut g = SplitMix64::new(5);
    let (p, h) = (time(), noise(&mut g, 50, 100.0, 2.0));
    let l = limit(&p, &h, 100.0, 0.0);
    let quiet = confirm(
        &p,
        &l,
        &h,
        &noise(&mut g, 5, 100.0, 2.0),
        &noise(&mut g, 5, 100.0, 2.0),
    );
    assert_eq!(quiet.decision, Decision::Pass, "{quiet:?}");
    let costlier = confirm(
        &p,
        &l,
        &h,
        &noise(&mut g, 5, 100.0, 2.0),
        &noise(&mut g, 5, 112.0, 2.0),
    );
    assert_eq!(costlier.decision, Decision::Higher);
    assert!(
        costlier.low < 0.12 && 0.12 < costlier.high && costlier.p <= 1e-3,
        "{costlier:?}"
    );
    let small = confirm(
        &p,
        &l,
        &h,
        &noise(&mut g, 5, 100.0, 0.1),
        &noise(&mut g, 5, 100.5, 0.1),
    );
    assert_eq!(small.decision, Decision::Pass);
}

#[test]
fn too_few_runs_cannot_tell() {
    let (p, h) = (time(), [100.0, 101.0, 99.0]);
    let l = limit(&p, &h, 100.0, 0.0);
    let c = confirm(&p, &l, &h, &[100.0], &[150.0]);
    assert_eq!(
        c.decision,
        Decision::CannotTell {
            detectable: f64::INFINITY
        }
    );
    let nothing = confirm(&p, &l, &[], &[], &[f64::NAN]);
    assert_eq!(
        nothing.decision,
        Decision::CannotTell {
            detectable: f64::INFINITY
        }
    );
}

#[test]
fn a_moved_machine_is_judged_by_its_fresh_runs_alone() {
    let mut g = SplitMix64::new(6);
    let (p, h) = (time(), noise(&mut g, 50, 100.0, 1.0));
    let l = limit(&p, &h, 100.0, 0.0);
    let c = confirm(
        &p,
        &l,
        &h,
        &noise(&mut g, 8, 140.0, 1.0),
        &noise(&mut g, 8, 140.0, 1.0),
    );
    assert_eq!(c.decision, Decision::Pass, "{c:?}");
}

#[test]
fn false_discoveries_are_bounded_together() {
    // The worked example of Benjamini & Hochberg (1995), section 3.2: four of 15 at q = 0.05.
    let ps = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0,
    ];
    assert_eq!(
        benjamini_hochberg(&ps, 0.05).iter().filter(|b| **b).count(),
        4
    );
    assert_eq!(benjamini_hochberg(&[], 0.05), Vec::<bool>::new());
    assert_eq!(benjamini_hochberg(&[f64::NAN, 0.0], 0.05), [false, true]);
}

#[test]
fn twenty_small_steps_exceed_the_budget() {
    let p = counts();
    let mut v = 1e6;
    for _ in 0..20 {
        let l = limit(&p, &[], v, 0.0);
        assert_eq!(screen(v, v * 1.002, &l), Screen::Within);
        v *= 1.002;
    }
    let c = cumulative(&p, Better::Lower, 1e6, v, p.release_budget).unwrap();
    assert!(c.exceeded && (c.change - 0.0408).abs() < 1e-3, "{c:?}");
    assert!(
        !cumulative(&p, Better::Lower, 1e6, 1.019e6, 0.02)
            .unwrap()
            .exceeded
    );
    assert!(
        !cumulative(&p, Better::Lower, 1e6, 0.5e6, 0.02)
            .unwrap()
            .exceeded
    );
    assert!(
        cumulative(&p, Better::Lower, 0.0, 11.0, 0.02)
            .unwrap()
            .exceeded
    );
    assert_eq!(cumulative(&p, Better::Lower, 1.0, 1.0, f64::NAN), None);
    let higher = |head: f64| cumulative(&p, Better::Higher, 1e6, head, 0.02).unwrap();
    assert!(higher(0.979e6).exceeded && !higher(0.981e6).exceeded && !higher(2e6).exceeded);
}

#[test]
fn values_of_any_sign_are_limited_in_units() {
    let own = Metric::stored("balance", "EUR", Better::Higher);
    let p = Policy::for_series(&own, &Counter::stored("ledger"));
    let from_zero = limit(&p, &[], 0.0, 0.0);
    assert_eq!((from_zero.units, from_zero.fraction), (0.0, f64::INFINITY));
    assert!(
        from_zero.why.to_string().contains("the base is 0"),
        "{}",
        from_zero.why
    );
    assert_eq!(screen(0.0, 0.0, &from_zero), Screen::Within);
    assert_eq!(screen(0.0, -1.0, &from_zero), Screen::SuspectDown);
    let debt = limit(&p, &[], -200.0, 0.0);
    assert_eq!(debt.units, 10.0);
    assert!(debt.why.to_string().starts_with("10 EUR"), "{}", debt.why);
    // Around 0 the spread counts in units, however small the base happens to be.
    let mut g = SplitMix64::new(1);
    let swings = noise(&mut g, 40, 0.0, 5.0);
    for base in [0.0, 0.01, -0.01] {
        let l = limit(&p, &swings, base, 0.0);
        assert!((5.0..15.0).contains(&l.units), "{base}: {l:?}");
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_screen_is_odd(base in any::<f64>(), head in any::<f64>(),
                                        history in prop::collection::vec(any::<f64>(), 0..20),
                                        spread in any::<f64>()) {
        let p = time();
        let l = limit(&p, &history, base, spread);
        prop_assert!(!l.fraction.is_nan() && !l.units.is_nan());
        let there = screen(base, head, &l);
        let mirrored = screen(-base, -head, &l);
        let expected = match there {
            Screen::SuspectUp => Screen::SuspectDown,
            Screen::SuspectDown => Screen::SuspectUp,
            same => same,
        };
        prop_assert_eq!(mirrored, expected);
        let c = confirm(&p, &l, &history, &[base, head], &history);
        prop_assert!(!c.p.is_nan());
    }

    #[test]
    fn unit_of_time_does_not_matter(seed in any::<u64>(), scale in 1e-3_f64..1e3) {
        let mut g = SplitMix64::new(seed);
        let mut p = time();
        p.absolute_floor = 0.0;
        let h = noise(&mut g, 30, 100.0, 5.0);
        let (b, w) = (noise(&mut g, 5, 100.0, 5.0), noise(&mut g, 5, 110.0, 5.0));
        let times = |v: &[f64]| v.iter().map(|x| x * scale).collect::<Vec<_>>();
        let one = confirm(&p, &limit(&p, &h, 100.0, 0.0), &h, &b, &w);
        let l = limit(&p, &times(&h), 100.0 * scale, 0.0);
        let two = confirm(&p, &l, &times(&h), &times(&b), &times(&w));
        prop_assert!((one.effect - two.effect).abs() < 1e-9);
        prop_assert!((one.p - two.p).abs() < 1e-12);
    }
}

#[test]
fn a_second_round_decides_what_an_outlier_left_open() {
    let mut g = SplitMix64::new(15);
    let (p, h) = (time(), noise(&mut g, 20, 100.0, 2.0));
    let l = limit(&p, &h, 100.0, 0.0);
    let base = noise(&mut g, 10, 100.0, 2.0);
    let mut head = noise(&mut g, 10, 112.0, 2.0);
    // One run of head that by accident was quick.
    head[2] = 90.0;
    let first = confirm(&p, &l, &h, &base[..5], &head[..5]);
    assert_eq!(first.decision, Decision::Suspect, "{first:?}");
    let mut rounds = 0;
    let both = confirm_in_rounds(&p, &l, &h, |round, b, h| {
        rounds += 1;
        let runs = 5 * round..5 * (round + 1);
        b.extend_from_slice(&base[runs.clone()]);
        h.extend_from_slice(&head[runs]);
        Ok::<(), ()>(())
    });
    assert_eq!(both.unwrap().decision, Decision::Higher, "{both:?}");
    assert_eq!(rounds, 2);
    let failed = confirm_in_rounds(&p, &l, &h, |_, _, _| Err("no program"));
    assert_eq!(failed, Err("no program"));
}
