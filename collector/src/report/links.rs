//! Addresses of the dashboard's pages, wherever they are written: on its pages, in feeds, in messages.

use crate::model::{Metric, Sha};

/// Percent-encoding for a parameter's value.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.~/:".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// The comparison of two commits, as it is seen first: what is judged.
#[must_use]
pub fn compare(base: &Sha, head: &Sha) -> String {
    format!("/compare/{}..{}", base.short(), head.short())
}

/// The comparison of two commits that shows what moved between them. `moved` has the metrics of
/// the changes, the worst first, each with whether it got worse.
///
/// Instructions are judged wherever they are counted. Where nothing of what matters here is, the
/// comparison is asked for the metric of the worst: it would be green otherwise.
#[must_use]
pub fn comparison<'a>(
    base: &Sha,
    head: &Sha,
    moved: impl Iterator<Item = (&'a Metric, bool)> + Clone,
) -> String {
    let any_worse = moved.clone().any(|(_, is_worse)| is_worse);
    let mut matter = moved
        .filter(|(_, is_worse)| *is_worse || !any_worse)
        .map(|(metric, _)| metric);
    let plain = compare(base, head);
    match matter.clone().any(|m| *m == Metric::Instructions) {
        true => plain,
        false => matter.next().map_or_else(
            || plain.clone(),
            |m| format!("{plain}?metric={}", encode(m.name())),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Better;

    #[test]
    fn a_comparison_shows_what_got_worse() {
        let (a, b) = (Sha("a".repeat(40)), Sha("b".repeat(40)));
        let plain = compare(&a, &b);
        let own = Metric::stored("rows/s & more", "rows", Better::Higher);
        for (moved, query) in [
            (vec![(&Metric::WallTime, true)], "?metric=wall_time"),
            (vec![(&own, false)], "?metric=rows/s%20%26%20more"),
            (
                vec![(&Metric::WallTime, true), (&Metric::Instructions, true)],
                "",
            ),
            (
                vec![(&Metric::WallTime, true), (&Metric::Instructions, false)],
                "?metric=wall_time",
            ),
            (vec![], ""),
        ] {
            let link = comparison(&a, &b, moved.into_iter());
            assert_eq!(link, format!("{plain}{query}"));
        }
    }
}
