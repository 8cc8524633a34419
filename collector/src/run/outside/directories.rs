//! The directories that a command reads from, and the texts in them.
//!
//! Which directories a command reads is its own secret: each that it names counts, but for those that
//! stand where outputs do (`--out-dir /srv/out`, `TMPDIR=/tmp/b`), whose texts are new after every run.
//! A look at one ends; what is beyond that is known by its size and time.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Directories within a directory are followed this far.
const LEVELS: usize = 3;
/// A directory with more entries is data, not programs: nobody waits for a look at each.
const ENTRIES: usize = 4096;
/// More texts than this are no program's parts.
const MOST: usize = 256;
/// A text longer than this is data, not a program's part.
const LONGEST: u64 = 1 << 20;
/// How much of a file tells whether it is a text.
const START: u64 = 1 << 10;

/// What the names of options and variables hold behind which a directory is written.
const WRITTEN: [&str; 11] = [
    "out", "tmp", "temp", "cache", "log", "dest", "home", "state", "target", "report", "result",
];
/// What follows without a blank is a directory that is read.
const ATTACHED: [&str; 3] = ["-C", "-I", "-L"];

/// The directories that the words of a command say that it reads from.
pub(super) fn read_from<'a>(words: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let (mut found, mut before) = (Vec::new(), "");
    for word in words {
        found.extend(behind(before, word).filter(|d| d.is_absolute() && d.is_dir()));
        before = word;
    }
    found
}

/// What a word names, after the word before it, unless that is where something is written.
fn behind<'a>(before: &str, word: &'a str) -> impl Iterator<Item = PathBuf> + use<'a> {
    let attached = ATTACHED.iter().find_map(|a| word.strip_prefix(a));
    let value = match word.split_once('=') {
        Some((name, value)) => Some(value).filter(|_| !is_written(name)),
        None => attached.or_else(|| Some(word).filter(|_| !is_written(before))),
    };
    value.into_iter().flat_map(std::env::split_paths)
}

/// Whether what stands behind an option or a variable of that name is written.
fn is_written(name: &str) -> bool {
    let is_option = name.starts_with('-');
    let is_variable = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    let says = WRITTEN.iter().any(|w| name.contains(w));
    (is_option && name == "o") || ((is_option || is_variable) && says)
}

/// The texts in a directory, those that lie highest first; what `skips` says is left out. Of what is
/// beyond the limits, its size and time stand for its text.
pub(super) fn texts_in(dir: &Path, skips: &dyn Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    let mut left = Left {
        entries: ENTRIES,
        texts: MOST,
    };
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    for _ in 0..LEVELS {
        let mut below = Vec::new();
        for dir in &dirs {
            match left.entries_of(dir) {
                Some(entries) => {
                    below.extend(entries.into_iter().filter(|p| !is_aside(p) && !skips(p)));
                }
                None => found.extend(outline(dir).map(|o| (dir.clone(), o))),
            }
        }
        dirs.clear();
        for path in below {
            if path.is_dir() {
                dirs.push(path);
            } else if let Some(text) = left.text(&path) {
                found.push((path, text));
            }
        }
    }
    found
}

/// Hidden files, and what Python leaves behind.
fn is_aside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name == "__pycache__"
}

/// What may still be looked at.
struct Left {
    entries: usize,
    texts: usize,
}

