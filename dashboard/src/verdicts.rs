//! Verdicts that were made for lists, kept for as long as what they rest on stands: judging fifty
//! commits reads a hundred reports, and a new report changes the verdict on none of the older ones.

use std::sync::Arc;

use collector::model::Sha;

use crate::headline::Headline;

/// Verdicts that are kept.
const KEPT: u64 = 20_000;

/// What a verdict rests on: any other of these is another verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Basis {
    /// Base and head, each with its number of reports.
    pub(crate) sides: [(Sha, u64); 2],
    /// Reports of the main line up to the base, which histories are made of.
    pub(crate) before: u64,
    /// The lasting changes that may confirm a suspicion, and the reports that do not count.
    pub(crate) changes: String,
}

/// The verdicts that are kept.
#[derive(Debug)]
pub(crate) struct Verdicts(moka::sync::Cache<Basis, Arc<Headline>>);

impl Verdicts {
    pub(crate) fn new() -> Self {
        Self(moka::sync::Cache::new(KEPT))
    }

    pub(crate) fn get(&self, basis: &Basis) -> Option<Arc<Headline>> {
        self.0.get(basis)
    }

    pub(crate) fn keep(&self, basis: Basis, headline: Headline) -> Arc<Headline> {
        let headline = Arc::new(headline);
        self.0.insert(basis, headline.clone());
        headline
    }
}
