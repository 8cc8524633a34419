//! `uptick collect`: a collector on a measuring machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use collector::collect::{self, Collector, Confined, Turn};
use collector::error::{EXIT_FAILED, EXIT_OK, Error};
use collector::jobs::wire::{Claim, LONGEST_WAIT};
use collector::jobs::{PROTOCOL, check_label, check_name};
use collector::measure::child::adopt_orphans;
use collector::measure::host;
use collector::measure::sandbox::Sandbox;
use collector::remote::Server;

use crate::args::{Collect, CollectJob, Sandboxed};
use crate::progress::Terminal;
use crate::{interrupt, print, project, token, unit};

pub(crate) fn run(a: &Collect) -> anyhow::Result<u8> {
    if a.print_unit {
        return unit::collect(a);
    }
    let token = token::given(a.token_file.as_deref(), "collect")?;
    let server = Server::at(&a.server, &token)?;
    if server.is_in_the_clear() {
        print::note(
            "note: http:// to another machine: the token and all reports can be read on the way",
        );
    }
    let dir = directory(a)?;
    let claim = claim(a)?;
    let program = std::env::current_exe()
        .map_err(|e| Error::Failed(format!("where uptick itself is: {e}")))?;
    let child = || {
        let mut command = Command::new(&program);
        command.arg("collect-job").arg(&dir);
        command
    };
    let say = |text: &str| print::note(text);
    adopt_orphans();
    let end = interrupt::flag();
    let limit = Duration::from_secs(a.job_limit);
    let confined = confined(a, &dir)?;
    let collector = Collector::open(server, dir.clone(), claim, end, &say, limit, confined)?;
    if !a.once {
        collector.run(&child)?;
        return Ok(EXIT_OK);
    }
    Ok(match collector.turn(&child)? {
        Turn::Nothing => {
            print::note("no job waits");
            EXIT_OK
        }
        Turn::Done | Turn::Ended => EXIT_OK,
        Turn::Failed | Turn::Lost => EXIT_FAILED,
    })
}

/// Whose programs run in a sandbox, which must be had before a job is taken that needs one.
fn confined(a: &Collect, dir: &Path) -> anyhow::Result<Confined> {
    let confined = match a.sandbox {
        Sandboxed::All => Confined::All,
        Sandboxed::Pulls => Confined::Pulls,
        Sandboxed::None => Confined::None,
    };
    let needed = confined == Confined::All || (confined == Confined::Pulls && a.untrusted);
    let tried = needed.then(|| Sandbox::of(dir)).transpose();
    tried.map_err(|why| {
        Error::Usage(format!(
            "no sandbox: {why}; with --sandbox none, what pull requests propose can do whatever this \
             user can"
        ))
    })?;
    Ok(confined)
}

fn claim(a: &Collect) -> anyhow::Result<Claim> {
    let collector = match &a.name {
        Some(name) => name.clone(),
        None => host::name(),
    };
    check_name(&collector).map_err(|e| Error::Usage(format!("--name: {e}")))?;
    let mut labels = a.label.clone();
    if labels.is_empty() {
        labels.push(project::LABEL.into());
    }
    for label in &labels {
        check_label(label).map_err(|e| Error::Usage(format!("--label: {e}")))?;
    }
    let minted = dashboard::mint().map_err(|e| Error::Failed(format!("no randomness: {e}")))?;
    Ok(Claim {
        collector,
        session: minted.hash.chars().take(32).collect(),
        labels,
        version: env!("UPTICK_VERSION").into(),
        protocol: PROTOCOL,
        testbed: host::testbed(collector::config::Strings::Portable).facts,
        wait: if a.once { 0 } else { LONGEST_WAIT },
        untrusted: a.untrusted,
    })
}

fn directory(a: &Collect) -> anyhow::Result<PathBuf> {
    let dir = match (
        &a.home,
        std::env::var_os("XDG_STATE_HOME"),
        std::env::var_os("HOME"),
    ) {
        (Some(dir), ..) => dir.clone(),
        (None, Some(state), _) => PathBuf::from(state).join("uptick/collector"),
        (None, None, Some(home)) => PathBuf::from(home).join(".local/state/uptick/collector"),
        (None, None, None) => {
            return Err(Error::Usage("there is no home directory: --dir names one".into()).into());
        }
    };
    std::fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
    Ok(dir.canonicalize().map_err(Error::io(&dir))?)
}

/// One job, in a process of its own that can be ended.
pub(crate) fn job(a: &CollectJob) -> anyhow::Result<u8> {
    let progress = Terminal::new();
    let outcome = collect::measure(&a.home, a.sandbox, &progress);
    progress.clear();
    print::json(&outcome?)?;
    Ok(EXIT_OK)
}
