//! `uptick changes accept|noise|fixed|infra|invalid|ack|undo ID`: what people decide about a
//! change, kept in the store's log of decisions.

use collector::detect::alerts::life::{Resolution, State};
use collector::error::{EXIT_OK, Error};
use collector::git::Repo;
use collector::history::steps::{Found, Step, Steps};
use collector::store::Triage;
use collector::{format, report};
use serde_json::json;

use crate::args::{Args, Fixed, Selection, Settle};
use crate::line::Searched;
use crate::{context, line, print};

/// The longest note that is kept.
const MAX_NOTE: usize = 2000;

pub(crate) fn run(args: &Args, what: &Settle) -> anyhow::Result<u8> {
    let decision = what.decision();
    if decision.note.len() > MAX_NOTE {
        return Err(Error::Usage(format!("--note: longer than {MAX_NOTE} bytes")).into());
    }
    let all = Selection {
        bench: Vec::new(),
        metric: vec!["all".into()],
        line: None,
    };
    // Without a floor: a change that was listed with --floor 0 can be settled too.
    let searched = line::found(args, &all, Some("0"))?;
    let (found, step) = change(&searched, &decision.id)?;
    // What is refused is refused before anything is written.
    let fixed = mended_by(args, what)?;
    let mut store = context::store(args)?;
    let known = found.event(&step.change);
    let event = match known {
        Some(reported) if !reported.id.is_empty() => reported.id.clone(),
        Some(reported) => store.report_change(&found.track.key, &reported.event)?,
        None => return Err(no_event(&step).into()),
    };
    let (actor, now) = (actor(args), context::now());
    let before = known.map_or(State::New, |t| t.event.state);
    let after = match state(what) {
        Some(state) => {
            let what = Triage {
                events: vec![event.clone()],
                state: Some(state),
                note: decision.note.clone(),
                fixed: fixed.clone(),
                ..Triage::default()
            };
            store.decide(&what, &actor, now)?;
            state
        }
        None => store
            .undo_last(&event, &actor, now)?
            .ok_or_else(|| Error::Usage(format!("nothing was decided about {}", step.id)))?,
    };
    say(found, &step, before, after, decision.json)
}

fn say(
    found: &Found,
    step: &Step,
    before: State,
    after: State,
    as_json: bool,
) -> anyhow::Result<u8> {
    let (before, after) = (report::state(before), report::state(after));
    let benchmark = &found.track.key.benchmark;
    if as_json {
        print::json(&json!({
            "schema": "uptick.decision/1", "id": step.id, "benchmark": benchmark,
            "before": before, "after": after,
        }))?;
    } else {
        print::out(&format!(
            "{} {} {}: {before} → {after}\n",
            step.id,
            format::name(benchmark, 40),
            format::moved(
                step.change.change,
                (step.change.before, step.change.after),
                &found.track.key.metric
            )
        ))?;
    }
    Ok(EXIT_OK)
}

/// The one change whose id begins so.
fn change<'a>(searched: &'a Searched, id: &str) -> anyhow::Result<(&'a Found, Step)> {
    let document = Steps::at(&searched.series, &searched.line, &searched.moment);
    let mut named = searched
        .series
        .iter()
        .zip(&document.series)
        .flat_map(|(f, s)| s.changes.iter().map(move |c| (f, c)))
        .filter(|(_, c)| !id.is_empty() && c.id.starts_with(id));
    let Some((found, step)) = named.next() else {
        let why = format!("`{id}` names no change; `uptick changes --all` lists them");
        return Err(Error::Usage(why).into());
    };
    if let Some((_, other)) = named.next() {
        let why = format!("`{id}` names several changes: {}, {}, …", step.id, other.id);
        return Err(Error::Usage(why).into());
    }
    Ok((found, step.clone()))
}

/// The far edge of a change that went back has no life of its own.
fn no_event(step: &Step) -> Error {
    Error::Usage(format!(
        "{} is the way back of an earlier change: settle that one",
        step.id
    ))
}

/// The state to set; `None` takes the last decision back.
const fn state(what: &Settle) -> Option<State> {
    Some(match what {
        Settle::Accept(_) => State::Resolved(Resolution::Accepted),
        Settle::Noise(_) => State::Resolved(Resolution::Noise),
        Settle::Fixed(_) => State::Resolved(Resolution::FixedBy),
        Settle::Infra(_) => State::Resolved(Resolution::Infra),
        Settle::Invalid(_) => State::Resolved(Resolution::Invalid),
        Settle::Ack(_) => State::Acknowledged,
        Settle::Undo(_) => return None,
    })
}

/// The commit that mended a change, by its whole name.
fn mended_by(args: &Args, what: &Settle) -> anyhow::Result<Option<String>> {
    let Settle::Fixed(Fixed {
        commit: Some(commit),
        ..
    }) = what
    else {
        return Ok(None);
    };
    Ok(Some(Repo::open(&args.dir)?.resolve(commit)?.0))
}

/// Who decides: the name that commits made here would carry.
pub(crate) fn actor(args: &Args) -> String {
    let named = Repo::open(&args.dir).ok().and_then(|r| r.user());
    named.unwrap_or_else(|| "somebody on this machine".into())
}
