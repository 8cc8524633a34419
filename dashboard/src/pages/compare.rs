//! Compare: what is different between two commits, judged as `uptick compare` judges.

use collector::format::{percent, quoted, share};
use collector::judge::{self, Overrides, Row};
use collector::judge::{BaseRef, CommitRef, Judgement, Outcome};
use collector::model::SeriesKey;
use collector::model::{Counter, Measurement, Metric, Report, Verdict};
use collector::report::undo;
use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};

use crate::app::App;
use crate::cache::Page;
use crate::chart::spark;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form, the_commit};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, Show, compare_url, encode};
use crate::text::{self, csv_field, plural};
use collector::stats;

/// Rows on a page.
const ROWS: usize = 100;
/// Commits in a sparkline.
const SPARK: usize = 60;
/// Earlier values that a limit is taken from, as `uptick check` does.
const HISTORY: usize = 200;
/// Characters of a report's hash.
const HASH: usize = 64;
/// Below this relative difference no limit can be crossed, so that no history is read.
const NEGLIGIBLE: f64 = 0.001;

/// Which rows are wanted.
pub(super) struct Rows<'a> {
    pub(super) metric: Option<Metric>,
    pub(super) show: Show,
    pub(super) text: &'a str,
    pub(super) page: usize,
}

/// Two commits, compared.
pub(super) struct Comparison {
    pub(super) base: MeasuredCommit,
    pub(super) head: MeasuredCommit,
    pub(super) judgement: Judgement,
    pub(super) base_report: Report,
    /// Its address: by commit, or by report where the address named reports.
    stem: String,
    /// The address that shows just this, whatever is measured later.
    permalink: String,
}

impl Comparison {
    fn is_pinned(&self) -> bool {
        self.stem == self.permalink
    }
}

/// One side of a comparison.
struct Side {
    commit: MeasuredCommit,
    report: Report,
    hash: String,
}

/// Judges `head` against `base` from what is stored. Both are named by commits, or both by the
/// hashes of reports: then nothing that arrived after these two changes the judgement.
pub(super) fn load(
    store: &Store,
    app: &App,
    base: &str,
    head: &str,
    how: &str,
) -> Result<Comparison, Fail> {
    let named = pinned(store, base).and_then(|b| Ok(b.zip(pinned(store, head)?)))?;
    let is_pinned = named.is_some();
    let (base, head) = match named {
        Some(sides) => sides,
        None => latest(store, the_commit(store, base)?, the_commit(store, head)?)?,
    };
    let config = &app.options.config;
    let counter = main_counter(&head.report);
    let judged = judge::judged_metrics(config, counter);
    let as_of = if is_pinned {
        let numbers = (
            store.report_number(&base.hash)?,
            store.report_number(&head.hash)?,
        );
        numbers.0.max(numbers.1).unwrap_or(i64::MAX)
    } else {
        i64::MAX
    };
    let history = |m: &Measurement| history(store, &base.report, &head.report, m, as_of);
    let results = judge::rows(
        &base.report,
        &head.report,
        config,
        &Overrides::default(),
        &judged,
        &history,
    );
    let how = if is_pinned {
        "these two reports, whatever is measured later"
    } else {
        how
    };
    let judgement = judgement(
        &base.commit,
        &head.commit,
        &head.report,
        how,
        counter,
        results,
    );
    let permalink = format!("/compare/{}..{}", base.hash, head.hash);
    Ok(Comparison {
        stem: if is_pinned {
            permalink.clone()
        } else {
            compare_url(&base.commit.sha, &head.commit.sha)
        },
        permalink,
        base: base.commit,
        head: head.commit,
        judgement,
        base_report: base.report,
    })
}

/// The report of that hash with its commit.
fn pinned(store: &Store, name: &str) -> Result<Option<Side>, Fail> {
    if name.len() != HASH {
        return Ok(None);
    }
    let Some(report) = store.report(name)? else {
        return Ok(None);
    };
    let commit = the_commit(store, &report.commit.sha.0)?;
    let hash = name.to_string();
    Ok(Some(Side {
        commit,
        report,
        hash,
    }))
}

