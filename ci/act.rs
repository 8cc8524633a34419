//! What was done to a server from the command line, kept in its log.

use collector::error::Result;
use collector::store::Store;
use collector::store::queue::Act;
use dashboard::Server;

use crate::args::Args;
use crate::settle::actor;
use crate::{context, node};

/// Who does something here, as a server's log names them.
pub(crate) fn by(args: &Args) -> String {
    format!("{}, on the command line", actor(args))
}

/// Keeps in a server's own store what was just done to it; a store by itself is its owner's.
pub(crate) fn note(
    args: &Args,
    store: &mut Store,
    (what, thing): (&str, &str),
    detail: &str,
) -> Result<()> {
    if args.data.is_none() {
        return Ok(());
    }
    store.note_act(&Act {
        time: context::now() * 1000,
        actor: by(args),
        what: what.into(),
        thing: thing.into(),
        detail: detail.into(),
    })
}

/// The same of what was done to the store of one of its projects.
pub(crate) fn note_of_project(
    args: &Args,
    (what, thing): (&str, &str),
    detail: &str,
) -> Result<()> {
    let (Some(dir), Some(_)) = (&args.data, args.project()) else {
        return Ok(());
    };
    let file = Server::file(dir);
    let mut server = node::linked(Store::open_service(&file)?, &file)?;
    note(args, &mut server, (what, thing), detail)
}
