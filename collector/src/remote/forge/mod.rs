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
pub use interface::{Annotation, Api, Comment, CommitState, CommitStatus};
pub use place::{CiRun, Forge, PullRequest, Secret};
pub use wire::{HttpHeader, HttpMethod, HttpRequest, HttpResponse, Unreachable, Wire};

/// The interface of the forge at a place.
#[must_use]
pub fn api(place: &CiRun) -> Box<dyn Api> {
    match place.kind {
        Forge::GitHub | Forge::Gitea => Box::new(github::GitHub::at(place)),
        Forge::GitLab => Box::new(gitlab::GitLab::at(place)),
        Forge::Bitbucket => Box::new(bitbucket::Bitbucket::at(place)),
        Forge::Azure => Box::new(azure::Azure::at(place)),
    }
}
