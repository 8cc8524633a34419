//! Prints the figures of the bisect search on simulated ranges of 1,000 commits.
//!
//! `cargo bench --bench bisect` runs 200 trials a cell; `-- N` runs N, `-- N WORD` only the
//! cells whose name holds WORD, and `-- N WORD SEED` other worlds than those of the figures: what
//! is tuned is tuned on other seeds. With `--test`, as `cargo test --benches` passes it, every
//! cell runs once.
//!
//! `found` is the share of trials whose culprit is named alone, `named` the share of answers,
//! single or set, that hold it; `sure` counts the answers that the search calls 95 % sure, and
//! `right` is their share that holds the culprit; `false` is the share of trials that blame only
//! the innocent, `no` and `und` those that find no change or cannot tell.
#![expect(clippy::print_stdout, reason = "it prints a table")]

use collector::search::simulate::{Rng, Shape, World, solve};
use collector::search::{Answer, Noise, Options, Outcome, Range, Search};

/// Suspects in a range.
const N: usize = 1000;
/// Batches after which a search counts as endless.
const ENDLESS: usize = 20_000;
/// Runs that the store holds on either side, where it knows the levels.
const HISTORY: usize = 1000;
/// The same as reports: builds on either side and runs of each.
const REPORTS: [usize; 2] = [200, 5];

/// The worlds of the figures. Nothing was tuned on them.
const SEED: u64 = 4242;

/// Makes the world of one trial.
type MakeWorld = Box<dyn Fn(&mut Rng, u64) -> World>;

/// One cell of the table.
struct Cell {
    name: String,
    world: MakeWorld,
    options: Options,
    jobs: usize,
    /// What the store knows.
    store: Store,
    /// The figure to meet.
    goal: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Store {
    Nothing,
    /// Every 20th commit's exact value.
    Every20th,
    /// A long history on both levels, and the noise that it shows.
    Levels,
    /// Reports of commits on both levels, each of a build of its own, as a store has them.
    Builds,
}

/// What a search must say of an answer for it to count as called sure.
const SURE: f64 = 0.95;

/// Sums over the trials of a cell.
#[derive(Default)]
struct Tally {
    trials: usize,
    endless: usize,
    found: usize,
    right: usize,
    set: usize,
    set_right: usize,
    sure: usize,
    sure_right: usize,
    refused: usize,
    undecided: usize,
    builds: Vec<usize>,
    runs: Vec<usize>,
    steps: usize,
    recalled: usize,
}

impl Tally {
    fn add(&mut self, world: &World, outcome: &Outcome) {
        let steps = true_steps(world);
        let hit = outcome.suspects.iter().any(|s| steps.contains(s));
        match outcome.answer {
            Answer::Found => {
                self.found += 1;
                self.right += usize::from(hit);
            }
            Answer::Range => {
                self.set += 1;
                self.set_right += usize::from(hit);
            }
            Answer::NotReproduced => self.refused += 1,
            Answer::Undecided | Answer::Unmeasurable => self.undecided += 1,
        }
        let named = matches!(outcome.answer, Answer::Found | Answer::Range);
        if named && outcome.confidence >= SURE {
            self.sure += 1;
            self.sure_right += usize::from(hit);
        }
        self.builds.push(outcome.builds);
        self.runs.push(outcome.runs);
        self.steps += steps.len();
        let named = |s: &&usize| outcome.steps.iter().any(|o| o.suspects == [**s]);
        self.recalled += steps.iter().filter(named).count();
    }

