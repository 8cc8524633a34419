//! How things are written on pages: names, numbers, times, changes. A name is data: it is cleaned
//! of control and direction characters here, and escaped by the templates.

use collector::format::{arrow, thousands};
use collector::model::Metric;
use collector::profile::names;
use collector::store::Generation;
use maud::{Markup, html};

/// Characters of a name on a page; the whole one is in its tooltip up to [`WHOLE`].
const SHOWN: usize = 72;
/// Characters of a name at most, anywhere.
pub(crate) const WHOLE: usize = 512;

/// The store's counters, as pages and events carry them.
pub(crate) fn generation(at: Generation) -> String {
    format!("{}.{}", at.data, at.triage)
}

/// Seconds since 1970-01-01 UTC.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Today, `2026-11-28`.
pub(crate) fn today() -> String {
    format_time(now(), "%Y-%m-%d")
}

/// A name, cleaned and cut for a page.
pub(crate) fn name(text: &str) -> String {
    cut(text, SHOWN)
}

/// A name, cleaned and cut in its middle.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let clean = names::clean(text, width);
    if clean.trim().is_empty() {
        "(no name)".into()
    } else {
        clean
    }
}

/// A text that may be empty, cleaned and cut.
pub(crate) fn cut_or_empty(text: &str, width: usize) -> String {
    names::clean(text.trim(), width)
}

/// A whole name, cleaned.
pub(crate) fn whole(text: &str) -> String {
    names::clean(text, WHOLE)
}

/// `12 Nov 2026`.
pub(crate) fn date(time: i64) -> String {
    format_time(time, "%-d %b %Y")
}

/// `12 Nov`.
pub(crate) fn day(time: i64) -> String {
    format_time(time, "%-d %b")
}

/// `12 Nov 14:02`.
pub(crate) fn minute(time: i64) -> String {
    format_time(time, "%-d %b %H:%M")
}

/// `2026-11-12T14:02:00Z`.
pub(crate) fn iso(time: i64) -> String {
    format_time(time, "%Y-%m-%dT%H:%M:%SZ")
}

fn format_time(time: i64, format: &str) -> String {
    let Ok(t) = jiff::Timestamp::from_second(time) else {
        return "?".into();
    };
    t.to_zoned(jiff::tz::TimeZone::UTC)
        .strftime(format)
        .to_string()
}

/// A time that reads well and that machines read too.
pub(crate) fn time(t: i64) -> Markup {
    html! { time datetime=(iso(t)) title=(format_time(t, "%Y-%m-%d %H:%M UTC")) { (date(t)) } }
}

/// A time to the minute, for what happens by the minute: `28 Nov 2026 14:31`.
pub(crate) fn moment(t: i64) -> Markup {
    let whole = format_time(t, "%Y-%m-%d %H:%M:%S UTC");
    html! { time datetime=(iso(t)) title=(whole) { (format_time(t, "%-d %b %Y %H:%M")) } }
}

/// A value in few characters: `1,204.1 M`, `35.2 MiB`, `1.200 ms`.
pub(crate) fn value(x: f64, metric: &Metric) -> String {
    match metric {
        Metric::Instructions | Metric::InstructionsCold | Metric::PageFaults => count(x),
        _ => collector::format::value(x, metric),
    }
}

/// A count in few characters.
pub(crate) fn count(x: f64) -> String {
    match x.abs() {
        a if a >= 1e15 => format!("{x:.2e}"),
        a if a >= 1e10 => format!("{:.2} G", x / 1e9),
        a if a >= 1e9 => format!("{:.3} G", x / 1e9),
        a if a >= 1e7 => format!("{:.2} M", x / 1e6),
        a if a >= 1e6 => format!("{:.3} M", x / 1e6),
        _ => thousands(x),
    }
}

/// Whether a change is for the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    Worse,
    Better,
    Same,
}

impl Sense {
    pub(crate) fn of(moved: f64, metric: &Metric) -> Self {
        match moved {
            0.0 => Self::Same,
            _ if metric.is_worse(moved) => Self::Worse,
            _ => Self::Better,
        }
    }

    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
        }
    }
}

