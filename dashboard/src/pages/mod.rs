//! The pages: each reads what it needs, then writes it in the form that was asked for.

pub(crate) mod answer;
pub(crate) mod assets;
mod badge;
mod bisect;
mod branch;
mod care;
mod changes;
pub(crate) mod channels;
mod commit;
mod commits;
mod compare;
mod decide;
pub(crate) mod drift;
mod embed;
mod excluded;
mod feed;
mod functions;
mod groups;
mod health;
pub(crate) mod help;
pub(crate) mod layout;
mod log;
pub(crate) mod login;
pub(crate) mod missing;
mod output;
pub(crate) mod profiles;
mod reports;
mod search;
mod series;
pub(crate) mod status;
pub(crate) mod summary;
mod testbeds;
mod today;
pub(crate) mod triage;
mod waiting;

pub(crate) use crate::pages::commits::{ROWS as LISTED, judge_ahead};
pub(crate) use crate::pages::health::with_machines;
pub(crate) use crate::pages::waiting::with_waits;

use crate::pages::answer::unknown_benchmark;
use std::sync::Arc;

use collector::judge::Judgement;
use collector::store::Store;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::query::{self, Format, View, What};

/// Judges a stored commit against `base` where that is measured, and otherwise against what its own
/// page compares it with; once for each testbed that it was measured on, each with the hash of its
/// report.
pub(crate) fn judged(
    store: &Store,
    app: &App,
    (base, head): (&str, &str),
) -> Result<Vec<(String, Judgement)>, Fail> {
    let head = answer::the_commit(store, head)?;
    let known = store.commit(base)?.filter(|b| b.sha.0 == base);
    let (base, how) = match known {
        Some(base) => (Some(base), "where it leaves the main line"),
        None => compare::usual_base(store, &head)?,
    };
    let base = base.ok_or_else(|| {
        let why = "No commit of the main line is measured that it could be compared with.";
        Fail::NotFound(why.into())
    })?;
    let all = compare::by_testbed(store, app, (&base, &head), how)?;
    let each = all.into_iter().map(|(hash, c)| (hash, c.judgement));
    Ok(each.collect())
}

/// Makes the page.
pub(crate) fn render(store: &Store, app: &App, view: &View) -> Result<Page, Fail> {
    let (f, reader) = (view.format, &view.reader);
    match &view.what {
        What::Today { owner, page } => {
            let whose = (reader, owner.as_str());
            today::page(store, app, whose, (*page, f, view.waiting.as_ref()))
        }
        What::Changes(asked) => changes::page(store, app, (reader, asked), f),
        What::Log => log::page(store, app, reader, f),
        What::Commits { from, before } => commits::page(store, app, (*from, *before), f),
        What::Health(asked) => health::page(store, app, (reader, asked), f),
        What::Find { benchmark, .. } => Err(unknown_benchmark(benchmark)),
        What::Search { text } => search::page(store, app, text, f),
        What::Choose { base, head, .. } => compare::choose(store, app, (base, head), f),
        What::Gather(asked) => match f {
            Format::Html => series::choose(store, app, asked),
            f => Err(answer::no_such_form(f)),
        },
        What::Series { id, look } => series::page(store, app, reader, (id, *look), f),
        What::Embed { id, look } => embed::page(store, app, (id, *look), f),
        What::Badge { id } => badge::page(store, app, id),
        What::Branch { name } => branch::page(store, app, name, f),
        What::Commit { sha } => commit::page(store, app, reader, sha, f),
        What::Compare {
            base,
            head,
            metric,
            show,
            sort,
            text,
            page,
            variants,
        } => {
            let rows = compare::Rows {
                metric: metric.as_deref(),
                show: *show,
                sort: *sort,
                text,
                page: *page,
                variants: variants.as_ref(),
            };
            compare::page(store, app, reader, (base, head), &rows, f)
        }
        What::Functions {
            id,
            base,
            head,
            look,
        } => functions::page(store, app, (id, base, head), look, f),
        What::Flame {
            id,
            base,
            head,
            look,
        } => functions::download(store, (id, base, head), look),
        What::Reports | What::Report { .. } if !matches!(f, Format::Html | Format::Json) => {
            Err(answer::no_such_form(f))
        }
        What::Reports => reports::list(store),
        What::Report { hash } => reports::one(store, hash),
        What::Help => help::page(app, f),
    }
}

/// Whether a page lists commits with verdicts that are judged ahead.
pub(crate) fn has_verdicts(what: &What) -> bool {
    matches!(what, What::Commits { .. } | What::Branch { .. })
}

/// Where an address leads that is only another name of a page.
pub(crate) async fn redirect(app: &Arc<App>, view: &View) -> Result<Option<String>, Fail> {
    let is_html = view.format == Format::Html;
    let what = view.what.clone();
    match what {
        What::Find { benchmark, metric } => {
            app.read(move |store, _| {
                match search::series_of(store, &benchmark, metric.as_deref())? {
                    Some(url) => Ok(Some(url)),
                    None if is_html && !benchmark.trim().is_empty() => {
                        Ok(Some(format!("/search?q={}", query::encode(&benchmark))))
                    }
                    None => Err(unknown_benchmark(&benchmark)),
                }
            })
            .await
        }
        What::Gather(asked) if is_html => Ok(series::chosen(&asked)),
        What::Search { text } if is_html => {
            app.read(move |store, app| search::only_one(store, app, &text))
                .await
        }
        What::Choose {
            base,
            head,
            variants,
            rows,
        } => {
            let both = move |store: &Store, app: &App| {
                compare::chosen(store, app, (&base, &head), (variants.as_ref(), &rows))
            };
            app.read(both).await
        }
        _ => Ok(None),
    }
}
