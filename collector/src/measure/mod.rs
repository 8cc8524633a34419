//! Counting: what one iteration of a benchmark costs, and how far that number can be trusted.
//!
//! One file a counter. [`measure`] is the only way in: it runs a [`Job`] under the
//! session's counter, finds out on first sight what makes the benchmark vary
//! ([`NoiseClass`]), and gives [`Measurement`]s.

pub mod callgrind;
pub mod child;
pub mod env;
pub mod fence;
pub mod host;
#[cfg(target_os = "linux")]
pub mod perf;
mod sampled;
pub mod symbols;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perf_event::events::{Event, Hardware};

use crate::config::{ClockMode, Strings};
use crate::error::{Error, Result, tail};
use crate::model::{Counter, Failure, Measurement, Metric, NoiseClass};
use crate::stats;
use env::{Pins, SEED, Scratch};
use symbols::Fence;

/// Runs that a benchmark needs that does not repeat exactly, or that is sampled.
pub const RUNS: usize = 5;
/// Processes of criterion's own sampling; each already takes a second or more.
const WALL_RUNS: usize = 3;
/// A second seed and a second layout, for calibration: any other would do.
const OTHER_SEED: u64 = 2;
const OTHER_PADDING: usize = 64;

/// How everything in one go is measured.
#[derive(Debug)]
pub struct Session {
    /// Where runs happen.
    pub scratch: Scratch,
    /// The counter of instructions, or `clock` where there is none.
    pub counter: Counter,
    /// How libc's string functions are chosen.
    pub strings: Strings,
    /// Metrics asked for by name, beside those that cost nothing.
    pub metrics: Vec<Metric>,
}

/// A benchmark, ready to run.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The executable, or the program of a command.
    pub program: PathBuf,
    /// What kind of program it is.
    pub kind: Kind,
    /// The working directory.
    pub dir: PathBuf,
    /// The file that becomes standard input.
    pub stdin: Option<PathBuf>,
    /// Declared variables.
    pub env: BTreeMap<String, String>,
    /// The longest that one run may take.
    pub timeout: Duration,
    /// The reading at which the faked clock jumps, once it is known to differ from the usual.
    pub jump: AtomicU64,
}

/// What kind of program a job is.
#[derive(Debug)]
pub enum Kind {
    /// A benchmark inside a criterion executable.
    Criterion {
        /// The methods that bound its calls; empty: the whole process is counted.
        fences: Arc<Vec<Fence>>,
        /// Whether it knows `--exact`.
        exact: bool,
    },
    /// A command.
    Command {
        /// Its arguments.
        args: Vec<String>,
        /// The clock that it sees.
        clock: ClockMode,
    },
}

impl Job {
    fn fences(&self) -> &[Fence] {
        match &self.kind {
            Kind::Criterion { fences, .. } => fences,
            Kind::Command { .. } => &[],
        }
    }

    fn jump(&self) -> u64 {
        match self.jump.load(Ordering::Relaxed) {
            0 => callgrind::USUAL_JUMP,
            known => known,
        }
    }

    fn remember_jump(&self, jump: u64) {
        self.jump.store(jump, Ordering::Relaxed);
    }

    /// The jump for a run that is counted whole: a faked clock that never jumps, or none.
    fn whole_process_clock(&self) -> Option<u64> {
        match self.kind {
            Kind::Command {
                clock: ClockMode::Fixed,
                ..
            } => Some(u64::MAX),
            _ => None,
        }
    }

    /// Gives a command this job's directory and standard input, and an environment that holds
    /// what is declared and pinned and nothing of ours.
    fn surround(
        &self,
        command: &mut std::process::Command,
        session: &Session,
        slot: &Path,
        pins: &Pins,
    ) -> std::result::Result<(), RunError> {
        let environment =
            env::environment(&session.scratch, slot, pins, session.strings, &self.env);
        command
            .current_dir(&self.dir)
            .env_clear()
            .envs(environment)
            .stdin(self.open_stdin()?);
        Ok(())
    }

