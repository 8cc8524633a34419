//! The lines of a comment that people do not see: whose comment it is, and what each leg of a
//! matrix has said.
//!
//! A marker is a whole line, and no line of ours begins with a name, so that no name can forge
//! one. Its content is base64: it can end neither an HTML comment nor a link definition.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// How a forge's Markdown hides a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// `<!-- … -->`.
    Html,
    /// `[//]: # (…)`, where HTML is shown as text.
    Definition,
}

const LEG: &str = "uptick-leg";
const END: &str = "uptick-end";
const COMMENT: &str = "uptick-comment";
/// Longer markers are not ours.
const LONGEST: usize = 8192;

/// What one leg came to, as its marker keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegState {
    /// What tells it from the other legs.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The head of the pull request that it judged.
    pub head: String,
    /// The run of the forge's CI; a later one has a greater number.
    pub run: u64,
    /// Which try of that run.
    pub attempt: u64,
    /// What it came to.
    pub standing: LegOutcome,
    /// Benchmarks that regressed, accepted ones left out.
    pub regressed: usize,
    /// Benchmarks that regressed, and a commit's message accepts it.
    #[serde(default)]
    pub accepted: usize,
    /// Benchmarks that improved.
    pub improved: usize,
    /// Benchmarks that may be worse, which nothing confirmed.
    #[serde(default)]
    pub maybe_worse: usize,
    /// Benchmarks that were judged.
    pub judged: usize,
    /// Benchmarks that gave no number.
    #[serde(default)]
    pub failed: usize,
    /// The benchmark that moved most, and by how much.
    pub worst: Option<(String, String)>,
    /// The hash of its text: whether the comment still says what the leg said.
    pub text: String,
}

/// The judgement of a leg in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegOutcome {
    /// Nothing regressed.
    Ok,
    /// Nothing could be said.
    NoVerdict,
    /// Something did not build or run.
    Failed,
    /// Something regressed.
    Regressed,
}

impl Hidden {
    fn line(self, kind: &str, content: &str) -> String {
        match self {
            Self::Html => format!("<!-- {kind} {content} -->"),
            Self::Definition => format!("[//]: # ({kind} {content})"),
        }
    }

    /// The first line of a project's comment.
    #[must_use]
    pub fn comment(self, project: &str) -> String {
        self.line(COMMENT, &STANDARD.encode(project))
    }

    /// The line before a leg's text.
    ///
    /// # Errors
    /// When the state cannot be written as JSON.
    pub fn leg(self, state: &LegState) -> serde_json::Result<String> {
        let json = serde_json::to_vec(state)?;
        Ok(self.line(LEG, &STANDARD.encode(json)))
    }

    /// The line after it.
    #[must_use]
    pub fn end(self) -> String {
        self.line(END, "")
    }
}

/// The kind and the content of a marker.
fn parts(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end();
    let html = line
        .strip_prefix("<!-- ")
        .and_then(|l| l.strip_suffix("-->"));
    let definition = || {
        line.strip_prefix("[//]: # (")
            .and_then(|l| l.strip_suffix(')'))
    };
    let inside = html.or_else(definition)?.trim();
    Some(inside.split_once(' ').unwrap_or((inside, "")))
}

fn decoded(content: &str) -> Option<Vec<u8>> {
    (content.len() <= LONGEST).then(|| STANDARD.decode(content).ok())?
}

/// Whether a comment is that of a project: its first line says so.
#[must_use]
pub fn is_of(body: &str, project: &str) -> bool {
    let first = body.lines().next().and_then(parts);
    first.is_some_and(|(kind, content)| {
        kind == COMMENT && decoded(content).is_some_and(|p| p == project.as_bytes())
    })
}

/// The leg that a line begins.
pub(super) fn leg(line: &str) -> Option<LegState> {
    let (LEG, content) = parts(line)? else {
        return None;
    };
    serde_json::from_slice(&decoded(content)?).ok()
}

/// Whether a line ends a leg's text.
pub(super) fn is_end(line: &str) -> bool {
    parts(line).is_some_and(|(kind, _)| kind == END)
}
