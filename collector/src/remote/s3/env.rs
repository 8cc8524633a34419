//! Where a bucket lies and who asks, from the environment, by the names that others read too.

use std::path::PathBuf;

use rusty_s3::{Bucket, Credentials, UrlStyle};

/// What the environment says.
pub(super) struct Environment {
    pub(super) endpoint: Option<String>,
    pub(super) region: String,
    keys: Option<(String, String)>,
    session: Option<String>,
    pub(super) certificates: Option<PathBuf>,
}

impl Environment {
    /// Reads it by `get`; what is empty is not there.
    pub(super) fn read(get: &dyn Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|v| !v.trim().is_empty());
        let either = |a: &str, b: &str| get(a).or_else(|| get(b));
        Self {
            endpoint: either("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
            region: either("AWS_REGION", "AWS_DEFAULT_REGION")
                .unwrap_or_else(|| "us-east-1".into()),
            keys: get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY")),
            session: get("AWS_SESSION_TOKEN"),
            certificates: get("SSL_CERT_FILE").map(PathBuf::from),
        }
    }

    /// Who asks.
    pub(super) fn credentials(&self) -> Result<Credentials, String> {
        let (key, secret) = self.keys.as_ref().ok_or(
            "its keys are not in the environment: set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL where it is not one of Amazon's",
        )?;
        Ok(match &self.session {
            None => Credentials::new(key, secret),
            Some(token) => Credentials::new_with_token(key, secret, token),
        })
    }

    /// Where the bucket is. A server of one's own has no name for each of its buckets.
    pub(super) fn bucket(&self, name: &str) -> Result<Bucket, String> {
        let (address, style) = match &self.endpoint {
            Some(address) => (address.clone(), UrlStyle::Path),
            None => {
                let address = format!("https://s3.{}.amazonaws.com", self.region);
                let style = match name.contains('.') {
                    true => UrlStyle::Path,
                    false => UrlStyle::VirtualHost,
                };
                (address, style)
            }
        };
        let wrong = "AWS_ENDPOINT_URL is no address such as https://s3.example.org";
        let endpoint = address.parse().map_err(|_| wrong)?;
        let bucket = Bucket::new(endpoint, style, name.to_owned(), self.region.clone());
        bucket.map_err(|_| wrong.into())
    }
}
