//! Decisions as older stores and exports have them, turned into entries of the log.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::detect::{Change, Kind};
use crate::model::{Counter, Metric, SeriesKey};
use crate::stats;
use crate::store::log::entry::{Alert, Command, identity};
use crate::store::log::triage::Triage;

/// A change with what people decided about it, as exports carried it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::store) struct Decided {
    pub(in crate::store) benchmark: String,
    pub(in crate::store) metric: Metric,
    pub(in crate::store) counter: Counter,
    pub(in crate::store) fingerprint: String,
    pub(in crate::store) told_at: i64,
    pub(in crate::store) position: i64,
    pub(in crate::store) first: i64,
    pub(in crate::store) last: i64,
    pub(in crate::store) before: f64,
    pub(in crate::store) after: f64,
    /// In the order in which they were made.
    pub(in crate::store) decisions: Vec<Line>,
}

/// What one decision did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::store) struct Line {
    /// Decisions of one request share it.
    pub(in crate::store) batch: i64,
    pub(in crate::store) time: i64,
    pub(in crate::store) actor: String,
    pub(in crate::store) before: String,
    pub(in crate::store) after: String,
    pub(in crate::store) note: String,
    pub(in crate::store) link: String,
    /// The batch that this one takes back.
    pub(in crate::store) undoes: Option<i64>,
    #[serde(default)]
    pub(in crate::store) regroups: bool,
}

impl Decided {
    /// Refuses what nobody can have decided.
    pub(in crate::store) fn check(&self) -> Result<(), String> {
        if !self.before.is_finite() || !self.after.is_finite() || self.first > self.last {
            return Err("the change has no levels or no commits".into());
        }
        let words = self.decisions.iter().flat_map(|l| [&l.before, &l.after]);
        match words.into_iter().find(|w| Triage::state_of(w).is_none()) {
            Some(word) => Err(format!("unknown state `{word}`")),
            None => Ok(()),
        }
    }

    /// The change as an alert.
    pub(in crate::store) fn alert(&self) -> Alert {
        let size = stats::change(self.before, self.after);
        let change = Change {
            index: self.position,
            first: self.first,
            last: self.last,
            before: self.before,
            after: self.after,
            // Found anew at the next search; until then the levels say it.
            change: size,
            low: size,
            high: size,
            confidence: 1.0,
            kind: Kind::Step,
        };
        let series = SeriesKey {
            benchmark: self.benchmark.clone(),
            metric: self.metric.clone(),
            counter: self.counter.clone(),
            fingerprint: self.fingerprint.clone(),
        };
        Alert {
            id: identity(&series, &change),
            series,
            told_at: self.told_at,
            change,
        }
    }
}

/// Decisions by their old batch, so that changes decided together stay together.
#[derive(Debug, Default)]
pub(in crate::store) struct Batches(BTreeMap<i64, (Command, Option<i64>)>);

impl Batches {
    /// Adds what was decided about one change.
    pub(in crate::store) fn add(&mut self, change: &str, lines: &[Line]) {
        for l in lines {
            let (command, undoes) = self.0.entry(l.batch).or_insert_with(|| {
                let command = Command {
                    note: l.note.clone(),
                    link: l.link.clone(),
                    regroup: l.regroups,
                    actor: l.actor.clone(),
                    time: l.time,
                    seen: l.batch,
                    ..Command::default()
                };
                (command, l.undoes)
            });
            if undoes.is_none() {
                command.changes.push(change.to_owned());
            }
            if undoes.is_none() && l.before != l.after {
                command.state = Some(l.after.clone());
            }
        }
    }

    /// The commands in their order. `hash` gives the hash under which a command was stored, for
    /// those that take it back.
    pub(in crate::store) fn commands<E>(
        self,
        mut store: impl FnMut(Command) -> Result<String, E>,
    ) -> Result<(), E> {
        let mut hashes: BTreeMap<i64, String> = BTreeMap::new();
        for (batch, (mut command, undoes)) in self.0 {
            if let Some(undone) = undoes {
                let Some(hash) = hashes.get(&undone) else {
                    continue;
                };
                command.undoes = Some(hash.clone());
            }
            hashes.insert(batch, store(command)?);
        }
        Ok(())
    }
}
