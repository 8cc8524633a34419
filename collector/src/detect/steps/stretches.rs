//! Searches the whole, and then each of its pieces by its own nature.

use std::cell::OnceCell;

use crate::detect::steps::modes::Modes;
use crate::detect::steps::noise::sigma;
use crate::detect::steps::noisy::{SAME, Scratch, levels, usual_tau};
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
/// Each point counts.
const INDEPENDENT: f64 = 1.0;
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
    let mut values: Vec<i64> = y.iter().map(|v| stats::key(*v)).collect();
    let tenth = values.len() / 10;
    let last = values.len() - 1 - tenth;
    let low = stats::nth(&mut values, tenth);
    let high = stats::nth(&mut values, last);
    (high > FAR_APART * low).then(|| y.iter().map(|v| v.ln()).collect())
}

/// The levels of the whole, and then of each piece by its own noise, drift and correlation: what
/// is plain in a quiet piece is hidden by a loud one beside it, and what a window shows by a
/// whole of another nature.
fn in_pieces(y: &[f64], scratch: &mut Scratch) -> (Vec<Boundary>, f64) {
    let usual = Usual::of(y);
    let whole = levels(y, || usual.modes(), true, INDEPENDENT, scratch);
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
            let found = more(piece, &usual, scratch);
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

/// What is known of the whole when its pieces are searched, found out once somebody asks.
struct Usual<'y> {
    y: &'y [f64],
    sigma: OnceCell<f64>,
    modes: OnceCell<Option<Modes>>,
    tau: OnceCell<f64>,
}

impl<'y> Usual<'y> {
    const fn of(y: &'y [f64]) -> Self {
        Self {
            y,
            sigma: OnceCell::new(),
            modes: OnceCell::new(),
            tau: OnceCell::new(),
        }
    }

    fn sigma(&self) -> f64 {
        *self.sigma.get_or_init(|| sigma(self.y))
    }

    fn modes(&self) -> Option<&Modes> {
        self.modes.get_or_init(|| Modes::of(self.y)).as_ref()
    }

    /// How many neighbours count as one value in most windows, where there are several.
    ///
    /// Of many windows of correlated noise those that look least correlated are those whose waves
    /// look like steps: each by itself would be believed, and the longer a series, the more there
    /// are. So none is taken for less correlated than they usually are.
    fn tau(&self, scratch: &mut Scratch) -> f64 {
        *self.tau.get_or_init(|| {
            let windows = halves(0, self.y.len());
            usual_tau(windows.map(|(f, t)| &self.y[f..t]), scratch)
        })
    }
}

/// What a piece shows beyond the boundaries that are known, window by window where it is long.
fn more((from, to): (usize, usize), usual: &Usual<'_>, scratch: &mut Scratch) -> Vec<Boundary> {
    let mut out: Vec<Boundary> = Vec::new();
    for (f, t) in std::iter::once((from, to)).chain(halves(from, to)) {
        for b in again(&usual.y[f..t], usual, scratch) {
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

/// Half-overlapping windows of a piece that is longer than two of them.
fn halves(from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
    let starts = (from..to).step_by(WINDOW / 2);
    let window = move |s: usize| (s, (s + WINDOW).min(to));
    starts
        .map(window)
        .take_while(move |w| w.1 < to || w.1 - w.0 > WINDOW / 2)
        .take_while(move |_| to - from >= 2 * WINDOW)
}

/// The levels of a stretch, where it may show more than the whole did: its modes looked through,
/// or by noise that is not the whole's.
fn again(part: &[f64], usual: &Usual<'_>, scratch: &mut Scratch) -> Vec<Boundary> {
    if part.len() < PART_LEAST {
        return Vec::new();
    }
    let is_whole = part.len() == usual.y.len();
    let own = if is_whole { None } else { Modes::of(part) };
    if let Some(modes) = if is_whole {
        usual.modes()
    } else {
        own.as_ref()
    } {
        return believed(&modes.looked_through(part), is_whole, usual, scratch);
    }
    if !is_whole && sigma(part) < usual.sigma() / OTHER {
        believed(part, false, usual, scratch)
    } else {
        Vec::new()
    }
}

/// The levels of a stretch that hold with the correlation it usually has, too. Few show any, so
/// that the others need not know it.
fn believed(
    part: &[f64],
    is_whole: bool,
    usual: &Usual<'_>,
    scratch: &mut Scratch,
) -> Vec<Boundary> {
    let found = levels(part, || None, is_whole, INDEPENDENT, scratch).found;
    if found.is_empty() || usual.tau(scratch) <= INDEPENDENT {
        return found;
    }
    levels(part, || None, is_whole, usual.tau(scratch), scratch).found
}
