//! Two variants of one commit: what a flag costs, from what is stored.

use std::collections::BTreeSet;

use collector::judge;
use collector::model::{Report, Tags, Variants};
use collector::store::{MeasuredCommit, Store};
use maud::{Markup, html};

use crate::app::App;
use crate::error::Fail;
use crate::pages::answer::the_commit;
use crate::pages::compare::load::{self, Comparison, Side};
use crate::pages::layout;
use crate::query::{compare_url, variants_query};
use crate::text;

/// Reports of a commit among which variants are looked for, the newest.
const LOOKED_AT: usize = 20;
/// Reports whose tags are read for what is offered.
const READ: usize = 4;
/// Pairs that are offered.
const OFFERED: usize = 6;

/// Judges one variant of a commit against another. Both sides may be named by reports.
pub(super) fn load(
    store: &Store,
    app: &App,
    (base, head): (&str, &str),
    variants: &Variants,
) -> Result<Comparison, Fail> {
    let named = load::pinned(store, base).and_then(|b| Ok(b.zip(load::pinned(store, head)?)))?;
    let is_pinned = named.is_some();
    let (mut base, mut head) = match named {
        Some(sides) => sides,
        None => {
            let (base, head) = (the_commit(store, base)?, the_commit(store, head)?);
            if base.sha != head.sha {
                return Err(two_commits());
            }
            sides(store, head, variants)?
        }
    };
    if base.commit.sha != head.commit.sha {
        return Err(two_commits());
    }
    let (b, h) = judge::variant_sides(&base.report, &head.report, variants);
    (base.report, head.report) = (b, h);
    let how = judge::same_commit(variants);
    load::judged(store, app, (base, head), (is_pinned, Some(variants)), &how)
}

fn two_commits() -> Fail {
    Fail::Bad(
        "`tag` and `against` compare two variants of one commit: name it on both sides.".into(),
    )
}

/// The newest report of each variant, of one testbed where there are such.
fn sides(store: &Store, commit: MeasuredCommit, variants: &Variants) -> Result<(Side, Side), Fail> {
    let of_head = |name: &str| variants.base_name(name).is_some();
    let of_base = |name: &str| variants.head_name(name).is_some();
    let (mut heads, mut bases) = (Vec::new(), Vec::new());
    for row in store.reports(Some(&commit.sha), LOOKED_AT)? {
        let Some(report) = store.report(&row.hash)? else {
            continue;
        };
        let has = |of: &dyn Fn(&str) -> bool| report.measurements.iter().any(|m| of(&m.benchmark));
        let (head, base) = (has(&of_head), has(&of_base));
        let side = || Side::new(commit.clone(), report.clone(), row.hash.clone());
        heads.extend(head.then(side));
        bases.extend(base.then(side));
        if let Some(pair) = same_testbed(&mut heads, &mut bases) {
            return Ok(pair);
        }
    }
    match (heads.into_iter().next(), bases.into_iter().next()) {
        (Some(head), Some(base)) => Ok((base, head)),
        (None, _) => Err(missing(&commit, &variants.head())),
        (_, None) => Err(missing(&commit, &variants.base())),
    }
}

/// A base and a head that were measured in the same place.
fn same_testbed(heads: &mut Vec<Side>, bases: &mut Vec<Side>) -> Option<(Side, Side)> {
    let (h, b) = heads.iter().enumerate().find_map(|(h, head)| {
        let same = |b: &Side| b.report.testbed_key == head.report.testbed_key;
        bases.iter().position(same).map(|b| (h, b))
    })?;
    Some((bases.swap_remove(b), heads.swap_remove(h)))
}

fn missing(commit: &MeasuredCommit, tags: &str) -> Fail {
    let (sha, tags) = (commit.sha.short(), text::cut(tags, 80));
    Fail::NotFound(format!(
        "No report of {sha} has a benchmark with {tags}: `uptick run {sha} --tag {tags}` measures it."
    ))
}

/// Pairs of variants that were measured of the head, to compare.
pub(super) fn offered(store: &Store, c: &Comparison) -> Result<Markup, Fail> {
    let known = tags_of(&c.head_report);
    if known.is_empty() {
        return Ok(html! {});
    }
    let mut all = known.clone();
    for row in store.reports(Some(&c.head.sha), READ)? {
        if let Some(report) = store.report(&row.hash)? {
            all.extend(tags_of(&report));
        }
    }
    let pairs: Vec<Variants> = known
        .iter()
        .flat_map(|head| all.iter().filter_map(|base| differ_in_one(head, base)))
        .filter(|pair| c.judgement.variants.as_ref() != Some(pair))
        .take(OFFERED)
        .collect();
    let sha = &c.head.sha;
    let to = |pair: &Variants| format!("{}?{}", compare_url(sha, sha), variants_query(pair));
    Ok(html! {
        @if !pairs.is_empty() {
            section #variants { h2 { "What a flag costs at " (sha.short()) } ul .plain {
                @for pair in &pairs {
                    li { a href=(to(pair)) {
                        (text::cut(&pair.head(), 60)) " against " (text::cut(&pair.base(), 60))
                    } }
                }
            } }
        }
    })
}

/// The different tags of a report's benchmarks.
fn tags_of(report: &Report) -> BTreeSet<String> {
    let tags = report
        .measurements
        .iter()
        .map(|m| Tags::split(&m.benchmark).1);
    tags.filter(|t| !t.is_empty()).map(|t| t.typed()).collect()
}

/// Two sets of tags that have the same keys and differ in the value of one.
fn differ_in_one(head: &str, base: &str) -> Option<Variants> {
    let parse = |typed: &str| {
        let pairs: Vec<String> = typed.split(',').map(str::to_owned).collect();
        Tags::parse(&pairs).ok()
    };
    let (head, base) = (parse(head)?, parse(base)?);
    let other: Vec<String> = base
        .iter()
        .filter(|(k, v)| !head.iter().any(|own| own == (*k, *v)))
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let [_] = &*other else { return None };
    let against = Tags::parse(&other).ok()?;
    let pair = Variants::of(&head, &against).ok()?;
    (pair.base_tags(&head) == base).then_some(pair)
}

/// Says of which commit both sides are, in the place of a list of other bases.
pub(super) fn one_commit(c: &Comparison) -> Markup {
    html! {
        p { "Both sides are " (layout::commit_line(&c.head)) ": nothing but the flag differs." }
    }
}
