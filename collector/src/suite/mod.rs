//! From a commit's files to benchmarks that can be run.
//!
//! [`build`] takes a checked-out worktree and gives a [`Suite`]: the criterion
//! benchmarks of a Cargo repository, found without any configuration, and the commands
//! of `uptick.toml`. Executables are kept by their build key ([`key`]), so that a known
//! key is never built again.

mod place;

pub use place::{BenchExecutable, Executables, Place};
mod cache;
mod cargo;
mod command;
mod kept;
pub mod key;
mod locate;
mod machine;
mod overlay;
mod uncounted;
pub mod unread;
mod variables;

use crate::suite::place::run_environment;
use crate::suite::place::workspace;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::env::Scratch;
use crate::measure::stage::{Stage, Standing};
use crate::measure::{Job, Kind, Seen, symbols};
use crate::model::{Failure, Phase, Tags};

pub use cache::Cache;
pub use cargo::{BenchTarget, Discovery, discover, steering};
pub(crate) use kept::forget;
pub use key::BuildKey;
pub use locate::settle_workspace;
pub use overlay::Overlay;
pub use uncounted::Uncounted;
pub use variables::Variables;

/// A suite, ready to be measured.
#[derive(Debug, Default)]
pub struct Suite {
    /// Every benchmark, with the executable that profiles are symbolised with.
    pub jobs: Vec<(Job, Option<PathBuf>)>,
    /// The loaded size of each bench executable, with the benchmarks that it serves.
    pub sizes: Vec<(Vec<String>, u64)>,
    /// Commands that could not be built.
    pub failures: Vec<Failure>,
    /// For people: targets left out, names that stand twice.
    pub notes: Vec<String>,
    /// Bench targets that only a command can count.
    pub uncounted: Vec<Uncounted>,
    /// The worktree whose files debug information names; another worker's may have built it.
    pub built_in: PathBuf,
    /// How many benchmarks are there, and not wanted.
    pub unwanted: usize,
}

/// What building needs, beside the configuration.
#[derive(Debug)]
pub struct Build<'a> {
    /// Where the commit stands.
    pub place: &'a Place,
    /// Executables that a former build gave, if they can be run here.
    pub known: Option<Executables>,
    /// Where new ones are kept.
    pub cache: &'a Cache,
    /// Under which key.
    pub key: &'a BuildKey,
    /// What builds read of the environment: part of the key, and this one may read more.
    pub variables: &'a mut Variables,
    /// Where runs happen.
    pub scratch: &'a Scratch,
    /// What decides who sees which files while running.
    pub stage: &'a Arc<Stage>,
}

impl Build<'_> {
    fn kept_as(&self) -> String {
        self.key.kept_as(self.variables)
    }
}

/// Builds everything that the configuration asks for in a worktree that stands at the commit.
///
/// # Errors
/// [`Error::Build`] with the compiler's last words when cargo cannot build; others where the
/// machine cannot.
pub fn build(config: &Config, build: &mut Build<'_>) -> Result<Suite> {
    let place = build.place;
    let mut suite = Suite {
        built_in: place.tree.clone(),
        ..Suite::default()
    };
    if wants_criterion(config) && !workspace(config, &place.tree).is_dir() {
        let dir = &config.suite.dir;
        let note = format!("`dir` under [suite]: this commit has no directory `{dir}`");
        suite.notes.push(note);
    }
    if wants_criterion(config) && cargo::is_cargo(config, place) {
        cargo::refuse_links(config, place)?;
        let built = match build.known.take() {
            Some(known) => known,
            None => {
                let built = cargo::build(config, place, build.scratch);
                build.variables.learn(&place.target);
                build.cache.put(&build.kept_as(), &built?)?
            }
        };
        suite.notes.extend(built.left_out.iter().cloned());
        let uncounted = built.uncounted.iter().filter(|u| !u.has_command(config));
        suite.uncounted = uncounted.cloned().collect();
        suite
            .notes
            .extend(suite.uncounted.iter().map(Uncounted::why));
        suite.notes.extend(cargo::flags_left_out(config, place));
        suite.built_in.clone_from(&built.tree);
        add_criterion(&mut suite, config, build, built)?;
    }
    for command in &config.commands {
        if !config.wants(&command.name) {
            suite.unwanted += 1;
            continue;
        }
        match command::build(config, command, place, build.stage) {
            Ok(job) => suite.jobs.push((job, None)),
            Err(failure) => suite.failures.push(failure),
        }
    }
    leave_out_repeated(&mut suite);
    suite.notes.extend(left_none(&suite, config));
    tag(&mut suite, &config.suite.tags);
    Ok(suite)
}