    fn open_stdin(&self) -> std::result::Result<Stdio, RunError> {
        let Some(path) = &self.stdin else {
            return Ok(Stdio::null());
        };
        let file = File::open(path)
            .map_err(|e| RunError::new("run", format!("stdin: {}: {e}", path.display())))?;
        Ok(file.into())
    }

    /// Selects exactly this benchmark in a criterion executable.
    fn selection(&self, exact: bool) -> [String; 2] {
        if exact {
            ["--exact".into(), self.name.clone()]
        } else {
            // Before 0.5 the filter is a regular expression and nothing else.
            [format!("^{}$", escape(&self.name)), "--noplot".into()]
        }
    }

    fn criterion(&self, mode: &[&str]) -> Vec<String> {
        let Kind::Criterion { exact, .. } = &self.kind else {
            return Vec::new();
        };
        let mut all = vec!["--bench".to_string()];
        all.extend(mode.iter().map(|s| (*s).to_string()));
        all.extend(self.selection(*exact));
        all
    }

    /// Arguments of a counting run.
    fn arguments(&self, profile_seconds: &str) -> Vec<String> {
        match &self.kind {
            Kind::Command { args, .. } => args.clone(),
            Kind::Criterion { fences, .. } if fences.is_empty() => self.test_arguments(),
            Kind::Criterion { .. } => self.criterion(&["--profile-time", profile_seconds]),
        }
    }

    /// Arguments of a run with a single iteration.
    fn test_arguments(&self) -> Vec<String> {
        self.criterion(&["--test"])
    }

    /// Arguments of a run in which criterion samples.
    fn sampling_arguments(&self) -> Vec<String> {
        let quick = [
            "--warm-up-time",
            "0.3",
            "--measurement-time",
            "1",
            "--sample-size",
            "30",
        ];
        let mut all = self.criterion(&quick);
        if !all.iter().any(|a| a == "--noplot") {
            all.push("--noplot".into());
        }
        all
    }
}

/// Escapes what a regular expression would take for more than text.
fn escape(name: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$#&-~".contains(c);
    name.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// Why a run gave no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// `run`, `timeout`.
    pub stage: &'static str,
    /// For people.
    pub message: String,
}

