//! Tags of the repository whose commits were measured.

use collector::store::{MeasuredCommit, Store};

use crate::app::App;
use crate::error::Fail;

/// Releases that are offered.
const OFFERED: usize = 30;

/// The measured releases, the newest first.
pub(super) fn measured(store: &Store, app: &App) -> Result<Vec<(String, MeasuredCommit)>, Fail> {
    let mut out = Vec::new();
    for (name, sha) in app.releases().iter() {
        if let Some(commit) = store.commit(&sha.0)? {
            out.push((name.clone(), commit));
        }
        if out.len() == OFFERED {
            break;
        }
    }
    Ok(out)
}

/// The measured commit that a person names: by hash or branch as the store knows it, or by a tag.
pub(super) fn named(store: &Store, app: &App, text: &str) -> Result<Option<MeasuredCommit>, Fail> {
    if let Some(found) = store.commit_named(text)? {
        return Ok(Some(found));
    }
    let releases = app.releases();
    let tag = releases.iter().find(|(name, _)| name == text.trim());
    match tag {
        Some((_, sha)) => Ok(store.commit(&sha.0)?),
        None => Ok(None),
    }
}
