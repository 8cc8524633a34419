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

mod api;
mod app;
mod auth;
mod cache;
mod chart;
mod counters;
mod deliver;
pub mod demo;
mod door;
mod error;
mod flame;
mod guard;
mod live;
mod lookout;
mod pages;
mod query;
mod quota;
mod route;
mod routes;
mod stamp;
mod standing;
mod text;
mod trace;
mod writer;

pub use app::{App, Failure, Options};
pub use auth::{Minted, mint, random};
pub use query::is_understood;
pub use route::Route;
pub use routes::{ROUTES, router};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

/// The state behind a router, for a server that is known at `local`.
///
/// # Errors
/// [`Failure`] when the store cannot be opened.
pub async fn open(options: Options, local: std::net::SocketAddr) -> Result<Arc<App>, Failure> {
    App::open(options, local).await
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
    let app = App::open(options, local).await?;
    serve_opened(listener, app, shutdown).await;
    Ok(())
}

/// [`serve`] with a store that is open already.
pub async fn serve_opened(
    listener: TcpListener,
    app: Arc<App>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let watcher = tokio::spawn(live::watch(app.clone()));
    let searcher = tokio::spawn(live::search(app.clone()));
    let messenger = (!app.options.read_only).then(|| tokio::spawn(deliver::deliver(app.clone())));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let closing = app.clone();
    let signal = async move {
        shutdown.await;
        closing.close();
        let _ = stop.send(());
    };
    let patience = async {
        let _ = stopped.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = door::serve(listener, router(&app), signal) => {}
        () = patience => {}
    }
    watcher.abort();
    searcher.abort();
    if let Some(messenger) = messenger {
        messenger.abort();
    }
}
