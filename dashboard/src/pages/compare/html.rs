//! A comparison as a page.

use crate::app::App;
use crate::chart::spark;
use crate::error::Fail;
use crate::pages::compare::headline;
use crate::pages::compare::load::Comparison;
use crate::pages::{decide, layout};
use crate::query::{Show, encode};
use crate::reader::Reader;
use crate::text::{self, plural};
use collector::format::flag;
use collector::judge::{self, Judgement, Row};
use collector::model::{Metric, Verdict};
use collector::report::undo;
use collector::store::Store;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Rows on a page.
const ROWS: usize = 100;

/// Commits in a sparkline.
const SPARK: usize = 60;

/// Which rows are wanted.
pub(in crate::pages) struct Rows<'a> {
    pub(in crate::pages) metric: Option<&'a str>,
    pub(in crate::pages) show: Show,
    pub(in crate::pages) text: &'a str,
    pub(in crate::pages) page: usize,
}

fn is_shown(row: &Row, show: Show) -> bool {
    use Verdict::{Improved, Incomparable, New, NoBaseline, Regressed, Shifted, Suspect, Vanished};
    match show {
        Show::All => true,
        Show::Slower => row.verdict == Regressed,
        Show::Faster => row.verdict == Improved,
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

fn selected<'a>(c: &'a Comparison, rows: &Rows<'_>) -> Vec<&'a Row> {
    let wanted = rows.text.to_lowercase();
    let mut out: Vec<&Row> = c
        .judgement
        .results
        .iter()
        .filter(|r| rows.metric.map_or(r.judged, |m| r.metric.name() == m))
        .filter(|r| is_shown(r, rows.show))
        .filter(|r| wanted.is_empty() || r.benchmark.to_lowercase().contains(&wanted))
        .collect();
    out.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then(headline::size(b).total_cmp(&headline::size(a)))
    });
    out
}

