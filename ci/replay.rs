//! `uptick replay`: what would have been said at each commit of every series of the store's
//! main line, or in a CSV.

use std::path::Path;

use collector::config::{Config, Fraction};
use collector::detect::Direction;
use collector::detect::alerts::replay::Flag;
use collector::detect::csv::Series;
use collector::detect::csv::document::{Replayed as Csv, SeriesFlags};
use collector::error::EXIT_OK;
use collector::format::{name, percent, plural};
use collector::git::Repo;
use collector::history::replay::{Proposed, Replayed};
use collector::report;

use crate::args::{Args, Replay};
use crate::changes::{index, read};
use crate::{context, line, print};

pub(crate) fn run(args: &Args, a: &Replay) -> anyhow::Result<u8> {
    match &a.csv {
        Some(file) => of_csv(a, file),
        None => of_store(args, a),
    }
}

/// The gate and the finder over the store, under the present policy or a proposed one.
fn of_store(args: &Args, a: &Replay) -> anyhow::Result<u8> {
    let limit = Fraction::of_flag("--limit", a.limit.as_deref())?;
    let floor = line::asked(a.floor.as_deref())?;
    let store = context::existing_store(args)?;
    let (line, tracks) = line::tracks(args, &store, &a.selection)?;
    let config = match Repo::open(&args.dir) {
        Ok(repo) => context::file(&repo)?,
        Err(_) => Config::default(),
    };
    let proposed = Proposed {
        config: &config,
        limit,
        floor,
    };
    let document = Replayed::of(&store, &tracks, &line, &proposed)?;
    if a.json {
        print::json(&document)?;
    } else {
        print::out(&report::replayed(&document))?;
    }
    Ok(EXIT_OK)
}

fn of_csv(a: &Replay, file: &Path) -> anyhow::Result<u8> {
    let series = read(file)?;
    let mut document = Csv::of(&series, line::settings_of_csv(a.floor.as_deref())?);
    if a.estimate {
        document.estimate(&series, line::settings_of_csv(a.floor.as_deref())?);
    }
    if a.json {
        print::json(&document)?;
    } else {
        print::out(&text(&document, &series))?;
    }
    Ok(EXIT_OK)
}

fn text(document: &Csv, series: &[Series]) -> String {
    let all = &document.series;
    let mut out = String::new();
    for (s, of) in all.iter().zip(series).filter(|(s, _)| !s.flags.is_empty()) {
        out.push_str(&format!("{}\n", name(&s.name, 76)));
        out.extend(s.flags.iter().map(|f| line(f, of.dated)));
    }
    let flags: usize = all.iter().map(|s| s.flags.len()).sum();
    let commits: usize = all.iter().map(|s| s.points).sum();
    out.push_str(&format!(
        "{} over {}\n",
        plural(flags, "flag"),
        plural(commits, "measurement")
    ));
    if let Some(rate) = expected(all) {
        out.push_str(&format!(
            "by chance about {rate:.2} per 1000 measurements\n"
        ));
    }
    out
}

/// The mean false-alarm rate, weighted by points, where it was estimated.
fn expected(all: &[SeriesFlags]) -> Option<f64> {
    let rates: Vec<(f64, f64)> = all
        .iter()
        .filter_map(|s| Some((s.false_alarms?, s.points as f64)))
        .collect();
    let points: f64 = rates.iter().map(|r| r.1).sum();
    (points > 0.0).then(|| rates.iter().map(|r| r.0 * r.1).sum::<f64>() / points)
}

fn line(f: &Flag, dated: bool) -> String {
    let mark = if f.direction == Direction::Up {
        "▲"
    } else {
        "▼"
    };
    let blame = if f.index == f.at {
        String::new()
    } else {
        format!(" for {}", index(f.index, dated))
    };
    let limit = percent(f.limit);
    let limit = limit.trim_start_matches('+');
    format!(
        "  {mark} {:>9}  reported at {}{blame} (limit {limit})\n",
        percent(f.change),
        index(f.at, dated)
    )
}
