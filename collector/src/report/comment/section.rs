//! What one leg says in the comment: where and which command first, then the numbers, then
//! what was not measured. Pure.

use super::marker::{LegOutcome, LegState};
use super::{LegSection, Style};
use crate::error::EXIT_NO_VERDICT;
use crate::format::{benchmarks, flag, share, signed, telling};
use crate::judge::{Checked, Judgement, Outcome, Row};
use crate::model::{Phase, Sha, Verdict, digest};
use crate::profile::names::UNKNOWN;
use crate::report::escape::{code, code_cell, html, plain, said, shell, tabled};
use crate::report::text::class_note;
use crate::report::{again, direction, flag_costs, place, sides, undo, unmeasured};
use std::collections::BTreeSet;

/// Characters of two values with their units.
const NUMBERS: usize = 200;
/// Rows of the table.
const ROWS: usize = 30;
/// Regressions that are shown with their functions.
const DETAILED: usize = 5;
const FUNCTIONS: usize = 8;
const NAMES: usize = 10;

/// How much there is room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Failures of different reasons.
    failures: usize,
    notes: usize,
    /// Bytes of the text; blocks at its end go first.
    longest: usize,
}

impl Room {
    /// In a comment: four such legs fit into every forge's limit but Bitbucket's.
    const COMMENT: Self = Self {
        failures: 5,
        notes: 8,
        longest: 16_000,
    };
    /// On a page of its own. A step's summary of more than 1 MiB is dropped whole by GitHub.
    pub(super) const PAGE: Self = Self {
        failures: 50,
        notes: 50,
        longest: 500_000,
    };
}

/// Which run it is that speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Its name; empty where there is but one.
    pub name: String,
    /// The job that it is a leg of.
    pub job: String,
    /// The architecture that it runs on, for a check that measured nothing.
    pub machine: String,
    /// The head of the pull request, as the forge names it.
    pub head: String,
    /// The run of the forge's CI.
    pub run: u64,
    /// Which try of that run.
    pub attempt: u64,
    /// The CI that the run is of.
    pub ci: String,
    /// The page of the run.
    pub link: Option<String>,
    /// The page of its flame graphs.
    pub pictures: Option<String>,
}

/// What a check came to, as a section of the comment.
#[must_use]
pub fn section(checked: &Checked, leg: &Leg, style: Style) -> LegSection {
    let mut section = match checked {
        Checked::Judged(j) => of_judgement(j, leg, style, Room::COMMENT),
        Checked::Failed { message, code } => of_failure(message, *code, leg),
    };
    section.state.text = digest(section.text.as_bytes())[..16].to_string();
    section
}

/// As many blocks as fit; the first always stands.
fn fitting(blocks: &[String], longest: usize) -> String {
    let mut text = String::new();
    for (i, block) in blocks.iter().filter(|b| !b.is_empty()).enumerate() {
        if i > 0 && text.len() + block.len() > longest {
            text.push_str("\n\nCut here: the log of the run has the rest.");
            break;
        }
        if i > 0 {
            text.push_str("\n\n");
        }
        text.push_str(block.trim_end());
    }
    text
}

/// A leg without a name of its own is known by its job and its machine, which a
/// second try after a failure has in common with the first.
fn blank(leg: &Leg, machine: &str, standing: LegOutcome) -> LegState {
    let named = !leg.name.is_empty();
    let id = if named {
        leg.name.clone()
    } else {
        format!("{}\0{machine}", leg.job)
    };
    let parts = [&leg.name, &leg.job].into_iter().find(|n| !n.is_empty());
    LegState {
        id: digest(id.as_bytes())[..16].to_string(),
        name: cut(parts.map_or(machine, String::as_str)),
        head: leg.head.clone(),
        run: leg.run,
        attempt: leg.attempt,
        ci: leg.ci.clone(),
        disputed: false,
        standing,
        regressed: 0,
        accepted: 0,
        improved: 0,
        maybe_worse: 0,
        judged: 0,
        failed: 0,
        worst: None,
        text: String::new(),
    }
}