/// A report of each commit, from the same testbed where there is one.
fn latest(store: &Store, base: MeasuredCommit, head: MeasuredCommit) -> Result<(Side, Side), Fail> {
    let heads = store.reports(Some(&head.sha), 20)?;
    let bases = store.reports(Some(&base.sha), 20)?;
    let pairs = heads.iter().flat_map(|h| bases.iter().map(move |b| (h, b)));
    let rank = |(h, b): &(&collector::store::ReportRow, &collector::store::ReportRow)| {
        (
            h.failed || b.failed,
            h.testbed_key != b.testbed_key,
            std::cmp::Reverse(h.started),
            std::cmp::Reverse(b.started),
        )
    };
    let best = pairs.min_by_key(rank).ok_or(Fail::Ours)?;
    let (base_hash, head_hash) = (best.1.hash.clone(), best.0.hash.clone());
    let side = |commit, hash: String| {
        let report = store.report(&hash)?.ok_or(Fail::Ours)?;
        Ok::<_, Fail>(Side {
            commit,
            report,
            hash,
        })
    };
    Ok((side(base, base_hash)?, side(head, head_hash)?))
}

/// The counter of what is judged.
fn main_counter(report: &Report) -> Counter {
    let judged = |m: &&Measurement| m.metric == Metric::Instructions;
    let found = report
        .measurements
        .iter()
        .find(judged)
        .or_else(|| report.measurements.first());
    found.map_or(Counter::Clock, |m| m.counter)
}

/// Earlier values of a series, newest last: only where they can matter, and only those that had
/// arrived by the report of that number.
fn history(store: &Store, base: &Report, head: &Report, m: &Measurement, as_of: i64) -> Vec<f64> {
    let after = head.measurements.binary_search_by(|h| {
        (&h.benchmark, h.metric, h.counter).cmp(&(&m.benchmark, m.metric, m.counter))
    });
    let after = after
        .ok()
        .map(|i| &head.measurements[i])
        .or_else(|| head.find(&m.benchmark, m.metric, m.counter));
    let moved = after.is_some_and(|h| stats::change(m.value, h.value).abs() > NEGLIGIBLE);
    if !moved {
        return Vec::new();
    }
    let key = SeriesKey {
        benchmark: m.benchmark.clone(),
        metric: m.metric,
        counter: m.counter,
        fingerprint: base.testbed.fingerprint(m.counter),
    };
    // A history that cannot be read is no history: the floors remain.
    let Ok(Some(series)) = store.series_by_id(&key.id()) else {
        return Vec::new();
    };
    let values = store
        .recent_as_of(series.row.id, base.commit.position, HISTORY, as_of)
        .unwrap_or_default();
    values.into_iter().map(|v| v.value).collect()
}

fn judgement(
    base: &MeasuredCommit,
    head: &MeasuredCommit,
    report: &Report,
    how: &str,
    counter: Counter,
    results: Vec<Row>,
) -> Judgement {
    let judged = |v: Verdict| results.iter().any(|r| r.judged && r.verdict == v);
    let outcome = if judged(Verdict::Regressed) {
        Outcome::Regressed
    } else if judged(Verdict::Vanished)
        || !(judged(Verdict::Unchanged) || judged(Verdict::Improved) || judged(Verdict::Shifted))
    {
        Outcome::NoVerdict
    } else {
        Outcome::Ok
    };
    Judgement {
        schema: "uptick.check/1",
        outcome,
        head: CommitRef {
            sha: head.sha.clone(),
            subject: head.subject.clone(),
            parents: match report.commit.sha == head.sha {
                true => report.commit.parents.clone(),
                false => Vec::new(),
            },
        },
        base: BaseRef {
            sha: base.sha.clone(),
            subject: base.subject.clone(),
            how: how.into(),
            distance: head.position.abs_diff(base.position),
            proposal: false,
        },
        testbed: report.testbed.clone(),
        counter,
        results,
        failures: report.failures.clone(),
        hints: Vec::new(),
        notes: vec!["from stored reports; nothing was measured again".into()],
    }
}

pub(super) fn page(
    store: &Store,
    app: &App,
    (base, head): (&str, &str),
    rows: &Rows<'_>,
    format: Format,
) -> Result<Page, Fail> {
    let c = load(store, app, base, head, "named in the address")?;
    match format {
        Format::Html => {
            let title = format!("{} → {}", c.base.sha.short(), c.head.sha.short());
            Ok(layout::page(app, Nav::None, &title, html(store, &c, rows)?))
        }
        Format::Json => json_page(&c.judgement),
        Format::Csv => Ok(csv_page("compare", csv(&c))),
        Format::Markdown => Ok(markdown_page(collector::report::markdown(&c.judgement))),
        _ => Err(no_such_form(format)),
    }
}

