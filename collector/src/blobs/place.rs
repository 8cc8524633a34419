//! An address that profiles lie at.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// A directory or a bucket; never a key to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `file:///DIR`.
    Directory(PathBuf),
    /// `s3://BUCKET[/PREFIX]`.
    Bucket {
        /// Its name.
        name: String,
        /// What the names in it begin with: empty, or without a slash at either end.
        prefix: String,
    },
}

impl Place {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::Usage`] that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::Usage(format!(
                "--blobs: {why}; it is file:///DIRECTORY or s3://BUCKET[/PREFIX]"
            ))
        };
        if let Some(path) = text.strip_prefix("file://") {
            let path = Path::new(path);
            let plain = |c| matches!(c, Component::RootDir | Component::Normal(_));
            return match path.is_absolute() && path.components().all(plain) {
                true => Ok(Self::Directory(path.components().collect())),
                false => Err(wrong("the directory is not named from the root on")),
            };
        }
        // What may hold a secret is not repeated.
        let Some(rest) = text.strip_prefix("s3://") else {
            return Err(wrong("no such kind of address"));
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if !is_bucket(name) {
            return Err(wrong("the bucket's name is none"));
        }
        if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
            return Err(wrong(
                "the prefix holds more than letters, digits, `-`, `_` and `.`",
            ));
        }
        Ok(Self::Bucket {
            name: name.into(),
            prefix: prefix.into(),
        })
    }

    /// The folder of that name in it.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        match self {
            Self::Directory(path) => Self::Directory(path.join(folder)),
            Self::Bucket { name, prefix } => Self::Bucket {
                name: name.clone(),
                prefix: format!("{prefix}/{folder}").trim_start_matches('/').into(),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file://{}", path.display()),
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

fn is_bucket(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    (3..=63).contains(&name.len()) && name.bytes().all(plain) && !name.contains("..")
}

fn is_segment(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !matches!(text, "" | "." | "..") && text.bytes().all(plain)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_directory_or_a_bucket() {
        for good in [
            "file:///var/lib/profiles",
            "s3://profiles",
            "s3://a.b-c/d/e_f",
        ] {
            assert_eq!(Place::parse(good).unwrap().to_string(), good);
        }
        let below = |a: &str| Place::parse(a).unwrap().below("7f").to_string();
        assert_eq!(below("s3://profiles"), "s3://profiles/7f");
        assert_eq!(below("s3://profiles/x/"), "s3://profiles/x/7f");
        assert_eq!(below("file:///a/"), "file:///a/7f");
        for bad in [
            "",
            "/var/lib",
            "file://relative",
            "file:///a/../b",
            "http://h/b",
            "s3://",
            "s3://UPPER",
            "s3://b/../c",
            "s3://b//c",
            "s3://b/c?d",
            "s3://key:hidden@bucket/x",
        ] {
            let e = Place::parse(bad).unwrap_err();
            assert!(matches!(e, Error::Usage(_)), "{bad}");
            assert!(!e.to_string().contains("hidden"), "{e}");
        }
    }
}
