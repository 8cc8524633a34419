//! The command line.

mod bisecting;
mod history;
mod judging;
mod serving;
mod store;

pub(crate) use bisecting::{Bisect, BisectCommand, BisectLog, BisectStep, Subject};
pub(crate) use history::{Changes, Fixed, Flamegraph, Log, Replay, Selection, Settle};
pub(crate) use judging::{
    Check, Comment, Compare, Judging, List, Measuring, Run, Speaker, WhenWell,
};
pub(crate) use serving::{
    Channel, ChannelAdd, ChannelCommand, ChannelName, Collect, CollectJob, LogLevel, Project,
    ProjectCommand, ProjectForge, ProjectSet, ProxyArgs, Sandboxed, Serve, Token, TokenCommand,
};
pub(crate) use store::{Backup, Demo, Exclude, Export, Import, Keeping, Prune, Restore, Whole};

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
or uptick.toml · 3 no verdict · 4 building or running failed · 5 the store failed, or a server, \
forge, channel or object store that was asked for\n\
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
    /// Say each step on a line of its own: what is built and which benchmark was counted
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
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
    /// Drop profiles and reports that are older than they are kept; pages say what went
    Prune(Prune),
    /// Copy the whole store into one new file, or a server into a new directory, while others write;
    /// profiles that lie elsewhere stay there
    Backup(Backup),
    /// Make the store, or a server, from a backup, which is checked whole first; nothing is written over
    Restore(Restore),
    /// Derive everything from the reports again
    Rebuild(Whole),
    /// Read every report and profile and check its hash
    ///
    /// What is derived from them is derived once more and compared. Not checked is what the change
    /// finder says of a reported change now, such as where it lies and its size: that depends on
    /// when it looked, and `uptick rebuild` finds it anew. A profile that a report names and that is
    /// not there is counted, and is no error: it may never have come.
    Verify(Whole),
    /// Completions for a shell, on standard output
    Completions(Completions),
    /// The manual: its page on standard output, or one page a command into a folder
    Man(Man),
    /// Explain a topic or a command
    Help(Help),
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
    /// Look at a server from here instead: whether this machine can work for it
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// With --server: read the token from a file [default: UPTICK_TOKEN]
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) token_file: Option<PathBuf>,
    /// With --server: as a collector of this label (may be repeated) [default: default]
    #[arg(long, value_name = "LABEL", requires = "server")]
    pub(crate) label: Vec<String>,
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

/// What a command makes of a server's directory that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfServer<'a> {
    /// It works on the server, or says itself what it wants.
    Whole,
    /// It works on the store of a project, which has to be named.
    Project(Option<&'a str>),
    /// It works on one store, which it knows by its file alone.
    Store,
    /// It has nothing to do with stores.
    Nothing,
}

impl Command {
    pub(crate) fn of_server(&self) -> OfServer<'_> {
        let project = match self {
            Self::Export(a) => &a.of.project,
            Self::Import(a) => &a.of.project,
            Self::Exclude(a) => &a.of.project,
            Self::Prune(a) => &a.of.project,
            Self::Rebuild(a) | Self::Verify(a) => &a.of.project,
            Self::Channel(a) => &a.project,
            Self::Backup(a) | Self::Restore(Restore { backup: a, .. })
                if a.of.project.is_some() =>
            {
                &a.of.project
            }
            Self::Backup(_)
            | Self::Restore(_)
            | Self::Serve(_)
            | Self::Token(_)
            | Self::Project(_)
            | Self::Demo(_) => return OfServer::Whole,
            Self::Changes(Changes { csv: Some(_), .. })
            | Self::Replay(Replay { csv: Some(_), .. }) => {
                return OfServer::Nothing;
            }
            Self::Run(_)
            | Self::Check(_)
            | Self::Compare(_)
            | Self::Bisect(_)
            | Self::BisectStep(_)
            | Self::Log(_)
            | Self::Changes(_)
            | Self::Replay(_)
            | Self::Flamegraph(_) => return OfServer::Store,
            Self::Init(_)
            | Self::Doctor(_)
            | Self::List(_)
            | Self::Comment(_)
            | Self::Collect(_)
            | Self::CollectJob(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Help(_) => return OfServer::Nothing,
        };
        OfServer::Project(project.as_deref())
    }
}

impl Args {
    /// The project of a server whose store is meant.
    pub(crate) fn project(&self) -> Option<&str> {
        match self.command.as_ref().map(Command::of_server) {
            Some(OfServer::Project(named)) => named,
            _ => None,
        }
    }

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
            Command::Prune(a) => a.json,
            Command::Backup(a) => a.json,
            Command::Restore(a) => a.backup.json,
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
                ProjectCommand::Remove { json, .. }
                | ProjectCommand::Log { json, .. }
                | ProjectCommand::List { json }
                | ProjectCommand::Pulls { json, .. } => *json,
                ProjectCommand::Approve { .. } | ProjectCommand::Forge(_) => false,
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
