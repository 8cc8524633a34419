//! Signing in a browser: it shows a token once and keeps it as a cookie that no script sees.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

use crate::app::App;
use crate::auth;
use crate::error::Fail;
use crate::pages::answer::HTML;
use crate::pages::layout;
use collector::store::Scope;

/// How long a browser stays signed in: 30 days.
const KEEP: u32 = 30 * 24 * 3600;

#[derive(Deserialize)]
pub(crate) struct Shown {
    token: String,
}

pub(crate) async fn form(State(app): State<Arc<App>>) -> Response {
    let body = html! {
        section .narrow {
            h1 { "Sign in" }
            p { "This dashboard asks for a token. Whoever runs it makes one with "
                code { "uptick token create NAME --scope write" } "." }
            form method="post" action="/login" {
                label for="token" { "Token" }
                input #token name="token" type="password" required autocomplete="current-password" maxlength="200";
                button .primary type="submit" { "Sign in" }
            }
        }
    };
    let html = [(header::CONTENT_TYPE, HTML)];
    (html, layout::passing(&app, "Sign in", body)).into_response()
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
    let value = format!("Bearer {token}")
        .parse()
        .map_err(|_| Fail::Bad("This is no token.".into()))?;
    bearing.insert(header::AUTHORIZATION, value);
    let request = auth::Request {
        method: &Method::GET,
        headers: &bearing,
        peer: peer.map(|p| p.0),
    };
    auth::within(&app.guard.signing_in, &request)?;
    auth::admit(&app, &request, Some(Scope::Read)).await?;
    let secure = if headers
        .get("x-forwarded-proto")
        .is_some_and(|p| p == "https")
    {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{}={token}; Path=/; Max-Age={KEEP}; HttpOnly; SameSite=Lax{secure}",
        auth::COOKIE
    );
    Ok((
        StatusCode::SEE_OTHER,
        [
            (header::SET_COOKIE, cookie),
            (header::LOCATION, "/".to_string()),
        ],
    )
        .into_response())
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
