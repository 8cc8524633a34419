//! The functions of what moved most.

use collector::format::signed;
use collector::judge::Row;
use collector::model::{FunctionDelta, Metric, Verdict};
use collector::store::Store;
use maud::{Markup, html};

use crate::error::Fail;
use crate::headline;
use crate::pages::compare::load::Comparison;
use crate::pages::functions;
use crate::text;

/// Functions that are named.
const NAMED: usize = 3;

/// What regressed most, else what improved most, as far as functions can be known of it.
fn row<'a>(c: &'a Comparison, metric: Option<&str>) -> Option<&'a Row> {
    let of = |v| headline::of(&c.judgement, metric, v).into_iter();
    let mut rows = of(Verdict::Regressed).chain(of(Verdict::Improved));
    rows.find(|r| r.metric == Metric::Instructions)
}

/// Nothing where no profile is stored of both. Where one cannot be read, the page of the functions
/// says which and why.
pub(super) fn section(store: &Store, c: &Comparison, metric: Option<&str>) -> Result<Markup, Fail> {
    let Some(row) = row(c, metric).filter(|_| c.judgement.variants.is_none()) else {
        return Ok(html! {});
    };
    let id = c.series(row).id();
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    let (most, total) = match functions::most(store, (&id, base, head), NAMED) {
        Ok(known) => (Some(known.0), known.1),
        Err(Fail::NotFound(_)) => return Ok(html! {}),
        Err(Fail::Objects(_) | Fail::Store(_)) => (None, (0, 0)),
        Err(fail) => return Err(fail),
    };
    let all = total.1 as f64 - total.0 as f64;
    Ok(html! {
        @if most.as_ref().is_none_or(|most| !most.is_empty()) {
            section #worst {
                h2 { "Functions of " (text::name(&row.benchmark)) ", " (text::tight(&row.moved())) }
                @match &most {
                    Some(most) => ul .plain { @for f in most { li { (function(f, all)) } } },
                    // The page is kept for as long as nothing is stored.
                    None => p .muted { "Their profiles could not be read when this page was made." },
                }
                p { a href={ "/functions/" (id) "/" (base) ".." (head) } { "All functions, flame graph" } }
            }
        }
    })
}

fn function(f: &FunctionDelta, all: f64) -> Markup {
    let part = f.delta as f64 / all;
    html! {
        code title=(text::whole(&f.name)) { (text::cut(&f.name, 70)) } " "
        b { (text::tight(&signed(f.delta as f64))) }
        @if part.is_finite() && part > 0.0 {
            span .muted { " instructions, " (format!("{:.0} %", 100.0 * part)) " of it" }
        }
    }
}
