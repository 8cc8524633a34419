//! A judgement as people and machines read it: text, Markdown, JSON. Pure.

pub mod alert;
pub mod bisect;
mod changes;
mod code_quality;
pub mod comment;
pub mod escape;
mod junit;
pub mod links;
mod markdown;
mod openmetrics;
mod replayed;
mod sarif;
mod text;
mod variants;

pub use changes::{changes, state};
pub use code_quality::code_quality;
pub use comment::{page as markdown, page_of};
pub use junit::junit;
pub use markdown::{annotations, cell};
pub use openmetrics::openmetrics;
pub use replayed::replayed;
pub use sarif::sarif;
pub use text::text;
pub use variants::{again, flag_costs};

use crate::format::{from_to, sentence, value};
use std::path::Path;

use crate::judge::{Judgement, NoVerdict, Row, Side};
use crate::model::{Better, FunctionDelta, Verdict};
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
    let inside = row.functions.iter().max_by_key(|f| f.delta);
    let inside = inside.map_or_else(String::new, |f| format!(", in {}", short(&f.name)));
    let text = format!(
        "{} {}: {}{}{inside}",
        row.benchmark,
        row.moved(),
        sides(row),
        direction(row)
    );
    sentence(&text, 400)
}

/// Where a regression is shown in a diff: its likeliest line, else a function of the repository,
/// else the file that says what is measured.
pub(crate) fn annotated(row: &Row) -> (String, u32) {
    let (file, line) = whereabouts(row).unwrap_or_else(|| (crate::config::Config::FILE.into(), 1));
    (clean(&file, 500), line.max(1))
}

/// What makes a regression the same one in two runs: no commit is part of it.
pub(crate) fn fingerprint(j: &Judgement, row: &Row) -> String {
    let testbed = j.testbed.fingerprint(&row.counter);
    format!("{}\0{}\0{testbed}", row.benchmark, row.metric)
}

/// The command that takes a regression back: the head is one commit on its base (a merge's first
/// parent, which stays), and improved nothing. Of a pull request whose merge was measured it is its
/// only commit, else that whole merge.
#[must_use]
pub fn undo(j: &Judgement) -> Option<String> {
    let harm = !j.unaccepted().is_empty();
    let gain = !j.with(Verdict::Improved).is_empty();
    if !harm || gain {
        return None;
    }
    if let Some(only) = &j.base.only {
        return Some(format!("git revert {}", only.short()));
    }
    let head = j.head.sha.short();
    // To go back to another parent of a merge would take the main line's own commits along.
    if j.head.parents.first() != Some(&j.base.sha) {
        return None;
    }
    Some(match j.head.parents.len() {
        1 => format!("git revert {head}"),
        _ => format!("git revert -m 1 {head}"),
    })
}

/// Whether a pull request's merge was measured that brings several commits, of which a search finds
/// the one to take back.
pub(crate) fn merges_several(j: &Judgement) -> bool {
    j.base.proposal && j.head.parents.len() > 1 && j.base.only.is_none()
}

/// Why nothing at all was measured, as a sentence; `None` where something was, or it is said what
/// failed.
pub(crate) fn unmeasured(j: &Judgement) -> Option<String> {
    let is_nothing =
        |why: &&NoVerdict| matches!(why, NoVerdict::NoNumbers | NoVerdict::NoBenchmarks);
    let why = j.no_verdict.as_ref().filter(is_nothing)?.to_string();
    let (first, rest) = why.split_at_checked(1)?;
    Some(first.to_uppercase() + rest)
}

/// The place of a row's cost that a reader is sent to: the likeliest in the diff, else the line
/// of the repository that the function which moved most lies in or is called from.
fn whereabouts(row: &Row) -> Option<(String, u32)> {
    if let Some(l) = row.likely.first() {
        return Some((l.file.clone(), l.line));
    }
    let same_way = |f: &&FunctionDelta| (f.delta as f64) * row.delta() > 0.0;
    row.functions.iter().filter(same_way).find_map(|f| {
        if let Some(c) = &f.caller {
            return Some((c.file.clone(), c.line));
        }
        let file = f.file.as_ref().filter(|f| !Path::new(f).is_absolute())?;
        Some((file.clone(), f.line.filter(|l| *l > 0)?))
    })
}

/// How to read a fall or a rise of a metric of which more is better.
fn direction(row: &Row) -> &'static str {
    match row.metric.better() {
        Better::Lower => "",
        Better::Higher => " (higher is better)",
    }
}

/// `before → after unit`.
fn sides(row: &Row) -> String {
    let shown =
        |side: Option<&Side>| side.map_or_else(|| "–".into(), |s| value(s.value, &row.metric));
    match (&row.base, &row.head) {
        (None, None) => String::new(),
        (base, head) => from_to(&shown(base.as_ref()), &shown(head.as_ref())),
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