fn judged(j: &Judgement, leg: &Leg) -> LegState {
    let regressed = j.unaccepted();
    let standing = match j.outcome {
        Outcome::Regressed => LegOutcome::Regressed,
        _ if !j.failures.is_empty() => LegOutcome::Failed,
        Outcome::NoVerdict => LegOutcome::NoVerdict,
        Outcome::Ok => LegOutcome::Ok,
    };
    let failing: BTreeSet<&str> = j
        .failures
        .iter()
        .filter_map(|f| f.benchmark.as_deref())
        .collect();
    LegState {
        regressed: regressed.len(),
        accepted: j.with(Verdict::Regressed).len() - regressed.len(),
        improved: j.with(Verdict::Improved).len(),
        maybe_worse: j.maybe_worse().len(),
        failed: failing.len(),
        judged: j.counted(),
        worst: regressed.first().map(|r| (cut(&r.benchmark), r.moved())),
        ..blank(leg, architecture(j), standing)
    }
}

fn failed(code: u8, leg: &Leg) -> LegState {
    let standing = if code == EXIT_NO_VERDICT {
        LegOutcome::NoVerdict
    } else {
        LegOutcome::Failed
    };
    blank(leg, &leg.machine, standing)
}

fn cut(name: &str) -> String {
    crate::format::name(name, 120)
}

fn architecture(j: &Judgement) -> &str {
    j.testbed
        .facts
        .get("arch")
        .map_or("this machine", String::as_str)
}

pub(super) fn of_judgement(j: &Judgement, leg: &Leg, style: Style, room: Room) -> LegSection {
    let regressed = j.unaccepted();
    let mut blocks = Vec::new();
    if let Some(worst) = regressed.first() {
        blocks.push(where_it_is(worst));
        blocks.push(commands(j, worst, leg));
    }
    blocks.push(not_measured(j, room));
    blocks.push(table(j));
    blocks.push(pictures(j, leg));
    let details = regressed.iter().take(DETAILED);
    blocks.extend(details.map(|r| functions(j, r, style)));
    blocks.push(notes(j, room));
    blocks.push(foot(j, leg));
    LegSection {
        state: judged(j, leg),
        text: fitting(&blocks, room.longest),
    }
}

pub(super) fn of_failure(message: &str, code: u8, leg: &Leg) -> LegSection {
    let why = said(&telling(message, 300), 300);
    let whole = run_link(leg).map_or_else(String::new, |l| format!("{l} has the whole message."));
    let blocks = [format!("Nothing was judged: {why}"), whole];
    LegSection {
        state: failed(code, leg),
        text: fitting(&blocks, Room::COMMENT.longest),
    }
}

/// The benchmark that moved most: numbers, function, line.
fn where_it_is(row: &Row) -> String {
    let mut line = format!(
        "**{} {}**: {}{}",
        code(&row.benchmark),
        plain(&row.moved(), NUMBERS),
        plain(&sides(row), NUMBERS),
        direction(row)
    );
    if let Some(f) = row.functions.iter().max_by_key(|f| f.delta) {
        let inside = match f.name.as_str() {
            UNKNOWN => "code without symbols".to_string(),
            known => code(known),
        };
        line.push_str(&format!(", in {inside}"));
    }
    if let Some(l) = row.likely.first() {
        let at = code(&format!("{}:{}", l.file, l.line));
        line.push_str(&format!(", likely {at} ({})", signed(l.delta as f64)));
    }
    if !row.confirmed {
        line.push_str(", not measured again");
    }
    line
}

/// Characters of a name that stands in a command.
const NAMED: usize = 200;

/// What was measured, where that is the merge that a forge made of a pull request: only it has that
/// commit.
fn merged_by_forge<'a>(j: &'a Judgement, leg: &Leg) -> Option<&'a Sha> {
    let of_another = !leg.head.is_empty() && leg.head != j.head.sha.0;
    let merge = j.base.proposal && j.head.parents.len() > 1;
    (of_another || merge).then_some(&j.head.sha)
}

/// To reproduce, to search, to take back.
fn commands(j: &Judgement, row: &Row, leg: &Leg) -> String {
    let since = row.creep.as_ref().map_or(&j.base.sha, |c| &c.sha);
    let (base, head) = (since.short(), j.head.sha.short());
    // A comment has to stay short, and a part of a name asks for nothing: without it the command
    // asks for every benchmark.
    let name = crate::format::whole(&row.benchmark);
    let is_short = name.chars().count() <= NAMED;
    let with = |words: String, f: &str| match is_short {
        true => format!("{words} {}", flag(f, &name)),
        false => words,
    };
    let merge = merged_by_forge(j, leg);
    let fetch = merge.map(|sha| format!("git fetch origin {sha}"));
    let compare = match row.creep {
        None => again(j),
        Some(_) => format!("uptick compare {base} {head}"),
    };
    let mut lines: Vec<String> = fetch.into_iter().collect();
    lines.push(with(compare, "--only"));
    if j.base.distance > 1 || row.creep.is_some() || merge.is_some() {
        lines.push(with(format!("uptick bisect {base} {head}"), "--bench"));
    }
    lines.extend(undo(j));
    let lines: Vec<String> = lines.iter().map(|l| shell(l)).collect();
    format!("```sh\n{}\n```", lines.join("\n"))
}

