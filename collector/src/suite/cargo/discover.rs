//! Which benches a package has, and which of them are criterion's.

use crate::config::{Config, glob};
use crate::error::{Error, Result};
use crate::suite::cargo::run::Target;
use crate::suite::cargo::run::cargo;
use crate::suite::cargo::run::output;
use crate::suite::{Place, workspace};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Bench targets of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// `(package, package directory, bench target)` of those that criterion drives.
    pub targets: Vec<(String, PathBuf, String)>,
    /// How `cargo -p` names each package of these.
    pub(super) specs: BTreeMap<String, String>,
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
struct Dependency {
    name: String,
    #[serde(default)]
    rename: Option<String>,
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
pub(crate) fn spec(id: &str, name: &str) -> String {
    let is_taken = id.contains("+file://") && id.contains('#');
    if is_taken { id } else { name }.to_string()
}

/// The features that a build with this configuration has on.
pub(crate) fn enabled_features<'a>(
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
