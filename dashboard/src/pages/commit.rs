//! Commit: what did it do, compared with the commit measured before it?

use collector::judge::{Row, Side};
use collector::model::{Metric, Verdict};
use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::headline::{self, Headline};
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form, the_commit};
use crate::pages::compare::{self, Comparison};
use crate::pages::decide;
use crate::pages::excluded;
use crate::pages::layout::{self, Nav};
use crate::query::{Format, branch_url, compare_url};
use crate::reader::Reader;
use crate::text;

/// What stands above the changes that outlast the commit.
const LASTING: &str = "Lasting changes that it may have caused";
/// Rows of each sort.
const ROWS: usize = 12;

pub(super) fn page(
    store: &Store,
    app: &App,
    reader: &Reader,
    sha: &str,
    format: Format,
) -> Result<Page, Fail> {
    let head = the_commit(store, sha)?;
    let (before, how) = compare::usual_base(store, &head)?;
    let after = match head.main {
        true => store.commits_from(head.position + 1, 1)?.pop(),
        false => None,
    };
    let compared = match &before {
        Some(b) => Some(compare::load(store, app, &b.sha.0, &head.sha.0, how)?),
        None => None,
    };
    match format {
        Format::Html => {
            let title = format!("{} {}", head.sha.short(), head.subject);
            Ok(layout::page(
                app,
                Nav::Commits,
                &title,
                html(
                    store,
                    app,
                    reader,
                    (&head, compared.as_ref(), after.as_ref()),
                )?,
            ))
        }
        Format::Json => {
            let reports = store.reports(Some(&head.sha), 50)?;
            let excluded = store.excluded(Some(&head.sha))?;
            json_page(
                &json!({ "schema": "uptick.commit/1", "commit": head, "reports": reports,
                    "excluded": excluded,
                    "judgement": compared.map(|c| c.judgement) }),
            )
        }
        Format::Markdown => {
            let c = compared
                .ok_or_else(|| Fail::NotFound("No commit was measured before this one.".into()))?;
            Ok(markdown_page(collector::report::markdown(&c.judgement)))
        }
        Format::Csv => {
            let c = compared
                .ok_or_else(|| Fail::NotFound("No commit was measured before this one.".into()))?;
            Ok(csv_page("commit", compare::csv(&c)))
        }
        _ => Err(no_such_form(format)),
    }
}

fn html(
    store: &Store,
    app: &App,
    reader: &Reader,
    (head, compared, after): (
        &MeasuredCommit,
        Option<&Comparison>,
        Option<&MeasuredCommit>,
    ),
) -> Result<Markup, Fail> {
    let events = match head.main {
        true => compare::lasting(store, head)?,
        false => Vec::new(),
    };
    let headline = compared.map(|c| c.headline(None));
    let failing = match compared {
        Some(c) => compare::failing(store, c)?,
        None => Vec::new(),
    };
    let by = store.reverted_by(std::slice::from_ref(head))?;
    let reverts = (store.reverts(head)?, by.into_values().next());
    let class = headline.as_ref().map_or("quiet", Headline::class);
    Ok(html! {
        section .verdict.(class) {
            (crumb(head))
            h1 { (text::cut(&head.subject, 160)) }
            (reverted(&reverts))
            (lead(head, compared))
            (neighbours(head, compared, after))
        }
        @if let Some(c) = compared { (sorts(c)) }
        @if let Some(c) = compared { (compare::failed(c, &failing)) }
        (decide::section(store, app, reader, (LASTING, events))?)
        (excluded::section(&store.excluded(Some(&head.sha))?))
        (documents(head, compared.is_some()))
    })
}

/// What a commit takes back, and what takes it back.
fn reverted((back, by): &(Option<MeasuredCommit>, Option<MeasuredCommit>)) -> Markup {
    html! {
        @if let Some(c) = back { p { "Takes back " (layout::commit_line(c)) } }
        @if let Some(c) = by { p { "Taken back by " (layout::commit_line(c)) } }
    }
}

fn crumb(head: &MeasuredCommit) -> Markup {
    html! {
        p .crumb {
            code { (head.sha.short()) } " · " (text::cut(&head.author, 60)) " · "
            (text::time(head.time)) " · "
            @if head.main { "commit " (head.position) " of the main line" } @else { (beside(head)) }
        }
    }
}

/// Where a commit stands that is not on the main line.
fn beside(head: &MeasuredCommit) -> Markup {
    html! {
        "beside the main line"
        @if !head.branch.is_empty() {
            ", on " a href=(branch_url(&head.branch)) { (text::cut(&head.branch, 60)) }
        }
    }
}

