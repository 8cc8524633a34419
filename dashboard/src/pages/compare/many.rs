//! The verdicts on many pairs of commits, as lists show them: the same judgement as on the page of
//! each pair, made once.

use std::sync::Arc;

use collector::store::{MeasuredCommit, Store};

use crate::app::App;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::compare::load::load;
use crate::verdicts::Basis;

/// Numbers that one page judges at most; the verdicts on further commits stand on their own pages.
const NUMBERS: u64 = 100_000;

/// A base and a head.
pub(in crate::pages) type Pair<'a> = (&'a MeasuredCommit, &'a MeasuredCommit);

/// The verdict on each pair; `None` where a page of so many would take too long.
pub(in crate::pages) fn verdicts(
    store: &Store,
    app: &App,
    pairs: &[Pair<'_>],
) -> Result<Vec<Option<Arc<Headline>>>, Fail> {
    let bases: Vec<u64> = pairs.iter().map(|(base, _)| base.position).collect();
    let reports = store.reports_up_to(&bases)?;
    let first = bases.iter().min().copied().unwrap_or(0);
    let last = pairs.iter().map(|(_, head)| head.position).max();
    let changes = store.changes_mark(first, last.unwrap_or(0))?;
    let mut room = NUMBERS;
    let mut out = Vec::new();
    for ((base, head), before) in pairs.iter().zip(reports) {
        let basis = Basis {
            sides: [
                (base.sha.clone(), base.reports),
                (head.sha.clone(), head.reports),
            ],
            before,
            changes: changes.clone(),
        };
        let known = app.verdicts.get(&basis);
        let numbers = base.measurements + head.measurements;
        out.push(match known {
            Some(known) => Some(known),
            None if numbers > room => None,
            None => {
                room -= numbers;
                // What cannot be read is said on the page of the pair, and spoils no list.
                let judged = load(store, app, &base.sha.0, &head.sha.0, "").ok();
                judged.map(|c| app.verdicts.keep(basis, c.headline(None)))
            }
        });
    }
    Ok(out)
}
