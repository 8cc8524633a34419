//! Measuring and judging commits.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// How to measure.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Measuring {
    /// auto, perf_event, callgrind or clock [default: uptick.toml, else auto]
    #[arg(long, value_name = "COUNTER")]
    pub(crate) counter: Option<String>,
    /// Only benchmarks whose name matches (a glob; may be repeated)
    #[arg(long, visible_alias = "bench", value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Cargo features to switch on, beside those of uptick.toml (may be repeated)
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Only benchmarks of this package, whatever uptick.toml says (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Vec<String>,
    /// How long one benchmark may run under the counter, such as 10m [default: uptick.toml, else
    /// 300s]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// Metrics to measure and judge instead of instructions (may be repeated)
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Vec<String>,
    /// Tell this variant of the benchmarks apart, such as gc=on (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
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
    /// Fetch first what the clone lacks: the rest of its history where it is shallow, and the branch
    /// that HEAD is judged against
    #[arg(long)]
    pub(crate) deepen: bool,
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
    #[arg(long, value_name = "NAME", env = "UPTICK_PROJECT", hide_env = true, value_parser = project_name)]
    pub(crate) project: Option<String>,
    /// Which leg of a matrix this is; each has its section in the comment
    #[arg(long, value_name = "NAME", env = "UPTICK_LEG", hide_env = true)]
    pub(crate) leg: Option<String>,
}

/// A name that the first line of a comment can hold.
fn project_name(name: &str) -> Result<String, String> {
    match name.chars().count() {
        0..=200 => Ok(name.to_string()),
        n => Err(format!("{n} characters; a project's name has at most 200")),
    }
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
    /// The commit before; with --against, the one commit whose variants are compared
    pub(crate) base: String,
    /// The commit after [default: HEAD]
    #[arg(conflicts_with = "against")]
    pub(crate) head: Option<String>,
    /// Hold the variant that --tag names against this one of the same commit, such as gc=off: what
    /// the flag costs (may be repeated)
    #[arg(long, value_name = "KEY=VALUE", requires = "tag")]
    pub(crate) against: Vec<String>,
    #[command(flatten)]
    pub(crate) judging: Judging,
}
