//! Push webhooks: a forge says that there is something to fetch.
//!
//! The signature is checked over the bytes as they came, in constant time, before anything of them is
//! read; then nothing of them is: what was pushed is what the next fetch brings. Whoever has no valid
//! signature is refused alike, whether there is such a project or not, and costs no work.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::error::Fail;
use crate::service::server::Server;
use crate::text;

/// How far a forge's clock may be off, in seconds.
const SKEW: i64 = 300;

/// Has a project's repository fetched at once.
pub(super) async fn pushed(
    State(app): State<Arc<App>>,
    Extension(server): Extension<Arc<Server>>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Fail> {
    let wanted = project.clone();
    let found = app
        .read(move |store, _| Ok(store.project(&wanted)?))
        .await?;
    let secret = found.map(|p| p.secret).unwrap_or_default();
    if !is_signed(&secret, &headers, &body, text::now()) {
        crate::counters::Counters::add(&app.counters.refused);
        return Err(Fail::Denied(
            StatusCode::UNAUTHORIZED,
            "No valid signature: `uptick project set NAME --new-secret` makes the secret that a \
             forge signs with."
                .into(),
        ));
    }
    server.poke(&project);
    Ok(StatusCode::ACCEPTED)
}

/// Whether a request was made by somebody who knows the secret, in the way of any forge.
fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8], now: i64) -> bool {
    if secret.is_empty() {
        return false;
    }
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    // GitHub; Gitea and Forgejo send it too, beside one without a prefix.
    if let Some(shown) = header("x-hub-signature-256") {
        return shown
            .strip_prefix("sha256=")
            .is_some_and(|s| is_hex(secret, &[body], s));
    }
    for name in ["x-forgejo-signature", "x-gitea-signature"] {
        if let Some(shown) = header(name) {
            return is_hex(secret, &[body], shown);
        }
    }
    if let Some(shown) = header("webhook-signature") {
        let id = header("webhook-id").unwrap_or("");
        let time = header("webhook-timestamp").unwrap_or("");
        return is_standard(secret, (id, time, shown), body, now);
    }
    // GitLab's older way: the secret itself.
    header("x-gitlab-token").is_some_and(|shown| shown.as_bytes().ct_eq(secret.as_bytes()).into())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|p| mac.update(p));
    Some(mac)
}

fn is_hex(secret: &str, parts: &[&[u8]], shown: &str) -> bool {
    let digits = shown.as_bytes();
    if digits.len() != 64 {
        return false;
    }
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
        .collect();
    let mac = mac(secret.as_bytes(), parts);
    mac.zip(bytes)
        .is_some_and(|(mac, bytes)| mac.verify_slice(&bytes).is_ok())
}

/// Standard Webhooks: `v1,` and HMAC-SHA256 over `id.timestamp.body` in base64, one of several.
fn is_standard(secret: &str, (id, time, shown): (&str, &str, &str), body: &[u8], now: i64) -> bool {
    let fresh = time
        .parse()
        .is_ok_and(|t: i64| now.abs_diff(t) <= SKEW.cast_unsigned());
    let key = match secret.strip_prefix("whsec_") {
        Some(packed) => BASE64.decode(packed).unwrap_or_default(),
        None => secret.as_bytes().to_vec(),
    };
    if !fresh || id.is_empty() || key.is_empty() {
        return false;
    }
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    shown
        .split(' ')
        .filter_map(|s| s.strip_prefix("v1,"))
        .any(|s| {
            let mac = mac(&key, &parts).zip(BASE64.decode(s).ok());
            mac.is_some_and(|(mac, bytes)| mac.verify_slice(&bytes).is_ok())
        })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    const BODY: &[u8] = b"{\"ref\":\"refs/heads/main\"}";
    const SECRET: &str = "It's a Secret to Everybody";
    const NOW: i64 = 1_700_000_000;

    fn hex(body: &[u8], secret: &str) -> String {
        let bytes = mac(secret.as_bytes(), &[body])
            .unwrap()
            .finalize()
            .into_bytes();
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn signed(headers: &[(&'static str, &str)], body: &[u8]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        is_signed(SECRET, &map, body, NOW)
    }

    /// The example of GitHub's own documentation.
    #[test]
    fn a_known_signature_is_that_of_its_body_and_secret() {
        let known = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(hex(b"Hello, World!", SECRET), known);
        assert!(signed(
            &[("x-hub-signature-256", &format!("sha256={known}"))],
            b"Hello, World!"
        ));
    }

    #[test]
    fn each_forge_signs_in_its_way() {
        let good = hex(BODY, SECRET);
        for name in ["x-gitea-signature", "x-forgejo-signature"] {
            assert!(signed(&[(name, &good)], BODY), "{name}");
            assert!(!signed(&[(name, &good)], b"another body"), "{name}");
            assert!(!signed(&[(name, &hex(BODY, "wrong"))], BODY), "{name}");
        }
        assert!(signed(&[("x-gitlab-token", SECRET)], BODY));
    }

    #[test]
    fn what_is_missing_short_or_wrong_is_no_signature() {
        let good = hex(BODY, SECRET);
        let wrong = format!("sha256={}", hex(BODY, "wrong"));
        for bad in [
            "",
            "sha256=",
            "sha1=abc",
            &good,
            &wrong,
            &format!("sha256={}", &good[..62]),
            &format!("sha256={}zz", &good[..62]),
        ] {
            assert!(!signed(&[("x-hub-signature-256", bad)], BODY), "{bad}");
        }
        assert!(!signed(&[], BODY));
        for bad in ["", "It's a Secret", "it's a secret to everybody"] {
            assert!(!signed(&[("x-gitlab-token", bad)], BODY), "{bad}");
        }
        // A worse signature beside a good one is not asked twice.
        assert!(!signed(
            &[("x-hub-signature-256", &wrong), ("x-gitlab-token", SECRET)],
            BODY
        ));
        // A project without a secret takes none, not even an empty one.
        assert!(!is_signed("", &HeaderMap::new(), BODY, NOW));
    }

    #[test]
    fn a_standard_webhook_is_of_its_time() {
        let sign = |time: i64, body: &[u8]| {
            let text = format!("m.{time}.");
            let mac = mac(SECRET.as_bytes(), &[text.as_bytes(), body]).unwrap();
            format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
        };
        let ask = |time: i64, shown: &str| {
            let time = time.to_string();
            signed(
                &[
                    ("webhook-id", "m"),
                    ("webhook-timestamp", &time),
                    ("webhook-signature", shown),
                ],
                BODY,
            )
        };
        assert!(ask(NOW, &sign(NOW, BODY)));
        assert!(ask(NOW, &format!("v1,AAAA {}", sign(NOW, BODY))));
        assert!(!ask(NOW, &sign(NOW, b"another")));
        assert!(!ask(NOW - 301, &sign(NOW - 301, BODY)));
        assert!(!ask(NOW + 301, &sign(NOW + 301, BODY)));
        assert!(!ask(NOW, &sign(NOW - 1, BODY)));
    }
}
