//! `uptick` without a command: what this repository has, and what to do next.

use clap::CommandFactory as _;
use collector::check::baseline;
use collector::config::Config;
use collector::error::{EXIT_OK, EXIT_USAGE};
use collector::git::Repo;
use collector::measure::choose_counter;
use collector::model::Counter;
use collector::run::Home;
use collector::store::Store;
use collector::suite::{Discovery, Place, discover};

use crate::args::Args;
use crate::print;

/// What is found, each in a few words.
struct Overview {
    benchmarks: String,
    /// Benchmarks are there.
    any: bool,
    counter: String,
    baseline: String,
    stored: String,
    /// Something was measured before.
    measured: bool,
    /// Commits before HEAD, at most [`PAST`].
    past: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Ok(repo) = Repo::open(&args.dir) else {
        print::note("no git repository here: run uptick inside one, or name it with -C DIR\n");
        print::note(&Args::command().render_help().to_string());
        return Ok(EXIT_USAGE);
    };
    let config = Config::load(repo.root())?;
    let found = look(&repo, &config);
    print::out(&text(&repo, &found))?;
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
    let chosen = repo
        .resolve("HEAD")
        .and_then(|head| baseline::choose(repo, config, &head, None, &crate::context::event()));
    let baseline = match chosen {
        Ok(b) => format!("{}, {}", b.sha.short(), b.how),
        Err(e) => e.to_string(),
    };
    let measured = stored(repo);
    Overview {
        benchmarks,
        any,
        counter,
        baseline,
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
            let why = d
                .left_out
                .first()
                .map_or_else(String::new, |w| format!(": {w}"));
            (format!("none found{why}"), false)
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

fn text(repo: &Repo, f: &Overview) -> String {
    let name = |text: &str| collector::format::sentence(text, 200);
    let mut lines = vec![
        format!("repository  {}", name(&repo.root().display().to_string())),
        format!("benchmarks  {}", name(&f.benchmarks)),
        format!("counts      {}", name(&f.counter)),
        format!("baseline    {}", name(&f.baseline)),
        format!("store       {}", name(&f.stored)),
        String::new(),
    ];
    let run = format!("uptick run HEAD~{}..HEAD", f.past);
    let mut next = match (f.any, f.measured) {
        (false, _) => vec![
            (
                "uptick init",
                "write an uptick.toml: criterion benches or [[command]]",
            ),
            ("uptick help configuration", "what can stand in it"),
        ],
        (true, false) => vec![
            ("uptick check", "judge HEAD against its baseline"),
            (run.as_str(), "measure the past, newest first"),
        ],
        (true, true) => vec![
            ("uptick check", "judge HEAD against its baseline"),
            ("uptick changes", "what changed on the main line, and where"),
            ("uptick serve", "all of it in a browser"),
        ],
    };
    next.retain(|(command, _)| f.past > 0 || *command != run);
    lines.extend(next.iter().map(|(c, what)| format!("{c:<26}  {what}")));
    lines.push(format!("{:<26}  all commands", "uptick help"));
    lines.join("\n") + "\n"
}
