//! What reports, profiles and the main line mean: series with their points, commits, testbeds.
//!
//! A commit is on the main line if the store's own line says so; where that does not reach and never
//! had it, if its report says so; where nothing is known, unless another commit stands at its
//! position.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::model::{Line, Measurement, Report, SeriesKey, digest};
use crate::store::log::codec::unpack;
use crate::store::log::entry::{Entry, Exclusion, Kind, Stacks, Stretch};
use crate::store::view::excluded;
use crate::store::view::natures::{Natures, calibrated, read};
use crate::store::view::series::{own_direction, own_unit};

/// Where a commit stands.
struct Place {
    main: bool,
    position: i64,
}

/// Derives series and points from a report with its [`numbers`], at most `room` points from where it
/// was left. Gives whether that was all.
pub(super) fn report(
    tx: &Transaction<'_>,
    (seq, hash): (i64, &str),
    (report, all): (&Report, &[usize]),
    room: &mut usize,
) -> rusqlite::Result<bool> {
    if excluded::is_out(tx, hash, &report.commit.sha)? || excluded::is_gone(tx, seq)? {
        return Ok(true);
    }
    let place = place(tx, report)?;
    let from = part(tx)?.min(all.len());
    let to = from.saturating_add(*room).min(all.len());
    *room -= to - from;
    points(tx, seq, report, (&all[from..to], &place))?;
    add(tx, "points", (to - from) as i64)?;
    set_part(tx, if to < all.len() { to } else { 0 })?;
    if to < all.len() {
        return Ok(false);
    }
    index(tx, seq, hash, report, place.position)?;
    commit(tx, report, &place, all.len() as i64)?;
    if place.main {
        testbed(tx, &facts_key(report), report)?;
    }
    add(tx, "reports", 1)?;
    Ok(true)
}

/// How many numbers of the report under way are applied.
fn part(tx: &Transaction<'_>) -> rusqlite::Result<usize> {
    let n: i64 = tx
        .prepare_cached("SELECT value FROM state WHERE name = 'part'")?
        .query_row([], |r| r.get(0))?;
    Ok(usize::try_from(n).unwrap_or(0))
}

fn set_part(tx: &Transaction<'_>, n: usize) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE state SET value = ?1 WHERE name = 'part' AND value <> ?1")?
        .execute([n as i64])?;
    Ok(())
}

/// Which measurements of a report become points: those of the commit's own benchmarks. An older
/// store may hold a report that says one thing twice: the first counts.
pub(super) fn numbers(report: &Report) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let own = |m: &Measurement| m.value.is_finite() && !m.redefined;
    let all = report.measurements.iter().enumerate();
    all.filter(|(_, m)| own(m) && seen.insert((&m.benchmark, &m.metric, &m.counter)))
        .map(|(i, _)| i)
        .collect()
}

fn add(tx: &Transaction<'_>, counter: &str, n: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE state SET value = value + ?2 WHERE name = ?1")?
        .execute(params![counter, n])?;
    Ok(())
}

fn index(
    tx: &Transaction<'_>,
    seq: i64,
    hash: &str,
    r: &Report,
    position: i64,
) -> rusqlite::Result<()> {
    let failed = r.failures.iter().any(|f| f.benchmark.is_none());
    tx.prepare_cached(
        "INSERT INTO report (id, hash, sha, position, build_key, suite_key, testbed_key, started, \
         failed, facts) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    )?
    .execute(params![
        seq,
        hash,
        r.commit.sha.0,
        position,
        r.build_key,
        r.suite_key,
        r.testbed_key,
        r.started,
        failed,
        facts_key(r)
    ])?;
    Ok(())
}

/// Where a report's commit stands, as far as is known now.
fn place(tx: &Transaction<'_>, r: &Report) -> rusqlite::Result<Place> {
    let position = i64::try_from(r.commit.position).unwrap_or(i64::MAX);
    let sha = &r.commit.sha.0;
    let known: Option<i64> = tx
        .prepare_cached("SELECT position FROM main_line WHERE sha = ?1")?
        .query_row([sha], |row| row.get(0))
        .optional()?;
    if let Some(position) = known {
        let main = true;
        return Ok(Place { main, position });
    }
    let reached: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM main_line WHERE position = ?1)")?
        .query_row([position], |row| row.get(0))?;
    let main = match &r.line {
        _ if reached || has_left(tx, sha)? => false,
        Some(Line::Branch { .. }) => false,
        Some(Line::Main) => true,
        None => !is_taken(tx, sha, position)?,
    };
    Ok(Place { main, position })
}

/// Whether the main line had a commit, and has it no longer.
fn has_left(tx: &Transaction<'_>, sha: &str) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM line_left WHERE sha = ?1)")?
        .query_row([sha], |row| row.get(0))
}

