//! A comparison as a page.

use collector::format::flag;
use collector::model::Verdict;
use collector::report::{self, undo};
use collector::store::Store;
use maud::{Markup, html};

use crate::app::App;
use crate::error::Fail;
use crate::headline;
use crate::pages::compare::filters::{filters, none};
use crate::pages::compare::load::Comparison;
use crate::pages::compare::rows::{ROWS, Rows, row_html, selected, table};
use crate::pages::compare::{base, environment, failing, lasting, variants, worst};
use crate::pages::{decide, layout};
use crate::reader::Reader;
use crate::text::{self, plural};

/// Suspects that a command measures again.
const AGAIN: usize = 4;

pub(super) fn html(
    store: &Store,
    app: &App,
    reader: &Reader,
    (c, rows): (&Comparison, &Rows<'_>),
) -> Result<Markup, Fail> {
    let j = &c.judgement;
    let headline = c.headline(rows.metric);
    let selected = selected(c, rows);
    // Beyond the last page is the last page.
    let page = layout::page_of(rows.page, ROWS, selected.len() as u64);
    let rows = &Rows { page, ..*rows };
    let skip = (rows.page - 1) * ROWS;
    let shown: Vec<Markup> = selected
        .iter()
        .skip(skip)
        .take(ROWS)
        .map(|r| row_html(store, c, r))
        .collect::<Result<_, _>>()?;
    let turn = |page| Rows { page, ..*rows }.url(&c.stem);
    let failing = failing::failing(store, c)?;
    let events = lasting::between(store, c)?;
    Ok(html! {
        section .verdict.(headline.class()) {
            h1 { (headline.html()) }
            (headline::means(j, rows.metric))
            (sides(c))
            (environment::html(c, rows.metric))
            (layout::forms(&forms(c, rows)))
        }
        @if rows.variants.is_some() { (variants::one_commit(c)) } @else {
            (base::change(store, app, c, rows)?)
        }
        (filters(c, rows))
        @if selected.is_empty() { (none(c, rows)) } @else {
            (table(c, rows, &shown))
            (layout::pager(rows.page, ROWS, selected.len() as u64, &turn))
        }
        (worst::section(store, c, rows.metric)?)
        (failing::section(c, &failing))
        (decide::section(store, app, reader, ("Lasting changes here", events))?)
        (variants::offered(store, c)?)
        (next(c, rows))
    })
}

fn forms(c: &Comparison, rows: &Rows<'_>) -> Vec<(&'static str, String)> {
    let form = |ending| c.address(&c.stem, ending);
    let mut forms = vec![
        ("JSON", form(".json")),
        ("CSV", form(".csv")),
        ("Markdown", form(".md")),
    ];
    if !c.is_pinned() {
        forms.push(("Permalink", rows.url(&c.permalink)));
    }
    forms
}

/// What a reader may want to type next.
fn next(c: &Comparison, rows: &Rows<'_>) -> Markup {
    let j = &c.judgement;
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    let again = report::again(j);
    let regressed = j.with(Verdict::Regressed);
    let suspects = headline::of(j, rows.metric, Verdict::Suspect);
    let only: Vec<String> = suspects
        .iter()
        .take(AGAIN)
        .map(|r| flag("--only", &text::whole(&r.benchmark)))
        .collect();
    html! {
        section .next { h2 { "Next" } dl {
            dt { "measure both again and judge" }
            dd { (layout::command(&again)) }
            @if !only.is_empty() {
                dt { "confirm what is suspect" }
                dd { (layout::command(&format!("{again} {}", only.join(" ")))) }
            }
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
