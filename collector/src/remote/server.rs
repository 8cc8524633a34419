//! An uptick server, as a collector asks it: for a job, whether to go on, to take a report.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::forge::{HttpHeader, HttpRequest, HttpResponse, Unreachable, Wire as _};
use super::http::{self, Client, encoded};
use crate::error::{Error, Result};
use crate::jobs::about::About;
use crate::jobs::wire::{Beat, Beaten, Claim, Failed, Going, Lease};
use crate::jobs::{Fault, Offered, Wanted, unreadable};

/// What a server has to say to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// What was asked for.
    Yes(T),
    /// The lease is over, or the name is another run's: 409, and why.
    Lost(String),
    /// It does not take what was sent, and never will: why.
    Refused(String),
    /// It cannot be reached, or cannot serve now: why, and after how many seconds to come again where
    /// it says so.
    Away(String, Option<u64>),
}

/// What paths are added to: an address without the slashes at its end.
///
/// # Errors
/// Why it is none: it is not of the web, names no host, or has credentials in it.
pub fn base(address: &str) -> std::result::Result<&str, &'static str> {
    let base = address.trim_end_matches('/');
    let rest = base
        .strip_prefix("https://")
        .or_else(|| base.strip_prefix("http://"));
    match rest {
        Some(rest) if rest.contains('@') => Err("an address has no credentials in it"),
        Some(rest) if !host(rest).is_empty() && !rest.contains(char::is_whitespace) => Ok(base),
        _ => Err("an address begins with https:// (or http://) and names a host"),
    }
}

/// Whether what is sent to an address can be read on the way to another machine.
#[must_use]
pub fn is_in_the_clear(address: &str) -> bool {
    let rest = address.strip_prefix("http://");
    rest.is_some_and(|rest| !matches!(host(rest), "localhost" | "127.0.0.1" | "[::1]"))
}

/// The host of an address without its scheme; a part of it alone is another host.
fn host(rest: &str) -> &str {
    let place = rest.split(['/', '?', '#']).next().unwrap_or("");
    // An address of version 6 has colons of its own.
    let port = place.rfind(':').filter(|at| !place[*at..].contains(']'));
    port.map_or(place, |at| &place[..at])
}

/// A server, with the token that is shown to it.
#[derive(Debug)]
pub struct Server {
    base: String,
    client: Client,
}

impl Server {
    /// The server at an address, `https://…` or `http://…`.
    ///
    /// # Errors
    /// [`Error::Usage`] where the address is none, or has credentials in it.
    pub fn at(address: &str, token: &str) -> Result<Self> {
        let base = base(address).map_err(|why| Error::Usage(format!("--server: {why}")))?;
        let authorization = HttpHeader::new("authorization", format!("Bearer {token}"));
        Ok(Self {
            base: base.to_string(),
            client: Client::new(vec![authorization], None),
        })
    }

    /// Whether what is sent can be read on the way to another machine.
    #[must_use]
    pub fn is_in_the_clear(&self) -> bool {
        is_in_the_clear(&self.base)
    }

    /// What it says of itself and of the token that is shown to it.
    ///
    /// # Errors
    /// As [`Server::claim`].
    pub fn about(&self) -> Result<Answer<About>> {
        let url = format!("{}/api/v1/about", self.base);
        match self.client.send(&HttpRequest::get(url)) {
            Ok(answer) if matches!(answer.status, 404 | 405) => Ok(Answer::Refused(
                "it is no `uptick serve --data DIR`, or its uptick is older than this one and does \
                 not say what a token may do"
                    .into(),
            )),
            answer => self.answered(answer, read),
        }
    }

