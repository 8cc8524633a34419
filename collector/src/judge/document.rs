//! A judgement read back from its document, which may come from a stranger.
//!
//! The second workflow of a pull request from a fork reads what the first one left, and that
//! ran the fork's code: the document is bounded, its commits must look like commits, and what
//! it claims as a whole is worked out again from its rows.

use crate::error::{EXIT_FAILED, Error, Result};
use crate::judge::{Judgement, Outcome, Row, outcome};
use crate::model::Sha;
use serde_json::Value;

/// The largest document that is read: 20 times what 1,000 benchmarks with functions need.
pub const MAX_BYTES: u64 = 16 << 20;
/// The most rows that are looked at.
const MAX_ROWS: usize = 20_000;
const SCHEMA: &str = "uptick.check/1";

/// What a check came to: a judgement, or why there is none.
#[derive(Clone, Debug)]
pub enum Checked {
    /// Head and base stand side by side.
    Judged(Box<Judgement>),
    /// The check could not do its work.
    Failed {
        /// Why, in the words of the error.
        message: String,
        /// The exit code of the contract.
        code: u8,
    },
}

/// What a document says.
#[derive(Clone, Debug)]
pub struct Document {
    /// What the check came to.
    pub checked: Checked,
    /// The leg of a matrix that it is of, where it had a name.
    pub leg: Option<String>,
}

/// Reads the document of `check --json`.
///
/// # Errors
/// [`Error::Usage`] when it is none. What it holds is never repeated: a path that leads
/// elsewhere than its reader thinks must not put a secret into a log.
pub fn read(bytes: &[u8]) -> Result<Document> {
    let refuse = |why: &str| {
        Err(Error::Usage(format!(
            "no document of `check --json`: {why}"
        )))
    };
    if bytes.len() as u64 > MAX_BYTES {
        return refuse("it is too large");
    }
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else {
        return refuse("it is not JSON");
    };
    if document.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return refuse("its schema is not uptick.check/1");
    }
    let text = |key: &str, most: usize| {
        let text = document.get(key)?.as_str()?;
        Some(text.chars().take(most).collect::<String>())
    };
    let leg = text("leg", 200);
    if let Some(message) = text("error", 4096) {
        let code = document.get("exit_code").and_then(Value::as_u64);
        let code = code.and_then(|c| u8::try_from(c).ok());
        let code = code.unwrap_or(EXIT_FAILED);
        let checked = Checked::Failed { message, code };
        return Ok(Document { checked, leg });
    }
    let Ok(mut judgement) = serde_json::from_value::<Judgement>(document) else {
        return refuse("a field is missing or has another type");
    };
    if judgement.results.len() > MAX_ROWS || judgement.failures.len() > MAX_ROWS {
        return refuse("it has too many rows");
    }
    if ![&judgement.head.sha, &judgement.base.sha]
        .into_iter()
        .all(is_commit)
    {
        return refuse("its commits are none");
    }
    judgement.schema = SCHEMA;
    judgement.results.iter_mut().for_each(Row::with_fractions);
    // What was asked of it (`--strict`) is not in it: no verdict stays none.
    let found = match (judgement.outcome, outcome(&judgement)) {
        (Outcome::NoVerdict, Outcome::Ok) => Outcome::NoVerdict,
        (_, found) => found,
    };
    judgement.settle(found);
    let checked = Checked::Judged(Box::new(judgement));
    Ok(Document { checked, leg })
}

fn is_commit(sha: &Sha) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    matches!(sha.0.len(), 40 | 64) && sha.0.bytes().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(bytes: &[u8]) -> String {
        read(bytes).map_or_else(|e| e.to_string(), |_| "read".into())
    }

    #[test]
    fn what_is_no_judgement_is_refused_without_repeating_it() {
        assert!(why(b"SECRET=1").contains("not JSON"));
        assert!(why(b"{\"schema\":\"SECRET\"}").contains("schema"));
        assert!(why(b"{\"schema\":\"uptick.check/1\",\"results\":\"SECRET\"}").contains("field"));
        for bytes in [
            &b"SECRET=1"[..],
            b"{\"schema\":\"uptick.check/1\",\"head\":\"SECRET\"}",
        ] {
            assert!(!why(bytes).contains("SECRET"));
        }
    }

    #[test]
    fn a_failed_check_has_a_document_too() {
        let text = br#"{"schema":"uptick.check/1","outcome":"no_verdict","results":[],
            "error":"the head does not build","exit_code":4}"#;
        let read = read(text).map(|d| d.checked);
        assert!(
            matches!(&read, Ok(Checked::Failed { message, code: 4 }) if message.contains("build")),
            "{read:?}"
        );
    }
}
