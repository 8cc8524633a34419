//! Who a proxy in front of the server says that a request comes from.
//!
//! The proxy signs people in and names them in a header. That is believed from the peers that were
//! configured and from no other: whoever reaches the server by another way can write any header.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, StatusCode};
use collector::store::Scope;

use crate::error::Fail;
use crate::text;

/// Characters of a name.
const MAX_NAME: usize = 100;
/// Headers that have a meaning of their own.
const TAKEN: [&str; 5] = ["authorization", "cookie", "host", "origin", "referer"];

/// Which header names people, and from whom it is believed.
#[derive(Clone, Debug)]
pub struct Proxy {
    user: HeaderName,
    groups: Option<HeaderName>,
    from: Vec<Network>,
    /// What everybody may do whom the proxy names; `None`: nothing, unless a group may.
    scope: Option<Scope>,
    /// What a group may do beyond that.
    of_groups: Vec<(String, Scope)>,
}

/// Whom the proxy named.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// What they may do; `None`: nothing.
    pub(crate) scope: Option<Scope>,
}

/// A proxy as it was asked for, in words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The header that names the user.
    pub user: &'a str,
    /// The header that names the user's groups, separated by commas.
    pub groups: Option<&'a str>,
    /// Addresses and networks of the proxies.
    pub from: &'a [String],
    /// What whoever is named may do: a scope, or `none`.
    pub scope: &'a str,
    /// `GROUP=SCOPE`.
    pub of_groups: &'a [String],
}

impl Proxy {
    /// What was asked for, checked.
    ///
    /// # Errors
    /// What is wrong with it, and how it is meant.
    pub fn new(asked: Asked<'_>) -> Result<Self, String> {
        let from: Result<Vec<Network>, String> =
            asked.from.iter().map(|f| Network::parse(f)).collect();
        let of_groups: Result<Vec<(String, Scope)>, String> =
            asked.of_groups.iter().map(|g| of_group(g)).collect();
        Ok(Self {
            user: header("--proxy-user", asked.user)?,
            groups: asked
                .groups
                .map(|g| header("--proxy-groups", g))
                .transpose()?,
            from: from?,
            scope: match asked.scope {
                "none" => None,
                word => {
                    Some(persons_scope(word).map_err(|e| format!("--proxy-scope {e}, or none"))?)
                }
            },
            of_groups: of_groups?,
        })
    }

    /// Whether what this peer says of people is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.from.iter().any(|n| n.holds(peer))
    }

    /// The headers that say who somebody is.
    pub(crate) fn headers(&self) -> String {
        match &self.groups {
            Some(groups) => format!("{}, {groups}", self.user),
            None => self.user.to_string(),
        }
    }

    /// Whether a request has the header that names people, whoever wrote it.
    pub(crate) fn is_named(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.user)
    }

    /// Whom the headers name; nobody where there is no name.
    ///
    /// # Errors
    /// Where they do not say one thing: then somebody else than the proxy wrote in them too.
    pub(crate) fn who(&self, headers: &HeaderMap) -> Result<Option<Person>, Fail> {
        let Some(name) = one(headers, &self.user)? else {
            return Ok(None);
        };
        let groups = match &self.groups {
            Some(header) => one(headers, header)?.unwrap_or_default(),
            None => "",
        };
        let mut scope = self.scope;
        for group in groups.split(',').map(str::trim) {
            for (_, more) in self.of_groups.iter().filter(|(g, _)| g == group) {
                if scope.is_none_or(|has| more.allows(has)) {
                    scope = Some(*more);
                }
            }
        }
        if name.chars().count() > MAX_NAME || text::cut_or_empty(name, MAX_NAME) != name {
            return Err(refused(
                &self.user,
                "holds no name that could be shown: 100 characters, none of them invisible",
            ));
        }
        Ok(Some(Person {
            name: name.to_owned(),
            scope,
        }))
    }
}

/// What one header says; `None` where it is missing or empty.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fail> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(refused(
            name,
            "came twice: the proxy has to replace it, and not to add its own to what came",
        ));
    }
    let value = std::str::from_utf8(value.as_bytes());
    let value = value.map_err(|_| refused(name, "is no text (UTF-8)"))?;
    let value = value.trim_matches(' ');
    if value.chars().any(char::is_control) {
        return Err(refused(name, "holds control characters"));
    }
    Ok(Some(value).filter(|v| !v.is_empty()))
}

fn refused(header: &HeaderName, why: &str) -> Fail {
    Fail::Denied(
        StatusCode::BAD_REQUEST,
        format!("The header `{header}` of the proxy in front {why}. Nobody was let in for it."),
    )
}

fn header(option: &str, name: &str) -> Result<HeaderName, String> {
    let parsed = name.parse::<HeaderName>();
    let parsed = parsed.map_err(|_| format!("{option} {name}: that is no name of a header"))?;
    if TAKEN.contains(&parsed.as_str()) {
        return Err(format!(
            "{option} {name}: that header has a meaning of its own; proxies use X-Forwarded-User"
        ));
    }
    Ok(parsed)
}

/// A scope of people: collectors show a token.
fn persons_scope(word: &str) -> Result<Scope, String> {
    let scope = Scope::from_name(word).filter(|s| *s != Scope::Collect);
    scope.ok_or_else(|| format!("{word}: what people may do is read, write or admin"))
}

