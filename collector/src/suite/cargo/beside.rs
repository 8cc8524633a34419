//! What executables may look for in the target directory while they run: the package's programs
//! (`CARGO_BIN_EXE_*`), shared libraries, what build scripts generated (`OUT_DIR`).

use super::compile::Compiled;
use super::run::Message;
use crate::error::Result;
use crate::measure::symbols;
use crate::suite::Executables;
use std::path::{Path, PathBuf};

/// Finds out which executables look for files at the place where they were built, and what of
/// the target directory must be kept for them.
pub(super) fn gather(built: &mut Executables, compiled: &Compiled) -> Result<()> {
    let files = programs(built, compiled);
    let mut readers: Vec<PathBuf> = files.clone();
    readers.extend(built.executables.iter().map(|e| e.file.clone()));
    let places = [built.tree.clone(), built.target.clone()];
    let places = [places[0].as_path(), places[1].as_path()];
    // A program that they start, or a library that they load, looks there for them.
    let mut bound = false;
    for file in &files {
        bound |= symbols::mentions(file, &places)? || is_library(file);
    }
    for exe in &mut built.executables {
        exe.bound = bound || symbols::mentions(&exe.file, &places)?;
    }
    let mut kept = files;
    for m in &compiled.messages {
        kept.extend(generated(m, built, &readers)?);
    }
    let below = |p: &PathBuf| p.strip_prefix(&built.target).ok().map(Path::to_path_buf);
    let mut kept: Vec<PathBuf> = kept.iter().filter_map(below).collect();
    kept.sort();
    kept.dedup();
    built.beside = kept;
    Ok(())
}

/// The workspace's programs and every shared library that was built.
fn programs(built: &Executables, compiled: &Compiled) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for m in &compiled.messages {
        let Some(target) = &m.target else { continue };
        let is = |kind: &str| target.kind.iter().any(|k| k == kind);
        let inside = m
            .manifest_path
            .as_ref()
            .is_some_and(|p| p.starts_with(&built.tree));
        if is("bin") && inside {
            all.extend(m.executable.clone());
        }
        if is("dylib") || is("cdylib") {
            for file in m.filenames.iter().filter(|f| is_library(f)) {
                all.push(file.clone());
                // Cargo names one, and leaves a second one next to the executables.
                let second = file
                    .file_name()
                    .map(|n| file.with_file_name("deps").join(n));
                all.extend(second.filter(|s| s.is_file()));
            }
        }
        for dir in library_directories(m, &built.target) {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            all.extend(entries.map(|e| e.path()).filter(|p| is_library(p)));
        }
    }
    all
}

/// Where a build script told the linker to look, inside the target directory.
fn library_directories(m: &Message, target: &Path) -> Vec<PathBuf> {
    let path = |p: &String| PathBuf::from(p.split_once('=').map_or(p.as_str(), |(_, p)| p));
    let all = m.linked_paths.iter().map(path);
    all.filter(|p| p.starts_with(target)).collect()
}

fn is_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.")
}

/// What a build script of the workspace wrote, if some executable knows where.
fn generated(m: &Message, built: &Executables, readers: &[PathBuf]) -> Result<Option<PathBuf>> {
    let Some(out) = &m.out_dir else {
        return Ok(None);
    };
    if !m.package_id.contains(&*built.tree.to_string_lossy()) {
        return Ok(None);
    }
    for file in readers {
        if symbols::mentions(file, &[out])? {
            return Ok(Some(out.clone()));
        }
    }
    Ok(None)
}
