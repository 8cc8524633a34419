//! What the words on Health mean.

use collector::detect::gate::Policy;
use collector::detect::steps::LASTING;
use collector::format::share;
use collector::history::health::{BLIND, STALE, Trouble};
use collector::model::{Counter, Metric, NoiseClass};
use collector::store::SeriesState;
use maud::{Markup, html};

/// What a series that is fine is called, and what that means.
pub(super) fn kind(series: &SeriesState) -> (&'static str, &'static str) {
    let class = series.row.class;
    if series.kind == "young" && !class.repeats() {
        return ("young", YOUNG);
    }
    (class.name(), of_class(class))
}

const YOUNG: &str = "too few commits yet to know how it varies";

/// What a noise class means: what calibration found when the benchmark was first seen.
const fn of_class(class: NoiseClass) -> &'static str {
    match class {
        NoiseClass::Exact => "the same code gives the same value every time",
        NoiseClass::Seeded => "depends on the random seed, which is pinned",
        NoiseClass::Layout => "depends on where the program lies in memory",
        NoiseClass::Threaded => "differs from run to run: threads, timers, the outside world",
        NoiseClass::Sampled => "a sampled quantity such as time: always noisy",
    }
}

fn of_trouble(trouble: Trouble) -> String {
    match trouble {
        Trouble::Failing => "it failed on the newest measured commit".into(),
        Trouble::Stale => format!("not measured for more than {STALE} commits"),
        Trouble::Blind => format!("not even a lasting step of {} would be found", share(BLIND)),
        Trouble::Noisy => {
            "noise takes the limit of the next commit to more than twice its floor".into()
        }
        Trouble::Drifting => {
            "a slope, and no step: it adds up to more than the limit’s floor".into()
        }
    }
}

const CLASSES: [NoiseClass; 5] = [
    NoiseClass::Exact,
    NoiseClass::Seeded,
    NoiseClass::Layout,
    NoiseClass::Threaded,
    NoiseClass::Sampled,
];

fn limit() -> String {
    let policy = Policy::for_series(&Metric::Instructions, &Counter::Callgrind);
    let k = policy.k_spread;
    format!(
        "the smallest change that would stop the next commit: the largest of the metric’s floor, \
         {k} × what the series varies by, and {k} × what calibration saw"
    )
}

fn lasting() -> String {
    format!(
        "the smallest step that the change finder reports once it has lasted {LASTING} commits, \
         four times out of five"
    )
}

pub(super) fn html() -> Markup {
    html! {
        details .words {
            summary { "What the words mean" }
            dl {
                @for t in Trouble::ALL { dt { (t.name()) } dd { (of_trouble(t)) } }
                @for c in CLASSES { dt { (c.name()) } dd { (of_class(c)) } }
                dt { "young" } dd { (YOUNG) }
                dt { "limit" } dd { (limit()) }
                dt { "lasting step" } dd { (lasting()) }
                dt { "alerts" } dd { "changes that were reported; false: somebody settled them as noise" }
            }
        }
    }
}
