//! The one comment of a pull request: what each leg of a matrix says, under one headline.
//!
//! Legs finish in any order and none knows of the others, so that the comment itself carries
//! what was said: each leg's text stands between two hidden lines. Merging is a pure function
//! of what stands there and of what one leg has to say, the same whatever the order.

mod marker;
mod page;
mod section;

pub use marker::{Hidden, LegOutcome, LegState, is_of};
pub use page::{page, page_of};
pub use section::{Leg, section};

use crate::error::{Error, Result};
use crate::format::benchmarks;
use crate::report::escape::{code, plain};

/// What one leg says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegSection {
    /// What its marker keeps.
    pub state: LegState,
    /// The text, without markers.
    pub text: String,
}

/// How a forge shows comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How a line is hidden.
    pub hidden: Hidden,
    /// Whether `<details>` folds.
    pub folds: bool,
    /// The most bytes of a body. Forges count characters; bytes are never fewer.
    pub limit: usize,
}

impl Style {
    /// Of a forge that keeps HTML comments and folds.
    #[must_use]
    pub const fn html(limit: usize) -> Self {
        Self {
            hidden: Hidden::Html,
            folds: true,
            limit,
        }
    }
}

/// The sections of a comment.
#[must_use]
pub fn sections(body: &str) -> Vec<LegSection> {
    let mut found = Vec::new();
    let mut open: Option<(LegState, Vec<&str>)> = None;
    for line in body.lines() {
        if let Some(state) = marker::leg(line) {
            open = Some((state, Vec::new()));
        } else if marker::is_end(line) {
            found.extend(open.take().map(|(state, lines)| LegSection {
                state,
                text: lines.join("\n").trim().to_string(),
            }));
        } else if let Some((_, lines)) = &mut open {
            lines.push(line.trim_end());
        }
    }
    found
}

/// What the comment must hold when `own` is added to what stands; `None` when a later run has
/// spoken.
///
/// Sections about another head go: they speak of code that is not proposed any more.
#[must_use]
pub fn merged(standing: &[LegSection], own: &LegSection) -> Option<Vec<LegSection>> {
    let turn = |s: &LegSection| (s.state.run, s.state.attempt);
    let (head, id) = (&own.state.head, &own.state.id);
    let later = |s: &&LegSection| {
        let same_leg = s.state.id == *id;
        (s.state.head != *head && s.state.run > own.state.run)
            || (s.state.head == *head && same_leg && turn(s) > turn(own))
    };
    if standing.iter().any(|s| later(&s)) {
        return None;
    }
    let mut kept: Vec<LegSection> = Vec::new();
    for s in standing
        .iter()
        .filter(|s| s.state.head == *head && s.state.id != *id)
    {
        match kept.iter_mut().find(|k| k.state.id == s.state.id) {
            Some(k) if turn(k) < turn(s) => *k = s.clone(),
            Some(_) => {}
            None => kept.push(s.clone()),
        }
    }
    kept.push(own.clone());
    kept.sort_by(|a, b| (&a.state.name, &a.state.id).cmp(&(&b.state.name, &b.state.id)));
    Some(kept)
}

/// Whether nothing in it asks for anybody's attention.
#[must_use]
pub fn all_well(sections: &[LegSection]) -> bool {
    sections.iter().all(|s| s.state.standing == LegOutcome::Ok)
}

/// The whole comment, within the forge's limit: first texts of legs go, from the best leg on,
/// never their markers.
///
/// # Errors
/// [`Error::Internal`] when a leg's state cannot be written as JSON.
pub fn body(project: &str, sections: &[LegSection], style: Style) -> Result<String> {
    let mut shown: Vec<bool> = vec![true; sections.len()];
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&i| (sections[i].state.standing, std::cmp::Reverse(i)));
    let whole = |shown: &[bool]| {
        whole(project, sections, shown, style)
            .map_err(|e| Error::Internal(format!("a leg's state as JSON: {e}")))
    };
    let mut body = whole(&shown)?;
    for i in order {
        if body.len() <= style.limit {
            break;
        }
        shown[i] = false;
        body = whole(&shown)?;
    }
    Ok(body)
}