/// The verdict in one line.
pub(super) fn verdict(j: &Judgement) -> Markup {
    let slower = j.with(Verdict::Regressed);
    let faster = j.with(Verdict::Improved).len();
    let total = j
        .results
        .iter()
        .filter(|r| r.judged && r.head.is_some())
        .count();
    match j.outcome {
        Outcome::Regressed => html! {
            span aria-hidden="true" { "▲" } " Regression: " (slower.len()) " of " (plural(total, "benchmark")) ", worst " (slower.first().and_then(|r| r.change).map_or_else(String::new, |x| text::tight(&percent(x))))
        },
        Outcome::Ok => html! {
            span .tick aria-hidden="true" { "✓" } " No regression in " (plural(total, "benchmark")) @if faster > 0 { ": " (faster) " of them cheaper" @if let Some(best) = best(j) { ", best " (text::tight(&percent(best))) } }
        },
        Outcome::NoVerdict => html! { "No verdict: " (why_not(j)) },
    }
}

/// The largest gain.
fn best(j: &Judgement) -> Option<f64> {
    let gains = j.with(Verdict::Improved);
    gains.iter().filter_map(|r| r.change).min_by(f64::total_cmp)
}

fn why_not(j: &Judgement) -> String {
    if let Some(r) = j.with(Verdict::Incomparable).first() {
        return text::cut(&r.why, 200);
    }
    match j.with(Verdict::Vanished).len() {
        0 => "nothing was measured in both".into(),
        n => format!("{} vanished", plural(n, "benchmark")),
    }
}

pub(super) const fn verdict_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Regressed => "bad",
        Outcome::Ok => "good",
        Outcome::NoVerdict => "quiet",
    }
}

fn is_shown(row: &Row, show: Show) -> bool {
    use Verdict::{Improved, Incomparable, New, NoBaseline, Regressed, Shifted, Vanished};
    match show {
        Show::All => true,
        Show::Slower => row.verdict == Regressed,
        Show::Faster => row.verdict == Improved,
        Show::Changed => matches!(row.verdict, Regressed | Improved | Shifted),
        Show::Missing => matches!(row.verdict, New | Vanished | Incomparable | NoBaseline),
    }
}

fn selected<'a>(c: &'a Comparison, rows: &Rows<'_>) -> Vec<&'a Row> {
    let wanted = rows.text.to_lowercase();
    let mut out: Vec<&Row> = c
        .judgement
        .results
        .iter()
        .filter(|r| rows.metric.map_or(r.judged, |m| r.metric == m))
        .filter(|r| is_shown(r, rows.show))
        .filter(|r| wanted.is_empty() || r.benchmark.to_lowercase().contains(&wanted))
        .collect();
    let size = |r: &Row| r.change.map_or(0.0, f64::abs);
    out.sort_by(|a, b| {
        (b.verdict == Verdict::Regressed)
            .cmp(&(a.verdict == Verdict::Regressed))
            .then(size(b).total_cmp(&size(a)))
    });
    out
}

fn url(c: &Comparison, rows: &Rows<'_>, metric: Option<Metric>, show: Show, page: usize) -> String {
    let mut parts = Vec::new();
    if let Some(m) = metric {
        parts.push(format!("metric={m}"));
    }
    if let Some((_, word)) = Show::ALL
        .iter()
        .find(|(s, _)| *s == show && show != Show::Changed)
    {
        parts.push(format!("show={word}"));
    }
    if !rows.text.is_empty() {
        parts.push(format!("q={}", encode(rows.text)));
    }
    if page > 1 {
        parts.push(format!("page={page}"));
    }
    let query = if parts.is_empty() {
        String::new()
    } else {
        format!("?{}", parts.join("&"))
    };
    format!("{}{query}", c.stem)
}

