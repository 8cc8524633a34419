//! Who is suspect before anything is measured inside the range.
//!
//! Files whose line-level cost moved between the two ends held the culprit's
//! diff in nine real cases of nine, but the attribution of cost to files is
//! itself fallible (inlining, cost inside libc): a fifth of the mass therefore
//! stays uniform, which bounds the price of a wrong hint at log₂ 5 ≈ 2.3 builds.

use crate::search::range::Candidate;

/// Mass that is spread evenly, whatever the files say.
pub const UNIFORM: f64 = 0.2;

/// Probability that none of the suspects made the change: a step outside the
/// range, a changed machine, noise that passed for a change.
pub const NONE: f64 = 0.02;

/// Prior probability of each commit to be the culprit; sums to 1 − [`NONE`].
///
/// The first commit is the good end and never a suspect; a commit that changes
/// no build input, or whose build key equals its predecessor's, has 0. Where no
/// commit has a share, all mass is uniform.
#[must_use]
pub fn weights(commits: &[Candidate]) -> Vec<f64> {
    let suspect =
        |i: usize| i > 0 && commits[i].changes_build && commits[i].group != commits[i - 1].group;
    let share = |i: usize| {
        if suspect(i) {
            commits[i].share.max(0.0)
        } else {
            0.0
        }
    };
    let count = (0..commits.len()).filter(|&i| suspect(i)).count();
    let total: f64 = (0..commits.len()).map(share).sum();
    let uniform = if total > 0.0 { UNIFORM } else { 1.0 };
    (0..commits.len())
        .map(|i| match (suspect(i), total > 0.0) {
            (false, _) => 0.0,
            (true, hinted) => {
                let flat = uniform / count as f64;
                let hint = if hinted {
                    (1.0 - UNIFORM) * share(i) / total
                } else {
                    0.0
                };
                (1.0 - NONE) * (flat + hint)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(group: u64, share: f64, changes_build: bool) -> Candidate {
        Candidate {
            group,
            share,
            changes_build,
            known: Vec::new(),
        }
    }

    #[test]
    fn mass_goes_where_the_cost_moved() {
        let commits = [
            commit(0, 0.0, true),
            commit(1, 0.0, true),
            commit(2, 0.5, true),
            commit(2, 0.9, false),
        ];
        let w = weights(&commits);
        assert_eq!((w[0], w[3]), (0.0, 0.0));
        assert!((w.iter().sum::<f64>() - (1.0 - NONE)).abs() < 1e-12);
        assert!((w[2] - 0.98 * 0.9).abs() < 1e-12);
    }

    #[test]
    fn without_hints_all_are_equal() {
        let commits: Vec<_> = (0..5).map(|i| commit(i, 0.0, true)).collect();
        let w = weights(&commits);
        assert!(w[1..].iter().all(|x| (x - 0.245).abs() < 1e-12));
    }
}
