//! cargo's configuration files: which of them a call in the workspace obeys, and what they say
//! that must be known before cargo is called.
//!
//! The commit's own files are part of the commit. Those of cargo's home and of the directories
//! above the checkout are not, so that what they tell the compilers is part of a build's key.
//!
//! cargo obeys `--config` first, then the environment, then its files, the closest first. We call it
//! at the top of the file system, where it reads only the top's file and its home's by itself, and
//! hand the others over by `--config`. So that the environment still comes before them, what it says
//! of a key of theirs is handed over behind them ([`outranked`]). Lists are joined, as by cargo. A
//! variable of the user's stands before `[env]` of a file that belongs to no commit, unless that
//! says `force`; what a commit declares for itself is the same on every machine.

use crate::config::Config;
use crate::suite::Place;
use crate::suite::cargo::toolchain::{checkout, chosen_in, host};
use std::path::{Path, PathBuf};

/// The tables that steer what is built and how it is run; the others tell where things come from.
const STEERING: [&str; 7] = [
    "build", "target", "env", "profile", "patch", "paths", "unstable",
];
/// What under `[build]` only tells where things lie, and how fast they are built.
const HARMLESS: [&str; 7] = [
    "jobs",
    "target-dir",
    "build-dir",
    "dep-info-basedir",
    "pipelining",
    "rustdoc",
    "rustdocflags",
];

/// The files that cargo would read in the workspace and does not read by itself where we call it,
/// the outermost first: those above the checkout, and those of the commit.
pub(super) fn handed_over(config: &Config, place: &Place) -> Vec<PathBuf> {
    let mut all = checkout(&place.tree).map_or_else(Vec::new, above);
    all.extend(of_the_commit(config, place));
    all
}

/// The commit's own files, the outermost first.
pub(super) fn of_the_commit(config: &Config, place: &Place) -> Vec<PathBuf> {
    let mut inside = vec![place.tree.clone()];
    for part in Path::new(config.suite.dir.trim_start_matches("./")).components() {
        if part != std::path::Component::CurDir {
            inside.push(inside[inside.len() - 1].join(part));
        }
    }
    let dirs = inside.iter().map(|dir| dir.join(".cargo"));
    dirs.filter_map(|dir| in_directory(&dir)).collect()
}

/// Every file that a call of cargo obeys.
pub(super) fn obeyed(config: &Config, place: &Place) -> Vec<PathBuf> {
    let mut all = read_anyway();
    all.extend(handed_over(config, place));
    all
}

/// The variables that files which belong to no commit declare.
pub(super) fn declared_outside(root: Option<&Path>) -> Vec<String> {
    let above = root.map_or_else(Vec::new, above);
    let files = read_anyway().into_iter().chain(above);
    files.flat_map(|f| declared(&f)).collect()
}

/// What the files that belong to no commit tell the compilers, as a text; empty where that is
/// nothing. `root` is the user's checkout.
pub(super) fn outside(root: &Path) -> String {
    let files = read_anyway().into_iter().chain(above(root));
    let said = files.filter_map(|f| {
        let mut table = table(&f);
        table.retain(|name, _| STEERING.contains(&name));
        if let Some(build) = table.get_mut("build").and_then(toml::Value::as_table_mut) {
            build.retain(|name, _| !HARMLESS.contains(&name));
        }
        table.retain(|_, value| value.as_table().is_none_or(|t| !t.is_empty()));
        (!table.is_empty()).then(|| format!("{table}\n"))
    });
    let users = declared_outside(Some(root)).into_iter();
    let users = users.filter_map(|n| Some(format!("{n}={}\n", std::env::var(&n).ok()?)));
    said.chain(users).collect()
}

/// The files of the directories above a checkout that cargo does not read anyway, the outermost
/// first.
fn above(root: &Path) -> Vec<PathBuf> {
    let anyway = read_at_the_top();
    let is_other = |dir: &PathBuf| !anyway.contains(&real(dir));
    let dirs = root.ancestors().skip(1).map(|dir| dir.join(".cargo"));
    let mut all: Vec<PathBuf> = dirs
        .filter(is_other)
        .filter_map(|dir| in_directory(&dir))
        .collect();
    all.reverse();
    all
}

