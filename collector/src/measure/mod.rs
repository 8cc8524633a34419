//! Counting: what one iteration of a benchmark costs, and how far that number can be trusted.
//!
//! One file a counter. [`measure`] is the only way in: it runs a [`Job`] under the
//! session's counter, finds out on first sight what makes the benchmark vary
//! ([`NoiseClass`]), and gives [`Measurement`]s.

pub use callgrind::FunctionTable;
pub use job::RUNS;
mod error;
pub use error::RunError;
mod calibrate;
pub mod callgrind;
pub mod child;
pub mod env;
mod family;
pub mod host;
mod job;
#[cfg_attr(not(target_os = "linux"), path = "no_perf.rs")]
pub mod perf;
pub mod region;
mod sampled;
pub mod sandbox;
pub mod stage;
pub mod symbols;
mod tag;

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::model::{Counter, Failure, Measurement, Metric, NoiseClass};
use crate::stats;
pub use calibrate::Known;
use calibrate::calibrate;
pub use child::{end_groups, outlive_size_limit, outlives_terminal};
use env::{Pins, SEED};
pub use job::{Filter, Job, Kind, Seen, Session};
pub(crate) use job::{escape, no_directory};
/// What is said where this system's programs are not measured.
const NOT_HERE: &str = "uptick measures nothing on Windows: run it in WSL; what was measured \
                        elsewhere is read, compared and served here";
/// Processes of criterion's own sampling; each already takes a second or more.
const WALL_RUNS: usize = 3;

/// Chooses the counter: the one asked for, or the best that this machine can serve.
///
/// # Errors
/// [`Error::Failed`] when the one asked for cannot be had, with the reason.
pub fn choose_counter(asked: &str) -> Result<Counter> {
    let valgrind = || callgrind::version().is_some();
    if cfg!(windows) {
        return Err(Error::Failed(NOT_HERE.into()));
    }
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
    /// Self cost by function of the warm iteration, costliest first, where the counter gives it.
    pub functions: Option<FunctionTable>,
}

/// Measures one benchmark. `known` is what the store has of it on this testbed; without it the
/// benchmark is calibrated.
#[must_use]
pub fn measure(session: &Session, job: &Job, known: Option<&Known>) -> Measured {
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
    // Of what runs in a sandbox the system counts the sandbox alone.
    if (is_command || wants_usage) && !sandbox::is_on() {
        more(usage_measurements(session, job));
    }
    let is_timed = session.counter != Counter::Clock && !(is_command && sandbox::is_on());
    if session.metrics.contains(&Metric::WallTime) && is_timed {
        more(wall_measurements(session, job));
    }
    if let Some(said) = job.complaint() {
        out.measurements.iter_mut().for_each(|m| m.doubt(&said));
    }
    out
}

fn callgrind_measurements(
    session: &Session,
    job: &Job,
    known: Option<&Known>,
    functions: &mut Option<FunctionTable>,
) -> std::result::Result<Vec<Measurement>, RunError> {
    let mut tables: Vec<(f64, FunctionTable)> = Vec::new();
    let runs = calibrate(known, &mut |seed, padding| {
        let pins = Pins {
            seed,
            padding,
            ..Pins::plain()
        };
        let run = callgrind::run(session, job, pins, callgrind::Purpose::Count)?;
        tables.push((run.cost.warm, run.functions));
        Ok(run.cost)
    })?;
    let counted = runs.costs[0].warm;
    let of_the_count = tables.into_iter().find(|(warm, _)| *warm == counted);
    *functions = of_the_count.map(|(_, table)| table);
    let note = runs.costs[0].note.map(String::from);
    let extent = runs.costs[0].extent;
    let by_regions = matches!(job.kind, Kind::Criterion { .. }) && extent.is_none();
    let (class, few) = plausible(counted, runs.class, by_regions)?;
    let note = note.or(few);
    let sampled = |metric, values: Vec<f64>| Measurement {
        note: note.clone(),
        extent,
        class,
        ..measurement(job, metric, Counter::Callgrind, values)
    };
    let warm: Vec<f64> = runs.costs.iter().map(|c| c.warm).collect();
    let mut out = vec![sampled(Metric::Instructions, warm)];
    if by_regions {
        let cold = runs.costs.iter().map(|c| c.cold).collect();
        out.push(sampled(Metric::InstructionsCold, cold));
    }
    Ok(out)
}

/// An iteration of fewer instructions than this does nothing but turn the harness's loop.
const LEAST: f64 = 5.0;

/// The class of a count that cannot be what the benchmark does, and what a reader must know of
/// it: too few are never exact, and none at all are no count.
fn plausible(
    warm: f64,
    class: NoiseClass,
    by_regions: bool,
) -> std::result::Result<(NoiseClass, Option<String>), RunError> {
    if warm > 0.0 && (warm >= LEAST || !by_regions) {
        return Ok((class, None));
    }
    if warm > 0.0 {
        let note = format!(
            "{warm} instructions an iteration: the compiler has removed the work, or does it once \
             for all (`black_box` its input and its result)"
        );
        return Ok((NoiseClass::Sampled, Some(note)));
    }
    Err(RunError::new(
        "nothing was counted where criterion times the routine: the compiler has removed the work \
         (`black_box` its input and its result), or the harness times in a way that uptick does \
         not know; count its wall time (`counter = \"clock\"`), or leave it out (`exclude`)",
    ))
}

fn perf_measurements(
    session: &Session,
    job: &Job,
) -> std::result::Result<Vec<Measurement>, RunError> {
    let samples = perf::instructions(session, job, Pins::plain())?;
    let middle = stats::median(&samples.warm).unwrap_or(0.0);
    plausible(middle, NoiseClass::Threaded, false)?;
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
    metric: &Metric,
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
                let s = perf::instructions(session, job, pins)?;
                return Ok(stats::median(&s.warm).unwrap_or(f64::NAN));
            }
            let cost = callgrind::run(session, job, pins, callgrind::Purpose::Count)?.cost;
            Ok(if *metric == Metric::Instructions {
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
                .find(|(m, _)| m == metric)
                .map_or(f64::NAN, |(_, v)| *v))
        }
        Metric::BinarySize => Err(RunError::ours("a file's size needs no second sample")),
        Metric::Own(_) => Err(RunError::ours(format!("nothing here counts {metric}"))),
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
