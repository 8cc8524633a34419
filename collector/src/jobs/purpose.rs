//! What a job is for, and what has become of it.

use serde::{Deserialize, Serialize};

/// What a commit is measured for. A server offers [`Commit`](Self::Commit),
/// [`Narrow`](Self::Narrow) and [`Pull`](Self::Pull) by itself; the others are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// What a search blames is measured once more, and so is its parent.
    Confirm,
    /// A change whose set holds several commits is narrowed to one.
    Narrow,
    /// A new commit of the main line.
    Commit,
    /// A pull request, or where it left the main line: code that nobody of the project may have read.
    Pull,
    /// Somebody searches.
    Bisect,
    /// The past.
    Backfill,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] = [
        Self::Confirm,
        Self::Narrow,
        Self::Commit,
        Self::Pull,
        Self::Bisect,
        Self::Backfill,
    ];

    /// The word in the store, in documents and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Narrow => "narrow",
            Self::Commit => "commit",
            Self::Pull => "pull",
            Self::Bisect => "bisect",
            Self::Backfill => "backfill",
        }
    }

    /// The purpose of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Its place in the order; the least comes first. An open change waits for nobody, and the past
    /// can wait longest.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Confirm | Self::Narrow => 0,
            Self::Commit => 1,
            Self::Pull => 2,
            Self::Bisect => 3,
            Self::Backfill => 4,
        }
    }
}

/// What has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has it.
    Waiting,
    /// A collector has it for a time.
    Leased,
    /// Its report is in the log.
    Done,
    /// It failed for good: the commit's fault, or the machines' three times.
    Failed,
    /// Somebody wanted it no more.
    Cancelled,
    /// The main line has its commit no more. An offer of the commit makes it wait again.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Leased,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Withdrawn,
    ];

    /// The word in the store, in documents and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_name_one_thing() {
        for p in Purpose::ALL {
            assert_eq!(Purpose::from_name(p.name()), Some(p));
        }
        for s in State::ALL {
            assert_eq!(State::from_name(s.name()), Some(s));
        }
    }
}
