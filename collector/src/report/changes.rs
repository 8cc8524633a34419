//! The changes of a store in a terminal: by commit, the newest first, 80 columns wide.

use crate::detect::alerts::life::{Resolution, State};
use crate::detect::{Class, Kind};
use crate::format::{arrow, from_to, moved, name, percent, plural, sentence, share, value};
use crate::history::steps::{GroupRef, SeriesSteps, Step, Steps};
use crate::model::{Better, Sha};

const WIDTH: usize = 80;
/// Changes of one commit that are listed; the others are counted.
const LISTED: usize = 20;

/// The document as text, lines ended by a newline; `all` shows what is settled or recovered too.
#[must_use]
pub fn changes(d: &Steps, all: bool) -> String {
    let mut out = Vec::new();
    for g in &d.groups {
        group(d, g, all, &mut out);
    }
    for s in &d.series {
        environment(s, &mut out);
        oddities(s, &mut out);
    }
    out.push(summary(d, all));
    out.extend(expected(d));
    let lines = out.iter().flat_map(|l| l.split('\n')).map(cut);
    let lines = lines.collect::<Vec<_>>();
    lines.join("\n") + "\n"
}

/// A line that fits, whatever the names in it are.
fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_string();
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

fn group(d: &Steps, g: &GroupRef, all: bool, out: &mut Vec<String>) {
    let members: Vec<(&SeriesSteps, &Step)> = d
        .all()
        .filter(|(_, c)| g.changes.contains(&c.id) && (all || c.open))
        .collect();
    if members.is_empty() {
        return;
    }
    let is_drift = members.iter().all(|(_, c)| c.change.kind == Kind::Drift);
    out.push(if is_drift {
        format!("a drift up to {}", heading(g))
    } else {
        heading(g)
    });
    if g.everything {
        out.push("  every series of this testbed moved: did the machine change?".into());
    }
    for (s, c) in members.iter().take(LISTED) {
        out.extend(step(s, c));
    }
    if members.len() > LISTED {
        out.push(format!("  … and {} more", members.len() - LISTED));
    }
    out.push(String::new());
}

fn heading(g: &GroupRef) -> String {
    match g.commits.as_slice() {
        [one] => format!("{} {}", one.sha.short(), sentence(&one.subject, WIDTH - 11)),
        [first, .., last] => format!(
            "{}..{} one of {} commits, {}",
            first.sha.short(),
            last.sha.short(),
            g.last - g.first + 1,
            sentence(&last.subject, 30)
        ),
        [] if g.first == g.last => format!("position {}", g.last),
        [] => format!("positions {} to {}", g.first, g.last),
    }
}

fn step(s: &SeriesSteps, c: &Step) -> Vec<String> {
    let change = &c.change;
    let mark = arrow(change.change);
    let size = |x: f64| moved(x, (change.before, change.after), &s.metric);
    let interval = if change.low == change.high || change.before <= 0.0 || change.after < 0.0 {
        String::new()
    } else {
        format!(" ({} … {})", percent(change.low), percent(change.high))
    };
    let mut lines = vec![format!(
        "  {mark} {}  {}{interval}{}",
        name(&s.benchmark, 40),
        size(change.change),
        worth(s, c)
    )];
    lines.push(format!("      {} {}", levels(s, c), s.counter.by()));
    lines.push(match change.kind {
        Kind::Drift => format!("      no single commit did it; {}", noise(s)),
        Kind::Step | Kind::Environment => format!(
            "      held in {} of {} since; {}",
            c.since.held,
            plural(c.since.measured, "commit"),
            noise(s)
        ),
    });
    if c.in_set > 1 {
        lines.push(set(c));
    }
    lines.push(format!("      {}{} · id {}", life(c), people(c), c.id));
    if !c.note.is_empty() {
        let who = c
            .accepted_in
            .as_ref()
            .map_or_else(String::new, |a| format!(" (in {})", a.sha.short()));
        lines.push(format!("      “{}”{who}", sentence(&c.note, 50)));
    }
    lines
}

/// What a change means where its arrow does not say it: for a metric of which more is better.
fn worth(s: &SeriesSteps, c: &Step) -> String {
    match s.metric.better() {
        Better::Lower => String::new(),
        Better::Higher => format!("  {}: higher is better", c.verdict.name()),
    }
}

/// `before → after unit`.
fn levels(s: &SeriesSteps, c: &Step) -> String {
    from_to(
        &value(c.change.before, &s.metric),
        &value(c.change.after, &s.metric),
    )
}

/// The commits that it may be, where that is more than one.
fn set(c: &Step) -> String {
    let best = c
        .commit
        .as_ref()
        .map_or_else(String::new, |b| format!(", likeliest {}", b.sha.short()));
    format!("      one of {} commits{best}: `uptick bisect`", c.in_set)
}

