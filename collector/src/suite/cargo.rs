//! Finds and builds the criterion benchmarks of a Cargo workspace, as they are.
//!
//! cargo runs with `/` as its directory and the worktree's manifest by path: it would
//! otherwise also read the `.cargo/config.toml` of every directory above, and above the
//! worktree lies the user's own checkout, at another commit. The worktree's own
//! configuration is handed over by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{BenchExecutable, Executables, Place, failed, workspace};
use crate::config::{Config, glob};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::model::Sha;

/// Bench targets of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// `(package, package directory, bench target)` of those that criterion drives.
    pub targets: Vec<(String, PathBuf, String)>,
    /// How `cargo -p` names each package of these.
    specs: BTreeMap<String, String>,
    /// Those that are left out, and why, in words.
    pub left_out: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    rename: Option<String>,
}

/// Whether the worktree holds a Cargo workspace where the configuration says.
pub(super) fn is_cargo(config: &Config, place: &Place) -> bool {
    workspace(config, &place.tree).join("Cargo.toml").is_file()
}

/// Variables of a cargo or rustup that called us, which would steer the inner one.
fn is_foreign(name: &str) -> bool {
    const KEPT: [&str; 2] = ["CARGO_HOME", "CARGO_NET_OFFLINE"];
    let cargo = name.starts_with("CARGO") && !KEPT.contains(&name);
    let user_setting = name.starts_with("CARGO_PROFILE_")
        || name.starts_with("CARGO_HTTP_")
        || name.starts_with("CARGO_NET_")
        || name.starts_with("CARGO_REGISTRIES_")
        || name.starts_with("CARGO_REGISTRY_")
        || name.starts_with("CARGO_BUILD_RUST")
        || name == "CARGO_ENCODED_RUSTFLAGS";
    (cargo && !user_setting)
        || name == "RUST_RECURSION_COUNT"
        || crate::git::is_foreign_environment(std::ffi::OsStr::new(name))
}

/// cargo, ready for a subcommand on the worktree.
fn cargo(config: &Config, place: &Place) -> Command {
    let mut c = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_foreign) {
            c.env_remove(&name);
        }
    }
    c.current_dir("/")
        .stdin(Stdio::null())
        .env("CARGO_TERM_COLOR", "never");
    let dir = workspace(config, &place.tree);
    if let Some(channel) = toolchain(&dir).or_else(|| toolchain(&place.tree)) {
        c.env("RUSTUP_TOOLCHAIN", channel);
    }
    for file in [".cargo/config.toml", ".cargo/config"] {
        for base in [&place.tree, &dir] {
            if base.join(file).is_file() {
                c.arg("--config").arg(base.join(file));
            }
            if config.suite.dir == "." {
                break;
            }
        }
    }
    c
}

/// The files that pin a toolchain, the newer form first.
const TOOLCHAIN_FILES: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];

/// The channel that a directory's `rust-toolchain` file pins.
fn toolchain(dir: &Path) -> Option<String> {
    TOOLCHAIN_FILES
        .iter()
        .find_map(|f| pinned_channel(&std::fs::read_to_string(dir.join(f)).ok()?))
}

/// The channel in the text of a `rust-toolchain` file of either form.
fn pinned_channel(text: &str) -> Option<String> {
    let parsed = text.parse::<toml::Table>().ok();
    parsed
        .and_then(|t| Some(t.get("toolchain")?.get("channel")?.as_str()?.to_string()))
        .or_else(|| {
            // The older form is the channel alone on a line.
            let line = text.lines().next()?.trim();
            (!line.is_empty() && !line.contains(['[', '='])).then(|| line.to_string())
        })
}

/// The channel that a commit pins for the configured workspace.
pub(super) fn pinned_by(config: &Config, repo: &Repo, sha: &Sha) -> Option<String> {
    let dir = config.suite.dir.trim_start_matches("./");
    let places = if dir == "." {
        vec![String::new()]
    } else {
        vec![format!("{dir}/"), String::new()]
    };
    places.iter().find_map(|place| {
        TOOLCHAIN_FILES
            .iter()
            .find_map(|f| pinned_channel(&repo.file(sha, &format!("{place}{f}"))?))
    })
}

