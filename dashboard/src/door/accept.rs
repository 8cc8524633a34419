//! Takes connections and serves each until it ends, falls silent or has to leave.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

use super::places::{Place, Places};
use super::stall::Watched;

/// How long a request's head may take; a connection between two requests counts as beginning one.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// Whoever accepts without a descriptor left waits for one to come free.
const NO_DESCRIPTOR: Duration = Duration::from_millis(50);

const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Serves until `shutdown` resolves, and then until the last connection has had its answer.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    serve_patiently(listener, router, shutdown, Duration::ZERO).await;
}

/// [`serve`], where whoever has connected and not asked yet may still do so for some time.
pub(crate) async fn serve_patiently(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
    patience: Duration,
) {
    let places = Places::of_this_process();
    let (closing, closed) = watch::channel(false);
    // Every connection holds a sender; when the last is gone nothing is received any more.
    let (alive, mut none_left) = mpsc::channel::<()>(1);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let Ok((socket, peer)) = accepted else {
            tokio::time::sleep(NO_DESCRIPTOR).await;
            continue;
        };
        let Some(place) = places.take(peer.ip()) else {
            // Whoever is sent away is told so, as far as the socket takes it at once.
            let _ = socket.try_write(NO_PLACE);
            continue;
        };
        let one = connection(socket, peer, place, router.clone(), closed.clone());
        let alive = alive.clone();
        tokio::spawn(async move {
            one.await;
            drop(alive);
        });
    }
    drop((listener, alive));
    let _ = tokio::time::timeout(patience, none_left.recv()).await;
    let _ = closing.send(true);
    let _ = none_left.recv().await;
}

/// One connection from its first byte to its last.
async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    mut closed: watch::Receiver<bool>,
) {
    // An answer in several pieces waits for no acknowledgement.
    let _ = socket.set_nodelay(true);
    let seat = place.seat.clone();
    let answering = seat.clone();
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let answering = answering.answering();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = router.oneshot(request).await;
            drop(answering);
            response
        }
    });
    let io = TokioIo::new(Watched::new(socket, seat.clone()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES);
    let mut served = pin!(builder.serve_connection(io, TowerToHyperService::new(service)));
    tokio::select! {
        // A connection that failed has nobody to be told.
        _ = served.as_mut() => return,
        () = seat.leave.notified() => return,
        _ = closed.wait_for(|c| *c) => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}
