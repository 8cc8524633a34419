//! Finished bench executables, kept by build key, the least recently used dropped first.

use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use super::{BenchExecutable, Executables};
use crate::error::{Error, Result};
use crate::measure::env::copy_program;
use crate::measure::sandbox;
use crate::system;

const MANIFEST: &str = "manifest.json";
/// What lay beside the executables in the target directory, at the same paths.
const BESIDE: &str = "target";

/// A directory of build keys. An entry appears whole or not at all: it is written beside
/// its place and renamed.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
    limit: u64,
}

impl Cache {
    /// The cache in `dir`, which may grow to `limit` bytes.
    #[must_use]
    pub fn new(dir: &Path, limit: u64) -> Self {
        Self {
            dir: dir.to_path_buf(),
            limit,
        }
    }

    /// The executables of a key, if they are all still there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Executables> {
        let entry = self.dir.join(key);
        let mut built = read(&entry)?;
        for exe in &mut built.executables {
            exe.file = entry.join(&exe.file);
            if !exe.file.is_file() {
                return None;
            }
        }
        built.kept = Some(entry.join(BESIDE)).filter(|d| d.is_dir());
        // Marks the entry as used, for the order in which entries are dropped.
        let now = SystemTime::now();
        let file = std::fs::File::options()
            .append(true)
            .open(entry.join(MANIFEST))
            .ok()?;
        let _ = file.set_modified(now);
        Some(built)
    }

    /// Keeps a build and gives it with the files' places in the cache.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn put(&self, key: &str, built: &Executables) -> Result<Executables> {
        std::fs::create_dir_all(&self.dir).map_err(Error::io(&self.dir))?;
        let half = tempfile::Builder::new()
            .prefix(".half-")
            .tempdir_in(&self.dir)
            .map_err(Error::io(&self.dir))?;
        let mut manifest = built.clone();
        for (i, exe) in manifest.executables.iter_mut().enumerate() {
            let name = PathBuf::from(format!("{i:03}-{}", sanitised(exe)));
            readable(&exe.file)?;
            std::fs::copy(&exe.file, half.path().join(&name)).map_err(Error::io(&exe.file))?;
            exe.file = name;
        }
        for path in &built.beside {
            // A build says where they are, and may say anything.
            if !path.components().all(|c| matches!(c, Component::Normal(_))) {
                continue;
            }
            copy(
                &built.target.join(path),
                &half.path().join(BESIDE).join(path),
            )?;
        }
        let path = half.path().join(MANIFEST);
        std::fs::write(&path, json(&manifest)?).map_err(Error::io(&path))?;
        let entry = self.dir.join(key);
        let _ = std::fs::remove_dir_all(&entry);
        // Another process may have put the same key meanwhile: equal keys are equal files.
        if std::fs::rename(half.path(), &entry).is_ok() {
            let _ = half.keep();
        }
        self.drop_oldest(key);
        self.get(key).ok_or_else(|| {
            Error::Failed(format!(
                "{}: the cache entry vanished while it was written",
                entry.display()
            ))
        })
    }

    /// Keeps what the executables of a key were found to list. Where that cannot be written, the
    /// next run asks them again.
    pub(super) fn keep_lists(&self, key: &str, built: &Executables) {
        let mut manifest = built.clone();
        for exe in &mut manifest.executables {
            exe.file = exe.file.file_name().map(PathBuf::from).unwrap_or_default();
        }
        let entry = self.dir.join(key);
        // Another process may have put what it built elsewhere under that key: its lists are its own.
        let is_theirs = |m: &Executables| m.tree != built.tree || m.target != built.target;
        if read(&entry).as_ref().is_none_or(is_theirs) {
            return;
        }
        let half = tempfile::NamedTempFile::new_in(&entry);
        if let (Ok(half), Ok(json)) = (half, json(&manifest))
            && std::fs::write(half.path(), json).is_ok()
        {
            let _ = half.persist(entry.join(MANIFEST));
        }
    }

    fn drop_oldest(&self, keep: &str) {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = std::fs::read_dir(&self.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|e| e.file_name() != keep)
            .filter_map(|e| {
                let used = std::fs::metadata(e.path().join(MANIFEST))
                    .ok()?
                    .modified()
                    .ok()?;
                Some((used, size(&e.path()), e.path()))
            })
            .collect();
        entries.sort();
        let mut total: u64 = entries.iter().map(|e| e.1).sum::<u64>() + size(&self.dir.join(keep));
        for (_, bytes, path) in entries {
            if total <= self.limit {
                break;
            }
            if std::fs::remove_dir_all(path).is_ok() {
                total -= bytes;
            }
        }
    }
}

