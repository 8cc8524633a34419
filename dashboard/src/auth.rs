//! Who may do what.
//!
//! On loopback whoever sits at the machine may do everything: the store is their file anyway.
//! Beyond it reading needs a token unless it was opened to all, and writing always does. A
//! browser shows its token as a cookie after signing in once, a machine as
//! `Authorization: Bearer`. A request that another site made a browser send is refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, StatusCode, header};
use collector::model::digest;
use collector::store::{Scope, Token};

use crate::app::App;
use crate::counters::Counters;
use crate::door::rates::Rate;
use crate::error::Fail;
use crate::guard::MISSES;
use crate::proxy::Person;
use crate::reader::{By, Reader};
use crate::text;

/// What a token begins with, so that scanners of leaked secrets know it.
const PREFIX: &str = "upt_";
/// The cookie of a browser that signed in.
pub(crate) const COOKIE: &str = "uptick_token";

/// A new token and what is kept of it.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The token, shown once.
    pub token: String,
    /// Its SHA-256, which is kept.
    pub hash: String,
}

/// A new token: 32 random bytes in hexadecimal, and six digits by which a typing error shows.
///
/// # Errors
/// When the system has no randomness.
pub fn mint() -> Result<Minted, std::io::Error> {
    let bytes = random()?;
    let body: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let check = digest(body.as_bytes());
    let token = format!("{PREFIX}{body}{}", &check[..6]);
    let hash = digest(token.as_bytes());
    Ok(Minted { token, hash })
}

/// Random bytes of the system.
///
/// # Errors
/// When it has none.
pub fn random() -> Result<[u8; 32], std::io::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| std::io::Error::other(e.to_string()))?;
    Ok(bytes)
}

/// Whether a text can be a token at all; spares the store the question.
fn is_token(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return false;
    };
    rest.len() == 70
        && rest.is_char_boundary(64)
        && digest(&rest.as_bytes()[..64])[..6] == rest[64..]
}

/// Who asks, as the log of decisions names them.
#[derive(Clone, Debug)]
pub(crate) struct Actor(pub(crate) String);

/// The number of the token that was shown, if one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown(pub(crate) Option<i64>);

/// Whoever was let in.
pub(crate) struct Admitted {
    pub(crate) actor: Actor,
    pub(crate) shown: Shown,
    pub(crate) reader: Reader,
}

impl Admitted {
    /// Who shows no token.
    fn without(actor: &str, reader: Reader) -> Self {
        Self {
            actor: Actor(actor.into()),
            shown: Shown(None),
            reader,
        }
    }
}

/// The parts of a request that decide whether it is let in.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) peer: Option<ConnectInfo<SocketAddr>>,
}

impl Request<'_> {
    fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The scheme's name is in any case (RFC 9110, §11.1).
    fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    fn cookie(&self) -> Option<&str> {
        let all = self.header(header::COOKIE)?;
        let pairs = all.split(';').filter_map(|p| p.trim().split_once('='));
        pairs
            .into_iter()
            .find(|(k, _)| *k == COOKIE)
            .map(|(_, v)| v)
    }

    /// Whether it comes straight from this machine, and through no proxy: neither one that says so
    /// nor the one that was configured.
    fn is_local(&self, app: &App) -> bool {
        let proxy = app.options.proxy.as_ref();
        self.ip().is_loopback()
            && !self.headers.keys().any(|name| is_forwarding(name.as_str()))
            && !self.is_proxied(app)
            && !proxy.is_some_and(|p| p.is_named(self.headers))
    }

    /// Whether it comes from where the proxy is that was configured.
    fn is_proxied(&self, app: &App) -> bool {
        let proxy = app.options.proxy.as_ref();
        proxy.is_some_and(|p| p.trusts(self.ip()))
    }

    /// Whom the proxy in front says that it comes from, if it comes from that proxy.
    fn person(&self, app: &App) -> Result<Option<Person>, Fail> {
        let proxy = app.options.proxy.as_ref();
        let proxy = proxy.filter(|p| p.trusts(self.ip()));
        proxy.map_or(Ok(None), |p| p.who(self.headers))
    }

    fn ip(&self) -> IpAddr {
        self.peer
            .as_ref()
            .map_or(IpAddr::from([0, 0, 0, 0]), |p| p.0.ip())
    }
}

/// Headers that proxies add, whatever else they leave out: one of them, and whoever asks is
/// somewhere else.
const FORWARDING: [&str; 16] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-url",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "x-proxyuser-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-ray",
    "cdn-loop",
    "fastly-client-ip",
    "true-client-ip",
];

fn is_forwarding(name: &str) -> bool {
    name.starts_with("x-forwarded") || FORWARDING.contains(&name)
}