/// Which keys of the file left no benchmark, where there are some. What was asked for by name may
/// well be missing in one commit of many.
fn left_none(suite: &Suite, config: &Config) -> Option<String> {
    let s = &config.suite;
    let is_empty = suite.jobs.is_empty() && suite.failures.is_empty() && s.only.is_empty();
    let all = Some(suite.unwanted).filter(|n| is_empty && *n > 0)?;
    let choices = [("`include`", &s.include), ("`exclude`", &s.exclude)];
    let chosen = choices.iter().filter(|(_, globs)| !globs.is_empty());
    let chosen: Vec<&str> = chosen.map(|(name, _)| *name).collect();
    Some(match all {
        1 => format!(
            "{} left out the only benchmark that there is",
            chosen.join(" and ")
        ),
        n => format!("{} left out all {n} benchmarks", chosen.join(" and ")),
    })
}

/// Gives a worktree without a lock file of its own the one that all such commits share, so that
/// dependencies do not float from commit to commit. `seed` is where it is kept.
///
/// # Errors
/// [`Error::Checkout`] when cargo cannot make one: the network may be why; [`Error::Io`] when files
/// cannot be copied.
pub fn seed_lock(config: &Config, place: &Place, seed: &Path) -> Result<()> {
    let lock = workspace(config, &place.tree).join("Cargo.lock");
    if lock.is_file() || !cargo::is_cargo(config, place) || !wants_criterion(config) {
        return Ok(());
    }
    cargo::refuse_links(config, place)?;
    if !seed.is_file() {
        cargo::generate_lock(config, place).map_err(Error::of_checkout)?;
        if lock.is_file() {
            std::fs::copy(&lock, seed).map_err(Error::io(seed))?;
        }
        return Ok(());
    }
    std::fs::copy(seed, &lock).map_err(Error::io(&lock))?;
    Ok(())
}

/// Whether criterion's benchmarks must be built: not where only commands are asked for by their
/// names, whose old commits may well build when the benchmarks of that time do not.
fn wants_criterion(config: &Config) -> bool {
    let is_command = |name: &String| {
        let named = |c: &crate::config::Command| {
            c.name == *name || config.suite.tags.name(&c.name) == *name
        };
        config.commands.iter().any(named)
    };
    let only = &config.suite.only;
    config.suite.criterion && (only.is_empty() || !only.iter().all(is_command))
}

fn add_criterion(
    suite: &mut Suite,
    config: &Config,
    build: &Build<'_>,
    mut built: Executables,
) -> Result<()> {
    list_again_where_needed(config, build, &mut built)?;
    let names = told_apart(&built.executables);
    suite.notes.extend(of_one_name(&built.executables));
    for (exe, names) in built.executables.iter().zip(names) {
        if let Some(why) = &exe.unlisted {
            let failure = Failure::new(Some(exe.title()), Phase::List, why.clone());
            suite.failures.push(failure);
        } else if exe.benchmarks.is_empty() {
            suite.notes.push(lists_none(exe));
        }
        let named = exe.benchmarks.iter().zip(names);
        let asked =
            |own: &str, name: &str| config.wants(name) || (own != name && config.wants(own));
        let wanted: Vec<(&String, String)> = named.filter(|(own, n)| asked(own, n)).collect();
        suite.unwanted += exe.benchmarks.len() - wanted.len();
        if !wanted.is_empty() {
            add_executable(suite, config, build, &built, exe, &wanted)?;
        }
    }
    forgive_unwanted(suite, config);
    Ok(())
}

/// How many targets have a benchmark of each name.
fn targets_of(executables: &[BenchExecutable]) -> BTreeMap<&String, usize> {
    let mut targets = BTreeMap::new();
    for exe in executables {
        let own: BTreeSet<&String> = exe.benchmarks.iter().collect();
        for benchmark in own {
            *targets.entry(benchmark).or_insert(0) += 1;
        }
    }
    targets
}

/// The names of each executable's benchmarks. Where two targets have one of the same name, each says
/// beside it which target it is of: a commit that adds a target must not give the name of an older
/// one's benchmark to another.
fn told_apart(executables: &[BenchExecutable]) -> Vec<Vec<String>> {
    let targets = targets_of(executables);
    let name = |exe: &BenchExecutable, benchmark: &String| match targets[benchmark] {
        1 => benchmark.clone(),
        _ => format!("{benchmark} ({})", exe.title()),
    };
    let names = executables.iter().map(|exe| {
        let all = exe.benchmarks.iter().map(|b| name(exe, b));
        all.collect()
    });
    names.collect()
}