fn read(entry: &Path) -> Option<Executables> {
    let manifest = std::fs::read(entry.join(MANIFEST)).ok()?;
    serde_json::from_slice(&manifest).ok()
}

fn json(manifest: &Executables) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(manifest).map_err(|e| Error::Internal(format!("cache manifest: {e}")))
}

fn sanitised(exe: &BenchExecutable) -> String {
    exe.target
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|e| Some((e.path(), e.metadata().ok()?)))
        .map(|(path, m)| if m.is_dir() { size(&path) } else { m.len() })
        .sum()
}

/// Copies a file, a link or a whole directory.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let facts = from.symlink_metadata().map_err(Error::io(from))?;
    if facts.is_dir() {
        std::fs::create_dir_all(to).map_err(Error::io(to))?;
        for entry in std::fs::read_dir(from).map_err(Error::io(from))? {
            let name = entry.map_err(Error::io(from))?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    if let Some(above) = to.parent() {
        std::fs::create_dir_all(above).map_err(Error::io(above))?;
    }
    if facts.is_symlink() {
        let target = std::fs::read_link(from).map_err(Error::io(from))?;
        return system::symlink(&target, to).map_err(Error::io(to));
    }
    if system::is_program(&facts) {
        return copy_program(from, to);
    }
    if facts.is_file() {
        readable(from)?;
        std::fs::copy(from, to).map_err(Error::io(from))?;
    }
    Ok(())
}

/// Refuses what a link out of the sandbox leads to.
fn readable(file: &Path) -> Result<()> {
    match sandbox::may_read(file) {
        true => Ok(()),
        false => Err(Error::Failed(format!(
            "{} leads out of the sandbox",
            file.display()
        ))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn executables(dir: &Path, bytes: usize) -> Executables {
        let file = dir.join("exe");
        std::fs::write(&file, vec![1u8; bytes]).unwrap();
        Executables {
            executables: vec![BenchExecutable {
                package: "p".into(),
                target: "a/b".into(),
                file,
                package_dir: ".".into(),
                benchmarks: vec!["x".into()],
                ..BenchExecutable::default()
            }],
            ..Executables::default()
        }
    }

    #[test]
    fn an_entry_comes_back_and_the_oldest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(&dir.path().join("cache"), 3500);
        let built = executables(dir.path(), 1000);
        for key in ["one", "two"] {
            cache.put(key, &built).unwrap();
        }
        assert_eq!(cache.get("one").unwrap().executables[0].benchmarks, ["x"]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(cache.get("one").is_some());
        cache.put("three", &built).unwrap();
        assert!(cache.get("two").is_none() && cache.get("one").is_some());
    }

    #[test]
    fn what_executables_list_is_kept_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(&dir.path().join("cache"), 1 << 20);
        let mut built = cache.put("k", &executables(dir.path(), 10)).unwrap();
        assert_eq!(built.executables[0].listed_with, None);
        built.executables[0].benchmarks = vec!["x".into(), "y".into()];
        built.executables[0].listed_with = Some(std::collections::BTreeMap::new());
        cache.keep_lists("k", &built);
        assert_eq!(cache.get("k").unwrap(), built);
        // What another process put there keeps its own.
        let theirs = Executables {
            tree: "/elsewhere".into(),
            executables: vec![built.executables[0].clone()],
            ..built.clone()
        };
        cache.keep_lists("k", &theirs);
        assert_eq!(cache.get("k").unwrap(), built);
        // One that is gone stays away.
        cache.keep_lists("gone", &built);
        assert!(cache.get("gone").is_none());
    }

    #[test]
    fn a_damaged_entry_is_no_entry() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(&dir.path().join("cache"), 1 << 20);
        let put = cache.put("k", &executables(dir.path(), 10)).unwrap();
        std::fs::remove_file(&put.executables[0].file).unwrap();
        assert!(cache.get("k").is_none());
    }
}
