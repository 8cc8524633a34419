//! Messages to people: made in the transaction that reports a change, sent by whoever leases
//! them, kept with how it went.
//!
//! ```text
//! alert appended ─▶ message, one for each channel and commit ─▶ lease ─▶ delivered
//!                        ▲ further changes join while it waits    └─▶ again, later ─▶ failed
//! ```
//! Delivery is at least once: a message has one identity over all tries, by which a receiver
//! knows it again. What is read in or derived anew makes no message. Of a channel that is disabled
//! messages are kept as missed, and become one once it is in use again.

mod channels;
mod lease;
mod record;
pub(in crate::store) mod rows;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub(in crate::store) use channels::pages_differ;
pub use lease::Lease;
pub use record::{Counts, Delivery, Progress};

use crate::model::{Channel, digest};

/// Hexadecimal digits of a message's identity.
const IDENTITY: usize = 24;

/// The name of a message, which holds no point: Standard Webhooks signs `id.timestamp.body`.
fn identity(channel: &Channel, news: News, what: &str) -> String {
    let (id, made, news) = (channel.id, channel.created, news.name());
    let mut hash = digest(format!("{id}\0{made}\0{news}\0{what}").as_bytes());
    hash.truncate(IDENTITY);
    format!("msg_{hash}")
}

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
    /// Another channel of the store was disabled.
    Disabled,
    /// The channel is in use again, and this is what it did not hear.
    Missed,
    /// Somebody tries the channel.
    Test,
}

impl News {
    const ALL: [Self; 6] = [
        Self::Moved,
        Self::Narrowed,
        Self::Recovered,
        Self::Disabled,
        Self::Missed,
        Self::Test,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Narrowed => "narrowed",
            Self::Recovered => "recovered",
            Self::Disabled => "disabled",
            Self::Missed => "missed",
            Self::Test => "test",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|n| n.name() == name)
    }
}
