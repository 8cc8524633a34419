//! The body of a webhook, by Standard Webhooks 1.0: `{type, timestamp, data}`, below 20 kB.

use serde_json::{Value, json};

use crate::profile::names::clean;
use crate::report::alert::{Message, Moved, Suspect, dress, said};

/// Bytes of a body: the standard asks for less than 20 kB.
const MOST: usize = 20_000;
/// Characters of a name.
const NAME: usize = 200;

/// The body, the same for the same message.
#[must_use]
pub fn webhook(m: &Message) -> String {
    let mut m = m.clone();
    loop {
        let text = document(&m).to_string();
        if text.len() < MOST || (m.moved.len() <= 1 && m.suspects.len() <= 1) {
            return text;
        }
        m.moved.truncate((m.moved.len() / 2).max(1));
        m.suspects.truncate((m.suspects.len() / 2).max(1));
    }
}

fn document(m: &Message) -> Value {
    let words = said(m);
    json!({
        "type": m.happened.event(),
        "timestamp": instant(m.time),
        "data": {
            "project": clean(&m.project, NAME),
            "title": dress::title(&words),
            "text": dress::plain(&words),
            "link": m.link,
            "changes": m.moved.iter().map(change).collect::<Vec<_>>(),
            "total": m.total,
            "commits": m.suspects.iter().map(commit).collect::<Vec<_>>(),
            "commit_count": m.commits,
            "everything": m.everything,
        },
    })
}

fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

fn change(c: &Moved) -> Value {
    json!({
        "id": c.id,
        "benchmark": clean(&c.benchmark, NAME),
        "metric": clean(&c.metric, NAME),
        "counter": clean(&c.counter, NAME),
        "change": c.change,
        "moved": c.size,
        "regressed": c.regressed,
        "before": clean(&c.before, NAME),
        "after": clean(&c.after, NAME),
    })
}

fn commit(s: &Suspect) -> Value {
    json!({
        "sha": s.sha,
        "subject": clean(&s.subject, NAME),
        "author": clean(&s.author, NAME),
    })
}
