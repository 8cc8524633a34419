//! The changes of the store's main line, as one document: what moved, since which commits, how
//! sure, how well it held, and where people stand with it.

use serde::Serialize;

use crate::detect::alerts::life::{self, Event, Resolution, State};
use crate::detect::alerts::persist::{Persistence, persistence};
use crate::detect::steps::finder::STUCK;
use crate::detect::{Change, Class, Finder, Findings, Kind};
use crate::history::{
    Cause, Caused, Floor, MainLine, TestbedChange, Track, grouped, snoozed, watch,
};
use crate::judge::CommitRef;
use crate::model::{Counter, Metric, SeriesKey, Verdict, shown, tagged};
use crate::store::log::entry::identity;
use crate::store::{Moment, Reported};

/// Commits of a set that a document lists; a larger set is given by its ends.
const LISTED: usize = 50;
/// False alarms of the live finder per series and commit on quiet noise of 13 kinds: the worse
/// of series of 130 commits (9 in 16,900: .53 per 1000) and of 426 (156 in 448,500: .35).
const FALSE_ALARMS: f64 = 5.3e-4;

/// `uptick.changes/1` over a store: the fields of the CSV's document and more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Steps {
    /// `uptick.changes/1`.
    pub schema: &'static str,
    /// The newest commit of the line; `None` when positions are all that is known.
    pub head: Option<CommitRef>,
    /// The commits of the line.
    pub commits: usize,
    /// One entry a series.
    pub series: Vec<SeriesSteps>,
    /// Changes of one cause, reported together; the newest first. What is open is grouped by itself,
    /// as pages show it, and so is the rest.
    pub groups: Vec<GroupRef>,
    /// What the project must expect by chance.
    pub expected: Expected,
}

/// The changes of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesSteps {
    /// Benchmark, metric, counter and testbed in one, so that it names one series only.
    pub name: String,
    /// The benchmark.
    #[serde(flatten, with = "tagged")]
    pub benchmark: String,
    /// What is counted.
    #[serde(flatten, with = "shown")]
    pub metric: Metric,
    /// How.
    pub counter: Counter,
    /// The testbed's fingerprint for that counter.
    pub testbed: String,
    /// Commits of the line that were measured.
    pub points: usize,
    /// What kind of series it is.
    pub class: Class,
    /// How much it varies around its levels (fraction).
    pub noise: f64,
    /// Drift per point beside the changes (fraction); 0 for none.
    pub drift: f64,
    /// The longest run of identical values where a noisy series has 20 or more, else 0.
    pub stuck: usize,
    /// Ascending by index.
    pub changes: Vec<Step>,
    /// Where it took over from another testbed's series; no commit is blamed for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// A testbed change with its commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Environment {
    /// Where, and what differs.
    #[serde(flatten)]
    pub testbed_change: TestbedChange,
    /// The first commit measured on the new testbed.
    pub commit: Option<CommitRef>,
}

/// A change with its commits and its life.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its identity, for `uptick changes accept ID`: given when it is first reported, and kept.
    pub id: String,
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// `regressed` or `improved`, by which way of the metric is better.
    pub verdict: Verdict,
    /// The likeliest commit.
    pub commit: Option<CommitRef>,
    /// The set that holds the cause with 95 %, oldest first; only its ends where it is large.
    pub commits: Vec<CommitRef>,
    /// How many commits the set has.
    pub in_set: i64,
    /// How well it has held.
    pub since: Persistence,
    /// Where people stand with it.
    pub state: State,
    /// Their last note, or the reason in the accepting commit's message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who takes it on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub assignee: String,
    /// The commit that mended it, where somebody said so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fixed: String,
    /// The commit whose message accepts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_in: Option<CommitRef>,
    /// From which position on the level was back by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<i64>,
    /// This change is the way back of the one at that position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovers: Option<i64>,
    /// Whether it was sure enough to be reported as the commits came; what is not is seen only by
    /// who looks at the whole history.
    pub told: bool,
    /// Until when nobody need look at it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snoozed: Option<String>,
    /// Whether anybody need care.
    pub open: bool,
    /// The group that somebody put it into.
    #[serde(skip)]
    pub by_hand: Option<i64>,
}

/// Changes that have a commit in common, or that somebody put together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupRef {
    /// First position that its members may be caused by.
    pub first: i64,
    /// Last position that its members may be caused by.
    pub last: i64,
    /// The commits between, oldest first; only the ends where there are many.
    pub commits: Vec<CommitRef>,
    /// The members' ids.
    pub changes: Vec<String>,
    /// The largest |relative change| among them.
    pub largest: f64,
    /// Every series of a testbed moved: ask what happened to the machine, too.
    pub everything: bool,
    /// Somebody merged it, or split it off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