impl Left {
    /// A directory's entries in order; `None` where they are too many, as which come first is the
    /// file system's whim.
    fn entries_of(&mut self, dir: &Path) -> Option<Vec<PathBuf>> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.take(self.entries + 1).map(|e| e.path()).collect();
        if paths.len() > self.entries {
            return None;
        }
        self.entries -= paths.len();
        paths.sort();
        Some(paths)
    }

    /// The content of a file that is a text. Others are not read beyond their start.
    fn text(&mut self, path: &Path) -> Option<String> {
        let facts = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let mut file = File::open(path).ok()?;
        let mut bytes = Vec::new();
        let start = file.by_ref().take(START).read_to_end(&mut bytes);
        start.ok().filter(|_| begins_a_text(&bytes))?;
        if facts.len() > LONGEST || self.texts == 0 {
            return outline(path);
        }
        self.texts -= 1;
        file.take(LONGEST).read_to_end(&mut bytes).ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// What is told of a file or a directory without reading it.
fn outline(path: &Path) -> Option<String> {
    let facts = path.metadata().ok()?;
    Some(format!("{} {:?}", facts.len(), facts.modified().ok()?))
}

fn begins_a_text(start: &[u8]) -> bool {
    // A letter may be cut where the start ends.
    let cut = |e: std::str::Utf8Error| e.error_len().is_none();
    !start.contains(&0) && std::str::from_utf8(start).map_or_else(cut, |_| true)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn named(texts: &[(PathBuf, String)]) -> Vec<String> {
        let name = |(p, _): &(PathBuf, String)| p.file_name()?.to_str().map(String::from);
        texts.iter().filter_map(name).collect()
    }

    #[test]
    fn directories_are_taken_behind_words_that_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        let read = |line: &str| {
            let line = line.replace('@', at);
            read_from(line.split(' ')).len()
        };
        for line in [
            "make -C @ bench",
            "make -C@",
            "cd @ ; ./b",
            "cc -I @ -x",
            "cc -I@",
            "env PYTHONPATH=/nowhere:@ python3",
            "tool --directory=@",
            "npm --prefix @ run bench",
            "cmake -S @",
            "python3 @",
            "DATA=@ ./b",
        ] {
            assert_eq!(read(line), 1, "{line}");
        }
        for line in [
            "./app --out-dir @",
            "TMPDIR=@ ./b",
            "HOME=@ ./b",
            "cc x.c -o @",
            "tool --cache-dir=@",
            "-C x",
        ] {
            assert_eq!(read(line), 0, "{line}");
        }
    }

    #[test]
    fn a_look_at_a_directory_ends() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("data")).unwrap();
        std::fs::create_dir_all(at("few/a/b")).unwrap();
        for i in 0..ENTRIES {
            std::fs::write(at("data").join(i.to_string()), "x").unwrap();
        }
        for i in 0..MOST {
            std::fs::write(at("few").join(format!("{i}.py")), "x").unwrap();
        }
        std::fs::write(at("few/a/b/far"), "x").unwrap();
        std::fs::write(at("image"), b"GIF\0").unwrap();
        std::fs::write(at("latin"), b"\xe9t\xe9").unwrap();
        std::fs::write(at("z.py"), "x").unwrap();
        let all = texts_in(dir.path(), &|_| false);
        // What lies highest is there, whatever lies in its directories; the rest by size and time.
        assert_eq!(named(&all)[..2], ["z.py", "data"]);
        let (texts, rest): (Vec<_>, Vec<_>) = all.iter().partition(|(_, t)| *t == "x");
        assert_eq!((texts.len(), rest.len()), (MOST, 1 + 1));
        assert!(all[2..].iter().all(|(p, _)| p.starts_with(at("few"))));
        let before = rest.iter().map(|r| r.1.clone()).collect::<Vec<_>>();
        std::fs::write(at("few/99.py"), "another").unwrap();
        let after = texts_in(dir.path(), &|_| false);
        assert!(after.iter().any(|(_, t)| t != "x" && !before.contains(t)));
        assert!(texts_in(&at("few/a"), &|p| p.ends_with("b")).is_empty());
        assert_eq!(named(&texts_in(&at("few/a"), &|_| false)), ["far"]);
    }

    #[test]
    fn a_text_may_have_a_letter_cut_where_its_start_ends() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("{}é", "a".repeat(START as usize - 1));
        std::fs::write(dir.path().join("long"), &long).unwrap();
        assert_eq!(texts_in(dir.path(), &|_| false)[0].1, long);
    }
}
