//! Which series are listed, in which order and groups, and what is known of each.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use collector::config::Config;
use collector::format::{self, share};
use collector::history::health::{self, BLIND, Sight, Trouble};
use collector::model::Metric;
use collector::store::Store;

use crate::error::Fail;
use crate::overview::{Entry, Overview, Shelf};
use crate::pages::answer::known_metric;
use crate::pages::drift::Drift;
use crate::pages::layout;
use crate::query::{self, Grouping, Order, State};
use crate::text::{self, plural};

/// Rows on a page.
pub(super) const ROWS: usize = 100;
/// Commits in a sparkline.
pub(super) const SPARK: usize = 60;
/// What stands in no group of its own: a name without a prefix, or a prefix with one series.
const OTHERS: &str = "";

/// How many series there are, and how many of them need a look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) all: usize,
    pub(super) look: usize,
}

impl Count {
    fn add(&mut self, e: &Entry) {
        self.all += 1;
        self.look += usize::from(!e.troubles.is_empty());
    }
}

/// Series that stand together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// What they have in common: the part of their names before the first `/`, or their owner;
    /// empty for the others.
    pub(super) name: String,
    pub(super) count: Count,
}

/// One series as it is listed.
pub(super) struct Row {
    /// Its place in the overview.
    pub(super) at: usize,
    /// The last values, oldest first; none in documents.
    pub(super) recent: Vec<f64>,
    pub(super) sight: Sight,
    pub(super) drift: Option<Drift>,
    /// The group that begins with it on this page.
    pub(super) head: Option<Group>,
}

/// Everything on the page.
pub(super) struct Health {
    pub(super) overview: Arc<Overview>,
    /// How many series match text and metric, and how many of them are in each state.
    pub(super) matching: Count,
    pub(super) states: BTreeMap<Trouble, usize>,
    /// How many of those are in the state that is asked for.
    pub(super) total: u64,
    pub(super) rows: Vec<Row>,
}

pub(super) fn load(
    (store, config): (&Store, &Config),
    shelf: &Shelf,
    asked: &query::Health,
    (take, with_recent): (usize, bool),
) -> Result<Health, Fail> {
    let overview = shelf.of(store, config)?;
    if let Some(name) = &asked.metric {
        known_metric(name, overview.metrics().into_keys())?;
    }
    let (mut matching, mut states) = (Count::default(), BTreeMap::new());
    let mut listed = Vec::new();
    let text = asked.text.to_lowercase();
    for (i, e) in overview.entries.iter().enumerate() {
        if !matches(e, asked.metric.as_deref(), &text) {
            continue;
        }
        matching.add(e);
        for t in &e.troubles {
            *states.entry(*t).or_default() += 1;
        }
        if is_in(e, asked.state) {
            listed.push(i);
        }
    }
    let entries = &overview.entries;
    listed.sort_by(|a, b| in_order(asked, &entries[*a], &entries[*b]));
    let mut heads = match asked.grouping() {
        Grouping::None => HashMap::new(),
        grouping => group(entries, &mut listed, (grouping, asked.order)),
    };
    let total = listed.len() as u64;
    // Beyond the last page of a page is its last one; a program is told that there is nothing.
    let page = match with_recent {
        true => layout::page_of(asked.page, ROWS, total),
        false => asked.page,
    };
    let skip = (page - 1) * ROWS;
    // A page that begins within a group says so again.
    let begun = heads.iter().filter(|(place, _)| **place <= skip);
    if let Some((_, head)) = begun.max_by_key(|(place, _)| **place) {
        let head = head.clone();
        heads.insert(skip, head);
    }
    let mut rows = Vec::new();
    for (place, at) in listed.iter().enumerate().skip(skip).take(take) {
        let series = &entries[*at].series;
        let recent = if with_recent {
            let recent = store.recent(series.row.id, u64::MAX, SPARK)?;
            recent.iter().map(|v| v.value).collect()
        } else {
            Vec::new()
        };
        rows.push(Row {
            at: *at,
            recent,
            sight: Sight::of(config, series),
            drift: Drift::of(store, series)?,
            head: heads.remove(&place),
        });
    }
    Ok(Health {
        overview,
        matching,
        states,
        total,
        rows,
    })
}

fn matches(e: &Entry, metric: Option<&str>, text: &str) -> bool {
    let key = &e.series.row.key;
    metric.is_none_or(|m| key.metric.name() == m)
        && (text.is_empty() || key.benchmark.to_lowercase().contains(text))
}

fn is_in(e: &Entry, state: State) -> bool {
    match state {
        State::All => true,
        State::Look => !e.troubles.is_empty(),
        State::Fine => e.troubles.is_empty(),
        State::In(trouble) => e.troubles.contains(&trouble),
    }
}

/// What of two series stands first.
fn in_order(asked: &query::Health, a: &Entry, b: &Entry) -> Ordering {
    let most = |f: fn(&Entry) -> f64| f(b).total_cmp(&f(a));
    let order = match asked.order {
        Order::State => urgency(a).cmp(&urgency(b)),
        Order::Name => Ordering::Equal,
        Order::Drift => most(|e| e.series.drift.abs()),
        Order::Cost => most(|e| e.series.row.latest_value),
        Order::Noise => most(noise_of),
        Order::Limit => most(|e| e.limit),
        Order::Lasting => most(|e| e.lasting),
        Order::Alerts => b.alerts.cmp(&a.alerts),
        Order::Age => a.series.latest_time.cmp(&b.series.latest_time),
    };
    // They come by benchmark and metric, and a stable sort keeps them so.
    let order = match asked.order {
        Order::Name => a.series.row.key.cmp(&b.series.row.key),
        _ => order,
    };
    if asked.turned { order.reverse() } else { order }
}

