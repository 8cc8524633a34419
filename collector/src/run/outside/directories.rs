//! The directories that a command reads from, and the texts in them.
//!
//! Most directories that a command names are where it writes: `--out-dir /srv/out`, `TMPDIR=/tmp/b`.
//! Their texts are new after every run, so that only those behind a word that is known to read count.

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

/// The next word is a directory that is read.
const BEFORE: [&str; 9] = [
    "cd",
    "pushd",
    "-C",
    "-I",
    "-L",
    "-isystem",
    "--directory",
    "--chdir",
    "--cwd",
];
/// What stands behind the `=` are directories that are read.
const EQUALS: [&str; 9] = [
    "PATH",
    "PYTHONPATH",
    "PERL5LIB",
    "NODE_PATH",
    "RUBYLIB",
    "CLASSPATH",
    "--directory",
    "--chdir",
    "--cwd",
];
/// What follows without a blank is a directory that is read.
const ATTACHED: [&str; 3] = ["-C", "-I", "-L"];

/// The directories that the words of a command say that it reads from.
pub(super) fn read_from<'a>(words: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let (mut found, mut before) = (Vec::new(), "");
    for word in words {
        found.extend(behind(before, word).filter(|d| d.is_absolute() && d.is_dir()));
        // `python3 /opt/b` runs what lies there.
        let alone = Path::new(word);
        if alone.is_absolute() && alone.join("__main__.py").is_file() {
            found.push(alone.to_path_buf());
        }
        before = word;
    }
    found
}

/// What a word names, after the word before it, if that is where something is read.
fn behind<'a>(before: &str, word: &'a str) -> impl Iterator<Item = PathBuf> + use<'a> {
    let whole = BEFORE.contains(&before).then_some(word);
    let assigned = word
        .split_once('=')
        .filter(|(name, _)| EQUALS.contains(name));
    let attached = ATTACHED.iter().find_map(|a| word.strip_prefix(a));
    let value = whole.or(assigned.map(|(_, v)| v)).or(attached);
    value.into_iter().flat_map(std::env::split_paths)
}

/// The texts in a directory, those that lie highest first; what `skips` says is left out.
pub(super) fn texts_in(dir: &Path, skips: &dyn Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    let mut left = Left {
        entries: ENTRIES,
        texts: MOST,
    };
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    for _ in 0..LEVELS {
        let mut below = Vec::new();
        for path in dirs.iter().flat_map(|d| left.entries_of(d)) {
            if is_aside(&path) || skips(&path) {
                continue;
            }
            below.push(path);
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
    /// A directory's entries in order; none where they are too many, as which come first is the
    /// file system's whim.
    fn entries_of(&mut self, dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.take(self.entries + 1).map(|e| e.path()).collect();
        if paths.len() > self.entries {
            return Vec::new();
        }
        self.entries -= paths.len();
        paths.sort();
        paths
    }

    /// The content of a file that is a text. Others are not read beyond their start.
    fn text(&mut self, path: &Path) -> Option<String> {
        let facts = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        if facts.len() > LONGEST || self.texts == 0 {
            return None;
        }
        let mut file = File::open(path).ok()?;
        let mut bytes = Vec::new();
        let start = file.by_ref().take(START).read_to_end(&mut bytes);
        start.ok().filter(|_| begins_a_text(&bytes))?;
        self.texts -= 1;
        file.take(LONGEST).read_to_end(&mut bytes).ok()?;
        String::from_utf8(bytes).ok()
    }
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
            let line = line.replace("DIR", at);
            read_from(line.split(' ')).len()
        };
        for line in [
            "make -C DIR bench",
            "make -CDIR",
            "cd DIR ; ./b",
            "cc -I DIR -x",
            "cc -IDIR",
            "env PYTHONPATH=/nowhere:DIR python3",
            "tool --directory=DIR",
        ] {
            assert_eq!(read(line), 1, "{line}");
        }
        for line in [
            "./app --out-dir DIR",
            "TMPDIR=DIR ./b",
            "HOME=DIR ./b",
            "-C x",
        ] {
            assert_eq!(read(line), 0, "{line}");
        }
        assert_eq!(read("python3 DIR"), 0);
        std::fs::write(dir.path().join("__main__.py"), "").unwrap();
        assert_eq!(read("python3 DIR"), 1);
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
        // What lies highest is there, whatever lies in its directories.
        assert_eq!(named(&all)[0], "z.py");
        assert_eq!(all.len(), MOST);
        assert!(all[1..].iter().all(|(p, _)| p.starts_with(at("few"))));
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