/// `rustc -vV` of a channel (the machine's default without one): first line and host.
pub(super) fn rustc_version(channel: Option<&str>) -> Option<String> {
    let mut c = Command::new("rustc");
    c.arg("-vV").current_dir("/").stdin(Stdio::null());
    if let Some(channel) = channel {
        c.env("RUSTUP_TOOLCHAIN", channel);
    }
    let out = c.output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let host = text
        .lines()
        .find_map(|l| l.strip_prefix("host: "))
        .unwrap_or("");
    Some(format!("{} {host}", text.lines().next().unwrap_or("")))
}

/// Makes the lock file of a worktree that has none, so that all commits get the same versions.
pub(super) fn generate_lock(config: &Config, place: &Place) -> Result<()> {
    let mut c = cargo(config, place);
    c.args(["generate-lockfile", "--manifest-path"]);
    c.arg(workspace(config, &place.tree).join("Cargo.toml"));
    output(&mut c, "cargo generate-lockfile failed").map(|_| ())
}

fn output(command: &mut Command, what: &str) -> Result<Vec<u8>> {
    crate::measure::child::end_with_us(command);
    let out = command.output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Failed("cargo is not installed: this repository's benchmarks need it".into())
        }
        _ => Error::Failed(format!("cargo could not be started: {e}")),
    })?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let mut said = diagnostics(&out.stdout);
    said.push_str(&String::from_utf8_lossy(&out.stderr));
    Err(failed(what, &said))
}

/// Lists the bench targets that criterion drives.
///
/// # Errors
/// When the manifest cannot be read.
pub fn discover(config: &Config, place: &Place) -> Result<Discovery> {
    let mut c = cargo(config, place);
    c.args([
        "metadata",
        "--no-deps",
        "--format-version=1",
        "--manifest-path",
    ]);
    c.arg(workspace(config, &place.tree).join("Cargo.toml"));
    let json = output(&mut c, "cargo metadata failed")?;
    let metadata: Metadata = serde_json::from_slice(&json)
        .map_err(|e| Error::Failed(format!("cargo metadata cannot be read: {e}")))?;
    let members: BTreeSet<&String> = metadata.workspace_members.iter().collect();
    let mut found = Discovery::default();
    for package in metadata.packages.iter().filter(|p| members.contains(&p.id)) {
        if config.suite.packages.is_empty() || config.suite.packages.contains(&package.name) {
            discover_package(config, package, &mut found);
        }
    }
    Ok(found)
}

fn discover_package(config: &Config, package: &Package, found: &mut Discovery) {
    let own_harness = targets_with_own_harness(&package.manifest_path);
    let uses_criterion = package.dependencies.iter().any(|d| {
        let name = d.rename.as_deref().unwrap_or(&d.name);
        name.contains("criterion") || d.name.contains("criterion")
    });
    let on = enabled_features(config, &package.features);
    for target in package
        .targets
        .iter()
        .filter(|t| t.kind.iter().any(|k| k == "bench"))
    {
        let wanted = config.suite.benches.is_empty()
            || config.suite.benches.iter().any(|p| glob(p, &target.name));
        if !wanted {
            continue;
        }
        let name = format!("bench `{}` of `{}`", target.name, package.name);
        let missing: Vec<&str> = target
            .required_features
            .iter()
            .filter(|f| !config.suite.all_features && !on.contains(f.as_str()))
            .map(String::as_str)
            .collect();
        if !own_harness.contains(&target.name) {
            found
                .left_out
                .push(format!("{name} runs under libtest, not criterion"));
        } else if !uses_criterion {
            found
                .left_out
                .push(format!("{name} does not use criterion"));
        } else if !missing.is_empty() {
            found.left_out.push(format!(
                "{name} needs features: add `features = {missing:?}` under [suite] in uptick.toml"
            ));
        } else {
            let dir = package
                .manifest_path
                .parent()
                .unwrap_or(Path::new("/"))
                .to_path_buf();
            found
                .targets
                .push((package.name.clone(), dir, target.name.clone()));
            found
                .specs
                .insert(package.name.clone(), spec(&package.id, &package.name));
        }
    }
}

/// What names a package for `cargo -p`. Its name alone is ambiguous where a dependency depends on
/// a published version of it, as criterion does on itoa. Its id is taken since cargo 1.77, which
/// gives ids of this form.
fn spec(id: &str, name: &str) -> String {
    let is_taken = id.contains("+file://") && id.contains('#');
    if is_taken { id } else { name }.to_string()
}

