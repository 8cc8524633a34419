//! What one leg says in the comment: where and which command first, then the numbers, then
//! what was not measured. Pure.

use super::marker::{LegOutcome, LegState};
use super::{LegSection, Style};
use crate::error::EXIT_NO_VERDICT;
use crate::format::{benchmarks, flag, signed, telling};
use crate::judge::{Checked, Judgement, Outcome, Row};
use crate::model::{Verdict, digest};
use crate::report::escape::{code, code_cell, html, plain, shell, tabled};
use crate::report::{direction, place, sides, unmeasured};

/// Characters of two values with their units.
const NUMBERS: usize = 200;
/// Rows of the table.
const ROWS: usize = 30;
/// Regressions that are shown with their functions.
const DETAILED: usize = 5;
const FUNCTIONS: usize = 8;
const NAMES: usize = 10;
const FAILURES: usize = 5;
const NOTES: usize = 8;
/// The text of one leg; blocks at its end go first. Four such legs fit into every forge's limit
/// but Bitbucket's.
const LONGEST: usize = 16_000;

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
    /// The page of the run.
    pub link: Option<String>,
    /// The page of its flame graphs.
    pub pictures: Option<String>,
}

/// What a check came to, as a section of the comment.
#[must_use]
pub fn section(checked: &Checked, leg: &Leg, style: Style) -> LegSection {
    let (mut state, blocks) = match checked {
        Checked::Judged(j) => (judged(j, leg), of_judgement(j, leg, style)),
        Checked::Failed { message, code } => (failed(*code, leg), of_failure(message, leg)),
    };
    let text = fitting(&blocks);
    state.text = digest(text.as_bytes())[..16].to_string();
    LegSection { state, text }
}

/// As many blocks as fit; the first always stands.
fn fitting(blocks: &[String]) -> String {
    let mut text = String::new();
    for (i, block) in blocks.iter().filter(|b| !b.is_empty()).enumerate() {
        if i > 0 && text.len() + block.len() > LONGEST {
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
        standing,
        regressed: 0,
        improved: 0,
        judged: 0,
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
    let counted = j.results.iter().filter(|r| r.judged && r.head.is_some());
    LegState {
        regressed: regressed.len(),
        improved: j.with(Verdict::Improved).len(),
        judged: counted.count(),
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

fn of_judgement(j: &Judgement, leg: &Leg, style: Style) -> Vec<String> {
    let regressed = j.unaccepted();
    let mut blocks = Vec::new();
    if let Some(worst) = regressed.first() {
        blocks.push(where_it_is(worst));
        blocks.push(commands(j, worst));
    }
    blocks.push(not_measured(j));
    blocks.push(table(j));
    blocks.push(pictures(j, leg));
    let details = regressed.iter().take(DETAILED);
    blocks.extend(details.map(|r| functions(r, style)));
    blocks.push(notes(j));
    blocks.push(foot(j, leg));
    blocks
}

fn of_failure(message: &str, leg: &Leg) -> Vec<String> {
    let said = telling(message, 300);
    vec![
        format!("Nothing was judged: {}", code(&said)),
        run_link(leg).map_or_else(String::new, |l| format!("{l} has the whole message.")),
    ]
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
        line.push_str(&format!(", in {}", code(&f.name)));
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

/// To reproduce, to search, to undo.
fn commands(j: &Judgement, row: &Row) -> String {
    let since = row.creep.as_ref().map_or(&j.base.sha, |c| &c.sha);
    let (base, head) = (since.short(), j.head.sha.short());
    let with = |f: &str| flag(f, &crate::format::name(&row.benchmark, 200));
    let mut lines = vec![format!("uptick compare {base} {head} {}", with("--only"))];
    if j.base.distance > 1 || row.creep.is_some() {
        lines.push(format!("uptick bisect {base} {head} {}", with("--bench")));
    }
    let lines: Vec<String> = lines.iter().map(|l| shell(l)).collect();
    format!("```sh\n{}\n```", lines.join("\n"))
}

fn table(j: &Judgement) -> String {
    let moved: Vec<&Row> = Verdict::MOVED.iter().flat_map(|v| j.with(*v)).collect();
    if moved.is_empty() {
        return String::new();
    }
    let mut lines = vec![
        "| benchmark | change | before → after | limit | verdict |".to_string(),
        "|---|---:|---|---:|---|".to_string(),
    ];
    lines.extend(moved.iter().take(ROWS).map(|r| row(r)));
    if moved.len() > ROWS {
        lines.push(format!("\n… and {} more", moved.len() - ROWS));
    }
    lines.join("\n")
}

fn row(r: &Row) -> String {
    let sign = r.sign();
    let accepted = r.accepted.as_ref().map_or_else(String::new, |reason| {
        format!(", accepted: {}", code_cell(reason))
    });
    format!(
        "| {} | {} | {}{} | {} | {sign} {}{accepted} |",
        tabled(&r.benchmark),
        whole(&plain(&r.moved(), NUMBERS)),
        plain(&sides(r), NUMBERS),
        direction(r),
        whole(&plain(&r.allowed(), NUMBERS)),
        r.verdict.name()
    )
}

/// A number and its unit on one line, however narrow the column.
fn whole(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn functions(row: &Row, style: Style) -> String {
    let mut lines = vec![
        format!("limit {}", plain(&row.why.words(), 300)),
        String::new(),
    ];
    if !row.functions.is_empty() {
        lines.push("| change | function | where |".into());
        lines.push("|---:|---|---|".into());
    }
    for f in row.functions.iter().take(FUNCTIONS) {
        lines.push(format!(
            "| {} | {} | {} |",
            signed(f.delta as f64),
            code_cell(&f.name),
            code_cell(&place(f))
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
    let title = format!("<code>{}</code>: functions and lines", html(&row.benchmark));
    format!("<details><summary>{title}</summary>\n\n{text}\n</details>")
}

/// What a reader might think was judged, and was not.
fn not_measured(j: &Judgement) -> String {
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
    for f in j.failures.iter().take(FAILURES) {
        let benchmark = f.benchmark.as_deref().unwrap_or("the commit");
        let said = code(&telling(&f.message, 200));
        lines.push(format!(
            "- {} failed ({}): {said}",
            code(benchmark),
            f.stage
        ));
    }
    if j.failures.len() > FAILURES {
        lines.push(format!("- and {} more failed", j.failures.len() - FAILURES));
    }
    if let (true, Some(why)) = (lines.is_empty(), unmeasured(j)) {
        return format!("{why}.");
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("Not judged:\n{}", lines.join("\n"))
}

fn pictures(j: &Judgement, leg: &Leg) -> String {
    let drawn = j.results.iter().filter(|r| r.flamegraph.is_some()).count();
    let Some(link) = leg.pictures.as_ref().filter(|_| drawn > 0) else {
        return String::new();
    };
    format!("[Flame graphs]({}) of {}", url(link), benchmarks(drawn))
}

fn notes(j: &Judgement) -> String {
    let all = j.doubts.iter().chain(&j.notes).chain(&j.hints);
    let notes = all.take(NOTES);
    let lines: Vec<String> = notes.map(|n| format!("- {}", plain(n, 400))).collect();
    lines.join("\n")
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
