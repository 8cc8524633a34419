//! A line the size of a word: the last values of a series, the newest one marked.

use maud::{Markup, html};

use super::span;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 24.0;

/// The values, oldest first; `mark` is the index of the one the row is about.
pub(crate) fn spark(values: &[f64], mark: Option<usize>, words: &str) -> Markup {
    if values.len() < 2 {
        return html! { span .muted title="too few commits for a line" { "–" } };
    }
    let (low, high) = span::of(values.iter().copied()).unwrap_or_default();
    // Differences below half a percent of the value are not blown up to the full height.
    let height = (high - low).max(0.005 * high.abs()).max(f64::MIN_POSITIVE);
    let middle = (low + high) / 2.0;
    let x = |i: usize| 2.0 + (WIDTH - 4.0) * i as f64 / (values.len() - 1) as f64;
    let y = |v: f64| HEIGHT / 2.0 - (HEIGHT - 6.0) * ((span::bounded(v) - middle) / height);
    let mut path = String::new();
    for (i, v) in values.iter().enumerate() {
        let letter = if i == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{letter}{:.0} {:.1}", x(i), y(*v)));
    }
    let at = mark.unwrap_or(values.len() - 1).min(values.len() - 1);
    let frame = format!("0 0 {WIDTH} {HEIGHT}");
    let (cx, cy) = (format!("{:.0}", x(at)), format!("{:.1}", y(values[at])));
    html! {
        svg .spark viewBox=(frame) width=(WIDTH) height=(HEIGHT) role="img" aria-label=(words) {
            path d=(path) {}
            circle cx=(cx) cy=(cy) r="2.5" {}
        }
    }
}
