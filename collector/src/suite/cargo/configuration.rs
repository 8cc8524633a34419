//! cargo's configuration files: which of them a call in the workspace obeys, and what they say
//! that must be known before cargo is called.
//!
//! The commit's own files are part of the commit. Those of cargo's home and of the directories
//! above the checkout are not, so that what they tell the compilers is part of a build's key.

use crate::config::Config;
use crate::suite::Place;
use crate::suite::cargo::toolchain::checkout;
use std::path::{Path, PathBuf};

/// The tables that steer what is built and how it is run; the others tell where things come from.
const STEERING: [&str; 6] = ["build", "target", "env", "profile", "patch", "unstable"];
/// What under `[build]` only tells where things lie, and how fast they are built.
const HARMLESS: [&str; 8] = [
    "jobs",
    "target-dir",
    "build-dir",
    "dep-info-basedir",
    "incremental",
    "pipelining",
    "rustdoc",
    "rustdocflags",
];

/// The files that cargo would read in the workspace and does not read by itself where we call it,
/// the outermost first: those above the checkout, and those of the commit.
pub(super) fn handed_over(config: &Config, place: &Place) -> Vec<PathBuf> {
    let mut all = checkout(&place.tree).map_or_else(Vec::new, above);
    let mut inside = vec![place.tree.clone()];
    for part in Path::new(config.suite.dir.trim_start_matches("./")).components() {
        if part != std::path::Component::CurDir {
            inside.push(inside[inside.len() - 1].join(part));
        }
    }
    all.extend(
        inside
            .iter()
            .filter_map(|dir| in_directory(&dir.join(".cargo"))),
    );
    all
}

/// Every file that a call of cargo obeys.
pub(super) fn obeyed(config: &Config, place: &Place) -> Vec<PathBuf> {
    let home = home().and_then(|h| in_directory(&h));
    home.into_iter().chain(handed_over(config, place)).collect()
}

/// What the files that belong to no commit tell the compilers, as a text; empty where that is
/// nothing. `root` is the user's checkout.
pub(super) fn outside(root: &Path) -> String {
    let home = home().and_then(|h| in_directory(&h));
    let files = home.into_iter().chain(above(root));
    let said = files.filter_map(|f| {
        let mut table = table(&f);
        table.retain(|name, _| STEERING.contains(&name));
        if let Some(build) = table.get_mut("build").and_then(toml::Value::as_table_mut) {
            build.retain(|name, _| !HARMLESS.contains(&name));
        }
        table.retain(|_, value| value.as_table().is_none_or(|t| !t.is_empty()));
        (!table.is_empty()).then(|| format!("{table}\n"))
    });
    said.collect()
}

/// The files of the directories above a checkout, the outermost first.
fn above(root: &Path) -> Vec<PathBuf> {
    let home = home();
    let dirs = root.ancestors().skip(1).map(|dir| dir.join(".cargo"));
    let others = dirs.filter(|dir| Some(dir) != home.as_ref());
    let mut all: Vec<PathBuf> = others.filter_map(|dir| in_directory(&dir)).collect();
    all.reverse();
    all
}

fn home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").filter(|h| !h.is_empty());
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    named.map(PathBuf::from).or_else(usual)
}

/// The configuration file in a `.cargo` directory; the older name comes first, as for cargo.
fn in_directory(dir: &Path) -> Option<PathBuf> {
    let names = ["config", "config.toml"].iter();
    names.map(|name| dir.join(name)).find(|f| f.is_file())
}

fn table(file: &Path) -> toml::Table {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.parse().unwrap_or_default()
}

/// The variables that a file's `[env]` declares.
pub(super) fn declared(file: &Path) -> Vec<String> {
    let table = table(file);
    let env = table.get("env").and_then(toml::Value::as_table);
    let names = env.into_iter().flatten().map(|(name, _)| name.clone());
    names.filter(|n| n != "PATH" && n != "HOME").collect()
}

/// Whether a file gives a target's runner as a list of words.
pub(super) fn lists_runner(file: &Path, target: &str) -> bool {
    let table = table(file);
    let runner = table
        .get("target")
        .and_then(|t| t.get(target)?.get("runner"));
    runner.is_some_and(toml::Value::is_array)
}

/// What a file builds for: `build.target`, a name or several.
pub(super) fn built_for(file: &Path) -> Vec<String> {
    let table = table(file);
    let target = table.get("build").and_then(|b| b.get("target"));
    match target {
        Some(toml::Value::String(one)) => vec![one.clone()],
        Some(toml::Value::Array(all)) => {
            let names = all.iter().filter_map(toml::Value::as_str);
            names.map(String::from).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn files_above_the_checkout_and_down_to_the_workspace_are_handed_over() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("home/checkout");
        let tree = root.join(".uptick/worker-0/tree");
        let mut wanted = Vec::new();
        for at in [
            &dir.path().join("home"),
            &tree,
            &tree.join("a"),
            &tree.join("a/b"),
        ] {
            let file = at.join(".cargo/config.toml");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "[build]\nrustflags = [\"-O\"]\n").unwrap();
            wanted.push(file);
        }
        let place = Place {
            tree,
            target: PathBuf::new(),
        };
        let mut config = Config::default();
        config.suite.dir = "./a/b".into();
        let found = handed_over(&config, &place);
        assert_eq!(found[found.len() - 4..], wanted);
        config.suite.dir = ".".into();
        let found = handed_over(&config, &place);
        assert_eq!(found[found.len() - 2..], wanted[..2]);
    }

    #[test]
    fn what_steers_no_compiler_is_no_part_of_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("checkout");
        let before = outside(&root);
        let say = |text: &str| {
            std::fs::create_dir_all(dir.path().join(".cargo")).unwrap();
            std::fs::write(dir.path().join(".cargo/config.toml"), text).unwrap();
            outside(&root)
        };
        let harmless = "[net]\nretry = 3\n[build]\njobs = 1\ntarget-dir = \"/t\"\n";
        assert_eq!(say(harmless), before);
        let flags = |f: &str| say(&format!("[build]\njobs = 1\nrustflags = [\"{f}\"]\n"));
        assert_ne!(flags("-O"), before);
        assert_ne!(flags("-O"), flags("-g"));
    }

    #[test]
    fn a_file_builds_for_one_target_or_several() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        let of = |text: &str| {
            std::fs::write(&file, text).unwrap();
            built_for(&file)
        };
        assert_eq!(of("[build]\ntarget = \"a\"\n"), ["a"]);
        assert_eq!(of("[build]\ntarget = [\"a\", \"b\"]\n"), ["a", "b"]);
        assert!(of("[build]\n").is_empty());
    }
}
