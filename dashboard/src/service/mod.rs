//! A server: several projects, their queue, the collectors that work for it.
//!
//! ```text
//! DIR/service.db              projects, jobs, leases, collectors, tokens
//! DIR/projects/NAME/uptick.db one store a project: its own log, its own view, its own writer
//! DIR/projects/NAME/mirror.git
//!
//! push webhook, poll ─▶ scheduler ─ fetch, main line, offer ─▶ queue ◀─ claim, beat, finish, fail
//! /p/NAME/… ─▶ the router of that project's store                              collectors
//! ```
//!
//! A project is a store of its own because that is what a project is to everything else: its pages
//! are those of a store in a repository, a writer of one never waits for another's, and what is
//! wanted no more is a few rows of the queue to take away, which leaves a directory to delete. Each is
//! served by an [`App`] of its own, below `/p/NAME/` from the first one on, so that no address changes
//! when a second one is added.

mod about;
mod acts;
mod form;
mod front;
mod hook;
mod jobs;
mod metrics;
mod narrow;
mod notify;
mod open;
mod pages;
mod projects;
mod proposals;
mod pulls;
mod routes;
mod scheduler;
mod server;
mod summaries;
mod wanted;

pub use open::open_server;
pub use routes::{SERVER_ROUTES, router as server_router};
pub use server::{Server, ServerOptions};

use std::sync::Arc;

use tokio::task::JoinSet;

/// What goes on beside the requests of a server, until it is dropped.
#[must_use]
pub fn tasks(server: &Arc<Server>) -> JoinSet<()> {
    let mut tasks = crate::live::tasks(server.app());
    tasks.spawn(projects::keep(server.clone()));
    tasks.spawn(projects::sweep(server.clone()));
    tasks.spawn(projects::forget(server.clone()));
    tasks.spawn(narrow::keep(server.clone()));
    tasks.spawn(notify::keep(server.clone()));
    tasks
}
