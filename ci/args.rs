//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use collector::model::{Fault, Phase};
use serde_json::{Value, json};

/// Counts what a program costs, on every commit, and says which commit made it slower, in
/// which function, and how sure it is.
#[derive(Debug, Parser)]
#[command(version = env!("UPTICK_VERSION"), max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 judged, no regression · 1 a regression · 2 wrong command line \
or uptick.toml · 3 no verdict · 4 building or running failed · 5 the store or a server failed\n\
More: uptick help exit-codes | configuration | metrics | noise | ci | alerts | server"
)]
pub(crate) struct Args {
    /// The repository [default: the current directory's]
    #[arg(
        short = 'C',
        value_name = "DIR",
        global = true,
        default_value = ".",
        hide_default_value = true
    )]
    pub(crate) dir: PathBuf,
    /// The store [default: .uptick/uptick.db in the repository]
    #[arg(
        long,
        value_name = "PATH",
        global = true,
        env = "UPTICK_STORE",
        hide_env = true
    )]
    pub(crate) store: Option<PathBuf>,
    /// A server's directory: several projects, their queue and tokens
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "UPTICK_DATA",
        hide_env = true,
        conflicts_with = "store"
    )]
    pub(crate) data: Option<PathBuf>,
    /// Without one: what this repository has, and what to do next.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented uptick.toml from what the repository has
    Init(Init),
    /// What this machine can count, what makes it noisy, the command that mends it
    Doctor(Doctor),
    /// List the benchmarks of a commit
    List(List),
    /// Measure commits and store the reports; a range is a backfill, newest first
    Run(Run),
    /// The CI step: measure head (and base, if it is not stored), judge, explain, exit
    Check(Check),
    /// Say on the pull request what `check --json` wrote: for a second workflow that may write
    Comment(Comment),
    /// The same judgement of two commits without failing: "prove my optimisation"
    Compare(Compare),
    /// From "it got slower" to the commit, the function and the revert
    Bisect(Bisect),
    /// One word about HEAD for `git bisect run`: 0 good, 1 bad, 125 skip, 128 and more stop
    BisectStep(BisectStep),
    /// History in the terminal
    Log(Log),
    /// The steps of every series of the main line, or in a CSV
    Changes(Changes),
    /// What would have been said at each commit: try a limit on real history first
    Replay(Replay),
    /// The flame graph of a benchmark, or the difference of two commits
    Flamegraph(Flamegraph),
    /// The dashboard and the API
    Serve(Serve),
    /// Tokens for the dashboard and the API
    Token(Token),
    /// Channels that hear of regressions while `uptick serve` runs
    Channel(Channel),
    /// The projects of a server
    Project(Project),
    /// Measure what a server asks for: a collector
    Collect(Collect),
    /// What a collector runs for each job
    #[command(hide = true)]
    CollectJob(CollectJob),
    /// Fill an empty store with an invented history, to look around in
    Demo(Demo),
    /// Write every report as JSON lines
    Export(Export),
    /// Read what `export` wrote; the same file twice changes nothing
    Import(Import),
    /// Let a report count no longer, or again; without one: list those that do not
    Exclude(Exclude),
    /// Copy the whole store into one new file, while others write
    Backup(Backup),
    /// Make the store from a backup, which is checked whole first; nothing is written over
    Restore(Backup),
    /// Derive everything from the reports again
    Rebuild(Plain),
    /// Read every report and profile and check its hash
    Verify(Plain),
    /// Completions for a shell, on standard output
    Completions(Completions),
    /// The manual: its page on standard output, or one page a command into a folder
    Man(Man),
    /// Explain a topic or a command
    Help(Help),
}

