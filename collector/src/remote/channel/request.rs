//! What is sent to each sink. Pure.

use crate::error::{Error, Result};
use crate::model::{Channel, Secret, Sink};
use crate::remote::channel::sign::signature;
use crate::remote::http::encoded;
use crate::report::alert::{
    Message, Said, discord, mattermost, plain, said, slack, teams, webhook,
};
use serde_json::json;

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) put: bool,
    pub(super) url: Secret,
    pub(super) headers: Vec<(&'static str, Secret)>,
    pub(super) body: String,
}

/// The request of one try at `now` for the message of that identity.
///
/// # Errors
/// [`Error::Usage`] where the channel's secret is none.
pub(super) fn request(channel: &Channel, m: &Message, id: &str, now: i64) -> Result<Outgoing> {
    let words = said(m);
    let post = |body: String| Outgoing {
        put: false,
        url: channel.address.clone(),
        headers: Vec::new(),
        body,
    };
    Ok(match channel.sink {
        Sink::Webhook => signed(channel, webhook(m), id, now)?,
        Sink::Slack => post(slack(&words).to_string()),
        Sink::Teams => post(teams(&words).to_string()),
        Sink::Mattermost => post(mattermost(&words).to_string()),
        // Discord answers an error of the message only to who waits for it.
        Sink::Discord => Outgoing {
            url: Secret::new(with_parameter(channel.address.expose(), "wait=true")),
            ..post(discord(&words).to_string())
        },
        Sink::Matrix => matrix(channel, &words, id),
        Sink::Email => return Err(Error::Usage("e-mail goes by another way".into())),
    })
}

fn signed(channel: &Channel, body: String, id: &str, now: i64) -> Result<Outgoing> {
    let secrets = [&channel.secret, &channel.former];
    let secrets: Vec<&Secret> = secrets.into_iter().filter(|s| !s.is_empty()).collect();
    if secrets.is_empty() {
        let what = format!("channel `{}` has no secret to sign with", channel.name);
        return Err(Error::Usage(what));
    }
    let signature = signature(&secrets, id, now, &body)?;
    Ok(Outgoing {
        put: false,
        url: channel.address.clone(),
        headers: vec![
            ("webhook-id", Secret::new(id.into())),
            ("webhook-timestamp", Secret::new(now.to_string())),
            ("webhook-signature", Secret::new(signature)),
        ],
        body,
    })
}

/// The identity is the transaction's: a homeserver takes a message of one identity once.
fn matrix(channel: &Channel, words: &Said, id: &str) -> Outgoing {
    let base = channel.address.expose().trim_end_matches('/');
    let room = encoded(&channel.room);
    let url = format!("{base}/_matrix/client/v3/rooms/{room}/send/m.room.message/{id}");
    let body = json!({ "msgtype": "m.text", "body": plain(words), "m.mentions": {} });
    let bearer = format!("Bearer {}", channel.secret.expose());
    Outgoing {
        put: true,
        url: Secret::new(url),
        headers: vec![("authorization", Secret::new(bearer))],
        body: body.to_string(),
    }
}

fn with_parameter(url: &str, parameter: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{parameter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_joins_those_that_are_there() {
        assert_eq!(with_parameter("https://h/x", "a=1"), "https://h/x?a=1");
        assert_eq!(with_parameter("https://h/x?b", "a=1"), "https://h/x?b&a=1");
    }
}