fn of_group(text: &str) -> Result<(String, Scope), String> {
    let (group, scope) = text
        .rsplit_once('=')
        .filter(|(g, _)| !g.trim().is_empty() && !g.contains(','))
        .ok_or_else(|| {
            format!("--proxy-group {text}: it is GROUP=SCOPE, such as maintainers=write")
        })?;
    let scope = persons_scope(scope).map_err(|e| format!("--proxy-group {text}: {e}"))?;
    Ok((group.trim().to_owned(), scope))
}

/// An address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("--proxy-from {text}: it is an address or a network, as 10.0.0.7 or 10.0.0.0/8")
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let first = first.to_canonical();
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().map_err(|_| wrong())?,
        };
        if bits > most {
            return Err(wrong());
        }
        if bits == 0 {
            return Err(format!(
                "--proxy-from {text}: that is everybody, and everybody could name themselves as they like"
            ));
        }
        Ok(Self { first, bits })
    }

    fn holds(&self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn proxy() -> Proxy {
        let (from, of_groups) = (
            ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"].map(String::from),
            ["devs=write", "ops=admin", "guests=read"].map(String::from),
        );
        Proxy::new(Asked {
            user: "X-Forwarded-User",
            groups: Some("X-Forwarded-Groups"),
            from: &from,
            scope: "read",
            of_groups: &of_groups,
        })
        .unwrap()
    }

    #[test]
    fn a_peer_is_believed_by_its_address_alone() {
        let proxy = proxy();
        for (peer, is) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:192.0.2.7", true),
            ("::ffff:192.0.2.8", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("127.0.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(proxy.trusts(peer.parse().unwrap()), is, "{peer}");
        }
    }

    /// What the headers name: name and scope, `-` for nobody, `!` where they are refused.
    fn named(all: &[(&'static str, &[u8])]) -> String {
        named_by(&proxy(), all)
    }

    fn named_by(proxy: &Proxy, all: &[(&'static str, &[u8])]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        match proxy.who(&headers) {
            Ok(Some(p)) => format!("{} {}", p.name, p.scope.map_or("none", Scope::name)),
            Ok(None) => "-".into(),
            Err(_) => "!".into(),
        }
    }

    #[test]
    fn a_header_names_one_person_or_none() {
        const USER: &str = "x-forwarded-user";
        let long = "x".repeat(101);
        for (value, is) in [
            (&b"ada"[..], "ada read"),
            (b" ada ", "ada read"),
            (b"CN=Ada, OU=x", "CN=Ada, OU=x read"),
            ("Zoë".as_bytes(), "Zoë read"),
            (b"", "-"),
            (b"  ", "-"),
            (b"a\tb", "!"),
            (b"\xff\xfe", "!"),
            ("ada\u{202e}".as_bytes(), "!"),
            ("\u{85}ada".as_bytes(), "!"),
            (long.as_bytes(), "!"),
        ] {
            assert_eq!(named(&[(USER, value)]), is, "{value:?}");
        }
        assert_eq!(named(&[(USER, b"ada"), (USER, b"ada")]), "!");
        assert_eq!(named(&[(USER, b""), (USER, b"eve")]), "!");
        assert_eq!(named(&[("x-user", b"ada")]), "-");
    }

    #[test]
    fn the_group_that_may_most_decides() {
        let of =
            |groups: &[u8]| named(&[("x-forwarded-user", b"a"), ("x-forwarded-groups", groups)]);
        for (groups, is) in [
            (&b""[..], "a read"),
            (b"devs", "a write"),
            (b"guests, devs", "a write"),
            (b"ops,devs", "a admin"),
            (b"Ops", "a read"),
            (b"ops=admin", "a read"),
            (b"x\tops", "!"),
        ] {
            assert_eq!(of(groups), is, "{groups:?}");
        }
        let twice = [
            ("x-forwarded-user", &b"a"[..]),
            ("x-forwarded-groups", b"guests"),
            ("x-forwarded-groups", b"ops"),
        ];
        assert_eq!(named(&twice), "!");
        assert_eq!(named(&[("x-forwarded-groups", b"ops")]), "-");
        let strict = Proxy {
            scope: None,
            ..proxy()
        };
        let of = |groups: &[u8]| {
            named_by(
                &strict,
                &[("x-forwarded-user", b"a"), ("x-forwarded-groups", groups)],
            )
        };
        assert_eq!(of(b"x"), "a none");
        assert_eq!(of(b"x,guests"), "a read");
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let with = |user: &str, from: &str, group: &str| {
            let (from, of_groups) = ([from.to_string()], [group.to_string()]);
            Proxy::new(Asked {
                user,
                groups: None,
                from: &from,
                scope: "read",
                of_groups: &of_groups,
            })
        };
        assert!(with("Remote-User", "::1", "a=b=write").is_ok());
        for (user, from, group) in [
            ("Remote User", "::1", "a=read"),
            ("Authorization", "::1", "a=read"),
            ("Cookie", "::1", "a=read"),
            ("Remote-User", "proxy.example.org", "a=read"),
            ("Remote-User", "10.0.0.0/33", "a=read"),
            ("Remote-User", "0.0.0.0/0", "a=read"),
            ("Remote-User", "::1", "a"),
            ("Remote-User", "::1", "=write"),
            ("Remote-User", "::1", "a=collect"),
            ("Remote-User", "::1", "a,b=write"),
        ] {
            assert!(with(user, from, group).is_err(), "{user} {from} {group}");
        }
    }
}
