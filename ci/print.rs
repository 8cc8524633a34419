//! The only place that writes to standard output and standard error.

use std::io::Write;

use collector::format::unspoken;
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

fn out_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// An error on standard error.
pub(crate) fn error(text: &str) {
    note(&format!("error: {text}"));
}

/// A line on standard error, as [`out`]; nobody listening is nobody's error.
pub(crate) fn note(text: &str) {
    command(&unspoken(text));
}

/// A line on standard error that may speak to the runner: an annotation.
pub(crate) fn command(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
