//! What the gate would stop the next commit for.

use crate::config::Config;
use crate::detect::gate::{self, Limit};
use crate::judge::policy;
use crate::model::Measurement;

/// The limit of the next commit's measurement against `newest`, by the rules that
/// [`rows`](crate::judge::rows) judges two reports by: `history` are the earlier values of the series,
/// and the next measurement is taken to spread as the newest does.
#[must_use]
pub fn next_limit(config: &Config, newest: &Measurement, history: &[f64]) -> Limit {
    let (policy, words) = policy(
        config,
        None,
        (&newest.benchmark, &newest.metric, &newest.counter),
    );
    // An exact count has no noise: what its history varied by were real changes.
    let history = if newest.class.repeats() { &[] } else { history };
    let mut limit = gate::limit(&policy, history, newest.value, newest.spread);
    if let Some(words) = words {
        limit.why = limit.why.replace("floor for this metric", &words);
    }
    limit
}
