//! All routes of a server beside those of its projects, and the way to these.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use tower::ServiceExt;

use crate::api::{self, Summary};
use crate::error::Fail;
use crate::pages::{assets, login, status};
use crate::route::{ADMIN, COLLECT, MAX_LITTLE, MAX_WIRE, READ, Route, WRITE};
use crate::service::server::Server;
use crate::service::{about, acts, form, front, hook, jobs, metrics, pages, proposals, wanted};
use crate::{base, live, routes};

/// Bytes of a push: forges list up to 2,000 commits in one. Of a longer one the next look knows.
const MAX_PUSH: usize = 5 << 20;
/// Bytes of what a collector says of itself or of a failure, and of what is asked for.
const MAX_SAID: usize = 64 << 10;

/// Every route of a server: the router, the API's document and the test of tokens are made from it.
pub const SERVER_ROUTES: &[Route] = &[
    Route::get("/", READ, || get(front::projects)),
    Route::get("/projects", READ, || get(front::projects)),
    Route::get("/health", READ, || get(front::health)),
    Route::get("/help", READ, || get(front::help)),
    Route::get("/queue", READ, || get(pages::queue)),
    Route::get("/collectors", READ, || get(pages::collectors)),
    Route::get("/pulls", READ, || get(proposals::pulls)),
    Route::get("/api/v1/pulls", READ, || get(proposals::pulls_json)),
    Route::post("/pulls/approve", ADMIN, MAX_LITTLE, || {
        post(proposals::approve)
    }),
    Route::get("/api/v1/projects", READ, || get(front::projects_json)),
    Route::get("/api/v1/jobs", READ, || get(pages::queue_json)),
    Route::get("/api/v1/collectors", READ, || get(pages::collectors_json)),
    Route::get("/api/v1/openapi.json", None, || get(openapi)),
    Route::get("/api/v1/tokens", ADMIN, || get(api::tokens)),
    Route::get("/log", ADMIN, || get(acts::log)),
    Route::get("/api/v1/log", ADMIN, || get(acts::log_json)),
    // It takes a token of any scope, which it looks at itself.
    Route::get("/api/v1/about", None, || get(about::about)),
    Route::post("/api/v1/jobs/claim", COLLECT, MAX_SAID, || {
        post(jobs::claim)
    }),
    Route::post("/api/v1/jobs/beat", COLLECT, MAX_LITTLE, || {
        post(jobs::beat)
    }),
    Route::post("/api/v1/jobs/finish", COLLECT, MAX_WIRE, || {
        post(jobs::finish)
    }),
    Route::post("/api/v1/jobs/fail", COLLECT, MAX_SAID, || post(jobs::fail)),
    Route::post("/api/v1/jobs/offer", WRITE, MAX_SAID, || {
        post(wanted::offer)
    }),
    Route::post("/queue/cancel", WRITE, MAX_LITTLE, || post(form::cancel)),
    Route::post("/queue/retry", WRITE, MAX_LITTLE, || post(form::retry)),
    Route::post("/queue/retry-all", WRITE, MAX_LITTLE, || {
        post(form::retry_all)
    }),
    Route::post("/hooks/{project}", None, MAX_PUSH, || post(hook::pushed)),
    Route::get("/login", None, || get(login::form)),
    Route::post("/login", None, MAX_LITTLE, || post(login::sign_in)),
    Route::post("/logout", None, MAX_LITTLE, || post(login::sign_out)),
    Route::get("/events", READ, || get(live::events)),
    Route::get("/healthz", None, || get(status::healthz)),
    Route::get("/readyz", None, || get(front::readyz)),
    Route::get("/metrics", READ, || get(metrics::metrics)),
    Route::get("/favicon.ico", None, || get(assets::icon)),
    Route::get("/assets/{file}", None, || get(assets::asset)),
];

