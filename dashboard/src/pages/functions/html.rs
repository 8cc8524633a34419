//! The page: how much, in how few functions, the table, the picture.

use collector::format::{flag, instant, quoted, share, signed, thousands};
use collector::model::Metric;
use collector::profile::{critical_path, names};
use collector::store::MeasuredCommit;
use maud::{Markup, PreEscaped, html};

use super::load::{Pair, Source};
use super::table;
use crate::flame;
use crate::pages::layout;
use crate::text;

pub(super) fn html(p: &Pair, focus: usize) -> Markup {
    let stem = format!("/functions/{}", p.stem());
    let forms = ["JSON", "CSV", "Markdown"]
        .iter()
        .zip(["json", "csv", "md"])
        .map(|(word, suffix)| (*word, format!("{stem}.{suffix}")))
        .collect::<Vec<_>>();
    html! {
        (head(p))
        @if matches!(p.source, Source::None) { (unknown(p)) } @else {
            (table::html(p))
            (picture(p, focus))
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
        } @else { (pruned(p)) "It can be taken again:" }
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

/// Which profiles were there once.
fn pruned(p: &Pair) -> Markup {
    html! {
        @for (sha, gone) in &p.pruned {
            "The profile of " (sha.short()) " was pruned on " (day(gone.time)) " (kept " (gone.kept)
            @if gone.kept == 1 { " day). " } @else { " days). " }
        }
    }
}

/// The day of a time, in UTC.
fn day(time: i64) -> String {
    instant(time - time.rem_euclid(86_400))
}

fn picture(p: &Pair, focus: usize) -> Markup {
    let Source::Stacks { base, head, .. } = &p.source else {
        return no_picture(p);
    };
    let stem = p.stem();
    let tree = flame::Tree::of(base, head);
    let drawn = tree.svg(focus, &format!("/functions/{stem}"));
    html! {
        section .flamebox {
            h2 { "Flame graph" }
            (legend())
            p .muted { "Critical path: " (critical_path(head)) }
            (tools())
            figure .wide.flame {
                (PreEscaped(drawn))
                figcaption { output .cursor { "Click a frame to zoom; with keys: arrows, Enter, 0." } }
            }
            p {
                a href={ "/flame/" (stem) ".svg" } { "Open as SVG of its own" }
                @if focus != 0 { " · " a href={ "/functions/" (stem) } { "Whole graph" } }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        p .muted {
            "Width: the side that costs more. "
            span .swatch.u3 {} " costs more " span .swatch.d3 {} " costs less "
            span .swatch.added {} " added " span .swatch.removed {} " removed."
        }
    }
}

fn tools() -> Markup {
    html! {
        div .flametools hidden {
            label { "search " input .flamesearch type="search" maxlength="100"; } output .flamefound {}
            button .small.flamereset type="button" { "Reset " kbd { "0" } }
        }
    }
}

fn no_picture(p: &Pair) -> Markup {
    let bench = flag("--only", &text::whole(&p.series.row.key.benchmark));
    let line = format!(
        "uptick compare {} {} {bench}",
        p.base.sha.short(),
        p.head.sha.short()
    );
    let why = html! {
        (pruned(p))
        "These are the functions' own costs, which counting leaves by itself. Whole call stacks are "
        "taken when a benchmark moved, or on demand:"
    };
    layout::empty("No flame graph yet", why, &[("take them", &line)])
}