fn html(store: &Store, c: &Comparison, rows: &Rows<'_>) -> Result<Markup, Fail> {
    let j = &c.judgement;
    let selected = selected(c, rows);
    let skip = (rows.page - 1) * ROWS;
    let shown: Vec<Markup> = selected
        .iter()
        .skip(skip)
        .take(ROWS)
        .map(|r| row_html(store, c, r))
        .collect::<Result<_, _>>()?;
    let of = |s: Show| {
        j.results
            .iter()
            .filter(|r| rows.metric.map_or(r.judged, |m| r.metric == m) && is_shown(r, s))
            .count()
    };
    let words: Vec<(String, String, bool)> = Show::ALL
        .iter()
        .map(|(s, w)| {
            (
                format!("{w} {}", of(*s)),
                url(c, rows, rows.metric, *s, 1),
                *s == rows.show,
            )
        })
        .collect();
    let show: Vec<(&str, String, bool)> = words
        .iter()
        .map(|(w, u, on)| (w.as_str(), u.clone(), *on))
        .collect();
    let stem = &c.stem;
    let mut forms = vec![
        ("JSON", format!("{stem}.json")),
        ("CSV", format!("{stem}.csv")),
        ("Markdown", format!("{stem}.md")),
    ];
    if !c.is_pinned() {
        forms.push(("Permalink", c.permalink.clone()));
    }
    Ok(html! {
        section .verdict.(verdict_class(j.outcome)) {
            h1 { (verdict(j)) }
            (sides(c))
            (testbed(c))
            (layout::forms(&forms))
        }
        (another(c))
        div .filters {
            (layout::choice("show", &show))
            (metrics(c, rows))
            form action=(stem) role="search" {
                @if let Some(m) = rows.metric { input type="hidden" name="metric" value=(m.name()); }
                @if let Some((_, w)) = Show::ALL.iter().find(|(s, _)| *s == rows.show) { input type="hidden" name="show" value=(w); }
                label .hidden for="q" { "Filter by name" }
                input #q name="q" type="search" value=(rows.text) placeholder="filter by name" maxlength="512";
                button .small type="submit" { "Filter" }
            }
        }
        @if selected.is_empty() { (none(c, rows)) } @else {
            div .scroll { table .rows {
                thead { tr { th scope="col" { "Benchmark" } th scope="col" .num { "Change" } th scope="col" .num { "Limit" } th scope="col" .num { "Before" } th scope="col" .num { "After" } th scope="col" { "Last " (SPARK) " commits" } th scope="col" { "Verdict" } th scope="col" { span .hidden { "Links" } } } }
                tbody { @for row in &shown { (row) } }
            } }
            (layout::pager(rows.page, ROWS, selected.len() as u64, &|p| url(c, rows, rows.metric, rows.show, p)))
        }
        (failures(j))
        section .next { h2 { "Next" } dl {
            dt { "measure both again and judge" } dd { (layout::command(&format!("uptick compare {} {}", c.base.sha.short(), c.head.sha.short()))) }
            @if j.base.distance > 1 && let Some(r) = j.with(Verdict::Regressed).first() {
                dt { "find the commit between" } dd { (layout::command(&format!("uptick bisect {} {} --bench {}", c.base.sha.short(), c.head.sha.short(), quoted(&text::whole(&r.benchmark))))) } }
            @if let Some(undo) = undo(j) { dt { "take it back" } dd { (layout::command(&undo)) } }
        } }
    })
}

fn sides(c: &Comparison) -> Markup {
    html! {
        dl .sides {
            dt { "base" } dd { (layout::commit_line(&c.base)) " " span .muted { (text::time(c.base.time)) ", " (text::cut(&c.judgement.base.how, 80)) ", " (plural(c.judgement.base.distance as usize, "commit")) " before" } }
            dt { "head" } dd { (layout::commit_line(&c.head)) " " span .muted { (text::time(c.head.time)) } }
        }
    }
}

/// Whether both were measured in the same place.
fn testbed(c: &Comparison) -> Markup {
    let d = c
        .base_report
        .testbed
        .differences(&c.judgement.testbed, c.judgement.counter);
    html! {
        @if d.is_empty() { p .muted { "Same testbed, counted by " (c.judgement.counter.name()) "." } }
        @else { p .warn { "Another testbed: " @for (n, a, b) in &d { span .fact { b { "◆ " (text::cut(n, 30)) } " " (text::cut(a, 60)) " → " (text::cut(b, 60)) } } } }
    }
}

/// Other sides to compare with.
fn another(c: &Comparison) -> Markup {
    html! {
        details .other { summary { "Compare other commits" }
            form action="/compare" .inline {
                label { "base " input name="base" value=(c.base.sha.short()) required pattern="[0-9a-fA-F]{4,64}" size="12"; }
                label { "head " input name="head" value=(c.head.sha.short()) required pattern="[0-9a-fA-F]{4,64}" size="12"; }
                button .small type="submit" { "Compare" }
                a href={ "/compare/" (c.head.sha.short()) ".." (c.base.sha.short()) } { "the other way round" }
            }
        }
    }
}

fn metrics(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let present: std::collections::BTreeSet<Metric> =
        c.judgement.results.iter().map(|r| r.metric).collect();
    let mut options = vec![(
        "judged",
        url(c, rows, None, rows.show, 1),
        rows.metric.is_none(),
    )];
    options.extend(present.iter().map(|m| {
        (
            m.name(),
            url(c, rows, Some(*m), rows.show, 1),
            rows.metric == Some(*m),
        )
    }));
    html! { @if present.len() > 1 { (layout::choice("metric", &options)) } }
}