/// What each route of a server's API is for.
const SUMMARIES: [Summary; 12] = [
    (
        "GET",
        "/api/v1/projects",
        "Projects, how their repositories were last reached, and how each stands",
    ),
    (
        "GET",
        "/api/v1/pulls",
        "Pull requests: their heads, how far each is, which wait for approval; query: project",
    ),
    (
        "GET",
        "/api/v1/jobs",
        "What waits, runs and failed, with numbers",
    ),
    (
        "GET",
        "/api/v1/collectors",
        "Collectors, and which labels wait for one",
    ),
    ("GET", "/api/v1/tokens", "Tokens, without the tokens"),
    (
        "GET",
        "/api/v1/log",
        "Who made, changed or ended tokens, projects, channels and jobs, the newest first",
    ),
    (
        "GET",
        "/api/v1/about",
        "The server, the token that is shown (of any scope), and what waits",
    ),
    ("POST", "/api/v1/jobs/claim", "Lease a job; 204: none waits"),
    (
        "POST",
        "/api/v1/jobs/beat",
        "Renew a lease; answers go, cancelled or lost",
    ),
    (
        "POST",
        "/api/v1/jobs/finish",
        "Hand in a job's report as lines of uptick.export/1; query: job, epoch; 409: the lease is over",
    ),
    (
        "POST",
        "/api/v1/jobs/fail",
        "Say why a job could not be done, and whose fault it is",
    ),
    (
        "POST",
        "/api/v1/jobs/offer",
        "Have commits of a project's main line measured; asked again, it says how far they are",
    ),
];

/// The router of a server: its own pages, and those of its projects below `/p/NAME/`.
pub fn router(server: &Arc<Server>) -> Router {
    let below = Router::new()
        .route("/p/{project}", any(to_project))
        .route("/p/{project}/{*rest}", any(to_project))
        .route("/p/{project}/", any(to_project))
        .with_state(server.clone());
    routes::assemble(server.app(), SERVER_ROUTES)
        .layer(Extension(server.clone()))
        .merge(below)
}

/// Hands a request to the project that its address names, without that part of the address.
async fn to_project(State(server): State<Arc<Server>>, mut request: Request<Body>) -> Response {
    let uri = request.uri().clone();
    let path = uri.path().strip_prefix("/p/").unwrap_or("");
    let Some((name, rest)) = path.split_once('/') else {
        // Relative to it, links lead to the project's pages.
        let to = format!("/p/{path}/");
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response();
    };
    let Some((app, router)) = server.project(name) else {
        let is_known = server.app().projects().iter().any(|p| p.name == name);
        let fail = match is_known {
            true => Fail::Opening,
            false => Fail::NotFound("There is no project of that name.".into()),
        };
        let asked = status::Asked::new(&request);
        return status::error(server.app(), &fail, &asked);
    };
    let query = uri.query().map_or_else(String::new, |q| format!("?{q}"));
    match format!("/{rest}{query}").parse::<Uri>() {
        Ok(inside) => *request.uri_mut() = inside,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }
    let answered: Result<Response, std::convert::Infallible> = router.oneshot(request).await;
    let Ok(mut response) = answered;
    let location = response.headers().get(header::LOCATION);
    let moved = location
        .and_then(|l| l.to_str().ok())
        .map(|l| base::placed(l, app.base()))
        .and_then(|l| HeaderValue::from_str(&l).ok());
    if let Some(moved) = moved {
        response.headers_mut().insert(header::LOCATION, moved);
    }
    response
}

/// The document of the API, made from the routes.
fn openapi() -> std::future::Ready<Result<Response, Fail>> {
    let document = api::document(SERVER_ROUTES, &SUMMARIES);
    std::future::ready(document.map(|d| axum::Json(d).into_response()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_api_is_described() {
        let all = SERVER_ROUTES.iter().filter(|r| r.path.starts_with("/api/"));
        for route in all.filter(|r| !r.path.ends_with("openapi.json")) {
            let described = SUMMARIES
                .iter()
                .any(|(m, p, _)| *m == route.method && *p == route.path);
            assert!(described, "{} {}", route.method, route.path);
        }
        let document = api::document(SERVER_ROUTES, &SUMMARIES).unwrap();
        for (method, path, _) in SUMMARIES {
            let answers = &document["paths"][path][method.to_lowercase()]["responses"];
            assert!(answers.is_object(), "{method} {path} has no answers");
        }
        assert_eq!(
            document["paths"].as_object().unwrap().len(),
            SUMMARIES.len() + 1
        );
    }
}
