//! Changes that have one cause, as pages show them.

use crate::error::Fail;
use crate::pages::{bisect, care, layout};
use crate::text::{self, plural};
use collector::detect::alerts::life::State;
use collector::detect::{Change, Kind};
use collector::format::percent;
use collector::history::{self, Cause, Caused, harm};
use collector::model::Verdict;
use collector::report::links;
use collector::store::{Event, MeasuredCommit, Store};
use maud::{Markup, html};

/// Open events that are looked at: more than any suite has series.
const EVENTS: usize = 100_000;

/// Changes with one cause.
pub(super) struct Group {
    /// The largest change first.
    pub(super) events: Vec<Event>,
    pub(super) first: u64,
    pub(super) last: u64,
    /// Every series of a testbed moved: perhaps the machine did.
    pub(super) everything: bool,
    /// Somebody merged it, or split it off.
    pub(super) by_hand: bool,
    /// The newest measured commit before the cause.
    pub(super) base: Option<MeasuredCommit>,
    /// The measured commits that may be the cause.
    pub(super) suspects: Vec<MeasuredCommit>,
}

impl Group {
    pub(super) fn worst(&self) -> &Event {
        &self.events[0]
    }

    pub(super) fn is_regression(&self) -> bool {
        self.events.iter().any(|e| harm(e) > 0.0)
    }

    /// The changes for the worse, or those for the better: how many, and the largest.
    pub(super) fn sided(&self, worse: bool) -> Option<(usize, &Event)> {
        let of_it = self.events.iter().filter(|e| (harm(e) > 0.0) == worse);
        let n = of_it.clone().count();
        let largest = of_it.max_by(|a, b| harm(a).abs().total_cmp(&harm(b).abs()))?;
        Some((n, largest))
    }

    pub(super) fn is_new(&self) -> bool {
        self.events
            .iter()
            .any(|e| e.reported.event.state == State::New)
    }

    pub(super) fn is_environment(&self) -> bool {
        self.events
            .iter()
            .all(|e| e.reported.event.change.kind == Kind::Environment)
    }

    /// Whether something got worse, and not because another testbed measures.
    pub(super) fn is_of_code(&self) -> bool {
        self.is_regression() && !self.is_environment()
    }

    /// Whether it is a drift that somebody opened: no commit did it.
    pub(super) fn is_drift(&self) -> bool {
        self.events
            .iter()
            .all(|e| e.reported.event.change.kind == Kind::Drift)
    }

    /// Its changes, as forms name them.
    pub(super) fn ids(&self) -> String {
        let ids: Vec<String> = self.events.iter().map(named).collect();
        ids.join(",")
    }

    /// Commits that may be the cause and were not measured.
    pub(super) fn unmeasured(&self) -> u64 {
        (self.last - self.first + 1).saturating_sub(self.suspects.len() as u64)
    }

    /// The comparison that shows it; of a drift no commit's does.
    pub(super) fn compare(&self) -> Option<String> {
        if self.is_drift() {
            return None;
        }
        let moved = self
            .events
            .iter()
            .map(|e| (&e.series.key.metric, harm(e) > 0.0));
        let (base, head) = (self.base.as_ref()?, self.suspects.last()?);
        Some(links::comparison(&base.sha, &head.sha, moved))
    }

    pub(super) fn bisect(&self) -> Option<String> {
        let (base, head) = (self.base.as_ref()?, self.suspects.last()?);
        Some(bisect::command(
            base,
            head,
            &self.events[0].series.key.benchmark,
        ))
    }
}

/// Which commits a change may be of, of which some were not measured.
pub(super) fn who(suspects: &[MeasuredCommit], unmeasured: u64) -> Markup {
    let all = suspects.len() as u64 + unmeasured;
    html! {
        @match suspects {
            [] => { "No measured commit is in the range." }
            [one] if unmeasured == 0 => { (layout::commit_line(one)) }
            [.., last] => { (plural(all as usize, "commit")) " up to " (layout::commit_line(last)) }
        }
    }
}

