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
const LEGS: &str = "uptick-legs";
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
    /// The CI whose runs these numbers count; another one counts its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ci: String,
    /// Another leg of this name said something better in the same try.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disputed: bool,
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

/// Legs whose names there is no room for, in a few bytes each.
#[derive(Serialize, Deserialize)]
struct Pack {
    head: String,
    ci: String,
    run: u64,
    legs: Vec<Packed>,
}

/// Id, text, try, outcome, whether it is disputed, and the counts of [`LegState`] in its order.
#[derive(Serialize, Deserialize)]
struct Packed(String, String, u64, LegOutcome, bool, [usize; 6]);

/// So many legs of full counts fit into a marker that is read again.
const PACK: usize = 50;

impl LegState {
    /// Whether it stands among others in one line, without a name.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        self.name.is_empty()
    }

    fn pack(&self) -> Packed {
        let counts = [
            self.regressed,
            self.accepted,
            self.improved,
            self.maybe_worse,
            self.judged,
            self.failed,
        ];
        let (id, text) = (self.id.clone(), self.text.clone());
        Packed(id, text, self.attempt, self.standing, self.disputed, counts)
    }
}

impl Pack {
    fn states(self) -> Vec<LegState> {
        let state = |Packed(id, text, attempt, standing, disputed, counts)| {
            let [regressed, accepted, improved, maybe_worse, judged, failed] = counts;
            LegState {
                id,
                name: String::new(),
                head: self.head.clone(),
                run: self.run,
                attempt,
                ci: self.ci.clone(),
                disputed,
                standing,
                regressed,
                accepted,
                improved,
                maybe_worse,
                judged,
                failed,
                worst: None,
                text,
            }
        };
        self.legs.into_iter().map(state).collect()
    }
}

/// The lines that keep what these legs came to.
pub(super) fn packs(hidden: Hidden, states: &[&LegState]) -> serde_json::Result<Vec<String>> {
    let of = |s: &LegState| (s.head.clone(), s.ci.clone(), s.run);
    let runs = states.chunk_by(|a, b| of(a) == of(b));
    let line = |chunk: &[&LegState]| {
        let (head, ci, run) = of(chunk[0]);
        let legs = chunk.iter().map(|s| s.pack()).collect();
        let json = serde_json::to_vec(&Pack {
            head,
            ci,
            run,
            legs,
        })?;
        Ok(hidden.line(LEGS, &STANDARD.encode(json)))
    };
    runs.flat_map(|r| r.chunks(PACK)).map(line).collect()
}

/// The legs that a line packs.
pub(super) fn packed(line: &str) -> Vec<LegState> {
    let Some((LEGS, content)) = parts(line) else {
        return Vec::new();
    };
    let pack = decoded(content).and_then(|c| serde_json::from_slice::<Pack>(&c).ok());
    pack.map(Pack::states).unwrap_or_default()
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

/// Lines that somebody may have written above a comment of ours.
const ABOVE: usize = 10;

/// Whether a comment is that of a project: one of its first lines says so.
#[must_use]
pub fn is_of(body: &str, project: &str) -> bool {
    let mut first = body.lines().take(ABOVE).filter_map(parts);
    first.any(|(kind, content)| {
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
