//! The rows of a comparison: which, in which order, and how each looks.

use collector::judge::{self, Row};
use collector::model::{Metric, Variants, Verdict};
use collector::report::flag_costs;
use collector::store::Store;
use maud::{Markup, html};

use crate::chart::spark;
use crate::error::Fail;
use crate::headline::{self, is_of};
use crate::pages::compare::load::Comparison;
use crate::query::{Show, Sort, encode, variants_query};
use crate::text;

/// Rows on a page.
pub(super) const ROWS: usize = 100;
/// Commits in a sparkline.
const SPARK: usize = 60;

/// Which rows are wanted.
#[derive(Clone, Copy)]
pub(in crate::pages) struct Rows<'a> {
    pub(in crate::pages) metric: Option<&'a str>,
    pub(in crate::pages) show: Show,
    pub(in crate::pages) sort: Sort,
    pub(in crate::pages) text: &'a str,
    pub(in crate::pages) page: usize,
    /// Both sides are one commit, and differ in these tags.
    pub(in crate::pages) variants: Option<&'a Variants>,
}

impl Rows<'_> {
    /// What is asked for beyond all of it, but the page and the variants.
    pub(super) fn parameters(&self) -> Vec<(&'static str, &str)> {
        let given = |is: bool, text| is.then_some(text);
        let all = [
            ("metric", self.metric),
            (
                "show",
                given(self.show != Show::default(), self.show.word()),
            ),
            (
                "sort",
                given(self.sort != Sort::default(), self.sort.word()),
            ),
            ("q", given(!self.text.is_empty(), self.text)),
        ];
        let asked = all.into_iter().filter_map(|(k, v)| Some((k, v?)));
        asked.collect()
    }

    /// The address of these rows of a comparison.
    pub(super) fn url(&self, stem: &str) -> String {
        let mut parts: Vec<String> = self.variants.map(variants_query).into_iter().collect();
        let asked = self.parameters();
        parts.extend(asked.iter().map(|(k, v)| format!("{k}={}", encode(v))));
        if self.page > 1 {
            parts.push(format!("page={}", self.page));
        }
        let mark = if parts.is_empty() { "" } else { "?" };
        format!("{stem}{mark}{}", parts.join("&"))
    }
}

pub(super) fn is_shown(row: &Row, show: Show) -> bool {
    use Verdict::{Improved, Incomparable, New, NoBaseline, Regressed, Shifted, Suspect, Vanished};
    match show {
        Show::All => true,
        Show::Regressed => row.verdict == Regressed,
        Show::Improved => row.verdict == Improved,
        Show::Suspect => row.verdict == Suspect,
        Show::Changed => matches!(row.verdict, Regressed | Improved | Suspect | Shifted),
        Show::Missing => matches!(row.verdict, New | Vanished | Incomparable | NoBaseline),
    }
}

/// What regressed stands first, a suspicion after what is known.
const fn rank(row: &Row) -> u8 {
    match row.verdict {
        Verdict::Regressed => 0,
        Verdict::Improved => 1,
        Verdict::Suspect => 2,
        Verdict::Shifted => 3,
        _ => 4,
    }
}

/// The rows that are wanted, in their order.
pub(super) fn selected<'a>(c: &'a Comparison, rows: &Rows<'_>) -> Vec<&'a Row> {
    let wanted = rows.text.to_lowercase();
    let mut out: Vec<&Row> = c
        .judgement
        .results
        .iter()
        .filter(|r| is_of(r, rows.metric) && is_shown(r, rows.show))
        .filter(|r| wanted.is_empty() || r.benchmark.to_lowercase().contains(&wanted))
        .collect();
    sort(&mut out, rows.sort);
    out
}

/// Numbers fall, names rise; rows without a number come last.
fn sort(rows: &mut [&Row], by: Sort) {
    let largest_first = |a: f64, b: f64| b.total_cmp(&a);
    let or_last = |x: f64| if x.is_nan() { f64::NEG_INFINITY } else { x };
    rows.sort_by(|a, b| match by {
        Sort::Verdict => {
            let size = largest_first(headline::size(a), headline::size(b));
            rank(a).cmp(&rank(b)).then(size)
        }
        Sort::Name => a.benchmark.cmp(&b.benchmark),
        Sort::Change => largest_first(headline::size(a), headline::size(b)),
        Sort::Limit => largest_first(a.limit.unwrap_or(-1.0), b.limit.unwrap_or(-1.0)),
        Sort::Before => largest_first(or_last(a.values().0), or_last(b.values().0)),
        Sort::After => largest_first(or_last(a.values().1), or_last(b.values().1)),
    });
}

