//! One commit for the search: its report, the values of one benchmark in it, further runs.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Result, tail};
use crate::measure;
use crate::model::{Measurement, Metric, NoiseClass, Report, Sha};
use crate::run::{BuiltCommit, Progress, Reuse, Runner, Source};
use crate::search::Observation;
use crate::store::Store;

/// What is measured of every commit.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) benchmark: String,
    pub(super) metric: Metric,
    /// Which stored reports will do.
    pub(super) reuse: Reuse,
}

/// What a commit gave.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) observation: Observation,
    pub(super) source: Source,
    /// A measurement of it, for its class and counter.
    pub(super) like: Option<Measurement>,
    /// It builds and runs, but has no benchmark of that name.
    pub(super) missing: bool,
}

/// The runs of one benchmark in reports of one commit, and one of its measurements.
pub(super) fn values(reports: &[Report], asked: &Asked) -> Option<(Vec<f64>, Measurement)> {
    let wanted = |m: &&Measurement| m.benchmark == asked.benchmark && m.metric == asked.metric;
    let all: Vec<&Measurement> = reports
        .iter()
        .flat_map(|r| r.measurements.iter().filter(wanted))
        .collect();
    let first = (*all.first()?).clone();
    let same = all.iter().filter(|m| m.counter == first.counter);
    Some((same.flat_map(|m| m.samples.clone()).collect(), first))
}

/// Whether run `i` of one commit can be compared with run `i` of another: both see the same
/// seed, or the same layout.
pub(super) fn is_paired(class: NoiseClass) -> bool {
    matches!(class, NoiseClass::Seeded | NoiseClass::Layout)
}

/// Runs that begin at the `index`-th, with what layout or seed add in `reference` taken off.
pub(super) fn levelled(runs: &[f64], index: usize, reference: &[f64]) -> Vec<f64> {
    let Some(middle) = crate::stats::median(reference) else {
        return runs.to_vec();
    };
    let offset = |i: usize| reference[(index + i) % reference.len()] - middle;
    let each = runs.iter().enumerate();
    each.map(|(i, run)| run - offset(i)).collect()
}

/// The one count that these runs stand for, if they do: a run that always repeats, or the count
/// that most runs repeat to the instruction.
///
/// On a busy machine one run in ten of a whole process counts some 10 to 25 instructions more
/// (seen in 30 runs of a process of 163,149 instructions under callgrind at a load of 7); that
/// is the machine's, not the program's.
pub(super) fn settled(runs: &[f64], like: &Measurement) -> Option<f64> {
    let counted = matches!(
        like.metric,
        Metric::Instructions | Metric::InstructionsCold | Metric::BinarySize
    );
    if like.class == NoiseClass::Exact {
        return runs.first().copied();
    }
    let middle = crate::stats::median(runs).filter(|_| counted)?;
    let equal = runs.iter().filter(|s| **s == middle).count();
    (equal >= 3 && 2 * equal > runs.len()).then_some(middle)
}

/// The report of a commit, from the store if it is there.
pub(super) fn look(
    runner: &mut Runner,
    store: &mut Store,
    asked: &Asked,
    sha: &Sha,
    progress: &dyn Progress,
) -> Result<Seen> {
    if asked.reuse != Reuse::Nothing
        && let Some(seen) = stored(runner, store, asked, sha)?
    {
        return Ok(seen);
    }
    match runner.report_from(store, sha, asked.reuse, progress) {
        Ok((report, source)) => Ok(read(&[report], asked, source)),
        // No fault of the commit's own, such as an object that a partial clone lacks; it gives
        // no number here all the same, and nothing is stored.
        Err(e) if e.is_of_one_commit() => Ok(Seen {
            observation: Observation::Skip(tail(&e.to_string(), 1000).to_string()),
            source: Source::Measured,
            like: None,
            missing: false,
        }),
        Err(e) => Err(e),
    }
}

/// What the store says of a commit, if that will do.
fn stored(runner: &mut Runner, store: &Store, asked: &Asked, sha: &Sha) -> Result<Option<Seen>> {
    let stored = runner.evidence(store, sha)?;
    let seen = read(&stored, asked, Source::Stored);
    let will_do = match seen.observation {
        Observation::Values(_) => true,
        Observation::Skip(_) => {
            !stored.is_empty() && asked.reuse == Reuse::Everything && !seen.missing
        }
    };
    Ok(will_do.then_some(seen))
}

pub(super) fn read(reports: &[Report], asked: &Asked, source: Source) -> Seen {
    if let Some((values, like)) = values(reports, asked) {
        return Seen {
            observation: Observation::Values(values),
            source,
            like: Some(like),
            missing: false,
        };
    }
    let failures = || reports.iter().flat_map(|r| &r.failures);
    let speaks = |b: &Option<String>| b.as_ref().is_none_or(|b| *b == asked.benchmark);
    let failure = failures().find(|f| speaks(&f.benchmark));
    let (why, missing) = match failure {
        Some(f) => (format!("{}: {}", f.stage, f.message.trim()), false),
        None => (lacks(reports, asked), true),
    };
    Seen {
        observation: Observation::Skip(why),
        source,
        like: None,
        missing,
    }
}

