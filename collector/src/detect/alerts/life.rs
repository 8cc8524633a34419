//! The life of a change: one event per commit set, from the day it is reported until it is settled.
//!
//! ```text
//! reported ─▶ new ─▶ acknowledged ─▶ resolved {fixed_by, accepted, noise, infra, invalid}   (people)
//!              └──────────┴─▶ recovered: the level came back by itself                      (computed)
//! ```
//! An open event does not flicker: it stays until the evidence is gone
//! altogether (p > 1e-2), though it took p ≤ 2e-4 to open it; without that,
//! 5 % of events would vanish at a later look.

use serde::{Deserialize, Serialize};

use crate::detect::Point;
use crate::detect::steps::finder::{Change, Direction, Findings, Kind};
use crate::detect::steps::place::NEAR;
use crate::stats;

/// p of a second look above which an event has lost its ground. Far from the 2e-4 at which it
/// was raised, so that one that hovers at the threshold does not come and go.
const GONE_P: f64 = 1e-2;
/// So many commits must be back at the old level before an event counts as recovered: as many
/// as it takes a change to be believed.
const BACK_POINTS: usize = 3;
/// Points on each side for a second look: those that the effect was measured over.
const LOOK: usize = 60;

/// How people settled an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// A later commit mended it.
    FixedBy,
    /// Wanted: the new level is the baseline from here on.
    Accepted,
    /// Nothing had changed; counts into the series' false alarms.
    Noise,
    /// The machine had changed, not the code.
    Infra,
    /// The measurement was wrong.
    Invalid,
}

/// Where people stand with an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has looked at it.
    #[default]
    New,
    /// Somebody works on it.
    Acknowledged,
    /// Settled.
    Resolved(Resolution),
}

/// One change as it is reported, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The change as seen now: a boundary that moves takes its set along.
    pub change: Change,
    /// The commit at which it was first reported.
    pub told_at: i64,
    /// Where people stand.
    pub state: State,
    /// The commit from which on the level was back, if it came back by itself.
    pub recovered: Option<i64>,
    /// Whether it stands: a second look still sees it, and it is no change's way back.
    pub seen: bool,
}

impl Event {
    /// Whether anybody need care: not settled, not recovered, still seen.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.seen
            && self.recovered.is_none()
            && matches!(self.state, State::New | State::Acknowledged)
    }

    fn is(&self, c: &Change) -> bool {
        self.change.direction() == c.direction() && self.change.overlaps(c)
    }

    fn is_near(&self, c: &Change) -> bool {
        is_same(&self.change, c)
    }

    /// Whether it stands for a drift, which no look at single commits can confirm or refute.
    fn is_drift(&self) -> bool {
        self.change.kind == Kind::Drift
    }

    /// How many commits it names, and the first of them.
    const fn width(&self) -> (i64, i64) {
        (self.change.last - self.change.first, self.change.first)
    }

    /// Whether a later change takes this one back to within one sigma.
    fn taken_back(&self, c: &Change, sigma: f64) -> bool {
        c.index > self.change.index
            && c.direction() != self.change.direction()
            && (c.after - self.change.before).abs() <= sigma
    }
}

/// Brings the events of one series up to date; returns the positions of new ones in `events`.
///
/// `points`: the series so far; `findings`: what the finder says of it now. `ripe` says whether a
/// change that no event stands for yet becomes one. Settled events stay, so that nothing is
/// reported twice.
///
/// Which events stand afterwards depends on the points alone, not on the looks that told of them:
/// the far edge of a change is named in that change's event and opens none of its own, and one
/// that was reported before anybody knew of the near edge no longer stands once it is known. What
/// is kept of earlier looks is only that a change was reported, as long as a second look still sees
/// it.
pub fn update(
    events: &mut Vec<Event>,
    points: &[Point],
    findings: &Findings,
    ripe: impl Fn(&Change) -> bool,
) -> Vec<usize> {
    let Some(at) = points.last().map(|p| p.index) else {
        // What was reported of points that are gone stands on nothing.
        events.iter_mut().for_each(|e| e.seen = false);
        return Vec::new();
    };
    let known = events.len();
    settle_drifts(events, points, findings.noise);
    let of = matched(events, points, findings);
    for (c, known) in findings.changes.iter().zip(of) {
        if let Some(near) = near_edge(events, c, findings.noise) {
            if ripe(c) && points.iter().filter(|p| p.index >= c.index).count() >= BACK_POINTS {
                events[near].recovered = Some(c.index);
            }
        } else if let Some(i) = known {
            events[i].seen = true;
        } else if ripe(c) {
            events.push(Event {
                change: c.clone(),
                told_at: at,
                state: State::New,
                recovered: None,
                seen: true,
            });
        }
    }
    (known..events.len()).collect()
}

/// A drift that somebody opened stays until somebody settles it, or the level is back where it
/// began: for as many commits as it takes a change to be believed, within one sigma.
fn settle_drifts(events: &mut [Event], points: &[Point], noise: f64) {
    for event in events.iter_mut().filter(|e| e.is_drift()) {
        let c = &event.change;
        let begin = points.partition_point(|p| p.index <= c.index);
        let sigma = noise * c.before.abs();
        let is_back = |p: &Point| match c.direction() {
            Direction::Up => p.value <= c.before + sigma,
            Direction::Down => p.value >= c.before - sigma,
        };
        let mut after = points[begin..].windows(BACK_POINTS);
        let back = after.find(|w| w.iter().all(is_back));
        event.recovered = back.map(|w| w[0].index);
        event.seen = true;
    }
}