    fn row(&mut self, name: &str, goal: &str) {
        let mean = |v: &[usize]| v.iter().sum::<usize>() as f64 / v.len().max(1) as f64;
        let part = |a: usize, b: usize| {
            if b == 0 {
                f64::NAN
            } else {
                a as f64 / b as f64
            }
        };
        println!(
            "{name:<42} {:>5} {:>6.3} {:>6.3} {:>5} {:>6.3} {:>4} {:>6.3} {:>4} {:>4} {:>6.3} {:>7.1} {:>4} {:>8.1}  {goal}",
            self.trials,
            part(self.right, self.trials),
            part(self.right + self.set_right, self.found + self.set),
            self.sure,
            part(self.sure_right, self.sure),
            self.set,
            part(
                self.found - self.right + self.set - self.set_right,
                self.trials
            ),
            self.refused,
            self.undecided + self.endless,
            part(self.recalled, self.steps),
            mean(&self.builds),
            self.builds.iter().max().copied().unwrap_or(0),
            mean(&self.runs),
        );
    }
}

/// The commits whose level differs from their parent's by at least 1 %.
fn true_steps(world: &World) -> Vec<usize> {
    let big = |i: &usize| (world.levels[*i] / world.levels[*i - 1] - 1.0).abs() > 1e-4;
    (1..world.levels.len()).filter(big).collect()
}

fn range(world: &World, store: Store, rng: &mut Rng) -> (Range, Option<Noise>) {
    let mut range = world.range();
    let last = world.levels.len() - 1;
    match store {
        Store::Nothing => (range, None),
        Store::Every20th => {
            for i in (0..=last).step_by(20) {
                range.commits[i].known = vec![world.levels[i]];
            }
            (range, None)
        }
        Store::Builds => {
            let [builds, runs] = REPORTS;
            let mut report = || -> Vec<f64> {
                let offset = world.between_builds * rng.normal();
                (0..runs)
                    .map(|_| offset + world.sigma * world.shape.draw(rng))
                    .collect()
            };
            let reports: Vec<Vec<f64>> = (0..2 * builds).map(|_| report()).collect();
            let at = |level: f64, side: &[Vec<f64>]| -> Vec<f64> {
                side.iter().flatten().map(|v| level + v).collect()
            };
            range.before = at(world.levels[0], &reports[..builds]);
            range.after = at(world.levels[last], &reports[builds..]);
            let noise = Noise::Known {
                residuals: Vec::new(),
                between: None,
                builds: reports,
            };
            (range, Some(noise))
        }
        Store::Levels => {
            let mut draw = |level: f64| -> Vec<f64> {
                (0..HISTORY)
                    .map(|_| level + world.sigma * world.shape.draw(rng))
                    .collect()
            };
            range.before = draw(world.levels[0]);
            range.after = draw(world.levels[last]);
            let residuals = draw(0.0);
            (
                range,
                Some(Noise::Known {
                    residuals,
                    between: Some(0.0),
                    builds: Vec::new(),
                }),
            )
        }
    }
}

fn run(cell: &Cell, trials: u64, seed: u64) {
    let mut tally = Tally::default();
    for t in 0..trials {
        // Far apart for neighbouring seeds and trials; the generator spreads them further.
        let trial = seed.wrapping_mul(1_000_003).wrapping_add(t);
        let mut rng = Rng::new(trial.wrapping_mul(7919) + 13);
        let mut world = (cell.world)(&mut rng, trial.wrapping_mul(6007) + 1000);
        let (range, noise) = range(&world, cell.store, &mut rng);
        let mut options = cell.options.clone();
        options.noise = noise.unwrap_or(options.noise);
        tally.trials += 1;
        let search = Search::new(&range, options);
        let outcome = search
            .ok()
            .and_then(|mut s| solve(&mut s, &mut world, cell.jobs, ENDLESS));
        match outcome {
            Some(outcome) => tally.add(&world, &outcome),
            None => tally.endless += 1,
        }
    }
    tally.row(&cell.name, cell.goal);
}

fn exact() -> Options {
    Options {
        noise: Noise::Exact,
        ..Options::default()
    }
}

/// A step of `d` sigma in noise of that shape; sigma is 1 % of the level.
fn noisy(d: f64, shape: Shape) -> impl Fn(&mut Rng, u64) -> World {
    move |rng, seed| {
        let steps = [(1 + rng.below(N), d)];
        let mut world = World::new(N, if d == 0.0 { &[] } else { &steps }, seed);
        world.sigma = 1.0;
        world.shape = shape;
        world
    }
}

/// Steps of 1 to 10 % at random commits; the regression as a whole is at least 1 %.
fn several(count: usize, signs: bool) -> impl Fn(&mut Rng, u64) -> World {
    move |rng, seed| loop {
        let mut steps: Vec<(usize, f64)> = Vec::new();
        while steps.len() < count {
            let at = 1 + rng.below(N);
            let size = 1.1 * 9.0_f64.powf(rng.uniform());
            let sign = if signs && rng.uniform() < 0.5 {
                -1.0
            } else {
                1.0
            };
            if steps.iter().all(|s| s.0 != at) {
                steps.push((at, sign * size));
            }
        }
        if steps.iter().map(|s| s.1).sum::<f64>() >= 1.0 {
            return World::new(N, &steps, seed);
        }
    }
}

fn exact_cells() -> Vec<Cell> {
    let one = |rng: &mut Rng, seed| World::new(N, &[(1 + rng.below(N), 1.0)], seed);
    let cell = |name: &str, world: MakeWorld, store, jobs, goal| Cell {
        name: format!("exact {name}"),
        world,
        options: exact(),
        jobs,
        store,
        goal,
    };
    vec![
        cell(
            "one step, cold",
            Box::new(one),
            Store::Nothing,
            1,
            "max 12 builds",
        ),
        cell(
            "one step, cold, 4 jobs",
            Box::new(one),
            Store::Nothing,
            4,
            "",
        ),
        cell(
            "one step, every 20th stored",
            Box::new(one),
            Store::Every20th,
            1,
            "max 5 builds",
        ),
        cell(
            "two steps up",
            Box::new(several(2, false)),
            Store::Nothing,
            1,
            "recall .95, max 32",
        ),
        cell(
            "three steps up",
            Box::new(several(3, false)),
            Store::Nothing,
            1,
            "recall .95, max 32",
        ),
        cell(
            "two steps, any sign",
            Box::new(several(2, true)),
            Store::Nothing,
            1,
            "recall .95, max 32",
        ),
        cell(
            "three steps, any sign",
            Box::new(several(3, true)),
            Store::Nothing,
            1,
            "recall .95, max 32",
        ),
    ]
}

fn noisy_cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (store, word) in [(Store::Nothing, "cold"), (Store::Levels, "warm")] {
        let goals = match store {
            Store::Levels => ["", "23 runs", "70 runs", "260 runs"],
            _ => [
                "",
                "70 runs, 13 builds",
                "210 runs, 13 builds",
                "700 runs, 13 builds",
            ],
        };
        for (d, goal) in [4.0, 2.0, 1.0, 0.5].into_iter().zip(goals) {
            for shape in [Shape::Gauss, Shape::Heavy, Shape::Bimodal, Shape::Uneven] {
                // Where the store knows the levels, builds are taken to be cached: runs are the
                // cost, and another build is as good as the same again. The search raises the price
                // with every build beyond twelve: this one is a third of a run at 34 builds.
                let build_cost = if store == Store::Levels { 0.0002 } else { 15.0 };
                cells.push(Cell {
                    name: format!("noisy {word} d={d} {shape:?}"),
                    world: Box::new(noisy(d, shape)),
                    options: Options {
                        build_cost,
                        min_effect: 0.001,
                        ..Options::default()
                    },
                    jobs: 1,
                    store,
                    goal: if shape == Shape::Uneven { "" } else { goal },
                });
            }
        }
    }
    cells
}

