//! What a person would say of a series.

use collector::detect::{Class, Silence};
use collector::format::{self, share};
use collector::history::{Floor, health};

use super::beside::{self, Scale};
use super::history::History;
use crate::landmarks::What;
use crate::pages::drift::is_drift;
use crate::text::{self, plural};

/// What is in view, in one sentence.
pub(super) fn summary(h: &History) -> String {
    let metric = &h.series.row.key.metric;
    let latest = h.values.last().map_or_else(
        || "nothing measured".into(),
        |v| text::value(v.value, metric),
    );
    let commits = plural(h.values.len(), "commit");
    let drift = drift(h).map_or_else(String::new, |d| format!("{d}; "));
    let beside = beside(h);
    if !h.look.is_zoomed() {
        return format!("{commits}; now {latest}; {drift}{}.{beside}", steps(h));
    }
    let ends = h.values.first().zip(h.values.last());
    let days = ends.map_or_else(String::new, |(a, b)| {
        format!(
            ", {} to {}",
            h.day(a.position as f64),
            h.day(b.position as f64)
        )
    });
    format!(
        "{commits}{days}; the last one {latest}; {drift}{}.{beside}",
        steps(h)
    )
}

/// What else is in the chart.
fn beside(h: &History) -> String {
    if h.others.is_empty() {
        return String::new();
    }
    let names = beside::names(h);
    let scale = match Scale::of(h) {
        Scale::Own => "",
        Scale::Relative => ", each relative to where it begins",
    };
    format!(" In the same chart{scale}: {}.", names[1..].join(", "))
}

/// What the picture's areas stand for.
pub(super) fn marks(h: &History) -> Option<&'static str> {
    let samples = h.others.is_empty() && h.values.iter().any(|v| v.low < v.high);
    let level = !h.levels().is_empty();
    let drift = level && h.drift.is_some();
    Some(match (samples, level, drift) {
        (true, _, true) => "Band: least to greatest sample; dashed: the drift.",
        (true, true, false) => "Band: least to greatest sample; dashed: the level.",
        (true, false, false) => "Band: least to greatest sample.",
        (false, _, true) => "Dashed: the drift.",
        (false, true, false) => "Dashed: the level.",
        (false, false, false) => return None,
    })
}

/// What the marks at the edges stand for.
pub(super) fn landmarks(h: &History) -> Option<&'static str> {
    let is = |tag: bool| h.landmarks().iter().any(|l| (l.what == What::Tag) == tag);
    Some(match (is(true), is(false)) {
        (true, true) => "Dotted: a tag; below, ▾: a branch left.",
        (true, false) => "Dotted: a tag.",
        (false, true) => "Below, ▾: a branch left.",
        (false, false) => return None,
    })
}

fn drift(h: &History) -> Option<String> {
    let drift = h.drift.as_ref()?;
    Some(if h.look.is_zoomed() {
        drift.words_over(h.values.len())
    } else {
        drift.words()
    })
}

/// The lasting changes among what is in view.
fn steps(h: &History) -> String {
    let changes: Vec<String> = h
        .changes()
        .filter(|(_, t)| !is_drift(t))
        .map(|(_, t)| {
            let c = &t.event.change;
            let moved = format::moved(c.change, (c.before, c.after), &h.series.row.key.metric);
            text::minus(&moved)
        })
        .collect();
    match (changes.len(), h.drift.is_some(), h.look.is_zoomed()) {
        (0, true, _) => "no step that lasted".into(),
        (0, false, true) => "no lasting change in this range".into(),
        (0, false, false) => "no lasting change".into(),
        (n, _, _) => format!("{}: {}", plural(n, "lasting change"), changes.join(", ")),
    }
}

/// Why the table of changes is empty.
pub(super) fn why_none(h: &History) -> String {
    if h.look.is_zoomed() && h.all_changes().next().is_some() {
        return "None in this range.".into();
    }
    if let Some(drift) = &h.drift {
        let noise = share(h.series.noise);
        return format!(
            "No step that lasted. The series {}, and varies by {noise} around that line: no single \
             commit did it.",
            drift.words()
        );
    }
    match h.series.kind.as_str() {
        "young" => format!(
            "Too few commits to tell: {} so far{}.",
            h.series.row.points,
            hindrance(h, Class::Young)
        ),
        "exact" => {
            "None: apart from single commits the count never moved by more than 0.5 %.".into()
        }
        kind => {
            let class = if kind == "walk" {
                Class::Walk
            } else {
                Class::Noisy
            };
            format!(
                "None that lasted; the series varies by {} from commit to commit{}.",
                share(h.series.noise),
                hindrance(h, class)
            )
        }
    }
}

/// What keeps changes of the whole series from being seen, behind a semicolon.
fn hindrance(h: &History, class: Class) -> String {
    if h.look.is_zoomed() {
        return String::new();
    }
    let values: Vec<f64> = h.values.iter().map(|v| v.value).collect();
    let row = &h.series.row;
    let floor = Floor::default()
        .settings(&row.key, row.class)
        .relative_floor;
    let why = Silence::of(
        &values,
        class,
        (health::noise(&h.series), h.series.drift),
        floor,
    );
    why.map_or_else(String::new, |why| format!("; {why}"))
}
