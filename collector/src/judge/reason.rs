//! Why a row has its verdict: a code for machines, and the one place where it has words.

use crate::detect::gate::Ruling;
use crate::format::share;
use crate::model::{Counter, Phase, Sha};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a row has its verdict, or a part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// How far it may move.
    Limit(Ruling),
    /// It moved less than that from base to head, but more from the level of its series.
    LevelMoved {
        /// How far, for people.
        by: String,
    },
    /// Something is odd about a measurement.
    Note {
        /// What.
        note: String,
    },
    /// The series steps between base and head, and stays there.
    LastingChange,
    /// The base has no such benchmark.
    NotInBase,
    /// The head has it no more.
    NotInHead,
    /// The base gives no number of it.
    NoNumberInBase {
        /// The base.
        commit: Sha,
        /// Where it stopped.
        stage: Phase,
        /// What was said there.
        message: String,
    },
    /// Base and head were counted in different ways.
    OtherCounter {
        /// The base's.
        before: Counter,
        /// The head's.
        after: Counter,
    },
    /// Base and head have different units.
    OtherUnit {
        /// The base's.
        before: String,
        /// The head's.
        after: String,
    },
    /// A whole process on one side, the routine alone on the other.
    OtherExtent {
        /// Whether the head is the whole process.
        whole: bool,
    },
    /// Base and head were measured in different places.
    OtherTestbed {
        /// The first fact that differs.
        fact: String,
        /// The base's.
        before: String,
        /// The head's.
        after: String,
    },
    /// Measured again, the change did not hold.
    DidNotHold,
    /// Measured again, it moved the other way than the stored numbers say.
    Turned,
    /// Measured again, it moved by another amount than the stored numbers say.
    OtherAmount,
    /// Measured again, it is likely and not proven.
    NotProven,
    /// Measured again, it is too noisy to tell.
    TooNoisy {
        /// The least change that would show, where any would.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detectable: Option<f64>,
    },
    /// One of many suspects, and not clear enough among them.
    OneOfMany,
    /// Nothing here can measure it again.
    CannotMeasureAgain {
        /// Why not.
        because: String,
    },
    /// It moved, and running it again failed.
    RunAgainFailed,
    /// Only where libc's functions lie in memory made the difference.
    Layout,
    /// It crept beyond the budget since a release.
    Creep {
        /// How far, for people.
        by: String,
        /// The release, or the commit that accepted a change since.
        since: String,
        /// What is allowed (fraction).
        budget: f64,
    },
    /// What another version said, whose codes are not known here.
    Said {
        /// Its words.
        words: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(ruling) => write!(f, "{ruling}"),
            Self::LevelMoved { by } => {
                write!(
                    f,
                    "base to head is within it, but {by} from the level before"
                )
            }
            Self::Note { note: words } | Self::Said { words } => f.write_str(words),
            Self::LastingChange => f.write_str("the series has a lasting change here"),
            Self::NotInBase => f.write_str("the baseline does not have it"),
            Self::NotInHead => f.write_str("the head does not have it any more"),
            Self::NoNumberInBase {
                commit,
                stage,
                message,
            } => write!(
                f,
                "{} gives no number of it ({stage}): {message}",
                commit.short()
            ),
            Self::OtherCounter { before, after } => {
                write!(f, "{} before and {} now", before.words(), after.words())
            }
            Self::OtherUnit { before, after } => {
                write!(f, "in {} before and in {} now", unit(before), unit(after))
            }
            Self::OtherExtent { whole } => {
                let (before, now) = (extent(!whole), extent(*whole));
                write!(f, "before, {before}; now, {now}")
            }
            Self::OtherTestbed {
                fact,
                before,
                after,
            } => write!(f, "another testbed: {fact} was `{before}` and is `{after}`"),
            Self::DidNotHold => f.write_str("measured again, the change did not hold"),
            Self::Turned => f.write_str(
                "measured again, it moved the other way than the stored numbers, of which one is wrong: \
                 `uptick run --fresh COMMIT` replaces it",
            ),
            Self::OtherAmount => f.write_str(
                "measured again, it moved by another amount than the stored numbers, of which one is \
                 wrong: `uptick run --fresh COMMIT` replaces it",
            ),
            Self::NotProven => f.write_str("measured again, a change is likely but not proven"),
            Self::TooNoisy { detectable: None } => f.write_str("too noisy to tell"),
            Self::TooNoisy {
                detectable: Some(least),
            } => write!(
                f,
                "too noisy to tell: changes from {:.1} % can be told",
                100.0 * least
            ),
            Self::OneOfMany => f.write_str("one of many suspects, and not clear enough among them"),
            Self::CannotMeasureAgain { because } => {
                write!(f, "could not be measured again: {because}")
            }
            Self::RunAgainFailed => {
                f.write_str("it moved, and could not be run again to confirm that")
            }
            Self::Layout => f.write_str(
                "layout: only libc's memory and string functions moved, called as often as before",
            ),
            Self::Creep { by, since, budget } => write!(
                f,
                "{by} since {since} in all, budget {}: no single commit passed its limit",
                share(*budget)
            ),
        }
    }
}

fn unit(unit: &str) -> String {
    match unit {
        "" => "no unit".into(),
        unit => format!("`{unit}`"),
    }
}

const fn extent(whole: bool) -> &'static str {
    if whole {
        "the whole process was counted"
    } else {
        "the routine alone was counted"
    }
}

/// Everything that is said for a verdict, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reasons(Vec<Reason>);

impl Reasons {
    /// What a document says whose codes are not known.
    #[must_use]
    pub fn said(words: &str) -> Self {
        Self::from(Reason::Said {
            words: words.into(),
        })
    }

