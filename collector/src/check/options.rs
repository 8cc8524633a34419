//! What is asked of a check.

use crate::judge::Overrides;
use crate::model::Sha;
use crate::run::Reuse;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Limits and selection from the command line.
    pub overrides: Overrides,
    /// Measure both sides anew, whatever is stored.
    pub fresh: bool,
    /// Draw flame graphs even when nothing moved: of the costliest benchmark.
    pub flamegraph: bool,
    /// Hold the head against the last release too.
    pub release: bool,
    /// Messages up to this commit may accept what the head costs; absent: up to the head.
    pub accepted_until: Option<Sha>,
    /// Give no verdict where something could not be measured as it should.
    pub strict: bool,
}

impl Options {
    /// What of the store stands for a measurement.
    pub(super) const fn reuse(&self) -> Reuse {
        if self.fresh {
            Reuse::Nothing
        } else {
            Reuse::Numbers
        }
    }
}
