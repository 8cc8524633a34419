//! Two commits judged from what is stored.

use std::collections::BTreeSet;

use collector::history::{Stored, untold_note};
use collector::judge::{self, Beside, Judged, Judgement, Overrides, Row};
use collector::model::{Report, SeriesKey, Testbed, Variants};
use collector::store::{Event, MeasuredCommit, ReportRow, Store};

use crate::app::App;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::answer::the_commit;
use crate::query::{compare_url, variants_query};

/// Reports of one commit that are looked at, the newest.
const REPORTS: usize = 20;

/// Characters of a report's hash.
const HASH: usize = 64;

/// Two commits, compared.
pub(in crate::pages) struct Comparison {
    pub(in crate::pages) base: MeasuredCommit,
    pub(in crate::pages) head: MeasuredCommit,
    pub(in crate::pages) judgement: Judgement,
    pub(in crate::pages) base_report: Report,
    pub(in crate::pages) head_report: Report,
    /// Open regressions of series between the two which these two measurements do not tell.
    untold: Vec<Event>,
    /// Its address: by commit, or by report where the address named reports.
    pub(super) stem: String,
    /// The address that shows just this, whatever is measured later.
    pub(super) permalink: String,
}

impl Comparison {
    /// The series that a row belongs to.
    pub(in crate::pages) fn series(&self, row: &Row) -> SeriesKey {
        key(row, &self.judgement.testbed)
    }

    /// What is said of it in one line, for one metric or for what is judged.
    pub(in crate::pages) fn headline(&self, metric: Option<&str>) -> Headline {
        Headline::of(&self.judgement, self.head_report.failures.len(), metric).with_untold(
            &self.judgement,
            &self.untold,
            metric,
        )
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.stem == self.permalink
    }

    /// The address of this comparison, or of its permalink, in some form (`.json`).
    pub(super) fn address(&self, stem: &str, form: &str) -> String {
        match &self.judgement.variants {
            Some(v) => format!("{stem}{form}?{}", variants_query(v)),
            None => format!("{stem}{form}"),
        }
    }
}

/// One side of a comparison.
pub(super) struct Side {
    pub(super) commit: MeasuredCommit,
    pub(super) report: Report,
    hash: String,
}

impl Side {
    pub(super) const fn new(commit: MeasuredCommit, report: Report, hash: String) -> Self {
        Self {
            commit,
            report,
            hash,
        }
    }
}

/// Judges `head` against `base` from what is stored. Both are named by commits, or both by the
/// hashes of reports: then nothing that arrived after these two changes the judgement.
pub(in crate::pages) fn load(
    store: &Store,
    app: &App,
    base: &str,
    head: &str,
    how: &str,
) -> Result<Comparison, Fail> {
    let named = pinned(store, base).and_then(|b| Ok(b.zip(pinned(store, head)?)))?;
    let is_pinned = named.is_some();
    let sides = match named {
        Some(sides) => sides,
        None => latest(store, the_commit(store, base)?, the_commit(store, head)?)?,
    };
    let how = if is_pinned {
        "these two reports, whatever is measured later"
    } else {
        how
    };
    judged(store, app, sides, (is_pinned, None), how)
}

/// The judgement on two sides.
pub(super) fn judged(
    store: &Store,
    app: &App,
    (base, head): (Side, Side),
    (is_pinned, variants): (bool, Option<&Variants>),
    how: &str,
) -> Result<Comparison, Fail> {
    let config = &app.options.config;
    let as_of = match is_pinned {
        true => newer(store, &base, &head)?,
        false => i64::MAX,
    };
    let stored = Stored {
        store,
        base: &base.report,
        head: &head.report,
        variants,
    };
    let mut results = stored.rows(config, &Overrides::default(), as_of)?;
    stored.confirm(results.iter_mut())?;
    // What is pinned says what these two reports say, whatever is found or decided later.
    let untold = match is_pinned {
        true => Vec::new(),
        false => stored.untold(&results)?,
    };
    let mut notes = vec!["from stored reports; nothing was measured again".to_string()];
    notes.extend(untold_note(&untold));
    let counter = Judged::of(config, &[&base.report, &head.report]).counter(&head.report);
    let beside = Beside {
        how: how.into(),
        distance: head.commit.position.abs_diff(base.commit.position),
        notes,
        doubts: judge::doubts(&base.report, &head.report, &results),
        variants: variants.cloned(),
        ..Beside::default()
    };
    let judgement = judge::judgement(&base.report, &head.report, counter, results, beside);
    let permalink = format!("/compare/{}..{}", base.hash, head.hash);
    Ok(Comparison {
        stem: if is_pinned {
            permalink.clone()
        } else {
            compare_url(&base.commit.sha, &head.commit.sha)
        },
        permalink,
        base: base.commit,
        head: head.commit,
        judgement,
        base_report: base.report,
        head_report: head.report,
        untold,
    })
}

