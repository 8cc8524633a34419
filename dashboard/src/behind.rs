//! What a node does not show yet of the log that it shares with others. Its pages are as of what it
//! has read; as long as that is not all, they say so, and none of them is green.

use serde_json::{Value, json};

use crate::text::plural;

/// What is missing on pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// So many reports that the log has.
    Reports(u64),
    /// Nobody knows: the log is away, and other nodes may write to it.
    Away,
}

/// What is missing, and how often that has been something else: a page is right as long as neither
/// the store nor this has moved since it was begun.
#[derive(Debug)]
pub(crate) struct Lack {
    pub(crate) now: Option<Behind>,
    pub(crate) changes: u64,
}

impl Lack {
    pub(crate) fn set(&mut self, now: Option<Behind>) {
        if self.now != now {
            self.now = now;
            self.changes += 1;
        }
    }
}

impl Behind {
    /// The same in a sentence.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Reports(n) => format!(
                "This node is behind the shared log by {}: what it shows is as of what it has read so far.",
                plural(usize::try_from(n).unwrap_or(usize::MAX), "report")
            ),
            Self::Away => "The shared log is away: what this node shows is as of before, and what other nodes \
                 took since is missing."
                .into(),
        }
    }

    /// The same for programs.
    pub(crate) fn document(behind: Option<Self>) -> Value {
        match behind {
            None => Value::Null,
            Some(Self::Reports(n)) => json!({ "reports": n }),
            Some(Self::Away) => json!({ "reports": null }),
        }
    }

    /// The same in the head of an answer.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Reports(n) => n.to_string(),
            Self::Away => "unknown".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_again_is_another_time() {
        let mut lack = Lack {
            now: None,
            changes: 0,
        };
        let away = Some(Behind::Away);
        let counted = [None, away, away, None, away].map(|now| {
            lack.set(now);
            lack.changes
        });
        assert_eq!(counted, [0, 1, 1, 2, 3]);
    }

    #[test]
    fn how_much_is_missing_is_said_in_words_and_to_programs() {
        let words = Behind::Reports(1_234).words();
        assert!(words.contains("by 1,234 reports"), "{words}");
        assert!(Behind::Reports(1).words().contains("by 1 report:"));
        assert!(Behind::Away.words().contains("is away"));
        assert_eq!(Behind::document(None), Value::Null);
        let some = Behind::document(Some(Behind::Reports(3)));
        assert_eq!(some, json!({ "reports": 3 }));
        assert_eq!(Behind::Away.header(), "unknown");
    }
}
