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
    let (path, x, y) = line(values);
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

/// The same without a mark, for long tables: an element less a row.
pub(crate) fn trend(values: &[f64], words: &str) -> Markup {
    if values.len() < 2 {
        return html! { "–" };
    }
    let frame = format!("0 0 {WIDTH} {HEIGHT}");
    html! {
        svg .spark viewBox=(frame) width=(WIDTH) height=(HEIGHT) role="img" aria-label=(words) {
            path d=(line(values).0) {}
        }
    }
}

/// The line through at least two values, and where an index and a value lie.
fn line(values: &[f64]) -> (String, impl Fn(usize) -> f64, impl Fn(f64) -> f64) {
    let (low, high) = span::of(values.iter().copied()).unwrap_or_default();
    // Differences below half a percent of the value are not blown up to the full height.
    let height = (high - low).max(0.005 * high.abs()).max(f64::MIN_POSITIVE);
    let middle = (low + high) / 2.0;
    let last = (values.len() - 1) as f64;
    let x = move |i: usize| 2.0 + (WIDTH - 4.0) * i as f64 / last;
    let y = move |v: f64| HEIGHT / 2.0 - (HEIGHT - 6.0) * ((span::bounded(v) - middle) / height);
    let mut path = String::new();
    for (i, v) in values.iter().enumerate() {
        let letter = if i == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{letter}{:.0} {:.1}", x(i), y(*v)));
    }
    (path, x, y)
}
