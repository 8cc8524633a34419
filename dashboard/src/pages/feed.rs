//! Changes as an Atom feed: what is open, one entry a cause, or single changes that were asked for.

use collector::detect::Kind;
use collector::store::{Event, MeasuredCommit, Store};

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::deliver;
use crate::error::Fail;
use crate::pages::answer::ATOM;
use crate::pages::groups::{self, Group};
use crate::text::{cut, iso, plural, xml};

/// Entries that are given.
const NEWEST: usize = 50;

/// An entry; a reader of feeds knows it again by its identity.
struct Entry {
    id: String,
    title: String,
    /// When something last became of it.
    updated: i64,
    author: String,
    /// Its page, from the root.
    page: String,
    summary: String,
}

/// What is open, by cause; `address` is the feed's own.
pub(super) fn open(
    store: &Store,
    app: &App,
    groups: &[Group],
    address: &str,
) -> Result<Page, Fail> {
    let entries = groups.iter().map(|g| of_group(store, g));
    Ok(page(app, entries.collect::<Result<_, _>>()?, address))
}

/// Single changes, each with the commits around it; `address` is the feed's own.
pub(super) fn single<'a>(
    store: &Store,
    app: &App,
    changes: impl Iterator<Item = (&'a Event, Option<&'a MeasuredCommit>, String)>,
    address: &str,
) -> Result<Page, Fail> {
    let entries = changes.map(|(e, commit, page)| of_change(store, e, (commit, page)));
    Ok(page(app, entries.collect::<Result<_, _>>()?, address))
}

fn page(app: &App, mut entries: Vec<Entry>, address: &str) -> Page {
    entries.sort_by_key(|e| std::cmp::Reverse(e.updated));
    // A reader of feeds knows no page that an address could be relative to.
    let root = deliver::origin(app).url;
    let root = xml(root.trim_end_matches('/'));
    let name = xml(&cut(&app.options.name, 80));
    let updated = iso(entries.first().map_or(0, |e| e.updated));
    let (own, query) = (
        xml(address),
        address.find('?').map_or("", |i| &address[i..]),
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\
         <title>{name}: changes</title><id>urn:uptick:{name}{}</id><updated>{updated}</updated>\
         <link rel=\"self\" href=\"{root}{own}\"/><link href=\"{root}/\"/>\n",
        xml(query)
    );
    for e in entries.iter().take(NEWEST) {
        out.push_str(&format!(
            "<entry><title>{}</title><id>urn:uptick:event:{}</id><updated>{}</updated>\
             <author><name>{}</name></author><link href=\"{root}{}\"/><summary>{}</summary></entry>\n",
            xml(&e.title),
            e.id,
            iso(e.updated),
            xml(&cut(&e.author, 80)),
            xml(&e.page),
            xml(&e.summary)
        ));
    }
    out.push_str("</feed>\n");
    Page::new(ATOM, Policy::Page, out.into_bytes())
}

fn of_group(store: &Store, g: &Group) -> Result<Entry, Fail> {
    // Which is the worst changes with what is measured; which was told first does not.
    let first = g.events.iter().map(|e| &e.reported);
    let first = first.min_by_key(|r| (r.event.told_at, &r.id));
    let subject = if g.is_drift() {
        "a drift, no single commit did it".to_string()
    } else {
        groups::who_in_words(g, |c| c.subject.clone())
    };
    // Of several nobody is named.
    let is_one = g.suspects.len() == 1 && g.unmeasured() == 0 && !g.is_drift();
    let author = g.suspects.last().filter(|_| is_one);
    let lines = g.events.iter().take(20);
    let lines: Vec<String> = lines
        .map(|e| format!("{} {}", cut(&e.series.key.benchmark, 120), groups::moved(e)))
        .collect();
    let series = || format!("/series/{}", g.worst().series.key.id());
    Ok(Entry {
        id: first.map_or_else(String::new, |r| r.id.clone()),
        title: format!(
            "{} in {}: {}",
            groups::moved(g.worst()),
            plural(g.events.len(), "series"),
            cut(&subject, 120)
        ),
        updated: updated(store, &g.events)?,
        author: author.map_or_else(|| "uptick".into(), |c| c.author.clone()),
        page: g.compare().unwrap_or_else(series),
        summary: lines.join("; "),
    })
}

fn of_change(
    store: &Store,
    e: &Event,
    (commit, page): (Option<&MeasuredCommit>, String),
) -> Result<Entry, Fail> {
    let (key, t) = (&e.series.key, &e.reported);
    let c = &t.event.change;
    let author = commit.filter(|_| c.first == c.last && c.kind != Kind::Drift);
    let subject = commit.map_or_else(String::new, |c| format!(": {}", cut(&c.subject, 120)));
    let (benchmark, state) = (cut(&key.benchmark, 120), t.fate().word().replace('_', " "));
    Ok(Entry {
        id: t.id.clone(),
        title: format!("{} in {benchmark}{subject}", groups::moved(e)),
        updated: updated(store, std::slice::from_ref(e))?,
        author: author.map_or_else(|| "uptick".into(), |c| c.author.clone()),
        page,
        summary: format!("{benchmark}, {}: {state}", key.metric.name()),
    })
}

/// When something last became of changes: when they were told, by the newest commit that was
/// measured then, or when somebody decided about them since.
fn updated(store: &Store, events: &[Event]) -> Result<i64, Fail> {
    let told = events.iter().map(|e| e.reported.event.told_at).min();
    let told = told.unwrap_or(0).max(0).cast_unsigned();
    let commit = store.commits(told.saturating_add(1), 1)?.pop();
    let ids: Vec<&str> = events.iter().map(|e| e.reported.id.as_str()).collect();
    let decided = store.standing_decision(&ids)?.map_or(0, |d| d.time);
    Ok(commit.map_or(0, |c| c.time).max(decided))
}
