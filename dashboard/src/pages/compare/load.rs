//! Two commits judged from what is stored.

use std::collections::BTreeSet;

use collector::detect::Kind;
use collector::judge::{self, Beside, Judged, Judgement, Overrides, Row};
use collector::model::{Measurement, Report, SeriesKey, Testbed, Variants};
use collector::stats;
use collector::store::{MeasuredCommit, ReportRow, Store};

use crate::app::App;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::answer::the_commit;
use crate::query::{compare_url, variants_query};

/// Earlier values that a limit is taken from, as `uptick check` does.
const HISTORY: usize = 200;

/// Reports of one commit that are looked at, the newest.
const REPORTS: usize = 20;

/// Characters of a report's hash.
const HASH: usize = 64;

/// Below this relative difference no limit can be crossed, so that no history is read.
const NEGLIGIBLE: f64 = 0.001;

/// Two commits, compared.
pub(in crate::pages) struct Comparison {
    pub(in crate::pages) base: MeasuredCommit,
    pub(in crate::pages) head: MeasuredCommit,
    pub(in crate::pages) judgement: Judgement,
    pub(in crate::pages) base_report: Report,
    pub(in crate::pages) head_report: Report,
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
        Headline::of(&self.judgement, self.head_report.failures.len(), metric)
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
    let judged = Judged::of(config, &[&base.report, &head.report]);
    let counter = judged.counter(&head.report);
    let as_of = match is_pinned {
        true => newer(store, &base, &head)?,
        false => i64::MAX,
    };
    let history = |m: &Measurement| {
        let other = variants.and_then(|v| v.base_name(&m.benchmark));
        let benchmark = other.unwrap_or_else(|| m.benchmark.clone());
        let sides = (&base.report, &head.report);
        history(store, sides, (benchmark, m), as_of)
    };
    let mut results = judge::rows(
        &base.report,
        &head.report,
        config,
        &Overrides::default(),
        &judged,
        &history,
    );
    judge::confirm_by_changes(&mut results, &|row| {
        lasting(store, row, &head.report, (&base.commit, &head.commit))
    });
    let beside = Beside {
        how: how.into(),
        distance: head.commit.position.abs_diff(base.commit.position),
        notes: vec!["from stored reports; nothing was measured again".into()],
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
    let (h, b) = best(heads.iter(), &bases).ok_or(Fail::Ours)?;
    Ok((side(store, base, b)?, side(store, head, h)?))
}

fn side(store: &Store, commit: MeasuredCommit, row: &ReportRow) -> Result<Side, Fail> {
    let report = store.report(&row.hash)?.ok_or(Fail::Ours)?;
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

/// Earlier values of a series, newest last: only where they can matter, and only those that had
/// arrived by the report of that number.
fn history(
    store: &Store,
    (base, head): (&Report, &Report),
    (benchmark, m): (String, &Measurement),
    as_of: i64,
) -> Vec<f64> {
    let after = head.measurements.binary_search_by(|h| {
        (&h.benchmark, &h.metric, &h.counter).cmp(&(&m.benchmark, &m.metric, &m.counter))
    });
    let after = after
        .ok()
        .map(|i| &head.measurements[i])
        .or_else(|| head.find(&m.benchmark, &m.metric, &m.counter));
    let moved = after.is_some_and(|h| stats::change(m.value, h.value).abs() > NEGLIGIBLE);
    if !moved {
        return Vec::new();
    }
    let key = SeriesKey {
        benchmark,
        metric: m.metric.clone(),
        counter: m.counter.clone(),
        fingerprint: base.testbed.fingerprint(&m.counter),
    };
    // A history that cannot be read is no history: the floors remain.
    let Ok(Some(series)) = store.series_by_id(&key.id()) else {
        return Vec::new();
    };
    let values = store
        .recent_as_of(series.row.id, base.commit.position, HISTORY, as_of)
        .unwrap_or_default();
    values.into_iter().map(|v| v.value).collect()
}

/// The lasting change of a row's series that lies between the two commits, if there is one.
fn lasting(
    store: &Store,
    row: &Row,
    head: &Report,
    (base, to): (&MeasuredCommit, &MeasuredCommit),
) -> Option<f64> {
    let key = key(row, &head.testbed);
    let within = base.position.cast_signed()..to.position.cast_signed();
    // What cannot be read confirms nothing.
    let events = store.events_of(&key.id()).unwrap_or_default();
    events
        .iter()
        .map(|t| &t.event)
        .filter(|e| e.change.kind != Kind::Drift)
        .filter(|e| e.seen && within.start < e.change.index && e.change.index <= within.end)
        .map(|e| e.change.change)
        .max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

fn key(row: &Row, testbed: &Testbed) -> SeriesKey {
    SeriesKey {
        benchmark: row.benchmark.clone(),
        metric: row.metric.clone(),
        counter: row.counter.clone(),
        fingerprint: testbed.fingerprint(&row.counter),
    }
}
