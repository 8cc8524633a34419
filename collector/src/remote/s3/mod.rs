//! Profiles in a bucket of an S3-compatible object store: `PREFIX/ab/abcd…`, each the bytes themselves.
//!
//! `rusty_s3` signs addresses (AWS Signature Version 4); what is sent goes through [`Plain`]. An
//! address that is signed lets whoever has it do the same for some minutes, and is never shown.

mod env;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod fake;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusty_s3::{Bucket, Credentials, S3Action};
use sha2::{Digest, Sha256};

use crate::blobs::{Blobs, MOST, Place, Trouble, check, is_hash};
use crate::format::sentence;
use crate::remote::forge::HttpMethod;
use crate::remote::http::{Plain, Signed};
use crate::remote::s3::env::Environment;

/// How long a signed address holds: a clock that is five minutes off is one that people have.
const HOLDS: Duration = Duration::from_secs(600);
/// How long a request may take, and a second more for so many bytes that go or may come.
const WHOLE: Duration = Duration::from_secs(15);
const BYTES_A_SECOND: u64 = 128 << 10;
/// How often one is sent that the store was too busy for, and the pauses in between.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// Every header that takes part is signed; this one has the bytes' hash, which the store checks.
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// A bucket, or the part of one below a prefix.
pub(super) struct S3 {
    place: Place,
    prefix: String,
    /// How long there may be no answer.
    patience: Duration,
    /// What is needed to ask; where it is not there, every request says so.
    ready: Result<(Bucket, Credentials, Plain), String>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({})", self.place)
    }
}

/// A request before it is signed.
struct Asked<'a> {
    method: HttpMethod,
    key: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Option<&'a [u8]>,
}

/// What came back.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl S3 {
    /// The bucket's part below a prefix, with the keys of an environment.
    pub(super) fn open(name: &str, prefix: &str, get: &dyn Fn(&str) -> Option<String>) -> Self {
        let env = Environment::read(get);
        let bucket = env.bucket(name);
        let ready = bucket.and_then(|bucket| {
            let client = Plain::new(env.certificates.as_deref());
            Ok((bucket, env.credentials()?, client))
        });
        Self {
            place: Place::Bucket {
                name: name.into(),
                prefix: prefix.into(),
            },
            prefix: prefix.into(),
            patience: WHOLE,
            ready,
        }
    }

    fn key(&self, hash: &str) -> Result<String, Trouble> {
        is_hash(hash)?;
        let key = format!("{}/{}/{hash}", self.prefix, &hash[..2]);
        Ok(key.trim_start_matches('/').into())
    }

    fn refused(&self, why: &str) -> Trouble {
        Trouble::Refused(format!("{}: {why}", self.place))
    }

    fn away(&self, why: &str) -> Trouble {
        Trouble::Away(format!(
            "{}: the object store does not answer: {why}",
            self.place
        ))
    }

    /// Sends a request, and again where the store was too busy for it: each may be done twice.
    fn ask(&self, asked: &Asked<'_>) -> Result<Answer, Trouble> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = self.once(asked)?;
            let is_busy = answer.status == 429 || answer.status >= 500 && answer.status != 501;
            match pauses.next() {
                Some(pause) if is_busy => std::thread::sleep(*pause),
                _ => return Ok(answer),
            }
        }
    }

    fn once(&self, asked: &Asked<'_>) -> Result<Answer, Trouble> {
        let (bucket, keys, client) = self.ready.as_ref().map_err(|why| self.refused(why))?;
        let url = signed(bucket, keys, asked);
        // How much comes is known to nobody before; what is under way must go on coming.
        let bytes = match asked.method {
            HttpMethod::Get => MOST as u64,
            _ => asked.body.map_or(0, |b| b.len() as u64),
        };
        let whole = self.patience + Duration::from_secs(bytes / BYTES_A_SECOND);
        let request = Signed {
            method: asked.method,
            url: &url,
            headers: &asked.headers,
            body: asked.body,
            whole,
            silence: match asked.body {
                Some(_) => whole,
                None => self.patience,
            },
            most: MOST as u64 + 1,
        };
        let (status, body) = client.send(&request).map_err(|why| self.away(&why))?;
        Ok(Answer { status, body })
    }

    /// What an answer means that is not what was hoped for.
    fn trouble(&self, answer: &Answer) -> Trouble {
        let code = code(&answer.body);
        let said = match code.is_empty() {
            true => format!("HTTP {}", answer.status),
            false => format!("HTTP {} ({code})", answer.status),
        };
        match (answer.status, code.as_str()) {
            (_, "NoSuchBucket") => self.refused(&format!("{said}: there is no such bucket")),
            (_, "SignatureDoesNotMatch") => self.refused(&format!(
                "{said}: AWS_SECRET_ACCESS_KEY is not the secret of that key"
            )),
            (_, "InvalidAccessKeyId") => {
                self.refused(&format!("{said}: AWS_ACCESS_KEY_ID is no key there"))
            }
            (_, "RequestTimeTooSkewed") => {
                self.refused(&format!("{said}: this machine's clock is wrong"))
            }
            (_, "ExpiredToken" | "InvalidToken") => {
                self.refused(&format!("{said}: AWS_SESSION_TOKEN is over"))
            }
            (401 | 403, _) => self.refused(&format!(
                "{said}: these keys may not read, write and remove there"
            )),
            (300..=399, _) | (_, "AuthorizationHeaderMalformed") => self.refused(&format!(
                "{said}: the bucket lies elsewhere; set AWS_REGION, or AWS_ENDPOINT_URL"
            )),
            (408 | 409 | 429 | 500.., _) | (_, "BadDigest" | "RequestTimeout") => self.away(&said),
            _ => self.refused(&said),
        }
    }

    /// Puts bytes with a hash to be checked there; `create`: only where nothing is.
    fn write(&self, hash: &str, bytes: &[u8], sum: &str, create: bool) -> Result<Answer, Trouble> {
        let mut headers = vec![
            ("content-type", "application/octet-stream".to_owned()),
            (CHECKSUM, sum.to_owned()),
        ];
        if create {
            headers.push(("if-none-match", "*".to_owned()));
        }
        self.ask(&Asked {
            method: HttpMethod::Put,
            key: &self.key(hash)?,
            headers,
            body: Some(bytes),
        })
    }

    /// Writes over whatever is there.
    fn replace(&self, hash: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let answer = self.write(hash, bytes, &checksum(bytes), false)?;
        match answer.status {
            200..=299 => Ok(()),
            _ => Err(self.trouble(&answer)),
        }
    }

    fn plain(&self, method: HttpMethod, hash: &str) -> Result<Answer, Trouble> {
        self.ask(&Asked {
            method,
            key: &self.key(hash)?,
            headers: Vec::new(),
            body: None,
        })
    }
}

