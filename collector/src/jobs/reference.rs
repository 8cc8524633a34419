//! References of pull requests: which of a repository's are looked at, and what each is called.

/// Characters of a pattern.
const MOST: usize = 200;
/// Characters of what a `*` stands for.
const STAR: usize = 40;

/// Whether a pattern may say which references are pull requests: `refs/pull/*/head`. One part is a
/// `*`, which stands for one part; branches and tags of the repository itself are none.
///
/// # Errors
/// What is wrong, for people.
pub fn check_pulls(pattern: &str) -> Result<(), String> {
    let shown: String = pattern
        .chars()
        .filter(|c| !c.is_control())
        .take(60)
        .collect();
    let wrong = |why: &str| {
        Err(format!(
            "`{shown}` is no pattern of pull requests: {why}; GitHub, Gitea and Forgejo have \
             refs/pull/*/head, GitLab refs/merge-requests/*/head"
        ))
    };
    let parts: Vec<&str> = pattern.split('/').collect();
    if pattern.len() > MOST || parts.len() < 3 || parts[0] != "refs" {
        return wrong("it must begin with refs/ and have at least three parts");
    }
    if ["heads", "tags", "remotes", "uptick"].contains(&parts[1]) {
        return wrong("branches and tags are no pull requests");
    }
    if parts.iter().filter(|p| **p == "*").count() != 1 {
        return wrong("exactly one part must be a `*`");
    }
    if parts.iter().any(|p| *p != "*" && !is_part(p)) {
        return wrong("parts are letters, digits and any of `._-`");
    }
    Ok(())
}

/// Whether a reference is one that a pattern names. What the remote calls its references is not
/// believed: a `*` stands for letters, digits and `._-` alone.
#[must_use]
pub fn is_pull(patterns: &[String], reference: &str) -> bool {
    let parts: Vec<&str> = reference.split('/').collect();
    patterns.iter().any(|pattern| {
        let wanted: Vec<&str> = pattern.split('/').collect();
        wanted.len() == parts.len()
            && wanted
                .iter()
                .zip(&parts)
                .all(|(w, p)| w == p || *w == "*" && is_part(p))
    })
}

fn is_part(part: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let first = part.chars().next();
    first.is_some_and(|c| c.is_ascii_alphanumeric())
        && part.len() <= STAR
        && part.chars().all(fits)
        && !part.contains("..")
        && !part.ends_with(".lock")
}

/// What a pull request is called where branches are: `pull/7` for `refs/pull/7/head`.
#[must_use]
pub fn pull_name(reference: &str) -> String {
    let name = reference.strip_prefix("refs/").unwrap_or(reference);
    let name = name.strip_suffix("/head").unwrap_or(name);
    name.to_string()
}

/// Its number, to put the newest first; 0 for one that has none.
#[must_use]
pub fn pull_number(reference: &str) -> u64 {
    let mut parts = reference.split('/').filter_map(|p| p.parse().ok());
    parts.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::check_branch;

    #[test]
    fn patterns_name_pull_requests_and_nothing_else() {
        for good in [
            "refs/pull/*/head",
            "refs/merge-requests/*/head",
            "refs/changes/*",
        ] {
            assert_eq!(check_pulls(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "refs/*",
            "refs/heads/*",
            "refs/tags/*",
            "refs/pull/7/head",
            "refs/pull/*/*",
            "refs/pull/x*/head",
            "refs/pull/../*",
            "refs/pull/*/-u",
            "pull/*/head",
            "refs/pull/* /head",
        ] {
            assert!(check_pulls(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_remote_calls_its_references_is_not_believed() {
        let patterns = ["refs/pull/*/head".to_string()];
        assert!(is_pull(&patterns, "refs/pull/7/head"));
        for other in [
            "refs/pull/7/merge",
            "refs/pull/7/8/head",
            "refs/pull//head",
            "refs/pull/-x/head",
            "refs/pull/a:b/head",
            "refs/pull/../head",
            "refs/pull/a.lock/head",
            "refs/heads/main",
        ] {
            assert!(!is_pull(&patterns, other), "{other}");
        }
        let name = pull_name("refs/pull/7/head");
        assert_eq!((name.as_str(), check_branch(&name)), ("pull/7", Ok(())));
        assert_eq!(pull_number("refs/merge-requests/12/head"), 12);
        assert_eq!(pull_number("refs/changes/x"), 0);
    }
}
