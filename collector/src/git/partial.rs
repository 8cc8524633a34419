//! Commits of which the clone lacks some files: a partial clone without its remote at hand, or
//! one that left large files out. Most builds never read those.

use std::collections::BTreeSet;
use std::path::Path;

use super::call::{ask, run};
use crate::error::Result;
use crate::model::Sha;

/// Whether the clone lacks an object of a commit. git marks each that it does not have, and asks
/// no remote for it.
pub(super) fn lacks_objects(path: &Path, sha: &Sha) -> bool {
    let listed = ask(
        path,
        &[
            "rev-list",
            "--objects",
            "--no-walk",
            "--missing=print",
            &sha.0,
        ],
    );
    listed.is_ok_and(|all| all.lines().any(|line| line.starts_with('?')))
}

/// Brings a worktree to a commit as far as the clone has its files; gives the paths of those
/// that it lacks, which do not exist then.
pub(super) fn checkout(path: &Path, sha: &Sha) -> Result<Vec<String>> {
    // Reads trees only; a commit that lacks one of these cannot be checked out at all.
    ask(path, &["read-tree", &sha.0])?;
    ask(path, &["update-ref", "--no-deref", "HEAD", &sha.0])?;
    // Goes on past files that it cannot write, and then fails for them.
    run(
        path,
        &["checkout-index", "--all", "--force", "--quiet", "-u"],
    )?;
    let lacking = not_as_committed(path)?;
    for file in &lacking {
        // What another commit left there.
        let _ = std::fs::remove_file(path.join(file));
    }
    Ok(lacking)
}

/// Files (not submodules) of a worktree that differ from its index, or are not there.
fn not_as_committed(path: &Path) -> Result<Vec<String>> {
    let staged = ask(path, &["ls-files", "-z", "--stage"])?;
    let submodules: BTreeSet<&str> = staged
        .split('\0')
        .filter(|record| record.starts_with("160000 "))
        .filter_map(|record| record.split_once('\t').map(|(_, file)| file))
        .collect();
    let modified = ask(path, &["ls-files", "-z", "--modified"])?;
    let file = |f: &&str| !f.is_empty() && !submodules.contains(f);
    Ok(modified
        .split('\0')
        .filter(file)
        .map(String::from)
        .collect())
}
