//! A message about a commit that moved something, as a person reads it on a phone: what, how
//! much, which commit, whose, and where to read on.
//!
//! [`said`] puts it into words, once; a `dress` turns the words into what a sink takes.

mod dress;
mod webhook;
mod words;

pub use dress::{discord, mattermost, plain, slack, teams, title};
pub use webhook::webhook;
pub use words::{Piece, Said, said};

use serde::{Deserialize, Serialize};

/// What a message says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// A commit moved something.
    Moved,
    /// What was said of several commits before is one commit's.
    Narrowed,
    /// What was said before went back by itself.
    Recovered,
    /// Other channels were disabled.
    Disabled,
    /// The channel was disabled, and this happened meanwhile.
    Missed,
    /// Nothing: somebody tries the channel.
    Test,
}

impl Happened {
    /// The type of the event, as a webhook names it.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Moved => "alert.reported",
            Self::Narrowed => "alert.narrowed",
            Self::Recovered => "alert.recovered",
            Self::Disabled => "channel.disabled",
            Self::Missed => "channel.missed",
            Self::Test => "channel.test",
        }
    }
}

/// A benchmark that moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The change's identity.
    pub id: String,
    /// The benchmark.
    pub benchmark: String,
    /// What was counted.
    pub metric: String,
    /// How it was counted.
    pub counter: String,
    /// The relative change: 0.04 is 4 %; infinite from 0.
    pub change: f64,
    /// How far it moved, for people: as a fraction, or in units where that says nothing.
    pub size: String,
    /// Whether it is for the worse.
    pub regressed: bool,
    /// The level before, with its unit.
    pub before: String,
    /// The level after, with its unit.
    pub after: String,
}

/// A commit that may be the cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Its object name.
    pub sha: String,
    /// The first line of its message.
    pub subject: String,
    /// Its author.
    pub author: String,
}

/// What a message is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What happened.
    pub happened: Happened,
    /// The project.
    pub project: String,
    /// What moved, the worst first; at most [`LISTED`].
    pub moved: Vec<Moved>,
    /// How much moved in all.
    pub total: usize,
    /// The measured commits that may be the cause, the newest first; at most [`LISTED`].
    pub suspects: Vec<Suspect>,
    /// How many commits may be the cause, measured or not.
    pub commits: u64,
    /// Whether every series of a testbed moved: perhaps the machine did.
    pub everything: bool,
    /// Where to read on.
    pub link: String,
    /// When it was found, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// Which channels were disabled, and why.
    #[serde(default)]
    pub note: String,
}

/// Changes and commits that a message carries; the others are counted.
pub const LISTED: usize = 20;

impl Message {
    /// A message that only tries a channel.
    #[must_use]
    pub fn test(project: &str, link: &str, time: i64) -> Self {
        Self {
            happened: Happened::Test,
            project: project.into(),
            moved: Vec::new(),
            total: 0,
            suspects: Vec::new(),
            commits: 0,
            everything: false,
            link: link.into(),
            time,
            note: String::new(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
