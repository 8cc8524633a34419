//! What a base is judged with: the values that its series had before, on its own line of commits.

use crate::error::Result;
use crate::judge::HISTORY;
use crate::model::{SeriesKey, Sha};
use crate::store::{MeasuredCommit, Store};

/// Reports of one commit, each of another testbed, that are thought of.
const LEGS: usize = 4;

/// The line of commits that ends in a base, as far as the store knows it: of the main line what is
/// up to the base, and of a branch what is up to where it left the main line, and its own commits.
#[derive(Clone, Debug)]
pub struct Before {
    /// The last position of the main line that is on it.
    up_to: Option<u64>,
    /// Where the base's branch was measured up to the base, where it is on one.
    beside: Vec<(i64, i64)>,
    /// The last report that counts.
    as_of: i64,
}

impl Before {
    /// The line that ends in `base`, of reports up to that number
    /// ([`Store::report_number`]): what came in later changes nothing.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn of(store: &Store, base: &Sha, as_of: i64) -> Result<Self> {
        let base = store.commit(&base.0)?;
        let up_to = match &base {
            Some(c) if c.main => Some(c.position),
            // Where it left the line is not known: a commit of the line stands at its own place.
            Some(c) => left(store, c)?.or_else(|| c.position.checked_sub(1)),
            None => None,
        };
        // Commits of no known branch may be of any.
        let is_known = |c: &MeasuredCommit| !(c.main || c.branch.is_empty());
        let beside = match base.filter(is_known) {
            Some(base) => store.measured_beside(&base, LEGS * HISTORY, as_of)?,
            None => Vec::new(),
        };
        Ok(Self {
            up_to,
            beside,
            as_of,
        })
    }

    /// The newest values of a series on the line, one a commit, oldest first.
    #[must_use]
    pub fn values(&self, store: &Store, key: &SeriesKey) -> Vec<f64> {
        // A history that cannot be read is no history: the floors remain.
        self.read(store, key).unwrap_or_default()
    }

    fn read(&self, store: &Store, key: &SeriesKey) -> Result<Vec<f64>> {
        let Some(series) = store.series_number(key)? else {
            return Ok(Vec::new());
        };
        let own = store.values_beside(series, &self.beside, HISTORY)?;
        let room = HISTORY - own.len();
        let main = match self.up_to {
            Some(up_to) if room > 0 => store.recent_as_of(series, up_to, room, self.as_of)?,
            _ => Vec::new(),
        };
        Ok(main.iter().chain(&own).map(|v| v.value).collect())
    }
}

/// The position at which a branch left the main line, where the store knows that.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn left(store: &Store, c: &MeasuredCommit) -> Result<Option<u64>> {
    if c.merge_base.is_empty() {
        return Ok(None);
    }
    let base = Sha(c.merge_base.clone());
    if let Some(position) = store.main_position(&base)? {
        return Ok(Some(position));
    }
    Ok(store.commit(&base.0)?.map(|c| c.position))
}
