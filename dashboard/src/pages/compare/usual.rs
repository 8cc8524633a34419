//! The base of a commit that nobody named one for.

use collector::history;
use collector::store::{MeasuredCommit, Store};

use crate::error::Fail;

/// What a commit is compared with: on the main line the commit measured before it, beside it the
/// newest one that was measured up to where it left the line.
pub(in crate::pages) fn usual_base(
    store: &Store,
    head: &MeasuredCommit,
) -> Result<(Option<MeasuredCommit>, &'static str), Fail> {
    if head.main {
        let before = store.commits(head.position, 1)?.pop();
        return Ok((before, "the commit measured before it"));
    }
    let left = history::left(store, head)?;
    let before = store
        .commits(left.map_or(head.position, |p| p + 1), 1)?
        .pop();
    let how = match left {
        Some(_) if before.as_ref().is_some_and(|b| b.sha.0 == head.merge_base) => "its merge-base",
        Some(_) => "the newest commit measured up to its merge-base",
        None => "the newest commit measured before its place; its merge-base is not known",
    };
    Ok((before, how))
}
