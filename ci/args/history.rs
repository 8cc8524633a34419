//! What is stored, and what is decided about it.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

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
    #[arg(
        long,
        visible_alias = "only",
        value_name = "GLOB",
        conflicts_with = "csv"
    )]
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
    Fixed(Fixed),
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
            | Self::Fixed(Fixed { decision: d, .. })
            | Self::Infra(d)
            | Self::Invalid(d)
            | Self::Ack(d)
            | Self::Undo(d) => d,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Fixed {
    #[command(flatten)]
    pub(crate) decision: Decision,
    /// The commit that mended it; pages show it beside the change
    #[arg(long, value_name = "COMMIT")]
    pub(crate) commit: Option<String>,
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
