//! `uptick` without a command: what this repository has, and what to do next.

use std::path::Path;

use collector::check::baseline;
use collector::config::Config;
use collector::error::{EXIT_OK, EXIT_USAGE};
use collector::format::flag;
use collector::git::Repo;
use collector::measure::choose_counter;
use collector::model::Counter;
use collector::run::Home;
use collector::store::Store;
use collector::suite::{Discovery, Place, discover};

use crate::args::Args;
use crate::{context, print};

/// What is found, each in a few words.
struct Overview {
    benchmarks: String,
    /// Benchmarks are there.
    any: bool,
    counter: String,
    /// The baseline of HEAD, or why there is none.
    baseline: Result<String, String>,
    /// There is an `uptick.toml`.
    configured: bool,
    /// HEAD is a commit.
    committed: bool,
    /// The history was cut off, or the branch that a baseline is looked for on is not here.
    lacking: bool,
    stored: String,
    /// Something was measured before.
    measured: bool,
    /// Commits before HEAD, at most [`PAST`].
    past: usize,
}

/// What is said where there is no repository.
const ELSEWHERE: &str = "\
no git repository here: run uptick inside one, or name it with -C DIR

Usage: uptick [OPTIONS] [COMMAND]

uptick help                 all commands
uptick doctor               what this machine can count
uptick --store demo.db demo, then
uptick --store demo.db serve
                            an invented history to look around in";

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Ok(repo) = Repo::open(&args.dir) else {
        print::note(ELSEWHERE);
        return Ok(EXIT_USAGE);
    };
    let config = context::file(&repo)?;
    let found = look(&repo, &config);
    print::out(&text(&repo, &args.dir, &found))?;
    Ok(EXIT_OK)
}

fn look(repo: &Repo, config: &Config) -> Overview {
    let (benchmarks, any) = benchmarks(repo, config);
    let counter = match choose_counter(&config.suite.counter) {
        Ok(Counter::PerfEvent) => "instructions, by the hardware counter".into(),
        Ok(Counter::Callgrind) => "instructions, by callgrind".into(),
        Ok(_) => "time only, which is weak: `uptick doctor` says how to count instructions".into(),
        Err(e) => e.to_string(),
    };
    let event = crate::context::event();
    let chosen = repo
        .resolve("HEAD")
        .and_then(|head| baseline::choose(repo, config, &head, None, &event));
    let baseline = match chosen {
        Ok(b) => Ok(format!("{}, {}", b.sha.short(), b.how)),
        Err(e) => Err(e.to_string()),
    };
    let measured = stored(repo);
    Overview {
        benchmarks,
        any,
        counter,
        baseline,
        configured: repo.root().join(Config::FILE).exists()
            || repo.left_out(Config::FILE).is_some(),
        committed: repo.resolve("HEAD").is_ok(),
        lacking: repo.is_shallow() || baseline::lacking(repo, config, &event).is_some(),
        stored: match measured {
            0 => "nothing measured yet".into(),
            1 => "1 commit measured".into(),
            n => format!("{n} commits measured"),
        },
        measured: measured > 0,
        past: past(repo),
    }
}

fn benchmarks(repo: &Repo, config: &Config) -> (String, bool) {
    let root = repo.root().join(&config.suite.dir);
    let place = Place {
        target: root.join("target"),
        tree: repo.root().to_path_buf(),
    };
    let cargo = config.suite.criterion && root.join("Cargo.toml").is_file();
    let targets = if cargo {
        discover(config, &place)
    } else {
        Ok(Discovery::default())
    };
    let commands = config.commands.len();
    match targets {
        Err(e) => (format!("cargo does not say: {e}"), commands > 0),
        Ok(d) if d.targets.is_empty() && commands == 0 => {
            let looked = "no criterion bench of a Cargo.toml, no [[command]] of an uptick.toml";
            let why = d.left_out.first().map_or(looked, String::as_str);
            (format!("none found: {why}"), false)
        }
        Ok(d) => {
            let each = [
                (d.targets.len(), "criterion bench target"),
                (commands, "command"),
            ];
            let some = each.iter().filter(|(n, _)| *n > 0);
            let words: Vec<String> = some.map(|(n, what)| plural(*n, what)).collect();
            (words.join(", "), true)
        }
    }
}

