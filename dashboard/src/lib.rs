//! The pages and the API over a store.
//!
//! ```text
//! request ─ limits, host, scope (auth) ─▶ View (query) ─▶ cache ──hit──▶ bytes, or 304
//!                                                           └miss─▶ reader ─▶ page ─▶ packed
//! POST ───────────────────────────────────────────────────────▶ writer ─▶ 303
//! store ─ generation, four times a second ─▶ events (server-sent), and which pages are stale
//! ```
//!
//! What is served is always a function of the store and the address: a page keeps nothing of its
//! own. Submitted code is never run, names are data, and reading changes nothing.

mod api;
mod app;
mod auth;
mod cache;
mod chart;
mod counters;
pub mod demo;
mod error;
mod flame;
mod guard;
mod live;
mod pages;
mod query;
mod route;
mod routes;
mod stamp;
mod text;
mod writer;

pub use app::{App, Failure, Options};
pub use auth::{Minted, mint};
pub use route::Route;
pub use routes::{ROUTES, router};

use std::future::Future;

/// The state behind a router, for a server that is known at `local`.
///
/// # Errors
/// [`Failure`] when the store cannot be opened.
pub async fn open(
    options: Options,
    local: std::net::SocketAddr,
) -> Result<std::sync::Arc<App>, Failure> {
    App::open(options, local).await
}

/// Serves the store until `shutdown` resolves; then lets what is under way finish, for ten
/// seconds at most.
///
/// # Errors
/// [`Failure`] when the store cannot be opened or the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let local = listener.local_addr().map_err(Failure::Listen)?;
    let app = app::App::open(options, local).await?;
    let router = router(&app);
    let watcher = tokio::spawn(live::watch(app.clone()));
    let searcher = tokio::spawn(live::search(app.clone()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let closing = app.clone();
    let signal = async move {
        shutdown.await;
        closing.close();
        let _ = stop.send(());
    };
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(signal);
    let patience = async {
        let _ = stopped.await;
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    };
    let result = tokio::select! {
        r = serving => r.map_err(Failure::Listen),
        () = patience => Ok(()),
    };
    watcher.abort();
    searcher.abort();
    result
}
