//! `uptick changes`: the steps of every series of the store's main line, or in a CSV.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use collector::detect::csv::document::{Changes as Document, SeriesChanges};
use collector::detect::csv::{self, CsvError, Series};
use collector::detect::steps::finder::STUCK;
use collector::detect::{Change, Class, Kind};
use collector::error::{EXIT_OK, Error};
use collector::format::{arrow, instant, name, percent, plural, thousands};
use collector::history::steps::Steps;
use collector::report;

use crate::args::{Args, Changes};
use crate::{line, print, settle};

pub(crate) fn run(args: &Args, a: &Changes) -> anyhow::Result<u8> {
    match (&a.settle, &a.csv) {
        (Some(what), _) => settle::run(args, what),
        (None, Some(file)) => of_csv(a, file),
        (None, None) => of_store(args, a),
    }
}

fn of_store(args: &Args, a: &Changes) -> anyhow::Result<u8> {
    let found = line::found(args, &a.selection, a.floor.as_deref())?;
    let document = Steps::at(&found.series, &found.line, &found.moment);
    if a.json {
        print::json(&document)?;
    } else {
        print::out(&report::changes(&document, a.all))?;
    }
    Ok(EXIT_OK)
}

fn of_csv(a: &Changes, file: &Path) -> anyhow::Result<u8> {
    let series = read(file)?;
    let document = Document::of(&series, line::settings_of_csv(a.floor.as_deref())?);
    if a.json {
        print::json(&document)?;
    } else {
        print::out(&text(&document, &series))?;
    }
    Ok(EXIT_OK)
}

/// All series of a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Series>> {
    let result = if path.as_os_str() == "-" {
        csv::read(std::io::stdin().lock())
    } else {
        let missing = |e| Error::Usage(format!("--csv {}: {e}", path.display()));
        csv::read(BufReader::new(File::open(path).map_err(missing)?))
    };
    let all = result.map_err(|e| match e {
        CsvError::Io { source, .. } => Error::io(path)(source),
        // The file is part of what was asked.
        bad => Error::Usage(format!("{}: {bad}", path.display())),
    })?;
    oddities(&all).iter().for_each(|n| print::note(n));
    Ok(all)
}

/// What of a file does not count as it stands there: two files put end to end look like one whose
/// commits were measured twice.
fn oddities(all: &[Series]) -> Vec<String> {
    let left_out: usize = all.iter().map(|s| s.left_out).sum();
    let repeated: usize = all.iter().map(|s| s.repeated).sum();
    let mut out = Vec::new();
    if left_out > 0 {
        out.push(format!(
            "{} without an index or a value left out",
            plural(left_out, "row")
        ));
    }
    if repeated > 0 {
        out.push(format!(
            "{} with the index of another row of its series: the median of each index counts",
            plural(repeated, "row")
        ));
    }
    out
}

/// Series without a change of which the text says why; of more, the document does.
const SILENT: usize = 20;

/// `series` are those of which the document speaks.
fn text(document: &Document, series: &[Series]) -> String {
    let all = &document.series;
    let changes: usize = all.iter().map(|s| s.changes.len()).sum();
    let mut out = String::new();
    let oddity = |s: &SeriesChanges| s.stuck >= STUCK || s.drift != 0.0;
    let is_silent = |s: &&SeriesChanges| s.silence.is_some() && !oddity(s);
    let silent: Vec<&SeriesChanges> = all.iter().filter(is_silent).collect();
    out.extend(silent.iter().take(SILENT).map(|s| why_none(s)));
    if let Some(more) = silent.len().checked_sub(SILENT + 1) {
        let more = plural(more + 1, "more series");
        out.push_str(&format!(
            "{more} without a change: --json says why of each\n"
        ));
    }
    for (s, of) in all.iter().zip(series) {
        if !s.changes.is_empty() || oddity(s) {
            out.push_str(&heading(s));
            out.extend(s.changes.iter().map(|c| line(c, of.dated)));
        }
    }
    let moved = all.iter().filter(|s| !s.changes.is_empty()).count();
    out.push_str(&format!(
        "{} in {moved} of {} series\n",
        plural(changes, "change"),
        all.len()
    ));
    let left_out: usize = all.iter().map(|s| s.left_out).sum();
    if left_out > 0 {
        out.push_str(&format!(
            "{} left out: no number in it\n",
            plural(left_out, "row")
        ));
    }
    out
}

