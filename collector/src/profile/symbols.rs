//! From an instruction's address to the functions inlined there, with file and line.
//!
//! callgrind prints addresses as the object file numbers them, so that no load address is needed. Which debug
//! information suffices is measured in the tests of [`super`]: `line-tables-only` gives every inlined frame, its
//! file and line, but short names without module path; level 1 (`limited`) gives full names too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::names;

/// Objects larger than this are not read for debug information (4 GiB).
const MAX_OBJECT: u64 = 4 << 30;
/// Frames inlined into each other at one address; callers beyond it are dropped.
const MAX_INLINE: usize = 256;

/// A function at one address: the outermost one is a symbol, the others are inlined into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inlined {
    /// Normalised name, or `None` where debug information names none.
    pub name: Option<String>,
    /// Path as it is shown: see [`Paths::show`].
    pub file: SourceFile,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
}

/// A source file as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceFile {
    /// Relative to the repository, or shortened; empty if unknown.
    pub path: String,
    /// Whether it lies inside the repository.
    pub in_repo: bool,
}

/// How source paths are shown.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    roots: Vec<PathBuf>,
}

impl Paths {
    /// Paths under `root` (the worktree, absolute) belong to the repository and are shown relative to it.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let mut roots = vec![root.to_owned()];
        roots.extend(root.canonicalize().ok().filter(|r| r != root));
        roots.retain(|r| r.is_absolute() && r.parent().is_some());
        Self { roots }
    }

    /// `/…/worktree/src/a.rs` → `src/a.rs`; `/rustc/<hash>/library/core/src/a.rs` → `library/core/src/a.rs`;
    /// `/…/registry/src/<index>/serde-1.0.1/src/a.rs` → `serde-1.0.1/src/a.rs`;
    /// `/…/git/checkouts/name-<hash>/<rev>/src/a.rs` → `name/src/a.rs`.
    #[must_use]
    pub fn show(&self, raw: &str) -> SourceFile {
        let path = tidy(raw);
        for root in &self.roots {
            if let Ok(inside) = Path::new(&path).strip_prefix(root) {
                let inside = inside.to_string_lossy();
                // What the build wrote or fetched below the worktree is not the repository's.
                let in_repo = !inside.starts_with("target/") && !inside.contains("/registry/src/");
                if in_repo {
                    return SourceFile {
                        path: names::clean(&inside, names::MAX_NAME),
                        in_repo,
                    };
                }
            }
        }
        SourceFile {
            path: names::clean(&shorten(&path), names::MAX_NAME),
            in_repo: false,
        }
    }
}

/// Without `.` and `x/..`.
fn tidy(raw: &str) -> String {
    if raw == "???" {
        return String::new();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in raw.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|p| !p.is_empty() && *p != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn shorten(path: &str) -> String {
    if let Some((_, inside)) = path.split_once("/registry/src/") {
        return after_slashes(inside, 1).to_owned();
    }
    if let Some((_, inside)) = path.split_once("/git/checkouts/")
        && let Some((name, rest)) = inside.split_once('/')
    {
        let name = name.rsplit_once('-').map_or(name, |(n, _)| n);
        return format!("{name}/{}", after_slashes(rest, 1));
    }
    if let Some(inside) = path.strip_prefix("/rustc/") {
        return after_slashes(inside, 1).to_owned();
    }
    if let Some((_, inside)) = path.split_once("/rustlib/src/rust/") {
        return inside.to_owned();
    }
    path.to_owned()
}

fn after_slashes(path: &str, count: usize) -> &str {
    path.splitn(count + 1, '/').nth(count).unwrap_or(path)
}

/// Debug information of the objects of one process, read when first asked for.
pub struct Symbols {
    paths: Paths,
    aliases: HashMap<String, PathBuf>,
    loaded: HashMap<String, Option<addr2line::Loader>>,
    known: HashMap<(String, u64), Vec<Inlined>>,
}

impl Symbols {
    /// No object yet; source paths under `root` belong to the repository.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            paths: Paths::new(root),
            aliases: HashMap::new(),
            loaded: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// The object that callgrind calls `object` is now to be read at `path`: the binary ran at a fixed place
    /// and has been moved since.
    #[must_use]
    pub fn with_object(mut self, object: &str, path: &Path) -> Self {
        self.aliases.insert(object.to_owned(), path.to_owned());
        self
    }

    /// How source paths are shown.
    #[must_use]
    pub const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The frames at that address, the symbol's own first, the innermost last; empty without debug information.
    pub fn frames(&mut self, object: &str, address: u64) -> &[Inlined] {
        let key = (object.to_owned(), address);
        if !self.known.contains_key(&key) {
            let frames = self.look_up(object, address);
            self.known.insert(key.clone(), frames);
        }
        self.known.get(&key).map_or(&[], Vec::as_slice)
    }

    fn look_up(&mut self, object: &str, address: u64) -> Vec<Inlined> {
        if !self.loaded.contains_key(object) {
            let path = self
                .aliases
                .get(object)
                .map_or(Path::new(object), PathBuf::as_path);
            self.loaded.insert(object.to_owned(), load(path));
        }
        let Some(Some(loader)) = self.loaded.get(object) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        let Ok(mut frames) = loader.find_frames(address) else {
            return out;
        };
        while let Ok(Some(frame)) = frames.next() {
            let raw = frame.function.as_ref().and_then(|f| f.raw_name().ok());
            let location = frame.location;
            let file = location.as_ref().and_then(|l| l.file);
            out.push(Inlined {
                name: raw.map(|n| names::normalise(&n)),
                file: file.map(|f| self.paths.show(f)).unwrap_or_default(),
                line: location.and_then(|l| l.line).unwrap_or(0),
            });
            if out.len() == MAX_INLINE {
                break;
            }
        }
        out.reverse();
        out
    }
}

/// `None` for what is no regular ELF file or carries no readable debug information.
fn load(path: &Path) -> Option<addr2line::Loader> {
    let meta = std::fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > MAX_OBJECT {
        return None;
    }
    addr2line::Loader::new(path).ok()
}
