//! Commit: what did it do, compared with the commit measured before it?

use collector::model::Verdict;
use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form, the_commit};
use crate::pages::compare::{self, Comparison};
use crate::pages::layout::{self, Nav};
use crate::query::{Format, compare_url};
use crate::text::{self, plural};

/// Rows of each sort.
const ROWS: usize = 12;

pub(super) fn page(store: &Store, app: &App, sha: &str, format: Format) -> Result<Page, Fail> {
    let head = the_commit(store, sha)?;
    let before = store.commits(head.position, 1)?.pop();
    let after = store.commits_from(head.position + 1, 1)?.pop();
    let compared = match &before {
        Some(b) => Some(compare::load(
            store,
            app,
            &b.sha.0,
            &head.sha.0,
            "the commit measured before it",
        )?),
        None => None,
    };
    match format {
        Format::Html => {
            let title = format!("{} {}", head.sha.short(), head.subject);
            Ok(layout::page(
                app,
                Nav::Commits,
                &title,
                html(store, &head, compared.as_ref(), after.as_ref())?,
            ))
        }
        Format::Json => {
            let reports = store.reports(Some(&head.sha), 50)?;
            json_page(
                &json!({ "schema": "uptick.commit/1", "commit": head, "reports": reports, "judgement": compared.map(|c| c.judgement) }),
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
    head: &MeasuredCommit,
    compared: Option<&Comparison>,
    after: Option<&MeasuredCommit>,
) -> Result<Markup, Fail> {
    let mut events = store.events_within(head.position, head.position, 200)?;
    let size = |e: &collector::store::Event| e.told.event.change.change.abs();
    events.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let class = compared.map_or("quiet", |c| compare::class(&c.judgement, None));
    let short = head.sha.short();
    Ok(html! {
        section .verdict.(class) {
            p .crumb { code { (short) } " · " (text::cut(&head.author, 60)) " · " (text::time(head.time)) " · commit " (head.position) }
            h1 { (text::cut(&head.subject, 160)) }
            @match compared {
                Some(c) => { p .lead { (compare::verdict(&c.judgement, None)) } p .muted { "Compared with " (layout::commit_line(&c.base)) @if c.judgement.base.distance > 1 { " (" (c.judgement.base.distance - 1) " commits between them were not measured)" } } }
                None => { p .lead { "The first measured commit: there is nothing to compare it with." } p { (layout::command(&format!("uptick run {short}~1"))) } }
            }
            nav .pager aria-label="Neighbours" {
                @if let Some(c) = compared { a rel="prev" href={ "/commit/" (c.base.sha.short()) } { "← " (c.base.sha.short()) } a href=(compare_url(&c.base.sha, &head.sha)) { "Full comparison" } }
                @if let Some(a) = after { a rel="next" href={ "/commit/" (a.sha.short()) } { (a.sha.short()) " →" } }
            }
        }
        @if let Some(c) = compared {
            (rows(c, Verdict::Regressed, "Regressed")) (rows(c, Verdict::Improved, "Improved")) (rows(c, Verdict::Suspect, "Suspect: moved, not confirmed")) (rows(c, Verdict::Shifted, "Moved between functions"))
            (names(c, Verdict::New, "New benchmarks")) (names(c, Verdict::Vanished, "Vanished benchmarks")) (names(c, Verdict::Incomparable, "Not comparable"))
        }
        @if !events.is_empty() {
            section { h2 { "Lasting changes that it may have caused" } ul .plain {
                @for e in events.iter().take(ROWS) { li { (text::delta(e.told.event.change.change, e.series.key.metric)) " " a href={ "/series/" (e.series.key.id()) } { (text::name(&e.series.key.benchmark)) } } }
                @if events.len() > ROWS { li .muted { "and " (events.len() - ROWS) " more" } }
            } }
        }
        @if head.failures > 0 { p .warn { (plural(head.failures as usize, "benchmark")) " failed in its newest report; " a href="/health" { "Health" } " shows those of the newest commit." } }
        @let document = |suffix: &str| format!("/commit/{short}.{suffix}");
        @if compared.is_some() { (layout::forms(&[("JSON", document("json")), ("CSV", document("csv")), ("Markdown", document("md"))])) }
        @else { (layout::forms(&[("JSON", document("json"))])) }
    })
}

fn rows(c: &Comparison, verdict: Verdict, title: &str) -> Markup {
    let rows = c.judgement.with(verdict);
    html! {
        @if !rows.is_empty() {
            section { h2 { (title) " (" (rows.len()) ")" }
                div .scroll { table .rows {
                    thead { tr { th scope="col" { "Benchmark" } th scope="col" .num { "Change" } th scope="col" .num { "Before" } th scope="col" .num { "After" } th scope="col" { "Limit" } th scope="col" { span .hidden { "Links" } } } }
                    tbody { @for r in rows.iter().take(ROWS) {
                        @let id = c.series(r).id();
                        tr {
                            th scope="row" .name { a href={ "/series/" (id) } title=(text::whole(&r.benchmark)) { (text::name(&r.benchmark)) } }
                            td .num { @if let Some(x) = r.change { @if verdict == Verdict::Suspect { (text::quiet(x)) } @else { (text::delta(x, r.metric)) } } }
                            td .num { @if let Some(s) = &r.base { (text::value(s.value, r.metric)) } }
                            td .num { @if let Some(s) = &r.head { (text::value(s.value, r.metric)) } }
                            td .muted { (text::cut(&r.why, 120)) }
                            td { a href={ "/functions/" (id) "/" (c.base.sha.short()) ".." (c.head.sha.short()) } { "Functions" } }
                        }
                    } }
                } }
                @if rows.len() > ROWS { p { a href=(compare_url(&c.base.sha, &c.head.sha)) { "all " (rows.len()) } } }
            }
        }
    }
}

fn names(c: &Comparison, verdict: Verdict, title: &str) -> Markup {
    let rows = c.judgement.with(verdict);
    html! {
        @if let Some(first) = rows.first() {
            section { h2 { (title) " (" (rows.len()) ")" }
                p { @for (i, r) in rows.iter().take(ROWS).enumerate() { @if i > 0 { ", " } (text::name(&r.benchmark)) } @if rows.len() > ROWS { " …" } }
                @if verdict == Verdict::Incomparable { p .muted { (text::cut(&first.why, 300)) } } }
        }
    }
}
