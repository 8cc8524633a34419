//! What a search found, in a terminal (80 columns wide, the culprit first) and as Markdown.

use std::path::Path;

use crate::format::{from_to, moved, name, plural, sentence, share, signed, telling, value};
use crate::profile::names;
use crate::report::escape::{code, code_cell, command};
use crate::report::markdown::cell;
use crate::report::{from_here, place};
use crate::search::finding::{Finding, Found, FoundStep, Named};
use crate::stats::change;

const WIDTH: usize = 80;
const STEPS: usize = 6;
const SUSPECTS: usize = 8;
const SKIPPED: usize = 4;
const FUNCTIONS: usize = 5;

/// The finding as text, lines ended by a newline; files are named from the directory `here`.
#[must_use]
pub fn text(f: &Finding, here: &Path) -> String {
    let mut out = vec![headline(f)];
    out.extend(numbers(f));
    if let Some(c) = &f.culprit {
        out.push(field(
            "author",
            &format!("{}, {}", name(&c.author, 40), c.day()),
        ));
    }
    for m in f.merges.iter().rev() {
        let merged = format!("{} {}", m.sha.short(), sentence(&m.subject, 50));
        out.push(field("merged by", &merged));
    }
    if let Some(explained) = explained(f) {
        out.extend(wrapped("explains", &explained));
    }
    out.push(field("sure", &sureness(f)));
    out.extend(wrapped("effort", &effort(f)));
    for d in f.dependencies.iter().take(STEPS) {
        out.extend(wrapped("bumps", d));
    }
    suspects(f, &mut out);
    functions(f, &mut out);
    others(f, &mut out);
    skipped(f, &mut out);
    if !f.reason.is_empty() {
        out.extend(wrapped("why", &f.reason));
    }
    if let Some(svg) = &f.flamegraph {
        // A path is not cut: it is there to be opened.
        out.push(format!("    see       {}", from_here(svg, here)));
    }
    if let Some(undo) = &f.undo {
        out.push(field("undo", undo));
    }
    for note in &f.notes {
        out.extend(wrapped("note", note));
    }
    out.join("\n") + "\n"
}

/// The longest path that is shown whole.
const PATH: usize = 400;

/// Two texts on one line, or on two where they do not fit; neither is cut.
fn followed(first: &str, second: &str) -> Vec<String> {
    let line = format!("{first}  {second}");
    let line = line.trim_end();
    if line.chars().count() <= WIDTH || second.is_empty() {
        return vec![line.to_string()];
    }
    vec![first.trim_end().to_string(), format!("{:16}{second}", "")]
}

/// Whether both ends are the same build, so that nothing was counted.
fn is_uncounted(f: &Finding) -> bool {
    f.outcome == Found::NoRegression && (f.before, f.after) == (0.0, 0.0)
}

/// The benchmark, its change and both values.
fn numbers(f: &Finding) -> Vec<String> {
    if is_uncounted(f) {
        return vec![name(&f.benchmark, 40)];
    }
    let first = format!("{}  {}", name(&f.benchmark, 40), size(f));
    followed(&first, &sides(f))
}

/// What part of the range's change the culprit made; more than all of it where others took some
/// back.
fn explained(f: &Finding) -> Option<String> {
    let total = moved(change(f.good, f.bad), (f.good, f.bad), &f.metric);
    let s = f.share?;
    Some(if s > 1.005 {
        format!("more than the range's {total}: other commits took some of it back")
    } else {
        format!("{} of the range's {total}", share(s))
    })
}

fn headline(f: &Finding) -> String {
    let line = match (f.outcome, &f.culprit) {
        (Found::Found, Some(c)) => format!("FOUND: {} {}", c.sha.short(), sentence(&c.subject, 62)),
        (Found::NoRegression, _) => format!(
            "NOT REPRODUCED between {} and {}",
            f.range.good.short(),
            f.range.bad.short()
        ),
        (Found::Contradicted, _) => match f.suspects.as_slice() {
            [one] => format!(
                "NOT CONFIRMED: {} does not differ from its parent",
                one.short()
            ),
            _ => "NOT CONFIRMED: the step does not show again".into(),
        },
        _ if f.suspects.is_empty() => "UNDECIDED: the ends differ, nothing can be blamed".into(),
        _ => format!(
            "ONE OF {} commits: they cannot be told apart",
            f.suspects.len()
        ),
    };
    cut(line)
}