/// Lets a request in, or says why not.
pub(crate) async fn admit(
    app: &Arc<App>,
    request: &Request<'_>,
    needed: Option<Scope>,
) -> Result<Admitted, Fail> {
    host(app, request)?;
    if !request.method.is_safe() {
        same_site(request)?;
    }
    let nobody = || Admitted::without("somebody", Reader::Anybody);
    let Some(needed) = needed else {
        return Ok(nobody());
    };
    let is_owner = app.is_loopback() && request.is_local(app) && !app.options.always_ask;
    if let Some(shown) = request.bearer() {
        let token = look_up(app, request, shown).await?;
        return suffices(app, of_token(token), needed);
    }
    // Whom the proxy signed in counts more than a token that the browser kept: that may be another
    // one's. Only whoever may do nothing by their name needs one.
    let person = request.person(app)?;
    if let Some(person) = person.as_ref().filter(|p| p.scope.is_some()) {
        return suffices(app, of_person(person), needed);
    }
    if let Some(shown) = request.cookie() {
        match look_up(app, request, shown).await {
            Ok(token) => return suffices(app, of_token(token), needed),
            // A cookie of long ago takes nothing from whoever needs none.
            Err(_) if is_owner || person.is_some() => {}
            Err(fail) => return Err(fail),
        }
    }
    if is_owner {
        let owner = Admitted::without("somebody at this machine", Reader::Owner);
        return Ok(owner);
    }
    if needed == Scope::Read && app.options.public {
        within(&app.guard.reading, request)?;
        return Ok(nobody());
    }
    if let Some(person) = person {
        return suffices(app, of_person(&person), needed);
    }
    Counters::add(&app.counters.refused);
    Err(Fail::Denied(
        StatusCode::UNAUTHORIZED,
        format!(
            "This needs a token of scope `{0}`: `uptick token create NAME --scope {0}` makes one on the \
             machine that serves; a browser signs in with it at /login, a program sends \
             `Authorization: Bearer TOKEN`.",
            needed.name()
        ),
    ))
}

/// Whoever holds the token, with what it allows.
fn of_token(token: Token) -> (Admitted, Option<Scope>) {
    let admitted = Admitted {
        actor: Actor(token.name.clone()),
        shown: Shown(Some(token.id)),
        reader: Reader::Holder {
            name: token.name,
            scope: token.scope,
            by: By::Token,
        },
    };
    (admitted, Some(token.scope))
}

/// Whom the proxy names, with what they may do.
fn of_person(person: &Person) -> (Admitted, Option<Scope>) {
    let reader = match person.scope {
        Some(scope) => Reader::Holder {
            name: person.name.clone(),
            scope,
            by: By::Proxy,
        },
        None => Reader::Anybody,
    };
    (Admitted::without(&person.name, reader), person.scope)
}

/// Lets somebody in who may do what is needed.
fn suffices(
    app: &App,
    (who, has): (Admitted, Option<Scope>),
    needed: Scope,
) -> Result<Admitted, Fail> {
    let by_proxy = who.shown.0.is_none();
    // A lease is held by a token.
    let is_work = by_proxy && needed == Scope::Collect;
    if has.is_some_and(|has| has.allows(needed)) && !is_work {
        return Ok(who);
    }
    Counters::add(&app.counters.refused);
    let (needed, has) = (needed.name(), has.map_or("none", Scope::name));
    let words = if by_proxy {
        let name = text::cut(&who.actor.0, 100);
        format!(
            "This needs the scope `{needed}`; {name}, whom the proxy in front signed in, has `{has}`. \
             A program shows a token: `Authorization: Bearer TOKEN`."
        )
    } else {
        format!("This needs a token of scope `{needed}`; the one shown has `{has}`.")
    };
    Err(Fail::Denied(StatusCode::FORBIDDEN, words))
}

/// Whether this address may ask once more. This machine always may.
pub(crate) fn within(rate: &Rate, request: &Request<'_>) -> Result<(), Fail> {
    let who = request.ip();
    if who.is_loopback() {
        return Ok(());
    }
    rate.take(who, Instant::now()).map_err(Fail::TooOften)
}