/// The features that a build with this configuration has on.
fn enabled_features<'a>(
    config: &'a Config,
    features: &'a BTreeMap<String, Vec<String>>,
) -> BTreeSet<&'a str> {
    let mut on = BTreeSet::new();
    let mut todo: Vec<&str> = config.suite.features.iter().map(String::as_str).collect();
    if !config.suite.no_default_features {
        todo.push("default");
    }
    while let Some(f) = todo.pop() {
        if on.insert(f)
            && let Some(implied) = features.get(f)
        {
            todo.extend(implied.iter().map(String::as_str));
        }
    }
    on
}

/// The bench targets of a manifest that bring their own `main`. A target that is only found
/// by its file in `benches/` has libtest's.
fn targets_with_own_harness(manifest: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let benches = table.get("bench").and_then(toml::Value::as_array);
    benches
        .into_iter()
        .flatten()
        .filter(|b| b.get("harness").and_then(toml::Value::as_bool) == Some(false))
        .filter_map(|b| b.get("name")?.as_str().map(String::from))
        .collect()
}

/// The directory below `target` that a profile's artefacts lie in.
pub(super) fn profile_directory(profile: &str) -> &str {
    match profile {
        "bench" | "release" => "release",
        "dev" | "test" => "debug",
        other => other,
    }
}

/// One line of `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(default)]
    rendered: Option<String>,
    #[serde(default)]
    level: String,
}

/// The compiler's errors among cargo's messages.
fn diagnostics(stdout: &[u8]) -> String {
    String::from_utf8_lossy(stdout)
        .lines()
        .filter_map(|l| serde_json::from_str::<Message>(l).ok()?.message)
        .filter(|d| d.level == "error")
        .filter_map(|d| d.rendered)
        .collect()
}

/// Builds the bench targets and asks each for its benchmarks.
pub(super) fn build(config: &Config, place: &Place) -> Result<Executables> {
    let found = discover(config, place)?;
    if found.targets.is_empty() {
        return Ok(Executables {
            executables: Vec::new(),
            left_out: found.left_out,
            tree: place.tree.clone(),
        });
    }
    let stdout = output(
        &mut bench_command(config, place, &found),
        "the benchmarks do not build",
    )?;
    let mut executables = Vec::new();
    let mut left_out = found.left_out.clone();
    for line in String::from_utf8_lossy(&stdout).lines() {
        let Ok(m) = serde_json::from_str::<Message>(line) else {
            continue;
        };
        let (Some(file), Some(target), Some(manifest)) = (m.executable, m.target, m.manifest_path)
        else {
            continue;
        };
        if m.reason != "compiler-artifact" || !target.kind.iter().any(|k| k == "bench") {
            continue;
        }
        let dir = manifest.parent().unwrap_or(Path::new("/"));
        let Some((package, _, _)) = found
            .targets
            .iter()
            .find(|(_, d, t)| d == dir && *t == target.name)
        else {
            continue;
        };
        let package_dir = relative(dir, &place.tree);
        // Any program may bring its own `main`; only criterion's knows `--list` for sure.
        let facts = crate::measure::symbols::read(&file)?;
        if facts.fences.is_empty() && !facts.exact {
            left_out.push(format!(
                "bench `{}` of `{package}` brings its own main, without criterion",
                target.name
            ));
            continue;
        }
        let benchmarks = list(config, place, &file, dir)?;
        executables.push(BenchExecutable {
            package: package.clone(),
            target: target.name,
            file,
            package_dir,
            benchmarks,
        });
    }
    executables.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(Executables {
        executables,
        left_out,
        tree: place.tree.clone(),
    })
}

fn relative(dir: &Path, tree: &Path) -> String {
    let canonical = tree.canonicalize().unwrap_or_else(|_| tree.to_path_buf());
    let inside = dir
        .strip_prefix(tree)
        .or_else(|_| dir.strip_prefix(&canonical));
    inside.map_or_else(|_| ".".into(), |p| p.display().to_string())
}