fn noise(s: &SeriesSteps) -> String {
    match s.class {
        // Of a young series only leaps of exact counts are reported, which need no learning.
        Class::Young if s.changes.is_empty() => "still learning".into(),
        Class::Young => format!("young: {}, counted exactly", plural(s.points, "commit")),
        Class::Exact => "exact: repeats its value".into(),
        Class::Walk => format!("walk: moves by {} a commit", share(s.noise)),
        Class::Noisy => format!("noisy: varies by {}", share(s.noise)),
    }
}

/// Which commit mended a change, and who takes it on.
fn people(c: &Step) -> String {
    let fixed = match (Sha(c.fixed.clone()).short(), went_back(c)) {
        ("", _) => String::new(),
        // Its state says "fixed" just before.
        (sha, None) => format!(" by {sha}"),
        (sha, Some(_)) => format!(" · fixed by {sha}"),
    };
    match c.assignee.as_str() {
        "" => fixed,
        name_of => format!("{fixed} · @{}", name(name_of, 30)),
    }
}

/// The state in words.
fn life(c: &Step) -> String {
    match went_back(c) {
        Some(words) => words,
        None if c.told || c.state != State::New => match &c.snoozed {
            Some(until) => format!("{}, {until}", state(c.state)),
            None => state(c.state).into(),
        },
        None => "no alert: not sure enough as the commits came".into(),
    }
}

/// That a change went back by itself, or is the way back of one.
fn went_back(c: &Step) -> Option<String> {
    let back = c.recovered.map(|at| format!("went back at {at}"));
    back.or_else(|| c.recovers.map(|at| format!("the way back of {at}")))
}

/// The word for a state.
#[must_use]
pub const fn state(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Acknowledged => "acknowledged",
        State::Resolved(Resolution::FixedBy) => "fixed",
        State::Resolved(Resolution::Accepted) => "accepted",
        State::Resolved(Resolution::Noise) => "noise",
        State::Resolved(Resolution::Infra) => "infra",
        State::Resolved(Resolution::Invalid) => "invalid",
    }
}

/// A change of testbed; nobody is blamed.
fn environment(s: &SeriesSteps, out: &mut Vec<String>) {
    let Some(e) = &s.environment else { return };
    let at = e.commit.as_ref().map_or_else(
        || e.testbed_change.at.to_string(),
        |c| c.sha.short().to_string(),
    );
    out.push(format!(
        "{}: another testbed from {at} on, a series of its own",
        name(&s.benchmark, 34)
    ));
    for f in e.testbed_change.facts.iter().take(3) {
        out.push(format!(
            "  {}: {} → {}",
            name(&f.name, 12),
            name(&f.before, 28),
            name(&f.after, 28)
        ));
    }
    let levels = from_to(
        &value(e.testbed_change.before, &s.metric),
        &value(e.testbed_change.after, &s.metric),
    );
    out.push(format!("  {levels}: no commit is blamed"));
}

fn oddities(s: &SeriesSteps, out: &mut Vec<String>) {
    let benchmark = name(&s.benchmark, 34);
    if s.drift != 0.0 {
        let whole = percent(s.drift * s.points as f64);
        out.push(format!(
            "{benchmark}: drifts, {whole} over {}, no step",
            plural(s.points, "commit")
        ));
    }
    if s.stuck > 0 {
        out.push(format!(
            "{benchmark}: {} identical values in a row: is it stuck?",
            s.stuck
        ));
    }
}

fn summary(d: &Steps, all: bool) -> String {
    let open = d.all().filter(|(_, c)| c.open).count();
    let snoozed = d.all().filter(|(_, c)| c.snoozed.is_some()).count();
    let closed = d.all().filter(|(_, c)| !c.open && c.told).count() - snoozed;
    let untold = d.all().filter(|(_, c)| !c.told).count();
    let series = plural(d.series.len(), "series");
    let more = match closed {
        0 => String::new(),
        n => format!(", {n} settled or recovered"),
    };
    let later = match snoozed {
        0 => String::new(),
        n => format!(", {n} snoozed"),
    };
    let unsure = match untold {
        0 => String::new(),
        n => format!(", {n} not sure enough for an alert"),
    };
    let how = match closed + snoozed + untold {
        1.. if !all => " (--all)",
        _ => "",
    };
    let changes = if open == 1 { "change" } else { "changes" };
    let points = d.series.iter().map(|s| s.points).max().unwrap_or(0);
    format!(
        "{open} open {changes}{later}{more}{unsure}{how}\n{series}, up to {} each",
        plural(points, "commit")
    )
}

fn expected(d: &Steps) -> Vec<String> {
    let e = &d.expected;
    let mut lines = Vec::new();
    if e.varying_series > 0 {
        lines.push(format!(
            "by chance: about {:.1} false alarms per 100 commits ({} series vary)",
            e.per_100_commits, e.varying_series
        ));
    }
    if e.confirmed.1 > 0 {
        lines.push(format!(
            "so far {} of {} settled changes were real",
            e.confirmed.0, e.confirmed.1
        ));
    }
    lines
}
