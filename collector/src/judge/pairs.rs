//! The measurements of two reports side by side.

use crate::model::{Counter, Measurement, Metric};
use std::collections::BTreeMap;

/// A measurement before and after; one side may lack.
pub(super) type Pair<'a> = (Option<&'a Measurement>, Option<&'a Measurement>);

/// The measurements of two reports side by side, by benchmark, metric and counter. What is counted
/// in another way on either side stands side by side too, so that somebody says so.
pub(super) fn pairs<'a>(
    befores: impl Iterator<Item = &'a Measurement>,
    afters: impl Iterator<Item = &'a Measurement>,
) -> Vec<Pair<'a>> {
    type Sides<'a> = BTreeMap<(&'a Metric, &'a Counter), Pair<'a>>;
    let mut all: BTreeMap<Name<'_>, Sides<'_>> = BTreeMap::new();
    for m in befores {
        let sides = all.entry(named(m)).or_default();
        sides.entry((&m.metric, &m.counter)).or_default().0 = Some(m);
    }
    for m in afters {
        let sides = all.entry(named(m)).or_default();
        sides.entry((&m.metric, &m.counter)).or_default().1 = Some(m);
    }
    let mut out = Vec::new();
    for sides in all.into_values() {
        let (whole, parts): (Vec<Pair<'_>>, Vec<Pair<'_>>) = sides
            .into_values()
            .partition(|(b, h)| b.is_some() && h.is_some());
        out.extend(whole);
        let mut only_after: Vec<_> = parts.iter().filter_map(|(_, h)| *h).collect();
        only_after.reverse();
        let only_before = parts.iter().filter_map(|(b, _)| *b);
        out.extend(only_before.map(|b| (Some(b), only_after.pop())));
        out.extend(only_after.into_iter().rev().map(|h| (None, Some(h))));
    }
    out
}

/// Benchmark and metric, the latter by its name alone; well-known ones come first.
type Name<'a> = (&'a str, bool, Option<&'a Metric>, &'a str);

fn named(m: &Measurement) -> Name<'_> {
    if m.metric.is_own() {
        (&m.benchmark, true, None, m.metric.name())
    } else {
        (&m.benchmark, false, Some(&m.metric), "")
    }
}