/// `before → after` in the metric's unit.
fn sides(f: &Finding) -> String {
    from_to(&value(f.before, &f.metric), &value(f.after, &f.metric))
}

/// How far the culprit moved it.
fn size(f: &Finding) -> String {
    moved(f.change, (f.before, f.after), &f.metric)
}

fn sureness(f: &Finding) -> String {
    let verified = match f.verified {
        Some(true) => ", verified against its parent",
        Some(false) => ", but NOT verified against its parent",
        None => "",
    };
    match f.outcome {
        Found::NoRegression if is_uncounted(f) => "both ends are the same build".into(),
        Found::NoRegression => "both ends measured".into(),
        Found::Contradicted => "no: its own verification contradicts it".into(),
        _ => format!("{:.0} %{verified}", 100.0 * f.confidence),
    }
}

fn effort(f: &Finding) -> String {
    let runs = if f.runs > 0 {
        format!(", {}", plural(f.runs, "run"))
    } else {
        String::new()
    };
    // What came after looked for further steps.
    let located = match f.located {
        Some(n) if n < f.measured => format!(" (culprit known after {n})"),
        _ => String::new(),
    };
    let some = |n: usize, what: &str| {
        if n > 0 {
            format!(", {n} {what}")
        } else {
            String::new()
        }
    };
    let more = f.builds.saturating_sub(f.measured + f.skipped.len());
    let profiles = if more > 0 {
        format!(", {} more to verify and explain", plural(more, "build"))
    } else {
        String::new()
    };
    format!(
        "{} measured in a range of {}{}{located}{profiles}{}{}{runs}",
        plural(f.measured, "commit"),
        f.range.commits,
        some(f.inside, "inside merges"),
        some(f.reused, "reused"),
        some(f.skipped.len(), "skipped")
    )
}

fn suspects(f: &Finding, out: &mut Vec<String>) {
    if f.outcome != Found::Range {
        return;
    }
    for sha in f.suspects.iter().take(SUSPECTS) {
        out.push(field("suspect", sha.short()));
    }
    if f.suspects.len() > SUSPECTS {
        out.push(field(
            "",
            &format!("and {} more", f.suspects.len() - SUSPECTS),
        ));
    }
}

fn functions(f: &Finding, out: &mut Vec<String>) {
    for g in f.functions.iter().take(FUNCTIONS) {
        let function = name(&names::short(&g.name), 34);
        let line = format!("    {:>10}  {function:<34}", signed(g.delta as f64));
        out.extend(followed(&line, &name(&place(g), PATH)));
    }
    for l in f.likely.iter().take(2) {
        // A path is not cut: it is there to be opened.
        out.push(format!(
            "    likely    {}:{} ({})",
            name(&l.file, PATH),
            l.line,
            signed(l.delta as f64)
        ));
    }
}

/// The steps that are not the one blamed.
fn rest(f: &Finding) -> Vec<&FoundStep> {
    f.steps
        .iter()
        .filter(|s| s.suspects != f.suspects)
        .collect()
}

fn others(f: &Finding, out: &mut Vec<String>) {
    let rest = rest(f);
    for s in rest.iter().take(STEPS) {
        let set = if s.suspects.len() > 1 {
            format!(" (one of {})", s.suspects.len())
        } else {
            String::new()
        };
        out.push(cut(format!(
            "    also      {}  {} {}{set}",
            moved(s.change, (s.before, s.after), &f.metric),
            s.sha.short(),
            sentence(&s.subject, 40)
        )));
    }
    if rest.len() > STEPS {
        out.push(field("", &format!("and {} more steps", rest.len() - STEPS)));
    }
}