fn plural(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// How far back a first look at the past goes.
const PAST: usize = 20;

fn past(repo: &Repo) -> usize {
    let head = repo.resolve("HEAD");
    let line = head.and_then(|h| repo.first_parents(&h, PAST + 1));
    line.map_or(0, |l| l.len().saturating_sub(1))
}

/// How many commits have reports; a store that cannot be read has none to show.
fn stored(repo: &Repo) -> usize {
    let path = Home::of(repo).store();
    let store = path.and_then(|p| Store::open_existing(&p));
    store.and_then(|s| s.measured()).map_or(0, |m| m.len())
}

/// Columns of a line.
const WIDTH: usize = 80;
/// Where what is found begins.
const INDENT: usize = 12;

fn text(repo: &Repo, dir: &Path, f: &Overview) -> String {
    let facts = [
        ("repository", repo.root().display().to_string()),
        ("benchmarks", f.benchmarks.clone()),
        ("counts", f.counter.clone()),
        ("baseline", f.baseline.clone().unwrap_or_else(|why| why)),
        ("store", f.stored.clone()),
    ];
    let mut lines: Vec<String> = facts.iter().map(|(what, is)| fact(what, is)).collect();
    lines.push(String::new());
    let run = format!("uptick run HEAD~{}..HEAD", f.past);
    let steps = next(f, &run);
    lines.extend(steps.iter().map(|(c, what)| step(&from(dir, c), what)));
    lines.push(step("uptick help", "all commands"));
    lines.join("\n") + "\n"
}

/// A command of this repository as it is typed where the user stands.
fn from(dir: &Path, command: &str) -> String {
    let here = dir == Path::new(".") || command.starts_with("uptick help");
    match command.strip_prefix("uptick ").filter(|_| !here) {
        Some(rest) => format!("uptick {} {rest}", flag("-C", &dir.to_string_lossy())),
        None => command.to_string(),
    }
}

fn step(command: &str, what: &str) -> String {
    format!("{command:<26}  {what}")
}

/// What is found, broken into lines between words.
fn fact(what: &str, is: &str) -> String {
    let mut out = format!("{what:<INDENT$}");
    let mut column = INDENT;
    let is = collector::format::sentence(is, 400);
    for word in is.split(' ') {
        let long = word.chars().count();
        if column > INDENT && column + 1 + long > WIDTH {
            out.push_str(&format!("\n{:INDENT$}", ""));
            column = INDENT;
        } else if column > INDENT {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += long;
    }
    out
}

/// What to do now: only what works.
fn next<'a>(f: &Overview, run: &'a str) -> Vec<(&'a str, &'static str)> {
    if !f.committed {
        return vec![("git commit", "commits are what is measured")];
    }
    if !f.any {
        let write = "write an uptick.toml that says what is measured";
        let what = "what can stand in uptick.toml, such as a [[command]]";
        let init = (!f.configured).then_some(("uptick init", write));
        return init
            .into_iter()
            .chain([("uptick help configuration", what)])
            .collect();
    }
    let mut steps = Vec::new();
    match (&f.baseline, f.lacking) {
        (Ok(_), _) => steps.push(("uptick check", "judge HEAD against its baseline")),
        (Err(_), true) => {
            let what = "fetch what the clone lacks, then judge HEAD";
            steps.push(("uptick check --deepen", what));
        }
        (Err(_), false) => steps.push(("uptick run", "measure HEAD: the next commit's baseline")),
    }
    if f.measured {
        steps.push(("uptick changes", "what changed on the main line, and where"));
        steps.push(("uptick serve", "all of it in a browser"));
    } else if f.past > 0 {
        steps.push((run, "measure the past, newest first"));
    }
    steps
}
