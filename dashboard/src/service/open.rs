//! Opening a server.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use collector::store::Store;
use tokio::sync::Notify;

use crate::app::{App, Failure, Options, Role};
use crate::clock::clock;
use crate::service::projects;
use crate::service::server::{Server, ServerOptions};
use crate::service::summaries::Summaries;

/// Opens a server that is known at `local`, with the projects that it has.
///
/// # Errors
/// [`Failure`] when its file or a project's store cannot be opened.
pub async fn open_server(
    options: ServerOptions,
    local: SocketAddr,
) -> Result<Arc<Server>, Failure> {
    let file = Server::file(&options.dir);
    let (path, log, ttl) = (file.clone(), options.log.clone(), options.ttl_millis());
    let made = tokio::task::spawn_blocking(move || {
        let mut store = Store::open_service(&path)?;
        if let Some(log) = log {
            store.share(log.file(Server::LOG_FILE), Server::LOG_FILE)?;
            if log.trouble().is_some() {
                return Ok(());
            }
            store.follow()?;
        }
        store.renew_leases(ttl, clock()).map(|_| ())
    });
    made.await
        .map_err(|e| Failure::Listen(std::io::Error::other(e)))??;
    let own = Options {
        // It has no profiles.
        blobs: None,
        log: options
            .log
            .clone()
            .map(|log| (log, Server::LOG_FILE.into())),
        ..Server::app_options(&options, file, &options.name, "")
    };
    let app = App::open(own, Role::Server, local).await?;
    let server = Arc::new(Server {
        app,
        options,
        local,
        projects: RwLock::default(),
        unopened: RwLock::default(),
        configs: RwLock::default(),
        summaries: Summaries::default(),
        work: Notify::new(),
    });
    projects::refresh(&server).await?;
    Ok(server)
}
