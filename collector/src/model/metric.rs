//! What is counted: a name, a unit, and which way is better.
//!
//! The well-known metrics are variants, so that measuring can match on them; what they are is data
//! in one table. Any other name may come in with a report: it is [`Metric::Own`], never one of
//! these. Name and unit make a metric; values of two units are never compared. Which way is better
//! is how they are judged and may be said anew.

use crate::model::legible::legible;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Characters of a metric's name.
const NAME: usize = 100;
/// Characters of a unit.
const UNIT: usize = 40;

/// Which way of a metric is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Costs: less is better.
    #[default]
    Lower,
    /// Yields such as a throughput: more is better.
    Higher,
}

impl Better {
    /// The word used in JSON and in `uptick.toml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
        }
    }

    /// The direction of that word; the default for any other.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        if name == Self::Higher.name() {
            Self::Higher
        } else {
            Self::Lower
        }
    }

    /// 1 where a rise is worse, −1 where a fall is: a difference times this is the harm done.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Lower => 1.0,
            Self::Higher => -1.0,
        }
    }

    /// Whether a move by so much is for the worse.
    #[must_use]
    pub fn is_worse(self, moved: f64) -> bool {
        moved * self.sign() > 0.0
    }
}

/// What a metric is: its name, its unit, and which way is better.
#[derive(Clone, Debug)]
pub struct Definition {
    name: Cow<'static, str>,
    unit: Cow<'static, str>,
    better: Better,
}

impl Definition {
    const fn cost(name: &'static str, unit: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            unit: Cow::Borrowed(unit),
            better: Better::Lower,
        }
    }

    fn identity(&self) -> (&str, &str) {
        (&self.name, &self.unit)
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Definition {}

impl Hash for Definition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for Definition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Definition {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// What is counted. Cheap to clone; well-known metrics come first in every order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Instructions executed in user mode, per iteration, warm. The number that is judged.
    Instructions,
    /// Instructions of the very first iteration: lazy statics, first-touch allocation. Shown only.
    InstructionsCold,
    /// Elapsed nanoseconds per iteration.
    WallTime,
    /// User plus system CPU nanoseconds of the whole child.
    CpuTime,
    /// Largest resident set of the child, in bytes.
    PeakRss,
    /// Minor plus major page faults of the child.
    PageFaults,
    /// Size of the benchmark's executable file without debug information, in bytes.
    BinarySize,
    /// Any other, as whoever reported it says.
    Own(Arc<Definition>),
}

static INSTRUCTIONS: Definition = Definition::cost("instructions", "instructions");
static INSTRUCTIONS_COLD: Definition = Definition::cost("instructions_cold", "instructions");
static WALL_TIME: Definition = Definition::cost("wall_time", "ns");
static CPU_TIME: Definition = Definition::cost("cpu_time", "ns");
static PEAK_RSS: Definition = Definition::cost("peak_rss", "bytes");
static PAGE_FAULTS: Definition = Definition::cost("page_faults", "faults");
static BINARY_SIZE: Definition = Definition::cost("binary_size", "bytes");

impl Metric {
    /// The well-known metrics, in the order in which reports list them.
    pub const WELL_KNOWN: [Self; 7] = [
        Self::Instructions,
        Self::InstructionsCold,
        Self::WallTime,
        Self::CpuTime,
        Self::PeakRss,
        Self::PageFaults,
        Self::BinarySize,
    ];

    fn definition(&self) -> &Definition {
        match self {
            Self::Instructions => &INSTRUCTIONS,
            Self::InstructionsCold => &INSTRUCTIONS_COLD,
            Self::WallTime => &WALL_TIME,
            Self::CpuTime => &CPU_TIME,
            Self::PeakRss => &PEAK_RSS,
            Self::PageFaults => &PAGE_FAULTS,
            Self::BinarySize => &BINARY_SIZE,
            Self::Own(definition) => definition,
        }
    }

    /// The well-known metric of that name.
    #[must_use]
    pub fn well_known(name: &str) -> Option<Self> {
        Self::WELL_KNOWN.into_iter().find(|m| m.name() == name)
    }

    /// The metric of that name: a well-known one, or one of one's own with that unit and direction.
    ///
    /// # Errors
    /// Why nobody can be shown that name or unit, or what a well-known metric contradicts.
    pub fn of(name: &str, unit: Option<&str>, better: Option<Better>) -> Result<Self, String> {
        if let Some(known) = Self::well_known(name) {
            return known.confirmed(unit, better);
        }
        legible("metric", name, NAME)?;
        let unit = unit.unwrap_or_default();
        if !unit.is_empty() {
            legible("unit", unit, UNIT)?;
        }
        Ok(Self::stored(name, unit, better.unwrap_or_default()))
    }

    /// [`Metric::of`] what was checked when it came in.
    #[must_use]
    pub fn stored(name: &str, unit: &str, better: Better) -> Self {
        Self::well_known(name).unwrap_or_else(|| {
            Self::Own(Arc::new(Definition {
                name: Cow::Owned(name.to_owned()),
                unit: Cow::Owned(unit.to_owned()),
                better,
            }))
        })
    }

    /// A well-known metric, unless somebody says that it is counted in another unit, or that the
    /// other way is better.
    fn confirmed(self, unit: Option<&str>, better: Option<Better>) -> Result<Self, String> {
        if let Some(other) = unit.filter(|u| *u != self.unit()) {
            let other: String = other.chars().take(UNIT).collect();
            let (name, own) = (self.name(), self.unit());
            return Err(format!(
                "unit: `{name}` is in `{own}`, not in `{other}`; give a metric of your own another name"
            ));
        }
        if better.is_some_and(|b| b != self.better()) {
            let (name, own) = (self.name(), self.better().name());
            return Err(format!("better: of `{name}` {own} is better"));
        }
        Ok(self)
    }

    /// The name used in JSON, in `uptick.toml` and on the command line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition().name
    }

    /// The unit of its values; empty where whoever reported it said none.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.definition().unit
    }

    /// Which way is better.
    #[must_use]
    pub fn better(&self) -> Better {
        self.definition().better
    }

    /// Whether a move by so much is for the worse.
    #[must_use]
    pub fn is_worse(&self, moved: f64) -> bool {
        self.better().is_worse(moved)
    }

    /// Whether it is none of the well-known ones.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// Whether it is judged by default where it is the session's own: what `run` prints. Nobody
    /// reports a metric of their own that is not to be looked at.
    #[must_use]
    pub const fn is_judged(&self) -> bool {
        matches!(self, Self::Instructions | Self::WallTime | Self::Own(_))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Its name alone: documents say unit and direction in fields beside it.
impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        Self::of(&name, None, None).map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    unit: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    better: Option<Better>,
}

