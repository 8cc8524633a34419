//! The pages and the API over a store.
//!
//! ```text
//! socket ─ places, time-outs (door) ─▶ router
//! request ─ limits, host, scope (auth) ─▶ View (query) ─▶ cache ──hit──▶ bytes, or 304
//!                                                           └miss─▶ reader ─▶ page ─▶ packed
//! POST ───────────────────────────────────────────────────────▶ writer ─▶ 303
//! store ─ generation, four times a second ─▶ events (server-sent), and which pages are stale
//! ```
//!
//! What is served is always a function of the store and the address: a page keeps nothing of its
//! own. Submitted code is never run, names are data, and reading changes nothing.

mod ahead;
mod api;
mod app;
mod auth;
mod base;
mod behind;
mod cache;
mod chart;
mod clock;
mod counters;
mod deliver;
pub mod demo;
mod door;
mod error;
mod find;
#[cfg(test)]
mod fixture;
mod flame;
mod guard;
mod headline;
mod landmarks;
mod live;
mod look;
mod lookout;
mod mirror;
mod mover;
mod objects;
mod opening;
mod overview;
mod own_writes;
mod pages;
mod postgres;
mod proxy;
mod query;
mod quota;
mod reader;
mod retention;
mod route;
mod routes;
mod service;
mod stamp;
mod standing;
mod text;
mod trace;
mod verdicts;
mod writer;

pub use app::{App, Failure, Options};
pub use auth::{Minted, mint, random};
pub use opening::while_opening;
pub use postgres::Log;
pub use proxy::{Asked as AskedProxy, Proxy};
pub use query::is_understood;
pub use route::Route;
pub use routes::{ROUTES, router};
pub use service::{
    SERVER_ROUTES, Server, ServerOptions, open_server, server_router, tasks as server_tasks,
};

use app::Role;
use axum::Router;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

/// The state behind a router, for a server that is known at `local`.
///
/// # Errors
/// [`Failure`] when the store cannot be opened.
pub async fn open(options: Options, local: std::net::SocketAddr) -> Result<Arc<App>, Failure> {
    App::open(options, Role::Alone, local).await
}

/// How long what is under way may take once the server was told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves the store until `shutdown` resolves; then lets what is under way finish, for ten
/// seconds at most.
///
/// # Errors
/// [`Failure`] when the store cannot be opened or the listener fails.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let local = listener.local_addr().map_err(Failure::Listen)?;
    let app = App::open(options, Role::Alone, local).await?;
    serve_opened(listener, app, shutdown).await;
    Ok(())
}

/// [`serve`] with a store that is open already.
pub async fn serve_opened(
    listener: TcpListener,
    app: Arc<App>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let tasks = live::tasks(&app);
    let closing = app.clone();
    until(listener, router(&app), shutdown, move || closing.close()).await;
    drop(tasks);
}

/// Serves a server with its projects until `shutdown` resolves, as [`serve_opened`].
pub async fn serve_server(
    listener: TcpListener,
    server: Arc<Server>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let closing = server.clone();
    let tasks = server_tasks(&server);
    let router = server_router(&server);
    until(listener, router, shutdown, move || closing.close()).await;
    drop(tasks);
}

/// Serves until `shutdown` resolves; then calls `close` and lets what is under way finish.
async fn until(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    close: impl FnOnce() + Send + 'static,
) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let signal = async move {
        shutdown.await;
        close();
        let _ = stop.send(());
    };
    let patience = async {
        let _ = stopped.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = door::serve(listener, router, signal) => {}
        () = patience => {}
    }
}
