//! What people decide about jobs.

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::Actor;
use crate::clock::clock;
use crate::error::Fail;
use crate::look::address::field;
use crate::service::server::Server;

/// The job that a form names.
fn job(form: &[u8]) -> Result<i64, Fail> {
    let named = field(form, "job").and_then(|job| job.parse().ok());
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
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let job = job(&form)?;
    let found = app
        .write(move |store| Ok(store.retry_job(job, &actor.0, clock())?))
        .await?;
    server.work.notify_waiters();
    back(
        found,
        "that failed or was cancelled, of a label that its project has",
    )
}

/// Has every job tried again that failed, and the collectors that pause try at once.
pub(super) async fn retry_all(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Extension(actor): Extension<Actor>,
) -> Result<Response, Fail> {
    app.write(move |store| Ok(store.retry_failed(&actor.0, clock())?))
        .await?;
    server.work.notify_waiters();
    back(true, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_the_first_counts() {
        let form = b"project=a%2Bb+c&job=7&job=8&empty=";
        assert_eq!(field(form, "project").as_deref(), Some("a+b c"));
        assert_eq!(field(form, "empty").as_deref(), Some(""));
        assert_eq!(field(form, "jo"), None);
        assert!(job(form).is_ok_and(|j| j == 7) && job(b"job=x").is_err());
    }
}
