//! Forges: which one this is, what is asked of it, what its answers mean. Pure; a [`Wire`]
//! carries requests there.
//!
//! Each forge is one file that turns "list the comments" into a request and an answer into
//! comments. [`publish`] uses them all alike.

mod azure;
mod bitbucket;
mod env;
mod gate;
mod github;
mod gitlab;
mod interface;
mod place;
pub mod publish;
mod talk;
#[cfg(test)]
mod tests;
mod wire;

pub use env::find;
pub use gate::status;
pub use interface::{Api, Comment, Finding, State, Status};
pub use place::{Kind, Place, Pull, Token};
pub use wire::{Header, Method, Request, Response, Unreachable, Wire};

/// The interface of the forge at a place.
#[must_use]
pub fn api(place: &Place) -> Box<dyn Api> {
    match place.kind {
        Kind::GitHub | Kind::Gitea => Box::new(github::GitHub::at(place)),
        Kind::GitLab => Box::new(gitlab::GitLab::at(place)),
        Kind::Bitbucket => Box::new(bitbucket::Bitbucket::at(place)),
        Kind::Azure => Box::new(azure::Azure::at(place)),
    }
}
