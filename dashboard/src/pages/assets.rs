//! The sheet, the script and the icon: in the program itself, addressed by their content.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::model::digest;

use crate::cache::{self, Page, Policy};
use crate::error::Fail;

const CSS: &str = include_str!("../assets/app.css");
const JS: &str = include_str!("../assets/app.js");
const ICON: &str = include_str!("../assets/icon.svg");

struct Asset {
    url: String,
    page: Page,
}

fn all() -> &'static [Asset; 3] {
    static ALL: OnceLock<[Asset; 3]> = OnceLock::new();
    ALL.get_or_init(|| {
        let asset = |stem: &str, suffix: &str, kind, text: &str| Asset {
            url: format!("/assets/{stem}-{}.{suffix}", &digest(text.as_bytes())[..12]),
            page: Page::new(kind, Policy::Picture, text.as_bytes().to_vec()),
        };
        [
            asset("app", "css", "text/css; charset=utf-8", CSS),
            asset(
                "app",
                "js",
                "text/javascript; charset=utf-8",
                &uncommented(JS),
            ),
            asset("icon", "svg", "image/svg+xml", ICON),
        ]
    })
}

/// The script without its lines of comment, which only whoever reads the source needs.
fn uncommented(script: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    script.split_inclusive('\n').filter(is_code).collect()
}

pub(crate) fn css_url() -> &'static str {
    &all()[0].url
}

pub(crate) fn js_url() -> &'static str {
    &all()[1].url
}

pub(crate) fn icon_url() -> &'static str {
    &all()[2].url
}

/// Where browsers look for an icon on what is no page.
pub(crate) async fn icon() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, icon_url())]).into_response()
}

/// One of them; nothing else can be named.
pub(crate) async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Fail> {
    let wanted = all()
        .iter()
        .find(|a| a.url.strip_prefix("/assets/") == Some(&file));
    let asset = wanted.ok_or_else(|| Fail::NotFound("There is no such file.".into()))?;
    if cache::is_known(&headers, &asset.page.etag) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let accepts = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let (encoding, body) = asset.page.packed(accepts);
    let mut response = Response::new(axum::body::Body::from(body));
    let h = response.headers_mut();
    h.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.page.kind),
    );
    h.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    h.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&asset.page.etag) {
        h.insert(header::ETAG, etag);
    }
    if let Some(encoding) = encoding {
        h.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}
