//! The search against made-up ranges: every position, every order, every hole.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::simulate::{World, solve};
use super::{Action, Answer, LogEntry, Noise, Observation, Options, Outcome, Search};

fn exact() -> Options {
    Options {
        noise: Noise::Exact,
        ..Options::default()
    }
}

fn ceil_log2(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

fn run(world: &mut World, options: Options, jobs: usize) -> Outcome {
    let mut search = Search::new(&world.range(), options).unwrap();
    solve(&mut search, world, jobs, 10_000).expect("ends")
}

#[test]
fn one_step_is_found_at_every_position_within_the_bound() {
    for n in (1..70).chain([127, 128, 129, 1000]) {
        for at in 1..=n {
            let outcome = run(&mut World::new(n, &[(at, 1.0)], 1), exact(), 1);
            assert_eq!(
                (outcome.answer, outcome.suspects),
                (Answer::Found, vec![at])
            );
            assert!(
                outcome.builds <= ceil_log2(n) + 2,
                "n {n} at {at}: {}",
                outcome.builds
            );
            assert!((outcome.explained - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn nothing_is_blamed_in_a_constant_range() {
    for jobs in 1..5 {
        let outcome = run(&mut World::new(100, &[], 1), exact(), jobs);
        assert_eq!((outcome.answer, outcome.builds), (Answer::NotReproduced, 2));
        assert!(outcome.suspects.is_empty());
    }
}

#[test]
fn a_fix_is_found_in_its_own_direction_only() {
    let fixed = Options {
        direction: super::Direction::Down,
        ..exact()
    };
    let outcome = run(&mut World::new(100, &[(40, -5.0)], 1), fixed, 1);
    assert_eq!(outcome.suspects, vec![40]);
    let outcome = run(&mut World::new(100, &[(40, -5.0)], 1), exact(), 1);
    assert_eq!(outcome.answer, Answer::NotReproduced);
}

#[test]
fn all_of_several_steps_are_found() {
    let steps = [(300, 5.0), (301, 4.0), (800, -3.0)];
    let outcome = run(&mut World::new(1000, &steps, 1), exact(), 1);
    let found: Vec<usize> = outcome.steps.iter().map(|s| s.first_after).collect();
    assert_eq!(found, vec![300, 301, 800]);
    assert_eq!(outcome.suspects, vec![300]);
}

#[test]
fn broken_ends_are_walked_past() {
    let mut world = World::new(100, &[(50, 5.0)], 1);
    world.broken[..20].fill(true);
    world.broken[95..].fill(true);
    let outcome = run(&mut world, exact(), 1);
    assert_eq!(outcome.suspects, vec![50]);
    assert!(outcome.ends.unwrap().0 >= 20 && outcome.ends.unwrap().1 < 95);
    assert!(outcome.builds < 30, "{}", outcome.builds);
}

#[test]
fn nothing_builds() {
    let mut world = World::new(30, &[(9, 5.0)], 1);
    world.broken.fill(true);
    assert_eq!(run(&mut world, exact(), 3).answer, Answer::Unmeasurable);
}

#[test]
fn equal_keys_collapse() {
    let world = World::new(64, &[(40, 5.0)], 1);
    let mut range = world.range();
    // Only every eighth commit changes the build.
    for (i, c) in range.commits.iter_mut().enumerate() {
        c.group = i as u64 / 8;
    }
    let mut search = Search::new(&range, exact()).unwrap();
    let outcome = solve(&mut search, &mut world.clone(), 1, 99).unwrap();
    assert_eq!((outcome.suspects, outcome.builds <= 5), (vec![40], true));
}

#[test]
fn both_ends_the_same_build() {
    let mut range = World::new(10, &[], 1).range();
    for c in &mut range.commits {
        c.group = 7;
    }
    let Action::Done(outcome) = Search::new(&range, exact()).unwrap().next(1) else {
        panic!()
    };
    assert_eq!(outcome.answer, Answer::NotReproduced);
}

/// A range with a step, holes, hints and stored values.
#[derive(Clone, Debug)]
struct Case {
    world: World,
    at: usize,
    hints: Vec<f64>,
    stored: Vec<bool>,
    jobs: usize,
}

fn case(sigma: f64) -> impl Strategy<Value = Case> {
    (3_usize..120, 1_usize..5, any::<u64>()).prop_flat_map(move |(n, jobs, seed)| {
        let holes = prop::collection::vec(prop::bool::weighted(0.2), n + 1);
        let stored = prop::collection::vec(prop::bool::weighted(0.1), n + 1);
        let hints = prop::collection::vec(0.0..1.0_f64, n + 1);
        (1..=n, holes, stored, hints).prop_map(move |(at, holes, stored, hints)| {
            let mut world = World::new(n, &[(at, 5.0)], seed);
            world.broken = holes;
            world.sigma = sigma;
            Case {
                world,
                at,
                hints,
                stored,
                jobs,
            }
        })
    })
}

impl Case {
    fn search(&self, options: Options) -> Search {
        let mut range = self.world.range();
        for (i, c) in range.commits.iter_mut().enumerate() {
            c.share = self.hints[i];
            if self.stored[i] && !self.world.broken[i] && self.world.sigma == 0.0 {
                c.known = vec![self.world.levels[i]];
            }
        }
        Search::new(&range, options).unwrap()
    }
}

/// Runs to the end, observing each batch in the order that `turn` gives it; keeps the log.
fn drive(case: &Case, options: Options, turn: bool) -> (Outcome, Vec<LogEntry>) {
    let (mut search, mut world, mut log) = (case.search(options), case.world.clone(), Vec::new());
    for _ in 0..10_000 {
        match search.next(case.jobs) {
            Action::Done(outcome) => return (*outcome, log),
            Action::Measure(probes) => {
                assert!(!probes.is_empty() && probes.len() <= case.jobs);
                let seen = probes
                    .iter()
                    .map(|p| (p.commit, world.measure(p.commit, p.runs)));
                let mut seen: Vec<(usize, Observation)> = seen.collect();
                if turn {
                    seen.reverse();
                }
                for (commit, observation) in seen {
                    search.observe(commit, observation.clone());
                    log.push(LogEntry {
                        commit,
                        observation,
                    });
                }
            }
        }
    }
    panic!("does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn holes_hints_and_stored_values_never_mislead(case in case(0.0)) {
        let (outcome, _) = drive(&case, exact(), false);
        match outcome.answer {
            Answer::Found | Answer::Range => {
                prop_assert!(outcome.suspects.contains(&case.at));
                // Nothing but holes separates what is left.
                let step = &outcome.steps[0];
                prop_assert!((step.last_before + 1..step.first_after).all(|i| case.world.broken[i]));
            }
            Answer::NotReproduced | Answer::Unmeasurable => {
                // The step lies outside what builds.
                let inside = outcome.ends.is_some_and(|(a, b)| a < case.at && case.at <= b);
                prop_assert!(!inside);
            }
            Answer::Undecided => prop_assert!(false),
        }
    }

    #[test]
    fn the_answer_does_not_depend_on_order_or_jobs(case in case(0.0)) {
        let (one, _) = drive(&case, exact(), false);
        let (two, _) = drive(&case, exact(), true);
        prop_assert_eq!(&one, &two);
        let (alone, _) = drive(&Case { jobs: 1, ..case }, exact(), false);
        prop_assert_eq!((one.answer, one.suspects), (alone.answer, alone.suspects));
    }

    #[test]
    fn a_log_replays(case in case(0.0)) {
        let (outcome, log) = drive(&case, exact(), false);
        let text = serde_json::to_string(&log).unwrap();
        let log: Vec<LogEntry> = serde_json::from_str(&text).unwrap();
        let fresh = case.search(exact());
        let mut again = fresh.clone();
        for entry in &log {
            again.observe(entry.commit, entry.observation.clone());
        }
        prop_assert_eq!(again.next(case.jobs), Action::Done(Box::new(outcome)));
    }
}
