//! Compare: what is different between two commits, judged as `uptick compare` judges.

mod base;
mod choose;
mod environment;
mod failing;
mod filters;
mod html;
mod lasting;
mod load;
mod many;
mod releases;
mod rows;
mod usual;
mod variants;
mod worst;

pub(super) use choose::{choose, chosen};
pub(super) use failing::{failing, section as failed};
pub(super) use lasting::at as lasting;
pub(super) use load::{Comparison, by_testbed, load};
pub(super) use many::{Pair, ahead, verdict, verdicts};
pub(super) use rows::Rows;
pub(super) use usual::usual_base;

use collector::judge::{self, Judgement, Tally};
use collector::store::Store;
use failing::Failing;
use serde::Serialize;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::query::Format;
use crate::reader::Reader;
use crate::text::{self, csv_field, csv_number};

/// What `uptick compare --json` says, and what the page says beside it.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    judgement: &'a Judgement,
    summary: Vec<Tally>,
    failing: Vec<Failing>,
}

pub(super) fn page(
    store: &Store,
    app: &App,
    reader: &Reader,
    (base, head): (&str, &str),
    rows: &Rows<'_>,
    format: Format,
) -> Result<Page, Fail> {
    let c = match rows.variants {
        Some(variants) => variants::load(store, app, (base, head), variants)?,
        None => load(
            store,
            app,
            base,
            head,
            &base::how(store, app, (base, head))?,
        )?,
    };
    is_measured(&c, rows.metric)?;
    match format {
        Format::Html => {
            let title = match rows.variants {
                Some(v) => format!(
                    "{} against {} at {}",
                    v.head(),
                    v.base(),
                    c.head.sha.short()
                ),
                None => format!("{} → {}", c.base.sha.short(), c.head.sha.short()),
            };
            Ok(layout::page(
                app,
                Nav::Compare,
                &title,
                html::html(store, app, reader, (&c, rows))?,
            ))
        }
        Format::Json => json_page(&Document {
            judgement: &c.judgement,
            summary: judge::tallies(&c.judgement.results),
            failing: failing::failing(store, &c)?,
        }),
        Format::Csv => Ok(csv_page("compare", csv(&c))),
        Format::Markdown => Ok(markdown_page(collector::report::markdown(&c.judgement))),
        _ => Err(no_such_form(format)),
    }
}

/// Refuses a metric that neither side has: of no number there is no verdict, and the page would be
/// green.
fn is_measured(c: &Comparison, metric: Option<&str>) -> Result<(), Fail> {
    let results = &c.judgement.results;
    let mut all: Vec<&str> = results.iter().map(|r| r.metric.name()).collect();
    all.sort_unstable();
    all.dedup();
    match metric {
        Some(asked) if !all.is_empty() && !all.contains(&asked) => Err(Fail::NotFound(format!(
            "Neither commit has a number of the metric `{}`; they have {}.",
            text::name(asked),
            all.join(", ")
        ))),
        _ => Ok(()),
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
    let number = |x: Option<f64>| x.map_or_else(String::new, csv_number);
    for r in &c.judgement.results {
        out.push(vec![
            csv_field(&r.benchmark),
            csv_field(r.metric.name()),
            csv_field(r.counter.name()),
            number(r.base.as_ref().map(|s| s.value)),
            number(r.head.as_ref().map(|s| s.value)),
            number(r.change),
            number(r.limit),
            r.verdict.name().into(),
        ]);
    }
    out
}
