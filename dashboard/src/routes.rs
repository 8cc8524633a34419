//! All routes on one screen, and what every answer carries.

use crate::route::{ADMIN, MAX_FORM, MAX_LITTLE, MAX_WIRE, READ, Route, WRITE};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::cache::{self, Page, Policy};
use crate::counters::Counters;
use crate::error::Fail;
use crate::pages::login;
use crate::reader::Reader;
use crate::trace::Traced;
use crate::{api, auth, live, own_writes, pages, query};
/// Bytes of an address.
const MAX_URI: usize = 8 << 10;
/// Longer than any page takes; whoever waits longer is told so.
const PATIENCE: Duration = Duration::from_secs(30);

const fn show(path: &'static str) -> Route {
    Route::get(path, READ, || get(page))
}

/// Every route there is: the router, the API's document and the test of tokens are made from it.
pub const ROUTES: &[Route] = &[
    show("/"),
    show("/{page}"),
    show("/series/{id}"),
    show("/commit/{sha}"),
    show("/compare/{range}"),
    show("/functions/{id}/{range}"),
    show("/flame/{id}/{range}"),
    show("/badge/{id}"),
    show("/embed/{id}"),
    show("/api/v1/reports"),
    show("/api/v1/reports/{hash}"),
    show("/api/v1/series"),
    show("/api/v1/series/{id}"),
    show("/api/v1/changes"),
    show("/api/v1/changes/all"),
    show("/api/v1/compare/{range}"),
    show("/api/v1/profiles/{id}/{range}"),
    show("/api/v1/commits"),
    show("/api/v1/commits/{sha}"),
    show("/api/v1/branch"),
    Route::get("/api/openapi.json", None, || get(openapi)),
    Route::get("/api/v1/openapi.json", None, || get(openapi)),
    Route::get("/api/v1/tokens", ADMIN, || get(api::tokens)),
    Route::post("/api/v1/reports", WRITE, MAX_WIRE, || {
        post(api::receive::hand_in)
    }),
    Route::post("/api/v1/drifts", WRITE, MAX_LITTLE, || {
        post(pages::drift::open_api)
    }),
    Route::post("/api/v1/triage", WRITE, MAX_FORM, || post(api::triage)),
    Route::post("/triage", WRITE, MAX_FORM, || post(pages::triage::decide)),
    Route::post("/drift", WRITE, MAX_LITTLE, || post(pages::drift::open)),
    Route::post("/measure", WRITE, MAX_LITTLE, || {
        post(pages::missing::measure)
    }),
    Route::post("/triage/undo", WRITE, MAX_LITTLE, || {
        post(pages::triage::undo)
    }),
    Route::get("/channels", READ, || get(pages::channels::page)),
    Route::get("/channels.json", READ, || get(pages::channels::json)),
    Route::get("/api/v1/channels", READ, || get(pages::channels::json)),
    Route::post("/channels/test", ADMIN, MAX_LITTLE, || {
        post(pages::channels::test)
    }),
    Route::get("/profiles", READ, || get(pages::profiles::page)),
    Route::get("/login", None, || get(pages::login::form)),
    Route::post("/login", None, MAX_LITTLE, || post(pages::login::sign_in)),
    Route::post("/logout", None, MAX_LITTLE, || post(pages::login::sign_out)),
    Route::get("/events", READ, || get(live::events)),
    Route::get("/healthz", None, || get(pages::status::healthz)),
    Route::get("/readyz", None, || get(pages::status::readyz)),
    Route::get("/metrics", READ, || get(pages::status::metrics)),
    Route::get("/favicon.ico", None, || get(pages::assets::icon)),
    Route::get("/assets/{file}", None, || get(pages::assets::asset)),
];

/// The router of everything in one store.
pub fn router(app: &Arc<App>) -> Router {
    assemble(app, ROUTES)
}

/// A router of these routes, with what goes around every request.
pub(crate) fn assemble(app: &Arc<App>, routes: &'static [Route]) -> Router {
    let mut router = Router::new();
    for route in routes {
        let guard = from_fn_with_state(app.clone(), move |state, request, next| {
            guarded(state, route, request, next)
        });
        // In one layer: each is made anew for every request.
        let method = (route.make)().route_layer((guard, DefaultBodyLimit::max(route.body)));
        router = router.route(route.path, method);
    }
    router
        .fallback(pages::status::nowhere)
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app.clone())
}

/// How many reports a node lacks of what its answer is about.
const BEHIND: HeaderName = HeaderName::from_static("uptick-behind");

