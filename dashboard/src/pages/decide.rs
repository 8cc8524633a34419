//! Deciding about changes, on whichever page they are shown: where people stand with them, and the
//! controls, for whoever may use them.

use collector::config::Config;
use collector::detect::alerts::life::State;
use collector::history;
use collector::model::Sha;
use collector::store::{Decision, Event, Moment, Store, Triage};
use maud::{Markup, html};

use crate::app::App;
use crate::error::Fail;
use crate::pages::groups::{self, Group, groups};
use crate::pages::{care, layout, log};
use crate::query::{encode, spelled};
use crate::reader::Reader;
use crate::text::{self, plural};

/// Groups of a section; the list of all changes has the others.
const GROUPS: usize = 20;
/// Series of a group that are named.
const NAMED: usize = 6;
/// People and days of a group that are named.
const PEOPLE: usize = 3;

/// One key for each state; `fixed_by` asks for a commit.
const ACTIONS: [(&str, &str, &str); 6] = [
    ("acknowledged", "Acknowledge", "a"),
    ("fixed_by", "Fixed", "f"),
    ("accepted", "Accept", "w"),
    ("noise", "Noise", "n"),
    ("infra", "Infra", "i"),
    ("invalid", "Invalid", "v"),
];

/// The lasting changes that a page shows, by cause, with what can be decided about them.
pub(super) fn section(
    store: &Store,
    app: &App,
    reader: &Reader,
    (title, events): (&str, Vec<Event>),
) -> Result<Markup, Fail> {
    if events.is_empty() {
        return Ok(html! {});
    }
    let all = groups(store, events)?;
    let mut shown = Vec::new();
    for g in all.iter().take(GROUPS) {
        shown.push(group(store, app, reader, g)?);
    }
    Ok(html! {
        section .decide #decide {
            h2 { (title) }
            @if !reader.may_decide(app.options.read_only) { p .muted { (reader.why_not(app.options.read_only)) } }
            @for g in shown { (g) }
            @if all.len() > GROUPS {
                p .muted {
                    "and " (plural(all.len() - GROUPS, "group")) " more: "
                    a href="/changes" { "all changes" }
                }
            }
        }
    })
}

fn group(store: &Store, app: &App, reader: &Reader, g: &Group) -> Result<Markup, Fail> {
    let ids: Vec<&str> = g.events.iter().map(|e| e.reported.id.as_str()).collect();
    let last = store.standing_decision(&ids)?;
    let class = if g.is_regression() { "worse" } else { "better" };
    Ok(html! {
        article .group.(class) #{ "g" (g.worst().reported.id) } tabindex="-1"
            aria-labelledby={ "t" (g.worst().reported.id) } {
            header {
                h3 #{ "t" (g.worst().reported.id) } { (moved(g)) }
                (states(g))
                (people(&app.options.config, g, &care::moment(store)?))
                @if let Some(c) = g.suspects.last() { span .when { (text::time(c.time)) } }
            }
            @if g.events.len() > 1 { (members(g)) }
            (notes(store, g)?)
            @if let Some(d) = &last { (decided(d, reader.may_decide(app.options.read_only), &anchor(g))) }
            @if reader.may_decide(app.options.read_only) { div .actions { (form(reader, g)) } }
        }
    })
}

/// Where a page is seen again once it was decided about a group on it.
pub(super) fn anchor(g: &Group) -> String {
    format!("#g{}", g.worst().reported.id)
}

/// What moved, losses and gains each with their number.
fn moved(g: &Group) -> Markup {
    let sides = [true, false].map(|worse| g.sided(worse));
    html! {
        @for (i, (n, largest)) in sides.iter().flatten().enumerate() {
            @if i > 0 { ", " }
            (groups::change(largest)) " "
            @if g.events.len() > 1 { "in " (plural(*n, "series")) } @else { (series(largest)) }
        }
    }
}