fn url(c: &Comparison, rows: &Rows<'_>, metric: Option<&str>, show: Show, page: usize) -> String {
    let mut parts = Vec::new();
    if let Some(m) = metric {
        parts.push(format!("metric={}", encode(m)));
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

pub(super) fn html(
    store: &Store,
    app: &App,
    reader: &Reader,
    (c, rows): (&Comparison, &Rows<'_>),
) -> Result<Markup, Fail> {
    let j = &c.judgement;
    let selected = selected(c, rows);
    let skip = (rows.page - 1) * ROWS;
    let shown: Vec<Markup> = selected
        .iter()
        .skip(skip)
        .take(ROWS)
        .map(|r| row_html(store, c, r))
        .collect::<Result<_, _>>()?;
    let turn = |p| url(c, rows, rows.metric, rows.show, p);
    Ok(html! {
        section .verdict.(headline::class(j, rows.metric)) {
            h1 { (headline::verdict(j, rows.metric)) }
            (sides(c))
            (testbed(c))
            (layout::forms(&forms(c)))
        }
        (another(c))
        (filters(c, rows))
        @if selected.is_empty() { (none(c, rows)) } @else {
            (table(&shown))
            (layout::pager(rows.page, ROWS, selected.len() as u64, &turn))
        }
        (failures(j))
        (decide::section(store, app, reader, ("Lasting changes here", c.lasting(store)?))?)
        (next(c))
    })
}

fn forms(c: &Comparison) -> Vec<(&'static str, String)> {
    let stem = &c.stem;
    let mut forms = vec![
        ("JSON", format!("{stem}.json")),
        ("CSV", format!("{stem}.csv")),
        ("Markdown", format!("{stem}.md")),
    ];
    if !c.is_pinned() {
        forms.push(("Permalink", c.permalink.clone()));
    }
    forms
}

fn filters(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let of_metric = |r: &&Row| rows.metric.map_or(r.judged, |m| r.metric.name() == m);
    let count = |s: Show| {
        let results = c.judgement.results.iter().filter(of_metric);
        results.filter(|r| is_shown(r, s)).count()
    };
    let labels: Vec<String> = Show::ALL
        .iter()
        .map(|(s, _)| format!("{} {}", s.label(), count(*s)))
        .collect();
    let show: Vec<(&str, String, bool)> = Show::ALL
        .iter()
        .zip(&labels)
        .map(|((s, _), label)| {
            let address = url(c, rows, rows.metric, *s, 1);
            (label.as_str(), address, *s == rows.show)
        })
        .collect();
    html! {
        div .filters {
            (layout::choice("show", &show))
            (metrics(c, rows))
            (by_name(c, rows))
        }
    }
}

fn by_name(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let word = Show::ALL.iter().find(|(s, _)| *s == rows.show);
    html! {
        form action=(c.stem) role="search" {
            @if let Some(m) = rows.metric { input type="hidden" name="metric" value=(m); }
            @if let Some((_, w)) = word { input type="hidden" name="show" value=(w); }
            label .hidden for="q" { "Filter by name" }
            input #q name="q" type="search" value=(rows.text) placeholder="filter by name"
                maxlength="512";
            button .small type="submit" { "Filter" }
        }
    }
}

fn table(rows: &[Markup]) -> Markup {
    html! {
        div .scroll { table .rows {
            thead { tr {
                th scope="col" { "Benchmark" }
                th scope="col" .num { "Change" }
                th scope="col" .num { "Limit" }
                th scope="col" .num { "Before" }
                th scope="col" .num { "After" }
                th scope="col" { "Last " (SPARK) " commits" }
                th scope="col" { "Verdict" }
                th scope="col" { span .hidden { "Links" } }
            } }
            tbody { @for row in rows { (row) } }
        } }
    }
}

/// What a reader may want to type next.
fn next(c: &Comparison) -> Markup {
    let j = &c.judgement;
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    let regressed = j.with(Verdict::Regressed);
    html! {
        section .next { h2 { "Next" } dl {
            dt { "measure both again and judge" }
            dd { (layout::command(&format!("uptick compare {base} {head}"))) }
            @if j.base.distance > 1 && let Some(r) = regressed.first() {
                @let bench = flag("--bench", &text::whole(&r.benchmark));
                dt { "find the commit between" }
                dd { (layout::command(&format!("uptick bisect {base} {head} {bench}"))) }
            }
            @if let Some(line) = undo(j) {
                dt { "take it back" } dd { (layout::command(&line)) }
            }
        } }
    }
}

fn sides(c: &Comparison) -> Markup {
    let n = plural(
        usize::try_from(c.judgement.base.distance).unwrap_or(usize::MAX),
        "commit",
    );
    let side = if c.base.position > c.head.position {
        "after the head"
    } else {
        "before"
    };
    html! {
        dl .sides {
            dt { "base" }
            dd {
                (layout::commit_line(&c.base)) " "
                span .muted {
                    (text::time(c.base.time)) ", " (text::cut(&c.judgement.base.how, 80))
                    ", " (n) " " (side)
                }
            }
            dt { "head" }
            dd { (layout::commit_line(&c.head)) " " span .muted { (text::time(c.head.time)) } }
        }
    }
}

/// Whether both were measured in the same place.
fn testbed(c: &Comparison) -> Markup {
    let head = &c.judgement.testbed;
    let d = c
        .base_report
        .testbed
        .differences(head, &c.judgement.counter);
    html! {
        @if d.is_empty() {
            p .muted { "Same testbed, " (c.judgement.counter.words()) "." }
        } @else {
            p .warn { "Another testbed: " @for (n, a, b) in &d {
                span .fact {
                    b { "◆ " (text::cut(n, 30)) } " " (text::cut(a, 60)) " → " (text::cut(b, 60))
                }
            } }
        }
    }
}

/// Other sides to compare with.
fn another(c: &Comparison) -> Markup {
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    html! {
        details .other { summary { "Compare other commits" }
            form action="/compare" .inline {
                label { "base " (commit_field("base", base)) }
                label { "head " (commit_field("head", head)) }
                button .small type="submit" { "Compare" }
                a href={ "/compare/" (head) ".." (base) } { "the other way round" }
            }
        }
    }
}

fn commit_field(name: &str, value: &str) -> Markup {
    html! { input name=(name) value=(value) required pattern="[0-9a-fA-F]{4,64}" size="12"; }
}

fn metrics(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let metrics = c.judgement.results.iter().map(|r| &r.metric);
    let mut present: Vec<&str> = metrics
        .collect::<BTreeSet<_>>()
        .iter()
        .map(|m| m.name())
        .collect();
    present.dedup();
    let mut options = vec![(
        "judged",
        url(c, rows, None, rows.show, 1),
        rows.metric.is_none(),
    )];
    options.extend(present.iter().map(|m| {
        (
            *m,
            url(c, rows, Some(m), rows.show, 1),
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
            r.verdict == Verdict::Unchanged
                && rows.metric.map_or(r.judged, |m| r.metric.name() == m)
        })
        .count();
    let largest = c
        .judgement
        .with(Verdict::Unchanged)
        .first()
        .filter(|r| r.change.is_some())
        .map_or_else(String::new, |r| format!(", the largest by {}", r.moved()));
    match rows.show {
        Show::Missing => layout::empty(
            "Nothing is missing",
            html! { "Every benchmark of either commit was measured in both." },
            &[],
        ),
        _ if n == 0 => layout::empty(
            "Nothing could be compared",
            html! { (headline::why_not(&c.judgement)) },
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
    let key = c.series(r);
    let id = key.id();
    let (values, mark) = history(store, c, &id)?;
    let side = |s: &Option<judge::Side>| {
        s.as_ref()
            .map_or_else(|| "–".into(), |s| text::value(s.value, &r.metric))
    };
    let words = format!("history of {} up to this commit", text::name(&r.benchmark));
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    let both = r.base.is_some() && r.head.is_some();
    Ok(html! {
        tr {
            th scope="row" .name {
                a href={ "/series/" (id) } title=(text::whole(&r.benchmark)) {
                    (text::name(&r.benchmark))
                }
                @if !r.judged { " " span .muted { (text::metric(&r.metric)) } }
            }
            td .num { (change(r)) }
            td .num.muted title=(text::cut(&r.why, 300)) {
                (if r.limit.is_some() { r.allowed() } else { "–".into() })
            }
            td .num { (side(&r.base)) }
            td .num { (side(&r.head)) }
            td { (spark(&values, mark, &words)) }
            td { (verdict_of(r)) }
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
    html! {
        @match r.change {
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
        @if says_why { " " span .muted { (text::cut(&r.why, 140)) } }
    }
}

fn failures(j: &Judgement) -> Markup {
    html! {
        @if !j.failures.is_empty() {
            section { h2 { "Not measured (" (j.failures.len()) ")" }
                @for f in j.failures.iter().take(20) { (failure(f)) }
            }
        }
    }
}

fn failure(f: &collector::model::Failure) -> Markup {
    let who = f.benchmark.as_deref().unwrap_or("the commit");
    html! {
        details {
            summary { b { (text::name(who)) } " " span .muted { (f.stage) } }
            pre { (text::lines(&f.message, 2000)) }
        }
    }
}
