//! Commits: what was measured, newest first, with the verdict on each.

use std::collections::HashMap;
use std::sync::Arc;

use collector::history::harm;
use collector::model::Sha;
use collector::store::{Event, MeasuredCommit, Store};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::headline::Headline;
use crate::pages::answer::{csv_page, json_page, no_such_form};
use crate::pages::compare::{Pair, ahead, verdicts};
use crate::pages::groups;
use crate::pages::layout::{self, Nav};
use crate::query::{Format, branch_url, compare_url};
use crate::text::{self, csv_field, plural};

/// Commits beside the main line that are listed.
const BESIDE: usize = 50;
/// The range of who asks for no range.
const WHOLE: (u64, u64) = (0, u64::MAX);
/// Rows on a page.
pub(crate) const ROWS: usize = 50;

/// Measured commits, the newest first.
struct List {
    /// Those that are shown, and the one before them where there is one, whatever is asked for:
    /// the last one that is shown is judged against it.
    all: Vec<MeasuredCommit>,
    shown: usize,
    /// Whether there are more of those that are asked for.
    has_more: bool,
}

impl List {
    /// Those at positions from `from` on and before `before`.
    fn read(store: &Store, (from, before): (u64, u64)) -> Result<Self, Fail> {
        let mut all = store.commits(before, ROWS + 1)?;
        let asked = all.iter().take_while(|c| c.position >= from).count();
        let shown = asked.min(ROWS);
        all.truncate(shown + 1);
        Ok(Self {
            all,
            shown,
            has_more: asked > shown,
        })
    }

    fn shown(&self) -> &[MeasuredCommit] {
        &self.all[..self.shown]
    }
}

/// A measured commit as it is listed.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    commit: &'a MeasuredCommit,
    /// Against the commit measured before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Headline>,
    /// The commit that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverts: Option<&'a Sha>,
}

/// Verdicts and reverts of the commits that are shown.
struct Said {
    /// One for each commit; `None` for the first one of all, and beyond what a page judges.
    verdicts: Vec<Option<Arc<Headline>>>,
    /// What each takes back.
    reverts: HashMap<Sha, Sha>,
    /// What takes each back, on this page or another.
    reverted_by: HashMap<Sha, MeasuredCommit>,
}

impl Said {
    fn of(store: &Store, app: &App, list: &List) -> Result<Self, Fail> {
        let pairs: Vec<Pair<'_>> = list.all.windows(2).map(|p| (&p[1], &p[0])).collect();
        let mut reverts = HashMap::new();
        for c in list.shown() {
            if let Some(back) = store.reverts(c)? {
                reverts.insert(c.sha.clone(), back.sha);
            }
        }
        let mut verdicts = verdicts(store, app, &pairs)?;
        verdicts.resize(list.shown, None);
        Ok(Self {
            verdicts,
            reverts,
            reverted_by: store.reverted_by(list.shown())?,
        })
    }

    fn listed<'a>(&'a self, list: &'a List) -> Vec<Listed<'a>> {
        let shown = list.shown().iter().zip(&self.verdicts);
        shown
            .map(|(commit, verdict)| Listed {
                commit,
                verdict: verdict.as_deref(),
                reverts: self.reverts.get(&commit.sha),
            })
            .collect()
    }
}

/// Commits at positions from that of `range` on and before its end.
pub(super) fn page(
    store: &Store,
    app: &App,
    range: (u64, u64),
    format: Format,
) -> Result<Page, Fail> {
    let list = List::read(store, range)?;
    match format {
        Format::Json => {
            let said = Said::of(store, app, &list)?;
            json_page(&json!({ "schema": "uptick.commits/1", "commits": said.listed(&list) }))
        }
        Format::Csv => Ok(csv_page("commits", csv(list.shown()))),
        Format::Html => Ok(layout::page(
            app,
            Nav::Commits,
            "Commits",
            html(store, app, &list, range)?,
        )),
        other => Err(no_such_form(other)),
    }
}

