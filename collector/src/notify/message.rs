//! What a message says, read from the store as it stands when it is first sent.

use crate::error::Result;
use crate::format::{self, value};
use crate::history::causes;
use crate::notify::origin::Origin;
use crate::report::alert::{Happened, LISTED, Message, Moved, Suspect};
use crate::report::links;
use crate::store::{Event, Lease, MeasuredCommit, News, Store};

/// The message of a lease; `None` where all that it was about was settled or went back, or is one
/// commit's no more.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub(super) fn compose(store: &Store, lease: &Lease, origin: &Origin) -> Result<Option<Message>> {
    let happened = match lease.news {
        News::Test => {
            let link = origin.link("/");
            return Ok(Some(Message::test(&origin.project, &link, lease.created)));
        }
        News::Moved => Happened::Moved,
        News::Narrowed => Happened::Narrowed,
        News::Recovered => Happened::Recovered,
        News::Disabled => return disabled(store, lease, origin),
        News::Missed => Happened::Missed,
    };
    let set = match happened {
        // What was one commit's when this was put down may be several ones' again, or another's,
        // whom a message that names the first one would blame for it.
        Happened::Narrowed => match store.set_of(lease)? {
            Some(set) if set.0 == set.1 && (lease.message.is_none() || set == lease.set) => set,
            _ => return Ok(None),
        },
        _ => lease.set,
    };
    let mut events = store.changes_of(lease)?;
    events.retain(|e| match happened {
        Happened::Recovered => e.reported.event.recovered.is_some() || !e.reported.event.seen,
        _ => e.reported.event.is_open(),
    });
    if events.is_empty() {
        return Ok(None);
    }
    events.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let (first, last) = match happened {
        // They are several commits': the oldest of them is what leads on.
        Happened::Missed => oldest_first(&mut events),
        _ => set,
    };
    let suspects = store.commits_between(first, last)?;
    let base = store.commits(first, 1)?.pop();
    Ok(Some(Message {
        happened,
        project: origin.project.clone(),
        total: events.len(),
        moved: events.iter().take(LISTED).map(moved).collect(),
        commits: last.saturating_sub(first) + 1,
        link: origin.link(&path(base.as_ref(), &suspects, &events)),
        suspects: suspects.iter().rev().take(LISTED).map(suspect).collect(),
        everything: everything(store, &events),
        time: lease.created,
        note: String::new(),
    }))
}

/// Has the oldest change stand first; gives its commit set.
fn oldest_first(events: &mut [Event]) -> (u64, u64) {
    let set = |e: &Event| {
        let c = &e.reported.event.change;
        (
            c.first.max(0).cast_unsigned(),
            c.last.max(0).cast_unsigned(),
        )
    };
    events.sort_by_key(set);
    events.first().map_or((0, 0), set)
}

/// Which channels hear nothing; `None` where all do again.
fn disabled(store: &Store, lease: &Lease, origin: &Origin) -> Result<Option<Message>> {
    let all = store.channels()?;
    let mut names = Vec::new();
    for channel in all.iter().filter(|c| c.disabled.is_some()) {
        names.push(format!("{} ({})", channel.name, channel.why));
    }
    let note = names.join(", ");
    let link = origin.link("/channels");
    let message = Message {
        happened: Happened::Disabled,
        note,
        ..Message::test(&origin.project, &link, lease.created)
    };
    Ok((!names.is_empty()).then_some(message))
}

/// For the worse first, the largest of them first.
fn size(e: &Event) -> f64 {
    let c = &e.reported.event.change;
    if e.series.key.metric.is_worse(c.after - c.before) {
        c.change.abs()
    } else {
        -c.change.abs()
    }
}

fn everything(store: &Store, events: &[Event]) -> bool {
    let changes: Vec<_> = events
        .iter()
        .map(|e| (&e.series.key, &e.reported.event.change))
        .collect();
    causes(&changes, &|t| store.series_on(t).unwrap_or(usize::MAX))
        .iter()
        .any(|g| g.everything)
}

/// The page that shows it: the commits before and after side by side, else the series.
fn path(base: Option<&MeasuredCommit>, suspects: &[MeasuredCommit], events: &[Event]) -> String {
    match (base, suspects.last(), events.first()) {
        (Some(b), Some(h), _) => {
            let moved = events.iter().map(|e| (&e.series.key.metric, size(e) > 0.0));
            links::comparison(&b.sha, &h.sha, moved)
        }
        (_, _, Some(e)) => format!("/series/{}", e.series.key.id()),
        _ => "/".into(),
    }
}

fn moved(e: &Event) -> Moved {
    let (key, c) = (&e.series.key, &e.reported.event.change);
    Moved {
        id: e.reported.id.clone(),
        benchmark: key.benchmark.clone(),
        metric: key.metric.name().into(),
        counter: key.counter.name().into(),
        change: c.change,
        size: format::moved(c.change, (c.before, c.after), &key.metric),
        regressed: key.metric.is_worse(c.after - c.before),
        before: value(c.before, &key.metric),
        after: value(c.after, &key.metric),
    }
}

fn suspect(c: &MeasuredCommit) -> Suspect {
    Suspect {
        sha: c.sha.0.clone(),
        subject: c.subject.clone(),
        author: c.author.clone(),
    }
}
