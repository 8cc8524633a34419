//! The document in which GitHub Actions and its kin describe why a run runs.

use std::path::Path;

use collector::error::Error;
use serde_json::Value;

/// The largest description of an event: GitHub's own limit for what it sends is 25 MB.
const LARGEST: u64 = 32 << 20;

const VARIABLE: &str = "GITHUB_EVENT_PATH";

/// What is set where somebody writes that document. Elsewhere the variable is a stray.
const SYSTEMS: [&str; 3] = ["GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS"];

/// The document of this run's event; `null` where there is none.
///
/// # Errors
/// [`Error::Usage`] where the file that the variable names cannot be read.
pub(crate) fn document() -> Result<Value, Error> {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let is_told = |name: &&str| set(name).is_some_and(|v| v != "false" && v != "0");
    match set(VARIABLE).filter(|_| SYSTEMS.iter().any(is_told)) {
        Some(path) => read(Path::new(&path)).map_err(|why| {
            Error::Usage(format!(
                "{VARIABLE} names {path}, which cannot be read ({why}): name the event's file there, \
                 or unset it"
            ))
        }),
        None => Ok(Value::Null),
    }
}

fn read(path: &Path) -> Result<Value, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > LARGEST {
        return Err("too large for an event".into());
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    // Some tools write a byte order mark first.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|e| format!("no JSON: {e}"))
}
