//! The search for the commit.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

/// What a bisection counts, and when it has moved.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Subject {
    /// The benchmark's whole name, as `uptick list` shows it
    #[arg(long, alias = "only", value_name = "NAME")]
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
    /// Have the collectors of this server measure, each commit once for all who ask, on the series
    /// that the server has; this machine builds nothing
    #[arg(long, value_name = "URL",
        conflicts_with_all = ["build", "run", "counter", "overlay", "all", "fresh"])]
    pub(crate) server: Option<String>,
    /// The server's project [default: its only one]
    #[arg(long, value_name = "NAME", requires = "server")]
    pub(crate) project: Option<String>,
    /// Which of the project's labels measures [default: each of them]
    #[arg(long, value_name = "LABEL", requires = "server")]
    pub(crate) label: Option<String>,
    /// Read the server's token from a file [default: UPTICK_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Go on with the search that was begun last
    #[arg(long, conflicts_with_all = ["good", "bad", "bench", "metric", "build", "run", "counter", "overlay", "all", "fixed", "limit", "retry", "fresh", "server", "project", "label"])]
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
