//! Another base for the same head, from a list.

use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};

use crate::app::App;
use crate::error::Fail;
use crate::pages::compare::load::Comparison;
use crate::pages::compare::releases;
use crate::pages::compare::rows::Rows;
use crate::pages::compare::usual::usual_base;
use crate::pages::layout;
use crate::query::compare_url;
use crate::text;

/// How a base is the base that is no usual one of the head.
const ASKED: &str = "as it was asked for";
/// Commits that are suggested while one types.
const OFFERED: usize = 30;

/// Bases that a reader may want, and a form for every other.
pub(super) fn change(
    store: &Store,
    app: &App,
    c: &Comparison,
    rows: &Rows<'_>,
) -> Result<Markup, Fail> {
    let own = usual_base(store, &c.head)?;
    let mut releases = releases::measured(store, app)?;
    releases.retain(|(_, b)| b.sha != c.head.sha);
    let newest = store.commits(u64::MAX, OFFERED)?;
    let (base, head) = (c.base.sha.short(), c.head.sha.short());
    let round = compare_url(&c.head.sha, &c.base.sha);
    let to = |b: &MeasuredCommit| Rows { page: 1, ..*rows }.url(&compare_url(&b.sha, &c.head.sha));
    Ok(html! {
        details .other { summary { "Change the base, or compare other commits" }
            ul .plain.bases {
                @if let (Some(b), how) = &own { (one(b, how, &to(b), c)) }
                @for (name, b) in &releases { (one(b, &format!("release {name}"), &to(b), c)) }
            }
            form action="/compare" .inline {
                label { "base " (field("base", base)) }
                label { "head " (field("head", head)) }
                @for (name, value) in rows.parameters() { input type="hidden" name=(name) value=(value); }
                button .small type="submit" { "Compare" }
                a href=(Rows { page: 1, ..*rows }.url(&round)) { "the other way round" }
            }
            datalist #measured {
                @for (name, _) in &releases { option value=(text::cut(name, 60)) {} }
                @for b in &newest { option value=(b.sha.short()) { (text::cut(&b.subject, 60)) } }
            }
        }
    })
}

/// How a commit is the base of another one, in words.
pub(super) fn how(store: &Store, app: &App, (base, head): (&str, &str)) -> Result<String, Fail> {
    let named = store.commit(base)?.zip(store.commit(head)?);
    let Some((base, head)) = named else {
        return Ok(ASKED.into());
    };
    let (usual, how) = usual_base(store, &head)?;
    if usual.is_some_and(|u| u.sha == base.sha) {
        return Ok(how.into());
    }
    let releases = releases::measured(store, app)?;
    let release = releases.iter().find(|(_, b)| b.sha == base.sha);
    Ok(release.map_or_else(|| ASKED.into(), |(name, _)| format!("release {name}")))
}

fn one(b: &MeasuredCommit, how: &str, to: &str, c: &Comparison) -> Markup {
    html! {
        li {
            @if b.sha == c.base.sha { b { (text::cut(how, 80)) } } @else {
                a href=(to) { (text::cut(how, 80)) }
            }
            " " (layout::commit_line(b))
        }
    }
}

fn field(name: &str, value: &str) -> Markup {
    html! {
        input name=(name) value=(value) list="measured" required maxlength="200" size="14"
            spellcheck="false" autocomplete="off";
    }
}
