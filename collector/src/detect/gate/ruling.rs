//! Which rule set a limit: a code for machines, and the one place where it has words.

use crate::format::digits;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};

/// A rule that may set a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// The floor that the metric has.
    Floor,
    /// Somebody set it in the floor's place.
    Set {
        /// Where, and why if they said so.
        by: String,
    },
    /// The floor in the metric's unit, which rules where values are small.
    AbsoluteFloor {
        /// How much.
        floor: f64,
    },
    /// The metric's floor as a share of a base that may be negative.
    OfBase {
        /// The share.
        part: f64,
    },
    /// The series varies by so much.
    Varies {
        /// How often that.
        times: f64,
        /// The spread, as a share; in the metric's unit where the limit has no share.
        by: f64,
    },
    /// Calibration saw values spread by so much.
    Calibration {
        /// How often that.
        times: f64,
        /// The spread, as a share.
        by: f64,
    },
    /// The base is no number.
    NoNumber,
}

/// How far a value may move, and by which rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// The limit as a share of the base; absent where the limit counts in units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The limit in the metric's unit; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<f64>,
    /// The unit.
    #[serde(default)]
    pub unit: String,
    /// The base is 0, of which nothing is a share.
    #[serde(default)]
    pub from_zero: bool,
}

impl Ruling {
    /// There is no number to limit.
    pub(crate) const fn no_number() -> Self {
        Self {
            rule: Rule::NoNumber,
            share: None,
            units: None,
            unit: String::new(),
            from_zero: false,
        }
    }

    /// The same, where somebody set the limit that would be the metric's floor.
    #[must_use]
    pub fn set_by(mut self, words: Option<String>) -> Self {
        let is_floor = match self.rule {
            Rule::Floor => self.share.is_some(),
            Rule::OfBase { .. } => true,
            _ => false,
        };
        if let Some(by) = words.filter(|_| is_floor) {
            self.rule = Rule::Set { by };
        }
        self
    }

    fn rule_words(&self) -> String {
        let amount = |x: f64| match self.share {
            Some(_) => percent(x),
            None => in_units(x, &self.unit),
        };
        match &self.rule {
            Rule::Floor => "floor for this metric".into(),
            Rule::Set { by } => by.clone(),
            Rule::AbsoluteFloor { floor } => format!("floor of {floor} {}", self.unit),
            Rule::OfBase { part } => format!("{} of the base", percent(*part)),
            Rule::Varies { times, by } if self.share.is_some() => {
                format!("{times} × the {} this series varies by", amount(*by))
            }
            Rule::Varies { times, by } => {
                format!("{times} × the {} that this series varies by", amount(*by))
            }
            Rule::Calibration { times, by } => {
                format!("{times} × the {} seen in calibration", percent(*by))
            }
            Rule::NoNumber => "the base is not a number: nothing can be judged".into(),
        }
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.rule_words();
        let size = match (self.share, self.units) {
            (Some(share), _) => percent(share),
            (None, Some(units)) => in_units(units, &self.unit),
            (None, None) => return f.write_str(&rule),
        };
        let begin = if self.from_zero {
            "the base is 0; "
        } else {
            ""
        };
        write!(f, "{begin}{size}: {rule}")
    }
}

/// A number with its unit, four digits at most.
fn in_units(x: f64, unit: &str) -> String {
    format!("{} {unit}", digits(x)).trim_end().to_owned()
}

/// A fraction as people read it: `0.50 %`, `12 %`.
fn percent(fraction: f64) -> String {
    let p = fraction * 100.0;
    let mut s = String::new();
    let digits = if p >= 10.0 {
        0
    } else if p >= 0.1 || p == 0.0 {
        2
    } else {
        4
    };
    // Writing to a String cannot fail.
    let _ = write!(s, "{p:.digits$} %");
    s
}
