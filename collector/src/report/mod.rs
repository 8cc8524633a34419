//! A judgement as people and machines read it: text, Markdown, JSON. Pure.

pub mod bisect;
mod changes;
mod code_quality;
pub mod comment;
pub mod escape;
mod junit;
mod markdown;
mod openmetrics;
mod replayed;
mod sarif;
mod text;

pub use changes::{changes, state};
pub use code_quality::code_quality;
pub use junit::junit;
pub use markdown::{annotations, cell, markdown};
pub use openmetrics::openmetrics;
pub use replayed::replayed;
pub use sarif::sarif;
pub use text::text;

use crate::format::{percent, sentence, value};
use std::path::Path;

use crate::judge::Judgement;
use crate::judge::Row;
use crate::model::FunctionDelta;
use crate::profile::names::{clean, short};

/// A file as one would type it in the directory `here`: without that directory where it lies
/// below it.
fn from_here(file: &str, here: &Path) -> String {
    let below = Path::new(file).strip_prefix(here);
    below.map_or_else(|_| file.to_string(), |p| p.display().to_string())
}

/// Where a function's cost lies: the place in the repository that it is called from, else its own.
fn place(f: &FunctionDelta) -> String {
    match (&f.caller, &f.file, f.line) {
        (Some(c), _, _) => format!("from {}:{}", c.file, c.line),
        // Line 0 is code that the compiler made without one.
        (None, Some(file), None | Some(0)) => file.clone(),
        (None, Some(file), Some(line)) => format!("{file}:{line}"),
        (None, None, _) => String::new(),
    }
}

/// What is said of a regression in one line, as files for other tools carry it.
pub(crate) fn message(row: &Row) -> String {
    let change = row.change.map_or_else(String::new, percent);
    let inside = row.functions.iter().max_by_key(|f| f.delta);
    let inside = inside.map_or_else(String::new, |f| format!(", in {}", short(&f.name)));
    let text = format!("{} {change}: {}{inside}", row.benchmark, sides(row));
    sentence(&text, 400)
}

/// Where a regression is shown in a diff: its likeliest line, else a function of the repository,
/// else the file that says what is measured.
pub(crate) fn annotated(row: &Row) -> (String, u32) {
    let likely = row.likely.first().map(|l| (l.file.clone(), l.line));
    let inside = |f: &FunctionDelta| match (&f.caller, &f.file, f.line) {
        (Some(c), _, _) => Some((c.file.clone(), c.line)),
        (None, Some(file), Some(line)) => Some((file.clone(), line)),
        _ => None,
    };
    let relative = |(file, _): &(String, u32)| !file.starts_with('/');
    let function = || row.functions.iter().filter_map(inside).find(relative);
    let (file, line) = likely
        .or_else(function)
        .unwrap_or_else(|| (crate::config::Config::FILE.into(), 1));
    (clean(&file, 500), line.max(1))
}

/// What makes a regression the same one in two runs: no commit is part of it.
pub(crate) fn fingerprint(j: &Judgement, row: &Row) -> String {
    let testbed = j.testbed.fingerprint(row.counter);
    format!("{}\0{}\0{testbed}", row.benchmark, row.metric)
}

/// The command that takes back what was judged: the head, or all that came since the base.
#[must_use]
pub fn undo(j: &Judgement) -> String {
    match (j.base.sha.short(), j.head.sha.short()) {
        (_, head) if j.base.distance <= 1 => format!("git revert {head}"),
        (base, head) => format!("git revert {base}..{head}"),
    }
}

/// `before → after unit`.
fn sides(row: &Row) -> String {
    match (&row.base, &row.head) {
        (Some(b), Some(h)) => {
            let before = value(b.value, row.metric);
            let after = value(h.value, row.metric);
            match (before.rsplit_once(' '), after.rsplit_once(' ')) {
                (Some((n, u)), Some((_, v))) if u == v => format!("{n} → {after}"),
                _ => format!("{before} → {after}"),
            }
        }
        (Some(b), None) => format!("{} → –", value(b.value, row.metric)),
        (None, Some(h)) => format!("– → {}", value(h.value, row.metric)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_the_current_directory_are_named_from_there() {
        let here = Path::new("/repo");
        assert_eq!(from_here("/repo/.uptick/a.svg", here), ".uptick/a.svg");
        assert_eq!(from_here("/repository/a.svg", here), "/repository/a.svg");
    }
}
