//! The text of the comment, within the forge's limit.

use super::marker::packs;
use super::{LegOutcome, LegSection, LegState, Style};
use crate::error::{Error, Result};
use crate::format::benchmarks;
use crate::report::escape::{code, plain};

/// Whether nothing in it asks for anybody's attention.
#[must_use]
pub fn all_well(sections: &[LegSection]) -> bool {
    sections.iter().all(|s| s.state.standing == LegOutcome::Ok)
}

/// How much of a leg stands in the comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// Its text.
    Whole,
    /// That the text was cut.
    Cut,
    /// What it came to, among others in one hidden line.
    Packed,
}

/// The whole comment about a head, within the forge's limit: first texts of legs go, from the best
/// leg on, then their headings. What each came to stays.
///
/// # Errors
/// [`Error::Internal`] when a leg's state cannot be written as JSON.
pub fn body(project: &str, sections: &[LegSection], head: &str, style: Style) -> Result<String> {
    let first = |s: &LegSection| match s.state.is_packed() {
        true => Shown::Packed,
        false => Shown::Whole,
    };
    let mut shown: Vec<Shown> = sections.iter().map(first).collect();
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&i| (sections[i].state.standing, std::cmp::Reverse(i)));
    let about = About { project, head };
    let whole = |shown: &[Shown]| {
        whole(about, sections, shown, style)
            .map_err(|e| Error::Internal(format!("a leg's state as JSON: {e}")))
    };
    let mut body = whole(&shown)?;
    for less in [Shown::Cut, Shown::Packed] {
        for &i in &order {
            if body.len() <= style.limit {
                return Ok(body);
            }
            shown[i] = shown[i].max(less);
            body = whole(&shown)?;
        }
    }
    Ok(body)
}

/// What the comment is about.
#[derive(Clone, Copy)]
struct About<'a> {
    project: &'a str,
    head: &'a str,
}

fn whole(
    about: About<'_>,
    sections: &[LegSection],
    shown: &[Shown],
    style: Style,
) -> serde_json::Result<String> {
    let states: Vec<&LegState> = sections.iter().map(|s| &s.state).collect();
    let mut out = vec![style.hidden.comment(about.project), String::new()];
    out.push(headline(about.project, &states, about.head));
    let each = || sections.iter().zip(shown);
    for (section, shown) in each().filter(|(_, shown)| **shown != Shown::Packed) {
        let state = &section.state;
        out.push(String::new());
        if sections.len() > 1 {
            let said = match state.head == about.head {
                true => standing(state),
                false => "not judged on this commit yet".into(),
            };
            out.push(format!("#### {}: {said}\n", code(&state.name)));
        }
        // The marker outlives a text that was cut.
        out.push(style.hidden.leg(state)?);
        out.push(String::new());
        out.push(text(section, *shown, about.head));
        out.push(String::new());
        out.push(style.hidden.end());
    }
    let packed = each().filter(|(_, shown)| **shown == Shown::Packed);
    let mut packed: Vec<&LegState> = packed.map(|(s, _)| &s.state).collect();
    packed.sort_by_key(|s| &s.id);
    if !packed.is_empty() {
        out.push(String::new());
        out.push(in_short(&packed, about.head));
        out.push(String::new());
        out.extend(packs(style.hidden, &packed)?);
    }
    Ok(out.join("\n") + "\n")
}

/// What stands below a leg's heading.
fn text(section: &LegSection, shown: Shown, head: &str) -> String {
    let state = &section.state;
    if state.head != head {
        let old = state.head.get(..9).unwrap_or(&state.head);
        return format!("On {}: {}.", code(old), standing(state));
    }
    if shown == Shown::Cut {
        return "Cut: the comment would be too long. The log of the run has it.".into();
    }
    match state.disputed {
        // The text of another one is nowhere: it is that of the worst.
        true if !section.text.contains(DISPUTED) => format!("{}\n\n{DISPUTED}", section.text),
        _ => section.text.clone(),
    }
}

const DISPUTED: &str = "Another leg of the same name came to something else in this run: this is \
    the worse of them. `--leg` gives each a name of its own.";

/// Legs that there is no room for.
fn in_short(packed: &[&LegState], head: &str) -> String {
    let with = |wanted: LegOutcome| {
        let of = |s: &&&LegState| s.head == head && s.standing == wanted;
        packed.iter().filter(of).count()
    };
    let waiting = packed.iter().filter(|s| s.head != head).count();
    let all = [
        (with(LegOutcome::Regressed), "regressed"),
        (with(LegOutcome::Failed), "not measured"),
        (with(LegOutcome::NoVerdict), "without a verdict"),
        (waiting, "not judged on this commit yet"),
        (with(LegOutcome::Ok), "without a regression"),
    ];
    let parts = all.iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts.map(|(n, what)| format!("{n} {what}")).collect();
    let legs = match packed.len() {
        1 => "1 more leg".to_string(),
        n => format!("{n} more legs"),
    };
    format!(
        "And {legs}, which there is no room for: {}.",
        parts.join(", ")
    )
}