/// What goes around every request: limits before, headers after, a line of the log.
async fn around(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    let traced = Traced::new(&request);
    let before = app.behind();
    let mut response = limited(&app, request, next).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(PAGE_POLICY));
    // A page that says that something is missing may have been begun just before that was over.
    let behind = app.behind().or(before);
    let behind = behind.map(|b| HeaderValue::from_str(&b.header()));
    if let Some(Ok(behind)) = behind {
        response.headers_mut().insert(BEHIND, behind);
    }
    traced.answered(&mut response);
    response
}

/// Whether an answer is in the words of a library, which are no page and no document.
fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_none_or(|k| k.as_bytes().starts_with(b"text/plain"))
}

/// The answer in bounded time, or the page of what went wrong.
async fn limited(app: &Arc<App>, request: Request<Body>, next: Next) -> Response {
    Counters::add(&app.counters.requests);
    let too_long = request
        .uri()
        .path_and_query()
        .is_some_and(|p| p.as_str().len() > MAX_URI);
    let is_stream = request.uri().path().ends_with("/events");
    let asked = pages::status::Asked::new(&request);
    let mut response = if too_long {
        let words = "An address may have 8,192 characters.".to_string();
        Fail::Denied(StatusCode::URI_TOO_LONG, words).into_response()
    } else if is_stream {
        next.run(request).await
    } else {
        match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Fail::Busy.into_response(),
        }
    };
    let asked = asked.by(response.extensions_mut().remove());
    if let Some(fail) = response.extensions_mut().remove::<Fail>() {
        Counters::add(&app.counters.errors);
        response = pages::status::error(app, &fail, &asked);
    } else if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // The extractors say so in their own words, and without ours around them.
        let fail = Fail::TooLarge("This address does not take as much.".into());
        response = pages::status::error(app, &fail, &asked);
    } else if response.status().is_client_error() && is_bare(&response) {
        let fail = Fail::Denied(
            response.status(),
            "This address does not take such a request.".into(),
        );
        response = pages::status::error(app, &fail, &asked);
    }
    response
}

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
    (header::CACHE_CONTROL, "no-cache"),
];

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What a framed page may do, before who may frame it.
const EMBED_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors ";
const PICTURE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/// Lets in whoever may, and remembers who it is.
async fn guarded(
    State(app): State<Arc<App>>,
    route: &'static Route,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .copied();
    let asked = auth::Request {
        method: request.method(),
        headers: request.headers(),
        peer,
    };
    let admitted = match auth::admit(&app, &asked, route.scope).await {
        Ok(admitted) => admitted,
        Err(fail) => return fail.into_response(),
    };
    if declared(request.headers()).is_some_and(|n| n > route.body as u64) {
        return too_large(route.body).into_response();
    }
    // What nobody has to sign in for shows nothing that was written.
    if route.scope.is_some()
        && let Err(fail) = own_writes::wait(&app, request.headers()).await
    {
        return fail.into_response();
    }
    let secure = login::secure(request.headers());
    let writes = request.method() == Method::POST;
    request.extensions_mut().insert(admitted.actor);
    request.extensions_mut().insert(admitted.shown);
    request.extensions_mut().insert(admitted.reader.clone());
    let mut response = next.run(request).await;
    // The page of what went wrong says who is signed in, too.
    response.extensions_mut().insert(admitted.reader);
    if writes {
        own_writes::tell(&app, secure, &mut response).await;
    }
    response
}

