//! One variant of a commit's benchmarks against another: what a flag costs.

use crate::check::baseline::Baseline;
use crate::check::judging::{Against, Run};
use crate::check::{Options, refuse_empty, refuse_failed};
use crate::error::Result;
use crate::judge::{self, Judgement};
use crate::model::{Sha, Variants};
use crate::run::{Progress, Runner};
use crate::store::Store;

/// Judges the variant that `runner` measures against another one of the same commit. The rules are
/// those of two commits; what moved is the flag's doing, since nothing else differs.
///
/// # Errors
/// As [`crate::check::run`].
pub fn variants(
    runner: &mut Runner,
    store: &mut Store,
    sha: &Sha,
    variants: Variants,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Judgement> {
    let reuse = options.reuse();
    let mut other = runner.variant(&variants)?;
    let base = other.report(store, sha, reuse, progress)?;
    refuse_empty(&base)?;
    let head = runner.report(store, sha, reuse, progress)?;
    refuse_failed(&head, "the head")?;
    let sides = judge::variant_sides(&base, &head, &variants);
    let how = judge::same_commit(&variants);
    let against = Against {
        variants,
        runner: other,
    };
    let mut run = Run::new(runner, store, sides, Some(against), options, progress)?;
    run.confirm()?;
    run.explain()?;
    Ok(run.finish(Baseline::found(sha.clone(), how)))
}