/// How to measure.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Measuring {
    /// auto, perf_event, callgrind or clock [default: uptick.toml, else auto]
    #[arg(long, value_name = "COUNTER")]
    pub(crate) counter: Option<String>,
    /// Only benchmarks whose name matches (a glob; may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Metrics to measure and judge instead of instructions (may be repeated)
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Vec<String>,
    /// Tell this variant of the benchmarks apart, such as gc=on (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// Write over an uptick.toml that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Write uptick.1, uptick-run.1, … here
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Help {
    /// exit-codes, configuration, metrics, noise, ci, alerts, server, or a command
    pub(crate) topic: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Plain {
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// The commit
    #[arg(default_value = "HEAD")]
    pub(crate) rev: String,
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// A commit, or a range A..B
    #[arg(default_value = "HEAD", value_name = "REV | A..B")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    /// Measure again what is stored
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Try commits again that failed before
    #[arg(long)]
    pub(crate) retry: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to judge, and where to say it.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Judging {
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    /// How far a metric may move, such as 0.5% [default: uptick.toml, else by metric]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) limit: Option<String>,
    /// Measure both sides again, whatever is stored
    #[arg(long)]
    pub(crate) fresh: bool,
    /// No verdict (exit code 3) where something could not be measured as it should
    #[arg(long)]
    pub(crate) strict: bool,
    /// Draw a flame graph even when nothing moved (of the costliest benchmark)
    #[arg(long)]
    pub(crate) flamegraph: bool,
    /// Write the judgement as Markdown too
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// What to judge against [default: where a pull request leaves its target, else the merge-base
    /// with the default branch; on it, the tip before the push, of which each commit is judged]
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,
    /// The commit to judge
    #[arg(default_value = "HEAD")]
    pub(crate) head: String,
    #[command(flatten)]
    pub(crate) judging: Judging,
    /// Say it in one comment of the pull request. WHEN nothing asks for attention: `shorten` a
    /// comment that stands (unless said otherwise), `post` one all the same, or `remove` it
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "shorten")]
    pub(crate) comment: Option<WhenWell>,
    #[command(flatten)]
    pub(crate) speaker: Speaker,
    /// Write the document of --json to a file too, whatever the check comes to
    #[arg(long, value_name = "FILE")]
    pub(crate) judgement: Option<PathBuf>,
    /// Write the judgement as JUnit XML too
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write it as GitLab's Code Quality report too
    #[arg(long, value_name = "FILE")]
    pub(crate) code_quality: Option<PathBuf>,
    /// Write it as SARIF 2.1.0 too
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Write the values as OpenMetrics too
    #[arg(long, value_name = "FILE")]
    pub(crate) openmetrics: Option<PathBuf>,
}

/// Who speaks on a forge.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Speaker {
    /// Set the commit's status too, under a context of its own
    #[arg(long)]
    pub(crate) status: bool,
    /// Which project of the repository this is, where there are several; each has its comment
    #[arg(long, value_name = "NAME", env = "UPTICK_PROJECT", hide_env = true)]
    pub(crate) project: Option<String>,
    /// Which leg of a matrix this is; each has its section in the comment
    #[arg(long, value_name = "NAME", env = "UPTICK_LEG", hide_env = true)]
    pub(crate) leg: Option<String>,
}

