//! Functions: which of them make the difference, as a table first, then as a flame graph.

use collector::format::{percent, quoted, share, signed, thousands};
use collector::measure::FunctionTable;
use collector::model::{FunctionDelta, ProfileKind, Sha};
use collector::profile::delta::{self, Explanation};
use collector::profile::{Profile, critical_path, flame as svg, names};
use collector::store::{MeasuredCommit, SeriesState, Store};
use maud::{Markup, PreEscaped, html};
use serde_json::json;

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::flame;
use crate::pages::answer::{
    SVG, csv_page, json_page, markdown_page, no_such_form, the_commit, the_series,
};
use crate::pages::layout::{self, Nav};
use crate::query::Format;
use crate::text::{self, csv_field, md};

/// Functions in the table.
const ROWS: usize = 40;
/// The relative change that counts when the totals are told apart.
const LIMIT: f64 = 0.005;

/// What is known of where the cost went.
enum Source {
    /// Whole call stacks of both.
    Stacks {
        base: Box<Profile>,
        head: Box<Profile>,
        explanation: Explanation,
    },
    /// Self cost by function, which every exact count leaves.
    Tables {
        functions: Vec<FunctionDelta>,
        total: (u64, u64),
    },
    /// Nothing.
    None,
}

struct Pair {
    series: SeriesState,
    base: MeasuredCommit,
    head: MeasuredCommit,
    source: Source,
}

fn load(store: &Store, (id, base, head): (&str, &str, &str)) -> Result<Pair, Fail> {
    let series = the_series(store, id)?;
    let (base, head) = (the_commit(store, base)?, the_commit(store, head)?);
    let benchmark = &series.row.key.benchmark;
    let source = match (
        stacks(store, &base.sha, benchmark)?,
        stacks(store, &head.sha, benchmark)?,
    ) {
        (Some(b), Some(h)) => {
            let explanation = delta::explain(&b, &h, LIMIT, &[]);
            Source::Stacks {
                base: Box::new(b),
                head: Box::new(h),
                explanation,
            }
        }
        _ => tables(store, &base.sha, &head.sha, benchmark)?,
    };
    Ok(Pair {
        series,
        base,
        head,
        source,
    })
}

fn stacks(store: &Store, sha: &Sha, benchmark: &str) -> Result<Option<Profile>, Fail> {
    let Some(bytes) = store.any_stacks(sha, benchmark)? else {
        return Ok(None);
    };
    let damaged = |e| {
        Fail::Store(format!(
            "The profile of {} is damaged: {e}. `uptick verify` lists everything that is.",
            sha.short()
        ))
    };
    Profile::decode(&bytes).map(Some).map_err(damaged)
}

fn table(store: &Store, sha: &Sha, benchmark: &str) -> Result<Option<FunctionTable>, Fail> {
    let Some(report) = store.any_report_of(sha)? else {
        return Ok(None);
    };
    let wanted = |p: &&collector::model::ProfileRef| {
        p.benchmark == benchmark && p.kind == ProfileKind::Functions
    };
    let Some(profile) = report.profiles.iter().find(wanted) else {
        return Ok(None);
    };
    let Some(bytes) = store.blob(&profile.blob)? else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&bytes).ok())
}

fn tables(store: &Store, base: &Sha, head: &Sha, benchmark: &str) -> Result<Source, Fail> {
    let (Some(b), Some(h)) = (
        table(store, base, benchmark)?,
        table(store, head, benchmark)?,
    ) else {
        return Ok(Source::None);
    };
    let mut sides: std::collections::BTreeMap<&str, (u64, u64)> = Default::default();
    for (name, cost) in &b {
        sides.entry(name).or_default().0 += cost;
    }
    for (name, cost) in &h {
        sides.entry(name).or_default().1 += cost;
    }
    let mut functions: Vec<FunctionDelta> = sides
        .into_iter()
        .filter(|(_, (b, h))| b != h)
        .map(|(name, (b, h))| FunctionDelta {
            name: name.into(),
            file: None,
            line: None,
            base: b,
            head: h,
            delta: h.wrapping_sub(b).cast_signed(),
            base_inclusive: 0,
            head_inclusive: 0,
            calls: None,
            caller: None,
        })
        .collect();
    functions.sort_by_key(|f| std::cmp::Reverse(f.delta.unsigned_abs()));
    let sum = |t: &FunctionTable| t.iter().map(|(_, c)| *c).sum();
    Ok(Source::Tables {
        functions,
        total: (sum(&b), sum(&h)),
    })
}

impl Pair {
    fn functions(&self) -> &[FunctionDelta] {
        match &self.source {
            Source::Stacks { explanation, .. } => &explanation.functions,
            Source::Tables { functions, .. } => functions,
            Source::None => &[],
        }
    }

