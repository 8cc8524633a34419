//! Signing in a browser: it shows a token once and keeps it as a cookie that no script sees.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::App;
use crate::auth;
use crate::error::Fail;
use crate::pages::answer::HTML;
use crate::pages::layout;
use crate::reader::Reader;
use collector::store::Scope;

/// How long a browser stays signed in: 30 days.
const KEEP: u32 = 30 * 24 * 3600;
/// Bytes of an address that a form leads back to.
const MAX_TO: usize = 2_000;
const NO_TOKEN: &str = "This is no token: one begins with `upt_` and has 74 characters.";

#[derive(Deserialize)]
pub(crate) struct Shown {
    token: String,
    #[serde(default)]
    to: String,
}

/// Where signing in leads back to.
#[derive(Default, Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    to: String,
}

pub(crate) async fn form(
    State(app): State<Arc<App>>,
    Query(back): Query<Back>,
    peer: Option<axum::Extension<axum::extract::ConnectInfo<std::net::SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let request = auth::Request {
        method: &Method::GET,
        headers: &headers,
        peer: peer.map(|p| p.0),
    };
    let who = auth::signed_in(&app, &request).await;
    let to = ours(&back.to);
    page(
        &app,
        StatusCode::OK,
        who.as_ref(),
        &body(who.as_ref(), to, None),
    )
}

fn page(app: &App, status: StatusCode, who: Option<&Reader>, body: &Markup) -> Response {
    let html = [(header::CONTENT_TYPE, HTML)];
    let made = layout::passing(app, who, "Sign in", body.clone());
    (status, html, made).into_response()
}

fn body(who: Option<&Reader>, to: &str, refused: Option<&str>) -> Markup {
    html! {
        section .narrow {
            h1 { "Sign in" }
            @if let Some(reader) = who {
                p {
                    "You are " (reader.signed_in())
                    @if reader.is_proxied() {
                        ", by the proxy in front of this dashboard, which signs you out too"
                    }
                    "."
                }
                @if !reader.is_proxied() {
                    form method="post" action="/logout" { button type="submit" { "Sign out" } }
                }
            }
            @if let Some(words) = refused { p .note role="alert" { (words) } }
            p { "This dashboard asks for a token. Whoever runs it makes one with "
                code { "uptick token create NAME --scope write" } "." }
            form method="post" action="/login" {
                input type="hidden" name="to" value=(to);
                label for="token" { "Token" }
                input #token name="token" type="password" required autocomplete="current-password" maxlength="200";
                button .primary type="submit" { "Sign in" }
            }
        }
    }
}

/// An address of this dashboard to go on to; its front page for any other.
pub(super) fn ours(to: &str) -> &str {
    let local = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
    let plain = to.is_ascii() && !to.bytes().any(|b| b.is_ascii_control());
    if local && plain && to.len() <= MAX_TO {
        to
    } else {
        "/"
    }
}

/// The form once more, with why the token did not do.
fn refused(app: &App, to: &str, fail: &Fail) -> Response {
    let words = fail.words();
    let mut response = page(app, fail.status(), None, &body(None, to, Some(&words)));
    if let Some(seconds) = fail.retry_after() {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    peer: Option<axum::Extension<axum::extract::ConnectInfo<std::net::SocketAddr>>>,
    headers: HeaderMap,
    Form(shown): Form<Shown>,
) -> Result<Response, Fail> {
    let token = shown.token.trim().to_string();
    // The same way as any request that shows a token.
    let mut bearing = HeaderMap::new();
    if let Some(host) = headers.get(header::HOST) {
        bearing.insert(header::HOST, host.clone());
    }
    let to = ours(&shown.to);
    let refused = |fail: &Fail| refused(&app, to, fail);
    let Ok(value) = format!("Bearer {token}").parse() else {
        let fail = Fail::Denied(StatusCode::UNAUTHORIZED, NO_TOKEN.into());
        return Ok(refused(&fail));
    };
    bearing.insert(header::AUTHORIZATION, value);
    let request = auth::Request {
        method: &Method::GET,
        headers: &bearing,
        peer: peer.map(|p| p.0),
    };
    if let Err(fail) = auth::within(&app.guard.signing_in, &request) {
        return Ok(refused(&fail));
    }
    match auth::admit(&app, &request, Some(Scope::Read)).await {
        Ok(_) => {}
        Err(fail @ (Fail::Denied(..) | Fail::TooOften(_))) => return Ok(refused(&fail)),
        Err(fail) => return Err(fail),
    }
    let secure = secure(&headers);
    let cookie = format!(
        "{}={token}; Path=/; Max-Age={KEEP}; HttpOnly; SameSite=Lax{secure}",
        auth::COOKIE
    );
    Ok((
        StatusCode::SEE_OTHER,
        [
            (header::SET_COOKIE, cookie),
            (header::LOCATION, to.to_string()),
        ],
    )
        .into_response())
}

/// What a cookie says besides where people come over TLS.
pub(crate) fn secure(headers: &HeaderMap) -> &'static str {
    match headers.get("x-forwarded-proto") {
        Some(scheme) if scheme == "https" => "; Secure",
        _ => "",
    }
}

pub(crate) async fn sign_out() -> Response {
    let cookie = format!(
        "{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
        auth::COOKIE
    );
    (
        StatusCode::SEE_OTHER,
        [
            (header::SET_COOKIE, cookie),
            (header::LOCATION, "/login".to_string()),
        ],
    )
        .into_response()
}
