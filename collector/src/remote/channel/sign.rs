//! Signatures by Standard Webhooks 1.0: `v1,` and the base64 of HMAC-SHA256 over
//! `id.timestamp.body`, keyed with the bytes behind `whsec_`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::model::Secret;

const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the standard has it.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret made of random bytes.
#[must_use]
pub fn secret_of(bytes: &[u8; 32]) -> Secret {
    Secret::new(format!("{PREFIX}{}", BASE64.encode(bytes)))
}

/// Whether a text can be a webhook's secret.
///
/// # Errors
/// [`Error::Usage`], without the text.
pub fn check_secret(secret: &Secret) -> Result<()> {
    key(secret).map(|_| ())
}

fn key(secret: &Secret) -> Result<Vec<u8>> {
    let wrong = || {
        Error::Usage(
            "a webhook's secret is `whsec_` with the base64 of 24 to 64 bytes; without one, \
             `uptick channel add` makes one"
                .into(),
        )
    };
    let text = secret.expose().strip_prefix(PREFIX).ok_or_else(wrong)?;
    let bytes = BASE64.decode(text).map_err(|_| wrong())?;
    if BYTES.contains(&bytes.len()) {
        return Ok(bytes);
    }
    Err(wrong())
}

/// The header `webhook-signature`: one signature for each secret, parted by spaces.
///
/// # Errors
/// [`Error::Usage`] where one is no secret.
pub(super) fn signature(
    secrets: &[&Secret],
    id: &str,
    timestamp: i64,
    body: &str,
) -> Result<String> {
    let signed = |secret: &&Secret| -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?)
            .map_err(|e| Error::Usage(format!("the webhook's secret: {e}")))?;
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
    };
    let all: Vec<String> = secrets.iter().map(signed).collect::<Result<_>>()?;
    Ok(all.join(" "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_reference_signature_is_made() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let body = r#"{"test": 2432232314}"#;
        let made = signature(
            &[&secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            body,
        );
        assert_eq!(
            made.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn two_secrets_sign_twice_and_no_other_text_is_one() {
        let (a, b) = (secret_of(&[1; 32]), secret_of(&[2; 32]));
        let both = signature(&[&a, &b], "i", 1, "x").unwrap();
        assert_eq!(both.split(' ').count(), 2);
        let short = Secret::new(format!("{PREFIX}{}", BASE64.encode([0; 23])));
        for wrong in [short, Secret::new("hunter2".into()), Secret::default()] {
            let why = check_secret(&wrong).unwrap_err().to_string();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
