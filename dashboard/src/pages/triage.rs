//! Decisions about changes: posted, applied, logged, answered with the way back.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::detect::alerts::life::{Resolution, State as Stands};
use collector::store::{MeasuredCommit, Moment, Outcome, Store, Triage};
use serde_json::json;

use crate::app::App;
use crate::auth::Actor;
use crate::error::Fail;
use crate::pages::answer::HTML;
use crate::pages::login::ours;
use crate::pages::{care, decide, layout};
use crate::query::{NOBODY, decode, named, spelled};
use crate::reader::Reader;
use crate::route::MAX_FORM;
use crate::text;

const FIXED: Stands = Stands::Resolved(Resolution::FixedBy);
/// Events that one request may decide about.
const MAX_EVENTS: usize = 5_000;
/// Characters of a note.
const MAX_NOTE: usize = 1_000;

/// Characters of a change's identity.
const MAX_ID: usize = 64;

/// Characters of the name of whoever takes a change on.
const MAX_NAME: usize = 100;
/// Commits that a change is snoozed for at most.
const MAX_COMMITS: u64 = 100_000;
/// The word for no day.
const NEVER: &str = "never";

/// What a form says.
pub(crate) fn parse(form: &[u8]) -> Result<Triage, Fail> {
    if form.len() > MAX_FORM {
        return Err(Fail::TooLarge("A form may have 256 KiB.".into()));
    }
    let text = String::from_utf8_lossy(form);
    let mut out = Triage::default();
    let mut merges = false;
    for pair in text.split('&') {
        let (k, v) = pair.split_once('=').unwrap_or((pair, ""));
        let v = decode(&v.replace('+', " "));
        match k {
            "event" => events(&v, &mut out)?,
            "state" if !v.is_empty() => {
                let words = "`state` is none of new, acknowledged, fixed_by, accepted, noise, infra, invalid.";
                out.state = Some(Triage::state_of(&v).ok_or_else(|| Fail::Bad(words.into()))?);
            }
            "group" if !v.is_empty() => {
                if v != "merge" && v != "split" {
                    return Err(Fail::Bad("`group` is neither merge nor split.".into()));
                }
                out.regroup = true;
                merges |= v == "merge";
            }
            "note" => out.note = text::cut_or_empty(&v, MAX_NOTE),
            _ => said(k, v.trim(), &mut out)?,
        }
    }
    // A group's box and that of its member name the same event.
    out.events.sort_unstable();
    out.events.dedup();
    check(&out, merges)?;
    Ok(out)
}

/// The changes of a form, each perhaps with the last decision that its reader saw.
fn events(text: &str, out: &mut Triage) -> Result<(), Fail> {
    for n in text.split([',', ' ']).filter(|n| !n.is_empty()) {
        let (id, seen) = n.split_once(':').map_or((n, None), |(a, b)| (a, Some(b)));
        let seen = seen.map(str::parse::<i64>);
        let is_id = id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_id || id.is_empty() || seen.as_ref().is_some_and(Result::is_err) {
            return Err(Fail::Bad(format!("`{}` is no change.", text::cut(n, 40))));
        }
        out.events.push(id.to_owned());
        if let Some(Ok(seen)) = seen {
            out.seen.insert(id.to_owned(), seen);
        }
    }
    Ok(())
}

/// What a form says beside a state.
fn said(field: &str, value: &str, out: &mut Triage) -> Result<(), Fail> {
    match field {
        _ if value.is_empty() => {}
        "link" => {
            let words = "An issue's address begins with https:// (or http://).";
            out.link = super::log::safe_link(value).ok_or_else(|| Fail::Bad(words.into()))?;
        }
        "assignee" => {
            let name = match value {
                NOBODY => "",
                value => named(value),
            };
            out.assignee = Some(text::cut_or_empty(name, MAX_NAME));
        }
        "fixed" => {
            let is_hex = value.bytes().all(|b| b.is_ascii_hexdigit());
            if !is_hex || !(4..=64).contains(&value.len()) {
                let words =
                    "`fixed` must be a commit: 4 to 64 hexadecimal digits of its object name.";
                return Err(Fail::Bad(words.into()));
            }
            out.fixed = Some(value.to_ascii_lowercase());
        }
        "due" if value == NEVER => out.due = Some(String::new()),
        "due" => {
            let day: Result<jiff::civil::Date, _> = value.parse();
            let day = day.map_err(|_| Fail::Bad("`due` must be a day, as 2026-12-31.".into()))?;
            out.due = Some(day.to_string());
        }
        "snooze" => out.snooze = Some(snooze(value)?),
        _ => {}
    }
    Ok(())
}

