//! Which addresses a repository may be fetched from.

use crate::error::{Error, Result};

/// Characters of an address.
const MOST: usize = 1_000;

/// Whether a server may fetch from an address: `https://`, `ssh://`, `user@host:path`, `file://` or
/// an absolute path, without credentials in it.
///
/// # Errors
/// [`Error::Usage`] that says what is taken.
pub fn check_address(url: &str) -> Result<()> {
    let wrong = |why: &str| {
        Err(Error::Usage(format!(
            "`{}` is no address to fetch from: {why}",
            shown(url)
        )))
    };
    if url.is_empty() || url.len() > MOST || url.chars().any(|c| c.is_control() || c == ' ') {
        return wrong("it is empty, longer than 1,000 characters or has blanks");
    }
    if url.starts_with('/') {
        return Ok(());
    }
    // `ext::sh -c …` and other helpers run programs.
    let is_helper = url.contains("::") && !url.contains("://");
    if url.starts_with('-') || is_helper {
        return wrong("options and remote helpers are refused");
    }
    match url.split_once("://") {
        Some(("https", rest)) if authority(rest).contains('@') => wrong(CREDENTIALS),
        Some(("https", rest)) => host(rest, &wrong),
        Some(("ssh", rest)) => {
            let (user, _) = authority(rest).rsplit_once('@').unwrap_or(("", ""));
            if user.contains(':') {
                return wrong(CREDENTIALS);
            }
            host(rest, &wrong)
        }
        Some(("file", rest)) if rest.starts_with('/') => Ok(()),
        Some(_) => wrong(TAKEN),
        None => scp(url).map_or_else(|| wrong(TAKEN), Ok),
    }
}

const TAKEN: &str = "https://, ssh://, user@host:path, file:/// and absolute paths are taken";
const CREDENTIALS: &str = "it has credentials in it, which would be shown and logged; give them to \
    git on the machines that fetch (a credential helper, an SSH key)";

/// `user@host:port` of what follows `://`.
fn authority(rest: &str) -> &str {
    rest.split('/').next().unwrap_or("")
}

fn host(rest: &str, wrong: &dyn Fn(&str) -> Result<()>) -> Result<()> {
    let whole = authority(rest);
    let host = whole.rsplit_once('@').map_or(whole, |(_, h)| h);
    if is_host(host) && !whole.starts_with('-') {
        return Ok(());
    }
    wrong("it names no host")
}

fn is_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && host.chars().all(fits)
}

/// `git@host:path`, as ssh takes it.
fn scp(url: &str) -> Option<()> {
    let (host, path) = url.split_once(':')?;
    let (user, host) = host.split_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = !user.is_empty() && user.chars().all(plain) && is_host(host);
    (fits && !user.starts_with('-') && !path.is_empty() && !path.starts_with('-')).then_some(())
}

/// An address as it may be shown: without what stands before `@`.
fn shown(url: &str) -> String {
    let clean: String = url.chars().filter(|c| !c.is_control()).take(200).collect();
    match (clean.find("://"), clean.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}…{}", &clean[..scheme + 3], &clean[at..])
        }
        _ => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_only_fetch_are_taken() {
        for good in [
            "https://example.org/a/b.git",
            "https://example.org:8443/a",
            "ssh://git@example.org/a",
            "ssh://git@example.org:2222/a",
            "git@example.org:a/b.git",
            "file:///srv/git/a.git",
            "/srv/git/a.git",
            "https://[2001:db8::1]/a",
        ] {
            assert!(check_address(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn programs_options_and_credentials_are_refused() {
        for bad in [
            "",
            "ext::sh -c whoami",
            "ext::sh",
            "fd::3",
            "--upload-pack=touch /tmp/x",
            "-uwhoami",
            "ssh://-oProxyCommand=whoami/x",
            "ssh://git@-oProxyCommand=whoami/x",
            "-oProxyCommand=x@example.org:a",
            "git@-oProxyCommand=x:a",
            "git@example.org:-a",
            "http://example.org/a",
            "git://example.org/a",
            "ftp://example.org/a",
            "https://user:secret@example.org/a",
            "https://secret@example.org/a",
            "ssh://git:secret@example.org/a",
            "relative/path",
            "../up",
            "file://relative",
            "https:///a",
            "https://exa mple.org/a",
            "https://example.org/a\n--upload-pack=x",
            "C:\\a",
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_address_is_shown_without_its_credentials() {
        let said = check_address("https://user:secret@example.org/a").map_err(|e| e.to_string());
        assert!(
            said.as_ref().is_err_and(|s| !s.contains("secret")),
            "{said:?}"
        );
        assert!(said.is_err_and(|s| s.contains("example.org")));
    }
}
