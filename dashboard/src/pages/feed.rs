//! Open changes as an Atom feed: one entry a cause.

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::pages::answer::ATOM;
use crate::pages::groups::{self, Group};
use crate::text::{cut, iso, plural, xml};

/// Entries that are given.
const NEWEST: usize = 50;

pub(super) fn page(app: &App, groups: &[Group]) -> Result<Page, Fail> {
    let mut newest: Vec<&Group> = groups.iter().collect();
    let when = |g: &Group| g.suspects.last().map_or(0, |c| c.time);
    newest.sort_by_key(|g| std::cmp::Reverse(when(g)));
    let name = xml(&cut(&app.options.name, 80));
    let updated = iso(newest.first().map_or(0, |g| when(g)));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\
         <title>{name}: changes</title><id>urn:uptick:{name}</id><updated>{updated}</updated><link href=\"/\"/>\n"
    );
    for g in newest.into_iter().take(NEWEST) {
        out.push_str(&entry(g));
    }
    out.push_str("</feed>\n");
    Ok(Page::new(ATOM, Policy::Page, out.into_bytes()))
}

fn entry(g: &Group) -> String {
    let first = &g.events[0];
    let change = groups::moved(g.worst());
    let commit = g.suspects.last();
    let subject = if g.is_drift() {
        "a drift, no single commit did it".to_string()
    } else {
        groups::who_in_words(g, |c| c.subject.clone())
    };
    // Of several nobody is named.
    let is_one = g.suspects.len() == 1 && g.unmeasured() == 0 && !g.is_drift();
    let author = commit.filter(|_| is_one);
    let title = format!(
        "{change} in {}: {}",
        plural(g.events.len(), "series"),
        cut(&subject, 120)
    );
    let lines: Vec<String> = g
        .events
        .iter()
        .take(20)
        .map(|e| format!("{} {}", cut(&e.series.key.benchmark, 120), groups::moved(e)))
        .collect();
    let link = g
        .compare()
        .unwrap_or_else(|| format!("/series/{}", first.series.key.id()));
    format!(
        "<entry><title>{}</title><id>urn:uptick:event:{}</id><updated>{}</updated><author><name>{}</name></author>\
         <link href=\"{}\"/><summary>{}</summary></entry>\n",
        xml(&title),
        first.reported.id,
        iso(commit.map_or(0, |c| c.time)),
        xml(&cut(author.map_or("uptick", |c| c.author.as_str()), 80)),
        xml(&link),
        xml(&lines.join("; "))
    )
}