    /// Asks for a job, and waits for one as long as the claim says.
    ///
    /// # Errors
    /// [`Error::Remote`] where the token does not suffice, and where one of the two is too old for the
    /// other; a lease that cannot be read is given back.
    pub fn claim(&self, claim: &Claim) -> Result<Answer<Option<Lease>>> {
        let claimed = self.ask("claim", claim, |answer| match answer.status {
            204 => Some(Ok(None)),
            _ => lease(answer).map(|lease| lease.map(Some)),
        })?;
        let unread = match claimed {
            Answer::Yes(Ok(lease)) => return Ok(Answer::Yes(lease)),
            Answer::Yes(Err(unread)) => unread,
            Answer::Lost(why) => return Ok(Answer::Lost(why)),
            Answer::Refused(why) => return Ok(Answer::Refused(why)),
            Answer::Away(why, after) => return Ok(Answer::Away(why, after)),
        };
        if let Some(failed) = &unread.back {
            // Where nobody hears it, the end of the lease says it.
            let _ = self.fail(failed);
        }
        Err(Error::Remote(format!("{}: {}", self.base, unread.why)))
    }

    /// Says that a job is being worked on, and hears whether to go on.
    ///
    /// # Errors
    /// As [`Server::claim`].
    pub fn beat(&self, beat: &Beat) -> Result<Answer<Going>> {
        self.ask("beat", beat, |answer| {
            read::<Beaten>(answer).map(|b| b.state)
        })
    }

    /// Says that a job could not be done.
    ///
    /// # Errors
    /// As [`Server::claim`].
    pub fn fail(&self, failed: &Failed) -> Result<Answer<()>> {
        self.ask("fail", failed, |_| Some(()))
    }

    /// Hands a report in, as lines of an export that zstd has packed.
    ///
    /// # Errors
    /// As [`Server::claim`].
    pub fn finish(&self, job: i64, epoch: i64, packed: &[u8]) -> Result<Answer<()>> {
        let url = format!("{}/api/v1/jobs/finish?job={job}&epoch={epoch}", self.base);
        let kind = ("application/x-ndjson", "zstd");
        self.answered(self.client.post(&url, kind, packed), |_| Some(()))
    }

    /// Has commits measured, and hears how far they are.
    ///
    /// # Errors
    /// As [`Server::claim`].
    pub fn offer(&self, wanted: &Wanted) -> Result<Answer<Offered>> {
        match self.posted("offer", wanted)? {
            Ok(answer) if matches!(answer.status, 404 | 405) => Ok(Answer::Refused(
                "its uptick is older than this one, and takes no such request".into(),
            )),
            answer => self.answered(answer, read),
        }
    }

    /// The JSON document at a path, with what is asked of it.
    ///
    /// # Errors
    /// As [`Server::claim`].
    pub fn document<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer<T>> {
        let pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{}", self.base, pairs.join("&"));
        match self.client.send(&HttpRequest::get(url)) {
            Ok(answer) if answer.status == 404 => Ok(Answer::Refused(said(&answer))),
            answer => self.answered(answer, read),
        }
    }

    /// Its address, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.base
    }

    /// A number from 0 to 1, so that collectors come back apart.
    #[must_use]
    pub fn random(&self) -> f64 {
        http::random()
    }

    fn ask<T>(
        &self,
        what: &str,
        body: &impl Serialize,
        read: impl FnOnce(&HttpResponse) -> Option<T>,
    ) -> Result<Answer<T>> {
        self.answered(self.posted(what, body)?, read)
    }

    fn posted(
        &self,
        what: &str,
        body: &impl Serialize,
    ) -> Result<std::result::Result<HttpResponse, Unreachable>> {
        let url = format!("{}/api/v1/jobs/{what}", self.base);
        let body =
            serde_json::to_vec(body).map_err(|e| Error::Remote(format!("{what}: no JSON: {e}")))?;
        Ok(self.client.post(&url, ("application/json", ""), &body))
    }

    fn answered<T>(
        &self,
        answer: std::result::Result<HttpResponse, Unreachable>,
        read: impl FnOnce(&HttpResponse) -> Option<T>,
    ) -> Result<Answer<T>> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(Unreachable(why)) => return Ok(Answer::Away(why, None)),
        };
        Ok(match answer.status {
            200..=299 => match read(&answer) {
                Some(read) => Answer::Yes(read),
                None => Answer::Away("its answer is none of an uptick server".into(), None),
            },
            401 | 403 | 426 => {
                return Err(Error::Remote(format!("{}: {}", self.base, said(&answer))));
            }
            404 | 405 => {
                return Err(Error::Remote(format!(
                    "{}: there are no jobs at this address: name a server that was started with \
                     `uptick serve --data DIR`",
                    self.base
                )));
            }
            409 => Answer::Lost(said(&answer)),
            400..=499 if answer.status != 408 && answer.status != 429 => {
                Answer::Refused(said(&answer))
            }
            _ => Answer::Away(said(&answer), answer.retry_after),
        })
    }
}