/// The event of each change that was found, if it has one: one that named commits of its set, of
/// several one that people decided about, then the one that named the fewest, else one that named
/// neighbouring ones. It takes the
/// change as it is seen now. Of the other events those stand that a second look still sees and no
/// found change tells of.
fn matched(events: &mut [Event], points: &[Point], findings: &Findings) -> Vec<Option<usize>> {
    let changes = &findings.changes;
    let mut free: Vec<usize> = (0..events.len())
        .filter(|i| !events[*i].is_drift())
        .collect();
    let mut of = vec![None; changes.len()];
    for fits in [Event::is, Event::is_near] {
        for (of, c) in of.iter_mut().zip(changes) {
            if of.is_none() {
                let alike = free.iter().copied().filter(|i| fits(&events[*i], c));
                *of = alike.min_by_key(|i| (events[*i].state == State::New, events[*i].width()));
                free.retain(|i| Some(*i) != *of);
            }
        }
    }
    for event in events.iter_mut().filter(|e| !e.is_drift()) {
        event.recovered = None;
        event.seen = false;
    }
    for i in free {
        let event = &mut events[i];
        let is_double = changes.iter().any(|c| event.is_near(c));
        event.seen =
            !is_double && still_seen(between(points, changes, &event.change), &event.change);
    }
    for (i, c) in of.iter().zip(changes) {
        if let Some(i) = i {
            events[*i].change = c.clone();
        }
    }
    of
}

/// The points around a change up to the next ones that were found: what those moved is no evidence
/// of it.
fn between<'p>(points: &'p [Point], found: &[Change], change: &Change) -> &'p [Point] {
    let before = found.iter().filter(|c| c.index <= change.index);
    let begin = before.map(|c| c.index).max().unwrap_or(i64::MIN);
    let after = found.iter().filter(|c| c.index > change.index);
    let end = after.map(|c| c.index).min().unwrap_or(i64::MAX);
    let place = |index| points.partition_point(|p| p.index < index);
    &points[place(begin)..place(end)]
}

/// The newest standing event before a change that the change takes back.
fn near_edge(events: &[Event], c: &Change, noise: f64) -> Option<usize> {
    // Exact series have no noise: within a thousandth of the step is back.
    let sigma = |e: &Event| {
        (noise * e.change.before.abs()).max((e.change.after - e.change.before).abs() / 1000.0)
    };
    (0..events.len())
        .filter(|i| events[*i].seen && !events[*i].is_drift())
        .filter(|i| events[*i].taken_back(c, sigma(&events[*i])))
        .max_by_key(|i| events[*i].change.index)
}

/// The same way, at an overlapping or neighbouring set.
pub(crate) fn is_same(a: &Change, b: &Change) -> bool {
    a.direction() == b.direction() && (a.overlaps(b) || (a.index - b.index).abs() <= NEAR as i64)
}

/// Whether a change that is no longer found has not lost its ground either.
pub(crate) fn still_seen(points: &[Point], change: &Change) -> bool {
    second_look(points, change) <= GONE_P
}

/// p of the rank-sum test of the points on both sides of a change.
fn second_look(points: &[Point], change: &Change) -> f64 {
    let at = points.partition_point(|p| p.index < change.index);
    let values = |part: &[Point]| part.iter().map(|p| p.value).collect::<Vec<_>>();
    let left = values(&points[at.saturating_sub(LOOK)..at]);
    let right = values(&points[at..(at + LOOK).min(points.len())]);
    let r = stats::rank_sum(&left, &right);
    match change.direction() {
        Direction::Up => r.p_greater,
        Direction::Down => r.p_less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Finder, Settings};
    use crate::stats::SplitMix64;

    fn live(values: impl Iterator<Item = f64>) -> Vec<Event> {
        let mut finder = Finder::new(Settings::default());
        let (mut points, mut events) = (Vec::new(), Vec::new());
        for (i, value) in values.enumerate() {
            points.push(Point {
                index: i as i64,
                value,
            });
            let findings = finder.find(&points);
            update(&mut events, &points, &findings, |_| true);
        }
        events
    }

    #[test]
    fn a_step_is_one_event_however_often_one_looks() {
        let mut g = SplitMix64::new(2);
        let events = live((0..120).map(|i| g.next_f64() + if i < 60 { 10.0 } else { 12.0 }));
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].is_open() && events[0].told_at <= 66);
        assert_eq!(events[0].change.index, 60);
    }

    #[test]
    fn a_revert_recovers_and_names_both_edges() {
        let events = live((0..60).map(|i| if (30..40).contains(&i) { 2e6 } else { 1e6 }));
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(
            (events[0].change.index, events[0].recovered),
            (30, Some(40))
        );
        assert!(!events[0].is_open());
    }

    #[test]
    fn a_settled_event_is_not_told_again() {
        let step: Vec<f64> = (0..40).map(|i| if i < 20 { 1e6 } else { 2e6 }).collect();
        let points: Vec<Point> = step
            .iter()
            .enumerate()
            .map(|(i, v)| Point {
                index: i as i64,
                value: *v,
            })
            .collect();
        let mut events = live(step.into_iter());
        events[0].state = State::Resolved(Resolution::Accepted);
        let findings = Finder::default().find(&points);
        assert!(update(&mut events, &points, &findings, |_| true).is_empty());
        assert!(!events[0].is_open());
    }
}
