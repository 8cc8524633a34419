//! Properties of the finder that hold whatever the numbers are.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::csv::settle;
use super::{Finder, Point, Settings};
use crate::detect::alerts::replay::Replay;
use crate::stats::SplitMix64;

/// Nearly normal noise around levels: `steps` are (first point, level in sigmas).
fn series(seed: u64, n: usize, steps: &[(usize, f64)]) -> Vec<f64> {
    let mut g = SplitMix64::new(seed);
    (0..n)
        .map(|i| {
            let level: f64 = steps.iter().filter(|s| s.0 <= i).map(|s| s.1).sum();
            100.0 + level + (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0
        })
        .collect()
}

fn points(y: &[f64]) -> Vec<Point> {
    y.iter()
        .enumerate()
        .map(|(i, v)| Point {
            index: i as i64,
            value: *v,
        })
        .collect()
}

fn found(y: &[f64]) -> Vec<i64> {
    Finder::new(Settings::default())
        .find(&points(y))
        .changes
        .iter()
        .map(|c| c.index)
        .collect()
}

/// Two lists of changes, one of which was found after rounding differently.
fn alike(a: &[i64], b: &[i64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1)
}

/// Of the looks at growing series of which each has a step of four sigma, which miss it.
#[test]
fn a_clear_step_is_seen_in_every_look_however_much_follows_it() {
    let mut missed = Vec::new();
    for seed in 0..40 {
        let y = series(seed, 160, &[(25, 4.0)]);
        let is_seen = |n: usize| found(&y[..n]).iter().any(|at| (at - 25).abs() <= 5);
        let looks = (65..=160).step_by(5);
        missed.extend(looks.filter(|n| !is_seen(*n)).map(|n| (seed, n)));
    }
    assert!(missed.is_empty(), "{missed:?}");
}

/// Where two modes alternate, and more of the values are in the slow one from a commit on.
#[test]
fn the_size_of_a_change_is_what_its_levels_say() {
    let mut seen = 0;
    for seed in 0..40 {
        let mut g = SplitMix64::new(seed);
        let value = |i: usize| {
            let slow = if i < 60 { 0.45 } else { 0.02 };
            let mode = if g.next_f64() < slow { 150.0 } else { 100.0 };
            let level = if i < 60 { 1.3 } else { 1.0 };
            level * mode * (1.0 + 0.04 * g.next_f64())
        };
        let y: Vec<f64> = (0..120).map(value).collect();
        for c in Finder::new(Settings::default()).find(&points(&y)).changes {
            let said = c.after / c.before - 1.0;
            assert!((c.change - said).abs() < 1e-12, "{seed}: {c:?}");
            assert!(c.low <= c.change && c.change <= c.high, "{seed}: {c:?}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

// What noise decides may fail for one seed in 100,000, so the seed is fixed.
proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn shift_and_scale_do_not_matter(seed in any::<u64>(), n in 8_usize..250, at in 0.1_f64..0.9,
                                     size in -8.0_f64..8.0, scale in 0.01_f64..100.0,
                                     shift in -1000.0_f64..1000.0) {
        let y = series(seed, n, &[((at * n as f64) as usize, size)]);
        let moved: Vec<f64> = y.iter().map(|v| v * scale + shift).collect();
        let (a, b) = (found(&y), found(&moved));
        prop_assert!(alike(&a, &b), "{a:?} {b:?}");
    }

    #[test]
    fn a_clear_step_reversed_is_found_from_the_other_side(seed in any::<u64>(), n in 40_usize..250,
                                                          at in 0.2_f64..0.8) {
        let k = (at * n as f64) as usize;
        let mut y = series(seed, n, &[(k, 9.0)]);
        prop_assert!(found(&y).contains(&(k as i64)));
        y.reverse();
        prop_assert!(found(&y).contains(&((n - k) as i64)));
    }

    #[test]
    fn upside_down_is_the_same(seed in any::<u64>(), n in 8_usize..250, at in 0.1_f64..0.9,
                               size in -8.0_f64..8.0) {
        let y = series(seed, n, &[((at * n as f64) as usize, size)]);
        let down: Vec<f64> = y.iter().map(|v| 200.0 - v).collect();
        prop_assert!(alike(&found(&y), &found(&down)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_change_is_well_formed(y in prop::collection::vec(prop::num::f64::NORMAL, 0..60)) {
        let y: Vec<f64> = y.iter().map(|v| v.clamp(-1e150, 1e150)).collect();
        let findings = Finder::new(Settings::default()).find(&points(&y));
        for c in &findings.changes {
            prop_assert!(c.first <= c.index && c.index <= c.last, "{c:?}");
            prop_assert!(!c.change.is_nan() && c.low <= c.change && c.change <= c.high, "{c:?}");
            prop_assert!((0.0..=1.0).contains(&c.confidence));
            prop_assert_eq!(c.change, crate::stats::change(c.before, c.after));
        }
        prop_assert!(findings.changes.windows(2).all(|w| w[0].index < w[1].index));
    }

    #[test]
    fn whole_numbers_of_few_values_are_well_formed(y in prop::collection::vec(0_u8..4, 0..80)) {
        let y: Vec<f64> = y.iter().map(|v| f64::from(*v)).collect();
        for c in Finder::new(Settings::default()).find(&points(&y)).changes {
            prop_assert!(c.first <= c.index && c.index <= c.last, "{c:?}");
            prop_assert!(!c.low.is_nan() && !c.high.is_nan());
        }
    }
}

#[test]
fn a_step_is_found_at_every_position() {
    for k in 5..=195 {
        let y = series(k as u64, 200, &[(k, 8.0)]);
        let at = found(&y);
        assert!(at.iter().any(|a| (a - k as i64).abs() <= 1), "{k}: {at:?}");
    }
}

#[test]
fn permutations_of_unchanged_points_raise_next_to_nothing() {
    let mut y = series(42, 200, &[]);
    let mut g = SplitMix64::new(43);
    let alarms: usize = (0..300)
        .map(|_| {
            g.shuffle(&mut y);
            found(&y).len()
        })
        .sum();
    // 60,000 commits at the promised 0.10 per 1000 would be 6.
    assert!(alarms <= 6, "{alarms}");
}

#[test]
fn the_order_of_arrival_leaves_no_trace() {
    let y = series(7, 90, &[(30, 6.0), (60, -5.0)]);
    // Two samples for some commits, as re-runs bring them.
    let mut rows = points(&y);
    rows.extend(points(&y).iter().step_by(7).map(|p| Point {
        value: p.value + 0.5,
        ..*p
    }));
    let settled = |rows: &[Point]| {
        let mut sorted = rows.to_vec();
        settle(&mut sorted);
        sorted
    };
    let mut finder = Finder::new(Settings::default());
    let expected = finder.find(&settled(&rows));
    assert_eq!(expected.changes.len(), 2);
    let mut g = SplitMix64::new(8);
    for _ in 0..1000 {
        g.shuffle(&mut rows);
        assert_eq!(finder.find(&settled(&rows)), expected);
    }
}

#[test]
fn replay_sees_no_further_than_its_commit() {
    let y = series(5, 160, &[(80, 5.0)]);
    let mut finder = Finder::new(Settings::default());
    let mut replay = Replay::new(Settings::default());
    let flags: Vec<_> = points(&y)
        .into_iter()
        .flat_map(|p| replay.push(&mut finder, p))
        .collect();
    assert_eq!(flags.len(), 1, "{flags:?}");
    assert!(
        flags[0].index <= flags[0].at && (80..=90).contains(&flags[0].at),
        "{flags:?}"
    );
    // What was said at a commit does not depend on later ones.
    let mut again = Replay::new(Settings::default());
    let early: Vec<_> = points(&y[..100])
        .into_iter()
        .flat_map(|p| again.push(&mut finder, p))
        .collect();
    assert_eq!(early, flags);
}

#[test]
fn short_and_constant_series_have_an_answer() {
    for y in [&[][..], &[1.0], &[1.0, 2.0], &[3.0; 50], &[0.0; 9]] {
        assert!(found(y).is_empty(), "{y:?}");
    }
    assert_eq!(found(&[0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0, 5.0]), [4]);
}

#[test]
fn a_drift_is_told_as_drift_and_not_as_steps() {
    let mut steps = 0;
    for seed in 0..20 {
        // 3 sigma over 200 commits, for 1,000 commits.
        let mut y = series(seed, 1000, &[]);
        y.iter_mut()
            .enumerate()
            .for_each(|(i, v)| *v += 0.015 * i as f64);
        let findings = Finder::new(Settings::default()).find(&points(&y));
        steps += findings.changes.len();
        let per_point = findings.drift * crate::stats::median(&y).unwrap_or(1.0);
        assert!((per_point - 0.015).abs() < 0.002, "{seed}: {per_point}");
    }
    // 20,000 commits at the promised 0.10 per 1000 would be 2.
    assert!(steps <= 2, "{steps}");
}

/// Noise of which each value keeps seven tenths of the one before.
fn correlated(seed: u64, n: usize) -> Vec<f64> {
    let mut last = 0.0;
    let mut next = |v: &f64| {
        last = 0.7 * last + (v - 100.0);
        100.0 + last
    };
    series(seed, n, &[]).iter().map(&mut next).collect()
}

#[test]
fn correlated_noise_is_no_chain_of_steps() {
    let mut alarms = 0;
    for seed in 0..60 {
        alarms += found(&correlated(seed, 300)).len();
    }
    // The hardest of the 13 kinds: about 0.3 per 1000, over 18,000 commits.
    assert!(alarms <= 9, "{alarms}");
}

#[test]
fn correlated_noise_shows_no_more_steps_where_there_is_much_of_it() {
    let mut alarms = 0;
    for seed in 0..16 {
        alarms += found(&correlated(seed, 3000)).len();
    }
    // 48,000 commits at 0.10 per 1000; with each window's own correlation they are 13.
    assert!(alarms <= 4, "{alarms}");
}

#[test]
fn slow_runs_do_not_hide_a_step_that_all_others_show() {
    let (mut seen, mut alarms) = (0, 0);
    for seed in 0..40 {
        let mut g = SplitMix64::new(seed + 900);
        let mut slow = |y: Vec<f64>| -> Vec<f64> {
            y.into_iter()
                .map(|v| {
                    if g.next_f64() < 0.15 {
                        v + 8.0 + 20.0 * g.next_f64()
                    } else {
                        v
                    }
                })
                .collect()
        };
        let stepped = slow(series(seed, 100, &[(50, 3.0)]));
        seen += usize::from(found(&stepped).iter().any(|at| at.abs_diff(50) <= 5));
        alarms += found(&slow(series(seed, 100, &[]))).len();
    }
    // 4 are found against the noise as a whole.
    assert!(seen >= 30 && alarms == 0, "{seen} of 40, {alarms} false");
}

#[test]
fn noise_that_triples_is_no_step() {
    let alarms: usize = (0..40)
        .map(|seed| {
            let mut y = series(seed, 300, &[]);
            y[150..]
                .iter_mut()
                .for_each(|v| *v = 100.0 + 3.0 * (*v - 100.0));
            found(&y).len()
        })
        .sum();
    assert!(alarms <= 3, "{alarms}");
}

#[test]
fn a_frozen_pipeline_is_pointed_out() {
    let mut y = series(1, 100, &[]);
    let frozen = y[60];
    y[60..85].fill(frozen);
    assert_eq!(Finder::new(Settings::default()).find(&points(&y)).stuck, 25);
}

#[test]
fn missing_commits_widen_the_set_and_the_testbed_takes_the_blame() {
    let y = series(3, 80, &[(40, 9.0)]);
    // Only every fifth commit was measured.
    let sparse: Vec<Point> = points(&y)
        .iter()
        .map(|p| Point {
            index: p.index * 5,
            ..*p
        })
        .collect();
    let mut change = Finder::new(Settings::default())
        .find(&sparse)
        .changes
        .remove(0);
    assert_eq!((change.first, change.index, change.last), (196, 200, 200));
    change.mark_environment(&[150]);
    assert_eq!(change.kind, super::Kind::Step);
    change.mark_environment(&[198]);
    assert_eq!(change.kind, super::Kind::Environment);
}

/// How many of 24 series show a change within 5 of `at`, and how many others they show.
fn score(at: Option<usize>, make: impl Fn(&mut SplitMix64) -> Vec<f64>) -> (usize, usize) {
    let (mut hits, mut wrong) = (0, 0);
    for seed in 0..24 {
        let found = found(&make(&mut SplitMix64::new(seed + 500)));
        let near = |f: &&i64| at.is_some_and(|at| (**f - at as i64).abs() <= 5);
        let hit = found.iter().any(|f| near(&f));
        hits += usize::from(hit);
        wrong += found.len() - usize::from(hit);
    }
    (hits, wrong)
}

fn bell(g: &mut SplitMix64) -> f64 {
    (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0
}

#[test]
fn ticks_with_jitter_show_one_tick_and_no_step_without_one() {
    let ticks = |by: f64| {
        move |g: &mut SplitMix64| -> Vec<f64> {
            let jitter = |g: &mut SplitMix64| match g.next_f64() {
                x if x < 0.075 => -1.0,
                x if x < 0.15 => 1.0,
                _ => 0.0,
            };
            (0..200)
                .map(|i| 8.0 + jitter(g) + if i < 90 { 0.0 } else { by })
                .collect()
        }
    };
    let (hits, wrong) = score(Some(90), ticks(1.0));
    assert!(hits >= 22 && wrong <= 2, "{hits} {wrong}");
    let (hits, wrong) = score(Some(90), ticks(2.0));
    assert!(hits == 24 && wrong <= 2, "{hits} {wrong}");
    assert_eq!(score(None, ticks(0.0)), (0, 0));
    let flips = |g: &mut SplitMix64| (0..60).map(|_| 2.0 + g.below(2) as f64).collect();
    let (_, wrong) = score(None, flips);
    assert!(wrong <= 2, "{wrong}");
}

#[test]
fn dips_and_modes_are_looked_through() {
    let dips = |by: f64| {
        move |g: &mut SplitMix64| -> Vec<f64> {
            let dip = |g: &mut SplitMix64| if g.next_f64() < 0.15 { 0.992 } else { 1.0 };
            let level = |i| 1e9 * if i < 90 { 1.0 } else { 1.0 + by };
            (0..200)
                .map(|i| (level(i) * dip(g) * (1.0 + 5e-6 * bell(g))).round())
                .collect()
        }
    };
    let (hits, wrong) = score(Some(90), dips(1e-3));
    assert!(hits >= 23 && wrong <= 4, "{hits} {wrong}");
    let (_, wrong) = score(None, dips(0.0));
    assert!(wrong <= 3, "{wrong}");
    let modes = |by: f64| {
        move |g: &mut SplitMix64| -> Vec<f64> {
            let mode = |g: &mut SplitMix64| if g.next_f64() < 0.5 { 10.0 } else { 0.0 };
            (0..200)
                .map(|i| 100.0 + bell(g) + mode(g) + if i < 90 { 0.0 } else { by })
                .collect()
        }
    };
    let (hits, wrong) = score(Some(90), modes(4.0));
    assert!(hits >= 22 && wrong <= 2, "{hits} {wrong}");
    assert_eq!(score(None, modes(0.0)), (0, 0));
}

#[test]
fn a_dozen_points_show_twelve_sigmas() {
    let short = |by: f64| {
        move |g: &mut SplitMix64| -> Vec<f64> {
            (0..14)
                .map(|i| 100.0 + bell(g) + if i < 9 { 0.0 } else { by })
                .collect()
        }
    };
    let (hits, wrong) = score(Some(9), short(12.0));
    assert!(hits >= 22 && wrong == 0, "{hits} {wrong}");
    assert_eq!(score(None, short(0.0)), (0, 0));
}

#[test]
fn a_short_series_of_several_levels_shows_them_all() {
    let y = |g: &mut SplitMix64| -> Vec<f64> {
        let level = |i| match i {
            0..13 => 100.0,
            13..57 => 160.0,
            _ => 60.0,
        };
        (0..61).map(|i| level(i) * (0.05 * bell(g)).exp()).collect()
    };
    let (hits, _) = score(Some(13), y);
    assert!(hits >= 23, "{hits}");
    let (hits, _) = score(Some(57), y);
    assert!(hits >= 23, "{hits}");
}

/// How many of some changes are found within five commits, and how many others are.
fn tally(y: &[f64], truth: &[usize]) -> (usize, usize) {
    let found = found(y);
    let near = |at: &usize| found.iter().any(|f| f.abs_diff(*at as i64) <= 5);
    let hits = truth.iter().filter(|at| near(at)).count();
    (hits, found.len() - hits)
}

#[test]
fn a_short_loud_series_does_not_take_its_own_steps_for_correlation() {
    let (mut hits, mut wrong) = (0, 0);
    for seed in 0..40 {
        let mut g = SplitMix64::new(seed + 700);
        let rise = 8 + g.below(10);
        let truth = [rise, rise + 6 + g.below(5), 55 + g.below(3)];
        let mut value = |i: usize| {
            let past = truth.iter().filter(|at| **at <= i).count();
            let slow = if g.next_f64() < 0.6 { 0.18 } else { 0.0 };
            [100.0, 165.0, 120.0, 55.0][past] * (slow + 0.06 * bell(&mut g)).exp()
        };
        let y: Vec<f64> = (0..61).map(&mut value).collect();
        let (seen, others) = tally(&y, &truth);
        (hits, wrong) = (hits + seen, wrong + others);
    }
    // 102 where a step costs twice as much as Zhang & Siegmund's.
    assert!(hits >= 113 && wrong == 0, "{hits} of 120, {wrong} wrong");
}

#[test]
fn six_commits_of_four_sigma_are_two_steps_in_a_short_series() {
    let (mut hits, mut wrong) = (0, 0);
    for seed in 0..40 {
        let mut g = SplitMix64::new(seed + 800);
        let at = 15 + g.below(30);
        let high = |i: usize| if (at..at + 6).contains(&i) { 4.0 } else { 0.0 };
        let y: Vec<f64> = (0..60).map(|i| 100.0 + bell(&mut g) + high(i)).collect();
        let (seen, others) = tally(&y, &[at, at + 6]);
        (hits, wrong) = (hits + seen, wrong + others);
    }
    // 58 where a step costs twice as much.
    assert!(hits >= 72 && wrong == 0, "{hits} of 80, {wrong} wrong");
}

#[test]
fn correlated_noise_in_few_commits_is_hardly_ever_a_step() {
    let few = [30, 60, 100].into_iter();
    let alarms: usize = few
        .flat_map(|n| (0..60).map(move |seed| found(&correlated(seed, n)).len()))
        .sum();
    // 11,400 commits of the hardest kind raise 17.
    assert!(alarms <= 20, "{alarms}");
}

#[test]
fn counts_of_two_narrow_modes_show_their_steps() {
    // As PHP under valgrind: two values 4e-5 apart, and steps of less and of more.
    let steps = [(26, -7e3), (85, -1.2e4), (180, 4e4), (221, 8e3)];
    let counts = |by: f64| {
        move |g: &mut SplitMix64| -> Vec<f64> {
            let level = |i| {
                steps
                    .iter()
                    .filter(|s| s.0 <= i)
                    .map(|s| by * s.1)
                    .sum::<f64>()
            };
            let mut y: Vec<f64> = (0..300)
                .map(|i| 1.226e8 + level(i) + 5e3 * g.below(2) as f64)
                .collect();
            let mut moved = 0.0;
            for v in &mut y {
                moved += 40.0 * bell(g);
                *v = (*v + moved + 60.0 * bell(g)).round();
            }
            y
        }
    };
    for (at, _) in steps {
        let (hits, _) = score(Some(at), counts(1.0));
        assert!(hits >= 20, "{at}: {hits}");
    }
    let (_, wrong) = score(None, counts(0.0));
    assert!(wrong <= 2, "{wrong}");
}

#[test]
fn what_differs_once_and_was_not_counted_is_not_reported() {
    let told = |counted: bool, value: fn(i64) -> f64| {
        let settings = Settings::default().counted(counted);
        let mut finder = Finder::new(settings);
        let mut replay = Replay::new(settings);
        let point = |index| Point {
            index,
            value: value(index),
        };
        let flags = (0..60).flat_map(|i| replay.push(&mut finder, point(i)));
        flags.map(|f| (f.index, f.at)).collect::<Vec<_>>()
    };
    let once = |i| if i == 30 { 576.0 } else { 560.0 };
    let step = |i| if i >= 30 { 576.0 } else { 560.0 };
    assert!(told(false, once).is_empty());
    assert_eq!(told(false, step), [(30, 31)]);
    assert_eq!(told(true, step), [(30, 30)]);
}

#[test]
fn ramps_and_drifts_over_decades_are_no_staircases() {
    let decades = |g: &mut SplitMix64| -> Vec<f64> {
        (0..150)
            .map(|i| 10_f64.powf(f64::from(i) / 50.0) * (0.03 * bell(g)).exp())
            .collect()
    };
    let (_, wrong) = score(None, decades);
    assert!(wrong <= 8, "{wrong}");
    let ramp = |g: &mut SplitMix64| -> Vec<f64> {
        (0..120)
            .map(|i| 100.0 + bell(g) + (f64::from(i) - 50.0).clamp(0.0, 20.0))
            .collect()
    };
    let (hits, wrong) = score(Some(60), ramp);
    assert!(hits >= 22 && wrong <= 6, "{hits} {wrong}");
}

#[test]
fn a_wave_hides_no_step() {
    let wave = |g: &mut SplitMix64| -> Vec<f64> {
        let wave = |i: i32| 1.5 * (f64::from(i) / 24.0 * std::f64::consts::TAU).sin();
        (0..200)
            .map(|i| 100.0 + bell(g) + wave(i) + if i < 90 { 0.0 } else { 3.0 })
            .collect()
    };
    let (hits, wrong) = score(Some(90), wave);
    assert!(hits >= 22 && wrong <= 2, "{hits} {wrong}");
}

#[test]
fn a_window_shows_what_the_whole_shows_in_it() {
    let (mut shown, mut all) = (0, 0);
    for seed in 0..20 {
        let steps = [(100, 5.0), (220, -4.0), (330, 6.0), (450, -5.0)];
        let y = series(seed, 560, &steps);
        let whole = found(&y);
        for at in found(&y[80..480]).iter().map(|a| a + 80) {
            all += 1;
            shown += usize::from(whole.iter().any(|w| (w - at).abs() <= 5));
        }
    }
    assert!(all >= 75 && 100 * shown >= 95 * all, "{shown} of {all}");
}

#[test]
fn appending_points_tells_of_no_step_twice() {
    for seed in 0..12 {
        let y = series(seed, 160, &[(40, 4.0), (100, -4.0)]);
        let mut finder = Finder::new(Settings::default());
        let mut replay = Replay::new(Settings::default());
        let flags: Vec<i64> = points(&y)
            .into_iter()
            .flat_map(|p| replay.push(&mut finder, p))
            .map(|f| f.index)
            .collect();
        let twice = flags.windows(2).any(|w| (w[0] - w[1]).abs() <= 5);
        assert!(!twice && flags.len() <= 3, "{seed}: {flags:?}");
    }
}
