//! Where people read the repository: links from functions to their lines.

use serde::{Deserialize, Serialize};

use crate::model::Sha;

/// Where people read the repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Repository {
    /// The address of a line of a file at a commit, with `{commit}`, `{file}` and `{line}` in their
    /// places.
    pub source: Option<String>,
}

impl Repository {
    /// The address of a line of a file at a commit; without a line, that of the file.
    #[must_use]
    pub fn source_of(&self, commit: &Sha, file: &str, line: Option<u32>) -> Option<String> {
        let template = self.source.as_deref()?;
        // The line stands in the fragment, which is left out where no line is known.
        let template = match line {
            Some(_) => template,
            None => template.split('#').next()?,
        };
        let file: String = file.bytes().map(of_path).collect();
        let line = line.map_or_else(String::new, |l| l.to_string());
        // The file comes last: its name may hold braces, escaped.
        let address = template
            .replace("{line}", &line)
            .replace("{commit}", &commit.0)
            .replace("{file}", &file);
        Some(address)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let is_web = source.starts_with("https://") || source.starts_with("http://");
        let plain = |c: char| c.is_ascii_graphic() && !"\"'<>\\`".contains(c);
        if is_web && source.chars().all(plain) && source.contains("{file}") {
            return Ok(());
        }
        Err(format!(
            "repository.source: `{source}` is no address of a line of a file, such as \
             https://github.com/team/project/blob/{{commit}}/{{file}}#L{{line}}"
        ))
    }
}

/// A byte of a path as an address has it.
fn of_path(b: u8) -> String {
    if b.is_ascii_alphanumeric() || b"-_.~/".contains(&b) {
        char::from(b).into()
    } else {
        format!("%{b:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str) -> Repository {
        Repository {
            source: Some(source.into()),
        }
    }

    #[test]
    fn a_line_has_an_address_in_the_form_of_each_forge() {
        let commit = Sha("ab12".into());
        let github = at("https://github.com/t/p/blob/{commit}/{file}#L{line}");
        let of = |r: &Repository, line| r.source_of(&commit, "src/a b#{line}.rs", line);
        assert_eq!(
            of(&github, Some(7)).as_deref(),
            Some("https://github.com/t/p/blob/ab12/src/a%20b%23%7Bline%7D.rs#L7")
        );
        assert_eq!(
            of(&github, None).as_deref(),
            Some("https://github.com/t/p/blob/ab12/src/a%20b%23%7Bline%7D.rs")
        );
        let bitbucket = at("https://bitbucket.org/t/p/src/{commit}/{file}#lines-{line}");
        assert!(of(&bitbucket, Some(7)).is_some_and(|a| a.ends_with("#lines-7")));
        assert_eq!(of(&Repository::default(), Some(7)), None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for good in ["https://x/{commit}/{file}#L{line}", "http://x/{file}"] {
            assert_eq!(at(good).check(), Ok(()), "{good}");
        }
        for bad in [
            "javascript:alert(1)//{file}",
            "https://x/{commit}",
            "https://x/\"{file}",
            "//x/{file}",
        ] {
            assert!(at(bad).check().is_err_and(|e| e.contains(bad)), "{bad}");
        }
    }
}
