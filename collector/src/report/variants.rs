//! A comparison of two variants of one commit, in words.

use crate::format::{flag, name};
use crate::judge::{Judgement, Row};
use crate::model::{Better, Variants, Verdict};

/// What a flag costs a benchmark, where it is known to: `gc=on costs +12 % against gc=off`.
#[must_use]
pub fn flag_costs(j: &Judgement, row: &Row) -> Option<String> {
    let variants = j.variants.as_ref()?;
    if !matches!(row.verdict, Verdict::Regressed | Verdict::Improved) {
        return None;
    }
    let does = match row.metric.better() {
        Better::Lower => "costs",
        Better::Higher => "yields",
    };
    let (on, off) = tags(variants);
    Some(format!("{on} {does} {} against {off}", row.moved()))
}

/// The command that compares the same two sides again, without the benchmarks.
#[must_use]
pub fn again(j: &Judgement) -> String {
    let (base, head) = (j.base.sha.short(), j.head.sha.short());
    match &j.variants {
        None => format!("uptick compare {base} {head}"),
        Some(variants) => {
            let (on, off) = tags(variants);
            let on: String = on
                .split(',')
                .map(|t| format!(" {}", flag("--tag", t)))
                .collect();
            let off: String = off
                .split(',')
                .map(|t| format!(" {}", flag("--against", t)))
                .collect();
            format!("uptick compare {head}{on}{off}")
        }
    }
}

/// Both sides' tags, as people read them.
fn tags(variants: &Variants) -> (String, String) {
    (name(&variants.head(), 120), name(&variants.base(), 120))
}
