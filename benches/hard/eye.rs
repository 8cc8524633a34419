//! Series with a note of the changes that an eye sees in them, and which of those are found:
//! `cargo bench --bench detect -- hard DIR`.
//!
//! `DIR` holds pairs of `NAME.csv` (`series,index,value`, one series each) and `NAME.note`, which
//! has a line such as `expected by eye: [13, (57..60)] must; [31] may`. What must be found is
//! missed where nothing is found within five commits of it; what may be found is neither hit nor
//! miss. `among others` allows for any more; after `near N` only what lies there is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use collector::detect::alerts::replay::{Flag, Replay};
use collector::detect::{Finder, Point, Settings, csv};

use super::NEAR;

/// First and last commit of a change by eye.
type Span = (i64, i64);

/// What an eye sees in a series.
#[derive(Default)]
struct Note {
    must: Vec<Span>,
    may: Vec<Span>,
    others: bool,
    near: Option<i64>,
}

impl Note {
    /// Reads the line that says what is expected, if a note has one.
    fn of(text: &str) -> Option<Self> {
        let line = text
            .lines()
            .find_map(|l| l.split_once("expected by eye:"))?;
        let mut rest = line.1;
        let mut note = Self {
            others: rest.contains("among others"),
            ..Self::default()
        };
        while let Some((_, behind)) = rest.split_once('[') {
            let (list, words) = behind.split_once(']')?;
            let until = words.find('[').unwrap_or(words.len());
            let may = words[..until].split_whitespace();
            let may = may.map(|w| w.trim_end_matches([';', ',', '.']));
            let may = may.into_iter().any(|w| w == "may");
            let into = if may { &mut note.may } else { &mut note.must };
            into.extend(list.split(',').filter_map(span));
            note.near = note.near.or_else(|| after(&words[..until], "near"));
            rest = words;
        }
        Some(note)
    }

    /// Whether a change that was found is one that nobody sees.
    fn is_wrong(&self, at: i64) -> bool {
        let seen = self.must.iter().chain(&self.may).any(|s| is_near(s, at));
        let here = self.near.is_none_or(|n| (n - at).abs() <= NEAR);
        !seen && !self.others && here
    }
}

/// `13` or `(57..60)`.
fn span(text: &str) -> Option<Span> {
    let text = text.trim().trim_matches(['(', ')']);
    match text.split_once("..") {
        Some((a, b)) => Some((a.parse().ok()?, b.parse().ok()?)),
        None => text.parse().ok().map(|at| (at, at)),
    }
}

fn after(text: &str, word: &str) -> Option<i64> {
    let number = text.split_once(word)?.1.split_whitespace().next()?;
    number.parse().ok()
}

fn is_near(span: &Span, at: i64) -> bool {
    (span.0 - NEAR..=span.1 + NEAR).contains(&at)
}

/// What was found of one series, and what would have been reported of it live.
struct Found {
    changes: Vec<(i64, bool)>,
    flags: Vec<Flag>,
}

impl Found {
    fn of(points: &[Point]) -> Self {
        let mut finder = Finder::new(Settings::default());
        let mut replay = Replay::new(Settings::default());
        let flags = points
            .iter()
            .flat_map(|p| replay.push(&mut finder, *p))
            .collect();
        let changes = finder.find(points).changes;
        Self {
            changes: changes.iter().map(|c| (c.index, c.change > 0.0)).collect(),
            flags,
        }
    }

    /// Flags of changes that the whole series does not show.
    fn gone(&self) -> usize {
        let is_gone = |f: &&Flag| {
            let same = |c: &(i64, bool)| (c.0 - f.index).abs() <= NEAR && c.1 == (f.change > 0.0);
            !self.changes.iter().any(same)
        };
        self.flags.iter().filter(is_gone).count()
    }