fn calibration_cells() -> Vec<Cell> {
    let cell = |name: &str, world: MakeWorld, jobs, goal| Cell {
        name: format!("sure {name}"),
        world,
        options: Options {
            min_effect: 0.002,
            ..Options::default()
        },
        jobs,
        store: Store::Nothing,
        goal,
    };
    let between_builds = |d: f64, tau: f64, shape: Shape| -> MakeWorld {
        let plain = noisy(d, shape);
        Box::new(move |rng: &mut Rng, seed| {
            let mut world = plain(rng, seed);
            world.between_builds = tau;
            world
        })
    };
    let holes = |d: f64| {
        let plain = noisy(d, Shape::Gauss);
        move |rng: &mut Rng, seed| {
            let mut world = plain(rng, seed);
            world
                .broken
                .iter_mut()
                .for_each(|b| *b = rng.uniform() < 0.2);
            world
        }
    };
    let right = "right .93";
    let mut cells = vec![
        cell("20 % skips, d=2", Box::new(holes(2.0)), 1, right),
        cell("20 % skips, d=1", Box::new(holes(1.0)), 1, right),
        cell("4 jobs, d=2", Box::new(noisy(2.0, Shape::Gauss)), 4, right),
        cell("two steps of 2 sigma", Box::new(two_noisy), 1, right),
    ];
    for (d, tau) in [(1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 0.5)] {
        let name = format!("reports stored, jitter {tau} sigma, d={d}");
        let goal = if d == 0.0 { "false .01" } else { right };
        let mut stored = cell(&name, between_builds(d, tau, Shape::Gauss), 1, goal);
        stored.store = Store::Builds;
        cells.push(stored);
    }
    for (d, tau, shape) in [
        (2.0, 0.25, Shape::Gauss),
        (2.0, 0.5, Shape::Gauss),
        (2.0, 1.0, Shape::Gauss),
        (2.0, 2.0, Shape::Gauss),
        (1.0, 0.25, Shape::Gauss),
        (1.0, 1.0, Shape::Gauss),
        (2.0, 0.5, Shape::Heavy),
        (2.0, 0.5, Shape::Bimodal),
    ] {
        let name = format!("jitter {tau} sigma, d={d} {shape:?}");
        cells.push(cell(&name, between_builds(d, tau, shape), 1, right));
    }
    for shape in [Shape::Gauss, Shape::Heavy, Shape::Bimodal] {
        let name = format!("no change {shape:?}");
        cells.push(cell(&name, Box::new(noisy(0.0, shape)), 1, "false .01"));
    }
    for (tau, shape) in [
        (0.25, Shape::Gauss),
        (0.5, Shape::Gauss),
        (1.0, Shape::Gauss),
        (0.5, Shape::Heavy),
        (0.5, Shape::Bimodal),
    ] {
        let name = format!("no change, jitter {tau} sigma {shape:?}");
        cells.push(cell(&name, between_builds(0.0, tau, shape), 1, "false .01"));
    }
    cells
}

