//! Flame graphs: one profile, or the difference of two, as an SVG file of its own.
//!
//! inferno escapes what XML needs escaped but lets control characters through (0x1b makes the whole file
//! malformed), so that names are cleaned before they reach it.

use std::collections::HashMap;

use inferno::differential;
use inferno::flamegraph::{self, Options};

use super::{Profile, folded_name, names};

/// Frames narrower than this share of the picture are left out, in percent: 1,200 px make it half a pixel.
const MIN_WIDTH: f64 = 0.05;

/// Why no picture was drawn.
#[derive(Debug, thiserror::Error)]
pub enum FlameError {
    /// There is no cost to draw.
    #[error("the profile is empty")]
    Empty,
    /// inferno gave up.
    #[error("the flame graph could not be drawn: {0}")]
    Draw(String),
}

/// The flame graph of a profile as an SVG document (with inferno's script for zoom and search).
///
/// # Errors
/// An empty profile.
pub fn graph(profile: &Profile, title: &str) -> Result<String, FlameError> {
    draw(
        &profile.folded_lines(),
        &format!("{} instructions", profile.total),
        title,
    )
}

/// The differential flame graph: widths as in `head`, red where it grew, blue where it shrank.
///
/// What `head` no longer has cannot be drawn: see [`removed`].
///
/// # Errors
/// An empty `head`.
pub fn difference(base: &Profile, head: &Profile, title: &str) -> Result<String, FlameError> {
    let (before, after) = (base.folded(), head.folded());
    let mut lines = Vec::new();
    let options = differential::Options {
        normalize: false,
        strip_hex: false,
    };
    differential::from_readers(options, before.as_bytes(), after.as_bytes(), &mut lines)
        .map_err(|e| FlameError::Draw(e.to_string()))?;
    let lines: Vec<String> = String::from_utf8_lossy(&lines)
        .lines()
        .map(str::to_owned)
        .collect();
    // Stacks that only `base` has would be drawn with no width.
    let lines: Vec<String> = lines.into_iter().filter(|l| !l.ends_with(" 0")).collect();
    draw(
        &lines,
        &format!("{} → {} instructions", base.total, head.total),
        title,
    )
}

fn draw(lines: &[String], subtitle: &str, title: &str) -> Result<String, FlameError> {
    if lines.is_empty() {
        return Err(FlameError::Empty);
    }
    let mut options = Options::default();
    options.title = names::clean(title, names::MAX_NAME);
    options.subtitle = Some(subtitle.to_owned());
    options.count_name = "instructions".to_owned();
    options.min_width = MIN_WIDTH;
    options.deterministic = true;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|e| FlameError::Draw(e.to_string()))?;
    String::from_utf8(svg).map_err(|e| FlameError::Draw(e.to_string()))
}

/// A function that the head no longer executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Normalised name.
    pub name: String,
    /// Source file as shown; empty if unknown.
    pub file: String,
    /// Instructions that it executed itself.
    pub cost: u64,
    /// With everything it called.
    pub inclusive: u64,
}