/// False alarms to expect of the project as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// Series whose values vary; what repeats exactly raises none.
    pub varying_series: usize,
    /// False alarms per 100 commits over all series.
    pub per_100_commits: f64,
    /// Changes that people settled as something else than noise, of all that they settled.
    pub confirmed: (usize, usize),
}

/// One series with everything that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The series.
    pub track: Track,
    /// What the finder says.
    pub findings: Findings,
    /// Its events now, the known ones first and in their order.
    pub events: Vec<Reported>,
}

/// Searches one series and brings its events up to date; `known` as the store kept them.
#[must_use]
pub fn find(track: Track, known: Vec<Reported>, floor: Floor) -> Found {
    let settings = floor.settings(&track.key, track.noise);
    let findings = Finder::new(settings).find(&track.points);
    let mut events: Vec<Event> = known.iter().map(|t| t.event.clone()).collect();
    // As whoever watches the store tells of them: no change is open here and unheard of there.
    let told = |c: &Change| watch::is_told(c, &findings, &track.points, settings);
    life::update(&mut events, &track.points, &findings, told);
    let mut known = known.into_iter();
    let reported = events.into_iter().map(|event| match known.next() {
        Some(before) => {
            // Whether the testbed is to blame is for whoever knows the testbeds to say.
            let kind = before.event.change.kind;
            let change = Change {
                kind,
                ..event.change
            };
            let event = Event { change, ..event };
            Reported { event, ..before }
        }
        None => Reported::new(String::new(), event),
    });
    Found {
        events: reported.collect(),
        track,
        findings,
    }
}

impl Found {
    /// The event that stands for a change.
    #[must_use]
    pub fn event(&self, c: &Change) -> Option<&Reported> {
        let mut alike = self.events.iter().filter(|t| same(&t.event.change, c));
        // Of two that tell of one change the one that stands.
        alike
            .clone()
            .find(|t| t.event.seen)
            .or_else(|| alike.next())
    }
}

impl Steps {
    /// The document of some series as they are looked at in a moment: what is snoozed then is not
    /// open.
    #[must_use]
    pub fn at(found: &[Found], line: &MainLine, moment: &Moment) -> Self {
        let series: Vec<SeriesSteps> = found.iter().map(|f| entry(f, line, moment)).collect();
        Self {
            schema: "uptick.changes/1",
            head: line.tip().map(CommitRef::of),
            commits: line.len(),
            groups: groups(&series, found, line),
            expected: expected(&series, found),
            series,
        }
    }

    /// Every change with its series.
    pub fn all(&self) -> impl Iterator<Item = (&SeriesSteps, &Step)> {
        self.series
            .iter()
            .flat_map(|s| s.changes.iter().map(move |c| (s, c)))
    }
}

/// A set's commits, or its ends where there are many.
fn references(line: &MainLine, first: i64, last: i64) -> Vec<CommitRef> {
    match line.set(first, last) {
        [a, .., b] if last - first >= LISTED as i64 => vec![CommitRef::of(a), CommitRef::of(b)],
        all => all.iter().map(CommitRef::of).collect(),
    }
}

fn entry(f: &Found, line: &MainLine, at: &Moment) -> SeriesSteps {
    let key = &f.track.key;
    let changes = &f.findings.changes;
    let ends = changes.iter().skip(1).map(|c| c.index);
    let ends = ends.chain(std::iter::once(i64::MAX));
    let steps = changes.iter().zip(ends);
    // A drift that somebody opened is no step that could be found.
    let drifts = f.events.iter().map(|t| &t.event.change);
    let drifts = drifts.filter(|c| c.kind == Kind::Drift);
    let mut changes: Vec<Step> = steps
        .chain(drifts.map(|c| (c, i64::MAX)))
        .map(|(c, until)| step((f, c), until, line, at))
        .collect();
    changes.sort_by_key(|s| s.change.index);
    let environment = f
        .track
        .testbed_change
        .clone()
        .map(|testbed_change| Environment {
            commit: line.commit(testbed_change.at).map(CommitRef::of),
            testbed_change,
        });
    SeriesSteps {
        name: f.track.name(),
        benchmark: key.benchmark.clone(),
        metric: key.metric.clone(),
        counter: key.counter.clone(),
        testbed: key.fingerprint.clone(),
        points: f.track.points.len(),
        class: f.findings.class,
        noise: f.findings.noise,
        drift: f.findings.drift,
        stuck: match f.findings.stuck {
            n if n >= STUCK => n,
            _ => 0,
        },
        changes,
        environment,
    }
}