/// Judges one of the commits of the first page, counted from the newest. Gives whether there is one.
pub(crate) fn judge_ahead(store: &Store, app: &App, i: usize) -> Result<bool, Fail> {
    let all = store.commits(u64::MAX, i + 2)?;
    let Some(pair) = all.get(i + 1).zip(all.get(i)) else {
        return Ok(false);
    };
    ahead(store, app, pair)?;
    Ok(true)
}

/// The changes reported at each position.
fn reported(store: &Store, shown: &[MeasuredCommit]) -> Result<HashMap<u64, Vec<Event>>, Fail> {
    let (Some(newest), Some(oldest)) = (shown.first(), shown.last()) else {
        return Ok(HashMap::new());
    };
    let mut out: HashMap<u64, Vec<Event>> = HashMap::new();
    for e in store.events_within(oldest.position, newest.position, 2_000)? {
        let at = e.reported.event.change.index.max(0).cast_unsigned();
        out.entry(at).or_default().push(e);
    }
    Ok(out)
}

fn html(store: &Store, app: &App, list: &List, range: (u64, u64)) -> Result<Markup, Fail> {
    let shown = list.shown();
    let reported = reported(store, shown)?;
    let said = Said::of(store, app, list)?;
    Ok(html! {
        (head(list, range))
        @if shown.is_empty() { (none(range)) } @else {
            div .scroll { table .rows.stack.commits {
                thead { (columns()) }
                tbody {
                    @for (i, c) in shown.iter().enumerate() {
                        @let before = list.all.get(i + 1);
                        (row(c, before, reported.get(&c.position), (&said, i)))
                        @if let Some(b) = before { (gap(c.position - b.position)) }
                    }
                }
            } }
            (pages(list, range))
        }
        @if range == WHOLE { (beside(&store.branch_commits(BESIDE)?)) }
    })
}

/// What was measured beside the main line: branches and pull requests.
fn beside(all: &[MeasuredCommit]) -> Markup {
    html! {
        @if !all.is_empty() {
            section #branches {
                h2 { "Beside the main line" }
                p .muted {
                    "Each is compared with where it left the main line on its own page and on that of "
                    "its branch, and changes no chart and no alert of the main line."
                }
                ul .plain {
                    @for c in all {
                        li {
                            (layout::commit_line(c)) " "
                            @if !c.branch.is_empty() {
                                a .tag href=(branch_url(&c.branch)) { (text::cut(&c.branch, 60)) } " "
                            }
                            span .muted { (text::time(c.time)) }
                        }
                    }
                }
            }
        }
    }
}

fn head(list: &List, (from, before): (u64, u64)) -> Markup {
    let ends = list.shown().first().zip(list.shown().last());
    let whole = from > 0 && !list.has_more;
    let both = ends.filter(|(new, old)| whole && new.position > old.position);
    let forms = [
        ("JSON", url(".json", from, before)),
        ("CSV", url(".csv", from, before)),
    ];
    html! {
        section .verdict.quiet {
            h1 {
                "Measured commits"
                @if from > 0 {
                    " from " (from)
                    @if before != u64::MAX { " to " (before.saturating_sub(1)) }
                }
            }
            p {
                "The newest first; commits between them that were not measured are counted."
                @if let Some((new, old)) = both {
                    " " a href=(compare_url(&old.sha, &new.sha)) { "Compare the first with the last" }
                }
            }
            (layout::forms(&forms))
        }
    }
}

fn none((from, before): (u64, u64)) -> Markup {
    let why = html! {
        "None is stored"
        @if from > 0 { " in this range" } @else if before != u64::MAX { " before this one" }
        "."
    };
    let measure = [("measure the last 20", "uptick run HEAD~20..HEAD")];
    layout::empty("No commit was measured", why, &measure)
}

