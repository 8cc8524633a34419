//! What a text finds, and what the text may have meant that finds nothing.

use std::collections::BTreeMap;

use collector::config::Config;
use collector::model::{Counter, Sha, Testbed};
use collector::store::{MeasuredCommit, Store, TestbedRow};
use serde::Serialize;

use super::places::{self, Place, places};
use crate::app::App;
use crate::error::Fail;
use crate::find::{Function, Names, holds, wanted};
use crate::query::{encode, spelled};

/// Things of each kind that are shown, at most.
pub(super) const MOST: usize = 50;

/// Somebody who has to care for changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Person {
    pub(super) name: String,
    /// The globs of the benchmarks that are theirs.
    pub(super) owns: Vec<String>,
    /// Open changes that they took on.
    pub(super) open: u64,
}

impl Person {
    /// What waits for them.
    pub(super) fn url(&self) -> String {
        format!("/?owner={}", encode(&spelled(&self.name)))
    }
}

/// A function in the profile of an open change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) benchmark: String,
    /// Where its cost went.
    pub(super) url: String,
}

/// A tag of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) sha: Sha,
    pub(super) measured: bool,
}

/// What a text finds, the best of each kind first.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) pages: Vec<Place>,
    /// Names that hold every word.
    pub(super) benchmarks: Vec<String>,
    pub(super) metrics: Vec<String>,
    pub(super) people: Vec<Person>,
    /// By the beginning of their object name, else those whose subject, author and branch together
    /// hold every word.
    pub(super) commits: Vec<MeasuredCommit>,
    pub(super) tags: Vec<Tag>,
    pub(super) testbeds: Vec<TestbedRow>,
    /// Those in the profiles of what is open.
    pub(super) functions: Vec<Named>,
    /// Other projects of the server.
    pub(super) projects: Vec<String>,
    /// The text that all of it is of, where nothing holds the one that was asked for.
    pub(super) nearest: Option<String>,
}

impl Hits {
    pub(super) fn total(&self) -> usize {
        let names = self.pages.len() + self.benchmarks.len() + self.metrics.len();
        let others = self.tags.len() + self.testbeds.len() + self.projects.len();
        names + self.people.len() + self.commits.len() + self.functions.len() + others
    }

    /// Where the only thing leads that was found, unless that is a benchmark.
    pub(super) fn only(&self) -> Option<String> {
        if self.total() != 1 {
            return None;
        }
        let page = self.pages.first().map(|p| p.url.clone());
        let metric = self.metrics.first().map(|m| metric_url(m));
        let person = self.people.first().map(Person::url);
        let tags = self.tags.iter().filter(|t| t.measured);
        let shas = self.commits.iter().map(|c| &c.sha);
        let commit = shas.chain(tags.map(|t| &t.sha)).next();
        let commit = commit.map(|sha| format!("/commit/{}", sha.short()));
        let function = self.functions.first().map(|f| f.url.clone());
        page.or(metric).or(person).or(commit).or(function)
    }
}

/// The series of a metric.
pub(super) fn metric_url(name: &str) -> String {
    format!("/health?metric={}", encode(name))
}

/// At most so many of each kind. An empty text finds nothing; one that nothing holds what the text
/// nearest to it finds.
pub(super) fn load(store: &Store, app: &App, text: &str, most: usize) -> Result<Hits, Fail> {
    let names = app.names.of(store)?;
    let found = exact((store, &names), app, text, most)?;
    if found.total() > 0 || text.trim().is_empty() {
        return Ok(found);
    }
    let Some(nearest) = nearest((store, &names), app, text)? else {
        return Ok(found);
    };
    let near = exact((store, &names), app, &nearest, most)?;
    Ok(match near.total() {
        0 => found,
        _ => Hits {
            nearest: Some(nearest),
            ..near
        },
    })
}

fn exact(
    (store, names): (&Store, &Names),
    app: &App,
    text: &str,
    most: usize,
) -> Result<Hits, Fail> {
    let words = wanted(text);
    if words.is_empty() {
        return Ok(Hits::default());
    }
    Ok(Hits {
        pages: places(app, &words),
        benchmarks: benchmarks((store, names), text, most)?,
        metrics: metrics((store, names), &words, most)?,
        people: people(store, &app.options.config, &words, most)?,
        commits: store.find_commits(text, most)?,
        tags: tags(store, &app.releases(), &words, most)?,
        testbeds: testbeds(store, &words, most)?,
        functions: functions(app, &words, most),
        projects: projects(app, &words, most),
        nearest: None,
    })
}

