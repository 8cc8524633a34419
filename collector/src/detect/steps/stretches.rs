//! Searches the whole, and then each of its pieces by its own nature.

use crate::detect::steps::modes::Modes;
use crate::detect::steps::noise::Noise;
use crate::detect::steps::noisy::{SAME, Scratch, levels};
use crate::detect::steps::pieces::Boundary;
use crate::detect::steps::pieces::pieces;
use crate::detect::steps::place::NEAR;
use crate::detect::steps::verify::{ALPHA, OWN};
use crate::stats;

/// Pieces of pieces that are searched by themselves, in turn.
const DEPTH: usize = 3;
/// The shortest of them.
const PART_LEAST: usize = 12;
/// Points of a window, as many as show 2-sigma steps for sure …
const WINDOW: usize = 160;
/// … and how far from its ends it is believed.
const EDGE: usize = 8;
/// How many times quieter than the whole a piece must be: what is as loud was searched already.
const OTHER: f64 = 1.25;
/// The ratio of the ninth tenth of the values to the first from which on they are judged by
/// their logarithms.
const FAR_APART: f64 = 2.5;

/// The steps of a stretch of at least 8 finite values, and the drift per point beside them.
///
/// Where two kinds of run alternate, each piece is searched once more with its modes looked
/// through.
pub(crate) fn boundaries(y: &[f64], scratch: &mut Scratch) -> (Vec<Boundary>, f64) {
    match logs(y) {
        Some(logs) => {
            let (found, slope) = in_pieces(&logs, scratch);
            (found, slope * stats::median(y).unwrap_or(0.0))
        }
        None => in_pieces(y, scratch),
    }
}

/// The logarithms of values that lie far apart: there noise and drift are shares of the level.
///
/// Where they lie close together it makes no difference, and what is shifted stays the same.
fn logs(y: &[f64]) -> Option<Vec<f64>> {
    let least = y.iter().copied().fold(f64::INFINITY, f64::min);
    if least <= 0.0 || y.is_empty() {
        return None;
    }
    let mut values = y.to_vec();
    let tenth = values.len() / 10;
    let last = values.len() - 1 - tenth;
    let low = *values.select_nth_unstable_by(tenth, f64::total_cmp).1;
    let high = *values.select_nth_unstable_by(last, f64::total_cmp).1;
    (high > FAR_APART * low).then(|| y.iter().map(|v| v.ln()).collect())
}

/// The levels of the whole, and then of each piece by its own noise, drift and correlation: what
/// is plain in a quiet piece is hidden by a loud one beside it, and what a window shows by a
/// whole of another nature.
fn in_pieces(y: &[f64], scratch: &mut Scratch) -> (Vec<Boundary>, f64) {
    let whole = levels(y, Modes::of(y).as_ref(), true, scratch);
    let usual = Usual {
        sigma: Noise::of(y).sigma,
        n: y.len(),
    };
    let mut out = whole.found;
    if whole.plain {
        return (out, whole.drift);
    }
    let mut open = vec![(0, y.len())];
    for _ in 0..DEPTH {
        let at: Vec<usize> = out.iter().map(|b| b.at).collect();
        let all = pieces(&at, y.len());
        let within = |p: &(usize, usize)| open.iter().any(|o| o.0 <= p.0 && p.1 <= o.1);
        let mut next = Vec::new();
        for piece in all.filter(within) {
            let found = more(y, piece, &usual, scratch);
            if !found.is_empty() {
                next.push(piece);
            }
            out.extend(found);
        }
        if next.is_empty() {
            break;
        }
        out.sort_unstable_by_key(|b| b.at);
        open = next;
    }
    (out, whole.drift)
}

/// What is known of the whole when its pieces are searched.
struct Usual {
    sigma: f64,
    n: usize,
}

/// What a piece shows beyond the boundaries that are known, window by window where it is long.
fn more(
    y: &[f64],
    (from, to): (usize, usize),
    usual: &Usual,
    scratch: &mut Scratch,
) -> Vec<Boundary> {
    let mut out: Vec<Boundary> = Vec::new();
    for (f, t) in windows(from, to) {
        for b in again(&y[f..t], usual, scratch) {
            let b = b.moved(f);
            // Next to a boundary that is known already it is the same one.
            let apart = b.at > from + SAME && b.at + SAME < to;
            let inside = (f == from || b.at >= f + EDGE) && (t == to || b.at + EDGE <= t);
            // One more look at the same points.
            let sure = b.p <= ALPHA * OWN;
            let new = out.iter().all(|o| o.at.abs_diff(b.at) > NEAR);
            if apart && inside && sure && new {
                out.push(b);
            }
        }
    }
    out
}

/// The piece itself, and half-overlapping windows where it is longer than two of them.
fn windows(from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut out = vec![(from, to)];
    if to - from >= 2 * WINDOW {
        let starts = (from..).step_by(WINDOW / 2);
        out.extend(
            starts
                .map(|s| (s, (s + WINDOW).min(to)))
                .take_while(|w| w.1 < to || w.1 - w.0 > WINDOW / 2),
        );
    }
    out
}

/// The levels of a stretch, where it may show more than the whole did: its modes looked through,
/// or by noise that is not the whole's.
fn again(part: &[f64], usual: &Usual, scratch: &mut Scratch) -> Vec<Boundary> {
    if part.len() < PART_LEAST {
        return Vec::new();
    }
    if let Some(modes) = Modes::of(part) {
        return levels(
            &modes.looked_through(part),
            None,
            part.len() == usual.n,
            scratch,
        )
        .found;
    }
    if part.len() < usual.n && Noise::of(part).sigma < usual.sigma / OTHER {
        levels(part, None, false, scratch).found
    } else {
        Vec::new()
    }
}
