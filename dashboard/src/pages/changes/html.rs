//! All changes as a table, with the filters that live in its address.

use collector::config::Config;
use collector::detect::Kind;
use collector::format::thousands;
use collector::report::links;
use collector::store::Fate;
use maud::{Markup, html};

use super::load::{DOCUMENT, List, ROWS, Row};
use crate::pages::{groups, layout, log};
use crate::query::{Changes, MINE, NOBODY, Way, spelled};
use crate::reader::Reader;
use crate::text::{self, plural};

pub(super) fn html(list: &List, config: &Config, reader: &Reader, asked: &Changes) -> Markup {
    let turn = |page| {
        let asked = asked.clone();
        Changes { page, ..asked }.url("")
    };
    html! {
        (head(list, asked))
        (layout::views(config, "/changes", &whole(asked).url("")))
        (filters(list, reader, asked))
        @if list.rows.is_empty() { (none(asked)) } @else {
            (table(list))
            (layout::pager(asked.page, ROWS, list.total, &turn))
        }
    }
}

fn head(list: &List, asked: &Changes) -> Markup {
    html! {
        section .head {
            h1 {
                @if asked.filters().is_empty() { "All judged changes ever: " (list.total) }
                @else { (plural(list.total as usize, "change")) " of those asked for" }
            }
            p .muted {
                "Every change that was reported of "
                @match &asked.metric {
                    None => { "a metric that is judged (those of others are behind their names)" }
                    Some(name) => { (text::spaced(name)) }
                }
                ", the newest commit first, with what has become of it. "
                "What is open stands on " a href="/" { "Today" } " by cause; who decided what, in the "
                a href="/log" { "log" } "."
            }
            (layout::forms(&[
                ("JSON", asked.url(".json")),
                ("CSV", whole(asked).url(".csv")),
                ("Atom", asked.feed()),
            ]))
            @if list.total > DOCUMENT as u64 { p .muted { (beyond()) } }
        }
    }
}

/// The same from its first page on.
fn whole(asked: &Changes) -> Changes {
    Changes {
        page: 1,
        ..asked.clone()
    }
}

/// Where the changes are that a document does not hold.
fn beyond() -> String {
    let (most, next) = (thousands(DOCUMENT as f64), DOCUMENT / ROWS + 1);
    format!("The CSV holds the first {most}; the one with page={next} goes on from there.")
}

/// What a filter leads to when only one of its parts is another one.
fn with(asked: &Changes, change: impl FnOnce(&mut Changes)) -> String {
    let mut other = whole(asked);
    change(&mut other);
    other.url("")
}

fn filters(list: &List, reader: &Reader, asked: &Changes) -> Markup {
    let fates: Vec<(&str, String, bool)> = Changes::fates()
        .iter()
        .map(|(f, word)| {
            let address = with(asked, |a| a.fates = *f);
            (*word, address, *f == asked.fates)
        })
        .collect();
    let ways: Vec<(&str, String, bool)> = Way::ALL
        .iter()
        .map(|(w, word)| (*word, with(asked, |a| a.way = *w), *w == asked.way))
        .collect();
    html! {
        div .filters {
            (layout::choice("state", &fates))
            (layout::choice("direction", &ways))
            (metrics(list, asked))
            (owners(list, reader, asked))
            (by_name(asked))
        }
    }
}

fn metrics(list: &List, asked: &Changes) -> Markup {
    let mut options = vec![(
        "judged",
        with(asked, |a| a.metric = None),
        asked.metric.is_none(),
    )];
    options.extend(list.metrics.iter().map(|m| {
        let address = with(asked, |a| a.metric = Some(m.clone()));
        (m.as_str(), address, asked.metric.as_ref() == Some(m))
    }));
    html! { @if !list.metrics.is_empty() { (layout::choice("metric", &options)) } }
}

/// Whoever cares for a change of the page, and the reader.
fn owners(list: &List, reader: &Reader, asked: &Changes) -> Markup {
    let carers = list.rows.iter().filter_map(|r| r.carer.as_deref());
    let mut names: Vec<String> = carers.map(|name| spelled(name).into_owned()).collect();
    names.push(NOBODY.into());
    names.extend(reader.name().map(|_| MINE.into()));
    names.extend(Some(asked.owner.clone()).filter(|o| !o.is_empty()));
    names.sort_unstable();
    names.dedup();
    let all = with(asked, |a| a.owner.clear());
    let mut options = vec![("everybody's", all, asked.owner.is_empty())];
    options.extend(names.iter().map(|name| {
        let address = with(asked, |a| a.owner.clone_from(name));
        (name.as_str(), address, asked.owner == *name)
    }));
    html! { @if options.len() > 2 { (layout::choice("whose", &options)) } }
}

