//! The only place that writes to standard output and standard error.

use std::io::{ErrorKind, Write};

use collector::format::unspoken;
use collector::model::is_hostile;
use serde::Serialize;

/// One JSON document on standard output. A number sign that could begin a runner's command is
/// written as JSON escapes it, which reads as the same document.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(document)?.replace("##", "\\u0023\\u0023");
    text.push('\n');
    out_bytes(text.as_bytes())
}

/// Text on standard output, in which no line speaks to a CI system's runner.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    out_bytes(unspoken(text).as_bytes())
}

/// A reader that went away (`uptick log | head`) is no error of anybody's: what else is to be done
/// is done, and the exit code stays that of the outcome.
fn out_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// An error on standard error.
pub(crate) fn error(text: &str) {
    note(&format!("error: {text}"));
}

/// A line on standard error, as [`out`], in which no name or file speaks to the terminal; nobody
/// listening is nobody's error.
pub(crate) fn note(text: &str) {
    command(&unspoken(&visible(text)));
}

/// The text with what a terminal would obey written out: `\u{1b}`.
fn visible(text: &str) -> String {
    let is_layout = |c: char| matches!(c, '\n' | '\t');
    let write_out = |c: char| {
        if is_hostile(c) && !is_layout(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    text.replace("\r\n", "\n").chars().map(write_out).collect()
}

/// A line on standard error that may speak to the runner: an annotation.
pub(crate) fn command(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_a_file() {
        assert_eq!(
            visible("a\u{1b}[31mX\0\rY\r\n\tb"),
            "a\\u{1b}[31mX\\u{0}\\u{d}Y\n\tb"
        );
        assert_eq!(visible("größer ▲ 5 %"), "größer ▲ 5 %");
    }
}
