//! Verdicts that were made for lists, kept for as long as what they rest on stands: judging fifty
//! commits reads a hundred reports, and a new report changes the verdict on none of the older ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use collector::model::Sha;

use crate::headline::Headline;

/// Verdicts that are kept.
const KEPT: u64 = 20_000;

/// What a verdict rests on: any other of these is another verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Basis {
    /// Base and head, each with its number of reports.
    pub(crate) sides: [(Sha, u64); 2],
    /// Reports of the main line up to the base, which histories are made of; of a base beside it all
    /// entries of the log.
    pub(crate) before: u64,
    /// The lasting changes that may confirm a suspicion, and the reports that do not count.
    pub(crate) changes: String,
}

/// The verdicts that are kept.
#[derive(Debug)]
pub(crate) struct Verdicts {
    kept: moka::sync::Cache<Basis, Arc<Headline>>,
    /// Whether a page was made without a verdict that it should have.
    missed: AtomicBool,
}

impl Verdicts {
    pub(crate) fn new() -> Self {
        Self {
            kept: moka::sync::Cache::new(KEPT),
            missed: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self, basis: &Basis) -> Option<Arc<Headline>> {
        self.kept.get(basis)
    }

    pub(crate) fn keep(&self, basis: Basis, headline: Headline) -> Arc<Headline> {
        let headline = Arc::new(headline);
        self.kept.insert(basis, headline.clone());
        headline
    }

    /// Notes that a page is made without one.
    pub(crate) fn miss(&self) {
        self.missed.store(true, Ordering::SeqCst);
    }

    /// Whether a page was made without one since somebody asked last.
    pub(crate) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::SeqCst)
    }
}
