//! Which benchmarks an executable holds, and how each is selected.
//!
//! criterion lists titles: an id cut after 100 characters, ` #2` behind one that is used again,
//! an id of two lines as two lines. It selects by the whole id. Where the two may differ, the
//! executable is asked which filter selects the benchmark. Of ids that are alike up to the cut it
//! tells the rest only in what it writes about runs, so that these are run once, briefly.

use crate::config::Config;
use crate::error::tail;
use crate::measure::child::{self, Before};
use crate::measure::env::{Pins, Scratch, environment};
use crate::measure::{Filter, escape, sandbox};
use crate::suite::{BenchExecutable, Place, run_environment};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What criterion appends to a title that it has cut.
const CUT: &str = "...";
/// An id of more lines than this is taken for what the set-up printed.
const LINES: usize = 20;
/// More than this is no list: what would be cut off it could be any benchmark.
const LONGEST: usize = 64 << 20;

/// Asks a criterion executable for its benchmarks. One that cannot say is a failure of its own:
/// the others go on.
pub(in crate::suite) fn list(
    config: &Config,
    place: &Place,
    scratch: &Scratch,
    exe: &mut BenchExecutable,
) {
    let asked = Asked {
        config,
        place,
        scratch,
        exe,
    };
    let list = |filter: &[&str]| asked.list(filter);
    let ids = |pattern: &str| asked.ids(pattern).unwrap_or_default();
    match list(&[]).map(|text| resolve(&parse(&text), &list, &ids)) {
        Ok((names, filters)) => {
            exe.benchmarks = names;
            exe.filters = filters;
            exe.unlisted = None;
        }
        Err(why) => {
            exe.benchmarks.clear();
            exe.unlisted = Some(why);
        }
    }
    exe.listed_with = Some(config.suite.env.clone());
}

/// An executable that answers questions.
struct Asked<'a> {
    config: &'a Config,
    place: &'a Place,
    scratch: &'a Scratch,
    exe: &'a BenchExecutable,
}

impl Asked<'_> {
    /// What it lists for a filter.
    fn list(&self, filter: &[&str]) -> Result<String, String> {
        let pins = Pins {
            jump: Some(u64::MAX),
            ..Pins::plain()
        };
        let (slot, mut c) = self.command(&pins)?;
        c.arg("--list").args(filter);
        let listed = self.answer(&mut c);
        let _ = std::fs::remove_dir_all(slot);
        listed
    }

    /// The whole ids of the benchmarks that a pattern matches, as criterion 0.4 and later writes
    /// them beside its results.
    fn ids(&self, pattern: &str) -> Result<Vec<String>, String> {
        let (slot, mut c) = self.command(&Pins::plain())?;
        c.args(["--quick", "--nresamples", "1001", "--noplot", pattern])
            .env("CRITERION_HOME", &slot);
        let ran = self.answer(&mut c);
        sandbox::drop_links(&slot);
        let mut ids = Vec::new();
        add_ids_below(&slot, &mut ids);
        let _ = std::fs::remove_dir_all(slot);
        ran?;
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    fn command(&self, pins: &Pins) -> Result<(PathBuf, Command), String> {
        let mut c = Command::new(&self.exe.file);
        c.arg("--bench")
            .current_dir(self.place.tree.join(&self.exe.package_dir))
            .stdin(Stdio::null());
        // What it is asked in must be what it runs in: names may be made of either.
        let slot = self.scratch.slot().map_err(|e| format!("--list: {e}"))?;
        let declared = run_environment(self.config, self.place, self.exe);
        let strings = self.config.suite.strings;
        c.env_clear();
        c.envs(environment(self.scratch, &slot, pins, strings, &declared));
        Ok((slot, c))
    }

    fn answer(&self, c: &mut Command) -> Result<String, String> {
        let limit = Duration::from_secs_f64(self.config.suite.timeout.0);
        let ended = child::run_keeping(c, Before::foreign(None), limit, LONGEST)
            .map_err(|e| format!("--list: {e}"))?;
        if ended.stdout.len() >= LONGEST {
            return Err(format!("--list prints more than {} MiB", LONGEST >> 20));
        }
        if ended.timed_out {
            return Err("--list does not end".into());
        }
        if !ended.status.success() {
            let said = ended.said();
            return Err(format!(
                "--list ended with {}:\n{}",
                ended.status,
                tail(said.trim(), 2000)
            ));
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }
}

/// The ids in criterion's `new/benchmark.json` files.
fn add_ids_below(dir: &Path, ids: &mut Vec<String>) {
    #[derive(Deserialize)]
    struct Benchmark {
        full_id: String,
    }
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            add_ids_below(&path, ids);
        } else if path.ends_with("new/benchmark.json") {
            let text = std::fs::read(&path).unwrap_or_default();
            let found = serde_json::from_slice::<Benchmark>(&text);
            ids.extend(found.ok().map(|b| b.full_id));
        }
    }
}

