//! The verdict on one comparison in one line: losses and gains, suspects apart, failures.

use collector::format;
use collector::judge::{self, Judgement, Outcome, Row};
use collector::model::Verdict;
use collector::store::Event;
use maud::{Markup, html};
use serde::Serialize;

use crate::text::{self, plural};

/// Whether a row is one that is asked about: of a metric, or else one that is judged.
pub(crate) fn is_of(r: &Row, metric: Option<&str>) -> bool {
    metric.map_or(r.judged, |m| r.metric.name() == m)
}

/// The rows of that verdict that a headline is about, the largest first.
pub(crate) fn of<'a>(j: &'a Judgement, metric: Option<&str>, verdict: Verdict) -> Vec<&'a Row> {
    let wanted = |r: &&Row| is_of(r, metric) && r.verdict == verdict;
    let mut rows: Vec<&Row> = j.results.iter().filter(wanted).collect();
    rows.sort_by(|a, b| size(b).total_cmp(&size(a)));
    rows
}

/// Whether rows of several metrics are asked about, so that each has to say its own.
pub(crate) fn has_several(j: &Judgement, metric: Option<&str>) -> bool {
    let mut metrics = j.results.iter().filter(|r| is_of(r, metric));
    let first = metrics.next().map(|r| &r.metric);
    metrics.any(|r| Some(&r.metric) != first)
}

/// Those of some rows that went the wrong way.
fn worse(mut rows: Vec<&Row>) -> Vec<&Row> {
    rows.retain(|r| r.harm() > 0.0);
    rows
}

pub(crate) fn size(r: &Row) -> f64 {
    r.change.map_or(0.0, f64::abs)
}

/// Rows that went one way: how many, and the largest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Moved {
    benchmarks: usize,
    /// How far the largest moved, for people.
    largest: String,
    #[serde(skip)]
    sign: &'static str,
}

impl Moved {
    fn of(rows: &[&Row]) -> Option<Self> {
        rows.first().map(|r| Self {
            benchmarks: rows.len(),
            largest: r.moved(),
            sign: r.sign(),
        })
    }

    fn size(&self) -> String {
        text::tight(&self.largest)
    }
}

/// What a headline says, for one metric or for what is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Headline {
    regressed: Option<Moved>,
    improved: Option<Moved>,
    suspect: usize,
    /// Those of the suspects that may be worse.
    #[serde(skip)]
    maybe_worse: Option<Moved>,
    /// Series with an open regression between the two, which these two measurements do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    lasting: Option<Moved>,
    unchanged: usize,
    /// Benchmarks that gave a number in the head.
    total: usize,
    /// Those of them that have nothing to be compared with.
    #[serde(skip)]
    alone: usize,
    /// Why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_verdict: Option<String>,
    /// What failed in the head and not in the base.
    failed: usize,
    /// What failed in both.
    still_failing: usize,
    /// Whether it is about several metrics, so that a benchmark may be several rows.
    #[serde(skip)]
    several: bool,
}

impl Headline {
    /// What is said of a judgement whose head has that many failures.
    pub(crate) fn of(j: &Judgement, failures: usize, metric: Option<&str>) -> Self {
        let count = |v| of(j, metric, v).len();
        let rows = || j.results.iter().filter(|r| is_of(r, metric));
        let judged = metric.is_none() && j.outcome == Outcome::NoVerdict;
        let none = judged || !rows().any(Row::is_compared);
        Self {
            regressed: Moved::of(&of(j, metric, Verdict::Regressed)),
            improved: Moved::of(&of(j, metric, Verdict::Improved)),
            suspect: count(Verdict::Suspect),
            maybe_worse: Moved::of(&worse(of(j, metric, Verdict::Suspect))),
            lasting: None,
            unchanged: count(Verdict::Unchanged),
            total: rows().filter(|r| r.head.is_some()).count(),
            alone: rows()
                .filter(|r| r.head.is_some() && !r.is_compared())
                .count(),
            no_verdict: none.then(|| why_not(j, metric)),
            failed: j.failures.len(),
            still_failing: failures.saturating_sub(j.failures.len()),
            several: has_several(j, metric),
        }
    }

    /// The same, beside what the histories of the series say, the worst first.
    pub(crate) fn with_untold(
        mut self,
        j: &Judgement,
        untold: &[Event],
        metric: Option<&str>,
    ) -> Self {
        let is_asked = |e: &&Event| {
            let key = &e.series.key;
            let is_row = |r: &Row| r.benchmark == key.benchmark && r.metric == key.metric;
            j.results.iter().any(|r| is_row(r) && is_of(r, metric))
        };
        let mut asked = untold.iter().filter(is_asked);
        self.lasting = asked.next().map(|e| {
            let c = &e.reported.event.change;
            Moved {
                benchmarks: 1 + asked.count(),
                largest: format::moved(c.change, (c.before, c.after), &e.series.key.metric),
                sign: format::arrow(c.change),
            }
        });
        self
    }

    /// The verdict in one line.
    pub(crate) fn html(&self) -> Markup {
        html! {
            (self.first())
            @if !self.is_gain() {
                @if let Some(best) = &self.improved {
                    " · " (best.benchmarks) " improved, best " (best.size())
                }
            }
            (self.counts())
        }
    }

