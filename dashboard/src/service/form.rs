//! What people decide about jobs.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::Actor;
use crate::error::Fail;
use crate::service::clock::clock;
use crate::service::server::Server;

/// The job that a form names.
fn job(form: &[u8]) -> Result<i64, Fail> {
    let text = String::from_utf8_lossy(form).into_owned();
    let named = text
        .split('&')
        .find_map(|p| p.strip_prefix("job=")?.parse().ok());
    named.ok_or_else(|| Fail::Bad("`job` must be a number.".into()))
}

fn back(found: bool, what: &str) -> Result<Response, Fail> {
    if !found {
        return Err(Fail::Conflict(format!(
            "There is no job of that number {what}."
        )));
    }
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/queue")]).into_response())
}

/// Cancels a job.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let job = job(&form)?;
    let found = app
        .write(move |store| Ok(store.cancel_job(job, &actor.0, clock())?))
        .await?;
    back(found, "that waits or is measured")
}

/// Has a job tried again.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let job = job(&form)?;
    let found = app.write(move |store| Ok(store.retry_job(job)?)).await?;
    server.work.notify_waiters();
    back(found, "that failed or was cancelled")
}
