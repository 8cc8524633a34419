//! Files that nothing reads: a commit that touches no others is the same measurement as its
//! parent.
//!
//! That must be proven, not supposed: a README can be a benchmark's input. A command can read
//! anything, so that with commands every file counts. For criterion's benchmarks a file of prose
//! is spared where no other file of the commit names it, and nothing goes through directories or
//! opens files at all.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Config;
use crate::error::Result;
use crate::git::Repo;
use crate::model::Sha;

/// Files at the top of a repository that people read, by the beginning of their name.
const PROSE: [&str; 12] = [
    "README",
    "CHANGELOG",
    "CHANGES",
    "HISTORY",
    "RELEASES",
    "CONTRIBUTING",
    "CODE_OF_CONDUCT",
    "SECURITY",
    "AUTHORS",
    "LICENSE",
    "COPYING",
    "NOTICE",
];
/// Files and folders that forges and git itself read. Not `.gitattributes`: it changes what a
/// checkout holds.
const META: [&str; 5] = [
    ".github/",
    ".gitlab/",
    ".gitlab-ci.yml",
    ".gitignore",
    ".mailmap",
];
/// How code goes through directories, or opens files by names that it makes, and so comes upon some
/// that it never names; and the variables by which cargo names them. What compiles a file in names
/// it whole or in pieces, see [`last_pieces`].
const WALKERS: [&str; 30] = [
    "fs::",
    "fs_err",
    "File::",
    "OpenOptions",
    "open(",
    "_open",
    "from_path",
    "from_file",
    "append_",
    "Archive",
    "Repository",
    "mmap",
    "Mmap",
    "read_to_",
    "canonicalize",
    "read_dir",
    "ReadDir",
    "walkdir",
    "WalkDir",
    "WalkBuilder",
    "ignore::",
    "glob(",
    "glob::",
    "scandir",
    "opendir",
    "include_dir",
    "RustEmbed",
    "Command::new",
    "CARGO_PKG_README",
    "CARGO_PKG_LICENSE_FILE",
];
/// Keys of a Cargo manifest that name such a file for readers of the package's page.
const FOR_READERS: [&str; 2] = ["readme", "license-file"];

fn is_prose(path: &str) -> bool {
    let top_level = !path.contains('/');
    META.iter()
        .any(|m| path == *m || (m.ends_with('/') && path.starts_with(m)))
        || (top_level && PROSE.iter().any(|p| path.to_uppercase().starts_with(p)))
}

/// The files of some commits that nothing reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread(BTreeSet<String>);

impl Unread {
    /// Finds those that no build and no benchmark of any of these commits reads.
    ///
    /// # Errors
    /// When git cannot read a tree.
    pub fn of(config: &Config, repo: &Repo, shas: &[&Sha]) -> Result<Self> {
        let mut all = BTreeSet::new();
        if !config.commands.is_empty() {
            return Ok(Self(all));
        }
        let mut read = BTreeSet::new();
        for sha in shas {
            let tree = repo.tree(sha)?;
            let entries: Vec<(&str, &str)> = tree
                .iter()
                .filter_map(|l| l.split_once('\t'))
                .map(|(facts, path)| (facts.split(' ').next().unwrap_or(""), path))
                .collect();
            let prose: Vec<&str> = entries
                .iter()
                .map(|(_, path)| *path)
                .filter(|p| is_prose(p))
                .collect();
            if prose.is_empty() {
                continue;
            }
            if goes_through_directories(repo, sha, &entries) {
                return Ok(Self::default());
            }
            all.extend(prose.iter().map(|p| (*p).to_string()));
            read.extend(named(repo, sha, &entries, &prose));
        }
        all.retain(|p| !read.contains(p));
        Ok(Self(all))
    }

    /// Whether a build or a run may read the file.
    #[must_use]
    pub fn is_input(&self, path: &str) -> bool {
        !self.0.contains(path)
    }
}