/// `name · no change: too noisy for lasting steps below 4.20 %`
fn why_none(s: &SeriesChanges) -> String {
    let why = s
        .silence
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    format!("{} · no change: {why}\n", name(&s.name, 50))
}

fn heading(s: &SeriesChanges) -> String {
    let noise = match s.class {
        Class::Young => format!("{}: still learning", plural(s.points, "point")),
        Class::Exact => "repeats exactly".to_owned(),
        Class::Walk | Class::Noisy => format!("varies by {}", unsigned(s.noise)),
    };
    let mut out = format!("{} · {noise}\n", name(&s.name, 50));
    if s.drift != 0.0 {
        let all = s.drift * s.points as f64;
        out.push_str(&format!(
            "  drifts by {} over {} points\n",
            percent(all),
            s.points
        ));
    }
    if s.stuck >= STUCK {
        out.push_str(&format!(
            "  {} identical values in a row: is it stuck?\n",
            s.stuck
        ));
    }
    out
}

/// `  ▲ +4.10 % (+3.20 … +5.00 %)  at 1312 (1310–1313)  sure to 99.99 %`
fn line(c: &Change, dated: bool) -> String {
    let mark = arrow(c.change);
    // Of 0, and of what is too far for a number, there is no part.
    let is_part = [c.change, c.low, c.high].iter().all(|x| x.is_finite());
    let interval = if c.low == c.high || !is_part {
        String::new()
    } else {
        format!(" ({} … {})", percent(c.low), percent(c.high))
    };
    let size = match is_part {
        true => percent(c.change),
        false => format!("{} → {}", level(c.before), level(c.after)),
    };
    let set = if c.first == c.last {
        String::new()
    } else {
        format!(" ({}–{})", index(c.first, dated), index(c.last, dated))
    };
    let blame = if c.kind == Kind::Environment {
        "  the testbed changed"
    } else {
        ""
    };
    format!(
        "  {mark} {size:>9}{interval}  at {}{set}{blame}\n",
        index(c.index, dated)
    )
}

fn level(value: f64) -> String {
    match value.abs() < 1e15 {
        true => thousands(value),
        false => format!("{value:.2e}"),
    }
}

/// An index as the file had it: a number, or the day or second of a date.
pub(crate) fn index(i: i64, dated: bool) -> String {
    if dated { instant(i) } else { i.to_string() }
}

/// A fraction that has no direction.
fn unsigned(fraction: f64) -> String {
    percent(fraction).trim_start_matches('+').to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use collector::detect::Settings;

    #[test]
    fn floors_are_read_as_people_write_them() {
        assert_eq!(
            line::settings_of_csv(Some("0.5%")).unwrap().relative_floor,
            0.005
        );
        assert_eq!(
            line::settings_of_csv(Some("0.02")).unwrap().relative_floor,
            0.02
        );
        assert_eq!(line::settings_of_csv(None).unwrap().relative_floor, 0.0);
        for bad in ["", "x", "-1%", "NaN", "inf"] {
            assert!(line::settings_of_csv(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_change_from_nothing_has_an_amount() {
        for (before, after, said) in [
            ("0", "1200", "0 → 1,200"),
            ("-1e308", "1e308", "-1.00e308 → 1.00e308"),
        ] {
            let level = |i: usize| if i < 20 { before } else { after };
            let rows: String = (0..40).map(|i| format!("a,{i},{}\n", level(i))).collect();
            let series = csv::read(format!("series,index,value\n{rows}").as_bytes()).unwrap();
            let text = text(&Document::of(&series, Settings::default()), &series);
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn lines_are_short_enough_for_a_terminal() {
        let points: String = (0..60)
            .map(|i| {
                format!(
                    "{},{i},{}\n",
                    "s".repeat(70),
                    if i < 30 { 1e6 } else { 1.5e6 }
                )
            })
            .collect();
        let series = csv::read(format!("series,index,value\n{points}").as_bytes()).unwrap();
        let text = text(&Document::of(&series, Settings::default()), &series);
        assert!(text.contains("at 30"), "{text}");
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    }
}