fn columns() -> Markup {
    html! {
        tr {
            th scope="col" { "Commit" }
            th scope="col" { "Date" }
            th scope="col" { "Against the one before" }
            th scope="col" { "Lasting changes" }
            th scope="col" .num { "Measurements" }
            th scope="col" { span .hidden { "Links" } }
        }
    }
}

fn row(
    c: &MeasuredCommit,
    before: Option<&MeasuredCommit>,
    changes: Option<&Vec<Event>>,
    (said, i): (&Said, usize),
) -> Markup {
    html! {
        tr {
            td .what { (layout::commit_line(c)) (reverts(c, said)) }
            td { (text::time(c.time)) }
            td { @match &said.verdicts[i] {
                Some(h) => { (h.brief()) }
                None if before.is_none() => { span .muted { "the first" } }
                None => { a href={ "/commit/" (c.sha.short()) } { "on its own page" } }
            } }
            td data-th="lasting" { @if let Some(changes) = changes { (extremes(changes)) } }
            td .num data-th="numbers" { (c.measurements) }
            td { @if let Some(b) = before { a href=(compare_url(&b.sha, &c.sha)) { "Compare" } } }
        }
    }
}

/// What a commit takes back, or what takes it back.
fn reverts(c: &MeasuredCommit, said: &Said) -> Markup {
    let link = |sha: &Sha| html! { a .sha href={ "/commit/" (sha.short()) } { (sha.short()) } };
    html! {
        @if let Some(back) = said.reverts.get(&c.sha) { " " span .tag { "takes back " (link(back)) } }
        @if let Some(by) = said.reverted_by.get(&c.sha) { " " span .tag { "taken back by " (link(&by.sha)) } }
    }
}

/// Commits between two neighbours that nobody measured.
fn gap(distance: u64) -> Markup {
    let missing = usize::try_from(distance.saturating_sub(1)).unwrap_or(usize::MAX);
    html! {
        @if missing > 0 {
            tr .gap { td colspan="5" .muted { "⋮ " (plural(missing, "commit")) " not measured" } td {} }
        }
    }
}

fn pages(list: &List, (from, before): (u64, u64)) -> Markup {
    let last = list.shown().last().filter(|_| list.has_more);
    html! {
        nav .pager aria-label="Further rows" {
            @if before != u64::MAX { a href="/commits" { "← newest" } }
            @if let Some(last) = last { a rel="next" href=(url("", from, last.position)) { "older →" } }
        }
    }
}

fn url(suffix: &str, from: u64, before: u64) -> String {
    let mut parts = Vec::new();
    if from > 0 {
        parts.push(format!("from={from}"));
    }
    if before != u64::MAX {
        parts.push(format!("before={before}"));
    }
    let mark = if parts.is_empty() { "" } else { "?" };
    format!("/commits{suffix}{mark}{}", parts.join("&"))
}

/// The largest change for the worse, and the largest for the better.
fn extremes(changes: &[Event]) -> Markup {
    let by_harm = |a: &&Event, b: &&Event| harm(a).total_cmp(&harm(b));
    let worst = changes.iter().max_by(by_harm).filter(|e| harm(e) > 0.0);
    let best = changes.iter().min_by(by_harm).filter(|e| harm(e) < 0.0);
    html! {
        @for e in [worst, best].into_iter().flatten() { (groups::change(e)) " " }
        @if changes.len() > 1 { span .muted { "in " (changes.len()) " series" } }
    }
}

fn csv(shown: &[MeasuredCommit]) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "position",
            "sha",
            "time",
            "author",
            "subject",
            "measurements",
            "failures",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for c in shown {
        out.push(vec![
            c.position.to_string(),
            c.sha.0.clone(),
            text::iso(c.time),
            csv_field(&c.author),
            csv_field(&c.subject),
            c.measurements.to_string(),
            c.failures.to_string(),
        ]);
    }
    out
}