fn signed(bucket: &Bucket, keys: &Credentials, asked: &Asked<'_>) -> String {
    fn sign<'a>(mut action: impl S3Action<'a>, headers: &'a [(&'static str, String)]) -> String {
        for (name, value) in headers {
            action.headers_mut().insert(*name, value.as_str());
        }
        action.sign(HOLDS).into()
    }
    let (keys, key) = (Some(keys), asked.key);
    match asked.method {
        HttpMethod::Put => sign(bucket.put_object(keys, key), &asked.headers),
        HttpMethod::Delete => sign(bucket.delete_object(keys, key), &asked.headers),
        // Nothing else is asked.
        _ => sign(bucket.get_object(keys, key), &asked.headers),
    }
}

fn checksum(bytes: &[u8]) -> String {
    BASE64.encode(Sha256::digest(bytes))
}

/// The code of an error: what stands between the first `<Code>` and its end.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4_096)]);
    let code = text.split("<Code>").nth(1);
    let code = code.and_then(|rest| rest.split("</Code>").next());
    let plain = |c: &str| c.chars().all(|c| c.is_ascii_alphanumeric());
    let code = code.map(str::trim).filter(|c| plain(c));
    sentence(code.unwrap_or(""), 60)
}

impl Blobs for S3 {
    fn name(&self) -> String {
        self.place.to_string()
    }

    fn put(&self, hash: &str, bytes: &[u8]) -> Result<(), Trouble> {
        check(hash, bytes, "the store's file")?;
        let answer = self.write(hash, bytes, &checksum(bytes), true)?;
        match (answer.status, code(&answer.body).as_str()) {
            (200..=299, _) => Ok(()),
            (412, _) => match self.get(hash) {
                Ok(Some(_)) => Ok(()),
                Ok(None) | Err(Trouble::Damaged(_)) => self.replace(hash, bytes),
                Err(e) => Err(e),
            },
            // Not every store knows the condition.
            (501, _) | (_, "NotImplemented") => self.replace(hash, bytes),
            _ => Err(self.trouble(&answer)),
        }
    }

    fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let answer = self.plain(HttpMethod::Get, hash)?;
        match (answer.status, code(&answer.body).as_str()) {
            (200, _) => {
                check(hash, &answer.body, &self.name())?;
                Ok(Some(answer.body))
            }
            (404, code) if code != "NoSuchBucket" => Ok(None),
            _ => Err(self.trouble(&answer)),
        }
    }

    fn remove(&self, hash: &str) -> Result<(), Trouble> {
        let answer = self.plain(HttpMethod::Delete, hash)?;
        match (answer.status, code(&answer.body).as_str()) {
            (200..=299, _) => Ok(()),
            (404, code) if code != "NoSuchBucket" => Ok(()),
            _ => Err(self.trouble(&answer)),
        }
    }

    fn weaknesses(&self, hash: &str, bytes: &[u8]) -> Result<Vec<String>, Trouble> {
        let mut out = Vec::new();
        let again = self.write(hash, bytes, &checksum(bytes), true)?;
        if again.status != 412 {
            out.push(
                "it does not know `If-None-Match: *`, and a profile that comes again is written again"
                    .into(),
            );
        }
        let wrong = self.write(hash, bytes, &checksum(b"something else"), false)?;
        if wrong.status < 400 {
            out.push(
                "it takes bytes whose checksum is wrong, and what is damaged on the way is noticed \
                 only when it is read back"
                    .into(),
            );
        }
        Ok(out)
    }
}
