//! The verdicts on many pairs of commits, as lists show them: the same judgement as on the page of
//! each pair, made once.

use std::sync::Arc;

use collector::store::{MeasuredCommit, Store};

use crate::app::App;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::compare::load::load;
use crate::verdicts::Basis;

/// Numbers that one page judges at most while somebody waits for it; the verdicts on further commits
/// stand on their own pages until they are judged ahead.
const NUMBERS: u64 = 20_000;

/// A base and a head.
pub(in crate::pages) type Pair<'a> = (&'a MeasuredCommit, &'a MeasuredCommit);

/// The verdict on each pair; `None` where a page of so many would take too long.
pub(in crate::pages) fn verdicts(
    store: &Store,
    app: &App,
    pairs: &[Pair<'_>],
) -> Result<Vec<Option<Arc<Headline>>>, Fail> {
    let mut room = NUMBERS;
    let mut out = Vec::new();
    for (pair, basis) in pairs.iter().zip(bases(store, pairs)?) {
        let numbers = pair.0.measurements + pair.1.measurements;
        out.push(match app.verdicts.get(&basis) {
            Some(known) => Some(known),
            None if numbers > room => {
                app.verdicts.miss();
                None
            }
            None => {
                room -= numbers;
                judge(store, app, *pair, basis)
            }
        });
    }
    Ok(out)
}

/// The verdict on one pair, however many numbers it has.
pub(in crate::pages) fn verdict(
    store: &Store,
    app: &App,
    pair: Pair<'_>,
) -> Result<Option<Arc<Headline>>, Fail> {
    let basis = bases(store, &[pair])?.pop();
    Ok(basis.and_then(|basis| {
        let known = app.verdicts.get(&basis);
        known.or_else(|| judge(store, app, pair, basis))
    }))
}

/// Judges a pair before anybody asks, unless its verdict is known.
pub(in crate::pages) fn ahead(store: &Store, app: &App, pair: Pair<'_>) -> Result<(), Fail> {
    for basis in bases(store, &[pair])? {
        if app.verdicts.get(&basis).is_none() {
            judge(store, app, pair, basis);
        }
    }
    Ok(())
}

/// What cannot be read is said on the page of the pair, and spoils no list.
fn judge(store: &Store, app: &App, (base, head): Pair<'_>, basis: Basis) -> Option<Arc<Headline>> {
    let judged = load(store, app, &base.sha.0, &head.sha.0, "").ok()?;
    Some(app.verdicts.keep(basis, judged.headline(None)))
}

/// What the verdict on each pair rests on.
fn bases(store: &Store, pairs: &[Pair<'_>]) -> Result<Vec<Basis>, Fail> {
    let positions: Vec<u64> = pairs.iter().map(|(base, _)| base.position).collect();
    let reports = store.reports_up_to(&positions)?;
    let applied = store.applied()?.cast_unsigned();
    let basis = |((base, head), before): (&Pair<'_>, u64)| {
        Ok(Basis {
            sides: [
                (base.sha.clone(), base.reports),
                (head.sha.clone(), head.reports),
            ],
            // The history of a branch is its own commits too: any report may be of one.
            before: if base.main { before } else { applied },
            changes: changes_between(store, base.position, head.position)?,
        })
    };
    pairs.iter().zip(reports).map(basis).collect()
}

/// What stands for the lasting changes that may confirm a suspicion about a pair: those of another
/// pair are none of its matter.
fn changes_between(store: &Store, a: u64, b: u64) -> Result<String, Fail> {
    Ok(store.changes_mark(a.min(b) + 1, a.max(b))?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use collector::model::Report;

    use super::*;
    use crate::fixture;

    /// One series that costs a fifth more from commit 20 on.
    fn report(position: u64) -> Report {
        fixture::report(position, if position < 20 { 1e6 } else { 1.2e6 })
    }

    #[tokio::test]
    async fn a_new_change_has_the_verdict_on_its_own_pair_alone_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        // Asked for its configuration and what it keeps alone.
        let app = fixture::app(&dir.path().join("other.db")).await;
        let mut store = Store::open(&dir.path().join("uptick.db")).unwrap();
        for position in 0..40 {
            store.put(&report(position), &[]).unwrap();
        }
        let all = store.commits(u64::MAX, 40).unwrap();
        let pairs: Vec<Pair<'_>> = all.windows(2).map(|p| (&p[1], &p[0])).collect();
        let before = verdicts(&store, &app, &pairs).unwrap();
        collector::history::watch::search(&mut store, usize::MAX).unwrap();
        let after = verdicts(&store, &app, &pairs).unwrap();
        let is_new = |i: &usize| {
            let (a, b) = (before[*i].as_ref().unwrap(), after[*i].as_ref().unwrap());
            !Arc::ptr_eq(a, b)
        };
        let new: Vec<usize> = (0..pairs.len()).filter(is_new).collect();
        let heads: Vec<u64> = new.iter().map(|i| pairs[*i].1.position).collect();
        assert_eq!(heads, [20]);
    }

    /// A store of two commits with so many benchmarks.
    fn large(dir: &std::path::Path, benchmarks: usize) -> Store {
        let mut store = Store::open(&dir.join("uptick.db")).unwrap();
        for position in 0..2 {
            let mut all = report(position);
            let one = all.measurements.remove(0);
            all.measurements.extend((0..benchmarks).map(|i| {
                let mut m = one.clone();
                m.benchmark = format!("b{i:05}");
                m
            }));
            store.put(&all, &[]).unwrap();
        }
        store
    }

    #[tokio::test]
    async fn a_list_waits_for_no_more_than_it_has_room_for_and_has_what_was_judged_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let app = fixture::app(&dir.path().join("other.db")).await;
        let store = large(dir.path(), 1 + NUMBERS as usize / 2);
        let all = store.commits(u64::MAX, 2).unwrap();
        let pair: Pair<'_> = (&all[1], &all[0]);
        assert!(!app.verdicts.take_missed());
        assert_eq!(verdicts(&store, &app, &[pair]).unwrap(), [None]);
        assert!(app.verdicts.take_missed() && !app.verdicts.take_missed());
        ahead(&store, &app, pair).unwrap();
        let known = verdicts(&store, &app, &[pair]).unwrap();
        assert!(known[0].is_some() && !app.verdicts.take_missed());
        // The one that a page is about is judged at once.
        let other = fixture::app(&dir.path().join("another.db")).await;
        assert!(verdict(&store, &other, pair).unwrap().is_some());
    }
}
