//! The connection: one try of one message, with limits on time and size. No redirect is followed,
//! no proxy of the environment is used: both would reach what `reach` refuses.

use std::io::Read as _;
use std::time::Duration;

use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;

use crate::format::sentence;
use crate::model::{Channel, Sink};
use crate::remote::channel::answer::{Answer, Outcome};
use crate::remote::channel::mail;
use crate::remote::channel::reach::{Forbidden, Guarded};
use crate::remote::channel::request::{Outgoing, request};
use crate::remote::http::{limited, reason};
use crate::report::alert::Message;

/// The standard asks for 15 to 30 seconds.
const WHOLE: Duration = Duration::from_secs(20);
/// Bytes of an answer that are looked at.
const MOST: u64 = 2_048;
/// Characters of an answer that are shown.
const SHOWN: usize = 160;

/// Sends a message once.
#[must_use]
pub fn send(channel: &Channel, m: &Message, id: &str, now: i64) -> Answer {
    send_by(DefaultResolver::default(), channel, m, id, now)
}

/// [`send`] with another way to look names up.
pub(super) fn send_by(
    resolver: impl Resolver,
    channel: &Channel,
    m: &Message,
    id: &str,
    now: i64,
) -> Answer {
    if channel.sink == Sink::Email {
        return mail::send(channel, m, id);
    }
    let outgoing = match request(channel, m, id, now) {
        Ok(outgoing) => outgoing,
        Err(e) => return Answer::unsent(e.to_string()),
    };
    let guarded = Guarded {
        inner: resolver,
        private: channel.private,
    };
    let agent = agent(guarded);
    match sent(&agent, &outgoing) {
        Ok(answer) => read(answer, channel, now),
        Err(e) => unreached(&e),
    }
}

pub(super) fn agent(resolver: impl Resolver) -> ureq::Agent {
    let config = limited(None, WHOLE).max_idle_connections(0).proxy(None);
    ureq::Agent::with_parts(config.build(), DefaultConnector::default(), resolver)
}

fn sent(
    agent: &ureq::Agent,
    out: &Outgoing,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let mut builder = ureq::http::Request::builder()
        .method(if out.put { "PUT" } else { "POST" })
        .uri(out.url.expose())
        .header("content-type", "application/json");
    for (name, value) in &out.headers {
        builder = builder.header(*name, value.expose());
    }
    agent.run(builder.body(out.body.as_str())?)
}

fn read(mut answer: ureq::http::Response<ureq::Body>, channel: &Channel, now: i64) -> Answer {
    let status = answer.status().as_u16();
    let after = answer.headers().get("retry-after");
    let after = after.and_then(|v| retry_after(v.to_str().ok()?, now));
    let mut body = Vec::new();
    // An answer that breaks off is an answer.
    let _ = answer
        .body_mut()
        .as_reader()
        .take(MOST)
        .read_to_end(&mut body);
    let outcome = match status {
        200..=299 => Outcome::Taken,
        410 => Outcome::Gone,
        _ => Outcome::Later(after),
    };
    let text = String::from_utf8_lossy(&body);
    Answer {
        outcome,
        words: words(status),
        said: sentence(&without_secrets(&text, channel), SHOWN),
    }
}

fn words(status: u16) -> String {
    let why = match status {
        200..=299 => "",
        300..=399 => ": it leads elsewhere, and no redirect is followed",
        401 | 403 => ": it does not let uptick in",
        404 => ": there is nothing at its address",
        410 => ": it is gone for good",
        429 => ": too many messages",
        _ => "",
    };
    format!("HTTP {status}{why}")
}

/// Seconds to wait: the number that the header gives, or until the date in it.
fn retry_after(value: &str, now: i64) -> Option<i64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds >= 0.0).then_some(seconds.ceil() as i64);
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?;
    Some((at.timestamp().as_second() - now).max(0))
}

/// An answer may repeat what it was asked.
fn without_secrets(text: &str, channel: &Channel) -> String {
    let mut text = text.to_string();
    let address = channel.address.expose();
    let (_, path) = address.split_once("://").unwrap_or(("", address));
    let path = path.find('/').map_or("", |i| &path[i..]);
    for secret in [
        address,
        path,
        channel.secret.expose(),
        channel.former.expose(),
    ] {
        if secret.len() > 1 {
            text = text.replace(secret, "…");
        }
    }
    text
}

fn unreached(e: &ureq::Error) -> Answer {
    Answer::unsent(match e {
        ureq::Error::Other(e) if e.is::<Forbidden>() => Forbidden.to_string(),
        e => reason(e),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_wait_is_a_number_or_a_date() {
        assert_eq!(retry_after("120", 0), Some(120));
        assert_eq!(retry_after("0.3", 0), Some(1));
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert_eq!(retry_after(date, 946_684_790), Some(9));
        assert_eq!(retry_after(date, 946_684_900), Some(0));
        assert_eq!(retry_after("soon", 0), None);
        assert_eq!(retry_after("-5", 0), None);
    }
}