fn two_noisy(rng: &mut Rng, seed: u64) -> World {
    let (a, b) = (1 + rng.below(N / 2), N / 2 + 1 + rng.below(N / 2));
    let mut world = World::new(N, &[(a, 2.0), (b, 2.0)], seed);
    world.sigma = 1.0;
    world
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let smoke = args.iter().any(|a| a == "--test");
    let numbers: Vec<u64> = args.iter().filter_map(|a| a.parse().ok()).collect();
    let trials = match numbers.first() {
        _ if smoke => 1,
        Some(&n) => n,
        None => 200,
    };
    let seed = numbers.get(1).copied().unwrap_or(SEED);
    let word = args
        .iter()
        .rfind(|a| *a != "--test" && a.parse::<u64>().is_err());
    println!("seed {seed}");
    println!(
        "{:<42} {:>5} {:>6} {:>6} {:>5} {:>6} {:>4} {:>6} {:>4} {:>4} {:>6} {:>7} {:>4} {:>8}  goal",
        "cell",
        "n",
        "found",
        "named",
        "sure",
        "right",
        "sets",
        "false",
        "no",
        "und",
        "recall",
        "builds",
        "max",
        "runs"
    );
    for cell in exact_cells()
        .into_iter()
        .chain(noisy_cells())
        .chain(calibration_cells())
    {
        if word.is_none_or(|w| cell.name.contains(w.as_str())) {
            run(&cell, trials, seed);
        }
    }
}
