//! Points of the main line that have a name: tags, and where branches left it. Charts mark them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use collector::model::Sha;
use collector::store::Store;

use crate::error::Fail;

/// Measured commits of branches that are looked at, the newest.
const BRANCH_COMMITS: usize = 200;

/// What a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A tag names it.
    Tag,
    /// A branch left the main line there, of which so many commits were measured.
    Branch(usize),
}

/// A point of the main line that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Landmark {
    pub(crate) position: u64,
    pub(crate) name: String,
    pub(crate) sha: Sha,
    pub(crate) what: What,
}

/// All of a store's, by position; of the state that they were read in.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Option<(Seen, Arc<Vec<Landmark>>)>>);

/// What landmarks depend on.
#[derive(Debug, PartialEq)]
struct Seen {
    data: u64,
    tags: Arc<Vec<(String, Sha)>>,
}

impl Shelf {
    /// The landmarks of the store as it is now, of a repository with these tags.
    pub(crate) fn of(
        &self,
        store: &Store,
        tags: Arc<Vec<(String, Sha)>>,
    ) -> Result<Arc<Vec<Landmark>>, Fail> {
        let data = store.generation()?.data;
        let seen = Seen { data, tags };
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, all)) = lock().as_ref()
            && *at == seen
        {
            return Ok(all.clone());
        }
        let all = Arc::new(read(store, &seen.tags)?);
        *lock() = Some((seen, all.clone()));
        Ok(all)
    }
}

fn read(store: &Store, tags: &[(String, Sha)]) -> Result<Vec<Landmark>, Fail> {
    let mut all = branches(store)?;
    for (name, sha) in tags {
        if let Some(position) = position(store, sha)? {
            all.push(Landmark {
                position,
                name: name.clone(),
                sha: sha.clone(),
                what: What::Tag,
            });
        }
    }
    all.sort_by(|a, b| (a.position, &a.name).cmp(&(b.position, &b.name)));
    Ok(all)
}

/// Where a commit stands on the main line, if it does.
fn position(store: &Store, sha: &Sha) -> Result<Option<u64>, Fail> {
    if let Some(position) = store.main_position(sha)? {
        return Ok(Some(position));
    }
    // A store that nobody told the line knows its measured commits.
    let measured = store.commit(&sha.0)?.filter(|c| c.main);
    Ok(measured.map(|c| c.position))
}

fn branches(store: &Store) -> Result<Vec<Landmark>, Fail> {
    let mut left: BTreeMap<(String, String), usize> = BTreeMap::new();
    for c in store.branch_commits(BRANCH_COMMITS)? {
        if !c.branch.is_empty() && !c.merge_base.is_empty() {
            *left.entry((c.branch, c.merge_base)).or_default() += 1;
        }
    }
    let mut out = Vec::new();
    for ((name, base), n) in left {
        let sha = Sha(base);
        if let Some(position) = position(store, &sha)? {
            out.push(Landmark {
                position,
                name,
                sha,
                what: What::Branch(n),
            });
        }
    }
    Ok(out)
}