impl RunError {
    fn new(stage: &'static str, message: impl Into<String>) -> Self {
        Self {
            stage,
            message: message.into(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
    fn environment(e: Error) -> Self {
        Self::new("run", e.to_string())
    }

    fn timeout(limit: Duration) -> Self {
        Self::new(
            "timeout",
            format!(
                "still running after {:.0} s: raise `suite.timeout` in uptick.toml, or leave it out \
                 with `suite.exclude`",
                limit.as_secs_f64()
            ),
        )
    }

    fn never_ran() -> Self {
        Self::new(
            "run",
            "the benchmark was started but never iterated (does its name still exist?)",
        )
    }

    fn exit(status: ExitStatus, said: &str) -> Self {
        let said = tail(said.trim(), 2000);
        let colon = if said.is_empty() { "" } else { ":\n" };
        Self::new("run", format!("ended with {status}{colon}{said}"))
    }

    /// As a report records it.
    #[must_use]
    pub fn failure(self, benchmark: &str) -> Failure {
        Failure {
            benchmark: Some(benchmark.to_string()),
            stage: self.stage.to_string(),
            message: self.message,
        }
    }
}

/// Chooses the counter: the one asked for, or the best that this machine can serve.
///
/// # Errors
/// [`Error::Failed`] when the one asked for cannot be had, with the reason.
pub fn choose_counter(asked: &str) -> Result<Counter> {
    let valgrind = || callgrind::version().is_some();
    match asked {
        "perf_event" => match perf::unavailable() {
            None => Ok(Counter::PerfEvent),
            Some(why) => Err(Error::Failed(format!("counter `perf_event`: {why}"))),
        },
        "callgrind" if valgrind() => Ok(Counter::Callgrind),
        "callgrind" => Err(Error::Failed(format!(
            "counter `callgrind`: valgrind is not installed ({})",
            host::install_valgrind()
        ))),
        "clock" => Ok(Counter::Clock),
        _ if perf::unavailable().is_none() => Ok(Counter::PerfEvent),
        _ if valgrind() => Ok(Counter::Callgrind),
        _ => Ok(Counter::Clock),
    }
}

/// What was measured of one benchmark.
#[derive(Debug, Default)]
pub struct Measured {
    /// The numbers.
    pub measurements: Vec<Measurement>,
    /// What gave none.
    pub failures: Vec<Failure>,
    /// Self cost by function of the warm iteration, dearest first, where the counter gives it.
    pub functions: Option<FunctionTable>,
}

/// Self cost by normalised function name, dearest first.
pub type FunctionTable = Vec<(String, u64)>;

/// Measures one benchmark. `known` is the noise class that the store has for it on this
/// testbed; without it the benchmark is calibrated.
#[must_use]
pub fn measure(session: &Session, job: &Job, known: Option<NoiseClass>) -> Measured {
    let mut out = Measured::default();
    let counted = match session.counter {
        Counter::Callgrind => callgrind_measurements(session, job, known, &mut out.functions),
        Counter::PerfEvent => perf_measurements(session, job),
        _ => wall_measurements(session, job),
    };
    match counted {
        Ok(m) => out.measurements.extend(m),
        Err(e) => {
            // What cannot be counted would not run otherwise either: say it once.
            out.failures.push(e.failure(&job.name));
            return out;
        }
    }
    let mut more = |result: std::result::Result<Vec<Measurement>, RunError>| match result {
        Ok(m) => out.measurements.extend(m),
        Err(e) => out.failures.push(e.failure(&job.name)),
    };
    let is_command = matches!(job.kind, Kind::Command { .. });
    let wants_usage = [Metric::CpuTime, Metric::PeakRss, Metric::PageFaults]
        .iter()
        .any(|m| session.metrics.contains(m));
    if is_command || wants_usage {
        more(usage_measurements(session, job));
    }
    if session.metrics.contains(&Metric::WallTime) && session.counter != Counter::Clock {
        more(wall_measurements(session, job));
    }
    out
}

fn callgrind_measurements(
    session: &Session,
    job: &Job,
    known: Option<NoiseClass>,
    functions: &mut Option<FunctionTable>,
) -> std::result::Result<Vec<Measurement>, RunError> {
    let runs = calibrate(known, &mut |seed, padding| {
        let pins = Pins {
            seed,
            padding,
            ..Pins::plain()
        };
        let run = callgrind::run(session, job, pins, callgrind::Purpose::Count)?;
        functions.get_or_insert(run.functions);
        Ok(run.cost)
    })?;
    let note = runs.costs[0].note.map(String::from);
    let fenced = !job.fences().is_empty();
    let sampled = |metric, values: Vec<f64>| Measurement {
        note: note.clone(),
        class: runs.class,
        ..measurement(job, metric, Counter::Callgrind, values)
    };
    let warm: Vec<f64> = runs.costs.iter().map(|c| c.warm).collect();
    let mut out = vec![sampled(Metric::Instructions, warm)];
    if fenced {
        let cold = runs.costs.iter().map(|c| c.cold).collect();
        out.push(sampled(Metric::InstructionsCold, cold));
    }
    Ok(out)
}

/// Runs of one benchmark, with what calibration says of it.
#[derive(Debug)]
struct Calibrated {
    class: NoiseClass,
    costs: Vec<fence::PerIteration>,
}

/// Counts once if that is known to be enough; else finds out what the count depends on.
///
/// A benchmark is seen first with another random seed *and* another stack layout at once:
/// if the count stays, neither matters, and two runs have settled it. Else the causes are
/// told apart one by one, and the count is taken over [`RUNS`] values of the cause.
fn calibrate(
    known: Option<NoiseClass>,
    run: &mut dyn FnMut(u64, usize) -> std::result::Result<fence::PerIteration, RunError>,
) -> std::result::Result<Calibrated, RunError> {
    let first = run(SEED, 0)?;
    let class = match known {
        Some(class) => class,
        None if run(OTHER_SEED, OTHER_PADDING)?.warm == first.warm => NoiseClass::Exact,
        None if run(SEED, 0)?.warm != first.warm => NoiseClass::Threaded,
        None if run(OTHER_SEED, 0)?.warm != first.warm => NoiseClass::Seeded,
        None => NoiseClass::Layout,
    };
    let mut costs = vec![first];
    for i in 1..RUNS {
        match class {
            NoiseClass::Exact | NoiseClass::Sampled => break,
            NoiseClass::Threaded => costs.push(run(SEED, 0)?),
            NoiseClass::Seeded => costs.push(run(SEED + i as u64, 0)?),
            // Steps of the stack's own alignment, doubling: 16, 32, 64, 128 bytes.
            NoiseClass::Layout => costs.push(run(SEED, 8 << i)?),
        }
    }
    Ok(Calibrated { class, costs })
}

fn perf_measurements(
    session: &Session,
    job: &Job,
) -> std::result::Result<Vec<Measurement>, RunError> {
    let event = Event::from(Hardware::INSTRUCTIONS);
    let samples = perf::run(session, job, Pins::plain(), &event)?;
    let sampled = |metric, values| Measurement {
        class: NoiseClass::Threaded,
        ..measurement(job, metric, Counter::PerfEvent, values)
    };
    let mut out = vec![sampled(Metric::Instructions, samples.warm)];
    out.extend(
        samples
            .cold
            .map(|c| sampled(Metric::InstructionsCold, vec![c])),
    );
    Ok(out)
}

fn wall_measurements(
    session: &Session,
    job: &Job,
) -> std::result::Result<Vec<Measurement>, RunError> {
    let n = if matches!(job.kind, Kind::Command { .. }) {
        RUNS
    } else {
        WALL_RUNS
    };
    let values = (0..n)
        .map(|_| sampled::wall_time(session, job))
        .collect::<std::result::Result<_, _>>()?;
    Ok(vec![measurement(
        job,
        Metric::WallTime,
        Counter::Clock,
        values,
    )])
}

fn usage_measurements(
    session: &Session,
    job: &Job,
) -> std::result::Result<Vec<Measurement>, RunError> {
    let mut by_metric: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
    for _ in 0..RUNS {
        for (metric, value) in sampled::usage(session, job)? {
            by_metric.entry(metric).or_default().push(value);
        }
    }
    Ok(by_metric
        .into_iter()
        .map(|(m, v)| measurement(job, m, Counter::Rusage, v))
        .collect())
}

/// A measurement of the median of `samples`, sampled by default.
fn measurement(job: &Job, metric: Metric, counter: Counter, samples: Vec<f64>) -> Measurement {
    let value = stats::median(&samples).unwrap_or(f64::NAN);
    let low = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let high = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = if value > 0.0 {
        (high - low) / value
    } else {
        0.0
    };
    Measurement {
        low,
        high,
        samples,
        class: NoiseClass::Sampled,
        spread,
        ..Measurement::once(&job.name, metric, counter, value)
    }
}

/// One fresh sample of a metric, for a confirmation; `index` counts the samples of one side, so
/// that a seeded benchmark sees the same seeds on both sides.
///
/// # Errors
/// [`RunError`] as for any run.
pub fn sample(
    session: &Session,
    job: &Job,
    metric: Metric,
    class: NoiseClass,
    index: usize,
) -> std::result::Result<f64, RunError> {
    match metric {
        Metric::Instructions | Metric::InstructionsCold => {
            let seed = if class == NoiseClass::Seeded {
                SEED + index as u64
            } else {
                SEED
            };
            let padding = if class == NoiseClass::Layout && index > 0 {
                // The layouts of [`calibrate`] again and again: further doublings would soon
                // exceed what the kernel gives an environment.
                8 << (index % RUNS)
            } else {
                0
            };
            let pins = Pins {
                seed,
                padding,
                ..Pins::plain()
            };
            if session.counter == Counter::PerfEvent {
                let event = Event::from(Hardware::INSTRUCTIONS);
                let s = perf::run(session, job, pins, &event)?;
                return Ok(stats::median(&s.warm).unwrap_or(f64::NAN));
            }
            let cost = callgrind::run(session, job, pins, callgrind::Purpose::Count)?.cost;
            Ok(if metric == Metric::Instructions {
                cost.warm
            } else {
                cost.cold
            })
        }
        Metric::WallTime => sampled::wall_time(session, job),
        Metric::CpuTime | Metric::PeakRss | Metric::PageFaults => {
            let all = sampled::usage(session, job)?;
            Ok(all
                .iter()
                .find(|(m, _)| *m == metric)
                .map_or(f64::NAN, |(_, v)| *v))
        }
        Metric::BinarySize => Err(RunError::new("run", "a file's size needs no second sample")),
    }
}

/// A benchmark's profile as the counter wrote it: whole files, and in the first one the parts
/// that make up one warm iteration.
#[derive(Debug)]
pub struct RawProfile {
    /// callgrind's output files.
    pub files: Vec<Vec<u8>>,
    /// Indices of the parts to sum; empty: all of them.
    pub parts: Vec<usize>,
}

/// Takes a profile of the very iteration that is judged. Needs callgrind, whatever counts.
///
/// # Errors
/// [`RunError`] as for any run.
pub fn profile(session: &Session, job: &Job) -> std::result::Result<RawProfile, RunError> {
    let run = callgrind::run(session, job, Pins::plain(), callgrind::Purpose::Profile)?;
    Ok(RawProfile {
        files: run.files,
        parts: run.cost.profile_marks,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cost(warm: f64) -> fence::PerIteration {
        fence::PerIteration {
            warm,
            cold: warm,
            profile_marks: Vec::new(),
            note: None,
        }
    }

    /// Calibrates a made-up benchmark; gives the class and how many runs it took.
    fn class_of(mut f: impl FnMut(u64, usize, usize) -> f64) -> (NoiseClass, usize, usize) {
        let mut runs = 0;
        let c = calibrate(None, &mut |seed, padding| {
            runs += 1;
            Ok(cost(f(seed, padding, runs)))
        })
        .unwrap();
        (c.class, c.costs.len(), runs)
    }

    #[test]
    fn calibration_tells_the_causes_apart() {
        assert_eq!(class_of(|_, _, _| 5.0), (NoiseClass::Exact, 1, 2));
        assert_eq!(class_of(|seed, _, _| seed as f64).0, NoiseClass::Seeded);
        assert_eq!(
            class_of(|_, padding, _| padding as f64).0,
            NoiseClass::Layout
        );
        assert_eq!(class_of(|_, _, run| run as f64).0, NoiseClass::Threaded);
    }

    #[test]
    fn a_known_class_costs_no_calibration() {
        let mut runs = 0;
        let c = calibrate(Some(NoiseClass::Exact), &mut |_, _| {
            runs += 1;
            Ok(cost(1.0))
        });
        assert_eq!((c.unwrap().costs.len(), runs), (1, 1));
    }

    #[test]
    fn names_of_any_characters_select_themselves_only() {
        assert_eq!(escape("a+b (c)/d.e"), "a\\+b \\(c\\)/d\\.e");
    }
}
