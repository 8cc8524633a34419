//! Reports of one commit that hold two variants of its benchmarks, as two sides of a comparison.

use crate::model::{Report, Variants};

/// The measurements of both variants under the names of the one that is judged, so that they pair
/// as those of two commits do. Benchmarks of neither are left out.
#[must_use]
pub fn variant_sides(base: &Report, head: &Report, variants: &Variants) -> (Report, Report) {
    let own = |name: &str| variants.base_name(name).map(|_| name.to_owned());
    let other = |name: &str| variants.head_name(name);
    (renamed(base, &other), renamed(head, &own))
}

/// How the baseline of a comparison of variants came about.
#[must_use]
pub fn same_commit(variants: &Variants) -> String {
    format!("the same commit with {}", variants.base())
}

/// A report of the benchmarks that have a name here.
fn renamed(report: &Report, name: &dyn Fn(&str) -> Option<String>) -> Report {
    let mut out = report.clone();
    out.measurements.retain_mut(|m| match name(&m.benchmark) {
        Some(name) => {
            m.benchmark = name;
            true
        }
        None => false,
    });
    out.profiles.retain_mut(|p| match name(&p.benchmark) {
        Some(name) => {
            p.benchmark = name;
            true
        }
        None => false,
    });
    for failure in &mut out.failures {
        let named = failure.benchmark.as_deref().and_then(name);
        failure.benchmark = named.or(failure.benchmark.take());
    }
    out
}