/// The files that cargo reads by itself where we call it, the outermost first.
fn read_anyway() -> Vec<PathBuf> {
    let dirs = read_at_the_top();
    dirs.iter().filter_map(|dir| in_directory(dir)).collect()
}

/// The directories of those files: cargo's home and the top's, which may be one.
fn read_at_the_top() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = home().iter().map(|dir| real(dir)).collect();
    dirs.push(real(Path::new("/.cargo")));
    dirs.dedup();
    dirs
}

/// A directory without the links that lead to it.
fn real(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf())
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

/// What a file says, with the files that it includes.
fn table(file: &Path) -> toml::Table {
    with_included(file, INCLUDES)
}

/// A file may include others that do, so far.
const INCLUDES: usize = 8;

fn with_included(file: &Path, deeper: usize) -> toml::Table {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let own: toml::Table = text.parse().unwrap_or_default();
    let dir = file.parent().unwrap_or(Path::new("/"));
    let mut all = toml::Table::new();
    for named in included(&own).filter(|_| deeper > 0) {
        join(&mut all, with_included(&dir.join(named), deeper - 1));
    }
    join(&mut all, own);
    all
}

/// The files that `include` names: one, a list, or a list of tables with a `path`.
fn included(table: &toml::Table) -> impl Iterator<Item = &str> {
    let all = match table.get("include") {
        Some(toml::Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    all.iter().filter_map(|one| match one {
        toml::Value::Table(t) => t.get("path")?.as_str(),
        one => one.as_str(),
    })
}

/// Lays a closer file over others, as cargo does: lists are joined, the closer value stands.
fn join(all: &mut toml::Table, closer: toml::Table) {
    for (name, value) in closer {
        match (all.get_mut(&name), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => join(old, new),
            (Some(toml::Value::Array(old)), toml::Value::Array(new)) => old.extend(new),
            (_, value) => {
                all.insert(name, value);
            }
        }
    }
}

/// Says that flags of the commit's own files are not used, where they are not.
pub(crate) fn flags_left_out(config: &Config, place: &Place) -> Option<String> {
    if config.suite.rustflags.is_empty() {
        return None;
    }
    let says = |file: &PathBuf| {
        let table = table(file);
        let build = table.get("build").and_then(|b| b.get("rustflags"));
        let targets = table.get("target").and_then(toml::Value::as_table);
        let mut targets = targets.into_iter().flatten();
        build.is_some() || targets.any(|(_, t)| t.get("rustflags").is_some())
    };
    let file = of_the_commit(config, place).into_iter().find(says)?;
    let file = file.strip_prefix(&place.tree).unwrap_or(&file);
    Some(format!(
        "`rustflags` of {} are not used: those of uptick.toml take their place, as RUSTFLAGS does",
        file.display()
    ))
}

/// Every text that a file tells builds: names of programs, flags.
pub(super) fn words(file: &Path) -> Vec<String> {
    let mut table = table(file);
    table.retain(|name, _| name == "build" || name == "target");
    let mut all = Vec::new();
    collect_words(&toml::Value::Table(table), &mut all);
    all
}

fn collect_words(value: &toml::Value, all: &mut Vec<String>) {
    match value {
        toml::Value::String(word) => all.push(word.clone()),
        toml::Value::Array(values) => values.iter().for_each(|v| collect_words(v, all)),
        toml::Value::Table(table) => {
            let of_builds = table.iter().filter(|(name, _)| *name != "runner");
            of_builds.for_each(|(_, v)| collect_words(v, all));
        }
        _ => {}
    }
}

/// The variables that a file's `[env]` declares.
pub(super) fn declared(file: &Path) -> Vec<String> {
    let table = table(file);
    let env = table.get("env").and_then(toml::Value::as_table);
    let names = env.into_iter().flatten().map(|(name, _)| name.clone());
    names.filter(|n| n != "PATH" && n != "HOME").collect()
}

/// What the environment says of the keys of a file, as arguments of `--config`: it comes before
/// files. Lists are left out, as cargo joins them, and so is what may be secret.
pub(super) fn outranked(file: &Path, said: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut table = table(file);
    table.retain(|name, _| name == "net" || (STEERING.contains(&name) && name != "env"));
    let mut out = Vec::new();
    override_in(&table, "", "CARGO", said, &mut out);
    out
}

fn override_in(
    table: &toml::Table,
    key: &str,
    variable: &str,
    said: &dyn Fn(&str) -> Option<String>,
    out: &mut Vec<String>,
) {
    for (name, value) in table {
        let key = format!(
            "{key}{}{}",
            if key.is_empty() { "" } else { "." },
            quoted(name)
        );
        let variable = format!(
            "{variable}_{}",
            name.to_uppercase().replace(['-', '.'], "_")
        );
        match value {
            toml::Value::Table(inner) => override_in(inner, &key, &variable, said, out),
            toml::Value::Array(_) => {}
            _ => out.extend(said(&variable).map(|v| format!("{key}={}", as_cargo_reads(v)))),
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// A variable's value in a configuration, of the kind that cargo takes it for.
fn as_cargo_reads(value: String) -> String {
    let is_plain = value == "true" || value == "false" || value.parse::<i64>().is_ok();
    if is_plain { value } else { quoted(&value) }
}

/// Whether a file gives a target's runner as a list of words.
pub(super) fn lists_runner(file: &Path, target: &str) -> bool {
    let table = table(file);
    let runner = table
        .get("target")
        .and_then(|t| t.get(target)?.get("runner"));
    runner.is_some_and(toml::Value::is_array)
}

/// The program by which cargo would run the benchmarks: of the closest file that names one.
pub(super) fn runner(config: &Config, place: &Place) -> Option<String> {
    let files = obeyed(config, place);
    let mut targets: Vec<String> = files.iter().flat_map(|f| built_for(f)).collect();
    targets.extend(host(chosen_in(config, &place.tree).as_deref()));
    let of_variable = targets.iter().find_map(|target| {
        let target = target.to_uppercase().replace(['-', '.'], "_");
        let said = std::env::var(format!("CARGO_TARGET_{target}_RUNNER"));
        said.ok().filter(|w| !w.is_empty() && !is_harmless(w))
    });
    of_variable.or_else(|| {
        files
            .iter()
            .rev()
            .find_map(|f| runner_in(&table(f), &targets))
    })
}

/// The runner of a table for some targets, or for what is like this machine.
fn runner_in(table: &toml::Table, targets: &[String]) -> Option<String> {
    let sections = table.get("target")?.as_table()?;
    let concerned = sections
        .iter()
        .filter(|(name, _)| targets.contains(name) || is_like_here(name));
    let mut runners = concerned.filter_map(|(_, section)| section.get("runner"));
    let words = match runners.next()? {
        toml::Value::String(one) => one.clone(),
        toml::Value::Array(all) => {
            let words: Vec<&str> = all.iter().filter_map(toml::Value::as_str).collect();
            words.join(" ")
        }
        _ => return None,
    };
    Some(words).filter(|w| !w.is_empty() && !is_harmless(w))
}

/// Whether a runner says only when and where a program runs, which changes no count.
fn is_harmless(runner: &str) -> bool {
    let program = runner.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    ["nice", "ionice", "chrt", "taskset", "numactl"].contains(&name)
}

/// Whether `cfg(…)` speaks of Unix, Linux or every machine, as far as its words tell.
fn is_like_here(section: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "windows", "wasm", "apple", "macos", "android", "ios", "\"none\"", "not(",
    ];
    let of_another_cpu =
        section.contains("target_arch") && !section.contains(std::env::consts::ARCH);
    section.starts_with("cfg(") && !of_another_cpu && !OTHERS.iter().any(|o| section.contains(o))
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
    fn included_files_say_what_they_say() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        write(
            "far.toml",
            "[build]\nrustflags = [\"-a\"]\ntarget = \"x\"\n",
        );
        write(
            "near.toml",
            "include = [{ path = \"far.toml\" }]\n[build]\nrustflags = [\"-b\"]\n",
        );
        let top = "include = \"near.toml\"\n[build]\nrustflags = [\"-c\"]\ntarget = \"y\"\n";
        let file = write("config.toml", top);
        let build = &table(&file)["build"];
        let flags: Vec<_> = build["rustflags"].as_array().unwrap().iter().collect();
        let flags: Vec<_> = flags.iter().filter_map(|f| f.as_str()).collect();
        assert_eq!(
            (flags, built_for(&file)),
            (vec!["-a", "-b", "-c"], vec!["y".into()])
        );
        // One that includes itself ends.
        let file = write(
            "self.toml",
            "include = \"self.toml\"\n[build]\ntarget = \"z\"\n",
        );
        assert_eq!(built_for(&file), ["z"]);
    }

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
    fn a_runner_is_known_where_it_would_run_the_benchmarks() {
        let of =
            |text: &str| runner_in(&text.parse().unwrap(), &["x86_64-unknown-linux-gnu".into()]);
        assert_eq!(
            of("[target.x86_64-unknown-linux-gnu]\nrunner = [\"sh\", \"run.sh\"]\n").as_deref(),
            Some("sh run.sh")
        );
        assert_eq!(
            of("[target.\"cfg(unix)\"]\nrunner = \"./run.sh\"\n").as_deref(),
            Some("./run.sh")
        );
        assert_eq!(of("[target.\"cfg(unix)\"]\nrunner = \"nice -n 5\"\n"), None);
        for other in [
            "'cfg(all(target_arch = \"arm\", target_os = \"none\"))'",
            "\"cfg(windows)\"",
            "thumbv7em-none-eabihf",
        ] {
            assert_eq!(
                of(&format!("[target.{other}]\nrunner = \"probe-rs\"\n")),
                None
            );
        }
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
        // It decides how many units code is generated in.
        assert_ne!(say("[build]\nincremental = true\n"), before);
        assert_ne!(say("paths = [\"/opt/serde\"]\n"), before);
        // A variable of the user's stands before what a file declares.
        let is_bare = |n: &str| n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let mut ours = std::env::vars().filter(|(n, _)| is_bare(n) && n != "PATH" && n != "HOME");
        let (name, value) = ours.next().unwrap();
        let text = say(&format!("[env]\n{name} = \"x\"\n"));
        assert!(text.contains(&format!("{name}={value}\n")), "{text}");
    }

    #[test]
    fn cargo_reads_no_file_twice() {
        let cargo_s = read_at_the_top();
        assert!(cargo_s.contains(&PathBuf::from("/.cargo")));
        let dir = tempfile::tempdir().unwrap();
        let (real_home, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::create_dir_all(real_home.join(".cargo")).unwrap();
        std::os::unix::fs::symlink(&real_home, &link).unwrap();
        assert_eq!(real(&link.join(".cargo")), real(&real_home.join(".cargo")));
        let above = above(Path::new("/nowhere/checkout"));
        assert!(above.is_empty(), "{above:?}");
    }

    #[test]
    fn the_environment_comes_before_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        let text = "[profile.bench]\nlto = true\nopt-level = 1\n\
                    [build]\nrustflags = [\"-O\"]\nincremental = true\n\
                    [target.x86_64-unknown-linux-gnu]\nlinker = \"cc\"\n[env]\nA = \"b\"\n\
                    [registry]\ntoken = \"t\"\n";
        std::fs::write(&file, text).unwrap();
        let said = |name: &str| {
            let value = match name {
                "CARGO_PROFILE_BENCH_LTO" => "off",
                "CARGO_PROFILE_BENCH_OPT_LEVEL" => "3",
                "CARGO_BUILD_INCREMENTAL" => "false",
                "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER" => "/bin/a b",
                "CARGO_BUILD_RUSTFLAGS" | "CARGO_ENV_A" | "CARGO_REGISTRY_TOKEN" => "-g",
                _ => return None,
            };
            Some(value.to_string())
        };
        let mut found = outranked(&file, &said);
        found.sort();
        assert_eq!(
            found,
            [
                "\"build\".\"incremental\"=false",
                "\"profile\".\"bench\".\"lto\"=\"off\"",
                "\"profile\".\"bench\".\"opt-level\"=3",
                "\"target\".\"x86_64-unknown-linux-gnu\".\"linker\"=\"/bin/a b\"",
            ]
        );
        assert!(outranked(&file, &|_| None).is_empty());
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