    /// One more.
    pub fn add(&mut self, reason: Reason) {
        self.0.push(reason);
    }

    /// Which rule set the limit.
    #[must_use]
    pub fn ruling(&self) -> Option<&Ruling> {
        self.0.iter().find_map(|r| match r {
            Reason::Limit(ruling) => Some(ruling),
            _ => None,
        })
    }

    /// Whether fresh runs refuted what the stored numbers say.
    #[must_use]
    pub fn refutes(&self) -> bool {
        self.0.contains(&Reason::DidNotHold)
    }

    /// Whether the two sides were measured under other conditions.
    #[must_use]
    pub(super) fn sets_apart(&self) -> bool {
        let apart = |r: &Reason| {
            matches!(
                r,
                Reason::OtherTestbed { .. }
                    | Reason::OtherCounter { .. }
                    | Reason::OtherExtent { .. }
            )
        };
        self.0.iter().any(apart)
    }

    /// All of it in one line.
    #[must_use]
    pub fn words(&self) -> String {
        self.to_string()
    }
}

impl From<Reason> for Reasons {
    fn from(reason: Reason) -> Self {
        Self(vec![reason])
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, reason) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}

/// Reasons flattened into the fields `why`, for people, and `reasons`, for machines.
pub(super) mod both {
    use super::{Reason, Reasons};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    #[derive(Serialize)]
    struct Written<'a> {
        why: String,
        reasons: &'a [Reason],
    }

    #[derive(Deserialize)]
    struct Read {
        why: String,
        #[serde(default)]
        reasons: Vec<Value>,
    }

    pub(in crate::judge) fn serialize<S: Serializer>(r: &Reasons, s: S) -> Result<S::Ok, S::Error> {
        let (why, reasons) = (r.words(), &*r.0);
        Written { why, reasons }.serialize(s)
    }

    /// Codes that another version wrote may not be known here; its words are.
    pub(in crate::judge) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Reasons, D::Error> {
        let read = Read::deserialize(d)?;
        let known = read.reasons.into_iter().map(serde_json::from_value);
        let known: Result<Vec<Reason>, _> = known.collect();
        Ok(match known {
            Ok(known) if Reasons(known.clone()).words() == read.why => Reasons(known),
            _ => Reasons::said(&read.why),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::detect::gate::Rule;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(flatten, with = "both")]
        why: Reasons,
    }

    fn floor() -> Reason {
        Reason::Limit(Ruling {
            rule: Rule::Floor,
            share: Some(0.005),
            units: Some(50.0),
            unit: "instructions".into(),
            from_zero: false,
        })
    }

    /// One of each; a reason that is added here without words or a code does not compile.
    fn all() -> Vec<Reason> {
        let text = || String::from("x");
        vec![
            floor(),
            Reason::LevelMoved { by: text() },
            Reason::Note { note: text() },
            Reason::LastingChange,
            Reason::NotInBase,
            Reason::NotInHead,
            Reason::NoNumberInBase {
                commit: Sha("a".repeat(40)),
                stage: Phase::Build,
                message: text(),
            },
            Reason::OtherCounter {
                before: Counter::Clock,
                after: Counter::Callgrind,
            },
            Reason::OtherUnit {
                before: String::new(),
                after: text(),
            },
            Reason::OtherExtent { whole: true },
            Reason::OtherTestbed {
                fact: text(),
                before: text(),
                after: text(),
            },
            Reason::DidNotHold,
            Reason::Turned,
            Reason::OtherAmount,
            Reason::NotProven,
            Reason::TooNoisy {
                detectable: Some(0.25),
            },
            Reason::TooNoisy { detectable: None },
            Reason::OneOfMany,
            Reason::CannotMeasureAgain { because: text() },
            Reason::RunAgainFailed,
            Reason::Layout,
            Reason::Creep {
                by: text(),
                since: text(),
                budget: 0.02,
            },
        ]
    }

    #[test]
    fn every_reason_has_a_code_and_words_and_comes_back_from_json() {
        let mut codes = std::collections::BTreeSet::new();
        for reason in all() {
            let holder = Holder {
                why: reason.clone().into(),
            };
            let json = serde_json::to_value(&holder).unwrap();
            assert_eq!(json["why"], reason.to_string());
            codes.insert(json["reasons"][0]["code"].as_str().unwrap().to_owned());
            assert_eq!(serde_json::from_value::<Holder>(json).unwrap(), holder);
        }
        assert_eq!(codes.len(), all().len() - 1, "too_noisy stands twice");
    }

    #[test]
    fn several_reasons_are_one_sentence_with_a_code_each() {
        let mut why = Reasons::from(floor());
        why.add(Reason::DidNotHold);
        let json = serde_json::to_value(Holder { why }).unwrap();
        let words = "0.50 %: floor for this metric; measured again, the change did not hold";
        assert_eq!(json["why"], words);
        let codes: Vec<&Value> = json["reasons"].as_array().unwrap().iter().collect();
        assert_eq!(
            (&codes[0]["code"], &codes[0]["rule"]),
            (&json!("limit"), &json!("floor"))
        );
        assert_eq!(codes[1]["code"], "did_not_hold");
    }

    /// A document of another version, or one that was tampered with, is read as its words.
    #[test]
    fn codes_that_are_not_known_or_say_something_else_leave_the_words() {
        for reasons in [
            json!([{"code": "of_tomorrow"}]),
            json!([{"code": "did_not_hold"}]),
            json!([]),
        ] {
            let document = json!({ "why": "it is so", "reasons": reasons });
            let read: Holder = serde_json::from_value(document).unwrap();
            assert_eq!(read.why, Reasons::said("it is so"));
        }
    }
}
