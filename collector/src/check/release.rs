//! What the history of a release adds to a judgement: the creep since the last tag, which no
//! single commit shows, and the regressions that a commit's message accepts.

use crate::config::Config;
use crate::detect::gate;
use crate::error::Result;
use crate::git::{Acceptance, Repo};
use crate::judge::{self, Creep, Reason, Reasons, Row};
use crate::model::SeriesKey;
use crate::model::{Better, NoiseClass, Report, Sha, Verdict};
use crate::store::Store;

/// What the judgement of one head against one base rests on.
#[derive(Debug)]
pub struct Release<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Its limits.
    pub config: &'a Config,
    /// Where reports are.
    pub store: &'a Store,
    /// The baseline's report.
    pub base: &'a Report,
    /// The head's report.
    pub head: &'a Report,
}

/// A value of a series that the head is held against.
struct Reference {
    /// The tag, or the commit that accepted a change since.
    name: String,
    sha: Sha,
    value: (f64, f64, f64),
}

impl Release<'_> {
    /// Holds every unchanged row against the last release: 20 steps of +0.2 % make +4.1 %.
    ///
    /// A tag that is not stored is never measured here: a hint names the command that does.
    ///
    /// # Errors
    /// When git or the store fails.
    pub fn creep(
        &self,
        rows: &mut [Row],
        notes: &mut Vec<String>,
        hints: &mut Vec<String>,
    ) -> Result<()> {
        let packages = self.packages();
        let Some((tag, at)) = self.repo.last_tag(&self.base.commit.sha, &packages) else {
            return Ok(());
        };
        let set = self.config.release_budget();
        // Between the tag and its child there is one step, and that has its limit.
        if at == self.base.commit.sha || set == Some(0.0) {
            return Ok(());
        }
        let range = format!("{at}..{}", self.base.commit.sha);
        let accepted = self.repo.acceptances(&range)?;
        let (mut stored, mut old) = (false, Vec::new());
        for row in rows.iter_mut().filter(|r| r.judged && r.head.is_some()) {
            let Some(reference) = self.reference(row, &tag, &at, &accepted)? else {
                continue;
            };
            stored = true;
            if row.verdict == Verdict::Unchanged
                && let Some(creep) = creep(self.config, row, &reference, set)
            {
                old.extend(blame(self.config, row, creep));
            }
        }
        let any = rows.iter().any(|r| r.judged && r.head.is_some());
        if any && !stored {
            hints.push(self.missing(&tag, &at)?);
        }
        notes.extend(standing(&tag, &old));
        Ok(())
    }

    /// The packages that are measured: those of the configuration, else those of the workspace
    /// that have benchmarks.
    fn packages(&self) -> Vec<String> {
        let config = &self.config.suite;
        if !config.packages.is_empty() || !config.criterion {
            return config.packages.clone();
        }
        let sha = &self.head.commit.sha;
        let tree = self.repo.tree(sha).unwrap_or_default();
        let paths: Vec<&str> = tree
            .iter()
            .filter_map(|l| l.split_once('\t').map(|(_, p)| p))
            .collect();
        let manifests = paths.iter().filter_map(|p| p.strip_suffix("Cargo.toml"));
        let has_benches = |dir: &&str| {
            paths
                .iter()
                .any(|p| p.starts_with(&format!("{dir}benches/")))
        };
        manifests
            .filter(has_benches)
            .filter_map(|dir| self.package(sha, &format!("{dir}Cargo.toml")))
            .collect()
    }

    /// The name in a manifest.
    fn package(&self, sha: &Sha, manifest: &str) -> Option<String> {
        let table: toml::Table = self.repo.file(sha, manifest)?.parse().ok()?;
        let name = table.get("package")?.get("name")?.as_str()?;
        Some(name.to_string())
    }

    /// The value that a row is held against: the last accepted one since the tag, else the tag's.
    fn reference(
        &self,
        row: &Row,
        tag: &str,
        at: &Sha,
        accepted: &[Acceptance],
    ) -> Result<Option<Reference>> {
        let key = SeriesKey {
            benchmark: row.benchmark.clone(),
            metric: row.metric.clone(),
            counter: row.counter.clone(),
            fingerprint: self.head.testbed.fingerprint(&row.counter),
        };
        let matching = |a: &&Acceptance| crate::config::glob(&a.benchmark, &row.benchmark);
        for a in accepted.iter().filter(matching) {
            // A branch's own commits are seldom measured: the merge that brought it counts.
            let merged = self.repo.carrier(&a.sha, &self.base.commit.sha);
            for sha in std::iter::once(a.sha.clone()).chain(merged) {
                if let Some(value) = self.store.value_of(&key, &sha)? {
                    let name = format!("{} (accepted)", sha.short());
                    return Ok(Some(Reference { name, sha, value }));
                }
            }
        }
        let value = self.store.value_of(&key, at)?;
        Ok(value.map(|value| Reference {
            name: tag.to_string(),
            sha: at.clone(),
            value,
        }))
    }

    /// Why there is nothing to hold the head against.
    fn missing(&self, tag: &str, at: &Sha) -> Result<String> {
        let known = self.store.any_report_of(at)?.is_some();
        let why = if known {
            "was measured on another testbed, or without these benchmarks"
        } else {
            "is not measured"
        };
        Ok(format!(
            "the creep since {tag} is not judged: {tag} {why}; `uptick run {tag}` stores it"
        ))
    }

    /// Marks the regressions and tenfold gains that a message after the base, up to `until`, accepts.
    ///
    /// # Errors
    /// When git fails.
    pub fn accept(&self, rows: &mut [Row], until: &Sha) -> Result<()> {
        let asks = |r: &&mut Row| {
            r.judged && (r.verdict == Verdict::Regressed || r.tenfold_gain().is_some())
        };
        let mut suspects: Vec<&mut Row> = rows.iter_mut().filter(asks).collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let range = format!("{}..{until}", self.base.commit.sha);
        let accepted = self.repo.acceptances(&range)?;
        for row in &mut suspects {
            let matching = |a: &&Acceptance| crate::config::glob(&a.benchmark, &row.benchmark);
            if let Some(a) = accepted.iter().find(matching) {
                row.accepted = Some(a.reason.clone());
                row.accepted_in = Some(a.sha.clone());
            }
        }
        Ok(())
    }
}