fn skipped(f: &Finding, out: &mut Vec<String>) {
    for s in f.skipped.iter().take(SKIPPED) {
        let suspect = if s.suspect { " (a suspect)" } else { "" };
        let line = format!("{}{suspect} {}", s.sha.short(), telling(&s.why, 52));
        out.push(field("skipped", &line));
    }
    if f.skipped.len() > SKIPPED {
        out.push(field(
            "",
            &format!("and {} more", f.skipped.len() - SKIPPED),
        ));
    }
}

fn field(label: &str, text: &str) -> String {
    cut(format!("    {label:<9} {text}"))
}

/// A sentence under a label, on as many lines as it needs.
fn wrapped(label: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("    {label:<9}");
    for word in name(text, 1000).split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(13)));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn cut(line: String) -> String {
    let line = line.trim_end().to_string();
    if line.chars().count() <= WIDTH {
        return line;
    }
    let kept: String = line.chars().take(WIDTH - 1).collect();
    kept + "…"
}

/// The finding as Markdown, to paste into an issue.
#[must_use]
pub fn markdown(f: &Finding) -> String {
    let mut out = vec![title(f), String::new()];
    let counted = match is_uncounted(f) {
        true => sureness(f),
        false => format!("**{}** · {}", cell(&size(f)), cell(&sides(f))),
    };
    let metric = cell(f.metric.name());
    out.push(format!("{} · {metric} · {counted}", code(&f.benchmark)));
    if let Some(c) = &f.culprit {
        out.push(format!("\nby {}, {}", cell(&c.author), c.day()));
    }
    for m in f.merges.iter().rev() {
        out.push(format!("\nmerged by {}", named(m)));
    }
    for d in &f.dependencies {
        out.push(format!("\nbumps {}", cell(d)));
    }
    let explained =
        explained(f).map_or_else(String::new, |explained| format!("explains {explained}; "));
    out.push(format!("\n{explained}{} sure; {}", sureness(f), effort(f)));
    if !f.functions.is_empty() {
        out.push("\n| function | change | where |\n|---|---:|---|".into());
        for g in f.functions.iter().take(2 * FUNCTIONS) {
            out.push(format!(
                "| {} | {} | {} |",
                code_cell(&names::short(&g.name)),
                signed(g.delta as f64),
                code_cell(&place(g))
            ));
        }
    }
    lists(f, &mut out);
    if let Some(undo) = &f.undo {
        out.push(format!("\nundo: {}", command(undo)));
    }
    out.push(format!("\nagain: {}", command(&f.again)));
    out.join("\n") + "\n"
}

fn title(f: &Finding) -> String {
    match (f.outcome, &f.culprit) {
        (Found::Found, Some(c)) => format!("### {}", named(c)),
        (Found::NoRegression, _) => "### not reproduced".into(),
        (Found::Contradicted, _) => "### not confirmed".into(),
        _ => format!("### one of {} commits", f.suspects.len()),
    }
}

fn named(c: &Named) -> String {
    format!("{} {}", code(c.sha.short()), cell(&c.subject))
}

fn lists(f: &Finding, out: &mut Vec<String>) {
    if f.outcome == Found::Range {
        let shas: Vec<String> = f.suspects.iter().map(|s| code(s.short())).collect();
        out.push(format!("\nsuspects: {}", shas.join(" ")));
    }
    for s in rest(f) {
        out.push(format!(
            "\nalso {} {} {}",
            moved(s.change, (s.before, s.after), &f.metric),
            code(s.sha.short()),
            cell(&s.subject)
        ));
    }
    for s in &f.skipped {
        let why = telling(&s.why, 100);
        out.push(format!("\nskipped {}: {}", code(s.sha.short()), cell(&why)));
    }
    if !f.reason.is_empty() {
        out.push(format!("\n{}", cell(&f.reason)));
    }
}
