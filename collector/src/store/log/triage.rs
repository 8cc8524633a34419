//! What people decide about changes: commands into the log.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use crate::detect::alerts::life::{Resolution, State};

/// What is decided about some changes at once.
#[derive(Clone, Debug, Default)]
pub struct Triage {
    /// The changes, by their identity.
    pub events: Vec<String>,
    /// The state to set; `None` keeps it.
    pub state: Option<State>,
    /// A note; empty keeps the last one.
    pub note: String,
    /// An issue; empty keeps the last one.
    pub link: String,
    /// Who takes the changes on; empty: nobody any more; `None` keeps it.
    pub assignee: Option<String>,
    /// The commit that mended them; `None` keeps it.
    pub fixed: Option<String>,
    /// By which day they are to be settled, `2026-11-28`; empty: by none; `None` keeps it.
    pub due: Option<String>,
    /// Until when nobody need look at them: a day, or `@` and a place on the main line; empty: at
    /// once; `None` keeps it.
    pub snooze: Option<String>,
    /// The last decision about a change that its decider saw, by the change; 0 for none.
    pub seen: BTreeMap<String, i64>,
    /// Whether the changes become a group of their own, whichever groups they were in: merging is
    /// naming all changes of two groups, splitting is naming some of one.
    pub regroup: bool,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands at this place in the log.
    Decided(i64),
    /// All is so already, or there is no such change.
    Nothing,
    /// Somebody decided about this change after its decider looked; nothing was decided.
    Overtaken(String),
}

/// The one word that a state has in the store, in forms and in documents.
const fn state_name(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Acknowledged => "acknowledged",
        State::Resolved(Resolution::FixedBy) => "fixed_by",
        State::Resolved(Resolution::Accepted) => "accepted",
        State::Resolved(Resolution::Noise) => "noise",
        State::Resolved(Resolution::Infra) => "infra",
        State::Resolved(Resolution::Invalid) => "invalid",
    }
}

impl Triage {
    /// Every state with its word.
    pub const STATES: [State; 7] = [
        State::New,
        State::Acknowledged,
        State::Resolved(Resolution::FixedBy),
        State::Resolved(Resolution::Accepted),
        State::Resolved(Resolution::Noise),
        State::Resolved(Resolution::Infra),
        State::Resolved(Resolution::Invalid),
    ];

    /// The word for a state: `new`, `acknowledged`, `fixed_by`, `accepted`, `noise`, `infra`, `invalid`.
    #[must_use]
    pub const fn word(state: State) -> &'static str {
        state_name(state)
    }

    /// The state of that word.
    #[must_use]
    pub fn state_of(word: &str) -> Option<State> {
        Self::STATES.into_iter().find(|s| state_name(*s) == word)
    }
}

/// The hash of the decision at a place in the log.
pub(in crate::store) fn hash_of(
    tx: &Transaction<'_>,
    batch: i64,
) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT hash FROM log WHERE seq = ?1 AND kind = 'decision'")?
        .query_row([batch], |r| r.get(0))
        .optional()
}
