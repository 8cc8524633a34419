//! Who did what to the server, for whoever runs it.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use collector::store::queue::Act;
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::error::Fail;
use crate::pages::layout::{self, Nav};
use crate::reader::Reader;
use crate::service::pages::{WHY, at, page};
use crate::text;

/// Acts that are listed.
const ROWS: usize = 500;

pub(super) async fn log(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Fail> {
    let all = app.read(|store, _| Ok(store.acts(ROWS)?)).await?;
    let body = html! {
        section .verdict.quiet {
            h1 { "Log" }
            p { "Who made, changed or ended what on this server. What people decide about changes is in the log "
                "of each project." }
            (layout::forms(&[("JSON", "/api/v1/log".into())]))
        }
        @if all.is_empty() { p .muted { "Nothing was done yet." } } @else {
            div .scroll { table .rows.stack {
                thead { tr {
                    th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" }
                    th scope="col" { "More" }
                } }
                tbody { @for act in &all { (row(act)) } }
            } }
        }
    };
    Ok(page(&app, (&reader, Nav::None), "Log", body))
}

fn row(act: &Act) -> Markup {
    html! {
        tr {
            td { (at(act.time)) }
            td data-th="who" { (text::cut(&act.actor, 100)) }
            td { (text::cut(&act.what, 40)) " " (text::cut(&act.thing, 200)) }
            td data-th="more" { (text::cut_or_empty(&act.detail, WHY)) }
        }
    }
}

/// The same as a document.
pub(super) async fn log_json(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let all = app.read(|store, _| Ok(store.acts(ROWS)?)).await?;
    Ok(axum::Json(json!({ "schema": "uptick.acts/1", "acts": all })).into_response())
}
