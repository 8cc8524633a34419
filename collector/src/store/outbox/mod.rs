//! Messages to people: made in the transaction that reports a change, sent by whoever leases
//! them, kept with how it went.
//!
//! ```text
//! alert appended ─▶ message, one for each channel and commit ─▶ lease ─▶ delivered
//!                        ▲ further changes join while it waits    └─▶ again, later ─▶ failed
//! ```
//! Delivery is at least once: a message has one identity over all tries, by which a receiver
//! knows it again. What is read in or derived anew makes no message.

mod channels;
mod lease;
mod record;
pub(in crate::store) mod rows;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use lease::Lease;
pub use record::{Counts, Delivery, Progress};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// A commit moved something.
    Moved,
    /// What an earlier message said of several commits is one commit's.
    Narrowed,
    /// What an earlier message said went back by itself.
    Recovered,
    /// Somebody tries the channel.
    Test,
}

impl News {
    const ALL: [Self; 4] = [Self::Moved, Self::Narrowed, Self::Recovered, Self::Test];

    const fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Narrowed => "narrowed",
            Self::Recovered => "recovered",
            Self::Test => "test",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|n| n.name() == name)
    }
}