    /// Flags of changes that were reported before.
    fn twice(&self) -> usize {
        let same = |a: &Flag, b: &Flag| {
            (a.index - b.index).abs() <= NEAR && (a.change > 0.0) == (b.change > 0.0)
        };
        let again = |i: &usize| self.flags[..*i].iter().any(|f| same(f, &self.flags[*i]));
        (0..self.flags.len()).filter(again).count()
    }
}

/// Sums over all series.
#[derive(Default)]
struct Sums {
    series: usize,
    as_seen: usize,
    must: usize,
    hit: usize,
    found: usize,
    wrong: usize,
    flags: usize,
    hit_live: usize,
    wrong_live: usize,
    gone: usize,
    twice: usize,
    delays: Vec<i64>,
}

impl Sums {
    /// Adds a series and prints its row.
    fn add(&mut self, name: &str, note: &Note, found: &Found) {
        let at: Vec<i64> = found.changes.iter().map(|c| c.0).collect();
        let missed = missed(note, &at);
        let wrong: Vec<i64> = at.iter().copied().filter(|a| note.is_wrong(*a)).collect();
        let live: Vec<i64> = found.flags.iter().map(|f| f.index).collect();
        let late = missed_count(note, &live);
        self.delays.extend(delays(note, &found.flags));
        self.series += 1;
        self.as_seen += usize::from(missed.is_empty() && wrong.is_empty());
        self.must += note.must.len();
        self.hit += note.must.len() - missed.len();
        self.found += at.len();
        self.wrong += wrong.len();
        self.flags += live.len();
        self.hit_live += note.must.len() - late;
        self.wrong_live += live.iter().filter(|a| note.is_wrong(**a)).count();
        self.gone += found.gone();
        self.twice += found.twice();
        println!(
            "| {name} | {} | {missed:?} | {wrong:?} | {at:?} | {live:?} | {} | {} |",
            note.must.len(),
            found.gone(),
            found.twice()
        );
    }

    fn print(&mut self) {
        self.delays.sort_unstable();
        let delay = self.delays.get(self.delays.len() / 2);
        println!(
            "\n{} of {} series as expected: {} of {} changes found, {} of {} found are wrong.",
            self.as_seen, self.series, self.hit, self.must, self.wrong, self.found
        );
        println!(
            "Live: {} of {} reported after {} commits in the median; of {} reports {} are wrong, \
             {} gone in the end, {} told twice.",
            self.hit_live,
            self.must,
            delay.copied().unwrap_or(0),
            self.flags,
            self.wrong_live,
            self.gone,
            self.twice
        );
    }
}

/// What must be found and was not.
fn missed(note: &Note, at: &[i64]) -> Vec<i64> {
    let is_missed = |s: &&Span| !at.iter().any(|a| is_near(s, *a));
    note.must.iter().filter(is_missed).map(|s| s.0).collect()
}

fn missed_count(note: &Note, at: &[i64]) -> usize {
    missed(note, at).len()
}

/// Commits from each change that was reported to its report.
fn delays(note: &Note, flags: &[Flag]) -> Vec<i64> {
    let first = |s: &Span| flags.iter().find(|f| is_near(s, f.index));
    let delay = |s: &Span| first(s).map(|f| (f.at - s.0).max(0));
    note.must.iter().filter_map(delay).collect()
}

/// Prints how the finder does on the series of a directory.
pub fn table(dir: &Path) -> Result<(), String> {
    let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", dir.display());
    let entries = fs::read_dir(dir).map_err(|e| fail(&e))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "csv"));
    files.sort_unstable();
    println!("| series | changes | missed | wrong | found | reported live | gone | twice |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut sums = Sums::default();
    for file in files {
        let note = fs::read_to_string(file.with_extension("note")).map_err(|e| fail(&e))?;
        let note = Note::of(&note).ok_or_else(|| fail(&"a note without `expected by eye:`"))?;
        let read = fs::File::open(&file).map_err(|e| fail(&e))?;
        for series in csv::read(std::io::BufReader::new(read)).map_err(|e| fail(&e))? {
            sums.add(&series.name, &note, &Found::of(&series.points));
        }
    }
    sums.print();
    Ok(())
}
