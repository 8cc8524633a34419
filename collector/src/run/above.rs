//! What tools find in the directories above a worktree: it lies within the user's checkout, and what
//! that holds is no commit's.

use std::path::Path;

use crate::config::Config;
use crate::git::Repo;
use crate::model::{Sha, digest};

/// What many tools look for where they run, and then in each directory above. Of the lists the first
/// that is there counts; every `.cargo` directory does.
const SOUGHT: [&[&str]; 4] = [
    &[".cargo/config"],
    &[".cargo/config.toml"],
    &["rust-toolchain", "rust-toolchain.toml"],
    &["node_modules"],
];

/// Why the command of a commit at `tree` may have read the user's checkout at `root` instead of the
/// commit; `None` where nothing there says so.
pub(super) fn doubt(tree: &Path, root: &Path) -> Option<String> {
    let found = SOUGHT
        .iter()
        .find_map(|names| above_only(names, tree, root))?;
    Some(format!(
        "{} is not that of this commit, and tools that look in the directories above find it: the \
         number may be that of the checkout (have every commit that is compared hold it, or move it \
         out of the checkout)",
        root.join(found).display()
    ))
}

/// Whether the checkout holds files that commands may find there.
pub(super) fn is_any(config: &Config, repo: &Repo) -> bool {
    let mut all = SOUGHT.iter().flat_map(|names| names.iter());
    !config.commands.is_empty() && all.any(|name| repo.root().join(name).is_file())
}

/// A key that follows which files the commands of a commit find in the checkout above, as those are
/// now; unchanged where nothing is found there but what the commit itself has.
pub(super) fn mark(key: String, config: &Config, repo: &Repo, sha: &Sha, length: usize) -> String {
    if !is_any(config, repo) {
        return key;
    }
    let found = SOUGHT.iter().filter_map(|names| {
        let joins = names.first().is_some_and(|n| n.starts_with(".cargo"));
        if !joins && names.iter().any(|n| repo.has_file(sha, n)) {
            return None;
        }
        let there = names.iter().find(|n| repo.root().join(n).is_file())?;
        let text = std::fs::read_to_string(repo.root().join(there)).ok()?;
        let lines = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
        let own = repo.file(sha, there).map(|own| lines(&own));
        (own.as_ref() != Some(&lines(&text)))
            .then(|| format!("{there} {}", digest(text.as_bytes())))
    });
    let found: Vec<String> = found.collect();
    if found.is_empty() {
        return key;
    }
    let mut marked = digest(format!("{key} below {found:?}").as_bytes());
    marked.truncate(length);
    marked
}

/// The first of some names that a tool in the worktree finds in the checkout.
fn above_only<'a>(names: &[&'a str], tree: &Path, root: &Path) -> Option<&'a str> {
    let joins = names.first().is_some_and(|n| n.starts_with(".cargo"));
    if !joins && names.iter().any(|n| tree.join(n).exists()) {
        return None;
    }
    let there = names.iter().find(|n| root.join(n).exists())?;
    let read = |at: &Path| std::fs::read(at.join(there)).ok();
    let own = read(tree);
    (own.is_none() || own != read(root)).then_some(*there)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_checkout_has_is_doubtful() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let tree = root.join(".uptick/tree");
        let write = |at: &Path, name: &str, text: &str| {
            let file = at.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        std::fs::create_dir_all(&tree).unwrap();
        assert_eq!(doubt(&tree, root), None);
        write(root, ".cargo/config.toml", "[build]");
        assert!(doubt(&tree, root).unwrap().contains("config.toml"));
        write(&tree, ".cargo/config.toml", "[env]");
        assert!(doubt(&tree, root).is_some(), "cargo joins both");
        write(&tree, ".cargo/config.toml", "[build]");
        assert_eq!(doubt(&tree, root), None);
        write(root, "rust-toolchain", "nightly");
        assert!(doubt(&tree, root).unwrap().contains("rust-toolchain"));
        write(&tree, "rust-toolchain.toml", "");
        assert_eq!(doubt(&tree, root), None);
        write(root, "node_modules/a/index.js", "");
        assert!(doubt(&tree, root).unwrap().contains("node_modules"));
        write(&tree, "node_modules/b/index.js", "");
        assert_eq!(doubt(&tree, root), None);
    }
}
