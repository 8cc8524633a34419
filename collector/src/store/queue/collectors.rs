//! Collectors, and who waits for them.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Serialize;

use super::{Pause, names};
use crate::error::Result;
use crate::jobs::wire::Hello;
use crate::jobs::{is_silent, refusal};
use crate::stats::median;
use crate::store::Store;

/// Jobs of all collectors that are looked at for how long a commit takes, and of each.
const PACED: usize = 1_000;
const NEWEST: usize = 20;

/// A collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Collector {
    /// Its name.
    pub name: String,
    /// The labels that it serves.
    pub labels: Vec<String>,
    /// The uptick that it runs.
    pub version: String,
    /// Facts of its machine.
    pub testbed: BTreeMap<String, String>,
    /// When it was first heard of, in milliseconds since 1970-01-01 UTC, as all times here.
    pub first: i64,
    /// When it was last heard of.
    pub beat: i64,
    /// The job that it has.
    pub job: Option<i64>,
    /// Whether it takes pull requests.
    pub untrusted: bool,
    /// What it speaks.
    pub protocol: u32,
    /// Why it is not answered, where it speaks something else than this server.
    pub refused: Option<String>,
    /// The projects whose last jobs it failed by its machine, and until when it takes none.
    pub pauses: Vec<Pause>,
    /// How long a commit takes it: the median of its newest twenty jobs, in milliseconds. Only
    /// [`Store::paced_collectors`] knows.
    pub pace: Option<i64>,
}

/// What waits for collectors of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The label.
    pub label: String,
    /// How many jobs wait.
    pub waiting: u64,
    /// Since when the oldest does.
    pub since: i64,
    /// When a collector of that label was last heard of.
    pub heard: Option<i64>,
    /// Whether none was for an hour: nobody is at work, and it should be said.
    pub silent: bool,
    /// They are pull requests, which only some collectors take.
    pub pulls: bool,
}

impl Store {
    /// Every collector, by name.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn collectors(&self) -> Result<Vec<Collector>> {
        let mut all = self.collectors_alone()?;
        for pause in self.pauses()? {
            if let Some(of) = all.iter_mut().find(|c| c.name == pause.collector) {
                of.pauses.push(pause);
            }
        }
        Ok(all)
    }

    /// The same with how long a commit takes each, which a thousand jobs are read for.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn paced_collectors(&self) -> Result<Vec<Collector>> {
        let (mut all, mut paces) = (self.collectors()?, self.paces()?);
        for c in &mut all {
            c.pace = paces.remove(&c.name);
        }
        Ok(all)
    }

    fn collectors_alone(&self) -> Result<Vec<Collector>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT c.name, c.labels, c.version, c.testbed, c.first, c.beat, \
                 (SELECT max(l.job) FROM lease l WHERE l.collector = c.name), c.untrusted, \
                 c.protocol FROM collector c ORDER BY c.name",
            )?
            .query_map([], |r| {
                let (labels, testbed): (String, String) = (r.get(1)?, r.get(3)?);
                Ok(Collector {
                    name: r.get(0)?,
                    labels: names(&labels),
                    version: r.get(2)?,
                    testbed: serde_json::from_str(&testbed).unwrap_or_default(),
                    first: r.get(4)?,
                    beat: r.get(5)?,
                    job: r.get(6)?,
                    untrusted: r.get(7)?,
                    protocol: r.get(8)?,
                    refused: refusal(r.get(8)?),
                    pauses: Vec::new(),
                    pace: None,
                })
            })?
            .collect()
        })
    }

    /// How long a commit takes, by collector.
    fn paces(&self) -> Result<BTreeMap<String, i64>> {
        let took: Vec<(String, i64)> = self.ask(|db| {
            db.prepare_cached(
                "SELECT collector, ended - started FROM job \
                 WHERE state = 'done' AND started IS NOT NULL ORDER BY ended DESC LIMIT ?1",
            )?
            .query_map([PACED as i64], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect()
        })?;
        let mut by_name: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, took) in took {
            let of = by_name.entry(name).or_default();
            if took >= 0 && of.len() < NEWEST {
                of.push(took as f64);
            }
        }
        let middle = |(name, took): (String, Vec<f64>)| Some((name, median(&took)? as i64));
        Ok(by_name.into_iter().filter_map(middle).collect())
    }

    /// Notes that a collector asks which speaks something else. It serves no label: whoever waits for
    /// one waits for another collector. One of that name that is at work is left as it is.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn note_refused(&mut self, hello: &Hello, now: i64) -> Result<()> {
        self.change(|tx| {
            tx.execute(
                "INSERT INTO collector \
                 (name, session, labels, version, testbed, first, beat, protocol) \
                 VALUES (?1, '', '[]', ?2, '{}', ?4, ?4, ?3) ON CONFLICT (name) DO UPDATE SET \
                 session = '', labels = '[]', version = ?2, beat = ?4, protocol = ?3 \
                 WHERE NOT EXISTS (SELECT 1 FROM lease WHERE collector = ?1)",
                params![hello.collector, hello.version, hello.protocol, now],
            )
            .map(|_| ())
        })
    }

    /// Lets a token take jobs of these labels only.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn bind_token(&mut self, token: i64, labels: &[String]) -> Result<()> {
        self.change(|tx| {
            for label in labels {
                tx.execute(
                    "INSERT OR IGNORE INTO token_label (token, label) VALUES (?1, ?2)",
                    params![token, label],
                )?;
            }
            Ok(())
        })
    }

    /// The labels that a token may take jobs of; none: all.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn labels_of_token(&self, token: i64) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached("SELECT label FROM token_label WHERE token = ?1 ORDER BY label")?
                .query_map([token], |r| r.get(0))?
                .collect()
        })
    }

    /// What waits, by label.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn waits(&self, now: i64) -> Result<Vec<Wait>> {
        self.waits_of(None, now)
    }

    /// What waits of one project, by label; of all where none is named.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn waits_of(&self, project: Option<&str>, now: i64) -> Result<Vec<Wait>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT label, count(*), min(offered), \
                 (SELECT max(c.beat) FROM collector c, json_each(c.labels) e \
                 WHERE e.value = label AND (purpose <> 'pull' OR c.untrusted)), purpose = 'pull' \
                 FROM job WHERE state = 'waiting' AND (?1 IS NULL OR project = ?1) \
                 GROUP BY label, purpose = 'pull' \
                 ORDER BY label, purpose = 'pull'",
            )?
            .query_map([project], |r| {
                let (since, heard) = (r.get(2)?, r.get(3)?);
                Ok(Wait {
                    label: r.get(0)?,
                    waiting: r.get::<_, i64>(1)?.cast_unsigned(),
                    since,
                    heard,
                    silent: is_silent(heard, since, now),
                    pulls: r.get(4)?,
                })
            })?
            .collect()
        })
    }
}
