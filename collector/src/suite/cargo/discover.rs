//! Which benches a package has, and which of them are criterion's.

use crate::config::{Config, glob};
use crate::error::{Error, Result};
use crate::measure::symbols::Framework;
use crate::suite::cargo::run::Target;
use crate::suite::cargo::run::cargo;
use crate::suite::cargo::run::output;
use crate::suite::cargo::scripts::Script;
use crate::suite::uncounted::Uncounted;
use crate::suite::{Place, workspace};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A bench target that brings its own `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchTarget {
    /// Its package.
    pub package: String,
    /// The package's directory.
    pub dir: PathBuf,
    /// Its name.
    pub name: String,
    /// How much it is a criterion benchmark that `cargo bench` would build.
    pub likely: Likely,
}

/// Whether a target is one that matters. Only its executable tells for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likely {
    /// No manifest in reach of it names criterion; a crate that it uses may pass criterion on.
    Perhaps,
    /// It reaches criterion, but `cargo bench` in the workspace's directory does not build it.
    Criterion,
    /// It reaches criterion and belongs to the default members.
    Default,
}

/// Bench targets of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Those that may be criterion's.
    pub targets: Vec<BenchTarget>,
    /// Those that are left out, and why, in words.
    pub left_out: Vec<String>,
    /// Those that run under libtest.
    pub uncounted: Vec<Uncounted>,
    /// Packages with benches that reach criterion and that plain `cargo bench` leaves out.
    pub not_default: Vec<String>,
    /// Features that targets need and this configuration does not switch on.
    pub needs: BTreeSet<String>,
    /// What `cargo` must know of each package.
    pub(super) packages: BTreeMap<String, Facts>,
    /// The build scripts of the workspace.
    pub(super) scripts: Vec<Script>,
}

/// What is known of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// How `cargo -p` names it.
    pub(super) spec: String,
    /// Its features.
    pub(super) features: BTreeSet<String>,
    /// Its bench targets that are not to be built.
    pub(super) left_out: BTreeSet<String>,
    /// Whether `cargo bench` takes it without `-p`.
    pub(super) is_default: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    #[serde(default)]
    workspace_default_members: Option<Vec<String>>,
    workspace_root: PathBuf,
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

/// Lists the bench targets that criterion may drive.
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
    let members: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|p| members.contains(&p.id))
        .collect();
    let default = default_members(config, &metadata);
    let reaching = reaching_criterion(&members);
    let mut found = Discovery {
        left_out: absent(&config.suite.packages, &members)?,
        scripts: members.iter().filter_map(|p| script(p)).collect(),
        ..Discovery::default()
    };
    for package in members {
        let named = &config.suite.packages;
        if !named.is_empty() && !named.contains(&package.name) {
            continue;
        }
        let is_default = named.contains(&package.name) || default.contains(&package.id);
        let likely = match (reaching.contains(package.name.as_str()), is_default) {
            (true, true) => Likely::Default,
            (true, false) => Likely::Criterion,
            (false, _) => Likely::Perhaps,
        };
        if !is_default && declares_default_members(&metadata.workspace_root) {
            let why = not_default(package);
            if why.is_some() && likely > Likely::Perhaps {
                found.not_default.push(package.name.clone());
            }
            found.left_out.extend(why);
            continue;
        }
        discover_package(config, package, (likely, is_default), &mut found);
    }
    Ok(found)
}

/// The ids of the packages that `cargo bench` takes without `-p`; old cargos do not say.
fn default_members(config: &Config, metadata: &Metadata) -> BTreeSet<String> {
    let said = metadata.workspace_default_members.clone();
    let all = || metadata.workspace_members.clone();
    let ids = if config.suite.packages.is_empty() {
        said.unwrap_or_else(all)
    } else {
        all()
    };
    ids.into_iter().collect()
}

/// Whether a workspace says by `default-members` what plain commands are for.
fn declares_default_members(root: &Path) -> bool {
    let text = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let workspace = table.get("workspace");
    workspace.is_some_and(|w| w.get("default-members").is_some())
}

/// The packages that are named and are not here, in words; that none is here is an error, so that a
/// slip of the pen measures nothing for nobody.
fn absent(named: &[String], members: &[&Package]) -> Result<Vec<String>> {
    let is_here = |name: &&String| members.iter().any(|p| p.name == **name);
    let (here, absent): (Vec<&String>, Vec<&String>) = named.iter().partition(is_here);
    if here.is_empty() && !absent.is_empty() {
        let known: Vec<&str> = members.iter().map(|p| p.name.as_str()).collect();
        return Err(Error::Failed(format!(
            "there is no package {} here (`packages` under [suite] in uptick.toml, or --package), only {}",
            quoted(absent.iter().map(|n| n.as_str())),
            quoted(known.into_iter()),
        )));
    }
    let note = |n: &&String| format!("package `{n}` is named and is not in this commit");
    Ok(absent.iter().map(note).collect())
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|n| format!("`{n}`")).collect();
    names.join(", ")
}

fn not_default(package: &Package) -> Option<String> {
    let has_benches = package.targets.iter().any(Target::is_bench);
    has_benches.then(|| {
        format!(
            "the benches of `{0}` are left out, for it is none of `default-members`: `packages` \
             under [suite] in uptick.toml names others",
            package.name
        )
    })
}

/// The members that depend on criterion, or on a member that does.
fn reaching_criterion<'a>(members: &[&'a Package]) -> BTreeSet<&'a str> {
    let names_it = |d: &Dependency| {
        let name = d.rename.as_deref().unwrap_or(&d.name);
        name.contains("criterion") || d.name.contains("criterion")
    };
    let mut reaching: BTreeSet<&str> = BTreeSet::new();
    loop {
        let known = reaching.len();
        for p in members {
            let through = |d: &Dependency| names_it(d) || reaching.contains(d.name.as_str());
            if p.dependencies.iter().any(through) {
                reaching.insert(&p.name);
            }
        }
        if reaching.len() == known {
            return reaching;
        }
    }
}

/// The build script of a package, if it has one.
fn script(package: &Package) -> Option<Script> {
    let script = package.targets.iter().find(|t| t.is_build_script())?;
    let dir = package.manifest_path.parent()?;
    Some((dir.to_path_buf(), script.src_path.clone()))
}

fn discover_package(
    config: &Config,
    package: &Package,
    (likely, is_default): (Likely, bool),
    found: &mut Discovery,
) {
    let own_harness = targets_with_own_harness(&package.manifest_path);
    let on = enabled_features(config, &package.features);
    let dir = package.manifest_path.parent().unwrap_or(Path::new("/"));
    let mut facts = Facts {
        spec: spec(&package.id, &package.name),
        features: package.features.keys().cloned().collect(),
        left_out: BTreeSet::new(),
        is_default,
    };
    for target in package.targets.iter().filter(|t| t.is_bench()) {
        let wanted = config.suite.benches.is_empty()
            || config.suite.benches.iter().any(|p| glob(p, &target.name));
        let name = format!("bench `{}` of `{}`", target.name, package.name);
        let missing: Vec<&str> = target
            .required_features
            .iter()
            .filter(|f| !config.suite.all_features && !on.contains(f.as_str()))
            .map(String::as_str)
            .collect();
        if wanted && own_harness.contains(&target.name) && missing.is_empty() {
            found.targets.push(BenchTarget {
                package: package.name.clone(),
                dir: dir.to_path_buf(),
                name: target.name.clone(),
                likely,
            });
            continue;
        }
        facts.left_out.insert(target.name.clone());
        if !wanted {
            continue;
        }
        if missing.is_empty() {
            found.uncounted.push(Uncounted {
                package: package.name.clone(),
                target: target.name.clone(),
                framework: Framework::Libtest,
            });
        } else {
            found.needs.extend(missing.iter().map(|f| (*f).to_string()));
            found.left_out.push(format!(
                "{name} needs features: add `features = {missing:?}` under [suite] in uptick.toml"
            ));
        }
    }
    found.packages.insert(package.name.clone(), facts);
}

impl Discovery {
    /// The targets in as few calls of cargo as can be: one call builds the targets of given names
    /// in all its packages, and so must not hold a package that has another target of such a name.
    pub(super) fn calls(&self, least: Likely) -> Vec<Vec<&BenchTarget>> {
        let mut calls: Vec<Vec<&BenchTarget>> = Vec::new();
        for (package, facts) in &self.packages {
            let wanted: Vec<&BenchTarget> = self
                .targets
                .iter()
                .filter(|t| t.package == *package && t.likely >= least)
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let disturbs = |t: &&BenchTarget| {
                facts.left_out.contains(&t.name)
                    || wanted
                        .iter()
                        .any(|w| self.packages[&t.package].left_out.contains(&w.name))
            };
            match calls.iter_mut().find(|call| !call.iter().any(disturbs)) {
                Some(call) => call.extend(wanted),
                None => calls.push(wanted),
            }
        }
        calls
    }

    /// The packages that a call for these targets names. `cargo bench` decides the features of a
    /// dependency for all that it takes together, so a call for some of that names the rest too,
    /// but for a package that has another target of such a name.
    pub(super) fn packages_of<'a>(&'a self, targets: &[&'a BenchTarget]) -> BTreeSet<&'a String> {
        let mut named: BTreeSet<&String> = targets.iter().map(|t| &t.package).collect();
        let is_default = |package: &String| self.packages[package].is_default;
        if !named.iter().all(|p| is_default(p)) {
            return named;
        }
        let is_taken = |name: &String| targets.iter().any(|t| t.name == *name);
        let has_another = |package: &String| {
            let mut others = self.targets.iter().filter(|t| t.package == *package);
            others.any(|t| is_taken(&t.name))
                || self.packages[package].left_out.iter().any(is_taken)
        };
        let rest: Vec<&String> = self
            .packages
            .keys()
            .filter(|p| !named.contains(p) && is_default(p) && !has_another(p))
            .collect();
        named.extend(rest);
        named
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
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_by_its_id_where_cargo_takes_that() {
        let new = "path+file:///work/tree#itoa@1.0.18";
        assert_eq!(spec(new, "itoa"), new);
        let old = "itoa 1.0.18 (path+file:///work/tree)";
        assert_eq!(spec(old, "itoa"), "itoa");
    }

    fn target(package: &str, name: &str) -> BenchTarget {
        BenchTarget {
            package: package.into(),
            dir: PathBuf::new(),
            name: name.into(),
            likely: Likely::Default,
        }
    }

    #[test]
    fn packages_with_an_unwanted_target_of_the_same_name_are_built_apart() {
        let mut found = Discovery {
            targets: vec![
                target("one", "bench"),
                target("three", "more"),
                target("two", "other"),
            ],
            ..Discovery::default()
        };
        for (package, left_out) in [("one", ""), ("two", "bench"), ("three", "")] {
            let facts = Facts {
                left_out: [left_out.to_string()].into(),
                ..Facts::default()
            };
            found.packages.insert(package.into(), facts);
        }
        let calls = found.calls(Likely::Perhaps);
        let names: Vec<Vec<&str>> = calls
            .iter()
            .map(|c| c.iter().map(|t| t.package.as_str()).collect())
            .collect();
        assert_eq!(names, [vec!["one", "three"], vec!["two"]]);
    }

    #[test]
    fn what_cargo_bench_takes_together_has_its_features_together() {
        let mut found = Discovery {
            targets: vec![target("one", "bench"), target("four", "bench")],
            ..Discovery::default()
        };
        for (package, is_default, left_out) in [
            ("one", true, None),
            ("two", true, None),
            ("three", true, Some("bench")),
            ("four", true, None),
            ("five", false, None),
        ] {
            let facts = Facts {
                is_default,
                left_out: left_out.into_iter().map(String::from).collect(),
                ..Facts::default()
            };
            found.packages.insert(package.into(), facts);
        }
        let packages = |of: &[&BenchTarget]| -> Vec<String> {
            found.packages_of(of).into_iter().cloned().collect()
        };
        assert_eq!(packages(&[&found.targets[0]]), ["one", "two"]);
        assert_eq!(packages(&[&target("five", "more")]), ["five"]);
        assert_eq!(
            packages(&[&found.targets[0], &found.targets[1]]),
            ["four", "one", "two"]
        );
    }

    #[test]
    fn a_package_that_is_named_must_be_here() {
        let package = |name: &str| Package {
            id: name.into(),
            name: name.into(),
            manifest_path: PathBuf::new(),
            targets: Vec::new(),
            dependencies: Vec::new(),
            features: BTreeMap::new(),
        };
        let (one, two) = (package("one"), package("two"));
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_string()).collect();
            absent(&names, &[&one, &two])
        };
        assert_eq!(named(&[]).unwrap(), Vec::<String>::new());
        assert_eq!(named(&["two"]).unwrap(), Vec::<String>::new());
        let some = named(&["one", "old"]).unwrap();
        assert_eq!(some, ["package `old` is named and is not in this commit"]);
        let none = named(&["tow"]).unwrap_err().to_string();
        assert!(none.contains("no package `tow` here") && none.ends_with("only `one`, `two`"));
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
