//! What the mirror of a project's repository says of its commits.

use std::path::Path;

use collector::git::Copy;
use collector::history::Wanted;
use collector::model::Commit;

/// The commits as the mirror has them; one that it does not have is offered without its words.
pub(crate) fn describe(dir: &Path, wanted: Vec<Wanted>) -> Vec<Commit> {
    let mirror = dir.is_dir().then(|| Copy::mirror(dir).ok()).flatten();
    let known = |w: &Wanted| mirror.as_ref()?.repo().commit(&w.sha).ok();
    wanted
        .into_iter()
        .map(|w| known(&w).unwrap_or_else(|| bare(w)))
        .collect()
}

/// A commit of which only its place is known.
pub(crate) fn bare(w: Wanted) -> Commit {
    Commit {
        sha: w.sha,
        position: w.position,
        parents: Vec::new(),
        author: String::new(),
        time: 0,
        subject: String::new(),
    }
}
