//! A judgement as annotations of GitHub Actions; sentences in Markdown.
//!
//! Names come from the code under test: they are escaped so that none can add a row, a
//! link or an annotation of its own.

use crate::judge::Judgement;
use crate::profile::names::clean;
use crate::report::escape::plain;
use crate::report::{direction, sides};

/// A sentence that Markdown and a table cell take for text, see [`plain`].
#[must_use]
pub fn cell(text: &str) -> String {
    plain(text, 300)
}

/// Annotations for GitHub Actions: one `::error` a regressed benchmark, at its likeliest line.
#[must_use]
pub fn annotations(j: &Judgement) -> Vec<String> {
    j.unaccepted()
        .iter()
        .take(10)
        .map(|row| {
            let place = super::whereabouts(row).map_or_else(String::new, |(file, line)| {
                format!(" file={},line={line}", property(&file))
            });
            let title = format!("{} {}", row.benchmark, row.moved());
            let comma = if place.is_empty() { " " } else { "," };
            format!(
                "::error{place}{comma}title={}::{}",
                property(&title),
                data(&format!("{}{}", sides(row), direction(row)))
            )
        })
        .collect()
}

/// Escapes a message of a workflow command.
fn data(text: &str) -> String {
    clean(text, 2000).replace('%', "%25")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        let said = cell("@octocat, see https://evil.example");
        assert!(
            !said.contains("@octocat") && !said.contains("://"),
            "{said}"
        );
        assert_eq!(cell("<script>|x|"), "&lt;script&gt;\\|x\\|");
        assert_eq!(property("a,b:c\n::error::x"), "a%2Cb%3Ac%3A%3Aerror%3A%3Ax");
    }
}
