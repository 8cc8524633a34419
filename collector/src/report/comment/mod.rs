//! The one comment of a pull request: what each leg of a matrix says, under one headline.
//!
//! Legs finish in any order and none knows of the others, so that the comment itself carries
//! what was said: each leg's text stands between two hidden lines. Merging is a pure function
//! of what stands there and of what one leg has to say, the same whatever the order.

mod body;
mod marker;
mod merge;
mod page;
mod section;

pub use body::{all_well, body};
pub use marker::{Hidden, LegOutcome, LegState, is_of};
pub use merge::{Voice, merged};
pub use page::{page, page_of};
pub use section::{Leg, section};

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
        let packed = marker::packed(line);
        if !packed.is_empty() {
            let alone = |state| LegSection {
                state,
                text: String::new(),
            };
            found.extend(packed.into_iter().map(alone));
        } else if let Some(state) = marker::leg(line) {
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        hidden: Hidden::Html,
        folds: true,
        limit: 65_000,
    };

    pub(super) fn leg(name: &str, head: &str, run: u64, standing: LegOutcome) -> LegSection {
        let state = LegState {
            id: name.into(),
            name: name.into(),
            head: head.into(),
            run,
            attempt: 1,
            ci: String::new(),
            disputed: false,
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
            let body = body("p", &all, "h", Style { hidden, ..STYLE }).unwrap();
            assert_eq!(sections(&body), all);
            assert!(is_of(&body, "p") && !is_of(&body, "q") && !is_of(&body, ""));
            // As a form field of a browser sends it.
            assert_eq!(sections(&body.replace('\n', "\r\n")), all);
        }
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
        let body = body("", &all, "h", STYLE).unwrap();
        assert!(body.len() <= STYLE.limit, "{}", body.len());
        let read = sections(&body);
        assert_eq!(read.len(), 30);
        assert_eq!(read[3].text.len(), 5000);
        assert!(body.starts_with("<!-- uptick-comment"));
    }

    /// Of 256 legs with long names there is no room for every heading: the worst keep theirs, and
    /// what the others came to is still read.
    #[test]
    fn what_more_legs_than_fit_came_to_is_kept() {
        for limit in [65_000, 32_000] {
            let name = |i: usize| format!("{i:03} {}", "long ".repeat(23));
            let mut all: Vec<LegSection> = (0..256)
                .map(|i| leg(&name(i), "h", 16_000_000_000, LegOutcome::Ok))
                .collect();
            for s in &mut all {
                s.state.id = crate::model::digest(s.state.name.as_bytes())[..16].to_string();
                s.state.text = s.state.id.clone();
            }
            all[200].state.standing = LegOutcome::Regressed;
            all[200].state.regressed = 2;
            let add = |said: Vec<LegSection>, own| merged(&said, own, Voice::OneOfMany).unwrap();
            let all = all.iter().fold(Vec::new(), add);
            let style = Style { limit, ..STYLE };
            let one = body("", &all, "h", style).unwrap();
            assert!(one.len() <= limit, "{}", one.len());
            assert!(one.contains("### ▲ 2 of 768 benchmarks regressed in 1 of 256 legs"));
            assert!(one.contains("#### `200 long") && one.contains("without a regression."));
            let read = sections(&one);
            assert_eq!(read.len(), 256);
            assert!(
                read.iter()
                    .all(|s| s.state.judged == 3 && s.state.head == "h")
            );
            // Who comes again finds itself there, and there is nothing to be written.
            let again = all.iter().fold(read.clone(), add);
            assert_eq!(body("", &again, "h", style).unwrap(), one);
        }
    }

    #[test]
    fn a_leg_that_is_waited_for_leaves_nothing_green() {
        let all = [
            leg("a", "new", 2, LegOutcome::Ok),
            leg("b", "an old head", 1, LegOutcome::Regressed),
        ];
        let body = body("", &all, "new", STYLE).unwrap();
        let first = "### ? no regression in 3 benchmarks; 1 leg has not reported on this commit";
        assert!(body.contains(first), "{body}");
        let words = "#### `b`: not judged on this commit yet";
        assert!(
            body.contains(words) && body.contains("On `an old he`: 1 regressed."),
            "{body}"
        );
        assert!(!all_well(&all));
        let states = |all: &[LegSection]| all.iter().map(|s| s.state.clone()).collect::<Vec<_>>();
        assert_eq!(states(&sections(&body)), states(&all));
    }
}
