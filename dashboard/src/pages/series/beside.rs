//! Several series in one chart: on which scale, what tells them apart, and how one adds to them.

use collector::model::SeriesKey;
use collector::stats::median;
use collector::store::{SeriesState, Value};
use maud::{Markup, html};

use super::history::History;
use crate::look::{SeriesLook, Upward};
use crate::text;

/// Levels further apart than this flatten one of them on a common scale.
const APART: f64 = 3.0;
/// Series of the same benchmark that are offered.
const OFFERED: usize = 40;

/// What the vertical axis of a chart counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// The metric's own unit.
    Own,
    /// How far each series is from where it begins, as a share of that.
    Relative,
}

impl Scale {
    /// That of a chart: relative where it was asked for, and where no common one would do.
    pub(super) fn of(h: &History) -> Self {
        let is_relative = !h.others.is_empty()
            && match h.look.y {
                Upward::Relative => true,
                Upward::Usual => !has_one_unit(h) || is_apart(h),
                Upward::Fitted | Upward::Zero => !has_one_unit(h),
            };
        if is_relative {
            Self::Relative
        } else {
            Self::Own
        }
    }

    /// Where a value lies on it, in a series that begins with `first`.
    pub(super) fn place(self, first: f64, value: f64) -> f64 {
        match self {
            Self::Own => value,
            Self::Relative => value / first - 1.0,
        }
    }

    /// Whether a series that begins with this value has a place on it.
    pub(super) fn has(self, first: f64) -> bool {
        self == Self::Own || first != 0.0
    }
}

/// Every series of the chart with its values, the page's own first.
pub(super) fn all(h: &History) -> impl Iterator<Item = (&SeriesState, &Vec<Value>)> {
    std::iter::once((&h.series, &h.values)).chain(h.others.iter().map(|(s, v)| (s, v)))
}

/// Whether all series count the same thing.
pub(super) fn has_one_unit(h: &History) -> bool {
    let unit = h.series.row.key.metric.unit();
    all(h).all(|(s, _)| s.row.key.metric.unit() == unit)
}

fn is_apart(h: &History) -> bool {
    let levels: Vec<f64> = all(h)
        .filter_map(|(_, v)| median(&v.iter().map(|v| v.value).collect::<Vec<_>>()))
        .map(f64::abs)
        .collect();
    let most = levels.iter().copied().fold(0.0, f64::max);
    levels.iter().any(|l| l * APART < most)
}

/// What tells each series of a chart from the others.
pub(super) fn names(h: &History) -> Vec<String> {
    let keys: Vec<&SeriesKey> = all(h).map(|(s, _)| &s.row.key).collect();
    let parts: [fn(&SeriesKey) -> String; 4] = [
        |k| text::name(&k.benchmark),
        |k| text::metric(&k.metric),
        |k| k.counter.words(),
        |k| format!("testbed {}", k.fingerprint),
    ];
    let differs = |part: &fn(&SeriesKey) -> String| {
        let mut said = keys.iter().map(|k| (*part)(k));
        let first = said.next();
        said.any(|s| Some(s) != first)
    };
    // The benchmark is said whether or not it tells them apart.
    let said = parts.iter().enumerate();
    let said = said.filter(|&(i, part)| i == 0 || differs(part));
    let said: Vec<fn(&SeriesKey) -> String> = said.map(|(_, part)| *part).collect();
    let name = |k: &&SeriesKey| said.iter().map(|part| (*part)(k)).collect::<Vec<_>>();
    keys.iter().map(|k| name(k).join(" · ")).collect()
}