/// A name that resolves to this machine without being its name is how a web page reaches a
/// server on loopback ("DNS rebinding"), with whatever headers it likes: also those by which a proxy
/// on this machine names people. Under which name that proxy passes requests on is known where it was
/// said what people reach it by.
fn host(app: &App, request: &Request<'_>) -> Result<(), Fail> {
    let by_proxy = request.is_proxied(app) && request.ip().is_loopback();
    let public = app.options.public_url.as_deref().filter(|_| by_proxy);
    if !app.is_loopback() || !(request.is_local(app) || public.is_some()) {
        return Ok(());
    }
    let name = host_name(request.header(header::HOST).unwrap_or("localhost"));
    let is_loopback = || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_public = |url| name.eq_ignore_ascii_case(host_of(url));
    if name == "localhost" || is_loopback() || public.is_some_and(is_public) {
        return Ok(());
    }
    let words = match public {
        None => "This dashboard answers to `localhost` only; `--listen` opens it to others.".into(),
        Some(url) => format!(
            "This dashboard answers to `localhost` and to the name in `--public-url {url}` only; the \
             proxy in front passed another on."
        ),
    };
    Err(Fail::Denied(StatusCode::MISDIRECTED_REQUEST, words))
}

/// The host that an address names.
fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    host_name(after.split('/').next().unwrap_or(""))
}

/// A host without its port; of an address of IPv6 what its brackets hold.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Refuses what another site made a browser send.
fn same_site(request: &Request<'_>) -> Result<(), Fail> {
    if request.bearer().is_some() && request.cookie().is_none() {
        return Ok(()); // a browser adds no bearer token by itself
    }
    let ours = match (
        request.header("sec-fetch-site"),
        request.header(header::ORIGIN),
    ) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            let host = request.header(header::HOST).unwrap_or("");
            origin.split_once("://").is_some_and(|(_, h)| h == host)
        }
        // No browser sends neither.
        (None, None) => true,
    };
    if ours {
        return Ok(());
    }
    Err(Fail::Denied(
        StatusCode::FORBIDDEN,
        "This request was made by another site; nothing was changed.".into(),
    ))
}

/// Who is signed in: whom the proxy names, else whose token the browser shows, if it is live.
pub(crate) async fn signed_in(app: &Arc<App>, request: &Request<'_>) -> Option<Reader> {
    let admitted = match request.person(app).ok()? {
        Some(person) if person.scope.is_some() => of_person(&person).0,
        _ => of_token(look_up(app, request, request.cookie()?).await.ok()?).0,
    };
    Some(admitted.reader).filter(|r| *r != Reader::Anybody)
}

/// The live token that a program shows, whatever it allows.
pub(crate) async fn bearer(app: &Arc<App>, request: &Request<'_>) -> Result<Token, Fail> {
    let Some(shown) = request.bearer() else {
        return Err(Fail::Denied(
            StatusCode::UNAUTHORIZED,
            "This needs a token of any scope: `Authorization: Bearer TOKEN`.".into(),
        ));
    };
    look_up(app, request, shown).await
}

/// The live token that was shown.
async fn look_up(app: &Arc<App>, request: &Request<'_>, shown: &str) -> Result<Token, Fail> {
    let app = app.keeper();
    let guard = &app.guard;
    // Found by hash: no comparison that could tell by its duration how much was right.
    let hash = digest(shown.as_bytes());
    let token = if !is_token(shown) {
        None
    } else if let Some(known) = guard.known.get(&hash) {
        known
    } else {
        let key = hash.clone();
        let found = app.read(move |store, _| Ok(store.token(&key)?)).await?;
        guard.known.insert(hash, found.clone());
        if let Some(t) = &found {
            touch(app, t.id);
        }
        found
    };
    let now = crate::text::now();
    if let Some(token) = token.filter(|t| t.is_live(now)) {
        return Ok(token);
    }
    // Only whoever guesses has to wait: others behind the same address go on.
    Counters::add(&app.counters.refused);
    if !request.ip().is_loopback() && guard.miss(request.ip()) > MISSES {
        let words = "Too many wrong tokens from this address; wait a minute.";
        return Err(Fail::Denied(StatusCode::TOO_MANY_REQUESTS, words.into()));
    }
    let words = "This token is unknown, has expired or was revoked; `uptick token list` shows which \
                 are live.";
    Err(Fail::Denied(StatusCode::UNAUTHORIZED, words.into()))
}

/// Notes the use of a token, without making anybody wait for it.
fn touch(app: &Arc<App>, id: i64) {
    let app = app.clone();
    tokio::spawn(async move {
        let _ = app
            .keep(move |store| Ok(store.touch_token(id, crate::text::now())?))
            .await;
    });
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_other_text() {
        let minted = mint().unwrap();
        assert!(is_token(&minted.token));
        assert_ne!(minted.token, mint().unwrap().token);
        let mut typo = minted.token.clone();
        let last = if typo.pop() == Some('0') { '1' } else { '0' };
        typo.push(last);
        assert!(!is_token(&typo));
        assert!(
            !is_token("upt_") && !is_token("") && !is_token(&format!("upt_{}", "é".repeat(35)))
        );
    }
}
