//! What a server says of itself to whoever holds one of its tokens, of whatever scope: so that a
//! machine can be looked at before it works for the server.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use collector::jobs::about::{About, Shown, Waits};
use collector::jobs::wire::Lease;
use collector::store::Store;

use crate::app::App;
use crate::auth;
use crate::clock::clock;
use crate::error::Fail;
use crate::pages::status;
use crate::service::server::Server;

pub(super) async fn about(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Result<Response, Fail> {
    let request = auth::Request {
        method: &Method::GET,
        headers: &headers,
        peer: peer.map(|p| p.0),
    };
    let token = auth::bearer(&app, &request).await?;
    let unready = status::unready(&app).or_else(|| server.unready());
    let read = move |store: &Store, _: &App| {
        Ok(About {
            schema: About::SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            lease: Lease::SCHEMA.into(),
            now: clock(),
            unready,
            token: Shown {
                labels: store.labels_of_token(token.id)?,
                scope: token.scope.name().into(),
                expires: token.expires,
                name: token.name,
            },
            waits: waits(store)?,
        })
    };
    Ok(axum::Json(app.read(read).await?).into_response())
}

fn waits(store: &Store) -> Result<Vec<Waits>, Fail> {
    let all = store.waits(clock())?.into_iter().map(|w| Waits {
        label: w.label,
        waiting: w.waiting,
        pulls: w.pulls,
    });
    Ok(all.collect())
}
