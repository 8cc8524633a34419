//! Which compiler builds a commit.

use crate::config::Config;
use crate::git::Repo;
use crate::measure::sandbox;
use crate::model::Sha;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files that pin a toolchain, the newer form first.
const TOOLCHAIN_FILES: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];

/// The channel, or the path, in the text of a `rust-toolchain` file of either form.
fn pinned_channel(text: &str) -> Option<String> {
    let parsed = text.parse::<toml::Table>().ok();
    parsed
        .and_then(|t| {
            let chosen = t.get("toolchain")?;
            let named = chosen.get("channel").or_else(|| chosen.get("path"));
            Some(named?.as_str()?.to_string())
        })
        .or_else(|| {
            // The older form is the channel alone on a line.
            let line = text.lines().next()?.trim();
            (!line.is_empty() && !line.contains(['[', '='])).then(|| line.to_string())
        })
}

/// The channel that is chosen for the workspace at `dir` of the checkout at `root`, as rustup would
/// choose it there: by `rustup override`, or by a toolchain file, whichever is closer; `file` reads
/// a file of the commit. `None`: rustup's default.
fn chosen(root: &Path, dir: &str, file: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let overrides = overrides();
    let overridden = |at: &Path| overrides.get(at).cloned();
    let pinned = |place: &str| {
        TOOLCHAIN_FILES
            .iter()
            .find_map(|f| pinned_channel(&file(&format!("{place}{f}"))?))
    };
    let mut inside = Path::new(dir.trim_start_matches("./"));
    if dir == "." {
        inside = Path::new("");
    }
    for at in inside.ancestors() {
        let place = match at.to_string_lossy() {
            p if p.is_empty() => String::new(),
            p => format!("{p}/"),
        };
        let here = overridden(&root.join(at)).or_else(|| pinned(&place));
        if here.is_some() {
            return here;
        }
    }
    root.ancestors().skip(1).find_map(overridden)
}

/// The channel that a commit gets for the configured workspace.
pub(in crate::suite) fn pinned_by(config: &Config, repo: &Repo, sha: &Sha) -> Option<String> {
    chosen(repo.root(), &config.suite.dir, &|path| repo.file(sha, path))
}

/// The same for a commit that is checked out.
pub(super) fn chosen_in(config: &Config, tree: &Path) -> Option<String> {
    let read = |path: &str| {
        let file = Some(tree.join(path)).filter(|f| sandbox::may_read(f))?;
        std::fs::read_to_string(file).ok()
    };
    // The checkout is what overrides are made for.
    chosen(checkout(tree).unwrap_or(tree), &config.suite.dir, &read)
}

/// The user's checkout, in which our worktrees lie.
pub(super) fn checkout(tree: &Path) -> Option<&Path> {
    let ours = |p: &&Path| p.file_name().is_some_and(|n| n == ".uptick");
    tree.ancestors().find(ours).and_then(Path::parent)
}

/// The toolchain to name to a build in the worktree at `tree`, where rustup would find a file of the
/// checkout above and the commit has none, wherever its build may go: the user's default.
pub(in crate::suite) fn toolchain_against(tree: &Path) -> Option<String> {
    /// Directories below the top that are looked into.
    const DEPTH: usize = 4;
    let root = checkout(tree)?;
    if std::env::var_os("RUSTUP_TOOLCHAIN").is_some()
        || !pins_toolchain(root, 0)
        || pins_toolchain(tree, DEPTH)
    {
        return None;
    }
    let overrides = overrides();
    let overridden = root.ancestors().find_map(|at| overrides.get(at).cloned());
    overridden.or_else(|| {
        let settings = settings();
        Some(settings.get("default_toolchain")?.as_str()?.to_string())
    })
}