/// What happens to the comment where nothing asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WhenWell {
    /// One that stands is made short, none is posted
    #[default]
    Shorten,
    /// One is posted all the same
    Post,
    /// One that stands is removed
    Remove,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Comment {
    /// What `check --json` wrote; several are legs of one matrix, named by their files
    #[arg(required = true, value_name = "JUDGEMENT")]
    pub(crate) files: Vec<PathBuf>,
    /// What to do where nothing asks for attention
    #[arg(long, value_name = "WHEN", default_value = "shorten")]
    pub(crate) when_well: WhenWell,
    #[command(flatten)]
    pub(crate) speaker: Speaker,
    /// Show the comment and post nothing; needs no forge
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Compare {
    /// The commit before
    pub(crate) base: String,
    /// The commit after
    #[arg(default_value = "HEAD")]
    pub(crate) head: String,
    #[command(flatten)]
    pub(crate) judging: Judging,
}

/// What a bisection counts, and when it has moved.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Subject {
    /// The benchmark's name
    #[arg(long, value_name = "NAME")]
    pub(crate) bench: Option<String>,
    /// The metric [default: what the counter counts]
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,
    /// A shell command that builds a commit; `{tree}` and $UPTICK_TREE are its sources
    #[arg(long, value_name = "CMD", requires = "run")]
    pub(crate) build: Option<String>,
    /// A program to count instead of a benchmark of the suite; `{tree}` as above
    #[arg(long, value_name = "CMD")]
    pub(crate) run: Option<String>,
    /// auto, perf_event, callgrind or clock [default: uptick.toml, else auto]
    #[arg(long, value_name = "COUNTER")]
    pub(crate) counter: Option<String>,
    /// Lay this file or folder of today (or REV:PATH) over every commit (may be repeated)
    #[arg(long, alias = "carry", value_name = "PATH")]
    pub(crate) overlay: Vec<String>,
    /// Look for the commit that made it cost less
    #[arg(long)]
    pub(crate) fixed: bool,
    /// The smallest change of interest [default: 0.2%]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) limit: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 found, or one of the commits named · 1 not reproduced: the ends do \
not differ so · 2 wrong command line or uptick.toml · 3 no verdict: nothing can be blamed, or what \
was blamed does not differ from its parent when both are measured again · 4 building or running \
failed · 5 the store failed"
)]
pub(crate) struct Bisect {
    #[command(subcommand)]
    pub(crate) command: Option<BisectCommand>,
    /// A commit from before
    pub(crate) good: Option<String>,
    /// A commit that is costlier (with --fixed: one that costs less)
    pub(crate) bad: Option<String>,
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Search every commit, side branches too, instead of first parents
    #[arg(long)]
    pub(crate) all: bool,
    /// Try commits again that failed before
    #[arg(long)]
    pub(crate) retry: bool,
    /// Measure every commit anew, whatever is stored
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Stop as soon as one commit explains the change; look for no further steps
    #[arg(long)]
    pub(crate) quick: bool,
    /// Go on with the search that was begun last
    #[arg(long, conflicts_with_all = ["good", "bad", "bench", "metric", "build", "run", "counter", "overlay", "all", "fixed", "limit", "retry", "fresh"])]
    pub(crate) resume: bool,
    /// Commits built and measured at the same time, each in a worktree of its own
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    pub(crate) jobs: NonZeroUsize,
    /// Write the answer as Markdown too
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BisectCommand {
    /// What the newest search measured, told to the search again
    Log(BisectLog),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BisectLog {
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BisectStep {
    /// The commit to judge
    #[arg(default_value = "HEAD")]
    pub(crate) rev: String,
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// The good end [default: what `git bisect` was told first]
    #[arg(long, value_name = "REV")]
    pub(crate) good: Option<String>,
    /// The bad end [default: what `git bisect` was told first]
    #[arg(long, value_name = "REV")]
    pub(crate) bad: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Log {
    /// A benchmark (glob); without one the series are listed
    pub(crate) bench: Option<String>,
    /// The metric
    #[arg(long, default_value = "instructions")]
    pub(crate) metric: String,
    /// How many commits
    #[arg(short = 'n', long, default_value_t = 40)]
    pub(crate) number: usize,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which series of the store.
#[derive(Debug, ClapArgs)]
pub(crate) struct Selection {
    /// Only benchmarks whose name matches (a glob; may be repeated)
    #[arg(long, value_name = "GLOB", conflicts_with = "csv")]
    pub(crate) bench: Vec<String>,
    /// Metrics, or `all` [default: instructions and wall_time] (may be repeated)
    #[arg(long, value_name = "METRIC", conflicts_with = "csv")]
    pub(crate) metric: Vec<String>,
    /// The commit whose first-parent line counts [default: the default branch, else HEAD]
    #[arg(long, value_name = "REV", conflicts_with = "csv")]
    pub(crate) line: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Changes {
    /// Instead of the store: rows `series,index,value` with that header; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Leave out changes below this, such as 0.5% [default: that of alerts, 0.5% of counts and 2% of others; in a CSV none]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) floor: Option<String>,
    /// Show changes too that are settled or went back by themselves
    #[arg(long, conflicts_with = "csv")]
    pub(crate) all: bool,
    #[command(subcommand)]
    pub(crate) settle: Option<Settle>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// What people decide about a change.
#[derive(Debug, Subcommand)]
pub(crate) enum Settle {
    /// Wanted: the new level is the baseline from here on
    Accept(Decision),
    /// Nothing had changed; counts into the series' false alarms
    Noise(Decision),
    /// A later commit mended it
    Fixed(Decision),
    /// The machine had changed, not the code
    Infra(Decision),
    /// The measurement was wrong
    Invalid(Decision),
    /// Somebody works on it
    Ack(Decision),
    /// Take the last decision back
    Undo(Decision),
}

impl Settle {
    /// The change that it is about.
    pub(crate) const fn decision(&self) -> &Decision {
        match self {
            Self::Accept(d)
            | Self::Noise(d)
            | Self::Fixed(d)
            | Self::Infra(d)
            | Self::Invalid(d)
            | Self::Ack(d)
            | Self::Undo(d) => d,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Decision {
    /// The change, as `uptick changes` names it; the beginning is enough
    pub(crate) id: String,
    /// Why
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) note: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    /// Instead of the store: rows `series,index,value` with that header; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The gate's limit to try, such as 0.5% [default: uptick.toml, else by metric]
    #[arg(long, value_name = "PERCENT", conflicts_with = "csv")]
    pub(crate) limit: Option<String>,
    /// Leave out changes below this, such as 0.5% [default: that of alerts, 0.5% of counts and 2% of others; in a CSV none]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) floor: Option<String>,
    /// Estimate the false alarms too, by shuffling each series between its changes (of a store's
    /// series it is always done, on up to 40 of them)
    #[arg(long)]
    pub(crate) estimate: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Flamegraph {
    /// The benchmark's name
    pub(crate) bench: String,
    /// The commit
    #[arg(default_value = "HEAD")]
    pub(crate) rev: String,
    /// Show the difference from this commit
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,
    /// Where to write the SVG [default: under .uptick/flamegraphs]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Where to listen; beyond loopback writing needs a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: String,
    /// Let anybody read who reaches the address
    #[arg(long)]
    pub(crate) public: bool,
    /// Take no reports and no decisions
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Ask for a token even from this machine: for proxies that add no header of their own
    #[arg(long)]
    pub(crate) always_ask: bool,
    /// Mebibytes of the disk that are kept free: below that no report is taken (status 507)
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) keep_free: u64,
    /// Series that reports may begin in a day; more are refused (status 429)
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(crate) new_series: u64,
    /// The address that people reach the pages by: links in messages begin with it
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The name on the pages [default: the repository's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How much to say on standard error; `info` has a line for each request
    #[arg(long, value_name = "LEVEL", env = "UPTICK_LOG", default_value = "warn")]
    pub(crate) log: LogLevel,
    /// Measure on this machine too, with a collector of its own: for a start
    #[arg(long, requires = "data")]
    pub(crate) collect: bool,
    /// How long a collector's lease holds without a heartbeat
    #[arg(long, value_name = "SECONDS", default_value_t = 60, hide = true,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) lease: u64,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// From which level on events are logged.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may need somebody's attention, too.
    Warn,
    /// Each request, too.
    Info,
    /// Everything.
    Debug,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Project {
    #[command(subcommand)]
    pub(crate) command: ProjectCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// Add a repository; it is measured from its newest commit on
    Add {
        /// What it is called on the server
        name: String,
        /// Where it is fetched from: https://, ssh://, user@host:path, file:/// or an absolute path
        #[arg(long)]
        url: String,
        #[command(flatten)]
        set: ProjectSet,
    },
    /// Change one
    Set {
        /// What it is called on the server
        name: String,
        /// Where it is fetched from
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        set: ProjectSet,
        /// Make a secret for its push webhook and show it, once
        #[arg(long, conflicts_with = "secret_file")]
        new_secret: bool,
        /// Take the secret of its push webhook from a file; an empty one: take no pushes
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// List them
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}

/// What a project is.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ProjectSet {
    /// Its main branch [default: what the repository says]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Seconds between looks at it [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) poll: Option<u64>,
    /// Which collectors measure each commit (may be repeated) [default: default]
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Collect {
    /// The server's address
    #[arg(long, value_name = "URL", env = "UPTICK_SERVER", hide_env = true)]
    pub(crate) server: String,
    /// What this collector is called [default: the machine's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Take jobs of this label (may be repeated) [default: default]
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Where clones, builds and reports lie [default: ~/.local/state/uptick/collector]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Read the token from a file [default: UPTICK_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Do one job, or none where none waits, and end
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CollectJob {
    /// The collector's directory
    pub(crate) dir: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and show it, once
    Create {
        /// What it is for
        name: String,
        /// read, write, collect or admin
        #[arg(long, default_value = "write")]
        scope: String,
        /// With --scope collect: take jobs of this label only (may be repeated) [default: of any]
        #[arg(long, value_name = "LABEL")]
        label: Vec<String>,
        /// After how many days it ends [default: never]
        #[arg(long)]
        days: Option<u32>,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// List them; never the tokens themselves
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// End one
    Revoke {
        /// Its number, as listed
        id: i64,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Channel {
    #[command(subcommand)]
    pub(crate) command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// Add one; what is measured by now is history to it
    Add(Box<ChannelAdd>),
    /// List them, without their secrets
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// End one
    Remove(ChannelName),
    /// Send one a test message, and say what the other side answers (exit code 5: not delivered)
    Test(ChannelName),
    /// Give a webhook another secret; messages are signed with the one before too
    Rotate(ChannelName),
}

impl ChannelCommand {
    fn json(&self) -> bool {
        match self {
            Self::Add(a) => a.json,
            Self::List { json } => *json,
            Self::Remove(a) | Self::Test(a) | Self::Rotate(a) => a.json,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ChannelName {
    /// Its name
    pub(crate) name: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Addresses and secrets are read from a file or a variable: what stands in a command line is seen
/// by everybody on the machine.
#[derive(Debug, ClapArgs)]
pub(crate) struct ChannelAdd {
    /// What to call it: letters, digits, `-`, `_` and `.`
    pub(crate) name: String,
    /// webhook, slack, discord, teams, mattermost, matrix or email
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: String,
    /// The file that holds its address (matrix: the homeserver's; email: smtps://HOST or
    /// smtp://HOST); `-` reads standard input
    #[arg(long, value_name = "FILE", required_unless_present = "url_from_env")]
    pub(crate) url_file: Option<PathBuf>,
    /// The variable that holds its address
    #[arg(long, value_name = "VAR", conflicts_with = "url_file")]
    pub(crate) url_from_env: Option<String>,
    /// The file that holds its secret (matrix: the access token; email: the password) [default: of a webhook one is
    /// made and shown, once]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The variable that holds its secret
    #[arg(long, value_name = "VAR", conflicts_with = "secret_file")]
    pub(crate) secret_from_env: Option<String>,
    /// The room, such as !abc:example.org (matrix)
    #[arg(long, value_name = "ROOM")]
    pub(crate) room: Option<String>,
    /// Who it comes from, and logs in where there is a password (email)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// Who gets it (email; may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// The address lies in a private network, and this is its host and port: opens that place
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) allow: Option<String>,
    /// It hears of improvements too
    #[arg(long)]
    pub(crate) improvements: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// How many commits
    #[arg(long, default_value_t = 240)]
    pub(crate) commits: u64,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// The file [default: standard output]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// The file [default: standard input]
    pub(crate) file: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Exclude {
    /// The report: its hash, the beginning of it, or a commit with one report
    pub(crate) report: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "report")]
    pub(crate) reason: Option<String>,
    /// Let it count again
    #[arg(long, requires = "report")]
    pub(crate) undo: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Backup {
    /// The file
    pub(crate) file: PathBuf,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// Whether standard output is for one JSON document only.
    pub(crate) fn wants_json(&self) -> bool {
        let Some(command) = &self.command else {
            return false;
        };
        match command {
            Command::Init(a) => a.json,
            Command::Doctor(a) => a.json,
            Command::List(a) => a.json,
            Command::Run(a) => a.json,
            Command::Check(a) => a.judging.json,
            Command::Comment(a) => a.json,
            Command::Compare(a) => a.judging.json,
            Command::Bisect(a) => match &a.command {
                Some(BisectCommand::Log(log)) => log.json,
                None => a.json,
            },
            Command::BisectStep(_) => false,
            Command::Log(a) => a.json,
            Command::Changes(a) => a.json || a.settle.as_ref().is_some_and(|s| s.decision().json),
            Command::Replay(a) => a.json,
            Command::Flamegraph(a) => a.json,
            Command::Import(a) => a.json,
            Command::Exclude(a) => a.json,
            Command::Backup(a) | Command::Restore(a) => a.json,
            Command::Rebuild(a) | Command::Verify(a) => a.json,
            Command::Serve(a) => a.json,
            Command::Demo(a) => a.json,
            Command::Channel(a) => a.command.json(),
            Command::Token(a) => match a.command {
                TokenCommand::Create { json, .. }
                | TokenCommand::List { json }
                | TokenCommand::Revoke { json, .. } => json,
            },
            Command::Project(a) => match &a.command {
                ProjectCommand::Add { set, .. } | ProjectCommand::Set { set, .. } => set.json,
                ProjectCommand::List { json } => *json,
            },
            Command::Export(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Help(_)
            | Command::Collect(_)
            | Command::CollectJob(_) => false,
        }
    }

    /// The document of a command that could not do its work.
    pub(crate) fn error_document(
        &self,
        message: &str,
        code: u8,
        (stage, fault): (Option<Phase>, Option<Fault>),
    ) -> Value {
        let mut document = match &self.command {
            Some(Command::Check(_) | Command::Compare(_)) => json!({
                "schema": "uptick.check/1",
                "outcome": "no_verdict",
                "results": [],
                "error": message,
                "exit_code": code,
            }),
            Some(Command::Bisect(Bisect { command: None, .. })) => json!({
                "schema": "uptick.bisect/1",
                "outcome": "no_verdict",
                "suspects": [],
                "steps": [],
                "error": message,
                "exit_code": code,
            }),
            _ => json!({ "schema": "uptick.error/1", "error": message, "exit_code": code }),
        };
        if let Some(stage) = stage {
            document["stage"] = json!(stage);
        }
        if let Some(fault) = fault {
            document["fault"] = json!(fault);
        }
        document
    }
}
