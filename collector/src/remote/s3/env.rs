//! Where a bucket lies and who asks, from the environment, by the names that others read too.

use std::path::PathBuf;

use rusty_s3::{Bucket, Credentials, UrlStyle};

/// A value, and the variable that has it.
type Said = (&'static str, String);

/// The region where none is named.
const REGION: &str = "us-east-1";

/// What the environment says.
pub(super) struct Environment {
    endpoint: Option<Said>,
    region: Option<Said>,
    keys: Option<(String, String)>,
    session: Option<String>,
    pub(super) certificates: Option<PathBuf>,
}

impl Environment {
    /// Reads it by `get`; what is empty is not there.
    pub(super) fn read(get: &dyn Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|v| !v.trim().is_empty());
        let said = |name: &'static str| Some((name, get(name)?));
        let either = |a, b| said(a).or_else(|| said(b));
        Self {
            endpoint: either("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
            region: either("AWS_REGION", "AWS_DEFAULT_REGION"),
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
        let (variable, region) = match &self.region {
            Some((variable, region)) => (*variable, region.as_str()),
            None => ("AWS_REGION", REGION),
        };
        let (address, style, wrong) = match &self.endpoint {
            Some((variable, address)) => (
                address.clone(),
                UrlStyle::Path,
                format!("{variable} is no address such as https://s3.example.org"),
            ),
            None => {
                let address = format!("https://s3.{region}.amazonaws.com");
                let style = match name.contains('.') {
                    true => UrlStyle::Path,
                    false => UrlStyle::VirtualHost,
                };
                (
                    address,
                    style,
                    format!("{variable} is no region such as eu-central-1"),
                )
            }
        };
        let endpoint = address.parse().map_err(|_| wrong.clone())?;
        let bucket = Bucket::new(endpoint, style, name.to_owned(), region.to_owned());
        bucket.map_err(|_| wrong)
    }
}