/// What a change means, for those who see no colour.
fn meaning(sense: Sense, metric: &Metric) -> &'static str {
    match (sense, metric) {
        (Sense::Same, _) => "same",
        (Sense::Worse, Metric::PeakRss | Metric::BinarySize) => "larger",
        (Sense::Better, Metric::PeakRss | Metric::BinarySize) => "smaller",
        (Sense::Worse, Metric::Own(_)) => "worse",
        (Sense::Better, Metric::Own(_)) => "better",
        (Sense::Worse, _) => "costs more",
        (Sense::Better, _) => "costs less",
    }
}

/// A change: sign, number and colour; the sense also for those who see neither.
pub(crate) fn delta(change: f64, sides: (f64, f64), metric: &Metric) -> Markup {
    let sense = Sense::of(change, metric);
    let number = minus(&collector::format::moved(change, sides, metric));
    html! {
        span class={ "delta " (sense.class()) } {
            span aria-hidden="true" { (arrow(change)) } " " (number)
            span .hidden { " " (meaning(sense, metric)) }
        }
    }
}

/// A number that no line break parts from its sign or unit.
pub(crate) fn tight(number: &str) -> String {
    minus(number).replace(' ', "\u{a0}")
}

/// A minus sign as wide as a plus sign.
pub(crate) fn minus(number: &str) -> String {
    number.replacen('-', "−", 1)
}

/// A delta without a judgement: it is within its limit.
pub(crate) fn quiet(change: f64, sides: (f64, f64), metric: &Metric) -> Markup {
    let number = minus(&collector::format::moved(change, sides, metric));
    html! { span .delta.same { (number) } }
}

/// From one value to the next, without a judgement; an equal one says so.
pub(crate) fn moved(before: f64, after: f64, metric: &Metric) -> Markup {
    if before == after {
        return html! { span .delta.same { "same" } };
    }
    let change = collector::stats::change(before, after);
    quiet(change, (before, after), metric)
}

pub(crate) fn plural(n: usize, what: &str) -> String {
    let number = thousands(n as f64);
    match (n, what.strip_suffix('s'), what.strip_suffix('y')) {
        (1, _, _) => format!("1 {what}"),
        (_, Some(_), _) => format!("{number} {what}"),
        (_, _, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {what}s"),
    }
}

/// That points came which the change finder has not seen.
pub(crate) fn unsearched(series: usize) -> String {
    let are = if series == 1 { "is" } else { "are" };
    format!(
        "{} with new points {are} still to be searched",
        plural(series, "series")
    )
}

/// One field of a CSV file. A spreadsheet would run what begins with `=`, `+`, `-`, `@`.
pub(crate) fn csv_field(text: &str) -> String {
    let clean = names::clean(text, WHOLE);
    let guarded = if clean.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{clean}")
    } else {
        clean
    };
    if guarded.contains(['"', ',', '\n', ';']) || guarded.starts_with('\'') {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// A number in a CSV file; empty where there is none, as for a change from 0.
pub(crate) fn csv_number(x: f64) -> String {
    if x.is_finite() {
        x.to_string()
    } else {
        String::new()
    }
}

/// A text in a Markdown table; the collector owns what has to be escaped there.
pub(crate) fn md(text: &str) -> String {
    collector::report::cell(&cut(text, 120))
}

/// A metric in words: `wall time`.
pub(crate) fn metric(metric: &Metric) -> String {
    spaced(metric.name())
}

/// The name of a metric in words.
pub(crate) fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// Text inside XML that maud does not write.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreadsheets_run_nothing() {
        assert_eq!(csv_field("=cmd()"), "\"'=cmd()\"");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field("parse/large"), "parse/large");
    }

    #[test]
    fn values_are_short() {
        assert_eq!(count(1_204_100_000.0), "1.204 G");
        assert_eq!(count(8_805.0), "8,805");
        assert_eq!(plural(2, "benchmark"), "2 benchmarks");
        assert_eq!(plural(3, "series"), "3 series");
        assert_eq!(day(0), "1 Jan");
    }
}