/// Whether something in a commit may come upon any file: code that lists directories or starts
/// programs, a build script that does not say what it reads, a link, a submodule.
fn goes_through_directories(repo: &Repo, sha: &Sha, entries: &[(&str, &str)]) -> bool {
    if entries
        .iter()
        .any(|(mode, _)| *mode == "120000" || *mode == "160000")
    {
        return true;
    }
    let is_silent = |path: &str| {
        let text = repo.file(sha, path).unwrap_or_default();
        !text.contains("rerun-if-")
    };
    let scripts = entries
        .iter()
        .map(|(_, path)| *path)
        .filter(|p| *p == "build.rs" || p.ends_with("/build.rs"));
    if scripts.into_iter().any(is_silent) {
        return true;
    }
    let sources = [
        "*.rs",
        "*Cargo.toml",
        "*.c",
        "*.cc",
        "*.cpp",
        "*.h",
        "*.hpp",
    ];
    repo.may_hold(sha, &WALKERS, &sources.map(String::from))
}

/// The prose that another file of the commit names.
fn named(repo: &Repo, sha: &Sha, entries: &[(&str, &str)], prose: &[&str]) -> Vec<String> {
    let others: Vec<String> = std::iter::once(".".to_string())
        .chain(prose.iter().map(|p| format!(":(exclude,literal){p}")))
        .chain(std::iter::once(":(exclude)*Cargo.toml".to_string()))
        .collect();
    let manifests = manifests(repo, sha, entries);
    let is_named = |path: &&&str| {
        let name = word(path);
        // A manifest that cannot be read may name anything.
        let texts: Vec<String> = std::iter::once(name.clone())
            .chain(last_pieces(path))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        manifests.as_ref().is_none_or(|m| m.contains(&name)) || repo.may_hold(sha, &texts, &others)
    };
    prose
        .iter()
        .filter(is_named)
        .map(|p| (*p).to_string())
        .collect()
}

/// What a text that names a file must hold: its name without what follows the last dot.
fn word(path: &str) -> String {
    let folder = META
        .iter()
        .find(|m| m.ends_with('/') && path.starts_with(**m));
    if let Some(folder) = folder {
        return folder.trim_end_matches('/').to_string();
    }
    let stem = Path::new(path).file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// How the last of several literals ends from which code puts a file's name together, such as
/// `concat!("READ", "ME.md")`: with some of its stem, or the dot alone, and a quote.
fn last_pieces(path: &str) -> Vec<String> {
    if path.contains('/') {
        return Vec::new();
    }
    // Nothing may stand before what is the end of many words.
    let alone = |piece: &str| ["\"", "}"].map(|before| format!("{before}{piece}\""));
    match path.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        Some((stem, ending)) => {
            let last = stem.chars().next_back();
            let with_stem = last.map(|c| format!("{c}.{ending}\""));
            with_stem
                .into_iter()
                .chain(alone(&format!(".{ending}")))
                .collect()
        }
        None => {
            let rests = path.char_indices().skip(1).map(|(i, _)| &path[i..]);
            rests.flat_map(alone).collect()
        }
    }
}

/// The manifests of a commit without the lines that are for readers of the package's page.
/// `None` when git cannot read one of them.
fn manifests(repo: &Repo, sha: &Sha, entries: &[(&str, &str)]) -> Option<String> {
    let is_manifest = |p: &str| p == "Cargo.toml" || p.ends_with("/Cargo.toml");
    let mut all = String::new();
    for (_, path) in entries.iter().filter(|(_, p)| is_manifest(p)) {
        let text = repo.file(sha, path)?;
        let kept = text.lines().filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            !FOR_READERS.contains(&key)
        });
        kept.for_each(|line| {
            all.push_str(line);
            all.push('\n');
        });
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_what_people_read() {
        for p in [
            "README.md",
            "CHANGELOG.md",
            "LICENSE-MIT",
            ".github/workflows/ci.yml",
            "readme",
        ] {
            assert!(is_prose(p), "{p}");
        }
        for p in [
            "src/README.md",
            "benches/data.md",
            "Cargo.lock",
            ".cargo/config.toml",
            ".gitattributes",
            "build.rs",
        ] {
            assert!(!is_prose(p), "{p}");
        }
        assert_eq!(word("README.md"), "README");
        assert_eq!(word(".github/workflows/ci.yml"), ".github");
    }

    #[test]
    fn the_last_piece_of_a_name_has_its_end() {
        assert_eq!(last_pieces("README.md"), ["E.md\"", "\".md\"", "}.md\""]);
        assert!(last_pieces(".gitignore").contains(&"\"ignore\"".to_string()));
        assert_eq!(last_pieces("AUX"), ["\"UX\"", "}UX\"", "\"X\"", "}X\""]);
        assert_eq!(last_pieces(".github/workflows/ci.yml"), [""; 0]);
    }
}