/// The same in a line of plain text, with one commit's name as `name` gives it.
pub(super) fn who_in_words(g: &Group, name: impl Fn(&MeasuredCommit) -> String) -> String {
    let unmeasured = g.unmeasured();
    match g.suspects.as_slice() {
        [] => String::new(),
        [one] if unmeasured == 0 => name(one),
        [.., last] => {
            let all = plural((g.last - g.first + 1) as usize, "commit");
            let left = match unmeasured {
                0 => String::new(),
                n => format!(" ({n} of them not measured)"),
            };
            format!("{all} up to {}{left}", name(last))
        }
    }
}

/// A change as forms name it: with the last decision that their reader saw.
pub(super) fn named(e: &Event) -> String {
    format!("{}:{}", e.reported.id, e.reported.decided)
}

/// Whether a change is for the worse.
pub(super) fn verdict(e: &Event) -> Verdict {
    Verdict::of_move(&e.series.key.metric, e.reported.event.change.change)
}

/// How far an event moved its series, for people.
pub(super) fn moved(e: &Event) -> String {
    let c = &e.reported.event.change;
    collector::format::moved(c.change, (c.before, c.after), &e.series.key.metric)
}

/// The same with its colour.
pub(super) fn change(e: &Event) -> Markup {
    let c = &e.reported.event.change;
    text::delta(c.change, (c.before, c.after), &e.series.key.metric)
}

/// What is open and not snoozed, by cause; and how many changes are snoozed.
pub(super) fn open(store: &Store) -> Result<(Vec<Group>, usize), Fail> {
    let at = care::moment(store)?;
    let mut open = store.open_events(EVENTS)?;
    let all = open.len();
    open.retain(|e| !e.reported.is_snoozed(&at));
    let snoozed = all - open.len();
    Ok((groups(store, open)?, snoozed))
}

/// Open events by cause: regressions first, the newest commits first.
pub(super) fn groups(store: &Store, events: Vec<Event>) -> Result<Vec<Group>, Fail> {
    let found = {
        let changes: Vec<Caused<'_>> = events.iter().map(caused).collect();
        // A testbed that cannot be counted has more series than those that moved.
        history::grouped(&changes, &|t| store.series_on(t).unwrap_or(usize::MAX))
    };
    let mut slots: Vec<Option<Event>> = events.into_iter().map(Some).collect();
    let mut out = Vec::new();
    for Cause { group, by_hand } in found {
        let members = group.members.iter().filter_map(|i| slots[*i].take());
        out.push(Group {
            everything: group.everything,
            by_hand,
            ..of(store, members.collect(), (group.first, group.last))?
        });
    }
    out.sort_by_key(|g| (!g.is_regression(), !g.is_new(), std::cmp::Reverse(g.last)));
    Ok(out)
}

fn caused(e: &Event) -> Caused<'_> {
    Caused {
        key: &e.series.key,
        change: &e.reported.event.change,
        by_hand: e.reported.cause,
    }
}

/// A group of events that may all have been caused by the commits at positions `first..=last`.
fn of(store: &Store, mut events: Vec<Event>, (first, last): (i64, i64)) -> Result<Group, Fail> {
    // What got worst first; where nothing got worse, what gained most.
    let any_worse = events.iter().any(|e| harm(e) > 0.0);
    let rank = |e: &Event| if any_worse { harm(e) } else { -harm(e) };
    events.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let (first, last) = (first.max(0).cast_unsigned(), last.max(0).cast_unsigned());
    Ok(Group {
        events,
        first,
        last,
        everything: false,
        by_hand: false,
        base: store.commits(first, 1)?.pop(),
        suspects: store.commits_between(first, last)?,
    })
}

/// How sure a change is, in words.
pub(super) fn sure(c: &Change) -> String {
    if c.low == c.high {
        return "exact".into();
    }
    if c.before <= 0.0 || c.after < 0.0 {
        // What is no fraction has no interval of fractions.
        return format!("sure to {:.2} %", 100.0 * c.confidence);
    }
    format!("95 %: {} to {}", percent(c.low), percent(c.high))
}
