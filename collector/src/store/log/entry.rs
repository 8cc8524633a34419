//! What stands in the log: typed entries, parsed once, in one order.
//!
//! An entry is named by the hash of the bytes that came in, so that fields which this version
//! does not know survive, and the same entry twice is one. A stub alone goes by the hash of the
//! report in whose place it stands.

use serde::{Deserialize, Serialize};

use crate::detect::{self, Change, Direction};
use crate::model::{Report, SeriesKey, Sha, digest};
use crate::store::log::pruning::{Pruning, Stub};

/// Hexadecimal digits of a change's identity.
const IDENTITY: usize = 12;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// What was measured for one commit.
    Report(Box<Report>),
    /// Call stacks, taken after the report.
    Profile(Stacks),
    /// A change was reported.
    Alert(Box<Alert>),
    /// People decided about changes.
    Decision(Command),
    /// Commits of the main line.
    MainLine(Stretch),
    /// A report counts no longer, or again.
    Exclusion(Exclusion),
    /// The time of profiles and reports was over.
    Pruning(Box<Pruning>),
    /// What is left of a report whose time was over, in its place.
    Stub(Box<Stub>),
}

/// What an entry is about, as the log and exports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Entry::Report`].
    Report,
    /// [`Entry::Profile`].
    Profile,
    /// [`Entry::Alert`].
    Alert,
    /// [`Entry::Decision`].
    Decision,
    /// [`Entry::MainLine`].
    MainLine,
    /// [`Entry::Exclusion`].
    Exclusion,
    /// [`Entry::Pruning`].
    Pruning,
    /// [`Entry::Stub`].
    Stub,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Report,
        Self::Profile,
        Self::Alert,
        Self::Decision,
        Self::MainLine,
        Self::Exclusion,
        Self::Pruning,
        Self::Stub,
    ];

    /// The word in the log and in exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Profile => "profile",
            Self::Alert => "alert",
            Self::Decision => "decision",
            Self::MainLine => "main_line",
            Self::Exclusion => "exclusion",
            Self::Pruning => "pruning",
            Self::Stub => "stub",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// Call stacks of one benchmark on one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stacks {
    /// The commit.
    pub sha: Sha,
    /// The benchmark.
    pub benchmark: String,
    /// What was asked for when they were taken.
    pub suite: String,
    /// The fingerprint of the counter that took them; absent in older stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testbed: Option<String>,
    /// SHA-256 of the stacks' bytes.
    pub blob: String,
}

/// A change as it was first reported. Its identity is for life, however its boundary moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The change's identity.
    pub id: String,
    /// The series.
    pub series: SeriesKey,
    /// The newest position when it was reported.
    pub told_at: i64,
    /// The change as it was seen then.
    pub change: Change,
}

/// What somebody decided about some changes at once. States before and after are computed where
/// it is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The changes, by their identity.
    pub changes: Vec<String>,
    /// The state to set; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// A note; empty keeps the last one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// An issue; empty keeps the last one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// Who takes them on; empty: nobody any more; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// The commit that mended them; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// By which day they are to be settled, `2026-11-28`; empty: by none; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Until when nobody need look at them: a day, or `@` and a place on the main line; empty: at
    /// once; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snooze: Option<String>,
    /// Whether the changes become a group of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub regroup: bool,
    /// The hash of the decision that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// Who decided.
    pub actor: String,
    /// Seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The log's end when it was decided: two decisions that read alike are two.
    pub seen: i64,
}

/// The first-parent line of the default branch from one position on; what was known from there
/// on is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The position of the first commit.
    pub from: u64,
    /// The commits, in order.
    pub commits: Vec<Sha>,
    /// The log's end when it was said: a line that went back is another entry.
    #[serde(default)]
    pub seen: i64,
}

/// Somebody says that a report counts no longer, or that it counts again. It stays in the log
/// either way; of two such entries about one report the later counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The hash of the report.
    pub report: String,
    /// Whether it counts again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub actor: String,
    /// Seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The log's end when it was said.
    pub seen: i64,
}

impl Entry {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Report(_) => Kind::Report,
            Self::Profile(_) => Kind::Profile,
            Self::Alert(_) => Kind::Alert,
            Self::Decision(_) => Kind::Decision,
            Self::MainLine(_) => Kind::MainLine,
            Self::Exclusion(_) => Kind::Exclusion,
            Self::Pruning(_) => Kind::Pruning,
            Self::Stub(_) => Kind::Stub,
        }
    }

    /// Reads an entry of a kind.
    ///
    /// # Errors
    /// What is wrong, with the field and its place in `bytes`.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, String> {
        Ok(match kind {
            Kind::Report => Self::Report(read(bytes)?),
            Kind::Profile => Self::Profile(read(bytes)?),
            Kind::Alert => Self::Alert(read(bytes)?),
            Kind::Decision => Self::Decision(read(bytes)?),
            Kind::MainLine => Self::MainLine(read(bytes)?),
            Kind::Exclusion => Self::Exclusion(read(bytes)?),
            Kind::Pruning => Self::Pruning(read(bytes)?),
            Kind::Stub => Self::Stub(read(bytes)?),
        })
    }

    /// The bytes of an entry that was made here.
    pub(in crate::store) fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Report(e) => serde_json::to_vec(e),
            Self::Profile(e) => serde_json::to_vec(e),
            Self::Alert(e) => serde_json::to_vec(e),
            Self::Decision(e) => serde_json::to_vec(e),
            Self::MainLine(e) => serde_json::to_vec(e),
            Self::Exclusion(e) => serde_json::to_vec(e),
            Self::Pruning(e) => serde_json::to_vec(e),
            Self::Stub(e) => serde_json::to_vec(e),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    // Only of what is wrong it matters where it stands, and to keep track of that takes time.
    if let Ok(read) = serde_json::from_slice(bytes) {
        return Ok(read);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let (path, inner) = (e.path().to_string(), e.inner());
        match path.as_str() {
            "." | "?" => inner.to_string(),
            _ => format!("{path}: {inner}"),
        }
    })?;
    json.end().map_err(|e| e.to_string())?;
    Ok(read)
}

/// The identity of a change, from what it was when it was first reported.
#[must_use]
pub fn identity(series: &SeriesKey, change: &Change) -> String {
    let direction = match change.direction() {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    // What drifted up to a commit is not what that commit did.
    let kind = match change.kind {
        detect::Kind::Drift => "\0drift",
        detect::Kind::Step | detect::Kind::Environment => "",
    };
    let name = format!(
        "{}\0{direction}\0{}\0{}{kind}",
        series.id(),
        change.first,
        change.last
    );
    let mut id = digest(name.as_bytes());
    id.truncate(IDENTITY);
    id
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_by_its_field() {
        let text = br#"{"changes":["a"],"actor":"x","time":"soon","seen":1}"#;
        let why = Entry::parse(Kind::Decision, text).unwrap_err();
        assert!(why.starts_with("time: ") && why.contains("line 1"), "{why}");
    }

    #[test]
    fn an_entry_reads_as_it_was_written() {
        let entry = Entry::Decision(Command {
            changes: vec!["abc".into()],
            state: Some("noise".into()),
            actor: "x".into(),
            ..Command::default()
        });
        let bytes = entry.bytes().unwrap();
        assert_eq!(Entry::parse(entry.kind(), &bytes), Ok(entry));
    }
}
