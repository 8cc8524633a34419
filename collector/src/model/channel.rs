//! Where alerts go.

use std::fmt;

/// A text that is shown to nobody: an address that lets whoever has it post, a token, a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever signs or sends with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What takes the messages of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// Anybody's program, by Standard Webhooks 1.0.
    Webhook,
    /// Slack's incoming webhook.
    Slack,
    /// Discord's webhook.
    Discord,
    /// A workflow of Microsoft Teams.
    Teams,
    /// Mattermost's incoming webhook.
    Mattermost,
    /// A room of a Matrix homeserver.
    Matrix,
    /// E-mail, by SMTP.
    Email,
}

impl Sink {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Webhook,
        Self::Slack,
        Self::Discord,
        Self::Teams,
        Self::Mattermost,
        Self::Matrix,
        Self::Email,
    ];

    /// The word on the command line and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Teams => "teams",
            Self::Mattermost => "mattermost",
            Self::Matrix => "matrix",
            Self::Email => "email",
        }
    }

    /// The sink of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A place that hears of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its number in the store, never used twice.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// What takes its messages.
    pub sink: Sink,
    /// The address that messages are sent to; of most sinks it is a secret.
    pub address: Secret,
    /// What a webhook is signed with, Matrix's access token, a mail server's password; empty: none.
    pub secret: Secret,
    /// The secret before a rotation: messages are signed with it too, until it is rotated again.
    pub former: Secret,
    /// The room, for Matrix; the recipients, parted by commas, for e-mail; else empty.
    pub room: String,
    /// Who e-mail comes from; else empty.
    pub sender: String,
    /// Whether the address may lie in a private network: somebody at the command line said so.
    pub private: bool,
    /// Whether it hears of improvements too.
    pub improvements: bool,
    /// Changes up to this position of the main line are history, of which it hears nothing.
    pub since: i64,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// When it was disabled; `None`: it is in use.
    pub disabled: Option<i64>,
    /// Why it was disabled.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let said = format!("{:?}", Secret::new("hunter2".into()));
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn every_sink_is_found_by_its_name() {
        for sink in Sink::ALL {
            assert_eq!(Sink::from_name(sink.name()), Some(sink));
        }
    }
}