/// What to say of benchmarks that share their name.
fn of_one_name(executables: &[BenchExecutable]) -> Option<String> {
    let targets = targets_of(executables);
    let mut shared = targets.into_iter().filter(|(_, n)| *n > 1);
    let (first, n) = shared.next()?;
    let more = match shared.count() {
        0 => String::new(),
        n => format!(" (and {n} more like it)"),
    };
    Some(format!(
        "{n} targets have a benchmark called `{}`{more}: each has its target beside its name here; a \
         name of its own keeps its history",
        crate::format::name(first, 60)
    ))
}

/// Where single benchmarks are asked for and found, it does not matter that another target
/// cannot even list its own.
fn forgive_unwanted(suite: &mut Suite, config: &Config) {
    if config.suite.only.is_empty() || suite.jobs.is_empty() {
        return;
    }
    for failure in std::mem::take(&mut suite.failures) {
        let who = failure.benchmark.unwrap_or_default();
        let why = crate::format::telling(&failure.message, 200);
        suite
            .notes
            .push(format!("{who} lists no benchmarks: {why}"));
    }
}

fn lists_none(exe: &BenchExecutable) -> String {
    format!(
        "{} lists no benchmarks: it sees the variables that `env` under [suite] in {} declares, \
         and no others",
        exe.title(),
        Config::FILE
    )
}

/// Whether an executable that was asked before may answer otherwise now.
fn may_list_others(config: &Config, exe: &BenchExecutable) -> bool {
    exe.unlisted.is_some() || exe.listed_with.as_ref() != Some(&config.suite.env)
}

/// Asks those that may answer otherwise now. The answers are kept, or every run would ask.
fn list_again_where_needed(
    config: &Config,
    build: &Build<'_>,
    built: &mut Executables,
) -> Result<()> {
    let before = built.executables.clone();
    for i in 0..built.executables.len() {
        if may_list_others(config, &built.executables[i]) {
            list_again(config, build, built, i)?;
        }
    }
    if built.executables != before {
        build.cache.keep_lists(&build.kept_as(), built);
    }
    Ok(())
}

/// What an executable lacked when it was built may be there now, or declared.
fn list_again(config: &Config, build: &Build<'_>, built: &mut Executables, i: usize) -> Result<()> {
    let exe = built.executables[i].clone();
    let standing = Standing::new(build.stage, built.view(&exe, build.place));
    let _turn = standing.enter().map_err(Error::io(&build.place.tree))?;
    let seen = built.seen_at(&exe, build.place);
    cargo::list(config, &seen, build.scratch, &mut built.executables[i]);
    Ok(())
}

fn add_executable(
    suite: &mut Suite,
    config: &Config,
    build: &Build<'_>,
    built: &Executables,
    exe: &BenchExecutable,
    wanted: &[(&String, String)],
) -> Result<()> {
    let facts = symbols::read(&exe.file)?;
    let program = build.scratch.install(&exe.file, &beside_it(built))?;
    suite.sizes.push((
        wanted.iter().map(|(_, name)| name.clone()).collect(),
        facts.loaded_size,
    ));
    let boundaries = Arc::new(boundaries(&facts));
    let seen = built.seen_at(exe, build.place);
    for (benchmark, name) in wanted {
        let job = Job {
            name: name.clone(),
            program: program.clone(),
            kind: Kind::Criterion {
                id: (*benchmark).clone(),
                filter: exe.filters.get(*benchmark).cloned(),
                boundaries: boundaries.clone(),
                exact: facts.exact,
                is_static: facts.is_static,
            },
            dir: seen.tree.join(&exe.package_dir),
            stdin: None,
            env: run_environment(config, &seen, exe),
            timeout: Duration::from_secs_f64(config.suite.timeout.0),
            seen: Seen::without(built.runner.clone()),
            standing: Standing::new(build.stage, built.view(exe, build.place)),
        };
        suite.jobs.push((job, Some(exe.file.clone())));
    }
    Ok(())
}

/// The methods that bound a benchmark's calls: none where nothing can be preloaded. Its clock is then
/// the machine's, by which criterion would iterate for as long as it is told to: it runs once instead.
fn boundaries(facts: &symbols::Executable) -> Vec<symbols::Boundary> {
    match facts.is_static {
        true => Vec::new(),
        false => facts.boundaries.clone(),
    }
}

