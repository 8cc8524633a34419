//! `uptick flamegraph`: where a benchmark's cost is, or where the difference of two commits is.

use collector::error::{EXIT_OK, Error};
use collector::profile::{Profile, critical_path, flame};
use collector::run::Runner;
use collector::{explain, files};
use serde_json::json;

use crate::args::{Args, Flamegraph, Measuring};
use crate::progress::Terminal;
use crate::{context, print};

pub(crate) fn run(args: &Args, a: &Flamegraph) -> anyhow::Result<u8> {
    let mut runner = context::runner(args, &Measuring::default())?;
    let progress = Terminal::new();
    let head = runner.repo().resolve(&a.rev)?;
    let base = a
        .base
        .as_deref()
        .map(|b| runner.repo().resolve(b))
        .transpose()?;
    let profile = profile(&mut runner, 0, &head, &a.bench, &progress)?;
    let title = format!("{} at {}", a.bench, head.short());
    let drawn = match &base {
        None => flame::graph(&profile, &title),
        Some(base) => {
            let before = self::profile(&mut runner, 1, base, &a.bench, &progress)?;
            let title = format!("{}: {} → {}", a.bench, base.short(), head.short());
            flame::difference(&before, &profile, &title)
        }
    };
    progress.clear();
    let svg = drawn.map_err(|e| Error::Failed(format!("`{}`: {e}", a.bench)))?;
    let path = match &a.output {
        Some(path) => path.clone(),
        None => runner.home().flamegraph(base.as_ref(), &head, &a.bench),
    };
    files::write(&path, &svg)?;
    let path_line = critical_path(&profile);
    if a.json {
        print::json(&json!({
            "schema": "uptick.flamegraph/1",
            "benchmark": a.bench,
            "sha": head,
            "base": base,
            "file": path,
            "total": profile.total,
            "critical_path": path_line,
        }))?;
    } else {
        print::out(&format!(
            "critical path: {path_line}\nflame graph: {}\n",
            path.display()
        ))?;
    }
    Ok(EXIT_OK)
}

fn profile(
    runner: &mut Runner,
    slot: usize,
    sha: &collector::model::Sha,
    bench: &str,
    progress: &Terminal,
) -> anyhow::Result<Profile> {
    if !explain::possible(runner) {
        return Err(Error::Failed(format!(
            "a flame graph needs valgrind: {}",
            collector::measure::host::install_valgrind()
        ))
        .into());
    }
    let (_, built) = runner.build(slot, sha, progress)?;
    if built.job(bench).is_none() {
        let names: Vec<&str> = built
            .suite
            .jobs
            .iter()
            .take(20)
            .map(|(j, _)| j.name.as_str())
            .collect();
        return Err(Error::Usage(format!(
            "{} has no benchmark `{bench}`; it has: {}",
            sha.short(),
            names.join(", ")
        ))
        .into());
    }
    Ok(explain::take(runner, &built, bench).map_err(Error::Failed)?)
}
