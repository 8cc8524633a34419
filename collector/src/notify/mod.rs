//! From the outbox to people: messages that are due are leased, put into words, sent, and closed
//! or put off. `uptick serve` does it all the time, `uptick channel test` once.
//!
//! Sending takes up to twenty seconds and needs no store: whoever drives this calls [`take`],
//! sends with [`crate::remote::channel::send`] wherever it likes, and calls [`settle`].

mod document;
mod message;
mod origin;
pub mod schedule;

pub use document::{channel, document};
pub use origin::Origin;

use crate::error::{Error, Result};
use crate::remote::channel::{Answer, Outcome};
use crate::report::alert::Message;
use crate::store::{Lease, News, Store};

/// Seconds that a message may take to be sent; then somebody else sends it.
const LEASE: i64 = 120;
/// Tries after which a message is given up, whatever came of them: more than the schedule has, for
/// senders that were killed.
const MOST: u32 = 30;

/// A message that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The right to send it, with where to.
    pub lease: Lease,
    /// What it says.
    pub message: Message,
}

/// At most `n` messages that are due now, one a channel, for whoever calls to send.
///
/// # Errors
/// [`Error::Store`].
pub fn take(store: &mut Store, n: usize, now: i64, origin: &Origin) -> Result<Vec<Parcel>> {
    let mut out = Vec::new();
    for lease in store.due(n, now, now + LEASE)? {
        out.extend(packed(store, lease, now, origin)?);
    }
    Ok(out)
}

/// A message that only tries a channel.
///
/// # Errors
/// [`Error::Usage`] where there is no channel of that name, else [`Error::Store`].
pub fn trial(store: &mut Store, channel: &str, now: i64, origin: &Origin) -> Result<Parcel> {
    let unknown = || {
        Error::Usage(format!(
            "there is no channel `{channel}`; `uptick channel list` shows those there are"
        ))
    };
    let lease = store
        .trial(channel, now, now + LEASE)?
        .ok_or_else(unknown)?;
    packed(store, lease, now, origin)?.ok_or_else(unknown)
}

/// A message is composed once: each try sends the same, so that a receiver may compare. One whose
/// changes were all settled, or went back, before it arrived is of no use any more.
fn packed(store: &mut Store, lease: Lease, now: i64, origin: &Origin) -> Result<Option<Parcel>> {
    if lease.tries > MOST {
        store.failed(&lease, "whoever sent it never came back", now)?;
        return Ok(None);
    }
    let Some(composed) = message::compose(store, &lease, origin)? else {
        store.dropped(
            &lease,
            "settled, gone back or one commit's no more before it was sent",
            now,
        )?;
        return Ok(None);
    };
    let kept = lease
        .message
        .as_deref()
        .map(serde_json::from_str::<Message>);
    let message = match kept {
        Some(Ok(kept)) => kept,
        _ => {
            let text = serde_json::to_string(&composed)
                .map_err(|e| Error::Store(format!("a message cannot be written as JSON: {e}")))?;
            store.keep_message(&lease, &text)?;
            composed
        }
    };
    Ok(Some(Parcel { lease, message }))
}

/// Notes what came of a message. `jitter` is from 0 to 1. Gives whether the lease still held.
///
/// # Errors
/// [`Error::Store`].
pub fn settle(
    store: &mut Store,
    lease: &Lease,
    answer: &Answer,
    now: i64,
    jitter: f64,
) -> Result<bool> {
    let words = answer.words.as_str();
    match answer.outcome {
        Outcome::Taken => {
            if lease.news == News::Test && lease.channel.disabled.is_some() {
                store.enable_channel(lease.channel.id, now)?;
            }
            store.delivered(lease, words, now)
        }
        Outcome::Gone => store.gone(lease, words, now),
        // Whoever tries a channel is looking at what comes of it.
        Outcome::Later(_) if lease.news == News::Test => store.failed(lease, words, now),
        Outcome::Later(asked) => match schedule::next(lease.tries, now, jitter, asked) {
            Some(at) => store.again(lease, at, words),
            None => store.failed(lease, words, now),
        },
    }
}
