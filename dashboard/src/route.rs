//! One route of the server.

use crate::app::App;
use axum::routing::MethodRouter;
use collector::store::Scope;
use std::sync::Arc;

/// One route: what it is called, what it takes to be let in, who answers.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As axum writes paths.
    pub path: &'static str,
    /// What is needed beyond loopback; `None`: nothing.
    pub scope: Option<Scope>,
    pub(crate) make: fn() -> MethodRouter<Arc<App>>,
}

/// Bytes that a request may send (after decompression too).
pub(crate) const MAX_BODY: usize = 64 << 20;
