//! Why a benchmark moved: profiles of both commits, functions, likely lines, flame graphs.

use crate::error::Result;
use crate::files;
use crate::judge::{Likely, Row};
use crate::measure::{self, FunctionTable};
use crate::model::Hunk;
use crate::model::{Counter, Metric, ProfileKind, Report, Verdict};
use crate::parallel::parallel;
use crate::profile::delta::{self, Kind};
use crate::profile::symbols::Symbols;
use crate::profile::{Profile, critical_path, flame};
use crate::run::{Bench, Workshop};
use crate::store::Store;

/// The dearest changes are explained; beyond these the same functions come again and again.
const MAX_EXPLAINED: usize = 20;
/// Functions listed in a document.
const MAX_FUNCTIONS: usize = 20;
/// Places in the diff listed in a document.
const MAX_LIKELY: usize = 5;

/// Two commits, built, and the diff between them.
pub struct Pair<'a> {
    /// Before.
    pub base: &'a Bench,
    /// After.
    pub head: &'a Bench,
    /// The diff.
    pub hunks: &'a [Hunk],
}

/// Whether profiles can be taken on this machine.
#[must_use]
pub fn possible(workshop: &Workshop) -> bool {
    workshop.session().counter == Counter::Callgrind || measure::callgrind::version().is_some()
}

/// The rows to explain, dearest change first: those that moved, and those whose total stayed
/// while some function's cost moved by more than the limit.
///
/// # Errors
/// When the store cannot be read.
pub fn wanted(rows: &[Row], base: &Report, head: &Report, store: &Store) -> Result<Vec<usize>> {
    let mut out: Vec<(f64, usize)> = Vec::new();
    for (i, row) in rows
        .iter()
        .enumerate()
        .filter(|(_, r)| r.metric == Metric::Instructions)
    {
        match row.verdict {
            Verdict::Regressed | Verdict::Improved if row.judged => {
                out.push((row.delta().abs(), i))
            }
            Verdict::Unchanged => {
                let moved = largest_move(base, head, &row.benchmark, store)?;
                if moved > row.limit_units {
                    // After everything whose total moved.
                    out.push((moved * 1e-18, i));
                }
            }
            _ => {}
        }
    }
    out.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(out
        .into_iter()
        .take(MAX_EXPLAINED)
        .map(|(_, i)| i)
        .collect())
}

/// The benchmark that costs most.
#[must_use]
pub fn dearest(rows: &[Row]) -> Option<usize> {
    let cost = |r: &Row| r.head.as_ref().map_or(0.0, |h| h.value);
    let candidates = rows.iter().enumerate().filter(|(_, r)| {
        r.metric == Metric::Instructions && r.counter != Counter::Clock && r.head.is_some()
    });
    candidates
        .max_by(|a, b| cost(a.1).total_cmp(&cost(b.1)))
        .map(|(i, _)| i)
}

/// The largest change of any function's own cost, from the tables that counting leaves.
fn largest_move(base: &Report, head: &Report, name: &str, store: &Store) -> Result<f64> {
    let hash = |r: &Report| {
        r.profiles
            .iter()
            .find(|p| p.benchmark == name && p.kind == ProfileKind::Functions)
            .map(|p| p.blob.clone())
    };
    let (Some(b), Some(h)) = (hash(base), hash(head)) else {
        return Ok(0.0);
    };
    if b == h {
        return Ok(0.0);
    }
    let table = |hash: &str| -> Result<FunctionTable> {
        let bytes = store.blob(hash)?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    };
    let mut change: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
    for (name, cost) in table(&h)? {
        *change.entry(name).or_default() += cost as f64;
    }
    for (name, cost) in table(&b)? {
        *change.entry(name).or_default() -= cost as f64;
    }
    Ok(change.values().fold(0.0, |a: f64, d| a.max(d.abs())))
}

/// Explains the rows: fills in functions, likely lines, flame graphs, and the verdicts
/// `shifted` and (as unchanged) layout.
///
/// # Errors
/// When the store or the disk fails; a profile that cannot be taken becomes a note.
pub fn rows(
    workshop: &Workshop,
    store: &mut Store,
    rows: &mut [Row],
    wanted: &[usize],
    pair: &Pair<'_>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let names: Vec<(usize, String)> = wanted
        .iter()
        .map(|&i| (i, rows[i].benchmark.clone()))
        .collect();
    let width = workshop.parallelism();
    let profiles = parallel(width, &names, |(_, name)| {
        let base = take(workshop, pair.base, name)?;
        let head = take(workshop, pair.head, name)?;
        Ok::<_, String>((base, head))
    });
    for ((i, name), profiles) in names.iter().zip(profiles) {
        match profiles {
            Ok((base, head)) => {
                keep(store, workshop, pair, name, &base, &head)?;
                explain_row(workshop, &mut rows[*i], pair, &base, &head)?;
            }
            Err(why) => notes.push(format!("`{name}` could not be profiled: {why}")),
        }
    }
    Ok(())
}

