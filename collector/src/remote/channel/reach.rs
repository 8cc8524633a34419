//! Which addresses a message may be sent to.
//!
//! Whoever configures a channel names a host; what it means is known when it is resolved, and may
//! be something else at the next look. The check is therefore the resolver: it runs once for a
//! request, and the connection goes to what it let through and nowhere else. That also catches
//! `0x7f.1`, `2130706433` and names that point inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::error::{Error, Result};
use crate::model::Sink;

/// An address inside, which nobody at the command line opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "its address is of a private network, of this machine or of no network; `uptick channel add … \
     --allow HOST:PORT` opens it"
)]
pub(super) struct Forbidden;

/// A resolver that refuses what a channel may not reach.
#[derive(Debug)]
pub(super) struct Guarded<R> {
    pub(super) inner: R,
    /// Whether private networks and this machine are reached too.
    pub(super) private: bool,
}

impl<R: Resolver> Resolver for Guarded<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        // One address inside among others outside is no accident.
        if found.iter().all(|a| may_reach(a.ip(), self.private)) {
            return Ok(found);
        }
        Err(ureq::Error::Other(Box::new(Forbidden)))
    }
}

/// Whether a message may go to an address; `private` opens private networks and this machine, and
/// never what a cloud tells its machines of themselves.
pub(super) fn may_reach(ip: IpAddr, private: bool) -> bool {
    match ip {
        IpAddr::V4(ip) => may_reach_v4(ip, private),
        IpAddr::V6(ip) => may_reach_v6(ip, private),
    }
}

fn may_reach_v4(ip: Ipv4Addr, private: bool) -> bool {
    let octets = ip.octets();
    match octets {
        // This network, link-local with the metadata of most clouds, multicast and what is
        // reserved; Alibaba's metadata; protocol assignments; benchmarks of networks.
        [0, ..] | [169, 254, ..] | [224..=255, ..] | [100, 100, 100, 200] => false,
        [192, 0, 0, _] | [198, 18..=19, ..] => false,
        [127, ..] | [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => private,
        _ => true,
    }
}

fn may_reach_v6(ip: Ipv6Addr, private: bool) -> bool {
    let s = ip.segments();
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        may_reach_v4(Ipv4Addr::new(a, b, c, d), private)
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 1] => private,
        // IPv4 in IPv6's clothes: mapped, translated (RFC 6052), compatible, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] => inner(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Amazon's metadata; Teredo.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0x2001, 0, ..] => false,
        [0xfc00..=0xfdff, ..] => private,
        // What is handed out to the world.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

/// Where a mail server lies: looked up once, and the connection goes there. Else why not.
pub(super) fn look_up(host: &str, port: u16, private: bool) -> Result<IpAddr, String> {
    let host = host.trim_matches(['[', ']']);
    let found = (host, port).to_socket_addrs();
    let found: Vec<IpAddr> = found.into_iter().flatten().map(|a| a.ip()).collect();
    if found.iter().any(|ip| !may_reach(*ip, private)) {
        return Err(Forbidden.to_string());
    }
    let unknown = || "its name is not known here".to_string();
    found.first().copied().ok_or_else(unknown)
}

/// Whether an address can be a channel's: encrypted, or to what was opened; a host, no user.
///
/// # Errors
/// [`Error::Usage`], without the address.
pub fn check_address(address: &str, sink: Sink, private: bool) -> Result<()> {
    let wrong = |what: &str| Err(Error::Usage(format!("the channel's address {what}")));
    let Ok(uri) = address.parse::<Uri>() else {
        return wrong("is no URL");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong("is no whole URL: it begins with https://");
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return wrong("has a user or no host");
    }
    match (scheme, sink) {
        ("smtp" | "smtps", Sink::Email) => {}
        (_, Sink::Email) => return wrong("must begin with smtps:// or smtp:// (with STARTTLS)"),
        ("https", _) => {}
        ("http", _) if private => {}
        _ => return wrong("must begin with https:// (http:// goes with --allow)"),
    }
    match literal(authority.host()) {
        Some(ip) if !may_reach(ip, private) => wrong(
            "is of a private network or of this machine; `--allow HOST:PORT` opens that one place",
        ),
        _ => Ok(()),
    }
}

/// `host:port` of an address, as `--allow` names it.
#[must_use]
pub fn place(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    let otherwise = match uri.scheme_str() {
        Some("http") => 80,
        Some("smtp") => 587,
        Some("smtps") => 465,
        _ => 443,
    };
    let port = uri.port_u16().unwrap_or(otherwise);
    Some(format!("{}:{port}", uri.host()?))
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn may(ip: &str, private: bool) -> bool {
        may_reach(ip.parse().unwrap(), private)
    }

    #[test]
    fn the_world_is_reached_and_nothing_inside() {
        for outside in [
            "8.8.8.8",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "100.128.0.1",
        ] {
            assert!(may(outside, false), "{outside}");
        }
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::1",
            "fc00::1",
            "fd12::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
        ] {
            assert!(!may(inside, false), "{inside}");
            assert!(may(inside, true), "{inside} was opened");
        }
    }

    #[test]
    fn nothing_opens_what_is_no_place_or_a_clouds_own() {
        for never in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "::7f00:1",
            "2002:a9fe:a9fe::",
            "2001::1",
        ] {
            assert!(!may(never, true), "{never}");
        }
    }

    #[test]
    fn an_address_is_checked_before_it_is_kept() {
        for good in ["https://hooks.example/x?sig=1", "https://8.8.8.8/x"] {
            check_address(good, Sink::Slack, false).unwrap();
        }
        for bad in [
            "hooks.example/x",
            "ftp://hooks.example",
            "https://user:pass@hooks.example/x",
            "http://hooks.example/x",
            "https://127.0.0.1/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://[::1]:8080/",
            "https://169.254.169.254/latest",
            "https://a b/",
            "",
        ] {
            let why = check_address(bad, Sink::Slack, false)
                .unwrap_err()
                .to_string();
            assert!(bad.is_empty() || !why.contains(bad), "{why}");
        }
        check_address("http://127.0.0.1:9000/x", Sink::Slack, true).unwrap();
        assert_eq!(
            place("http://127.0.0.1:9/x").as_deref(),
            Some("127.0.0.1:9")
        );
        check_address("smtp://mail.example", Sink::Email, false).unwrap();
        assert!(check_address("https://mail.example", Sink::Email, false).is_err());
        assert!(check_address("smtps://10.0.0.1", Sink::Email, false).is_err());
        assert_eq!(
            place("smtp://mail.example").as_deref(),
            Some("mail.example:587")
        );
        assert_eq!(place("https://[::1]/x").as_deref(), Some("[::1]:443"));
    }
}