fn series(e: &Event) -> Markup {
    let key = &e.series.key;
    html! {
        a href={ "/series/" (key.id()) } { (text::name(&key.benchmark)) } " "
        span .light { (text::metric(&key.metric)) }
    }
}

fn members(g: &Group) -> Markup {
    html! {
        p .cause {
            @for (i, e) in g.events.iter().take(NAMED).enumerate() {
                @if i > 0 { ", " }
                (groups::change(e)) " " (series(e))
            }
            @if g.events.len() > NAMED { ", and " (g.events.len() - NAMED) " more" }
        }
    }
}

/// Every state that a change of the group is in, and how many are where there are several.
pub(super) fn states(g: &Group) -> Markup {
    let mut all: Vec<(&str, usize)> = Vec::new();
    for e in &g.events {
        let word = e.reported.fate().word();
        match all.iter_mut().find(|(w, _)| *w == word) {
            Some((_, n)) => *n += 1,
            None => all.push((word, 1)),
        }
    }
    html! {
        @for (word, n) in &all {
            span .state.(word) { @if all.len() > 1 { (n) " " } (log::word(word)) }
        }
    }
}

/// Who cares for a group, and by when: each once.
pub(super) fn people(config: &Config, g: &Group, at: &Moment) -> Markup {
    let mut rests: Vec<String> = Vec::new();
    let mut carers: Vec<(bool, &str)> = Vec::new();
    let mut days: Vec<&str> = Vec::new();
    for e in &g.events {
        let t = &e.reported;
        let carer = config.carer(&e.series.key.benchmark, &t.assignee);
        let carer = carer.map(|name| (!t.assignee.is_empty(), name));
        carers.extend(carer.filter(|c| !carers.contains(c)));
        let day = Some(t.due.as_str()).filter(|d| !d.is_empty() && !days.contains(d));
        days.extend(day);
        rests.extend(history::snoozed(t, at).filter(|words| !rests.contains(words)));
    }
    html! {
        @for (taken, name) in carers.iter().take(PEOPLE) {
            a .person href={ "/changes?owner=" (encode(&spelled(name))) } {
                @if *taken { "@" } @else { "owner " } (text::cut(name, 40))
            }
        }
        @if carers.len() > PEOPLE { span .muted { "and " (carers.len() - PEOPLE) " more" } }
        @for words in rests.iter().take(PEOPLE) { span .tag { (words) } }
        @for day in days.iter().take(PEOPLE) { span .tag { "due " (text::cut(day, 10)) } }
    }
}

/// Notes, issues and the commits that mended, each once.
fn notes(store: &Store, g: &Group) -> Result<Markup, Fail> {
    let mut seen: Vec<(&str, &str, &str)> = Vec::new();
    for e in &g.events {
        let t = &e.reported;
        let said = (t.note.as_str(), t.link.as_str(), t.fixed.as_str());
        if said != ("", "", "") && !seen.contains(&said) {
            seen.push(said);
        }
    }
    let mut out = Vec::new();
    for (note, link, fixed) in seen.into_iter().take(3) {
        out.push((note, log::safe_link(link), fixed_by(store, fixed)?));
    }
    Ok(html! {
        @for (note, link, fixed) in out {
            p .note {
                (text::cut_or_empty(note, 400))
                @if let Some(link) = link {
                    " " a href=(link) rel="noopener noreferrer nofollow" { (text::cut(&link, 80)) }
                }
                (fixed)
            }
        }
    })
}

/// The commit that mended a change: a link where it was measured.
fn fixed_by(store: &Store, fixed: &str) -> Result<Markup, Fail> {
    if fixed.is_empty() {
        return Ok(html! {});
    }
    Ok(match store.commit(fixed)? {
        Some(c) => html! { " Fixed by " (layout::commit_line(&c)) },
        None => {
            let sha = Sha(fixed.to_owned());
            html! { " Fixed by " code { (text::cut(sha.short(), 12)) } ", which was not measured" }
        }
    })
}