/// Which line is which, with the way to each and out of the chart.
pub(super) fn legend(h: &History, url: &str) -> Markup {
    if h.others.is_empty() {
        return html! {};
    }
    let names = names(h);
    html! {
        ul .legend aria-label="Lines of the chart" {
            @for (i, ((s, values), name)) in all(h).zip(&names).enumerate() {
                @let id = s.row.key.id();
                li {
                    (key(i))
                    @if i == 0 { b { (name) } }
                    @else { a href={ "/series/" (id) } title=(text::whole(&s.row.key.benchmark)) { (name) } }
                    " " span .muted { (stands(h, s, values)) }
                    @if i > 0 {
                        " " (out(url, without(h.look, &id), name))
                    }
                }
            }
        }
        @if Scale::of(h) == Scale::Relative {
            p .muted { "Relative: how far each series is from its first commit in view." }
        }
    }
}

/// The way out of the chart.
fn out(url: &str, look: SeriesLook, name: &str) -> Markup {
    html! {
        a href={ (url) (look.query()) } aria-label={ "Take out " (name) } { "Take out" }
    }
}

/// A piece of the line.
fn key(i: usize) -> Markup {
    let class = match i {
        0 => "line".to_string(),
        i => format!("beside o{i}"),
    };
    html! { svg .chart.key viewBox="0 0 340 100" aria-hidden="true" { path class=(class) d="M10 50H330" {} } }
}

/// Where a series of the chart stands.
fn stands(h: &History, s: &SeriesState, values: &[Value]) -> String {
    match (values.first(), values.last()) {
        (Some(first), Some(last)) => {
            let newest = text::value(last.value, &s.row.key.metric);
            if Scale::of(h).has(first.value) {
                newest
            } else {
                format!("{newest}; it begins at 0, which has no relative scale")
            }
        }
        _ => "not measured in this range".into(),
    }
}

fn without(look: SeriesLook, id: &str) -> SeriesLook {
    SeriesLook {
        with: look.with.without(id),
        ..look
    }
}

/// How one more comes into the chart: another series of this benchmark, or of any other.
pub(super) fn add(h: &History) -> Markup {
    if h.look.with.is_full() {
        return html! { p .muted { "No more lines would be told apart." } };
    }
    html! {
        details .add open[!h.others.is_empty()] {
            summary { "Add a series to the chart" }
            form .filters action="/series" {
                (kept(&h.id, h.look))
                @let offered = offered(h);
                @if !offered.is_empty() {
                    label { "of this benchmark "
                        select name="id" {
                            option value="" { "–" }
                            @for s in &offered { option value=(s.row.key.id()) { (of_this(s)) } }
                        }
                    }
                }
                label { "or of another one "
                    input name="q" type="search" placeholder="part of its name" maxlength="512"
                        autocomplete="off" spellcheck="false";
                }
                button .small type="submit" { "Add" }
            }
        }
    }
}

/// What a form keeps of the chart that it adds to.
pub(super) fn kept(id: &str, look: SeriesLook) -> Markup {
    let ids = std::iter::once(id.to_owned()).chain(look.with.ids());
    html! {
        @for id in ids { input type="hidden" name="id" value=(id); }
        (stretch(look))
    }
}

/// The stretch and the axes, as hidden fields.
pub(super) fn stretch(look: SeriesLook) -> Markup {
    html! {
        @for (name, value) in look.parts() {
            @if name != "with" { input type="hidden" name=(name) value=(value); }
        }
    }
}

/// Series of the same benchmark that are not in the chart: those of its metric first.
fn offered(h: &History) -> Vec<&SeriesState> {
    let drawn: Vec<i64> = all(h).map(|(s, _)| s.row.id).collect();
    let rest = h.siblings.iter().filter(|s| !drawn.contains(&s.row.id));
    let mut rest: Vec<&SeriesState> = rest.collect();
    let metric = &h.series.row.key.metric;
    rest.sort_by_key(|s| {
        let of = &s.row.key.metric;
        (of != metric, of.unit() != metric.unit())
    });
    rest.truncate(OFFERED);
    rest
}

fn of_this(s: &SeriesState) -> String {
    let key = &s.row.key;
    let counter = key.counter.words();
    format!(
        "{} · {counter} · testbed {}",
        text::metric(&key.metric),
        key.fingerprint
    )
}