/// A lease that this uptick cannot read.
struct Unread {
    why: String,
    /// What gives the job back, where that can be read.
    back: Option<Failed>,
}

/// The lease in an answer; `None` where the answer is no server's.
fn lease(answer: &HttpResponse) -> Option<std::result::Result<Lease, Unread>> {
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    let schema = document["schema"].as_str()?;
    let why = match serde_json::from_value(document.clone()) {
        Ok(lease) if schema == Lease::SCHEMA => return Some(Ok(lease)),
        Err(e) if schema == Lease::SCHEMA => format!(
            "its lease cannot be read ({e}): most likely this collector is older than the server; \
             update uptick where the collector runs"
        ),
        _ => unreadable(schema)?,
    };
    let number = |name: &str| document[name].as_i64();
    let back = number("job")
        .zip(number("epoch"))
        .map(|(job, epoch)| Failed {
            job,
            epoch,
            fault: Fault::Nobody,
            only_this_job: None,
            stage: "claim".into(),
            why: why.clone(),
        });
    Some(Err(Unread { why, back }))
}

fn read<T: DeserializeOwned>(answer: &HttpResponse) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

/// What a server says went wrong.
fn said(answer: &HttpResponse) -> String {
    let document: Value = answer.json();
    let message = document["message"].as_str();
    let words = message.map_or_else(|| format!("it answered {}", answer.status), String::from);
    crate::format::sentence(&words, 300)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_server() {
        for bad in [
            "",
            "example.org",
            "ftp://x",
            "https://",
            "https:///path",
            "https://:8787",
            "https://t@example.org",
            "http://a b",
        ] {
            assert!(Server::at(bad, "t").is_err(), "{bad}");
        }
        let clear = |a: &str| Server::at(a, "t").unwrap().is_in_the_clear();
        for open in [
            "http://example.org:8787/",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example",
            "http://[::1].evil.example:80",
        ] {
            assert!(clear(open), "{open}");
        }
        for private in [
            "https://example.org",
            "http://127.0.0.1:1/",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(!clear(private), "{private}");
        }
    }

    #[test]
    fn a_lease_of_another_protocol_is_given_back_with_who_is_older() {
        let read = |document: Value| {
            let body = serde_json::to_vec(&document).unwrap();
            lease(&HttpResponse {
                status: 200,
                body,
                ..HttpResponse::default()
            })
        };
        let newer = serde_json::json!({
            "schema": "uptick.lease/9", "job": 7, "epoch": 2, "what": "else"
        });
        let unread = read(newer).unwrap().unwrap_err();
        let back = unread.back.unwrap();
        assert_eq!((back.job, back.epoch, back.fault), (7, 2, Fault::Nobody));
        assert!(unread.why.contains("uptick.lease/9"), "{}", unread.why);
        assert!(
            unread.why.contains("this collector is older"),
            "{}",
            unread.why
        );
        // A purpose that this one does not know.
        let mut odd = serde_json::json!({
            "schema": Lease::SCHEMA, "job": 1, "epoch": 1, "ttl": 60, "beat": 20,
            "project": "p", "url": "u", "branch": "main", "sha": "0".repeat(40),
            "position": 0, "purpose": "another"
        });
        let unread = read(odd.clone()).unwrap().unwrap_err();
        assert!(
            unread.why.contains("another") && unread.back.is_some(),
            "{}",
            unread.why
        );
        odd["purpose"] = "commit".into();
        assert_eq!(
            read(odd)
                .unwrap()
                .unwrap_or_else(|u| panic!("{}", u.why))
                .job,
            1
        );
        // The page of something that stands in front of a server.
        assert!(read(Value::Null).is_none());
    }

    #[test]
    fn the_token_is_never_shown() {
        let server = Server::at("https://example.org", "upt_secret").unwrap();
        assert!(!format!("{server:?}").contains("upt_secret"));
    }
}