fn bench_command(config: &Config, place: &Place, found: &Discovery) -> Command {
    let suite = &config.suite;
    let mut c = cargo(config, place);
    c.args([
        "bench",
        "--no-run",
        "--message-format=json",
        "--manifest-path",
    ]);
    let dir = workspace(config, &place.tree);
    c.arg(dir.join("Cargo.toml"));
    c.args(["--profile", &suite.profile]);
    let packages: BTreeSet<&String> = found.targets.iter().map(|(p, _, _)| p).collect();
    let benches: BTreeSet<&String> = found.targets.iter().map(|(_, _, t)| t).collect();
    packages.iter().for_each(|p| {
        c.args(["-p", found.specs.get(*p).unwrap_or(p)]);
    });
    benches.iter().for_each(|b| {
        c.args(["--bench", b]);
    });
    if !suite.features.is_empty() {
        c.arg("--features").arg(suite.features.join(","));
    }
    if suite.all_features {
        c.arg("--all-features");
    }
    if suite.no_default_features {
        c.arg("--no-default-features");
    }
    // Symbols bound the counted region and level 1 names functions, inlined ones too, by
    // file and line, at half the size of level 2; none of it changes code.
    let profile = suite.profile.to_uppercase().replace('-', "_");
    c.env(format!("CARGO_PROFILE_{profile}_DEBUG"), "1");
    c.env(format!("CARGO_PROFILE_{profile}_STRIP"), "none");
    c.env("CARGO_TARGET_DIR", &place.target);
    c
}

/// The benchmarks that a criterion executable lists.
fn list(config: &Config, place: &Place, file: &Path, dir: &Path) -> Result<Vec<String>> {
    let mut c = Command::new(file);
    c.args(["--bench", "--list"])
        .current_dir(dir)
        .stdin(Stdio::null());
    c.envs(super::run_environment(
        config,
        place,
        &relative(dir, &place.tree),
    ));
    let before = crate::measure::child::Before::default();
    let limit = std::time::Duration::from_secs_f64(config.suite.timeout.0);
    let ended = crate::measure::child::run(&mut c, before, limit)
        .map_err(|e| Error::Failed(format!("{}: {e}", file.display())))?;
    if ended.timed_out || !ended.status.success() {
        let why = if ended.timed_out {
            "does not end".into()
        } else {
            ended.status.to_string()
        };
        return Err(failed(
            &format!("{} --list failed ({why})", file.display()),
            &ended.said(),
        ));
    }
    let names = parse_list(&String::from_utf8_lossy(&ended.stdout));
    Ok(names)
}

/// Reads `name: benchmark` lines; anything else is what the benchmark's set-up printed.
fn parse_list(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    text.lines()
        .filter_map(|l| {
            l.strip_suffix(": benchmark")
                .or_else(|| l.strip_suffix(": bench"))
        })
        .filter(|name| seen.insert((*name).to_string()))
        .map(String::from)
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_names_of_any_characters() {
        let text = "setting up…\nfib 20: benchmark\ng/a b/é: x: benchmark\nold: bench\nfib 20: benchmark\n";
        assert_eq!(parse_list(text), ["fib 20", "g/a b/é: x", "old"]);
    }

    #[test]
    fn toolchain_files_of_both_forms_are_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(toolchain(dir.path()), None);
        std::fs::write(dir.path().join("rust-toolchain"), "1.70.0\n").unwrap();
        assert_eq!(toolchain(dir.path()).unwrap(), "1.70.0");
        let toml = "[toolchain]\nchannel = \"nightly-2024-01-01\"\n";
        std::fs::write(dir.path().join("rust-toolchain.toml"), toml).unwrap();
        assert_eq!(toolchain(dir.path()).unwrap(), "nightly-2024-01-01");
    }

    #[test]
    fn a_package_is_named_by_its_id_where_cargo_takes_that() {
        let new = "path+file:///work/tree#itoa@1.0.18";
        assert_eq!(spec(new, "itoa"), new);
        let old = "itoa 1.0.18 (path+file:///work/tree)";
        assert_eq!(spec(old, "itoa"), "itoa");
    }

    #[test]
    fn features_follow_what_they_imply() {
        let features: BTreeMap<String, Vec<String>> = [
            ("default".to_string(), vec!["std".to_string()]),
            ("std".to_string(), vec!["alloc".to_string()]),
        ]
        .into();
        let on = enabled_features(&Config::default(), &features)
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>();
        assert_eq!(on, ["alloc", "default", "std"]);
    }

    #[test]
    fn a_calling_cargo_leaves_nothing_behind() {
        for name in ["CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "CARGO", "GIT_DIR"] {
            assert!(is_foreign(name), "{name}");
        }
        for name in [
            "PATH",
            "CARGO_HOME",
            "RUSTFLAGS",
            "CARGO_PROFILE_BENCH_LTO",
            "HOME",
        ] {
            assert!(!is_foreign(name), "{name}");
        }
    }
}