/// How much a series varies around its levels.
pub(super) fn noise_of(e: &Entry) -> f64 {
    health::noise(&e.series)
}

/// The most urgent trouble of a series; behind all of them for one that is fine.
fn urgency(e: &Entry) -> usize {
    let rank = |t: &Trouble| Trouble::ALL.iter().position(|o| o == t);
    e.troubles
        .first()
        .and_then(rank)
        .unwrap_or(Trouble::ALL.len())
}

/// The name of the group that a series belongs to.
fn group_of(e: &Entry, grouping: Grouping) -> &str {
    let name = match grouping {
        Grouping::Owner => e.owner.as_deref(),
        _ => {
            let parts = e.series.row.key.benchmark.split_once('/');
            parts.map(|(prefix, _)| prefix)
        }
    };
    name.unwrap_or(OTHERS)
}

/// Moves series of one group together, and gives where each group begins. Without a column that
/// orders them, groups that need a look stand first, then by name, the others behind them; else each
/// stands where its first series would, and the others last.
fn group(
    entries: &[Entry],
    listed: &mut [usize],
    (grouping, order): (Grouping, Order),
) -> HashMap<usize, Group> {
    let mut counts: HashMap<&str, (usize, Count)> = HashMap::new();
    for (place, at) in listed.iter().enumerate() {
        let e = &entries[*at];
        let name = group_of(e, grouping);
        counts
            .entry(name)
            .or_insert((place, Count::default()))
            .1
            .add(e);
    }
    let mut others = Count::default();
    counts.retain(|name, (_, count)| {
        // An owner's only series is still theirs.
        let stays = (count.all > 1 || grouping == Grouping::Owner) && *name != OTHERS;
        if !stays {
            others.all += count.all;
            others.look += count.look;
        }
        stays
    });
    let rank = |at: &usize| {
        let name = group_of(&entries[*at], grouping);
        match (counts.get(name), order) {
            (None, Order::State) => (usize::from(others.look == 0), 1, OTHERS),
            (None, _) => (1, 0, OTHERS),
            (Some((_, count)), Order::State) => (usize::from(count.look == 0), 0, name),
            (Some((first, _)), _) => (0, *first, name),
        }
    };
    listed.sort_by_key(rank);
    let mut heads = HashMap::new();
    let mut last = None;
    for (place, at) in listed.iter().enumerate() {
        let (.., name) = rank(at);
        if last.replace(name) != Some(name) {
            let count = counts.get(name).map_or(others, |(_, count)| *count);
            let name = name.to_string();
            heads.insert(place, Group { name, count });
        }
    }
    heads
}

impl Health {
    /// Whether series of several testbeds stand side by side, so that each has to say its own.
    pub(super) fn several_beds(&self) -> bool {
        let in_use = self.overview.testbeds.iter().filter(|t| t.series > 0);
        in_use.count() > 1
    }

    pub(super) fn entry(&self, row: &Row) -> &Entry {
        &self.overview.entries[row.at]
    }

    /// How many series there are, and how many of them need a look.
    pub(super) fn suite(&self) -> Count {
        Count {
            all: self.overview.entries.len(),
            look: self.overview.look(),
        }
    }

    /// How many of those that match are in a state.
    pub(super) fn count(&self, state: State) -> usize {
        match state {
            State::All => self.matching.all,
            State::Look => self.matching.look,
            State::Fine => self.matching.all - self.matching.look,
            State::In(trouble) => self.states.get(&trouble).copied().unwrap_or_default(),
        }
    }

    /// The change that would stop the next commit, for people.
    pub(super) fn allowed(&self, row: &Row) -> String {
        let series = &self.entry(row).series.row;
        let next = &row.sight.next;
        format::limit(
            next.fraction,
            next.units,
            series.latest_value,
            &series.key.metric,
        )
    }

    /// Why a series needs a look, each with its figures.
    pub(super) fn troubles(&self, row: &Row) -> Vec<(Trouble, String)> {
        let e = self.entry(row);
        let words = |t: &Trouble| match t {
            Trouble::Failing => self.no_number(e),
            Trouble::Stale => format!("not measured for {}", commits(self.behind(e))),
            Trouble::Blind => format!("a lasting step of {} is not seen", share(BLIND)),
            Trouble::Noisy => noise(row, e),
            Trouble::Drifting => row.drift.as_ref().map_or_else(String::new, Drift::figures),
        };
        e.troubles.iter().map(|t| (*t, words(t))).collect()
    }

    fn behind(&self, e: &Entry) -> u64 {
        let position = self.overview.position();
        position.saturating_sub(e.series.row.latest_position)
    }

    /// Since when it gives no number; of one in many that fail, that it does not.
    fn no_number(&self, e: &Entry) -> String {
        match self.overview.since.get(&e.series.row.key.benchmark) {
            Some(s) => {
                let n = commits(s.commits);
                format!("no number for {n}, since {}", text::day(s.time))
            }
            None => "no number on the newest commit".into(),
        }
    }
}

fn commits(n: u64) -> String {
    plural(usize::try_from(n).unwrap_or(usize::MAX), "commit")
}

/// Where its limit comes from.
fn noise(row: &Row, e: &Entry) -> String {
    let sight = &row.sight;
    let cause = if sight.varies >= sight.calibrated {
        format!("varies by {}", share(sight.varies))
    } else {
        format!("calibration saw {}", share(sight.calibrated))
    };
    let help = if e.series.row.key.metric == Metric::WallTime {
        "; count instructions instead"
    } else {
        ""
    };
    cause + help
}
