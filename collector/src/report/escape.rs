//! Names and sentences as text that stays text on a forge.
//!
//! A name comes from the code under test. In a comment it must add no row, link, picture,
//! marker, quick action (`/close` at the beginning of a line, on GitLab) or mention. A backslash
//! does not help against mentions and references: forges look for `@name` and `#1` after
//! Markdown is gone. In a code span they do not look, so that names stand in code spans; in
//! sentences a zero-width space parts the sign from what follows.

use crate::format::{name, sentence, whole};

const LONGEST: usize = 120;
/// Characters of a name in a table.
const TABLED: usize = 48;
const APART: char = '\u{200b}';

/// A name in a code span, outside tables.
#[must_use]
pub fn code(text: &str) -> String {
    span(&name(text, LONGEST))
}

/// What somebody said, in a code span: its beginning tells most.
#[must_use]
pub fn said(text: &str, longest: usize) -> String {
    span(&sentence(text, longest))
}

fn span(text: &str) -> String {
    let text = text.replace('`', "'").replace("<!--", "<! --");
    match text.trim() {
        "" => "` `".into(),
        text => format!("`{text}`"),
    }
}

/// A command in a code span, whole: whoever copies it runs it.
#[must_use]
pub fn command(text: &str) -> String {
    let text = whole(text);
    // A span that is fenced by more of them than it holds in a row holds any backtick.
    let longest = text.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(1 + longest.unwrap_or(0));
    match fence.len() {
        1 => format!("`{text}`"),
        _ => format!("{fence} {text} {fence}"),
    }
}

/// A name in a code span, in a table: there a bar needs a backslash, elsewhere it would show.
#[must_use]
pub fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// The name of a benchmark in a table whose other columns are to be seen beside it: forges do not
/// break such a name, and scroll the whole table.
#[must_use]
pub fn tabled(text: &str) -> String {
    code_cell(&name(text, TABLED))
}

/// A sentence of ours that names may stand in, backticks and all.
#[must_use]
pub fn plain(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for c in apart(&sentence(text, longest)).chars() {
        match c {
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => push_escaped(&mut out, c),
        }
    }
    out
}

/// A name inside a tag, where Markdown is not read. It is set as code, where forges look for no
/// mentions; those that do all the same find none.
#[must_use]
pub fn html(text: &str) -> String {
    let mut out = String::new();
    for c in apart(&name(text, LONGEST)).chars() {
        push_escaped(&mut out, c);
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        '"' => out.push_str("&quot;"),
        c => out.push(c),
    }
}

/// Parts the sign of a mention, a reference or an address from what follows.
pub(super) fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let next = chars.peek().copied().unwrap_or(' ');
        let refers = match c {
            '@' => next.is_alphanumeric() || matches!(next, '_' | '.'),
            '#' | '!' | '~' | '%' | '$' | '&' => next.is_alphanumeric(),
            ':' => next == '/' || is_shortcode(chars.clone()),
            '-' => next.is_ascii_digit() && out.ends_with("GH-"),
            '.' => out.to_ascii_lowercase().ends_with("www."),
            _ => false,
        };
        if refers {
            out.push(APART);
        }
    }
    out
}

/// Whether what follows a colon makes an emoji of it: `:tada:`.
fn is_shortcode(mut rest: impl Iterator<Item = char>) -> bool {
    let inside = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-".contains(*c);
    let mut letters = 0;
    loop {
        match rest.next() {
            Some(c) if inside(&c) => letters += 1,
            Some(':') => return letters > 0,
            _ => return false,
        }
    }
}

/// A line of a shell inside a fenced block, which it cannot end.
#[must_use]
pub fn shell(line: &str) -> String {
    whole(line).replace("```", "'''").replace("<!--", "<! --")
}

/// A text as XML shows it, in an attribute or between tags.
#[must_use]
pub fn xml(text: &str) -> String {
    let clean = crate::profile::names::clean(text, 2000);
    let text = clean
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_code_span() {
        assert_eq!(code("a`b|c"), "`a'b|c`");
        assert_eq!(code_cell("a`b|c"), "`a'b\\|c`");
        assert_eq!(code(""), "` `");
        assert_eq!(tabled(&"x".repeat(300)).chars().count(), TABLED + 2);
        assert_eq!(tabled("group/case|1"), "`group/case\\|1`");
        assert!(!code("<!-- uptick-leg x -->").contains("<!--"));
        assert!(!code("a\n/close").contains('\n'));
    }

    #[test]
    fn a_command_is_whole_and_ends_where_it_ends() {
        let long = format!("uptick bisect a b --bench '{}|x'", "y".repeat(300));
        assert_eq!(command(&long), format!("`{long}`"));
        assert_eq!(command("echo `id` ``"), "``` echo `id` `` ```");
    }

    #[test]
    fn a_sentence_mentions_nobody_and_links_nowhere() {
        let said = plain(
            "by @octocat, see #12, https://evil.example/x and www.evil.example",
            200,
        );
        for live in ["GH-7", ":tada:"] {
            assert!(!plain(&format!("by {live}"), 200).contains(live), "{live}");
        }
        for live in ["@octocat", "#12", "://", "www.evil"] {
            assert!(!said.contains(live), "{live} in {said}");
        }
        assert_eq!(plain("0.50 %: src/lib.rs", 80), "0.50 %: src/lib.rs");
    }
}