/// The number of the report of both that came later.
fn newer(store: &Store, base: &Side, head: &Side) -> Result<i64, Fail> {
    let (base, head) = (
        store.report_number(&base.hash)?,
        store.report_number(&head.hash)?,
    );
    Ok(base.max(head).unwrap_or(i64::MAX))
}

/// The report of that hash with its commit.
pub(super) fn pinned(store: &Store, name: &str) -> Result<Option<Side>, Fail> {
    if name.len() != HASH {
        return Ok(None);
    }
    let Some(report) = store.report(name)? else {
        return Ok(None);
    };
    let commit = the_commit(store, &report.commit.sha.0)?;
    let hash = name.to_string();
    Ok(Some(Side {
        commit,
        report,
        hash,
    }))
}

/// Judges `head` against `base` once for each testbed that the head was measured on, each with the
/// hash of the head's report: against the base's report of the same testbed, where there is one.
pub(in crate::pages) fn by_testbed(
    store: &Store,
    app: &App,
    (base, head): (&MeasuredCommit, &MeasuredCommit),
    how: &str,
) -> Result<Vec<(String, Comparison)>, Fail> {
    let heads = store.reports(Some(&head.sha), REPORTS)?;
    let bases = store.reports(Some(&base.sha), REPORTS)?;
    let testbeds: BTreeSet<&str> = heads.iter().map(|h| h.testbed_key.as_str()).collect();
    let mut out = Vec::new();
    for testbed in testbeds {
        let of_it = heads.iter().filter(|h| h.testbed_key == testbed);
        let Some((h, b)) = best(of_it, &bases) else {
            continue;
        };
        let sides = (side(store, base.clone(), b)?, side(store, head.clone(), h)?);
        let judged = judged(store, app, sides, (false, None), how)?;
        out.push((h.hash.clone(), judged));
    }
    Ok(out)
}

/// A report of each commit, from the same testbed where there is one.
fn latest(store: &Store, base: MeasuredCommit, head: MeasuredCommit) -> Result<(Side, Side), Fail> {
    let heads = store.reports(Some(&head.sha), REPORTS)?;
    let bases = store.reports(Some(&base.sha), REPORTS)?;
    let (h, b) = best(heads.iter(), &bases).ok_or(Fail::Internal)?;
    Ok((side(store, base, b)?, side(store, head, h)?))
}

fn side(store: &Store, commit: MeasuredCommit, row: &ReportRow) -> Result<Side, Fail> {
    let report = store.report(&row.hash)?.ok_or(Fail::Internal)?;
    Ok(Side::new(commit, report, row.hash.clone()))
}

/// The reports of a head and of a base that are best compared: those of one testbed and of one
/// suite first, then the newest.
fn best<'a>(
    heads: impl Iterator<Item = &'a ReportRow>,
    bases: &'a [ReportRow],
) -> Option<(&'a ReportRow, &'a ReportRow)> {
    let pairs = heads.flat_map(|h| bases.iter().map(move |b| (h, b)));
    let rank = |(h, b): &(&ReportRow, &ReportRow)| {
        (
            h.failed || b.failed,
            h.testbed_key != b.testbed_key,
            h.suite_key != b.suite_key,
            std::cmp::Reverse(h.started),
            std::cmp::Reverse(b.started),
        )
    };
    pairs.min_by_key(rank)
}

fn key(row: &Row, testbed: &Testbed) -> SeriesKey {
    SeriesKey {
        benchmark: row.benchmark.clone(),
        metric: row.metric.clone(),
        counter: row.counter.clone(),
        fingerprint: testbed.fingerprint(&row.counter),
    }
}
