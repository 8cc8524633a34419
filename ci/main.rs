//! The `uptick` command: reads the command line, runs one command, exits with the code of the
//! contract.

mod act;
mod args;
mod backup;
mod bisect;
mod changes;
mod channel;
mod check;
mod collect;
mod comment;
mod context;
mod demo;
mod doctor;
mod event;
mod exclude;
mod first;
mod flamegraph;
mod forge;
mod help;
mod init;
mod interrupt;
mod line;
mod list;
mod log;
mod manual;
mod node;
mod print;
mod progress;
mod project;
mod prune;
mod reach;
mod replay;
mod run;
mod serve;
mod settle;
mod token;
mod transfer;
mod unit;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use collector::error::{EXIT_FAILED, EXIT_USAGE, Error};

use args::{Args, Command};

fn main() -> ExitCode {
    collector::measure::outlive_size_limit();
    let matches = Args::command().try_get_matches();
    let parsed = matches.and_then(|m| Ok((Args::from_arg_matches(&m)?, typed(&m, "data"))));
    let (args, typed_data) = match parsed {
        Ok(parsed) => parsed,
        Err(e) => return ExitCode::from(refuse(&e)),
    };
    match context::refuse_unused_data(&args, typed_data).and_then(|()| dispatch(&args)) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            let code = report_error(&args, &e);
            let step = matches!(args.command, Some(Command::BisectStep(_)));
            ExitCode::from(if step { bisect::STOP + code } else { code })
        }
    }
}

/// Whether an option was given on the command line, and not by a variable of the environment.
fn typed(matches: &ArgMatches, option: &str) -> bool {
    matches.value_source(option) == Some(ValueSource::CommandLine)
}

/// Says what is wrong with the command line, or shows the help that was asked for.
///
/// `git bisect run` would take clap's 2 for "this commit is bad", so that a step stops instead.
fn refuse(error: &clap::Error) -> u8 {
    let _ = error.print();
    let code = u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE);
    let step = std::env::args().any(|a| a == "bisect-step");
    if step && code != 0 {
        bisect::STOP + code
    } else {
        code
    }
}

fn dispatch(args: &Args) -> anyhow::Result<u8> {
    progress::say_every_step(args.verbose);
    let Some(command) = &args.command else {
        return first::run(args);
    };
    match command {
        Command::Init(a) => init::run(args, a),
        Command::Doctor(a) => doctor::run(args, a),
        Command::List(a) => list::run(args, a),
        Command::Run(a) => run::run(args, a),
        Command::Check(a) => check::check(args, a),
        Command::Comment(a) => comment::run(args, a),
        Command::Compare(a) => check::compare(args, a),
        Command::Bisect(a) => bisect::run(args, a),
        Command::BisectStep(a) => Ok(bisect::step(args, a)),
        Command::Log(a) => log::run(args, a),
        Command::Changes(a) => changes::run(args, a),
        Command::Replay(a) => replay::run(args, a),
        Command::Flamegraph(a) => flamegraph::run(args, a),
        Command::Serve(a) => serve::run(args, a),
        Command::Token(a) => token::run(args, a),
        Command::Channel(a) => channel::run(args, a),
        Command::Project(a) => project::run(args, a),
        Command::Collect(a) => collect::run(a),
        Command::CollectJob(a) => collect::job(a),
        Command::Demo(a) => demo::run(args, a),
        Command::Export(a) => transfer::export(args, a),
        Command::Import(a) => transfer::import(args, a),
        Command::Exclude(a) => exclude::run(args, a),
        Command::Prune(a) => prune::run(args, a),
        Command::Backup(a) => backup::backup(args, a),
        Command::Restore(a) => backup::restore(args, a),
        Command::Rebuild(a) => transfer::rebuild(args, a),
        Command::Verify(a) => transfer::verify(args, a),
        Command::Completions(a) => help::completions(a),
        Command::Man(a) => manual::run(a),
        Command::Help(a) => help::run(a),
    }
}

/// Says what went wrong and gives the exit code.
fn report_error(args: &Args, error: &anyhow::Error) -> u8 {
    let ours = error.downcast_ref::<Error>();
    let whose = ours.map_or((None, None), |e| (e.stage(), e.fault()));
    let code = ours.map_or(EXIT_FAILED, Error::exit_code);
    print::error(&format!("{error:#}"));
    if args.wants_json() {
        // Whoever asked for a document gets one, whatever happened; a pipe that is gone gets none.
        let _ = print::json(&args.error_document(&format!("{error:#}"), code, whose));
    }
    code
}
