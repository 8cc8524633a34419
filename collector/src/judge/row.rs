//! What is said of one benchmark × metric.

use crate::detect::gate::{Limit, Ruling};
use crate::format::{arrow, limit, moved};
use crate::judge::reason::{Reasons, both};
use crate::model::{
    Better, Counter, FunctionDelta, Measurement, Metric, NoiseClass, Sha, Verdict, shown, tagged,
};
use crate::profile::delta::{LineDelta, Ranked};
use serde::{Deserialize, Serialize};

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The measured value.
    pub value: f64,
    /// The least sample.
    pub low: f64,
    /// The greatest sample.
    pub high: f64,
    /// How many samples there were.
    pub samples: usize,
}

impl Side {
    pub(super) fn of(m: &Measurement) -> Self {
        Self {
            value: m.value,
            low: m.low,
            high: m.high,
            samples: m.samples.len(),
        }
    }
}

/// JSON writes what is no number as `null`.
fn finite<'de, D: serde::Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    Option::<f64>::deserialize(d).map(Option::unwrap_or_default)
}

/// What is said of one benchmark × metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The benchmark.
    #[serde(flatten, with = "tagged")]
    pub benchmark: String,
    /// What was counted.
    #[serde(flatten, with = "shown")]
    pub metric: Metric,
    /// How.
    pub counter: Counter,
    /// Before.
    pub base: Option<Side>,
    /// After.
    pub head: Option<Side>,
    /// The relative change; `None` where a side is missing.
    pub change: Option<f64>,
    /// How far it may move, as a fraction.
    pub limit: Option<f64>,
    /// Why that far, or why there is no comparison.
    #[serde(flatten, with = "both")]
    pub why: Reasons,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether both sides were measured again and agreed.
    pub confirmed: bool,
    /// Whether it counts for the outcome; other rows are only shown.
    pub judged: bool,
    /// The smallest change that could be told, where that is so large that the verdict says
    /// nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cannot_tell_below: Option<f64>,
    /// Why the value may vary.
    pub class: NoiseClass,
    /// The functions that gained or lost cost.
    pub functions: Vec<FunctionDelta>,
    /// The share of the change that they explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<f64>,
    /// The flame graph, or the differential one where there are two sides.
    pub flamegraph: Option<String>,
    /// The heaviest path of the head's profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_path: Option<String>,
    /// `file:line` of the likeliest places in the diff, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likely: Vec<Likely>,
    /// How far it crept since the last release, where that is why it counts as regressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creep: Option<Creep>,
    /// Why the regression is accepted; it then fails nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The commit whose message accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_in: Option<Sha>,
    /// The limit in the metric's unit: all that there is where the base is 0.
    #[serde(default, deserialize_with = "finite")]
    pub limit_units: f64,
    /// Earlier values of the series, for the confirmation.
    #[serde(skip)]
    pub history: Vec<f64>,
}

/// More than a benchmark may cost since a release, in steps that each passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Creep {
    /// The tag, or the commit that accepted a change since.
    pub since: String,
    /// Its commit.
    pub sha: Sha,
    /// The value there.
    pub value: f64,
    /// The relative change since.
    pub change: f64,
    /// The change that is allowed (fraction).
    pub budget: f64,
}

/// A place in the diff that the change likely comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likely {
    /// File in the head.
    pub file: String,
    /// First line of the hunk in the head.
    pub line: u32,
    /// Instructions that its lines, or else the function around it, gained.
    pub delta: i64,
    /// The function around it.
    pub function: Option<String>,
}

impl Likely {
    /// A ranked hunk, as it is shown: at its line that gained most.
    #[must_use]
    pub fn of(ranked: &Ranked, lines: &[LineDelta]) -> Self {
        let hunk = &ranked.hunk;
        let within = |l: &&LineDelta| {
            l.file == hunk.file
                && l.new
                    .is_some_and(|n| n >= hunk.new_start && n < hunk.new_start + hunk.new_len)
        };
        let costliest = lines.iter().filter(within).max_by_key(|l| l.delta());
        let delta = if ranked.on_lines == 0 {
            ranked.in_functions
        } else {
            ranked.on_lines
        };
        Self {
            file: hunk.file.clone(),
            line: costliest.map_or(hunk.new_start.max(1), LineDelta::shown),
            delta,
            function: ranked.function.clone(),
        }
    }
}

impl Row {
    pub(super) fn with_judged(mut self, judged: bool) -> Self {
        self.judged = judged;
        self
    }

    /// Both values; NaN where a side is missing.
    #[must_use]
    pub fn values(&self) -> (f64, f64) {
        let value = |s: &Option<Side>| s.as_ref().map_or(f64::NAN, |s| s.value);
        (value(&self.base), value(&self.head))
    }

    /// The sign in front of it where it moved: which way it went, if it is known to have.
    #[must_use]
    pub fn sign(&self) -> &'static str {
        match self.verdict {
            Verdict::Regressed | Verdict::Improved => arrow(self.delta()),
            Verdict::Suspect => "?",
            _ => "↔",
        }
    }

    /// How far it moved, for people; empty where a side is missing.
    #[must_use]
    pub fn moved(&self) -> String {
        self.change
            .map_or_else(String::new, |c| moved(c, self.values(), &self.metric))
    }

    /// Puts back what JSON has no words for: fractions of 0.
    pub(super) fn with_fractions(&mut self) {
        let (base, head) = self.values();
        if self.verdict != Verdict::Incomparable && base.is_finite() && head.is_finite() {
            self.change.get_or_insert(crate::stats::change(base, head));
            self.limit.get_or_insert(f64::INFINITY);
        }
    }

    /// How far it may move, for people; empty where there is no limit.
    #[must_use]
    pub fn allowed(&self) -> String {
        self.limit.map_or_else(String::new, |l| {
            limit(l, self.limit_units, self.values().0, &self.metric)
        })
    }

    /// The limit that it is held to.
    #[must_use]
    pub fn held_to(&self) -> Limit {
        Limit {
            fraction: self.limit.unwrap_or(0.0),
            units: self.limit_units,
            why: self.why.ruling().cloned().unwrap_or_else(Ruling::no_number),
        }
    }

    /// How many times better it became, where that is ten or more: nothing costs less than what does
    /// nothing.
    #[must_use]
    pub fn tenfold_gain(&self) -> Option<f64> {
        let (base, head) = self.values();
        let (more, less) = match self.metric.better() {
            Better::Lower => (base, head),
            Better::Higher => (head, base),
        };
        let is_such = self.verdict == Verdict::Improved && less >= 0.0 && more >= 10.0 * less;
        is_such.then(|| more / less)
    }

    /// By how much it got worse, in the metric's unit; negative where it got better.
    #[must_use]
    pub fn harm(&self) -> f64 {
        self.delta() * self.metric.better().sign()
    }

    /// The change in the metric's unit; 0 where a side is missing.
    #[must_use]
    pub fn delta(&self) -> f64 {
        match (&self.base, &self.head) {
            (Some(b), Some(h)) => h.value - b.value,
            _ => 0.0,
        }
    }
}