fn lacks(reports: &[Report], asked: &Asked) -> String {
    let mut others = reports.iter().flat_map(|r| &r.measurements);
    if others.any(|m| m.benchmark == asked.benchmark) {
        format!("no {} of `{}`", asked.metric, asked.benchmark)
    } else {
        format!("no benchmark `{}`", asked.benchmark)
    }
}

/// Looks at several commits at once, one a runner at a time.
pub(super) fn look_all(
    runners: Vec<(&mut Runner, &mut Store)>,
    asked: &Asked,
    shas: &[Sha],
    progress: &dyn Progress,
) -> Vec<Result<Seen>> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Result<Seen>)>> = Mutex::new(Vec::new());
    let (next, seen) = (&next, &found);
    std::thread::scope(|scope| {
        for (runner, store) in runners {
            scope.spawn(move || {
                while let Some((i, sha)) = {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    shas.get(i).map(|s| (i, s))
                } {
                    let result = look(runner, store, asked, sha, progress);
                    seen.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((i, result));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(i, _)| *i);
    found.into_iter().map(|(_, r)| r).collect()
}

/// Further runs of commits, `(commit, how many, how many there are)`, in turn: A, B, A, B, so
/// that a machine that grows slower is no difference between them.
pub(super) fn more(
    runner: &mut Runner,
    store: &mut Store,
    wanted: &[(Sha, usize, usize)],
    like: &Measurement,
    progress: &dyn Progress,
) -> Result<Vec<Observation>> {
    let mut benches: Vec<std::result::Result<BuiltCommit, String>> = Vec::new();
    for (slot, (sha, _, _)) in wanted.iter().enumerate() {
        benches.push(match runner.build(slot, sha, progress) {
            Ok((_, bench)) => Ok(bench),
            Err(e) if e.is_of_one_commit() => Err(e.to_string()),
            Err(e) => return Err(e),
        });
    }
    let mut taken: Vec<Vec<f64>> = vec![Vec::new(); wanted.len()];
    let most = wanted.iter().map(|w| w.1).max().unwrap_or(0);
    progress.stage(&format!("running {} more times", most));
    for round in 0..most {
        for (i, (_, runs, have)) in wanted.iter().enumerate() {
            if round >= *runs {
                continue;
            }
            let Ok(bench) = &benches[i] else { continue };
            match sample(runner, bench, like, have + round) {
                Ok(value) => taken[i].push(value),
                Err(why) => benches[i] = Err(why),
            }
        }
    }
    let mut out = Vec::new();
    for ((sha, _, _), (values, bench)) in wanted.iter().zip(taken.into_iter().zip(benches)) {
        out.push(match (values.is_empty(), bench) {
            (true, bench) => Observation::Skip(bench.err().unwrap_or_default()),
            (false, _) => {
                runner.keep_samples(store, sha, of(like, values.clone()))?;
                Observation::Values(values)
            }
        });
    }
    Ok(out)
}

/// One fresh run of a benchmark.
pub(super) fn sample(
    runner: &Runner,
    bench: &BuiltCommit,
    like: &Measurement,
    index: usize,
) -> std::result::Result<f64, String> {
    let Some((job, _)) = bench.job(&like.benchmark) else {
        return Err(format!("no benchmark `{}`", like.benchmark));
    };
    measure::sample(runner.session(), job, &like.metric, like.class, index).map_err(|e| e.message)
}

fn of(like: &Measurement, samples: Vec<f64>) -> Measurement {
    let fold = |f: fn(f64, f64) -> f64, from| samples.iter().copied().fold(from, f);
    Measurement {
        value: crate::stats::median(&samples).unwrap_or(f64::NAN),
        low: fold(f64::min, f64::INFINITY),
        high: fold(f64::max, f64::NEG_INFINITY),
        samples,
        ..like.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(class: NoiseClass) -> Measurement {
        Measurement {
            benchmark: "b".into(),
            metric: Metric::Instructions,
            counter: crate::model::Counter::Callgrind,
            value: 0.0,
            low: 0.0,
            high: 0.0,
            samples: Vec::new(),
            class,
            spread: 0.0,
            note: None,
            extent: None,
            redefined: false,
        }
    }

    #[test]
    fn a_count_that_most_runs_repeat_is_that_count() {
        let threaded = like(NoiseClass::Threaded);
        assert_eq!(settled(&[9.0, 7.0, 7.0, 7.0, 8.0], &threaded), Some(7.0));
        assert_eq!(settled(&[9.0, 7.0, 7.0, 6.0, 8.0], &threaded), None);
        assert_eq!(settled(&[7.0, 7.0], &threaded), None);
        assert_eq!(settled(&[7.0], &like(NoiseClass::Exact)), Some(7.0));
    }

    #[test]
    fn what_every_layout_adds_is_no_noise() {
        // Two commits of a real process under five layouts.
        let good = [163_104.0, 163_196.0, 163_296.0, 163_488.0, 163_872.0];
        let bad = [178_104.0, 178_196.0, 178_296.0, 178_488.0, 178_881.0];
        let level = levelled(&bad, 0, &good);
        assert_eq!(settled(&level, &like(NoiseClass::Layout)), Some(178_296.0));
        assert_eq!(levelled(&bad[3..], 3, &good)[0], 178_296.0);
        assert_eq!(levelled(&bad, 0, &[]), bad);
    }
}
