//! Why a benchmark moved: profiles of both commits, functions, likely lines, flame graphs.

mod profile;
mod wanted;

pub use profile::{Pair, possible, take};
pub use wanted::{costliest, pruned, table, wanted};

use crate::error::Result;
use crate::explain::profile::keep;
use crate::explain::profile::keep_one;
use crate::files;
use crate::judge::{Likely, Reason, Row};
use crate::model::Verdict;
use crate::parallel::parallel;
use crate::profile::delta::{self, Kind};
use crate::profile::{Profile, critical_path, flame};
use crate::run::{BuiltCommit, Runner};
use crate::store::Store;
use std::path::PathBuf;

/// Functions listed in a document.
const MAX_FUNCTIONS: usize = 20;
/// Places in the diff listed in a document.
const MAX_LIKELY: usize = 5;

/// Explains the rows: fills in functions, likely lines, flame graphs, and the verdicts
/// `shifted` and (as unchanged) layout.
///
/// # Errors
/// When the store or the disk fails; a profile that cannot be taken becomes a note.
pub fn rows(
    runner: &Runner,
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
    let width = runner.parallelism();
    let profiles = parallel(width, &names, |(_, name)| {
        let (other, base_name) = pair.base_of(runner, name);
        let base = take(other, pair.base, &base_name)?;
        let head = take(runner, pair.head, name)?;
        Ok::<_, String>((base, head))
    });
    for ((i, name), profiles) in names.iter().zip(profiles) {
        match profiles {
            Ok((base, head)) => {
                keep(store, runner, pair, name, &base, &head)?;
                explain_row(runner, &mut rows[*i], pair, &base, &head)?;
            }
            Err(why) => notes.push(format!("`{name}` could not be profiled: {why}")),
        }
    }
    Ok(())
}

fn explain_row(
    runner: &Runner,
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
            row.why = Reason::Layout.into();
        }
        _ => {}
    }
    let ranked = delta::likely_hunks(&explanation, pair.hunks);
    // A place that gained is no reason for a row that lost, nor the other way round.
    let whole = row.delta();
    let same_way = |l: &Likely| whole == 0.0 || l.delta as f64 * whole > 0.0;
    row.likely = ranked
        .iter()
        .map(|r| Likely::of(r, &explanation.lines))
        .filter(same_way)
        .take(MAX_LIKELY)
        .collect();
    row.explained = Some(explanation.explained);
    row.functions = explanation.functions;
    row.functions.truncate(MAX_FUNCTIONS);
    row.critical_path = Some(critical_path(head));
    let (title, path) = difference(runner, row, pair);
    let svg = flame::difference(base, head, &title).or_else(|_| flame::graph(base, &title));
    if let Ok(svg) = svg {
        files::write(&path, &svg)?;
        row.flamegraph = Some(path.display().to_string());
    }
    Ok(())
}

/// The title of a differential flame graph, and where it goes.
fn difference(runner: &Runner, row: &Row, pair: &Pair<'_>) -> (String, PathBuf) {
    let (base, head) = (&pair.base.sha, &pair.head.sha);
    let Some((_, variants)) = pair.against else {
        let title = format!("{}: {} → {}", row.benchmark, base.short(), head.short());
        let path = runner.home().flamegraph(Some(base), head, &row.benchmark);
        return (title, path);
    };
    let against = format!("{} against {}", row.benchmark, variants.base());
    let path = runner.home().flamegraph(None, head, &against);
    (format!("{against} at {}", head.short()), path)
}

/// Draws the flame graph of one benchmark of the head.
///
/// # Errors
/// When the store or the disk fails; a profile that cannot be taken becomes a note.
pub fn picture(
    runner: &Runner,
    store: &mut Store,
    row: &mut Row,
    head: &BuiltCommit,
    notes: &mut Vec<String>,
) -> Result<()> {
    let profile = match take(runner, head, &row.benchmark) {
        Ok(p) => p,
        Err(why) => {
            notes.push(format!("`{}` could not be profiled: {why}", row.benchmark));
            return Ok(());
        }
    };
    keep_one(store, runner, head, &row.benchmark, &profile)?;
    row.critical_path = Some(critical_path(&profile));
    let path = runner.home().flamegraph(None, &head.sha, &row.benchmark);
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
