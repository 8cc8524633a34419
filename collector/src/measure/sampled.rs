//! What is sampled rather than counted: wall time, and the kernel's accounting of a child.
//!
//! Wall time comes from criterion's own sampling, read from the `sample.json` that it
//! leaves; a command is timed around its whole run. These numbers differ from run to
//! run, so each is taken several times, and runs, not criterion's inner repeats, are
//! the samples: on thousands of real series the noise between runs is 5.6 times (median)
//! what the repeats inside one run promise.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::child::{self, Before, Ended};
use super::env::Pins;
use super::{Job, Kind, RunError, Session, family, sandbox};
use crate::model::Metric;
use crate::stats;

/// criterion's `new/sample.json`, versions 0.3 to 0.8: time `times[i]` for `iters[i]` iterations.
#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Nanoseconds per iteration from the text of a `sample.json`.
fn per_iteration(json: &str) -> Result<f64, String> {
    let sample: Sample = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let each: Vec<f64> = sample
        .iters
        .iter()
        .zip(&sample.times)
        .filter(|(n, _)| **n > 0.0)
        .map(|(n, t)| t / n)
        .filter(|x| x.is_finite())
        .collect();
    stats::median(&each).ok_or_else(|| "no samples".into())
}

/// One process's wall time per iteration, in nanoseconds.
pub(super) fn wall_time(session: &Session, job: &Job) -> Result<f64, RunError> {
    match &job.kind {
        Kind::Command { .. } => Ok(native(session, job, &job.arguments("1"))?
            .0
            .elapsed
            .as_nanos() as f64),
        Kind::Criterion { .. } => {
            let (_, slot) = native(session, job, &job.sampling_arguments())?;
            let found = find_sample(&slot.join("criterion"));
            let _ = std::fs::remove_dir_all(&slot);
            let json = found.ok_or_else(|| {
                RunError::new("criterion left no sample.json: it did not sample this benchmark")
            })?;
            per_iteration(&json)
                .map_err(|e| RunError::new(format!("criterion's sample.json cannot be read: {e}")))
        }
    }
}

/// One native run's CPU time, peak memory and faults.
pub(super) fn usage(session: &Session, job: &Job) -> Result<[(Metric, f64); 3], RunError> {
    let arguments = match &job.kind {
        Kind::Command { .. } => job.arguments("1"),
        Kind::Criterion { .. } => job.test_arguments(),
    };
    let (ended, slot) = native(session, job, &arguments)?;
    let told = family::most_memory(&slot);
    let _ = std::fs::remove_dir_all(slot);
    Ok([
        (Metric::CpuTime, ended.usage.cpu_ns as f64),
        (
            Metric::PeakRss,
            peak(ended.usage.peak_rss, told, own_memory()) as f64,
        ),
        (Metric::PageFaults, ended.usage.faults as f64),
    ])
}

/// The most memory of a run, by what the kernel says of the process and its children, and what
/// they said of themselves at their end. The kernel's figure begins with what this process had
/// when it forked, `own`; theirs lacks what is linked statically, or was killed.
fn peak(kernel: u64, told: Option<u64>, own: u64) -> u64 {
    match told {
        Some(told) if kernel <= own + own / 8 + SLACK => told,
        Some(told) => kernel.max(told),
        None => kernel,
    }
}

/// What a process gains between a look at its memory and a fork.
const SLACK: u64 = 512 * 1024;

/// How much memory this process has, of which a child is a copy, at most, until it executes another
/// program.
fn own_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let kib = lines.find_map(|l| {
        l.strip_prefix("VmRSS:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    kib.map_or(0, |kib: u64| kib * 1024)
}

/// Runs the job as it is, in the fixed environment, with the machine's clock.
fn native(
    session: &Session,
    job: &Job,
    arguments: &[String],
) -> Result<(Ended, std::path::PathBuf), RunError> {
    let _turn = job.stand()?;
    let slot = session.scratch.slot().map_err(RunError::environment)?;
    family::prepare(&slot)?;
    let mut command = Command::new(&job.program);
    command.args(arguments);
    job.surround(&mut command, session, &slot, &Pins::plain())?;
    let stdin = job.open_stdin()?;
    let ended = child::run(&mut command, Before::foreign(stdin.as_ref()), job.timeout)
        .map_err(|e| RunError::start(&job.program, &e))?;
    sandbox::drop_links(&slot);
    if ended.timed_out {
        return Err(RunError::timeout(job.timeout));
    }
    if !ended.status.success() {
        return Err(RunError::exit(ended.status, &ended.said()));
    }
    job.ended_well(&ended);
    Ok((ended, slot))
}

/// The only `new/sample.json` below criterion's directory: one benchmark was run in it.
fn find_sample(dir: &Path) -> Option<String> {
    for entry in std::fs::read_dir(dir).ok()?.flatten() {
        let path = entry.path();
        if !path.is_dir() {
            continue;
        }
        if path.file_name().is_some_and(|n| n == "new")
            && let Ok(text) = std::fs::read_to_string(path.join("sample.json"))
        {
            return Some(text);
        }
        if let Some(found) = find_sample(&path) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_uptick_itself_is_none_of_a_small_program() {
        const MIB: u64 = 1 << 20;
        // A small program under a large uptick, a large one, one that says nothing of itself.
        assert_eq!(peak(40 * MIB, Some(2 * MIB), 40 * MIB), 2 * MIB);
        assert_eq!(peak(90 * MIB, Some(2 * MIB), 40 * MIB), 90 * MIB);
        assert_eq!(peak(40 * MIB, None, 40 * MIB), 40 * MIB);
        assert_eq!(peak(2 * MIB, Some(3 * MIB), MIB), 3 * MIB);
    }

    #[test]
    fn samples_of_each_sampling_mode_are_read() {
        // As criterion 0.8.2 and 0.5.1 write them (shortened); older ones lack the mode.
        let linear = r#"{"sampling_mode":"Linear","iters":[1.0,2.0,3.0],"times":[10.0,22.0,30.0]}"#;
        assert_eq!(per_iteration(linear), Ok(10.0));
        let flat = r#"{"sampling_mode":"Flat","iters":[5.0,5.0],"times":[50.0,70.0]}"#;
        assert_eq!(per_iteration(flat), Ok(12.0));
        assert_eq!(per_iteration(r#"{"iters":[2.0],"times":[5.0]}"#), Ok(2.5));
        assert!(per_iteration(r#"{"iters":[],"times":[]}"#).is_err());
        assert!(per_iteration("{").is_err());
    }
}
