//! `uptick token`: who else may read or write over HTTP.

use std::path::Path;

use collector::error::{EXIT_OK, Error};
use collector::format::name;
use collector::jobs::check_label;
use collector::store::{Scope, Token as Kept};
use serde_json::json;

use crate::args::{Args, Token, TokenCommand};
use crate::{act, context, print};

pub(crate) fn run(args: &Args, a: &Token) -> anyhow::Result<u8> {
    match &a.command {
        TokenCommand::Create {
            name,
            scope,
            label,
            days,
            json,
        } => create(args, name, scope, label, (*days, *json)),
        TokenCommand::List { json } => list(args, *json),
        TokenCommand::Revoke { id, json } => revoke(args, *id, *json),
    }
}

fn create(
    args: &Args,
    name: &str,
    scope: &str,
    labels: &[String],
    (days, as_json): (Option<u32>, bool),
) -> anyhow::Result<u8> {
    let known = Scope::ALL.map(Scope::name).join(", ");
    let scope = Scope::from_name(scope)
        .ok_or_else(|| Error::Usage(format!("--scope: `{scope}` is none of {known}")))?;
    if !labels.is_empty() && (scope != Scope::Collect || args.data.is_none()) {
        let what = "--label is for a collector's token: --scope collect, and --data DIR";
        return Err(Error::Usage(what.into()).into());
    }
    for label in labels {
        check_label(label).map_err(|e| Error::Usage(format!("--label: {e}")))?;
    }
    let minted = dashboard::mint().map_err(|e| Error::Failed(format!("no randomness: {e}")))?;
    let expires = days.map(|d| context::now() + i64::from(d) * 86_400);
    let mut store = context::token_store(args)?;
    let id = store.add_token(name, scope, &minted.hash, context::now(), expires)?;
    if !labels.is_empty() {
        store.bind_token(id, labels)?;
    }
    let what = format!("`{name}`, scope {}", scope.name());
    act::note(args, &mut store, ("made", &format!("token {id}")), &what)?;
    if as_json {
        print::json(
            &json!({ "schema": "uptick.token/1", "id": id, "name": name, "scope": scope, "expires": expires, "token": minted.token }),
        )?;
    } else {
        print::out(&format!("{}\n", minted.token))?;
        print::note(&format!(
            "token {id} `{name}`, scope {}: shown this once; only its hash is kept",
            scope.name()
        ));
    }
    Ok(EXIT_OK)
}

fn list(args: &Args, as_json: bool) -> anyhow::Result<u8> {
    let all = context::existing_token_store(args)?.tokens()?;
    if as_json {
        print::json(&json!({ "schema": "uptick.tokens/1", "tokens": all }))?;
        return Ok(EXIT_OK);
    }
    for t in &all {
        print::out(&format!(
            "{:>4}  {:<7}  {:<8}  {}\n",
            t.id,
            t.scope.name(),
            standing(t),
            name(&t.name, 60)
        ))?;
    }
    if all.is_empty() {
        print::note("no tokens; `uptick token create NAME --scope write` makes one");
    }
    Ok(EXIT_OK)
}

fn standing(t: &Kept) -> &'static str {
    match (t.revoked, t.is_live(context::now())) {
        (Some(_), _) => "revoked",
        (None, false) => "expired",
        (None, true) if t.last_used.is_some() => "in use",
        (None, true) => "unused",
    }
}

fn revoke(args: &Args, id: i64, as_json: bool) -> anyhow::Result<u8> {
    context::existing_token_store(args)?;
    let mut store = context::token_store(args)?;
    let ended = store.revoke_token(id, context::now())?;
    if !ended {
        return Err(Error::Usage(format!(
            "there is no live token {id}; `uptick token list` shows them"
        ))
        .into());
    }
    act::note(args, &mut store, ("revoked", &format!("token {id}")), "")?;
    if as_json {
        print::json(&json!({ "schema": "uptick.token/1", "id": id, "revoked": true }))?;
    } else {
        print::note(&format!(
            "token {id} is revoked; it opens nothing after a second"
        ));
    }
    Ok(EXIT_OK)
}

/// The token that is shown to a server, never from the command line: arguments of a process are
/// seen by everybody. `scope` is what it has to allow.
pub(crate) fn given(file: Option<&Path>, scope: &str) -> anyhow::Result<String> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(Error::io(file))?,
        None => std::env::var("UPTICK_TOKEN").unwrap_or_default(),
    };
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Error::Usage(format!(
            "a token is needed: `uptick token create NAME --scope {scope} --data DIR` makes one on \
             the machine that serves; give it in UPTICK_TOKEN or with --token-file"
        ))
        .into());
    }
    Ok(token.to_string())
}