fn table(j: &Judgement) -> String {
    let moved: Vec<&Row> = Verdict::MOVED.iter().flat_map(|v| j.with(*v)).collect();
    if moved.is_empty() {
        return String::new();
    }
    let shown: Vec<&Row> = moved.iter().take(ROWS).copied().collect();
    let unit = one_unit(&shown);
    let named = unit.as_ref().map_or_else(String::new, |u| format!(", {u}"));
    let mut lines = vec![
        format!("| benchmark | change | before → after{named} | limit | verdict |"),
        "|---|---:|---|---:|---|".to_string(),
    ];
    let unit = unit.unwrap_or_default();
    lines.extend(shown.iter().map(|r| row(r, &unit)));
    if moved.len() > ROWS {
        lines.push(format!("\n… and {} more", moved.len() - ROWS));
    }
    lines.join("\n")
}

/// The unit of all these numbers, where they have one: it stands once, above them.
fn one_unit(rows: &[&Row]) -> Option<String> {
    let unit = |r: &Row| Some(plain(&sides(r), NUMBERS).rsplit_once(' ')?.1.to_string());
    let first = unit(rows.first()?)?;
    let is_word = first.chars().all(char::is_alphabetic);
    let is_one = rows.iter().all(|r| unit(r).as_ref() == Some(&first));
    (is_word && is_one).then_some(first)
}

/// A row of the table, above which `unit` stands.
fn row(r: &Row, unit: &str) -> String {
    let sign = r.sign();
    let numbers = plain(&sides(r), NUMBERS);
    let numbers = numbers.strip_suffix(unit).unwrap_or(&numbers).trim_end();
    let accepted = r.accepted.as_ref().map_or_else(String::new, |reason| {
        format!(", accepted: {}", plain(reason, NUMBERS))
    });
    let class = class_note(r.class).map_or_else(String::new, |c| format!(" ({c})"));
    format!(
        "| {} | {} | {}{}{class} | {} | {sign}\u{a0}{}{accepted} |",
        tabled(&r.benchmark),
        whole(&plain(&r.moved(), NUMBERS)),
        whole(numbers).replace("\u{a0}→\u{a0}", " →\u{a0}"),
        direction(r),
        whole(&plain(&r.allowed(), NUMBERS)),
        r.verdict.name()
    )
}

