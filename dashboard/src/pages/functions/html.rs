//! The page: how much, in how few functions, the table, the picture.

use collector::format::{flag, quoted, share, signed, thousands};
use collector::model::Metric;
use collector::profile::names;
use collector::store::MeasuredCommit;
use maud::{Markup, html};

use super::load::{Pair, Source};
use super::{picture, table};
use crate::app::App;
use crate::look::Look;
use crate::pages::layout;
use crate::text;

pub(super) fn html(app: &App, p: &Pair, look: &Look) -> Markup {
    let stem = format!("/functions/{}", p.stem());
    let forms = ["JSON", "CSV", "Markdown"]
        .iter()
        .zip(["json", "csv", "md"])
        .map(|(word, suffix)| (*word, format!("{stem}.{suffix}")))
        .collect::<Vec<_>>();
    html! {
        (head(p))
        @if matches!(p.source, Source::None) { (unknown(p)) } @else {
            (table::html(app, p, look))
            (picture::html(p, look))
            (layout::forms(&forms))
        }
    }
}

fn head(p: &Pair) -> Markup {
    let key = &p.series.row.key;
    html! {
        section .head {
            p .crumb {
                a href={ "/series/" (key.id()) } { (text::name(&key.benchmark)) } " · "
                (commit(&p.base)) " → " (commit(&p.head))
            }
            @if matches!(p.source, Source::None) { h1 { "Functions are not known" } } @else {
                h1 { (moved(p)) }
                p { (lead(p)) }
            }
        }
    }
}

fn commit(c: &MeasuredCommit) -> Markup {
    html! { a href={ "/commit/" (c.sha.short()) } { (c.sha.short()) } }
}

/// The change of the whole.
fn moved(p: &Pair) -> Markup {
    let (before, after) = p.total();
    let change = if before > 0 {
        after as f64 / before as f64 - 1.0
    } else {
        0.0
    };
    let difference = text::minus(&signed(after as f64 - before as f64));
    html! {
        (text::delta(change, (before as f64, after as f64), &Metric::Instructions))
        " " span .light { (difference) " instructions" }
    }
}

/// How few functions make most of the difference.
fn lead(p: &Pair) -> String {
    let (before, after) = p.total();
    let difference = after as f64 - before as f64;
    let functions = p.functions();
    if functions.is_empty() {
        return format!(
            "No function's cost differs; {} instructions on both sides.",
            thousands(before as f64)
        );
    }
    if difference == 0.0 {
        return "The total is the same; cost only moved between functions.".into();
    }
    let mut sum = 0.0;
    for (i, f) in functions.iter().enumerate() {
        sum += f.delta as f64;
        let part = sum / difference;
        if (0.9..=1.005).contains(&part) {
            let all = if part >= 0.995 {
                "All".into()
            } else {
                share(part)
            };
            return format!("{all} of it is in {}.", text::plural(i + 1, "function"));
        }
    }
    let most = &functions[0];
    if most.delta as f64 / difference > 1.005 {
        return format!(
            "{} alone made {}; others gave some of it back.",
            text::cut(&names::short(&most.name), 60),
            signed(most.delta as f64)
        );
    }
    format!("Spread over {}.", text::plural(functions.len(), "function"))
}

fn unknown(p: &Pair) -> Markup {
    let bench = quoted(&text::whole(&p.series.row.key.benchmark));
    let (base, head) = (p.base.sha.short(), p.head.sha.short());
    let why = html! {
        @if p.pruned.is_empty() {
            "Exact counts leave one by themselves; sampled time leaves none. It can be taken at any "
            "time:"
        } @else { (picture::pruned(p)) "It can be taken again:" }
    };
    layout::empty(
        "No profile of this benchmark is stored for both commits",
        why,
        &[
            (
                "compare the two commits and profile what moved",
                &format!(
                    "uptick compare {base} {head} {}",
                    flag("--only", &text::whole(&p.series.row.key.benchmark))
                ),
            ),
            (
                "draw the difference",
                &format!("uptick flamegraph {bench} {head} --base {base}"),
            ),
        ],
    )
}
