//! The connection: one agent with limits on time and size that follows no redirect, because a
//! redirect would carry the token to wherever it points. The proxy is the environment's.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::Duration;

use ureq::http::request::Builder;

use crate::remote::forge::{HttpHeader, HttpMethod, HttpRequest, HttpResponse, Unreachable, Wire};

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(30);
/// A page of 100 comments of 65,536 characters fits.
const MOST: u64 = 32 << 20;

/// Where systems keep the certificates that an administrator trusts; a forge in a company has
/// one that no list on the internet knows.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What every connection keeps to, whoever it goes to.
pub(super) fn limited(
    certificates: Option<&Path>,
    whole: Duration,
) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots(certificates));
    ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(whole))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("uptick/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
}

/// A request without its body.
fn begun<'h>(
    method: HttpMethod,
    url: &str,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
) -> Builder {
    let begun = ureq::http::Request::builder()
        .method(method.name())
        .uri(url);
    headers.fold(begun, |b, (name, value)| b.header(name, value))
}

/// A client of one forge, with the headers that each request carries.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    headers: Vec<HttpHeader>,
}

impl Client {
    /// A client that sends these headers. `certificates` is a bundle in PEM; without one it is
    /// the system's, else the one built in.
    #[must_use]
    pub fn new(headers: Vec<HttpHeader>, certificates: Option<&Path>) -> Self {
        Self {
            agent: limited(certificates, WHOLE).build().new_agent(),
            headers,
        }
    }

    fn begun(&self, method: HttpMethod, url: &str) -> Builder {
        begun(
            method,
            url,
            self.headers.iter().map(|h| (h.name, h.value())),
        )
    }

    fn sent(&self, request: &HttpRequest) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let builder = self.begun(request.method, &request.url);
        match &request.body {
            None => self.agent.run(builder.body(())?),
            Some(body) => {
                let builder = builder.header("content-type", "application/json");
                self.agent.run(builder.body(body.to_string())?)
            }
        }
    }
}

/// The bundle named, else the system's, where there is one.
pub(super) fn bundle(named: Option<&Path>) -> Option<Vec<u8>> {
    let system = BUNDLES.iter().map(Path::new);
    let mut all = named.into_iter().chain(system);
    all.find_map(|p| std::fs::read(p).ok())
}

/// The certificates that are trusted: those of the bundle named, else the system's, else the ones
/// built in.
pub(super) fn roots(named: Option<&Path>) -> ureq::tls::RootCerts {
    let text = bundle(named);
    let certificates: Vec<ureq::tls::Certificate<'static>> = text
        .iter()
        .flat_map(|t| ureq::tls::parse_pem(t))
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(c)) => Some(c),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return ureq::tls::RootCerts::WebPki;
    }
    ureq::tls::RootCerts::from(certificates)
}

impl Client {
    /// Posts bytes as they are; `encoding` says how they are packed.
    ///
    /// # Errors
    /// When no answer came.
    pub(super) fn post(
        &self,
        url: &str,
        (kind, encoding): (&str, &str),
        body: &[u8],
    ) -> Result<HttpResponse, Unreachable> {
        let posted = || -> Result<HttpResponse, ureq::Error> {
            let mut builder = self.begun(HttpMethod::Post, url);
            builder = builder.header("content-type", kind);
            if !encoding.is_empty() {
                builder = builder.header("content-encoding", encoding);
            }
            answer(self.agent.run(builder.body(body)?)?)
        };
        posted().map_err(|e| Unreachable(reason(&e)))
    }
}

/// A request whose address is signed already: nothing is added to it, and the address is never shown.
pub(super) struct Signed<'r> {
    pub(super) method: HttpMethod,
    pub(super) url: &'r str,
    pub(super) headers: &'r [(&'static str, String)],
    pub(super) body: Option<&'r [u8]>,
    /// How long it may take, from the name's look-up to the last byte.
    pub(super) whole: Duration,
    /// How long nothing may come while something is waited for.
    pub(super) silence: Duration,
    /// Bytes of an answer that are read; one that is larger is none.
    pub(super) most: u64,
}

