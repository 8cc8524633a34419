//! Names that become parts of addresses, of files and of calls of git.

/// Characters of a name.
const MOST: usize = 64;

/// Whether a project or a collector may be called so: it becomes a directory and a part of an
/// address.
///
/// # Errors
/// What is wrong, for people.
pub fn check_name(name: &str) -> Result<(), String> {
    plain("name", name, "._-")
}

/// Whether a label may be called so.
///
/// # Errors
/// What is wrong, for people.
pub fn check_label(label: &str) -> Result<(), String> {
    plain("label", label, "._-:")
}

/// Whether a branch may be called so: `main`, `release/1.2`.
///
/// # Errors
/// What is wrong, for people.
pub fn check_branch(branch: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("the branch `{}` {why}", shown(branch)));
    let fits = |c: char| c.is_alphanumeric() || "._-/+#@=".contains(c);
    if branch.is_empty() || branch.len() > 200 {
        return wrong("has no characters, or more than 200");
    }
    if branch.starts_with('-') || !branch.chars().all(fits) {
        return wrong("begins with `-` or has characters that are not taken");
    }
    let is_odd = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if branch.split('/').any(is_odd) || branch.contains("..") || branch.contains("@{") {
        return wrong("is none that git would take");
    }
    Ok(())
}

fn plain(what: &str, name: &str, also: &str) -> Result<(), String> {
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
    if first && name.len() <= MOST && name.chars().all(fits) && !name.contains("..") {
        return Ok(());
    }
    Err(format!(
        "`{}` is no {what}: 1 to {MOST} letters of ASCII, digits and any of `{also}`, a letter or \
         digit first",
        shown(name)
    ))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_place() {
        for good in ["a", "lexis", "a.b-c_d", "0x", &"a".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a..b",
            "-a",
            ".a",
            "a b",
            "ä",
            "a\0",
            "a%2e",
            &"a".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert_eq!(check_label("os:linux"), Ok(()));
    }

    #[test]
    fn branches_are_no_options_and_no_other_references() {
        for good in ["main", "release/1.2", "feature/ä#1"] {
            assert_eq!(check_branch(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-u",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a:b",
            "+a:b",
            "a^",
            "/a",
            "a//b",
            "a/",
            "a.lock",
            "a~1",
            "refs/heads/*",
            "a@{1}",
            "a\n",
            "a\\b",
        ] {
            assert!(check_branch(bad).is_err(), "{bad}");
        }
    }
}