/// Whether another commit of the main line stands at that position.
fn is_taken(tx: &Transaction<'_>, sha: &str, position: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM measured_commit \
         WHERE main = 1 AND position = ?1 AND sha <> ?2)",
    )?
    .query_row(params![position, sha], |row| row.get(0))
}

/// Files numbers of a report.
fn points(
    tx: &Transaction<'_>,
    seq: i64,
    report: &Report,
    (numbers, place): (&[usize], &Place),
) -> rusqlite::Result<()> {
    let mut series = tx.prepare_cached(if place.main { ON_MAIN } else { BESIDE })?;
    let table = if place.main { "point" } else { "branch_point" };
    let mut point = tx.prepare_cached(&format!(
        "INSERT OR IGNORE INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    ))?;
    let mut fingerprints = HashMap::new();
    for m in numbers.iter().filter_map(|i| report.measurements.get(*i)) {
        let fingerprint = fingerprints
            .entry(&m.counter)
            .or_insert_with(|| report.testbed.fingerprint(&m.counter));
        let key = SeriesKey {
            benchmark: m.benchmark.clone(),
            metric: m.metric.clone(),
            counter: m.counter.clone(),
            fingerprint: fingerprint.clone(),
        };
        let (metric, counter, class) = (m.metric.name(), m.counter.name(), m.class.name());
        let (unit, better) = (
            own_unit(&m.metric),
            own_direction(&m.metric, m.metric.better()),
        );
        let (sha, id) = (&report.commit.sha.0, key.id());
        let named = params![
            m.benchmark,
            metric,
            unit,
            better,
            counter,
            &*fingerprint,
            class,
            id,
            place.position,
            m.value,
            sha,
            report.started,
            calibrated(m.spread)
        ];
        let beside = params![
            m.benchmark,
            metric,
            unit,
            better,
            counter,
            &*fingerprint,
            class,
            id
        ];
        let args = if place.main { named } else { beside };
        let row: i64 = series.query_row(args, |r| r.get(0))?;
        point.execute(params![row, place.position, seq, m.value, m.low, m.high])?;
    }
    Ok(())
}

/// A point more of a series on the main line.
const ON_MAIN: &str = "INSERT INTO series (benchmark, metric, unit, better, counter, fingerprint, \
    class, key, points, latest_position, latest_value, latest_sha, latest_time, spread) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10, ?11, ?12, ?13) \
    ON CONFLICT (benchmark, metric, unit, counter, fingerprint) DO UPDATE SET \
    points = points + 1, \
    better = iif(excluded.latest_position >= latest_position, excluded.better, better), \
    class = iif(excluded.latest_position >= latest_position, excluded.class, class), \
    spread = iif(excluded.latest_position >= latest_position, excluded.spread, spread), \
    latest_value = iif(excluded.latest_position >= latest_position, excluded.latest_value, latest_value), \
    latest_sha = iif(excluded.latest_position >= latest_position, excluded.latest_sha, latest_sha), \
    latest_time = max(excluded.latest_time, latest_time), \
    latest_position = max(excluded.latest_position, latest_position) \
    RETURNING id";
/// A series that a branch alone has so far has no point and no place: no page lists it.
const BESIDE: &str = "INSERT INTO series (benchmark, metric, unit, better, counter, fingerprint, \
    class, key, points, latest_position, latest_value, latest_sha, latest_time) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, -1, 0, '', 0) \
    ON CONFLICT (benchmark, metric, unit, counter, fingerprint) DO UPDATE SET class = class \
    RETURNING id";

fn commit(tx: &Transaction<'_>, r: &Report, place: &Place, points: i64) -> rusqlite::Result<()> {
    let c = &r.commit;
    let (branch, merge_base) = match &r.line {
        Some(Line::Branch { name, merge_base }) if !place.main => (
            name.clone().unwrap_or_default(),
            merge_base.clone().map(|s| s.0).unwrap_or_default(),
        ),
        _ => Default::default(),
    };
    tx.prepare_cached(
        "INSERT INTO measured_commit (sha, position, time, author, subject, reports, \
         measurements, failures, main, branch, merge_base) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (sha) DO UPDATE SET reports = reports + 1, \
         measurements = excluded.measurements, failures = excluded.failures, \
         main = excluded.main, position = excluded.position, \
         branch = iif(excluded.branch = '', branch, excluded.branch), \
         merge_base = iif(excluded.merge_base = '', merge_base, excluded.merge_base)",
    )?
    .execute(params![
        c.sha.0,
        place.position,
        c.time,
        c.author,
        c.subject,
        points,
        r.failures.len() as i64,
        place.main,
        branch,
        merge_base
    ])?;
    Ok(())
}

fn facts(r: &Report) -> String {
    serde_json::to_string(&r.testbed.facts).unwrap_or_default()
}

fn facts_key(r: &Report) -> String {
    digest(facts(r).as_bytes())
}

/// The stretch of the main line that a testbed measured, from the reports themselves.
fn testbed(tx: &Transaction<'_>, key: &str, report: &Report) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM testbed WHERE key = ?1")?
        .execute([key])?;
    tx.prepare_cached(
        "INSERT INTO testbed SELECT ?1, ?2, min(r.position), max(r.position), min(c.time), \
         max(c.time), count(*) FROM report r JOIN measured_commit c ON c.sha = r.sha \
         WHERE r.facts = ?1 AND c.main = 1 HAVING count(*) > 0",
    )?
    .execute(params![key, facts(report)])?;
    Ok(())
}

/// Where call stacks of a benchmark are found.
pub(super) fn profile(tx: &Transaction<'_>, p: &Stacks) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO stacks VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![p.sha.0, p.benchmark, p.suite, p.blob])?;
    Ok(())
}

/// Replaces the main line from a position on, and moves the reports of commits that are on it
/// now, or no longer.
pub(super) fn main_line(tx: &Transaction<'_>, s: &Stretch) -> rusqlite::Result<()> {
    replace(tx, s)?;
    file_who_moved(tx)
}

/// Notes in a store of before this was noted which commits the main line had and has no longer. Gives
/// whether there are any: then all is to be derived anew.
pub(in crate::store) fn note_who_left(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    let mut entries = tx.prepare(
        "SELECT document FROM log WHERE kind = 'main_line' \
         AND seq <= (SELECT value FROM state WHERE name = 'applied') ORDER BY seq",
    )?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        // What is damaged says nothing; `verify` names it.
        let bytes = unpack(&row.get::<_, Vec<u8>>(0)?).unwrap_or_default();
        if let Ok(Entry::MainLine(s)) = Entry::parse(Kind::MainLine, &bytes) {
            replace(tx, &s)?;
        }
    }
    let left = "SELECT EXISTS (SELECT 1 FROM line_left)";
    tx.query_row(left, [], |r| r.get(0))
}

/// Has the main line be another one from a position on.
fn replace(tx: &Transaction<'_>, s: &Stretch) -> rusqlite::Result<()> {
    let from = s.from.cast_signed();
    tx.prepare_cached(
        "INSERT OR IGNORE INTO line_left SELECT sha FROM main_line WHERE position >= ?1",
    )?
    .execute([from])?;
    tx.prepare_cached("DELETE FROM main_line WHERE position >= ?1")?
        .execute([from])?;
    let mut insert = tx.prepare_cached("INSERT INTO main_line VALUES (?1, ?2)")?;
    let mut back = tx.prepare_cached("DELETE FROM line_left WHERE sha = ?1")?;
    for (position, sha) in (from..).zip(&s.commits) {
        insert.execute(params![position, sha.0])?;
        back.execute([&sha.0])?;
    }
    Ok(())
}

/// Files the reports anew of the commits that are on the main line now, or no longer.
fn file_who_moved(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    // Reports are few beside points: those of commits whose place is another now are filed anew.
    let moved: Vec<String> = tx
        .prepare_cached(
            "SELECT c.sha FROM measured_commit c LEFT JOIN main_line m ON m.sha = c.sha WHERE \
             (m.sha IS NOT NULL AND (c.main = 0 OR c.position <> m.position)) OR \
             (m.sha IS NULL AND c.main = 1 AND \
             (EXISTS (SELECT 1 FROM main_line o WHERE o.position = c.position) OR \
             EXISTS (SELECT 1 FROM line_left l WHERE l.sha = c.sha))) \
             ORDER BY c.position, c.sha",
        )?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // All leave before any arrives, so that the order among them decides nothing.
    let mut reports = Vec::new();
    for sha in &moved {
        reports.extend(take_out(tx, sha)?);
    }
    reports.sort_by_key(|(seq, _, _)| *seq);
    file(tx, &reports)
}

/// Files the reports of a commit anew: those that were pruned meanwhile are left out.
pub(super) fn file_anew(tx: &Transaction<'_>, sha: &str) -> rusqlite::Result<()> {
    let reports = take_out(tx, sha)?;
    file(tx, &reports)
}

/// Files reports that were taken out, whole.
fn file(tx: &Transaction<'_>, reports: &[Taken]) -> rusqlite::Result<()> {
    for (seq, hash, r) in reports {
        let mut room = usize::MAX;
        report(tx, (*seq, hash), (r, &numbers(r)), &mut room)?;
    }
    Ok(())
}

/// Takes a report out of the view, or back into it. The other reports of its commit are filed anew
/// beside it, as if it had never come, or never left.
pub(super) fn exclusion(tx: &Transaction<'_>, e: &Exclusion) -> rusqlite::Result<()> {
    if !excluded::note(tx, e)? {
        return Ok(());
    }
    let Some((seq, report)) = in_log(tx, &e.report)? else {
        return Ok(());
    };
    let sha = report.commit.sha.0.clone();
    let mut reports = take_out(tx, &sha)?;
    if reports.iter().all(|(s, _, _)| *s != seq) {
        reports.push((seq, e.report.clone(), report));
    }
    reports.sort_by_key(|(seq, _, _)| *seq);
    file(tx, &reports)
}

/// A report as it lies in the log before what is applied now; `None` also where it is damaged.
fn in_log(tx: &Transaction<'_>, hash: &str) -> rusqlite::Result<Option<(i64, Report)>> {
    let row: Option<(i64, String, Vec<u8>)> = tx
        .prepare_cached(
            "SELECT seq, kind, document FROM log WHERE hash = ?1 AND kind IN ('report', 'stub') \
             AND seq <= (SELECT value FROM state WHERE name = 'applied')",
        )?
        .query_row([hash], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let read = row.map(|(seq, kind, document)| Some((seq, read(&kind, &document).ok()?)));
    Ok(read.flatten())
}

/// A report with its place in the log and its hash.
type Taken = (i64, String, Report);

/// Takes everything that the reports of a commit gave out of the view; gives the reports.
fn take_out(tx: &Transaction<'_>, sha: &str) -> rusqlite::Result<Vec<Taken>> {
    let rows: Vec<(i64, String, String, Vec<u8>)> = tx
        .prepare_cached(
            "SELECT r.id, r.hash, l.kind, l.document FROM report r JOIN log l ON l.seq = r.id \
             WHERE r.sha = ?1 ORDER BY r.id",
        )?
        .query_map([sha], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut out = Vec::new();
    for (seq, hash, kind, document) in rows {
        // What is damaged stays where it is; `verify` names it.
        let Ok(report) = read(&kind, &document) else {
            continue;
        };
        forget(tx, seq, &report)?;
        out.push((seq, hash, report));
    }
    tx.prepare_cached("DELETE FROM measured_commit WHERE sha = ?1")?
        .execute([sha])?;
    Ok(out)
}

/// Takes one report's points out, and brings its series up to date.
fn forget(tx: &Transaction<'_>, seq: i64, report: &Report) -> rusqlite::Result<()> {
    let mut n = 0;
    let mut natures = Natures::default();
    for m in &report.measurements {
        let id: Option<i64> = tx
            .prepare_cached(
                "SELECT id FROM series WHERE benchmark = ?1 AND metric = ?2 AND unit = ?3 \
                 AND counter = ?4 AND fingerprint = ?5",
            )?
            .query_row(
                params![
                    m.benchmark,
                    m.metric.name(),
                    own_unit(&m.metric),
                    m.counter.name(),
                    report.testbed.fingerprint(&m.counter)
                ],
                |r| r.get(0),
            )
            .optional()?;
        let Some(id) = id else { continue };
        n += tx
            .prepare_cached("DELETE FROM branch_point WHERE series = ?1 AND report = ?2")?
            .execute([id, seq])?;
        let here = tx
            .prepare_cached("DELETE FROM point WHERE series = ?1 AND report = ?2")?
            .execute([id, seq])?;
        n += here;
        if here > 0 {
            recount(tx, id)?;
            natures.renew(tx, id, m)?;
        }
    }
    tx.prepare_cached("DELETE FROM report WHERE id = ?1")?
        .execute([seq])?;
    testbed(tx, &facts_key(report), report)?;
    add(tx, "points", -(n as i64))?;
    add(tx, "reports", -1)
}

/// A series' number of points and its newest one, from the points themselves; it is searched anew,
/// even when no point is left (below 0: no search ever saw so many, and each time is another).
fn recount(tx: &Transaction<'_>, series: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE series SET searched = iif(searched = 0, 0, min(searched, 0) - 1), \
         points = (SELECT count(*) FROM point WHERE series = ?1), latest_position = -1, \
         latest_value = 0, latest_sha = '', latest_time = 0 WHERE id = ?1",
    )?
    .execute([series])?;
    tx.prepare_cached(
        "UPDATE series SET (latest_position, latest_value, latest_sha) = \
         (SELECT p.position, p.value, r.sha FROM point p JOIN report r ON r.id = p.report \
         WHERE p.series = ?1 ORDER BY p.position DESC, p.report DESC LIMIT 1), latest_time = \
         (SELECT max(r.started) FROM point p JOIN report r ON r.id = p.report \
         WHERE p.series = ?1) WHERE id = ?1 AND points > 0",
    )?
    .execute([series])?;
    Ok(())
}
