//! The only place that writes to standard output and standard error.

use std::io::Write;

use serde::Serialize;

/// One JSON document on standard output.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    out_bytes(&text)
}

/// Text on standard output.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    out_bytes(text.as_bytes())
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

/// A line on standard error; nobody listening is nobody's error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
