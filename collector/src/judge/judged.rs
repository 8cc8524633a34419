//! Which metrics decide the outcome.

use crate::config::Config;
use crate::model::{Counter, Metric};

/// The metrics that decide the outcome.
#[derive(Clone, Debug)]
pub struct Judged {
    names: Vec<String>,
    /// Those of one's own as well, which nobody reports for nothing.
    own: bool,
}

impl Judged {
    /// These and no others.
    #[must_use]
    pub fn only<const N: usize>(metrics: [Metric; N]) -> Self {
        let names = metrics.iter().map(|m| m.name().to_owned()).collect();
        Self { names, own: false }
    }

    /// Whether a metric is one of them.
    #[must_use]
    pub fn contains(&self, metric: &Metric) -> bool {
        self.own && metric.is_own() || self.names.iter().any(|n| n == metric.name())
    }
}

/// The metrics that decide the outcome: those that the configuration names, else the counter's
/// main one and every metric of one's own.
#[must_use]
pub fn judged_metrics(config: &Config, counter: &Counter) -> Judged {
    if !config.suite.metrics.is_empty() {
        return Judged {
            names: config.suite.metrics.clone(),
            own: false,
        };
    }
    let main = if *counter == Counter::Clock {
        Metric::WallTime
    } else {
        Metric::Instructions
    };
    Judged {
        names: vec![main.name().to_owned()],
        own: true,
    }
}