fn none(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let all = url(
        c,
        &Rows {
            metric: rows.metric,
            show: Show::All,
            text: "",
            page: 1,
        },
        rows.metric,
        Show::All,
        1,
    );
    if !rows.text.is_empty() {
        return layout::empty(
            "No row matches the filter",
            html! { a href=(all) { "Show all rows" } },
            &[],
        );
    }
    let n = c
        .judgement
        .results
        .iter()
        .filter(|r| {
            r.verdict == Verdict::Unchanged && rows.metric.map_or(r.judged, |m| r.metric == m)
        })
        .count();
    let largest = c
        .judgement
        .with(Verdict::Unchanged)
        .first()
        .and_then(|r| r.change)
        .map_or_else(String::new, |x| format!(", the largest by {}", percent(x)));
    match rows.show {
        Show::Missing => layout::empty(
            "Nothing is missing",
            html! { "Every benchmark of either commit was measured in both." },
            &[],
        ),
        _ if n == 0 => layout::empty(
            "Nothing could be compared",
            html! { (why_not(&c.judgement)) },
            &[],
        ),
        _ => layout::empty(
            "Nothing moved beyond its limit",
            html! { (plural(n, "benchmark")) " moved less than that" (largest) ". " a href=(all) { "Show all" } },
            &[],
        ),
    }
}

fn row_html(store: &Store, c: &Comparison, r: &Row) -> Result<Markup, Fail> {
    let key = SeriesKey {
        benchmark: r.benchmark.clone(),
        metric: r.metric,
        counter: r.counter,
        fingerprint: c.judgement.testbed.fingerprint(r.counter),
    };
    let id = key.id();
    let series = store.series_by_id(&id)?;
    let (values, mark) = match &series {
        Some(s) => {
            let recent = store.recent(s.row.id, c.head.position + 10, SPARK)?;
            let mark = recent.iter().position(|v| v.position >= c.head.position);
            (recent.iter().map(|v| v.value).collect(), mark)
        }
        None => (Vec::new(), None),
    };
    let side = |s: &Option<judge::Side>| {
        s.as_ref()
            .map_or_else(|| "–".into(), |s| text::value(s.value, r.metric))
    };
    let words = format!("history of {} up to this commit", text::name(&r.benchmark));
    let functions = format!(
        "/functions/{id}/{}..{}",
        c.base.sha.short(),
        c.head.sha.short()
    );
    Ok(html! {
        tr {
            th scope="row" .name { a href={ "/series/" (id) } title=(text::whole(&r.benchmark)) { (text::name(&r.benchmark)) } @if !r.judged { " " span .muted { (text::metric(r.metric)) } } }
            td .num { @match r.change { Some(x) if is_shown(r, Show::Changed) => { (text::delta(x, r.metric)) } Some(x) => { (text::quiet(x)) } None => "–" } }
            td .num.muted title=(text::cut(&r.why, 300)) { (r.limit.map_or_else(|| "–".into(), share)) }
            td .num { (side(&r.base)) } td .num { (side(&r.head)) }
            td { (spark(&values, mark, &words)) }
            td { (r.verdict.name().replace('_', " ")) @if matches!(r.verdict, Verdict::Incomparable) { " " span .muted { (text::cut(&r.why, 100)) } } }
            td { @if r.metric == Metric::Instructions && r.base.is_some() && r.head.is_some() { a href=(functions) { "Functions" } } }
        }
    })
}

fn failures(j: &Judgement) -> Markup {
    html! {
        @if !j.failures.is_empty() {
            section { h2 { "Not measured (" (j.failures.len()) ")" }
                @for f in j.failures.iter().take(20) {
                    details { summary { b { (text::name(f.benchmark.as_deref().unwrap_or("the commit"))) } " " span .muted { (text::cut(&f.stage, 20)) } }
                        pre { (text::cut(&f.message, 2000)) } }
                } }
        }
    }
}

pub(super) fn csv(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "benchmark",
            "metric",
            "counter",
            "base",
            "head",
            "change",
            "limit",
            "verdict",
        ]
        .map(String::from)
        .to_vec(),
    ];
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    for r in &c.judgement.results {
        out.push(vec![
            csv_field(&r.benchmark),
            r.metric.name().into(),
            r.counter.name().into(),
            number(r.base.as_ref().map(|s| s.value)),
            number(r.head.as_ref().map(|s| s.value)),
            number(r.change),
            number(r.limit),
            r.verdict.name().into(),
        ]);
    }
    out
}