fn step((f, c): (&Found, &Change), until: i64, line: &MainLine, at: &Moment) -> Step {
    let reported = f.event(c);
    let back = f
        .events
        .iter()
        .find(|t| t.event.recovered.is_some_and(|at| at == c.index))
        .map(|t| t.event.change.index);
    let (mut state, mut note) = reported.map_or((State::New, String::new()), |t| {
        (t.event.state, t.note.clone())
    });
    let recovered = reported.and_then(|t| t.event.recovered);
    let acceptance = line.accepted(&f.track.key.benchmark, c.first, c.last);
    if let Some(a) = acceptance
        && matches!(state, State::New | State::Acknowledged)
    {
        state = State::Resolved(Resolution::Accepted);
        note.clone_from(&a.reason);
    }
    let settled = matches!(state, State::Resolved(_));
    let snoozed = reported.and_then(|t| snoozed(t, at));
    let is_waiting = !settled && back.is_none() && reported.is_some_and(|t| t.event.is_open());
    let said = |of: fn(&Reported) -> &String| reported.map(of).cloned().unwrap_or_default();
    Step {
        id: reported
            .filter(|t| !t.id.is_empty())
            .map_or_else(|| identity(&f.track.key, c), |t| t.id.clone()),
        verdict: Verdict::of_move(&f.track.key.metric, c.change),
        commit: line.commit(c.index).map(CommitRef::of),
        commits: references(line, c.first, c.last),
        in_set: c.last - c.first + 1,
        since: persistence(&f.track.points, c, until),
        state,
        note,
        assignee: said(|t| &t.assignee),
        fixed: said(|t| &t.fixed),
        accepted_in: acceptance
            .and_then(|a| line.set(c.first, c.last).iter().find(|x| x.sha == a.sha))
            .map(CommitRef::of),
        recovered,
        recovers: back,
        told: reported.is_some() || back.is_some(),
        open: is_waiting && snoozed.is_none(),
        snoozed: snoozed.filter(|_| is_waiting),
        by_hand: reported.and_then(|t| t.cause),
        change: c.clone(),
    }
}

fn same(a: &Change, b: &Change) -> bool {
    let drifts = [a, b].map(|c| c.kind == Kind::Drift);
    drifts[0] == drifts[1] && a.direction() == b.direction() && a.overlaps(b)
}

/// Groups the changes by cause: those that are open, and those that are not.
fn groups(series: &[SeriesSteps], found: &[Found], line: &MainLine) -> Vec<GroupRef> {
    let steps = series
        .iter()
        .zip(found)
        .flat_map(|(s, f)| s.changes.iter().map(move |c| (&f.track.key, c)));
    let (open, rest): (Vec<_>, Vec<_>) = steps.partition(|(_, c)| c.open);
    let series_on = |testbed: &str| {
        let mut on_it = found.iter().map(|f| &f.track);
        let one = on_it.find(|t| t.key.fingerprint == testbed);
        one.map_or(usize::MAX, |t| t.series_on)
    };
    let mut all = by_cause(&open, &series_on, line);
    all.extend(by_cause(&rest, &series_on, line));
    all.sort_by(|a, b| b.last.cmp(&a.last).then(b.largest.total_cmp(&a.largest)));
    all
}

fn by_cause(
    steps: &[(&SeriesKey, &Step)],
    series_on: &dyn Fn(&str) -> usize,
    line: &MainLine,
) -> Vec<GroupRef> {
    let changes: Vec<Caused<'_>> = steps
        .iter()
        .map(|(key, s)| Caused {
            key,
            change: &s.change,
            by_hand: s.by_hand,
        })
        .collect();
    let reference = |Cause { group: g, by_hand }: Cause| GroupRef {
        first: g.first,
        last: g.last,
        commits: references(line, g.first, g.last),
        changes: g.members.iter().map(|m| steps[*m].1.id.clone()).collect(),
        largest: g.largest,
        everything: g.everything,
        by_hand,
    };
    grouped(&changes, series_on)
        .into_iter()
        .map(reference)
        .collect()
}

fn expected(series: &[SeriesSteps], found: &[Found]) -> Expected {
    let varies = |s: &&SeriesSteps| matches!(s.class, Class::Noisy | Class::Walk);
    let varying_series = series.iter().filter(varies).count();
    let settled = found.iter().flat_map(|f| &f.events).filter_map(|t| {
        let State::Resolved(how) = t.event.state else {
            return None;
        };
        Some(how != Resolution::Noise)
    });
    let (mut real, mut all) = (0, 0);
    for confirmed in settled {
        all += 1;
        real += usize::from(confirmed);
    }
    Expected {
        varying_series,
        per_100_commits: 100.0 * FALSE_ALARMS * varying_series as f64,
        confirmed: (real, all),
    }
}