/// A client that sends requests as they are.
#[derive(Debug)]
pub(super) struct Plain(ureq::Agent);

impl Plain {
    pub(super) fn new(certificates: Option<&Path>) -> Self {
        Self(limited(certificates, WHOLE).build().new_agent())
    }

    /// Sends a request; gives the status and the body of the answer, whole.
    ///
    /// # Errors
    /// Why no answer came, without the address.
    pub(super) fn send(&self, r: &Signed<'_>) -> Result<(u16, Vec<u8>), String> {
        self.sent(r).map_err(|e| reason(&e))
    }

    fn sent(&self, r: &Signed<'_>) -> Result<(u16, Vec<u8>), ureq::Error> {
        let builder = begun(
            r.method,
            r.url,
            r.headers.iter().map(|(n, v)| (*n, v.as_str())),
        );
        let mut answer = match r.body {
            None => self.0.run(self.timed(builder.body(())?, r))?,
            Some(body) => self.0.run(self.timed(builder.body(body)?, r))?,
        };
        let body = answer
            .body_mut()
            .with_config()
            .limit(r.most)
            .read_to_vec()?;
        Ok((answer.status().as_u16(), body))
    }

    fn timed<S: ureq::AsSendBody>(
        &self,
        request: ureq::http::Request<S>,
        r: &Signed<'_>,
    ) -> ureq::http::Request<S> {
        let limited = self.0.configure_request(request);
        let limited = limited.timeout_global(Some(r.whole));
        limited.timeout_per_read(Some(r.silence)).build()
    }
}

/// What a server answered, as far as it is read.
fn answer(mut answer: ureq::http::Response<ureq::Body>) -> Result<HttpResponse, ureq::Error> {
    let header = |name: &str| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        Some(value.to_string())
    };
    let retry_after = header("retry-after").and_then(|v| v.trim().parse().ok());
    let exhausted = header("x-ratelimit-remaining").is_some_and(|v| v.trim() == "0");
    let links = header("link").is_some_and(|v| v.contains("rel=\"next\""));
    let pages = header("x-next-page").is_some_and(|v| !v.trim().is_empty());
    let status = answer.status().as_u16();
    Ok(HttpResponse {
        status,
        more: links || pages,
        retry_after,
        exhausted,
        body: answer.body_mut().with_config().limit(MOST).read_to_vec()?,
    })
}

impl Wire for Client {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, Unreachable> {
        // An error of the library may hold the address; ours is said by the caller, without
        // what stands behind `?`.
        self.sent(request)
            .and_then(answer)
            .map_err(|e| Unreachable(reason(&e)))
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn random(&self) -> f64 {
        random()
    }
}

impl HttpMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A number from 0 to 1. Each `RandomState` has its own random keys: enough to part two machines
/// in time.
pub(super) fn random() -> f64 {
    let bits = RandomState::new().hash_one(std::process::id());
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Why there is no answer, without addresses.
pub(super) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it did not answer in time".into(),
        ureq::Error::HostNotFound => "its name is not known here".into(),
        ureq::Error::ConnectionFailed => "the connection failed".into(),
        ureq::Error::Io(e) => format!("the connection failed: {}", e.kind()),
        ureq::Error::Tls(what) => format!("TLS: {what}"),
        ureq::Error::Rustls(e) => format!("TLS: {e}; SSL_CERT_FILE names a bundle to trust"),
        ureq::Error::BodyExceedsLimit(_) => "its answer is too large".into(),
        ureq::Error::BadUri(_) => "its address is none".into(),
        _ => "the request failed".into(),
    }
}

/// A text as one segment of a path, or as one value of a query.
pub(in crate::remote) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(b));
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_one_segment_of_a_path() {
        assert_eq!(encoded("!a:b.c/../d"), "%21a%3Ab.c%2F..%2Fd");
    }
}
