//! Functions: which of them make the difference, as a table first, then as a flame graph.

mod documents;
mod html;
mod links;
mod load;
mod picture;
mod table;

use collector::model::FunctionDelta;
use collector::store::Store;
use serde_json::json;

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::flame::Picture;
use crate::look::Look;
use crate::pages::answer::{SVG, csv_page, json_page, markdown_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::query::Format;
use crate::text;
use load::{Pair, Source};

pub(super) fn page(
    store: &Store,
    app: &App,
    names: (&str, &str, &str),
    look: &Look,
    format: Format,
) -> Result<Page, Fail> {
    let p = load::load(store, names)?;
    match format {
        Format::Html => {
            let title = format!("Functions of {}", text::name(&p.series.row.key.benchmark));
            Ok(layout::page(
                app,
                Nav::None,
                &title,
                html::html(app, &p, look),
            ))
        }
        Format::Json => json_page(&json(&p)),
        Format::Csv => Ok(csv_page("functions", documents::csv(&p))),
        Format::Markdown => Ok(markdown_page(documents::markdown(&p))),
        _ => Err(no_such_form(format)),
    }
}

/// The functions that differ most, and what all of it cost before and after; nothing where no
/// profile of both commits is stored.
pub(super) fn most(
    store: &Store,
    names: (&str, &str, &str),
    most: usize,
) -> Result<(Vec<FunctionDelta>, (u64, u64)), Fail> {
    let p = load::load(store, names)?;
    let functions = p.functions().iter().take(most).cloned().collect();
    Ok((functions, p.total()))
}

fn json(p: &Pair) -> serde_json::Value {
    let folded = match &p.source {
        Source::Stacks { head, .. } => Some(head.folded()),
        _ => None,
    };
    let pruned: Vec<_> = p
        .pruned
        .iter()
        .map(|(sha, p)| json!({ "commit": sha, "time": p.time, "kept_days": p.kept }))
        .collect();
    json!({
        "schema": "uptick.functions/1", "benchmark": p.series.row.key.benchmark, "base": p.base,
        "head": p.head, "total": p.total(), "functions": p.functions(), "folded": folded,
        "pruned": pruned,
    })
}

/// The picture of the page, to keep or to open alone.
pub(super) fn download(
    store: &Store,
    names: (&str, &str, &str),
    look: &Look,
) -> Result<Page, Fail> {
    let p = load::load(store, names)?;
    let (Source::Stacks { base, head, .. }, Some(tree)) = (&p.source, p.tree()) else {
        return Err(Fail::NotFound(
            "No call stacks of both commits are stored; `uptick flamegraph` takes them.".into(),
        ));
    };
    let drawn = Picture::of((base, head), tree, look);
    if drawn.is_empty() {
        return Err(Fail::NotFound(picture::nowhere(look)));
    }
    let title = format!(
        "{}: {} → {}",
        text::cut(&p.series.row.key.benchmark, 120),
        p.base.sha.short(),
        p.head.sha.short()
    );
    let drawn = drawn.alone(&title, &drawn.words());
    Ok(Page::new(SVG, Policy::Picture, drawn.into_bytes()))
}