/// Functions of `base` that `head` has nowhere, the costliest first: a differential graph cannot show them.
#[must_use]
pub fn removed(base: &Profile, head: &Profile) -> Vec<Removed> {
    let present: std::collections::HashSet<String> =
        head.frames.iter().map(|f| folded_name(&f.name)).collect();
    let mut gone: HashMap<(&str, &str), (u64, u64)> = HashMap::new();
    for (frame, (cost, inclusive)) in base.frames.iter().zip(base.by_frame()) {
        if !present.contains(&folded_name(&frame.name)) {
            let sum = gone.entry((&frame.name, &frame.file)).or_default();
            *sum = (sum.0 + cost, sum.1 + inclusive);
        }
    }
    let mut out: Vec<Removed> = gone
        .into_iter()
        .map(|((name, file), (cost, inclusive))| Removed {
            name: name.to_owned(),
            file: file.to_owned(),
            cost,
            inclusive,
        })
        .collect();
    out.sort_by(|a, b| (b.inclusive, &a.name, &a.file).cmp(&(a.inclusive, &b.name, &b.file)));
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{any_profile, golden, profile};
    use super::*;

    const HOSTILE: &[&str] = &[
        "\u{1b}[31mred",
        "<script>alert(1)</script>",
        "]]>",
        "\"quoted\" 'twice'",
        "\u{202e}gnp.exe",
        "&amp;&lt;&#0;",
        "a\0b\u{fffe}\u{ffff}\u{85}",
        "[u8; 4] 12 13",
        "  ",
        "]]><svg onload=x>",
        "--",
        "é\u{301}\u{1f600}",
    ];

    fn hostile() -> Profile {
        let long = "x".repeat(4096) + "<&";
        let stacks: Vec<(String, u64)> = HOSTILE
            .iter()
            .chain([&long.as_str()])
            .enumerate()
            .map(|(i, n)| (format!("root;p{i}"), n))
            .map(|(s, n)| (s + ";" + &n.replace('@', ""), 10))
            .collect();
        let stacks: Vec<(&str, u64)> = stacks.iter().map(|(s, c)| (s.as_str(), *c)).collect();
        profile(&stacks)
    }

    /// Well-formed, without any element that would run foreign script.
    fn check(svg: &str) {
        let options = roxmltree::ParsingOptions {
            allow_dtd: true,
            ..Default::default()
        };
        let document = roxmltree::Document::parse_with_options(svg, options).unwrap();
        let scripts = document
            .descendants()
            .filter(|n| n.tag_name().name() == "script")
            .count();
        assert_eq!(scripts, 1, "inferno's own");
        assert!(!document.descendants().any(|n| {
            n.attributes()
                .any(|a| a.name() == "onload" && a.value() == "x")
        }));
        assert!(!svg.contains('\u{1b}') && !svg.contains('\u{202e}'));
    }

    #[test]
    fn hostile_names_give_well_formed_graphs() {
        let (plain, hostile) = (profile(&[("root;a", 10)]), hostile());
        for title in HOSTILE {
            check(&graph(&hostile, title).unwrap());
        }
        check(&difference(&plain, &hostile, "]]>").unwrap());
        check(&difference(&hostile, &plain, "]]>").unwrap());
    }

    #[test]
    fn graphs_are_deterministic_and_tell_the_total() {
        let (base, head) = (golden("base"), golden("head"));
        let svg = graph(&base, "golden").unwrap();
        assert_eq!(svg, graph(&base, "golden").unwrap());
        assert!(
            svg.contains(&format!("{} instructions", base.total)) && svg.contains("toy::words")
        );
        let diff = difference(&base, &head, "golden").unwrap();
        assert_eq!(diff, difference(&base, &head, "golden").unwrap());
        assert!(diff.contains("toy::words"));
        check(&svg);
        check(&diff);
    }

    #[test]
    fn what_the_difference_cannot_show_is_listed() {
        let base = profile(&[("m;gone;below", 5), ("m;gone", 2), ("m;stays", 3)]);
        let head = profile(&[("m;stays", 3), ("m;fresh", 1)]);
        let gone: Vec<_> = removed(&base, &head)
            .into_iter()
            .map(|r| (r.name, r.cost, r.inclusive))
            .collect();
        assert_eq!(
            gone,
            [("gone".to_owned(), 2, 7), ("below".to_owned(), 5, 5)]
        );
        let diff = difference(&base, &head, "t").unwrap();
        assert!(!diff.contains("gone") && diff.contains("fresh"));
    }

    #[test]
    fn nothing_cannot_be_drawn() {
        let nothing = Profile::default();
        assert!(matches!(graph(&nothing, "t"), Err(FlameError::Empty)));
        assert!(difference(&golden("base"), &nothing, "t").is_err());
        assert!(difference(&nothing, &golden("base"), "t").is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_title_and_profile_give_well_formed_graphs(base in any_profile(), head in any_profile(), title: String) {
            check(&graph(&base, &title).unwrap());
            check(&difference(&base, &head, &title).unwrap());
        }
    }
}
