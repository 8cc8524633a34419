//! What the gate would stop the next commit for.

use crate::config::Config;
use crate::detect::gate::{self, Limit, Varies};
use crate::judge::policy;
use crate::model::{Counter, Metric, NoiseClass};

/// The newest measurement of a series, as far as it decides about the next one.
#[derive(Clone, Copy, Debug)]
pub struct Newest<'a> {
    /// The benchmark.
    pub benchmark: &'a str,
    /// What is counted.
    pub metric: &'a Metric,
    /// How.
    pub counter: &'a Counter,
    /// Why its values may vary.
    pub class: NoiseClass,
    /// The value.
    pub value: f64,
    /// The relative spread that calibration saw.
    pub spread: f64,
}

/// The limit of the next commit's measurement against the newest one, by the rules that
/// [`rows`](crate::judge::rows) judges two reports by: `varies` is how far the series' values vary,
/// and the next measurement is taken to spread as the newest does.
#[must_use]
pub fn next_limit(config: &Config, newest: &Newest<'_>, varies: Varies) -> Limit {
    let (policy, words) = policy(
        config,
        None,
        (newest.benchmark, newest.metric, newest.counter),
    );
    // An exact count has no noise: what its history varied by were real changes.
    let varies = if newest.class.repeats() {
        Varies::Relative(0.0)
    } else {
        varies
    };
    let mut limit = gate::limit_of(&policy, varies, newest.value, newest.spread);
    limit.why = limit.why.set_by(words);
    limit
}