/// A number and its unit on one line, however narrow the column.
fn whole(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn functions(j: &Judgement, row: &Row, style: Style) -> String {
    let limit = format!("limit {}", plain(&row.why.words(), 300));
    let mut lines = match flag_costs(j, row) {
        Some(costs) => vec![plain(&costs, NUMBERS), String::new(), limit, String::new()],
        None => vec![limit, String::new()],
    };
    if !row.functions.is_empty() {
        lines.push("| change | function | where |".into());
        lines.push("|---:|---|---|".into());
    }
    for f in row.functions.iter().take(FUNCTIONS) {
        let place = place(f);
        let place = match place.is_empty() {
            true => String::new(),
            false => code_cell(&place),
        };
        lines.push(format!(
            "| {} | {} | {place} |",
            signed(f.delta as f64),
            code_cell(&f.name)
        ));
    }
    for l in row.likely.iter().take(3) {
        let inside = l.function.as_ref();
        let inside = inside.map_or_else(String::new, |f| format!(" in {}", code(f)));
        let at = code(&format!("{}:{}", l.file, l.line));
        lines.push(format!(
            "\nlikely {at} ({}){inside}",
            signed(l.delta as f64)
        ));
    }
    let text = lines.join("\n");
    if !style.folds {
        return format!("**{}**\n\n{text}", code(&row.benchmark));
    }
    let what = match row.functions.is_empty() && row.likely.is_empty() {
        true => "limit",
        false => "functions and lines",
    };
    let title = format!("<code>{}</code>: {what}", html(&row.benchmark));
    format!("<details><summary>{title}</summary>\n\n{text}\n</details>")
}

/// What a reader might think was judged, and was not.
fn not_measured(j: &Judgement, room: Room) -> String {
    let mut lines = Vec::new();
    for verdict in [Verdict::Vanished, Verdict::Incomparable, Verdict::New] {
        let rows = j.with(verdict);
        let Some(first) = rows.first() else { continue };
        let names: Vec<String> = rows
            .iter()
            .take(NAMES)
            .map(|r| code(&r.benchmark))
            .collect();
        let more = match rows.len().saturating_sub(NAMES) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let what = match verdict {
            Verdict::Vanished => "gone, the baseline had it".to_string(),
            Verdict::New => "new, the baseline has none".into(),
            _ => plain(&first.why.words(), 200),
        };
        lines.push(format!("- {}{more} ({what})", names.join(", ")));
    }
    lines.extend(failures(j, room.failures));
    lines.extend(cannot_tell(j));
    if let (true, Some(why)) = (lines.is_empty(), unmeasured(j)) {
        return format!("{why}.");
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("Not judged:\n{}", lines.join("\n"))
}

/// What failed, one line a reason: one build has many benchmarks.
fn failures(j: &Judgement, most: usize) -> Vec<String> {
    let mut reasons: Vec<(Phase, String, Vec<&str>)> = Vec::new();
    for f in &j.failures {
        let why = telling(&f.message, 200);
        let name = f.benchmark.as_deref().unwrap_or("the commit");
        match reasons.iter_mut().find(|r| r.0 == f.stage && r.1 == why) {
            Some((.., names)) => names.push(name),
            None => reasons.push((f.stage, why, vec![name])),
        }
    }
    let line = |(stage, why, names): &(Phase, String, Vec<&str>)| {
        let first: Vec<String> = names.iter().take(NAMES).map(|n| code(n)).collect();
        let more = match names.len().saturating_sub(NAMES) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!(
            "- {}{more} failed ({stage}): {}",
            first.join(", "),
            said(why, 200)
        )
    };
    let mut lines: Vec<String> = reasons.iter().take(most).map(line).collect();
    let rest = reasons.iter().skip(most).map(|(.., names)| names.len());
    match rest.sum::<usize>() {
        0 => {}
        n => lines.push(format!("- and {n} more failed")),
    }
    lines
}

/// What moved by less than could be told.
fn cannot_tell(j: &Judgement) -> Vec<String> {
    let blind = j.blind();
    let line = |row: &&Row| {
        let least = row.cannot_tell_below.filter(|l| l.is_finite());
        let least = least.map_or_else(String::new, |l| {
            format!(", changes from {} would show", share(l))
        });
        let moved = plain(&row.moved(), NUMBERS);
        format!("- {} cannot be told: {moved}{least}", code(&row.benchmark))
    };
    blind.iter().take(NAMES).map(line).collect()
}

fn pictures(j: &Judgement, leg: &Leg) -> String {
    let drawn = j.results.iter().filter(|r| r.flamegraph.is_some()).count();
    let Some(link) = leg.pictures.as_ref().filter(|_| drawn > 0) else {
        return String::new();
    };
    format!("[Flame graphs]({}) of {}", url(link), benchmarks(drawn))
}

fn notes(j: &Judgement, room: Room) -> String {
    let all = j.doubts.iter().chain(&j.notes).chain(&j.hints);
    let notes = all.take(room.notes);
    let lines: Vec<String> = notes.map(|n| format!("- {}", plain(n, 400))).collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("Notes:\n{}", lines.join("\n")),
    }
}

fn foot(j: &Judgement, leg: &Leg) -> String {
    let (base, head) = (j.base.sha.short(), j.head.sha.short());
    let of = match leg.head.get(..9) {
        Some(of) if of != head => format!(" (of {})", code(of)),
        _ => String::new(),
    };
    let run = run_link(leg).map_or_else(String::new, |l| format!(" · {l}"));
    format!(
        "{}{of} against {}, {} · {} on {}{run}",
        code(head),
        code(base),
        plain(&j.base.how, 120),
        plain(j.counter.name(), 100),
        plain(architecture(j), 40)
    )
}

fn run_link(leg: &Leg) -> Option<String> {
    leg.link.as_ref().map(|l| format!("[run]({})", url(l)))
}

/// An address inside a link: nothing in it ends the link or the line.
fn url(address: &str) -> String {
    let keep = |c: &char| c.is_ascii_graphic() && !"()<>[]\\`\"'".contains(*c);
    address.chars().filter(keep).take(500).collect()
}
