//! Puts the commit into `uptick --version`: of the checkout, or of the archive it was unpacked
//! from (`UPTICK_COMMIT`). Outside git there is none, and the build goes on.

use std::path::Path;
use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let out = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    (out.status.success() && !text.trim().is_empty()).then(|| text.trim().to_string())
}

/// The commit of this checkout; that of a repository around it would be another program's.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    let same = Path::new(&top).canonicalize().ok()? == Path::new(&here).canonicalize().ok()?;
    let commit = git(&["show", "-s", "--format=%h %cs", "--abbrev=9", "HEAD"])?;
    same.then_some(commit)
}

fn main() {
    println!("cargo::rerun-if-changed=ci/build.rs");
    println!("cargo::rerun-if-env-changed=UPTICK_COMMIT");
    // HEAD changes with a checkout, its log with a commit.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let given = std::env::var("UPTICK_COMMIT")
        .ok()
        .filter(|c| !c.is_empty());
    let version = env!("CARGO_PKG_VERSION");
    let version = match given.or_else(commit) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_string(),
    };
    println!("cargo::rustc-env=UPTICK_VERSION={version}");
}
