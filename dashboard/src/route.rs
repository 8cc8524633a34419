//! One route of the server.

use crate::app::App;
use axum::routing::MethodRouter;
use collector::store::Scope;
use std::sync::Arc;

/// What a route asks for: who reads, who hands in and decides, who measures, who does the rest.
pub(crate) const READ: Option<Scope> = Some(Scope::Read);
pub(crate) const WRITE: Option<Scope> = Some(Scope::Write);
pub(crate) const COLLECT: Option<Scope> = Some(Scope::Collect);
pub(crate) const ADMIN: Option<Scope> = Some(Scope::Admin);

/// One route: what it is called, what it takes to be let in, who answers.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As axum writes paths.
    pub path: &'static str,
    /// What is needed beyond loopback; `None`: nothing.
    pub scope: Option<Scope>,
    /// Bytes that a request may bring.
    pub body: usize,
    pub(crate) make: fn() -> MethodRouter<Arc<App>>,
}

impl Route {
    /// A route that reads.
    pub(crate) const fn get(
        path: &'static str,
        scope: Option<Scope>,
        make: fn() -> MethodRouter<Arc<App>>,
    ) -> Self {
        Self {
            method: "GET",
            path,
            scope,
            body: MAX_LITTLE,
            make,
        }
    }

    /// A route that writes, with the bytes that a request may bring.
    pub(crate) const fn post(
        path: &'static str,
        scope: Option<Scope>,
        body: usize,
        make: fn() -> MethodRouter<Arc<App>>,
    ) -> Self {
        Self {
            method: "POST",
            path,
            scope,
            body,
            make,
        }
    }
}

/// Bytes that a report may take once it is unpacked.
pub(crate) const MAX_BODY: usize = 64 << 20;
/// Bytes that a report may take on the wire.
pub(crate) const MAX_WIRE: usize = 10 << 20;
/// Bytes of a form about many changes.
pub(crate) const MAX_FORM: usize = 256 << 10;
/// Bytes of anything else: a token, the number of a decision.
pub(crate) const MAX_LITTLE: usize = 4 << 10;
