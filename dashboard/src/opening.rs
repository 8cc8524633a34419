//! What is answered while a node is being opened, which may first read a long log: it lives, and is
//! not ready.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::format::thousands;
use tokio::net::TcpListener;

use crate::door;
use crate::postgres::Log;

/// After so many seconds a node that reads its log is asked again.
const AGAIN: u64 = 2;

/// How long the last of those may take who asked while it was opened.
const LAST: Duration = Duration::from_secs(1);

/// Answers at a listener while a node is being opened, and gives it back with what came of that.
///
/// # Errors
/// Where the system does not let a listener be shared.
pub async fn while_opening<T>(
    listener: TcpListener,
    log: Log,
    open: impl Future<Output = T>,
) -> std::io::Result<(TcpListener, T)> {
    let listener = listener.into_std()?;
    let waiting = TcpListener::from_std(listener.try_clone()?)?;
    let router = Router::new().fallback(move |request: Request| not_yet(log.clone(), request));
    let (opened, until) = tokio::sync::oneshot::channel::<()>();
    let until = async {
        let _ = until.await;
    };
    let answering = tokio::spawn(door::serve_patiently(waiting, router, until, LAST));
    let out = open.await;
    drop(opened);
    // Whoever comes from now on is answered by what was opened; whoever came before and is slow is
    // not waited for.
    let _ = tokio::time::timeout(2 * LAST, answering).await;
    Ok((TcpListener::from_std(listener)?, out))
}

/// How far it is with reading is everybody's; of what, is not.
async fn not_yet(log: Log, request: Request) -> Response {
    if request.uri().path() == "/healthz" {
        return ([(header::CONNECTION, "close")], "ok\n").into_response();
    }
    let words = match log.reading() {
        (at, head) if at < head => format!(
            "This node reads the shared log before it shows anything: {} of {} writes so far.\n",
            thousands(at as f64),
            thousands(head as f64)
        ),
        _ => "This node is being opened, and derives its pages from the shared log.\n".into(),
    };
    let head = [
        (header::CONNECTION, "close".to_string()),
        (header::CACHE_CONTROL, "no-store".to_string()),
        (header::RETRY_AFTER, AGAIN.to_string()),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, head, words).into_response()
}
