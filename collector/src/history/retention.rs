//! Pruning beside the change finder: what is not told yet is told before its points go, and what is
//! found because points went is no news.

use crate::error::Result;
use crate::history::watch;
use crate::store::{Audience, Keep, Plan, Prunable, Store};

/// What may go now: changes that nobody found yet hold what they need too.
///
/// # Errors
/// As for [`Store::plan_pruning`]; [`crate::error::Error::Store`] while a history is imported, of
/// which nothing was searched.
pub fn plan(store: &mut Store, keep: &Keep, now: i64) -> Result<Plan> {
    store.refuse_amid_import()?;
    store.derive()?;
    watch::search_for(store, usize::MAX, Audience::Channels { now })?;
    store.plan_pruning(keep, now)
}

/// Drops what a plan lets go, in at most so many transactions, and makes the plan anew where what it
/// was made by is over. Gives what it was: nothing when all of it is gone.
///
/// # Errors
/// [`crate::error::Error::Store`]; what went before is gone.
pub fn prune(
    store: &mut Store,
    plan: &mut Plan,
    actor: &str,
    now: i64,
    transactions: usize,
) -> Result<Prunable> {
    store.refuse_amid_import()?;
    store.derive()?;
    watch::search_for(store, usize::MAX, Audience::Channels { now })?;
    let mut gone = Prunable::default();
    for _ in 0..transactions {
        store.renew_plan(plan)?;
        let some = store.prune(plan, actor, now)?;
        if some.is_empty() {
            break;
        }
        gone.add(&some);
    }
    if gone.main_reports > 0 {
        // What the finder says of a shorter series is no news.
        watch::search(store, usize::MAX)?;
    }
    Ok(gone)
}
