//! Whoever wrote at one node reads it at every other one. The answer to a write says how far its node
//! was then, in a header for programs and in a cookie for browsers; a request that brings it waits
//! until its own node is as far, and is refused rather than answered with what was before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use collector::store::shared::Reached;

use crate::app::{App, Role};
use crate::error::Fail;

/// How far the node of a write was; a program sends it with its next requests.
const REACHED: HeaderName = HeaderName::from_static("uptick-reached");
/// For how many seconds a browser sends it: longer than a node is behind that can be reached.
const KEPT: u32 = 60;
/// How long a request waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// A look at least so often; usually it is woken.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A server's own cookie goes to the pages of its projects too, which are files of their own.
fn cookie(app: &App) -> &'static str {
    match app.role {
        Role::Server => "uptick_reached_server",
        Role::Alone | Role::Project { .. } => "uptick_reached",
    }
}

/// How far a node has to be for a request, where this is one of several nodes.
pub(crate) fn brought(app: &App, headers: &HeaderMap) -> Option<Reached> {
    app.options.log.as_ref()?;
    let told = headers.get(REACHED).and_then(|v| v.to_str().ok());
    let kept = || {
        let all = headers.get(header::COOKIE)?.to_str().ok()?;
        let mut pairs = all.split(';').filter_map(|p| p.trim().split_once('='));
        pairs.find(|(k, _)| *k == cookie(app)).map(|(_, v)| v)
    };
    told.or_else(kept)?.parse().ok()
}

/// Waits until this node shows what whoever asks has written at another one; while the log is away
/// there is nothing to wait for.
///
/// # Errors
/// [`Fail::Behind`] where it does not come in time.
pub(crate) async fn wait(app: &Arc<App>, headers: &HeaderMap) -> Result<(), Fail> {
    let (Some(wanted), Some((log, _))) = (brought(app, headers), &app.options.log) else {
        return Ok(());
    };
    let until = Instant::now() + PATIENCE;
    let mut news = app.lookout.subscribe();
    loop {
        let look = app.read(move |store, app| {
            let is_there = store.shows(wanted)?;
            if is_there {
                // Pages are of what was seen last.
                app.check()?;
            }
            Ok(is_there)
        });
        if look.await? {
            return Ok(());
        }
        if Instant::now() >= until || log.trouble().is_some() {
            return Err(Fail::Behind);
        }
        let _ = tokio::time::timeout(LOOK_EVERY, news.changed()).await;
    }
}

/// Has the answer to a write say how far this node is.
pub(crate) async fn tell(app: &Arc<App>, secure: &str, response: &mut Response) {
    let status = response.status();
    if app.options.log.is_none() || !(status.is_success() || status.is_redirection()) {
        return;
    }
    let Ok(reached) = app.read(|store, _| Ok(store.reached()?)).await else {
        return;
    };
    let name = cookie(app);
    let kept = format!(
        "{name}={reached}; Path={}/; Max-Age={KEPT}; HttpOnly; SameSite=Lax{secure}",
        app.base()
    );
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&reached.to_string()) {
        headers.insert(REACHED, value);
    }
    if let Ok(value) = HeaderValue::from_str(&kept) {
        headers.append(header::SET_COOKIE, value);
    }
}