/// The creep of a row where it exceeds its budget.
fn creep(config: &Config, row: &Row, reference: &Reference, set: Option<f64>) -> Option<Creep> {
    let head = row.head.as_ref()?;
    let policy = judge::floors(config, &row.metric, &row.counter);
    let mut budget = set.unwrap_or(policy.release_budget);
    let (value, lowest, highest) = reference.value;
    if row.class != NoiseClass::Exact {
        // One noisy commit against another proves nothing unless even their samples part.
        budget = budget.max(row.limit.unwrap_or(0.0));
        let parted = match row.metric.better() {
            Better::Lower => head.low > highest,
            Better::Higher => head.high < lowest,
        };
        if !parted {
            return None;
        }
    }
    let judged = gate::cumulative(&policy, row.metric.better(), value, head.value, budget)?;
    judged.exceeded.then(|| Creep {
        since: reference.name.clone(),
        sha: reference.sha.clone(),
        value,
        change: judged.change,
        budget,
    })
}

/// Calls a row regressed when the head itself is worse; else gives the creep back, for that
/// was there before.
fn blame(config: &Config, row: &mut Row, creep: Creep) -> Option<Standing> {
    let least = judge::floors(config, &row.metric, &row.counter).absolute_floor;
    if row.harm() <= least {
        return Some(Standing {
            words: creep_of(row, &creep),
            benchmark: row.benchmark.clone(),
            harm: creep.change * row.metric.better().sign(),
        });
    }
    row.verdict = Verdict::Regressed;
    row.confirmed = row.class == NoiseClass::Exact;
    row.why = Reasons::from(Reason::Creep {
        by: creep_of(row, &creep),
        since: creep.since.clone(),
        budget: creep.budget,
    });
    row.creep = Some(creep);
    None
}

/// A creep that was there before.
struct Standing {
    benchmark: String,
    /// Positive where it is for the worse (fraction).
    harm: f64,
    words: String,
}

/// How far a benchmark crept, for people.
fn creep_of(row: &Row, creep: &Creep) -> String {
    let head = row.values().1;
    crate::format::moved(creep.change, (creep.value, head), &row.metric)
}

/// What had crept before this head, in one note.
fn standing(tag: &str, old: &[Standing]) -> Option<String> {
    let worst = old.iter().max_by(|a, b| a.harm.total_cmp(&b.harm))?;
    let (change, name) = (&worst.words, &worst.benchmark);
    Some(match old.len() {
        1 => format!("`{name}` had crept by {change} since {tag}, over its budget, before this"),
        n => format!(
            "{n} benchmarks had crept over their budget since {tag} before this, most `{name}` by \
             {change}"
        ),
    })
}
