//! Where profiles lie, and how moving them goes. It moves no counter of the store's, so that this page
//! is made anew each time.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::app::App;
use crate::error::Fail;
use crate::mover::{self, Going};
use crate::pages::answer::HTML;
use crate::pages::layout;
use crate::reader::Reader;
use crate::text::{self, plural};

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let going = mover::going(&app).await?;
    let body = html! {
        section .head {
            h1 { "Profiles" }
            @match &going {
                None => p {
                    "They lie in the store's file. " code { "uptick serve --blobs" }
                    " keeps them in a directory or an object store."
                },
                Some(going) => (state(going, reader != Reader::Anybody)),
            }
        }
    };
    let html = [(header::CONTENT_TYPE, HTML)];
    Ok((html, layout::passing(&app, Some(&reader), "Profiles", body)).into_response())
}

/// How it goes; where they lie, and what that place answered, only to whom is `known`: both name paths
/// of this machine.
fn state(going: &Going, known: bool) -> Markup {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let counts = going.counts;
    html! {
        p {
            (plural(count(counts.moved), "profile"))
            @if known { " in " code { (text::cut(&going.place, 200)) } "." }
            @else { " outside the store’s file." }
        }
        @if counts.pending > 0 {
            p {
                (plural(count(counts.pending), "profile")) " pending: in the store's file until written "
                "there and read back."
            }
        }
        @if counts.left > 0 {
            p { (plural(count(counts.left), "pruned profile")) " still to be removed there." }
        }
        @if let Some((time, why)) = &going.last {
            p {
                "The last try failed, " (text::moment(*time))
                @if known { ": " (text::cut(why, 300)) } @else { "." }
            }
        }
        @if going.failures > 0 {
            p .muted { (plural(count(going.failures), "try")) " failed since the start." }
        }
    }
}
