//! Channels and deliveries as a document, without a secret.

use serde_json::{Value, json};

use crate::error::Result;
use crate::model::Channel;
use crate::remote::channel::place;
use crate::store::Store;

/// Messages that are listed.
const NEWEST: usize = 200;

/// `uptick.channels/1`: every channel, and the newest messages. The host of a channel may be one
/// that only whoever owns the store should know: `with_places` says whether it is named.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn document(store: &Store, with_places: bool) -> Result<Value> {
    let all = store.channels()?;
    let channels: Vec<Value> = all.iter().map(|c| channel(c, with_places)).collect();
    Ok(json!({
        "schema": "uptick.channels/1",
        "channels": channels,
        "deliveries": store.deliveries(NEWEST)?,
    }))
}

/// A channel without its secrets; of its address host and port at most.
#[must_use]
pub fn channel(c: &Channel, with_place: bool) -> Value {
    let place = place(c.address.expose()).filter(|_| with_place);
    json!({
        "name": c.name,
        "kind": c.sink,
        "place": place,
        "improvements": c.improvements,
        "created": c.created,
        "disabled": c.disabled,
        "why": c.why,
    })
}
