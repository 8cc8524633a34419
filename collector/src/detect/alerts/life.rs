//! The life of a change: one event per commit set, from the day it is reported until it is settled.
//!
//! ```text
//! reported ─▶ new ─▶ acknowledged ─▶ resolved {fixed_by, accepted, noise, infra, invalid}   (people)
//!          └──────────┴─▶ recovered: the level came back by itself                      (computed)
//! ```
//! An open event does not flicker: it stays until the evidence is gone
//! altogether (p > 1e-2), though it took p ≤ 2e-4 to open it; without that,
//! 5 % of events would vanish at a later look.

use serde::{Deserialize, Serialize};

use crate::detect::Point;
use crate::detect::steps::finder::{Change, Direction, Findings};
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
    /// Whether a second look still sees it.
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

    /// Whether a later change takes this one back to within one sigma.
    fn taken_back(&self, c: &Change, sigma: f64) -> bool {
        c.index > self.change.index
            && c.direction() != self.change.direction()
            && (c.after - self.change.before).abs() <= sigma
    }
}

/// Brings the events of one series up to date; returns the positions of new ones in `events`.
///
/// `points`: the series so far; `findings`: what the finder says of it now.
/// The far edge of a recovered change is named in its event and opens none of
/// its own. Settled events stay, so that nothing is reported twice. `ripe` says
/// whether a change that no event stands for yet becomes one.
pub fn update(
    events: &mut Vec<Event>,
    points: &[Point],
    findings: &Findings,
    ripe: impl Fn(&Change) -> bool,
) -> Vec<usize> {
    let Some(at) = points.last().map(|p| p.index) else {
        return Vec::new();
    };
    let mut fresh = Vec::new();
    for c in &findings.changes {
        if let Some(event) = events.iter_mut().find(|e| e.is(c)) {
            event.change = Change {
                kind: event.change.kind,
                ..c.clone()
            };
            event.seen = true;
        } else if ripe(c) && !recovers(events, points, c, findings.noise) {
            fresh.push(events.len());
            let change = c.clone();
            events.push(Event {
                change,
                told_at: at,
                state: State::New,
                recovered: None,
                seen: true,
            });
        }
    }
    for event in events.iter_mut() {
        let found = findings.changes.iter().any(|c| event.is(c));
        if !found {
            event.seen = still_seen(points, &event.change);
        }
    }
    fresh
}

/// Whether a change is the far edge of an event: marks it recovered once it has lasted.
fn recovers(events: &mut [Event], points: &[Point], c: &Change, noise: f64) -> bool {
    // Exact series have no noise: within a thousandth of the step is back.
    let sigma = |e: &Event| {
        (noise * e.change.before.abs()).max((e.change.after - e.change.before).abs() / 1000.0)
    };
    let Some(event) = events.iter_mut().rev().find(|e| e.taken_back(c, sigma(e))) else {
        return false;
    };
    if points.iter().filter(|p| p.index >= c.index).count() >= BACK_POINTS {
        event.recovered = Some(c.index);
    }
    true
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