fn whole(
    project: &str,
    sections: &[LegSection],
    shown: &[bool],
    style: Style,
) -> serde_json::Result<String> {
    let states: Vec<&LegState> = sections.iter().map(|s| &s.state).collect();
    let mut out = vec![style.hidden.comment(project), String::new()];
    out.push(headline(project, &states));
    for (section, shown) in sections.iter().zip(shown) {
        out.push(String::new());
        if sections.len() > 1 {
            out.push(format!(
                "#### {}: {}\n",
                code(&section.state.name),
                standing(&section.state)
            ));
        }
        // The marker outlives a text that was cut.
        out.push(style.hidden.leg(&section.state)?);
        out.push(String::new());
        if *shown {
            out.push(section.text.clone());
        } else {
            out.push("Cut: the comment would be too long. The log of the run has it.".into());
        }
        out.push(String::new());
        out.push(style.hidden.end());
    }
    Ok(out.join("\n") + "\n")
}

/// The verdict and the number.
pub(super) fn headline(project: &str, states: &[&LegState]) -> String {
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
            let sign = if said.maybe_worse > 0 { '?' } else { '✔' };
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        hidden: Hidden::Html,
        folds: true,
        limit: 65_000,
    };

    fn leg(name: &str, head: &str, run: u64, standing: LegOutcome) -> LegSection {
        let state = LegState {
            id: name.into(),
            name: name.into(),
            head: head.into(),
            run,
            attempt: 1,
            standing,
            regressed: usize::from(standing == LegOutcome::Regressed),
            accepted: 0,
            improved: 0,
            maybe_worse: 0,
            judged: 3,
            failed: 0,
            worst: None,
            text: format!("hash of {name} {run}"),
        };
        let text = format!("what {name} says in {run}\n\nand more");
        LegSection { state, text }
    }

    #[test]
    fn what_is_written_is_read_again_in_either_style() {
        let all = [
            leg("a", "h", 1, LegOutcome::Ok),
            leg("b", "h", 1, LegOutcome::Regressed),
        ];
        for hidden in [Hidden::Html, Hidden::Definition] {
            let body = body("p", &all, Style { hidden, ..STYLE }).unwrap();
            assert_eq!(sections(&body), all);
            assert!(is_of(&body, "p") && !is_of(&body, "q") && !is_of(&body, ""));
            // As a form field of a browser sends it.
            assert_eq!(sections(&body.replace('\n', "\r\n")), all);
        }
    }

    #[test]
    fn the_order_of_legs_does_not_matter() {
        let legs = ["c", "a", "b"].map(|n| leg(n, "h", 7, LegOutcome::Ok));
        let one = legs
            .iter()
            .fold(Vec::new(), |s, l| merged(&s, l).unwrap_or(s));
        let other = legs
            .iter()
            .rev()
            .fold(Vec::new(), |s, l| merged(&s, l).unwrap_or(s));
        assert_eq!(one, other);
        assert_eq!(one.len(), 3);
        // Duplicates of one leg, as two comments may hold them, are one.
        let twice = [one.clone(), one.clone()].concat();
        assert_eq!(merged(&twice, &legs[0]), Some(one));
    }

    #[test]
    fn another_head_replaces_and_a_late_run_is_silent() {
        let old = [
            leg("a", "old", 1, LegOutcome::Regressed),
            leg("b", "old", 1, LegOutcome::Ok),
        ];
        let new = leg("a", "new", 2, LegOutcome::Ok);
        assert_eq!(merged(&old, &new), Some(vec![new.clone()]));
        assert_eq!(merged(&[new], &old[0]), None);
        // The same head judged again: the later attempt stands.
        let mut again = leg("a", "old", 1, LegOutcome::Ok);
        again.state.attempt = 2;
        assert_eq!(merged(&old, &again).map(|s| s.len()), Some(2));
        assert_eq!(merged(&[again], &old[0]), None);
    }

    #[test]
    fn a_long_comment_keeps_every_marker_and_the_worst_leg() {
        let mut all: Vec<LegSection> = (0..30)
            .map(|i| leg(&format!("leg {i:02}"), "h", 1, LegOutcome::Ok))
            .collect();
        all[3].state.standing = LegOutcome::Regressed;
        for s in &mut all {
            s.text = "x".repeat(5000);
        }
        let body = body("", &all, STYLE).unwrap();
        assert!(body.len() <= STYLE.limit, "{}", body.len());
        let read = sections(&body);
        assert_eq!(read.len(), 30);
        assert_eq!(read[3].text.len(), 5000);
        assert!(body.starts_with("<!-- uptick-comment"));
    }
}
