//! Decisions about changes: posted, applied, logged, answered with the way back.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::store::Triage;

use crate::app::App;
use crate::auth::Actor;
use crate::error::Fail;
use crate::query::decode;
use crate::route::MAX_FORM;
use crate::text;

/// Events that one request may decide about.
const MAX_EVENTS: usize = 5_000;
/// Characters of a note.
const MAX_NOTE: usize = 1_000;

/// Characters of a change's identity.
const MAX_ID: usize = 64;

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
            "event" => {
                for n in v.split([',', ' ']).filter(|n| !n.is_empty()) {
                    if n.len() > MAX_ID || !n.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return Err(Fail::Bad(format!("`{}` is no change.", text::cut(n, 40))));
                    }
                    out.events.push(n.to_owned());
                }
            }
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
            "link" if !v.trim().is_empty() => {
                let words = "An issue's address begins with https:// (or http://).";
                out.link =
                    super::log::safe_link(v.trim()).ok_or_else(|| Fail::Bad(words.into()))?;
            }
            _ => {}
        }
    }
    // A group's box and that of its member name the same event.
    out.events.sort_unstable();
    out.events.dedup();
    if out.events.is_empty() {
        return Err(Fail::Bad("No change was selected.".into()));
    }
    if merges && out.events.len() < 2 {
        return Err(Fail::Bad(
            "Merging takes two changes at least; select several groups.".into(),
        ));
    }
    if out.events.len() > MAX_EVENTS {
        return Err(Fail::TooLarge(
            "5,000 changes are decided at once at most.".into(),
        ));
    }
    Ok(out)
}

pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let what = parse(&form)?;
    app.write(move |store| Ok(store.decide(&what, &actor.0, text::now())?))
        .await?;
    Ok(back(&headers))
}

pub(crate) async fn undo(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let text = String::from_utf8_lossy(&form).into_owned();
    let batch = text
        .split('&')
        .find_map(|p| p.strip_prefix("batch=")?.parse::<i64>().ok());
    let batch = batch.ok_or_else(|| Fail::Bad("`batch` must be a number.".into()))?;
    app.write(move |store| Ok(store.undo(batch, &actor.0, text::now())?))
        .await?;
    Ok(back(&headers))
}

/// To the page that the form was on, if it is one of ours.
fn back(headers: &HeaderMap) -> Response {
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
    let to = path
        .filter(|p| p.starts_with('/') && !p.starts_with("//") && p.is_ascii())
        .unwrap_or("/");
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_string())]).into_response()
}
