//! What came of sending a message once.

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// It was not; seconds that the other side asks to wait, if it does.
    Later(Option<i64>),
    /// The other side wants no message any more.
    Gone,
}

/// What the other side answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What came of it.
    pub outcome: Outcome,
    /// In a few words of ours, without secrets: for the record.
    pub words: String,
    /// What it said itself, cut and without the channel's secrets: for whoever tries it out.
    pub said: String,
}

impl Answer {
    /// It was not taken, and nobody said anything to it.
    pub(super) const fn unsent(words: String) -> Self {
        Self {
            outcome: Outcome::Later(None),
            words,
            said: String::new(),
        }
    }
}