/// How many bytes a request says that it brings.
fn declared(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn too_large(most: usize) -> Fail {
    let most = collector::format::thousands(most as f64);
    Fail::TooLarge(format!("This address takes {most} bytes at most."))
}

impl IntoResponse for Fail {
    /// Only carries the failure to [`around`], which knows in which form it is wanted.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Any page: from the cache, or made now.
async fn page(
    State(app): State<Arc<App>>,
    Extension(reader): Extension<Reader>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fail> {
    let view = query::view(uri.path(), uri.query().unwrap_or(""))?;
    let view = view.read_by(reader).at(crate::text::now());
    if let Some(to) = pages::redirect(&app, &view).await? {
        return Ok((StatusCode::FOUND, [(header::LOCATION, to)]).into_response());
    }
    let view = pages::with_machines(&app, view).await?;
    let view = pages::with_waits(&app, view).await?;
    let at = app.as_of(app.look().await);
    if let Some(page) = app.cache.get(&view, at).await {
        Counters::add(&app.counters.hits);
        return Ok(answer(&app, &page, &headers));
    }
    if let Some(words) = app.trouble() {
        return Err(Fail::Store(words));
    }
    let before = match wants_now(&headers) || own_writes::brought(&app, &headers).is_some() {
        true => None,
        false => app.cache.before(&view, at, |then| app.lookout.stood(then)),
    };
    let making = make(app.clone(), view);
    match before {
        Some(before) => {
            if let Some(due) = before.due {
                tokio::spawn(async move {
                    let _until_made = due;
                    making.await
                });
            }
            Ok(answer(&app, &before.page, &headers))
        }
        None => Ok(answer(&app, &*making.await?, &headers)),
    }
}

/// Whether who asks takes no page of just before: scripts after news, and a person who reloads.
fn wants_now(headers: &HeaderMap) -> bool {
    let control = headers.get(header::CACHE_CONTROL);
    let control = control.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut wishes = control.split(',').map(str::trim);
    wishes.any(|w| w.eq_ignore_ascii_case("no-cache") || w.eq_ignore_ascii_case("max-age=0"))
}

async fn make(app: Arc<App>, view: query::View) -> Result<Arc<Page>, Fail> {
    let at = app.as_of(app.now_at());
    let (maker, wanted, reader) = (app.clone(), view.clone(), view.reader.clone());
    let build = async move {
        Counters::add(&maker.counters.builds);
        let made = maker
            .read(move |store, app| pages::render(store, app, &wanted))
            .await;
        made.map(|page| {
            page.read_by(&reader, maker.options.read_only)
                .based(maker.base())
        })
    };
    app.cache.make(view, at, build).await
}

/// A page as an answer: 304 when it is known already.
fn answer(app: &App, page: &Page, headers: &HeaderMap) -> Response {
    let mut response = if cache::is_known(headers, &page.etag) {
        Counters::add(&app.counters.not_modified);
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let accepts = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let (encoding, body) = page.packed(accepts);
        let mut response = Response::new(Body::from(body));
        let h = response.headers_mut();
        h.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.kind));
        if let Some(encoding) = encoding {
            h.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let h = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&page.etag) {
        h.insert(header::ETAG, etag);
    }
    h.insert(header::VARY, varies(app));
    h.insert(header::CONTENT_SECURITY_POLICY, policy(app, page.policy));
    if let Some(name) = &page.download
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
    {
        h.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// What an answer depends on beside its address.
fn varies(app: &App) -> HeaderValue {
    let known = HeaderValue::from_static("accept-encoding, cookie, authorization");
    match &app.options.proxy {
        Some(proxy) => {
            let all = format!(
                "accept-encoding, cookie, authorization, {}",
                proxy.headers()
            );
            HeaderValue::from_str(&all).unwrap_or(known)
        }
        None => known,
    }
}

fn policy(app: &App, policy: Policy) -> HeaderValue {
    let fixed = match policy {
        Policy::Page => PAGE_POLICY,
        Policy::Picture => PICTURE_POLICY,
        Policy::Embed => {
            let sites = match app.options.embed_in.as_slice() {
                [] => "'none'".to_string(),
                sites => sites.join(" "),
            };
            // What is no header would let nobody in either.
            return HeaderValue::from_str(&format!("{EMBED_POLICY}{sites}"))
                .unwrap_or(HeaderValue::from_static(PAGE_POLICY));
        }
    };
    HeaderValue::from_static(fixed)
}

/// The document of the API, made from the routes.
fn openapi() -> std::future::Ready<Result<Response, Fail>> {
    let document = api::document(ROUTES, &api::SUMMARIES);
    std::future::ready(document.map(|d| axum::Json(d).into_response()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::api::SUMMARIES;

    #[test]
    fn the_document_names_every_route_of_the_api_and_nothing_else() {
        let document = api::document(ROUTES, &api::SUMMARIES).unwrap();
        let mut named: Vec<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(p, ops)| {
                ops.as_object()
                    .unwrap()
                    .keys()
                    .map(|m| (m.to_uppercase(), p.clone()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut routes: Vec<(String, String)> = ROUTES
            .iter()
            .filter(|r| r.path.starts_with("/api/"))
            .map(|r| (r.method.to_string(), r.path.to_string()))
            .collect();
        named.sort();
        routes.sort();
        assert_eq!(named, routes);
        let described: Vec<&str> = SUMMARIES.iter().map(|(_, p, _)| *p).collect();
        for (_, path) in routes.iter().filter(|(_, p)| !p.ends_with("openapi.json")) {
            assert!(described.contains(&path.as_str()), "{path} has no summary");
        }
        for (method, path) in &routes {
            let operation = &document["paths"][path][method.to_lowercase()];
            let answers = operation["responses"].as_object();
            let answers = answers.unwrap_or_else(|| panic!("{method} {path} has no answers"));
            for content in answers.values() {
                let schema = &content["content"]["application/json"]["schema"]["$ref"];
                let place = schema.as_str().unwrap().strip_prefix('#').unwrap();
                assert!(document.pointer(place).is_some(), "{path}: no {place}");
            }
            assert_eq!(operation["requestBody"].is_object(), method == "POST");
        }
    }
}
