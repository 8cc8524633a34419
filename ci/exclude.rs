//! `uptick exclude REPORT --reason TEXT`: a report that was measured wrongly counts no longer; `--undo`
//! takes it back in. It stays in the log either way.

use collector::error::{EXIT_OK, Error};
use collector::format::{instant, name, sentence};
use collector::git::Repo;
use collector::history::watch;
use collector::store::{Audience, Excluded, Store};
use serde_json::json;

use crate::args::{Args, Exclude};
use crate::settle::actor;
use crate::{context, print};

/// Bytes of a reason.
const MAX_REASON: usize = 2_000;
/// Digits of a hash that are shown.
const SHORT: usize = 12;

pub(crate) fn run(args: &Args, a: &Exclude) -> anyhow::Result<u8> {
    let Some(named) = &a.report else {
        return list(args, a.json);
    };
    let reason = a.reason.as_deref().unwrap_or_default().trim();
    if reason.is_empty() && !a.undo {
        let why = "--reason TEXT: say why the report counts no longer; pages show it";
        return Err(Error::Usage(why.into()).into());
    }
    if reason.len() > MAX_REASON {
        return Err(Error::Usage(format!("--reason: longer than {MAX_REASON} bytes")).into());
    }
    context::existing_store(args)?;
    let mut store = context::store(args)?;
    let report = find(args, &store, named)?;
    let done = store.exclude(&report, a.undo, (reason, &actor(args), context::now()))?;
    // What this brings to light is news, as at any other look.
    watch::search_for(
        &mut store,
        usize::MAX,
        Audience::Channels {
            now: context::now(),
        },
    )?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.exclusion/1", "report": report, "excluded": !a.undo, "changed": done,
        }))?;
    } else {
        print::out(&words(&report, a.undo, done))?;
    }
    Ok(EXIT_OK)
}

fn words(report: &str, back: bool, done: bool) -> String {
    let short = &report[..SHORT];
    match (back, done) {
        (false, true) => format!(
            "report {short} counts no longer; `uptick exclude {short} --undo` takes it back in\n"
        ),
        (false, false) => format!("report {short} counted no longer before\n"),
        (true, true) => format!("report {short} counts again\n"),
        (true, false) => format!("report {short} counts; nobody excluded it\n"),
    }
}

/// The one report that is meant.
fn find(args: &Args, store: &Store, named: &str) -> anyhow::Result<String> {
    let hex = !named.is_empty() && named.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found = match hex {
        true => store.reports_named(&named.to_ascii_lowercase())?,
        false => Vec::new(),
    };
    if found.is_empty()
        && let Ok(repo) = Repo::open(&args.dir)
        && let Ok(sha) = repo.resolve(named)
    {
        found = store.reports_named(&sha.0)?;
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let why = format!(
                "`{}` names no report and no measured commit",
                name(named, 80)
            );
            Err(Error::Usage(why).into())
        }
        several => {
            let all: Vec<&str> = several.iter().map(|h| &h[..SHORT]).collect();
            let why = format!(
                "`{}` names several reports: {}; name one by its hash",
                name(named, 80),
                all.join(", ")
            );
            Err(Error::Usage(why).into())
        }
    }
}

fn list(args: &Args, as_json: bool) -> anyhow::Result<u8> {
    let all = context::existing_store(args)?.excluded(None)?;
    if as_json {
        print::json(&json!({ "schema": "uptick.excluded/1", "excluded": all }))?;
        return Ok(EXIT_OK);
    }
    if all.is_empty() {
        print::out("every report counts\n")?;
    }
    for e in &all {
        print::out(&line(e))?;
    }
    Ok(EXIT_OK)
}

fn line(e: &Excluded) -> String {
    format!(
        "{}  commit {}  {}  {}: {}\n",
        &e.report[..SHORT],
        e.sha.short(),
        instant(e.time),
        name(&e.actor, 30),
        sentence(&e.reason, 80)
    )
}
