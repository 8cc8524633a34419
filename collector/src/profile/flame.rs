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

/// Functions of `base` that `head` has nowhere, the dearest first: a differential graph cannot show them.
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