    fn total(&self) -> (u64, u64) {
        match &self.source {
            Source::Stacks { explanation, .. } => explanation.total,
            Source::Tables { total, .. } => *total,
            Source::None => (0, 0),
        }
    }

    fn stem(&self) -> String {
        format!(
            "{}/{}..{}",
            self.series.row.key.id(),
            self.base.sha.short(),
            self.head.sha.short()
        )
    }
}

pub(super) fn page(
    store: &Store,
    app: &App,
    names: (&str, &str, &str),
    focus: usize,
    format: Format,
) -> Result<Page, Fail> {
    let p = load(store, names)?;
    match format {
        Format::Html => {
            let title = format!("Functions of {}", text::name(&p.series.row.key.benchmark));
            Ok(layout::page(app, Nav::None, &title, html(&p, focus)))
        }
        Format::Json => json_page(&json!({
            "schema": "uptick.functions/1", "benchmark": p.series.row.key.benchmark, "base": p.base, "head": p.head,
            "total": p.total(), "functions": p.functions(),
            "folded": match &p.source { Source::Stacks { head, .. } => Some(head.folded()), _ => None },
        })),
        Format::Csv => Ok(csv_page("functions", csv(&p))),
        Format::Markdown => Ok(markdown_page(markdown(&p))),
        _ => Err(no_such_form(format)),
    }
}

/// inferno's flame graph (of the head where both commits are one), to keep or to open alone.
pub(super) fn download(store: &Store, names: (&str, &str, &str)) -> Result<Page, Fail> {
    let p = load(store, names)?;
    let Source::Stacks { base, head, .. } = &p.source else {
        return Err(Fail::NotFound(
            "No call stacks of both commits are stored; `uptick flamegraph` takes them.".into(),
        ));
    };
    let name = text::cut(&p.series.row.key.benchmark, 120);
    let drawn = if p.base.sha == p.head.sha {
        svg::graph(head, &format!("{name} at {}", p.head.sha.short()))
    } else {
        svg::difference(
            base,
            head,
            &format!("{name}: {} → {}", p.base.sha.short(), p.head.sha.short()),
        )
    };
    let drawn = drawn.map_err(|e| Fail::NotFound(format!("No flame graph: {e}.")))?;
    Ok(Page::new(SVG, Policy::Sandbox, drawn.into_bytes()))
}