fn lead(head: &MeasuredCommit, compared: Option<&Comparison>) -> Markup {
    let short = head.sha.short();
    html! {
        @match compared {
            Some(c) => {
                p .lead { (c.headline(None).html()) }
                p .muted {
                    "Compared with " (layout::commit_line(&c.base))
                    @if head.main && c.judgement.base.distance > 1 {
                        " (" (c.judgement.base.distance - 1)
                        " commits between them were not measured)"
                    }
                }
            }
            None => {
                p .lead { "The first measured commit: there is nothing to compare it with." }
                p { (layout::command(&format!("uptick run {short}~1"))) }
            }
        }
    }
}

fn neighbours(
    head: &MeasuredCommit,
    compared: Option<&Comparison>,
    after: Option<&MeasuredCommit>,
) -> Markup {
    html! {
        nav .pager aria-label="Neighbours" {
            @if let Some(c) = compared {
                a rel="prev" href={ "/commit/" (c.base.sha.short()) } { "← " (c.base.sha.short()) }
                a href=(compare_url(&c.base.sha, &head.sha)) { "Full comparison" }
            }
            @if let Some(a) = after {
                a rel="next" href={ "/commit/" (a.sha.short()) } { (a.sha.short()) " →" }
            }
        }
    }
}

/// The rows that moved by what became of them, and the benchmarks that cannot be compared.
fn sorts(c: &Comparison) -> Markup {
    html! {
        (rows(c, Verdict::Regressed, "Regressed"))
        (rows(c, Verdict::Improved, "Improved"))
        (rows(c, Verdict::Suspect, "Suspect: moved, not confirmed"))
        (rows(c, Verdict::Shifted, "Moved between functions"))
        (names(c, Verdict::New, "New benchmarks"))
        (names(c, Verdict::Vanished, "Vanished benchmarks"))
        (names(c, Verdict::Incomparable, "Not comparable"))
    }
}

fn documents(head: &MeasuredCommit, is_compared: bool) -> Markup {
    let document = |suffix: &str| format!("/commit/{}.{suffix}", head.sha.short());
    let mut forms = vec![("JSON", document("json"))];
    if is_compared {
        forms.push(("CSV", document("csv")));
        forms.push(("Markdown", document("md")));
    }
    layout::forms(&forms)
}

fn rows(c: &Comparison, verdict: Verdict, title: &str) -> Markup {
    let rows = c.judgement.with(verdict);
    html! {
        @if !rows.is_empty() {
            section {
                h2 { (title) " (" (rows.len()) ")" }
                div .scroll { table .rows.stack {
                    thead { tr {
                        th scope="col" { "Benchmark" }
                        th scope="col" .num { "Change" }
                        th scope="col" .num { "Before" }
                        th scope="col" .num { "After" }
                        th scope="col" { "Limit" }
                        th scope="col" { span .hidden { "Links" } }
                    } }
                    tbody { @for r in rows.iter().take(ROWS) { (row(c, r)) } }
                } }
                @if rows.len() > ROWS {
                    p { a href=(compare_url(&c.base.sha, &c.head.sha)) { "all " (rows.len()) } }
                }
            }
        }
    }
}

fn row(c: &Comparison, r: &Row) -> Markup {
    let id = c.series(r).id();
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    let side = |s: &Option<Side>| {
        s.as_ref()
            .map_or_else(String::new, |s| text::value(s.value, &r.metric))
    };
    html! {
        tr {
            th scope="row" .name {
                a href={ "/series/" (id) } title=(text::whole(&r.benchmark)) {
                    (text::name(&r.benchmark))
                }
                (metric(c, r))
            }
            td .num { @match r.change {
                Some(x) if r.verdict == Verdict::Suspect => {
                    (text::quiet(x, r.values(), &r.metric))
                }
                Some(x) => { (text::delta(x, r.values(), &r.metric)) }
                None => "",
            } }
            td .num data-th="before" { (side(&r.base)) }
            td .num data-th="after" { (side(&r.head)) }
            td .muted data-th="limit" { (text::cut(&r.why.words(), 160)) }
            td { @if r.metric == Metric::Instructions {
                a href={ "/functions/" (id) "/" (base) ".." (head) } { "Functions" }
            } }
        }
    }
}

/// Of which metric a row is, where that goes without saying no more.
fn metric(c: &Comparison, r: &Row) -> Markup {
    html! {
        @if headline::has_several(&c.judgement, None) { " " span .muted { (text::metric(&r.metric)) } }
    }
}

fn names(c: &Comparison, verdict: Verdict, title: &str) -> Markup {
    let rows = c.judgement.with(verdict);
    html! {
        @if let Some(first) = rows.first() {
            section {
                h2 { (title) " (" (rows.len()) ")" }
                p {
                    @for (i, r) in rows.iter().take(ROWS).enumerate() {
                        @if i > 0 { ", " } (text::name(&r.benchmark)) (metric(c, r))
                    }
                    @if rows.len() > ROWS { " …" }
                }
                @if verdict == Verdict::Incomparable {
                    p .muted { (text::cut(&first.why.words(), 300)) }
                }
            }
        }
    }
}