/// The verdict and the number.
pub(super) fn headline(project: &str, states: &[&LegState], head: &str) -> String {
    let (states, waiting): (Vec<&LegState>, Vec<&LegState>) =
        states.iter().partition(|s| s.head == head);
    let rest = match waiting.len() {
        0 => String::new(),
        1 => "; 1 leg has not reported on this commit".into(),
        n => format!("; {n} legs have not reported on this commit"),
    };
    format!("{}{rest}", of_states(project, &states, waiting.is_empty()))
}

/// The verdict of legs of one head.
fn of_states(project: &str, states: &[&LegState], all: bool) -> String {
    let of = if project.is_empty() {
        String::new()
    } else {
        format!("{}: ", code(project))
    };
    let regressed: usize = states.iter().map(|s| s.regressed).sum();
    let judged: usize = states.iter().map(|s| s.judged).sum();
    let worst = states
        .iter()
        .map(|s| s.standing)
        .max()
        .unwrap_or(LegOutcome::NoVerdict);
    let with = |wanted| states.iter().filter(|s| s.standing == wanted).count();
    let legs = |n: usize| match states.len() {
        0 | 1 => String::new(),
        all => format!(" in {n} of {all} legs"),
    };
    match worst {
        LegOutcome::Regressed => {
            let most = states.iter().filter_map(|s| s.worst.as_ref()).next();
            let most = match states {
                [_] => most.map_or_else(String::new, |(n, by)| {
                    format!(": {} {}", code(n), plain(by, 20))
                }),
                _ => String::new(),
            };
            format!(
                "### ▲ {of}{regressed} of {} regressed{}{most}",
                benchmarks(judged),
                legs(with(LegOutcome::Regressed))
            )
        }
        LegOutcome::Failed => {
            let failed = states.iter().map(|s| s.failed).sum();
            let legs = legs(with(LegOutcome::Failed));
            format!("### ✘ {of}{}{legs}", not_all(judged, failed))
        }
        LegOutcome::NoVerdict => {
            format!("### ? {of}no verdict{}", legs(with(LegOutcome::NoVerdict)))
        }
        LegOutcome::Ok => {
            let said = Well::of(states);
            let sign = if all && said.maybe_worse == 0 {
                '✔'
            } else {
                '?'
            };
            format!("### {sign} {of}{}", said.words())
        }
    }
}

/// One leg in a few words.
fn standing(s: &LegState) -> String {
    match (s.standing, &s.worst) {
        (LegOutcome::Regressed, Some((n, by))) => {
            format!(
                "{} regressed, most {} {}",
                s.regressed,
                code(n),
                plain(by, 20)
            )
        }
        (LegOutcome::Regressed, None) => format!("{} regressed", s.regressed),
        (LegOutcome::Failed, _) => not_all(s.judged, s.failed),
        (LegOutcome::NoVerdict, _) => "no verdict".into(),
        (LegOutcome::Ok, _) => Well::of(&[s]).words(),
    }
}

/// What legs say in which nothing is known to have regressed.
struct Well {
    judged: usize,
    accepted: usize,
    improved: usize,
    maybe_worse: usize,
}

impl Well {
    fn of(states: &[&LegState]) -> Self {
        let sum = |of: &dyn Fn(&LegState) -> usize| states.iter().map(|s| of(s)).sum();
        Self {
            judged: sum(&|s| s.judged),
            accepted: sum(&|s| s.accepted),
            improved: sum(&|s| s.improved),
            maybe_worse: sum(&|s| s.maybe_worse),
        }
    }

    fn words(&self) -> String {
        let all = benchmarks(self.judged);
        let first = match (self.maybe_worse, self.accepted) {
            (0, 0) => format!("no regression in {all}"),
            (0, n) => format!("{n} of {all} regressed, accepted"),
            (n, 0) => format!("not confirmed: {n} of {all} may be worse"),
            (n, accepted) => {
                format!("not confirmed: {n} of {all} may be worse, {accepted} regressed, accepted")
            }
        };
        match self.improved {
            0 => first,
            n => format!("{first}, {n} improved"),
        }
    }
}

/// That some gave no number, and what the others say.
fn not_all(judged: usize, failed: usize) -> String {
    match (judged, failed) {
        (0, _) | (_, 0) => "not measured".into(),
        (1, failed) => format!(
            "{failed} of {} not measured, the other did not regress",
            benchmarks(1 + failed)
        ),
        (judged, failed) => format!(
            "{failed} of {} not measured, no regression in the others",
            benchmarks(judged + failed)
        ),
    }
}