/// A title, and the lines right before it that belong to no other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Title {
    text: String,
    before: Vec<String>,
}

/// Reads `name: benchmark` lines; others belong to a name, or are what the set-up printed.
fn parse(text: &str) -> Vec<Title> {
    let mut titles: Vec<Title> = Vec::new();
    let mut before = Vec::new();
    // An id may hold a carriage return, also before the end of a line.
    for line in text.split('\n') {
        let title = line
            .strip_suffix(": benchmark")
            .or_else(|| line.strip_suffix(": bench"));
        match title {
            None if before.is_empty() && line.is_empty() => {}
            None => before.push(line.to_string()),
            Some(text) => {
                let before = std::mem::take(&mut before);
                let text = text.to_string();
                if !titles.iter().any(|t| t.text == text && t.before == before) {
                    titles.push(Title { text, before });
                }
            }
        }
    }
    titles
}

type Selected = (Vec<String>, BTreeMap<String, Filter>);

/// The names, and the filters of those that do not select themselves. `ids` gives the whole ids
/// that a pattern matches, where they can be had.
fn resolve(
    titles: &[Title],
    list: &dyn Fn(&[&str]) -> Result<String, String>,
    ids: &dyn Fn(&str) -> Vec<String>,
) -> Selected {
    let count = |filter: &[&str]| list(filter).map_or(0, |text| parse(&text).len());
    let mut names = Vec::new();
    let mut told_apart = Vec::new();
    let mut filters: BTreeMap<String, Filter> = BTreeMap::new();
    for title in titles {
        if used_before(&title.text, &told_apart).is_some() {
            continue;
        }
        // An author may number ids too: such a one selects itself.
        if let Some(first) = used_before(&title.text, &names)
            && count(&["--exact", &title.text]) == 0
        {
            // The whole ids are not known, or are one.
            let filter = match filters.remove(&first) {
                Some(Filter::Pattern(p) | Filter::FirstOf(p)) => Filter::FirstOf(p),
                _ => Filter::First(first.clone()),
            };
            filters.insert(first, filter);
            continue;
        }
        let name = whole_name(title, &count);
        if let Some(prefix) = name.strip_suffix(CUT)
            && count(&["--exact", &name]) == 0
        {
            let pattern = format!("^{}", escape(prefix));
            let alike = count(&[&pattern]);
            let whole = whole_ids(alike, &pattern, &count, ids);
            if !whole.is_empty() {
                told_apart.push(name);
                for (id, filter) in whole {
                    filters.extend(filter.map(|f| (id.clone(), f)));
                    names.push(id);
                }
                continue;
            }
            let filter = match alike {
                0 | 1 => Filter::Pattern(pattern),
                _ => Filter::FirstOf(pattern),
            };
            filters.insert(name.clone(), filter);
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (names, filters)
}

/// The ids that are alike up to the cut, with the filters of those that do not select themselves;
/// none where they cannot all be had.
fn whole_ids(
    alike: usize,
    pattern: &str,
    count: &dyn Fn(&[&str]) -> usize,
    ids: &dyn Fn(&str) -> Vec<String>,
) -> Vec<(String, Option<Filter>)> {
    let found = if alike > 1 { ids(pattern) } else { Vec::new() };
    let mut all = Vec::new();
    let mut known = 0;
    for id in found {
        let whole = format!("^{}$", escape(&id));
        let (exact, matched) = (count(&["--exact", &id]), count(&[&whole]));
        known += matched;
        let filter = match (exact, matched) {
            (1, _) => None,
            (0, 1) => Some(Filter::Pattern(whole)),
            _ => Some(Filter::First(id.clone())),
        };
        all.push((id, filter));
    }
    if known == alike { all } else { Vec::new() }
}

/// The name that criterion numbered because it was used before.
fn used_before(title: &str, names: &[String]) -> Option<String> {
    let (name, number) = title.rsplit_once(" #")?;
    let is_number = number.parse::<u32>().is_ok_and(|n| n > 1);
    (is_number && names.iter().any(|n| n == name)).then(|| name.to_string())
}

/// The title with as many of the lines before it as make an id.
fn whole_name(title: &Title, count: &dyn Fn(&[&str]) -> usize) -> String {
    if title.before.is_empty() || count(&["--exact", &title.text]) > 0 {
        return title.text.clone();
    }
    let mut name = title.text.clone();
    for line in title.before.iter().rev().take(LINES) {
        name = format!("{line}\n{name}");
        if count(&["--exact", &name]) > 0 {
            return name;
        }
    }
    title.text.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, ids: &[&str]) -> Selected {
        names_where(text, ids, &|_| Vec::new())
    }

    /// As [`names`], where criterion writes these ids about runs.
    fn names_where(text: &str, ids: &[&str], written: &dyn Fn(&str) -> Vec<String>) -> Selected {
        let ask = |filter: &[&str]| {
            let chosen: Vec<&&str> = match filter {
                ["--exact", id] => ids.iter().filter(|i| *i == id).collect(),
                [pattern] => {
                    let prefix = pattern.trim_start_matches('^').replace('\\', "");
                    match prefix.strip_suffix('$') {
                        Some(whole) => ids.iter().filter(|i| **i == whole).collect(),
                        None => ids.iter().filter(|i| i.starts_with(&prefix)).collect(),
                    }
                }
                _ => Vec::new(),
            };
            Ok(chosen.iter().map(|i| format!("{i}: benchmark\n")).collect())
        };
        resolve(&parse(text), &ask, written)
    }

    #[test]
    fn a_list_gives_names_of_any_characters() {
        let text = "setting up…\nfib 20: benchmark\ng/a b/é: x: benchmark\n\nold: bench\n";
        let ids = ["fib 20", "g/a b/é: x", "old"];
        assert_eq!(
            names(text, &ids),
            (ids.map(String::from).to_vec(), BTreeMap::new())
        );
    }

    #[test]
    fn ids_that_their_author_numbered_are_as_many_benchmarks() {
        let text = "case: benchmark\ncase #2: benchmark\ntwice: benchmark\ntwice #2: benchmark\n";
        let (found, filters) = names(text, &["case", "case #2", "twice"]);
        assert_eq!(found, ["case", "case #2", "twice"]);
        let wanted = [("twice".to_string(), Filter::First("twice".into()))];
        assert_eq!(filters, BTreeMap::from(wanted));
    }

    #[test]
    fn an_id_of_two_lines_is_one_name() {
        let text = "noise\nq/select 1\nfrom t: benchmark\n\n pad : benchmark\na\r\nb: benchmark\n";
        let ids = ["q/select 1\nfrom t", " pad ", "a\r\nb"];
        assert_eq!(names(text, &ids).0, ids);
    }

    #[test]
    fn cut_and_repeated_names_are_selected_by_what_criterion_knows() {
        let long = "x".repeat(140);
        let cut = format!("{}...", &long[..100]);
        let text = format!("{cut}: benchmark\ntwice: benchmark\n\ntwice #2: benchmark\n");
        let (found, filters) = names(&text, &[&long, "twice"]);
        assert_eq!(found, [cut.clone(), "twice".into()]);
        let pattern = format!("^{}", &long[..100]);
        assert_eq!(filters[&cut], Filter::Pattern(pattern.clone()));
        assert_eq!(filters["twice"], Filter::First("twice".into()));
        let other = format!("{long}y");
        let (_, filters) = names(&text, &[&long, &other, "twice"]);
        assert_eq!(filters[&cut], Filter::FirstOf(pattern.clone()));
        // Criterion numbers a title that comes out of the cut like another.
        let text = format!("{cut}: benchmark\n{cut} #2: benchmark\n");
        let (found, filters) = names(&text, &[&long, &other]);
        assert_eq!(found, std::slice::from_ref(&cut));
        assert_eq!(filters[&cut], Filter::FirstOf(pattern));
    }

    #[test]
    fn ids_that_are_alike_up_to_the_cut_are_told_apart_by_what_is_written_of_runs() {
        let long = "x".repeat(140);
        let (one, two) = (format!("{long}a"), format!("{long}b"));
        let cut = format!("{}...", &long[..100]);
        let text = format!("{cut}: benchmark\n{cut} #2: benchmark\nshort: benchmark\n");
        let ids = [one.as_str(), &two, "short"];
        let (found, filters) = names_where(&text, &ids, &|_| vec![one.clone(), two.clone()]);
        assert_eq!(found, ids);
        assert!(filters.is_empty(), "{filters:?}");
        // All or none: a name must not mean another benchmark once more is written.
        let (found, _) = names_where(&text, &ids, &|_| vec![two.clone()]);
        assert_eq!(found, [cut.as_str(), "short"]);
    }
}