/// Whether a directory has a file that pins a toolchain, or one below it, so deep.
fn pins_toolchain(dir: &Path, depth: usize) -> bool {
    if TOOLCHAIN_FILES.iter().any(|f| dir.join(f).exists()) {
        return true;
    }
    let below = (depth > 0).then(|| std::fs::read_dir(dir).ok()).flatten();
    let is_dir = |e: &std::fs::DirEntry| e.file_type().is_ok_and(|kind| kind.is_dir());
    let mut below = below.into_iter().flatten().flatten().filter(is_dir);
    below.any(|e| e.file_name() != "target" && pins_toolchain(&e.path(), depth - 1))
}

/// The directories that `rustup override` has chosen a toolchain for.
fn overrides() -> BTreeMap<PathBuf, String> {
    let table = settings();
    let overrides = table.get("overrides").and_then(toml::Value::as_table);
    let entries = overrides.into_iter().flatten();
    entries
        .filter_map(|(dir, channel)| Some((PathBuf::from(dir), channel.as_str()?.to_string())))
        .collect()
}

/// What rustup keeps of what the user chose.
fn settings() -> toml::Table {
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup")));
    let text = home.and_then(|h| std::fs::read_to_string(h.join("settings.toml")).ok());
    let table = text.unwrap_or_default().parse::<toml::Table>();
    table.unwrap_or_default()
}

/// `rustc -vV` of a channel (the machine's default without one): first line and host.
pub(in crate::suite) fn rustc_version(channel: Option<&str>) -> Option<String> {
    let mut c = Command::new("rustc");
    sandbox::surround(&mut c);
    c.arg("-vV").current_dir("/").stdin(Stdio::null());
    if let Some(channel) = channel {
        c.env("RUSTUP_TOOLCHAIN", channel);
    }
    // A commit may name a toolchain by its path.
    let mut inside = sandbox::inside(&c).ok()?;
    let c = inside.as_mut().unwrap_or(&mut c);
    let out = c.output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let host = text
        .lines()
        .find_map(|l| l.strip_prefix("host: "))
        .unwrap_or("");
    Some(format!("{} {host}", text.lines().next().unwrap_or("")))
}

/// The target that a channel compiles for by default.
pub(super) fn host(channel: Option<&str>) -> Option<String> {
    let version = rustc_version(channel)?;
    version.rsplit_once(' ').map(|(_, host)| host.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_file_is_found_wherever_a_build_may_go() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("rust/tool");
        std::fs::create_dir_all(dir.path().join("target")).unwrap();
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(dir.path().join("target/rust-toolchain"), "").unwrap();
        assert!(
            !pins_toolchain(dir.path(), 4),
            "what is built is no commit's"
        );
        std::fs::write(sub.join("rust-toolchain.toml"), "").unwrap();
        assert!(pins_toolchain(dir.path(), 4) && !pins_toolchain(dir.path(), 0));
    }

    #[test]
    fn toolchain_files_of_both_forms_are_read_the_closest_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let channel = |config: &Config| chosen_in(config, dir.path());
        assert_eq!(channel(&config), None);
        std::fs::write(dir.path().join("rust-toolchain"), "1.70.0\n").unwrap();
        assert_eq!(channel(&config).unwrap(), "1.70.0");
        let toml = "[toolchain]\nchannel = \"nightly-2024-01-01\"\n";
        std::fs::write(dir.path().join("rust-toolchain.toml"), toml).unwrap();
        assert_eq!(channel(&config).unwrap(), "nightly-2024-01-01");
        config.suite.dir = "./bench".into();
        assert_eq!(channel(&config).unwrap(), "nightly-2024-01-01");
        let toml = "[toolchain]\npath = \"/opt/rust\"\n";
        std::fs::write(dir.path().join("rust-toolchain.toml"), toml).unwrap();
        assert_eq!(channel(&config).unwrap(), "/opt/rust");
        std::fs::create_dir(dir.path().join("bench")).unwrap();
        std::fs::write(dir.path().join("bench/rust-toolchain"), "1.80.0").unwrap();
        assert_eq!(channel(&config).unwrap(), "1.80.0");
    }
}