/// Until when changes are snoozed: a day, or so many commits, which [`apply`] counts from the newest.
fn snooze(value: &str) -> Result<String, Fail> {
    if value == NEVER {
        return Ok(String::new());
    }
    let day: Result<jiff::civil::Date, _> = value.parse();
    if let Ok(day) = day {
        return Ok(day.to_string());
    }
    let words: Vec<&str> = value.split_whitespace().collect();
    let commits = match words.as_slice() {
        [n] | [n, "commit" | "commits"] => n.parse::<u64>().ok(),
        _ => None,
    };
    match commits {
        Some(n @ 1..=MAX_COMMITS) => Ok(format!("+{n}")),
        _ => Err(Fail::Bad(
            "`snooze` must be a day, as 2026-12-31, or a number of commits, as 20.".into(),
        )),
    }
}

fn check(what: &Triage, merges: bool) -> Result<(), Fail> {
    if what.events.is_empty() {
        return Err(Fail::Bad("No change was selected.".into()));
    }
    if merges && what.events.len() < 2 {
        return Err(Fail::Bad(
            "Merging takes two changes at least; select several groups.".into(),
        ));
    }
    if what.events.len() > MAX_EVENTS {
        return Err(Fail::TooLarge(
            "5,000 changes are decided at once at most.".into(),
        ));
    }
    Ok(())
}

/// Refuses a commit that was there before the change that it is to have mended.
fn is_later(store: &Store, commit: &MeasuredCommit, changes: &[String]) -> Result<(), Fail> {
    let at = commit.position.cast_signed();
    for change in changes {
        if store.first_of(change)?.is_some_and(|first| at <= first) {
            return Err(Fail::Bad(format!(
                "{} is no later than change {change}, and cannot have mended it: `fixed` names the \
                 commit that did.",
                commit.sha.short()
            )));
        }
    }
    Ok(())
}

/// Decides, unless somebody did so since the decider looked; gives its place in the log, where
/// anything was to be decided.
pub(crate) fn apply(store: &mut Store, mut what: Triage, actor: &str) -> Result<Option<i64>, Fail> {
    if let Some(fixed) = &what.fixed {
        // A commit that was measured is kept by its whole name.
        let known = store.commit(fixed)?;
        if let Some(commit) = &known {
            is_later(store, commit, &what.events)?;
        }
        what.fixed = known.map(|c| c.sha.0).or(what.fixed);
        what.state = what.state.or(Some(FIXED));
    }
    if let Some(until) = what.snooze.take() {
        what.snooze = Some(snoozed(&until, &care::moment(store)?)?);
    }
    match store.decide_as_seen(&what, actor, text::now())? {
        Outcome::Decided(at) => Ok(Some(at)),
        Outcome::Nothing => Ok(None),
        Outcome::Overtaken(id) => Err(overtaken(store, &id)?),
    }
}

/// Until when changes are snoozed that somebody snoozes now: so many commits end at one of the
/// main line, and a day is still to come.
fn snoozed(until: &str, now: &Moment) -> Result<String, Fail> {
    if let Some(n) = until.strip_prefix('+').and_then(|n| n.parse::<u64>().ok()) {
        return Ok(format!("@{}", now.newest + n));
    }
    if !until.is_empty() && *until <= *now.today {
        return Err(Fail::Bad(format!(
            "`snooze` must be a day after today, {} UTC.",
            now.today
        )));
    }
    Ok(until.to_owned())
}

/// Who decided what meanwhile.
fn overtaken(store: &Store, id: &str) -> Result<Fail, Fail> {
    let last = store.decisions_about(&[id], 1)?;
    let what = last.first().map_or_else(String::new, |d| {
        let name = text::cut(&d.benchmark, 80);
        let who = text::cut(&d.actor, 40);
        if d.before == d.after {
            format!("{who} said something else about {name}")
        } else {
            let (before, after) = (super::log::word(&d.before), super::log::word(&d.after));
            format!("{who} set {name} from {before} to {after}")
        }
    });
    Ok(Fail::Overtaken(format!(
        "{what} after this page was made. Nothing was decided: look at it as it stands now, and decide again."
    )))
}

pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Extension(reader): Extension<Reader>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let what = parse(&form)?;
    let to = leads_to(&form, &headers);
    if what.state == Some(FIXED) && what.fixed.is_none() {
        let asked = decide::ask(&again(&what), &to);
        let page = layout::passing(&app, Some(&reader), "Fixed by", asked);
        return Ok(([(header::CONTENT_TYPE, HTML)], page).into_response());
    }
    let batch = app.write(move |store| apply(store, what, &actor.0)).await?;
    if wants_json(&headers) {
        let done = json!({ "schema": "uptick.decided/1", "batch": batch });
        return Ok(axum::Json(done).into_response());
    }
    if batch.is_some() {
        return Ok(back(to));
    }
    let why = "It stands already as the form says.";
    Ok(unchanged(&app, &reader, ("Nothing was decided", why), &to))
}

/// The page that says that a form changed nothing.
fn unchanged(app: &App, reader: &Reader, (title, why): (&str, &str), to: &str) -> Response {
    let said = decide::nothing(title, why, to);
    let page = layout::passing(app, Some(reader), title, said);
    ([(header::CONTENT_TYPE, HTML)], page).into_response()
}

/// Whether a script asks, which changes the page itself and has to know what was done.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accepts.is_some_and(|a| a.starts_with("application/json"))
}

/// Everything that a form says but its state, as another form says it again.
fn again(what: &Triage) -> Vec<(&'static str, String)> {
    let or = |value: Option<&str>, none: &str| match value {
        Some("") => none.into(),
        value => value.unwrap_or_default().to_owned(),
    };
    let assignee = match what.assignee.as_deref() {
        Some(name) if !name.is_empty() => spelled(name).into_owned(),
        none => or(none, NOBODY),
    };
    let all = [
        ("event", changes(what)),
        ("note", what.note.clone()),
        ("link", what.link.clone()),
        ("assignee", assignee),
        ("due", or(what.due.as_deref(), NEVER)),
        (
            "snooze",
            or(
                what.snooze.as_deref().map(|s| s.trim_start_matches('+')),
                NEVER,
            ),
        ),
    ];
    all.into_iter().filter(|(_, v)| !v.is_empty()).collect()
}

/// The changes of a form, as it named them.
fn changes(what: &Triage) -> String {
    let name = |id: &String| match what.seen.get(id) {
        Some(seen) => format!("{id}:{seen}"),
        None => id.clone(),
    };
    let names: Vec<String> = what.events.iter().map(name).collect();
    names.join(",")
}

pub(crate) async fn undo(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Extension(reader): Extension<Reader>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let text = String::from_utf8_lossy(&form).into_owned();
    let batch = text
        .split('&')
        .find_map(|p| p.strip_prefix("batch=")?.parse::<i64>().ok());
    let batch = batch.ok_or_else(|| Fail::Bad("`batch` must be a number.".into()))?;
    let n = app
        .write(move |store| Ok(store.undo(batch, &actor.0, text::now())?))
        .await?;
    if wants_json(&headers) {
        let done = json!({ "schema": "uptick.taken_back/1", "taken_back": n });
        return Ok(axum::Json(done).into_response());
    }
    let to = came_from(&headers).unwrap_or_else(front);
    if n > 0 {
        return Ok(back(to));
    }
    let why = "It was taken back already, or something else was decided since.";
    Ok(unchanged(
        &app,
        &reader,
        ("Nothing was taken back", why),
        &to,
    ))
}

fn front() -> String {
    "/".into()
}

/// Where a form leads back to: the page that it names, else the one that it was on.
fn leads_to(form: &[u8], headers: &HeaderMap) -> String {
    let text = String::from_utf8_lossy(form);
    let named = text.split('&').find_map(|p| p.strip_prefix("to="));
    match named {
        Some(to) => ours(&decode(&to.replace('+', " "))).to_owned(),
        None => came_from(headers).unwrap_or_else(front),
    }
}

pub(crate) fn back(to: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// The page of ours that a request came from; an address that only takes forms is none.
pub(crate) fn came_from(headers: &HeaderMap) -> Option<String> {
    let referer = headers
        .get(header::REFERER)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let host = headers
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("?");
    let path = referer
        .split_once("://")
        .and_then(|(_, rest)| rest.strip_prefix(host));
    path.filter(|p| p.starts_with('/') && !p.starts_with("//") && p.is_ascii())
        .filter(|p| !p.ends_with("/triage"))
        .map(str::to_owned)
}