/// Of what was found what still has a number: names are kept when the last one is pruned.
pub(in crate::pages) fn benchmarks(
    (store, names): (&Store, &Names),
    text: &str,
    most: usize,
) -> Result<Vec<String>, Fail> {
    let mut out = Vec::new();
    for name in names.holding(text, &wanted(text), 2 * most) {
        if out.len() < most && store.has_numbers(name)? {
            out.push(name.to_string());
        }
    }
    Ok(out)
}

/// A metric is found by its name, and by its name in words.
fn metrics(
    (store, names): (&Store, &Names),
    words: &[String],
    most: usize,
) -> Result<Vec<String>, Fail> {
    let mut out = Vec::new();
    for name in names.metrics() {
        let both = format!("{name} {}", name.replace('_', " "));
        if out.len() < most && holds(&both, words) && store.is_measured(name)? {
            out.push(name.clone());
        }
    }
    Ok(out)
}

/// Owners by `[owners]`, and whoever took a change on.
fn everybody(store: &Store, config: &Config) -> Result<BTreeMap<String, Person>, Fail> {
    let mut all: BTreeMap<String, Person> = BTreeMap::new();
    let mut person = |name: &str, glob: Option<&String>, open: u64| {
        let p = all.entry(name.into()).or_default();
        p.name = name.into();
        p.owns.extend(glob.cloned());
        p.open += open;
    };
    for (glob, name) in &config.owners {
        person(name, Some(glob), 0);
    }
    for (name, open) in store.assignees()? {
        person(&name, None, open);
    }
    Ok(all)
}

fn people(
    store: &Store,
    config: &Config,
    words: &[String],
    most: usize,
) -> Result<Vec<Person>, Fail> {
    let all = everybody(store, config)?.into_values();
    Ok(all.filter(|p| holds(&p.name, words)).take(most).collect())
}

fn tags(
    store: &Store,
    all: &[(String, Sha)],
    words: &[String],
    most: usize,
) -> Result<Vec<Tag>, Fail> {
    let found = all.iter().filter(|(name, _)| holds(name, words)).take(most);
    let tag = |(name, sha): &(String, Sha)| {
        let stored = store.commit(&sha.0)?;
        Ok(Tag {
            name: name.clone(),
            sha: sha.clone(),
            measured: stored.is_some_and(|c| c.sha == *sha),
        })
    };
    found.map(tag).collect()
}

/// Testbeds by their facts, or by a name that series print.
fn testbeds(store: &Store, words: &[String], most: usize) -> Result<Vec<TestbedRow>, Fail> {
    let mut all = store.testbeds()?;
    all.retain(|row| {
        let facts = row
            .facts
            .iter()
            .map(|(name, value)| format!("{name} {value}"));
        let testbed = Testbed {
            facts: row.facts.clone(),
        };
        let ids = Counter::WELL_KNOWN.iter().map(|c| testbed.fingerprint(c));
        facts.chain(ids).any(|fact| holds(&fact, words))
    });
    all.truncate(most);
    Ok(all)
}

fn functions(app: &App, words: &[String], most: usize) -> Vec<Named> {
    let found = app.functions.holding(words, most).into_iter();
    let named = |f: Function| Named {
        url: format!(
            "/functions/{}/{}..{}?q={}",
            f.series,
            f.base.short(),
            f.head.short(),
            encode(&f.name)
        ),
        name: f.name,
        benchmark: f.benchmark,
    };
    found.map(named).collect()
}

/// The other projects of the server.
fn projects(app: &App, words: &[String], most: usize) -> Vec<String> {
    let all = app.projects();
    let others = all.iter().filter(|p| p.name != app.options.name);
    let found = others.filter(|p| holds(&p.name, words));
    found.take(most).map(|p| p.name.clone()).collect()
}

/// The text that was meant by one that nothing holds.
fn nearest(
    (store, names): (&Store, &Names),
    app: &App,
    text: &str,
) -> Result<Option<String>, Fail> {
    let mut others = places::names();
    others.extend(everybody(store, &app.options.config)?.into_keys());
    others.extend(store.authors()?);
    others.extend(app.releases().iter().map(|(name, _)| name.clone()));
    others.extend(app.projects().iter().map(|p| p.name.clone()));
    Ok(names.words().nearest(text, &others))
}
