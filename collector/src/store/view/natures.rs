//! What the newest report of a series says of its numbers beside their values: by what it is judged.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::model::{Better, Counter, Measurement, Metric, NoiseClass, Report};
use crate::store::log::codec::unpack;
use crate::store::log::entry::Kind;
use crate::store::log::pruning::Stub;
use crate::store::view::series::{SERIES, SeriesRow, own_direction, series_row};

/// What the newest reports that are left say of the kinds of their numbers. Most series of a
/// report end at the same one before, which is read once.
#[derive(Default)]
pub(super) struct Natures(HashMap<i64, OfReport>);

/// What a report says of a number beside its value.
#[derive(Clone, Copy)]
struct Nature {
    class: NoiseClass,
    better: Better,
    spread: f64,
}

/// The nature of each number of a report.
type OfReport = HashMap<(String, Metric, Counter), Nature>;

/// The newest report of a series.
const NEWEST: &str = "SELECT p.report, l.document FROM point p JOIN log l ON l.seq = p.report \
    WHERE p.series = ?1 ORDER BY p.position DESC, p.report DESC LIMIT 1";

impl Natures {
    /// Has a series judged as its newest point that is left says.
    pub(super) fn renew(
        &mut self,
        tx: &Transaction<'_>,
        series: i64,
        m: &Measurement,
    ) -> rusqlite::Result<()> {
        let key = (m.benchmark.clone(), m.metric.clone(), m.counter.clone());
        let Some(nature) = self.newest(tx, series, &key)? else {
            return Ok(());
        };
        let better = own_direction(&m.metric, nature.better);
        tx.prepare_cached("UPDATE series SET class = ?2, better = ?3, spread = ?4 WHERE id = ?1")?
            .execute(params![series, nature.class.name(), better, nature.spread])?;
        Ok(())
    }

    /// What its newest report says of a series.
    fn newest(
        &mut self,
        tx: &Transaction<'_>,
        series: i64,
        key: &(String, Metric, Counter),
    ) -> rusqlite::Result<Option<Nature>> {
        let newest: Option<(i64, Vec<u8>)> = tx
            .prepare_cached(NEWEST)?
            .query_row([series], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let Some((seq, document)) = newest else {
            return Ok(None);
        };
        let known = self.0.entry(seq).or_insert_with(|| natures(&document));
        Ok(known.get(key).copied())
    }
}

/// The nature of each number of a report; the first counts where one stands twice.
fn natures(document: &[u8]) -> OfReport {
    // What is damaged says nothing; `verify` names it.
    let Ok(report) = read(Kind::Report.name(), document) else {
        return OfReport::new();
    };
    let mut out = OfReport::new();
    for m in report.measurements {
        let nature = Nature {
            class: m.class,
            better: m.metric.better(),
            spread: calibrated(m.spread),
        };
        out.entry((m.benchmark, m.metric, m.counter))
            .or_insert(nature);
    }
    out
}

/// Fills in the spread of every series that an older uptick derived without it.
pub(in crate::store) fn spreads(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let all: Vec<SeriesRow> = tx
        .prepare(&format!("SELECT {SERIES} FROM series s WHERE s.points > 0"))?
        .query_map([], |r| series_row(r, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut natures = Natures::default();
    for SeriesRow { id, key, .. } in all {
        let of = (key.benchmark, key.metric, key.counter);
        if let Some(nature) = natures.newest(tx, id, &of)? {
            tx.prepare_cached("UPDATE series SET spread = ?2 WHERE id = ?1")?
                .execute(params![id, nature.spread])?;
        }
    }
    Ok(())
}

/// A report, or what is left of one.
pub(super) fn read(kind: &str, document: &[u8]) -> Result<Report, String> {
    let bytes = unpack(document).map_err(|e| e.to_string())?;
    if kind == Kind::Stub.name() {
        let stub: Stub = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        return Ok(stub.as_report());
    }
    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
}

/// A spread that calibration saw; what is no number says nothing.
pub(super) fn calibrated(spread: f64) -> f64 {
    if spread.is_finite() { spread } else { 0.0 }
}