/// The last decision that stands, with the way back.
fn decided(d: &Decision, may: bool, anchor: &str) -> Markup {
    html! {
        div .decided {
            span .muted { "by " b { (text::cut(&d.actor, 40)) } ", " (text::time(d.time)) }
            @if may {
                form method="post" action={ "/triage/undo" (anchor) } {
                    input type="hidden" name="batch" value=(d.batch);
                    button .small type="submit" { "Undo" }
                }
            }
        }
    }
}

/// The controls for one group.
pub(super) fn form(reader: &Reader, g: &Group) -> Markup {
    let settled = |e: &Event| matches!(e.reported.event.state, State::Resolved(_));
    html! {
        form method="post" action={ "/triage" (anchor(g)) } {
            input type="hidden" name="event" value=(g.ids());
            (controls(reader, true))
            @if g.events.iter().any(settled) {
                button .small type="submit" name="state" value=(Triage::word(State::New)) { "Reopen" }
            }
        }
    }
}

/// What can be said, and a button for each state. What is typed is saved by the first button, so
/// that the enter key sets no state and no assignee that nobody chose. The buttons of one group answer to keys.
pub(super) fn controls(reader: &Reader, keyed: bool) -> Markup {
    html! {
        details .words {
            summary { "Commit, assignee, note" }
            (fields())
            button .small type="submit" { "Save" }
            @if let Some(name) = reader.name() {
                button .small type="submit" name="assignee" value=(spelled(name)) data-key="t" {
                    "Take it " kbd { "t" }
                }
            }
        }
        (buttons(keyed))
    }
}

/// What can be said beside a state.
fn fields() -> Markup {
    html! {
        input name="fixed" placeholder="fixed by commit" aria-label="The commit that fixed it"
            maxlength="64" autocomplete="off" spellcheck="false";
        input name="assignee" placeholder="assign to" maxlength="100"
            aria-label="Assign to; “nobody” takes it off" autocomplete="off";
        input name="due" placeholder="due, 2026-12-31" aria-label="Due on; “never” takes it off"
            maxlength="10" autocomplete="off";
        input name="snooze" placeholder="snooze: day, or commits" maxlength="20" autocomplete="off"
            aria-label="Snooze until a day, or for a number of commits; “never” ends it";
        input name="note" placeholder="note" aria-label="Note" maxlength="1000";
        input name="link" type="url" placeholder="https:// issue" aria-label="Issue" maxlength="500";
    }
}

fn buttons(keyed: bool) -> Markup {
    html! {
        @for (state, word, key) in ACTIONS {
            button .small type="submit" name="state" value=(state) data-key=[keyed.then_some(key)] {
                (word) " " kbd { (key) }
            }
        }
    }
}

/// Says that a form changed nothing, and leads back.
pub(super) fn nothing(title: &str, why: &str, to: &str) -> Markup {
    html! {
        section .narrow {
            h1 { (title) }
            p { (why) }
            p { a href=(to) { "Back" } }
        }
    }
}

/// Asks which commit mended the changes of a form; nothing is decided yet. What else the form said
/// is kept, and so is the page that it leads back to.
pub(super) fn ask(said: &[(&str, String)], to: &str) -> Markup {
    html! {
        section .narrow {
            h1 { "Which commit fixed it?" }
            p { "Nothing is decided yet. The commit is kept with the decision and shown beside the change." }
            form method="post" action="/triage" {
                @for (name, value) in said { input type="hidden" name=(name) value=(value); }
                input type="hidden" name="to" value=(to);
                input type="hidden" name="state" value="fixed_by";
                label for="fixed" { "Commit" }
                input #fixed name="fixed" required pattern="[0-9a-fA-F]{4,64}" maxlength="64"
                    autocomplete="off" spellcheck="false";
                button .primary type="submit" { "Fixed" }
                a href=(to) { "Leave it as it is" }
            }
        }
    }
}