/// The package's own programs, one directory up from `current_exe`, and its shared libraries, there
/// or next to it.
fn beside_it(built: &Executables) -> Vec<PathBuf> {
    let Some(kept) = &built.kept else {
        return Vec::new();
    };
    // `release/libx.so`, `x86_64-unknown-linux-gnu/release/libx.so`, and the same in `deps`.
    let depth = |p: &PathBuf| {
        let in_deps = p.parent().is_some_and(|dir| dir.ends_with("deps"));
        p.components().count() - usize::from(in_deps)
    };
    let is_program = |p: &&PathBuf| depth(p) <= 3 && kept.join(p).is_file();
    let found = built.beside.iter().filter(is_program);
    found.map(|p| kept.join(p)).collect()
}

/// Gives every benchmark the name of the variant that is measured.
fn tag(suite: &mut Suite, tags: &Tags) {
    for (job, _) in &mut suite.jobs {
        job.name = tags.name(&job.name);
    }
    for name in suite.sizes.iter_mut().flat_map(|(names, _)| names) {
        *name = tags.name(name);
    }
    for name in suite
        .failures
        .iter_mut()
        .filter_map(|f| f.benchmark.as_mut())
    {
        *name = tags.name(name);
    }
}

/// A command may be named as a benchmark of a target is: nothing tells them apart, so that the
/// later one is left out, with a word.
fn leave_out_repeated(suite: &mut Suite) {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for (job, symbols) in std::mem::take(&mut suite.jobs) {
        if seen.insert(job.name.clone()) {
            kept.push((job, symbols));
        } else {
            suite.notes.push(format!(
                "two benchmarks are named `{}`: only the first is measured; another name in \
                 {} has both measured",
                job.name,
                Config::FILE
            ));
        }
    }
    suite.jobs = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarks_of_one_name_are_told_apart_by_their_target() {
        let target = |target: &str, benchmarks: &[&str]| BenchExecutable {
            package: "p".into(),
            target: target.into(),
            benchmarks: benchmarks.iter().map(|b| (*b).to_string()).collect(),
            ..BenchExecutable::default()
        };
        let names = told_apart(&[target("a", &["parse", "lex"]), target("b", &["parse"])]);
        let want = [
            vec!["parse (bench a of p)", "lex"],
            vec!["parse (bench b of p)"],
        ];
        assert_eq!(names, want);
        // Twice in one target is the target's own matter.
        let one = [target("a", &["parse", "parse"])];
        assert_eq!(told_apart(&one), [vec!["parse", "parse"]]);
        assert_eq!(of_one_name(&one), None);
    }

    #[test]
    fn a_static_benchmark_is_never_run_by_the_machine_s_clock() {
        let mut facts = symbols::Executable {
            boundaries: vec![symbols::Boundary {
                symbol: "iter".into(),
                method: crate::measure::region::Method::Iter,
                harness: crate::measure::region::Harness::Criterion,
            }],
            ..symbols::Executable::default()
        };
        assert_eq!(boundaries(&facts).len(), 1);
        facts.is_static = true;
        assert!(boundaries(&facts).is_empty());
    }

    #[test]
    fn a_choice_that_leaves_nothing_is_named() {
        let mut config = Config::default();
        config.suite.exclude = vec!["*".into()];
        let mut suite = Suite {
            unwanted: 3,
            ..Suite::default()
        };
        let said = left_none(&suite, &config);
        assert_eq!(said.as_deref(), Some("`exclude` left out all 3 benchmarks"));
        config.suite.include = vec!["x".into()];
        suite.unwanted = 1;
        let said = left_none(&suite, &config).unwrap_or_default();
        assert!(
            said.starts_with("`include` and `exclude` left out"),
            "{said}"
        );
        suite.unwanted = 0;
        assert_eq!(left_none(&suite, &config), None);
    }

    #[test]
    fn a_command_asked_for_by_name_needs_no_criterion() {
        let mut config = Config::default();
        assert!(wants_criterion(&config));
        config.commands = vec![crate::config::Command {
            name: "work".into(),
            build: None,
            run: "./work".into(),
            stdin: None,
            dir: ".".into(),
            clock: crate::config::ClockMode::Real,
        }];
        assert!(wants_criterion(&config));
        config.suite.only = vec!["work".into()];
        assert!(!wants_criterion(&config));
        config.suite.only.push("parse/*".into());
        assert!(wants_criterion(&config));
    }
}
