//! `uptick init`: a commented `uptick.toml` from what the repository has.

use collector::config::Config;
use collector::error::{EXIT_OK, Error};
use collector::git::Repo;
use collector::suite::{Discovery, Place, Uncounted, discover};
use serde_json::json;

use crate::args::{Args, Init};
use crate::{context, print};

pub(crate) fn run(args: &Args, a: &Init) -> anyhow::Result<u8> {
    let repo = Repo::open(&args.dir)?;
    let path = repo.root().join(Config::FILE);
    if path.exists() && !a.force {
        return Err(Error::Usage(format!(
            "{} is there already; --force writes over it",
            path.display()
        ))
        .into());
    }
    let mut config = Config::default();
    context::find_workspace(&repo, &mut config, &args.dir);
    let mut found = look(&repo, &config)?;
    if found.targets.is_empty() && !found.not_default.is_empty() {
        // Whoever wants a benchmark here wants these.
        config.suite.packages = std::mem::take(&mut found.not_default);
        found = look(&repo, &config)?;
    }
    let text = template(&found, &config);
    collector::files::write(&path, &text)?;
    if a.json {
        let targets: Vec<_> = found
            .targets
            .iter()
            .map(|t| json!({ "package": t.package, "bench": t.name }))
            .collect();
        return print::json(&json!({
            "schema": "uptick.init/1", "file": path, "benches": targets, "left_out": left_out(&found),
        }))
        .map(|()| EXIT_OK);
    }
    let (targets, next) = match found.targets.len() {
        0 => (
            "no criterion bench target was".to_string(),
            "add a [[command]] benchmark to it, then `uptick run`",
        ),
        1 => ("1 criterion bench target".to_string(), "uptick run"),
        n => (format!("{n} criterion bench targets"), "uptick run"),
    };
    let path = path.display();
    print::out(&format!("{path} written; {targets} found. Next: {next}\n"))?;
    for why in left_out(&found) {
        print::note(&format!("note: {why}"));
    }
    Ok(EXIT_OK)
}

/// Why other bench targets are none, as far as can be known before they are built.
fn left_out(found: &Discovery) -> Vec<String> {
    let uncounted = found.uncounted.iter().map(Uncounted::why);
    found.left_out.iter().cloned().chain(uncounted).collect()
}

/// The bench targets of the checkout as it stands.
fn look(repo: &Repo, config: &Config) -> anyhow::Result<Discovery> {
    if !repo
        .root()
        .join(&config.suite.dir)
        .join("Cargo.toml")
        .is_file()
    {
        return Ok(Discovery::default());
    }
    let tree = repo.root().to_path_buf();
    let target = tree.join("target");
    Ok(discover(config, &Place { tree, target })?)
}

fn template(found: &Discovery, config: &Config) -> String {
    let mut benches = String::new();
    for t in &found.targets {
        benches.push_str(&format!("#   {}: {}\n", t.package, t.name));
    }
    if benches.is_empty() {
        benches.push_str("#   (none: add [[command]] benchmarks below)\n");
    }
    for why in left_out(found) {
        benches.push_str(&format!("#   {why}\n"));
    }
    let needs = &found.needs;
    let features = if needs.is_empty() {
        "# features = []".to_string()
    } else {
        format!("features = {needs:?}")
    };
    let features = features.replace('{', "[").replace('}', "]");
    let dir = match config.suite.dir.as_str() {
        "." => "# dir = \".\"                 ".to_string(),
        found => format!("dir = {found:?}  "),
    };
    let packages = match config.suite.packages.as_slice() {
        [] => "# packages = []             ".to_string(),
        named => format!("packages = {named:?}"),
    };
    TEMPLATE
        .replace("@PACKAGES@", &packages)
        .replace("@DIR@", &dir)
        .replace("@BENCHES@", &benches)
        .replace("@FEATURES@", &features)
}

const TEMPLATE: &str = r#"# uptick counts what a program costs, on every commit.
# Every line here is a default: delete what you do not change.

[suite]
# The criterion benchmarks of the Cargo workspace are found by themselves:
@BENCHES@# criterion = true
@DIR@ # the workspace, relative to the repository
@PACKAGES@ # only these packages
# benches = []               # only these bench targets (globs)
@FEATURES@
# all-features = false
# no-default-features = false
# rustflags = []             # after those of RUSTFLAGS; both replace those of .cargo/config.toml
# profile = "bench"
# include = []               # only these benchmarks, by name (globs)
# exclude = []               # not these
# metrics = []               # judged; empty: instructions. Also: wall_time, cpu_time,
#                            # peak_rss, page_faults, binary_size
# counter = "auto"           # perf_event, callgrind, clock
# strings = "portable"       # "native" lets libc choose string functions for the CPU
# timeout = "300s"           # for one run of one benchmark
# env = {}                   # all that benchmarks see beside PATH, HOME, TMPDIR and LC_ALL
# jobs = 0                   # benchmarks counted at the same time; 0: one a core
# cache-mib = 2048

[limits]
# How far a metric may move before it counts.
# instructions = "0.5%"
# wall_time = "5%"
# release-budget = "2%"      # in all since the last tag, where that is stored; "0%": no budget

# [[limit]]                  # for single benchmarks; the last that matches wins
# benchmark = "io/*"
# metric = "instructions"
# limit = "2%"
# reason = "reads the disk"

# [[metric]]                 # one that another tool reports; named here, it can have limits
# name = "throughput"
# floor = 10.0               # a change of less than so many of its units never counts

# [[command]]                # benchmarks in any language
# name = "cli/parse"
# build = "make"             # run by a shell, once a commit
# run = "./parse --quiet"    # split into words, run without a shell
# stdin = "bench/input.json" # a file of the repository
# dir = "."
# clock = "real"             # "fixed": a clock that ticks the same in every run

[baseline]
# branch = "main"            # when the remote's HEAD does not say

[repository]
# source = "https://github.com/team/project/blob/{commit}/{file}#L{line}" # functions link there
"#;