fn read<'de, D: Deserializer<'de>>(d: D) -> Result<Metric, D::Error> {
    let fields = Fields::deserialize(d)?;
    Metric::of(&fields.metric, fields.unit.as_deref(), fields.better)
        .map_err(serde::de::Error::custom)
}

/// A metric flattened into the fields `metric`, `unit` and `better`, as stored entries carry it:
/// of a well-known metric its name alone, as older versions wrote it.
pub mod stored {
    use super::{Cow, Deserializer, Fields, Metric, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(m: &Metric, s: S) -> Result<S::Ok, S::Error> {
        Fields {
            metric: Cow::Borrowed(m.name()),
            unit: m.is_own().then(|| Cow::Borrowed(m.unit())),
            better: m.is_own().then(|| m.better()),
        }
        .serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Metric, D::Error> {
        super::read(d)
    }
}

/// A metric flattened into the fields `metric`, `unit` and `better`, as documents carry it.
pub mod shown {
    use super::{Cow, Deserializer, Fields, Metric, Serialize, Serializer};

    /// Writes the three fields.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(m: &Metric, s: S) -> Result<S::Ok, S::Error> {
        Fields {
            metric: Cow::Borrowed(m.name()),
            unit: Some(Cow::Borrowed(m.unit())),
            better: Some(m.better()),
        }
        .serialize(s)
    }

    /// Reads them.
    ///
    /// # Errors
    /// When they are no metric.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Metric, D::Error> {
        super::read(d)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(flatten, with = "stored")]
        metric: Metric,
    }

    fn write(metric: Metric) -> String {
        serde_json::to_string(&Holder { metric }).unwrap()
    }

    #[test]
    fn a_well_known_metric_is_written_by_its_name_alone() {
        for metric in Metric::WELL_KNOWN {
            let text = format!("{{\"metric\":\"{metric}\"}}");
            assert_eq!(write(metric.clone()), text);
            assert_eq!(
                serde_json::from_str::<Holder>(&text).unwrap().metric,
                metric
            );
        }
    }

    #[test]
    fn a_metric_that_nobody_knows_is_itself() {
        let text = r#"{"metric":"throughput","unit":"1/s","better":"higher"}"#;
        let read: Holder = serde_json::from_str(text).unwrap();
        assert_eq!(write(read.metric.clone()), text);
        let m = read.metric;
        assert_eq!(
            (m.name(), m.unit(), m.better()),
            ("throughput", "1/s", Better::Higher)
        );
        assert!(m.is_worse(-1.0) && !m.is_worse(1.0) && !m.is_worse(0.0));
        let bare: Holder = serde_json::from_str(r#"{"metric":"throughput"}"#).unwrap();
        assert_ne!(bare.metric, m, "another unit is another metric");
        assert_eq!(bare.metric.better(), Better::Lower);
    }

    #[test]
    fn what_cannot_be_shown_or_contradicts_itself_is_refused() {
        let long = "x".repeat(NAME + 1);
        for (name, unit, better, why) in [
            ("", None, None, "empty"),
            (" x", None, None, "spaces"),
            ("a\u{1b}[31m", None, None, "shown"),
            ("a\u{202e}b", None, None, "shown"),
            (&*long, None, None, "longer"),
            ("latency", Some("m\ns"), None, "shown"),
            ("wall_time", Some("s"), None, "`ns`"),
            ("wall_time", None, Some(Better::Higher), "lower is better"),
        ] {
            let said = Metric::of(name, unit, better).unwrap_err();
            assert!(said.contains(why), "{name:?}: {said}");
        }
        assert_eq!(
            Metric::of("wall_time", Some("ns"), None),
            Ok(Metric::WallTime)
        );
    }

    #[test]
    fn well_known_metrics_come_first() {
        let own = Metric::of("a", None, None).unwrap();
        assert!(Metric::WELL_KNOWN.iter().all(|m| *m < own));
    }
}