fn html(p: &Pair, focus: usize) -> Markup {
    let (before, after) = p.total();
    let key = &p.series.row.key;
    let change = if before > 0 {
        after as f64 / before as f64 - 1.0
    } else {
        0.0
    };
    let difference = after as f64 - before as f64;
    html! {
        section .head {
            p .crumb { a href={ "/series/" (key.id()) } { (text::name(&key.benchmark)) } " · " a href={ "/commit/" (p.base.sha.short()) } { (p.base.sha.short()) } " → " a href={ "/commit/" (p.head.sha.short()) } { (p.head.sha.short()) } }
            h1 { @if matches!(p.source, Source::None) { "Functions are not known" }
                @else { (text::delta(change, key.metric)) " " span .light { (text::minus(&signed(difference))) " instructions" } } }
            @if !matches!(p.source, Source::None) { p { (lead(p)) } }
        }
        @match &p.source {
            Source::None => { (unknown(p)) }
            _ => {
                (table_html(p))
                (picture(p, focus))
                @let stem = p.stem();
                (layout::forms(&[("JSON", format!("/functions/{stem}.json")), ("CSV", format!("/functions/{stem}.csv")), ("Markdown", format!("/functions/{stem}.md"))]))
            }
        }
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
    layout::empty(
        "No profile of this benchmark is stored for both commits",
        html! { "Exact counts leave one by themselves; sampled time leaves none. It can be taken at any time:" },
        &[
            (
                "compare the two commits and profile what moved",
                &format!("uptick compare {base} {head} --only {bench}"),
            ),
            (
                "draw the difference",
                &format!("uptick flamegraph {bench} {head} --base {base}"),
            ),
        ],
    )
}

fn place(f: &FunctionDelta) -> Option<String> {
    let file = f.file.as_ref()?;
    Some(match f.line {
        Some(line) => format!("{}:{line}", text::cut(file, 60)),
        None => text::cut(file, 60),
    })
}

fn status(f: &FunctionDelta) -> (&'static str, &'static str) {
    match (f.base, f.head) {
        (0, _) => ("added", "added"),
        (_, 0) => ("removed", "removed"),
        (b, h) if h > b => ("up", "dearer"),
        _ => ("down", "cheaper"),
    }
}

fn table_html(p: &Pair) -> Markup {
    let functions = p.functions();
    let all: f64 = functions
        .iter()
        .map(|f| f.delta.unsigned_abs() as f64)
        .sum();
    let has_total = matches!(p.source, Source::Stacks { .. });
    html! {
        section { h2 .hidden { "Functions by change" }
        div .scroll tabindex="0" role="region" aria-label="Functions by change" { table .rows.functions {
            thead { tr { th scope="col" { "Function" } th scope="col" .num { "Self before" } th scope="col" .num { "Self after" } th scope="col" .num { "Δ self" } @if has_total { th scope="col" .num { "Δ total" } } th scope="col" { "Status" } th scope="col" { "Share of what moved" } } }
            tbody { @for f in functions.iter().take(ROWS) {
                @let (class, word) = status(f);
                @let part = f.delta.unsigned_abs() as f64 / all.max(1.0);
                tr {
                    th scope="row" .name title=(text::whole(&f.name)) { code { (text::cut(&names::short(&f.name), 60)) } @if let Some(place) = place(f) { " " span .muted { (place) } } @else if let Some(c) = &f.caller { " " span .muted { "from " (text::cut(&c.file, 50)) ":" (c.line) } } }
                    td .num { @if f.base == 0 { "–" } @else { (text::count(f.base as f64)) } }
                    td .num { @if f.head == 0 { "–" } @else { (text::count(f.head as f64)) } }
                    td .num { span .delta.(if f.delta > 0 { "up" } else { "down" }) { (text::minus(&signed(f.delta as f64))) } }
                    @if has_total { td .num { (text::minus(&signed(f.head_inclusive as f64 - f.base_inclusive as f64))) } }
                    td { span .tag.(class) { (word) } }
                    td { svg .bar viewBox="0 0 100 8" width="100" height="8" aria-hidden="true" { rect .(if f.delta > 0 { "up" } else { "down" }) width=(format!("{:.1}", 100.0 * part)) height="8" {} } " " (part_words(part)) }
                }
            } }
        } }
        @if functions.len() > ROWS { p .muted { "and " (functions.len() - ROWS) " more in the CSV" } }
        }
    }
}

fn part_words(part: f64) -> String {
    if part < 0.005 {
        "< 1 %".into()
    } else {
        format!("{:.0} %", 100.0 * part)
    }
}

fn picture(p: &Pair, focus: usize) -> Markup {
    let stem = p.stem();
    let Source::Stacks { base, head, .. } = &p.source else {
        let bench = quoted(&text::whole(&p.series.row.key.benchmark));
        let line = format!(
            "uptick compare {} {} --only {bench}",
            p.base.sha.short(),
            p.head.sha.short()
        );
        return layout::empty(
            "No flame graph yet",
            html! { "These are the functions' own costs, which counting leaves by itself. Whole call stacks are taken when a benchmark moved, or on demand:" },
            &[("take them", &line)],
        );
    };
    let tree = flame::Tree::of(base, head);
    html! {
        section .flamebox { h2 { "Flame graph" }
            p .muted { "Width: the dearer of the two sides. " span .swatch.u3 {} " dearer " span .swatch.d3 {} " cheaper " span .swatch.added {} " added " span .swatch.removed {} " removed." }
            p .muted { "Critical path: " (critical_path(head)) }
            div .flametools hidden {
                label { "search " input .flamesearch type="search" maxlength="100"; } output .flamefound {}
                button .small.flamereset type="button" { "Reset " kbd { "0" } }
            }
            figure .wide.flame { (PreEscaped(tree.svg(focus, &format!("/functions/{stem}")))) figcaption { output .cursor { "Click a frame to zoom; with keys: arrows, Enter, 0." } } }
            p { a href={ "/flame/" (stem) ".svg" } { "Open as SVG of its own" } @if focus != 0 { " · " a href={ "/functions/" (stem) } { "Whole graph" } } }
        }
    }
}

fn csv(p: &Pair) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "function",
            "file",
            "line",
            "base",
            "head",
            "delta",
            "base_inclusive",
            "head_inclusive",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for f in p.functions() {
        out.push(vec![
            csv_field(&f.name),
            csv_field(f.file.as_deref().unwrap_or("")),
            f.line.map_or_else(String::new, |l| l.to_string()),
            f.base.to_string(),
            f.head.to_string(),
            f.delta.to_string(),
            f.base_inclusive.to_string(),
            f.head_inclusive.to_string(),
        ]);
    }
    out
}

fn markdown(p: &Pair) -> String {
    let (before, after) = p.total();
    let change = if before > 0 {
        percent(after as f64 / before as f64 - 1.0)
    } else {
        "?".into()
    };
    let mut out = format!(
        "# {}: {change}\n\n| function | before | after | change |\n|---|--:|--:|--:|\n",
        md(&p.series.row.key.benchmark)
    );
    for f in p.functions().iter().take(ROWS) {
        out.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            md(&f.name),
            text::count(f.base as f64),
            text::count(f.head as f64),
            signed(f.delta as f64)
        ));
    }
    out
}