    /// What is said first: what got worse, else why nothing can be said, else what got better.
    fn first(&self) -> Markup {
        let of_all = plural(
            self.total,
            if self.several { "series" } else { "benchmark" },
        );
        html! {
            @if let Some(worst) = &self.regressed {
                span aria-hidden="true" { (worst.sign) } " Regression: " (worst.benchmarks) " of "
                (of_all) ", worst " (worst.size())
            } @else if let Some(why) = &self.no_verdict {
                "No verdict: " (why)
            } @else if let Some(worst) = &self.maybe_worse {
                "Not confirmed: " (worst.benchmarks) " of " (of_all) " may be worse, worst "
                (worst.size()) " · 0 regressed"
            } @else if let Some(worst) = &self.lasting {
                "Lasting regression: " (worst.benchmarks) " of " (of_all) ", worst " (worst.size())
                " · not told by these two measurements alone"
            } @else if let Some(best) = &self.improved {
                span .tick aria-hidden="true" { (best.sign) } " Improved: " (best.benchmarks)
                " of " (of_all) ", best " (best.size()) " · 0 regressed"
            } @else {
                span .tick aria-hidden="true" { "✓" } " No regression in " (of_all)
            }
        }
    }

    /// Whether what got better is said first.
    const fn is_gain(&self) -> bool {
        self.regressed.is_none() && !self.is_unsure()
    }

    /// Whether a lasting regression is not what is said first.
    const fn is_lasting_second(&self) -> bool {
        self.regressed.is_some() || self.no_verdict.is_some() || self.maybe_worse.is_some()
    }

    /// Whether something may be worse, or nothing can be said.
    const fn is_unsure(&self) -> bool {
        self.no_verdict.is_some() || self.maybe_worse.is_some() || self.lasting.is_some()
    }

    fn counts(&self) -> Markup {
        html! {
            @if self.is_lasting_second() && let Some(m) = &self.lasting {
                " · " (m.benchmarks) " with a lasting regression"
            }
            @if self.suspect > 0 { " · " (self.suspect) " suspect" }
            @if self.unchanged > 0 { " · " (self.unchanged) " unchanged" }
            @if self.alone > 0 && self.alone < self.total { " · " (self.alone) " not compared" }
            @if self.failed > 0 { " · " (self.failed) " failed" }
            @if self.still_failing > 0 { " · " (self.still_failing) " still failing" }
        }
    }

    /// The verdict as a line of a list has it: what moved, and what gave no number.
    pub(crate) fn brief(&self) -> Markup {
        let side = |m: &Moved, class: &str| {
            html! {
                span class={ "delta " (class) } {
                    span aria-hidden="true" { (m.sign) " " } (m.size())
                }
                " " span .muted { "in " (m.benchmarks) }
            }
        };
        let is_still = self.regressed.is_none()
            && self.improved.is_none()
            && self.suspect == 0
            && self.lasting.is_none();
        html! {
            @if let Some(m) = &self.regressed { "regressed " (side(m, "worse")) " " }
            @if let Some(m) = &self.improved { "improved " (side(m, "better")) " " }
            @if let Some(m) = &self.lasting { "lasting " (side(m, "worse")) " " }
            @if self.suspect > 0 { span .muted { (self.suspect) " suspect " } }
            @if let Some(why) = self.no_verdict.as_ref().filter(|_| is_still) {
                span .muted { "no verdict: " (why) " " }
            } @else if is_still { span .muted { "unchanged " } }
            @if self.failed > 0 { span .tag.failed { (self.failed) " failed" } " " }
            @if self.still_failing > 0 { span .tag.stale { (self.still_failing) " still failing" } }
        }
    }

    /// How the verdict looks: red only for what regressed.
    pub(crate) const fn class(&self) -> &'static str {
        match (self.regressed.is_some(), self.is_unsure()) {
            (true, _) => "bad",
            (false, true) => "quiet",
            (false, false) => "good",
        }
    }
}

/// Why there is no verdict.
pub(crate) fn why_not(j: &Judgement, metric: Option<&str>) -> String {
    let why = j.why_none(&|r| is_of(r, metric));
    text::cut(&why.to_string(), 240)
}

/// The geometric mean of what is shown: one for each metric.
pub(crate) fn means(j: &Judgement, metric: Option<&str>) -> Markup {
    let shown: Vec<Row> = j
        .results
        .iter()
        .filter(|r| is_of(r, metric))
        .cloned()
        .collect();
    let tallies = judge::tallies(&shown);
    let known = || tallies.iter().filter_map(|t| Some((t, t.geomean?)));
    let several = tallies.len() > 1;
    html! {
        @if known().next().is_some() {
            p {
                "Geometric mean "
                @for (i, (t, mean)) in known().enumerate() {
                    @if i > 0 { ", " }
                    b { (text::tight(&collector::format::percent(mean))) }
                    @if several { " of " (text::metric(&t.metric)) }
                    span .muted { " over " (plural(t.averaged, "benchmark")) }
                }
            }
        }
    }
}