fn by_name(asked: &Changes) -> Markup {
    html! {
        form action="/changes" role="search" {
            @for (name, value) in asked.filters() {
                @if name != "q" { input type="hidden" name=(name) value=(value); }
            }
            label .hidden for="q" { "Filter by benchmark" }
            input #q name="q" type="search" value=(asked.text) placeholder="filter by name"
                maxlength="512";
            button .small type="submit" { "Filter" }
        }
    }
}

fn none(asked: &Changes) -> Markup {
    if asked.filters().is_empty() && asked.page == 1 {
        let why = html! {
            "A change is reported once its new level has lasted some commits; it is listed here from \
             then on, whatever becomes of it."
        };
        return layout::empty("No change was reported yet", why, &[]);
    }
    layout::empty(
        "No change matches",
        html! { a href="/changes" { "Show all changes" } },
        &[],
    )
}

fn table(list: &List) -> Markup {
    html! {
        div .scroll { table .rows.stack {
            thead { tr {
                th scope="col" { "State" }
                th scope="col" .num { "Change" }
                th scope="col" { "Benchmark" }
                th scope="col" { "Before → after" }
                th scope="col" { "Commit" }
                th scope="col" { "When" }
                th scope="col" { "Testbed" }
                th scope="col" { span .hidden { "Links" } }
            } }
            tbody { @for r in &list.rows { (row(r)) } }
        } }
    }
}

fn row(r: &Row) -> Markup {
    let (key, t) = (&r.event.series.key, &r.event.reported);
    let c = &t.event.change;
    let series = format!("/series/{}", key.id());
    html! {
        tr #{ "c" (t.id) } {
            td {
                (fate(t.fate()))
                @if let Some(words) = &r.snoozed { " " span .tag { (words) } }
                @if let Some(name) = &r.carer { " " span .muted { (text::cut(name, 30)) } }
            }
            td .num { (groups::change(&r.event)) }
            th scope="row" .name {
                a href=(series) title=(text::whole(&key.benchmark)) { (text::name(&key.benchmark)) }
                " " span .muted { (text::metric(&key.metric)) }
                @if c.kind == Kind::Environment { " " span .tag.noisy { "testbed change" } }
                @if c.kind == Kind::Drift { " " span .tag.drifting { "drift" } }
            }
            td .pair { (text::value(c.before, &key.metric)) " → " (text::value(c.after, &key.metric)) }
            td .suspects { (commit(r)) }
            td { @if let Some((_, head)) = &r.around { (text::time(head.time)) } @else { "–" } }
            td .muted { code { (text::cut(&key.fingerprint, 16)) } }
            td { @if let Some(url) = comparison(r) { a href=(url) { "Compare" } } }
        }
    }
}

/// The comparison that shows a change; of a drift no commit's does.
fn comparison(r: &Row) -> Option<String> {
    let moved = (&r.event.series.key.metric, true);
    let (base, head) = r.around.as_ref()?;
    let is_drift = r.event.reported.event.change.kind == Kind::Drift;
    (!is_drift).then(|| links::comparison(&base.sha, &head.sha, [moved].into_iter()))
}

/// The page that shows a change.
pub(super) fn leads_to(r: &Row) -> String {
    comparison(r).unwrap_or_else(|| format!("/series/{}", r.event.series.key.id()))
}

fn commit(r: &Row) -> Markup {
    let c = &r.event.reported.event.change;
    let set = usize::try_from(c.last - c.first + 1).unwrap_or(1);
    html! {
        @match &r.around {
            Some((_, head)) => {
                @if set > 1 { "one of " (plural(set, "commit")) " up to " }
                @else if c.kind == Kind::Drift { "up to " }
                (layout::commit_line(head))
            }
            None => { "no measured commit is in the range" }
        }
    }
}

/// What has become of a change, as it stands on every page.
fn fate(fate: Fate) -> Markup {
    let word = fate.word();
    html! { span .state.(word) { (log::word(word)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collector::store::Fates;

    #[test]
    fn what_a_document_leaves_out_is_said() {
        let asked = Changes {
            fates: Fates::Any,
            way: Way::Both,
            metric: None,
            text: "b".into(),
            owner: String::new(),
            page: 2,
        };
        for (total, is_said) in [(5_000, false), (5_001, true)] {
            let list = List {
                rows: Vec::new(),
                total,
                metrics: Vec::new(),
            };
            let page = html(&list, &Config::default(), &Reader::Owner, &asked).into_string();
            assert_eq!(page.contains("holds the first 5,000"), is_said, "{page}");
            assert!(page.contains("\"/changes.csv?q=b\""), "{page}");
            assert!(page.contains("\"/changes.json?q=b&amp;page=2\""), "{page}");
        }
    }
}
