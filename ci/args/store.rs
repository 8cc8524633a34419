//! The store as a file.

use std::path::PathBuf;

use clap::Args as ClapArgs;

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