fn keep(
    store: &mut Store,
    workshop: &Workshop,
    pair: &Pair<'_>,
    name: &str,
    base: &Profile,
    head: &Profile,
) -> Result<()> {
    for (bench, profile) in [(pair.base, base), (pair.head, head)] {
        keep_one(store, workshop, bench, name, profile)?;
    }
    Ok(())
}

fn keep_one(
    store: &mut Store,
    workshop: &Workshop,
    bench: &Bench,
    name: &str,
    profile: &Profile,
) -> Result<()> {
    // A profile beyond the limits of the blob's format is drawn but not kept.
    let Ok(bytes) = profile.encode() else {
        return Ok(());
    };
    store.put_stacks(&bench.sha, name, &workshop.suite_key(), &bytes)
}

/// Takes and reads the profile of one benchmark.
///
/// # Errors
/// Why it could not be taken, in words.
pub fn take(
    workshop: &Workshop,
    bench: &Bench,
    name: &str,
) -> std::result::Result<Profile, String> {
    let Some((job, executable)) = bench.job(name) else {
        return Err(format!(
            "{} has no benchmark of that name",
            bench.sha.short()
        ));
    };
    let raw = measure::profile(workshop.session(), job).map_err(|e| e.message)?;
    let mut symbols = Symbols::new(&bench.suite.built_in);
    if let Some(file) = executable {
        symbols = symbols.with_object(&job.program.to_string_lossy(), file);
    }
    let data = raw.files.first().ok_or("callgrind left no output")?;
    let parts = if raw.parts.is_empty() {
        let all = crate::profile::callgrind::parts(data).map_err(|e| e.to_string())?;
        (0..all.len()).collect()
    } else {
        raw.parts
    };
    Profile::read(data, &parts, &mut symbols).map_err(|e| e.to_string())
}

fn explain_row(
    workshop: &Workshop,
    row: &mut Row,
    pair: &Pair<'_>,
    base: &Profile,
    head: &Profile,
) -> Result<()> {
    let limit = row.limit.filter(|l| l.is_finite()).unwrap_or(0.0);
    let explanation = delta::explain(base, head, limit, pair.hunks);
    match (explanation.kind, row.verdict) {
        (Kind::Shifted, Verdict::Unchanged) => row.verdict = Verdict::Shifted,
        // Inlining moved between symbols, but not between functions: nothing to tell.
        (_, Verdict::Unchanged) => return Ok(()),
        (Kind::Layout, Verdict::Regressed | Verdict::Improved) => {
            row.verdict = Verdict::Unchanged;
            row.why = "layout: only libc's memory and string functions moved, called as often as \
                       before"
                .into();
        }
        _ => {}
    }
    let ranked = delta::likely_hunks(&explanation, pair.hunks);
    row.likely = ranked
        .iter()
        .take(MAX_LIKELY)
        .map(|r| Likely::of(r, &explanation.lines))
        .collect();
    row.explained = Some(explanation.explained);
    row.functions = explanation.functions;
    row.functions.truncate(MAX_FUNCTIONS);
    row.critical_path = Some(critical_path(head));
    let title = format!(
        "{}: {} → {}",
        row.benchmark,
        pair.base.sha.short(),
        pair.head.sha.short()
    );
    let path = workshop
        .home()
        .flamegraph(Some(&pair.base.sha), &pair.head.sha, &row.benchmark);
    let svg = flame::difference(base, head, &title).or_else(|_| flame::graph(base, &title));
    if let Ok(svg) = svg {
        files::write(&path, &svg)?;
        row.flamegraph = Some(path.display().to_string());
    }
    Ok(())
}

/// Draws the flame graph of one benchmark of the head.
///
/// # Errors
/// When the store or the disk fails; a profile that cannot be taken becomes a note.
pub fn picture(
    workshop: &Workshop,
    store: &mut Store,
    row: &mut Row,
    head: &Bench,
    notes: &mut Vec<String>,
) -> Result<()> {
    let profile = match take(workshop, head, &row.benchmark) {
        Ok(p) => p,
        Err(why) => {
            notes.push(format!("`{}` could not be profiled: {why}", row.benchmark));
            return Ok(());
        }
    };
    keep_one(store, workshop, head, &row.benchmark, &profile)?;
    row.critical_path = Some(critical_path(&profile));
    let path = workshop.home().flamegraph(None, &head.sha, &row.benchmark);
    let title = format!("{} at {}", row.benchmark, head.sha.short());
    match flame::graph(&profile, &title) {
        Ok(svg) => {
            files::write(&path, &svg)?;
            row.flamegraph = Some(path.display().to_string());
        }
        Err(e) => notes.push(format!("`{}`: {e}", row.benchmark)),
    }
    Ok(())
}