pub(super) fn table(c: &Comparison, rows: &Rows<'_>, shown: &[Markup]) -> Markup {
    let by = |sort: Sort, word: &str| {
        let url = Rows {
            sort,
            page: 1,
            ..*rows
        }
        .url(&c.stem);
        let order = if sort == Sort::Name {
            "ascending"
        } else {
            "descending"
        };
        let is_number = !matches!(sort, Sort::Name | Sort::Verdict);
        let current = rows.sort == sort;
        html! {
            th scope="col" .num[is_number] aria-sort=[current.then_some(order)] {
                a href=(url) { (word) }
                @if current { span aria-hidden="true" { (if sort == Sort::Name { " ↑" } else { " ↓" }) } }
            }
        }
    };
    html! {
        div .scroll { table .rows.stack {
            thead { tr {
                (by(Sort::Name, "Benchmark"))
                (by(Sort::Change, "Change"))
                (by(Sort::Limit, "Limit"))
                (by(Sort::Before, "Before"))
                (by(Sort::After, "After"))
                th scope="col" { "Last " (SPARK) " commits" }
                (by(Sort::Verdict, "Verdict"))
                th scope="col" { span .hidden { "Links" } }
            } }
            tbody { @for row in shown { (row) } }
        } }
    }
}

pub(super) fn row_html(store: &Store, c: &Comparison, r: &Row) -> Result<Markup, Fail> {
    let key = c.series(r);
    let id = key.id();
    let (values, mark) = history(store, c, &id)?;
    let side = |s: &Option<judge::Side>| {
        s.as_ref()
            .map_or_else(|| "–".into(), |s| text::value(s.value, &r.metric))
    };
    let words = format!("history of {} up to this commit", text::name(&r.benchmark));
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    // Functions are told apart between two commits of one series.
    let both = c.judgement.variants.is_none() && r.base.is_some() && r.head.is_some();
    Ok(html! {
        tr .grey[r.verdict == Verdict::Incomparable] {
            th scope="row" .name {
                a href={ "/series/" (id) } title=(text::whole(&r.benchmark)) {
                    (text::name(&r.benchmark))
                }
                @if !r.judged || headline::has_several(&c.judgement, None) {
                    " " span .muted { (text::metric(&r.metric)) }
                }
            }
            td .num { (change(r)) }
            td .num.muted data-th="limit" title=(text::cut(&r.why.words(), 300)) {
                (if r.limit.is_some() { r.allowed() } else { "–".into() })
            }
            td .num data-th="before" { (side(&r.base)) }
            td .num data-th="after" { (side(&r.head)) }
            td { (spark(&values, mark, &words)) }
            td { (verdict_of(r)) @if let Some(costs) = flag_costs(&c.judgement, r) {
                " " span .muted { (text::cut(&costs, 200)) }
            } }
            td { @if r.metric == Metric::Instructions && both {
                a href={ "/functions/" (id) "/" (base) ".." (head) } { "Functions" }
            } }
        }
    })
}

/// Values around the head, and which of them is the head's.
fn history(store: &Store, c: &Comparison, id: &str) -> Result<(Vec<f64>, Option<usize>), Fail> {
    let Some(s) = store.series_by_id(id)? else {
        return Ok((Vec::new(), None));
    };
    let recent = store.recent(s.row.id, c.head.position + 10, SPARK)?;
    let mark = recent.iter().position(|v| v.position >= c.head.position);
    Ok((recent.iter().map(|v| v.value).collect(), mark))
}

/// The change, in colour only where it is known to be one.
fn change(r: &Row) -> Markup {
    let sure = matches!(
        r.verdict,
        Verdict::Regressed | Verdict::Improved | Verdict::Shifted
    );
    let (before, after) = r.values();
    html! {
        @match r.change.or_else(|| r.unjudged()) {
            Some(_) if before == after && !sure => { (text::moved(before, after, &r.metric)) }
            Some(x) if sure => { (text::delta(x, r.values(), &r.metric)) }
            Some(x) => { (text::quiet(x, r.values(), &r.metric)) }
            None => "–",
        }
    }
}

fn verdict_of(r: &Row) -> Markup {
    let says_why = matches!(r.verdict, Verdict::Incomparable | Verdict::Suspect);
    html! {
        (r.verdict.name().replace('_', " "))
        @if says_why { " " span .muted { (text::cut(&r.why.words(), 140)) } }
    }
}
