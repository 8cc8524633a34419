//! Today: what changed and waits for somebody, by cause rather than by series, the worst first.

mod sheet;

use crate::behind::Behind;
use crate::pages::groups::{self, Group, sure};

use std::cmp::Ordering;

use collector::config::Config;
use collector::detect::alerts::life::State;
use collector::history::harm;
use collector::judge::Judged;
use collector::store::{Event, EventCounts, MeasuredCommit, Moment, Store, Triage, Value};
use maud::{Markup, html};
use serde_json::json;

use crate::app::{App, Role};
use crate::cache::Page;
use crate::chart::spark;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::pages::{care, changes, channels, decide, feed, log, waiting};
use crate::query::{Format, MINE, NOBODY, Waiting, Whose, encode};
use crate::reader::Reader;
use crate::text::{self, csv_field, md, plural};
use sheet::{MEMBERS, OTHERS, Sheet};

/// Commits in a sparkline.
const SPARK: usize = 60;
/// Lines of the log that are looked at for the decisions under the groups.
const DECISIONS: usize = 8;

struct Today {
    /// Whose changes are wanted.
    whose: Whose,
    /// Changes that nobody need look at yet.
    snoozed: usize,
    at: Moment,
    /// How many groups the reader cares for.
    mine: usize,
    /// The worst first.
    groups: Vec<Group>,
    judged: Judged,
    counts: EventCounts,
    /// Series with points that the change finder has not seen.
    unsearched: usize,
    /// What this node lacks of the log that it shares.
    behind: Option<Behind>,
    newest: Option<MeasuredCommit>,
    reports: u64,
    points: u64,
}

impl Today {
    /// Whether something may be open that is not known here yet.
    const fn is_partial(&self) -> bool {
        self.unsearched > 0 || self.behind.is_some()
    }
}

fn load(store: &Store, app: &App, (reader, owner): (&Reader, &str)) -> Result<Today, Fail> {
    let (reports, points) = store.counts()?;
    let at = care::moment(store)?;
    let (mut groups, snoozed) = groups::open(store)?;
    let judged = judged(store, app)?;
    groups.sort_by(|a, b| worst_first(rank(a, &judged), rank(b, &judged)));
    let config = &app.options.config;
    let is_of = |g: &Group, whose: &Whose| g.events.iter().any(|e| care::is_of(config, e, whose));
    let mine = match Whose::of(MINE, reader.name()) {
        Some(me) => groups.iter().filter(|g| is_of(g, &me)).count(),
        None => 0,
    };
    let whose = care::whose(reader, owner)?;
    groups.retain(|g| is_of(g, &whose));
    Ok(Today {
        whose,
        mine,
        snoozed,
        counts: store.event_counts(&at)?,
        unsearched: store.unsearched_series()? as usize,
        behind: app.behind(),
        at,
        groups,
        judged,
        newest: store.commits(u64::MAX, 1)?.pop(),
        reports,
        points,
    })
}

/// What decides about a commit, as Compare has it.
fn judged(store: &Store, app: &App) -> Result<Judged, Fail> {
    let counted = store.counted_benchmarks()?;
    Ok(Judged::beside(&app.options.config, counted))
}

/// Whether a change is of what decides.
fn decides(judged: &Judged, e: &Event) -> bool {
    let key = &e.series.key;
    judged.contains(&key.benchmark, &key.metric)
}

/// The worst change of a group: of what is judged, where any of that got worse.
fn worst<'a>(g: &'a Group, judged: &Judged) -> &'a Event {
    let mut of_it = g.events.iter();
    of_it
        .find(|e| harm(e) > 0.0 && decides(judged, e))
        .unwrap_or_else(|| g.worst())
}

/// The worst change that nobody has looked at yet; of what is judged, where any of that is.
fn worst_new<'a>(groups: &[&'a Group], judged: &Judged) -> Option<&'a Event> {
    let all = groups.iter().filter(|g| g.is_new()).flat_map(|g| &g.events);
    let new = all.filter(|e| e.reported.event.state == State::New);
    let rank = |e: &Event| (harm(e) > 0.0 && decides(judged, e), harm(e));
    new.max_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })
}

/// What stands first, and how large it is: what is judged and got worse, whatever state it is in;
/// then what may be no loss, because it is not judged or a testbed did it; then what got better.
fn rank(g: &Group, judged: &Judged) -> (u8, f64) {
    let worst = worst(g, judged);
    let is_judged = decides(judged, worst);
    let first = match (g.is_regression(), g.is_environment()) {
        (true, false) if is_judged => 0,
        (true, _) => 1,
        (false, _) => 2,
    };
    (first, harm(worst).abs())
}

fn worst_first(a: (u8, f64), b: (u8, f64)) -> Ordering {
    a.0.cmp(&b.0).then(b.1.total_cmp(&a.1))
}

pub(super) fn page(
    store: &Store,
    app: &App,
    (reader, owner): (&Reader, &str),
    (page, format, waiting): (usize, Format, Option<&Waiting>),
) -> Result<Page, Fail> {
    let today = load(store, app, (reader, owner))?;
    let config = &app.options.config;
    match format {
        Format::Html => Ok(layout::page(
            app,
            Nav::Today,
            "Today",
            html(store, app, (reader, page, waiting), &today)?,
        )),
        Format::Json => json_page(&document(config, &today, waiting)),
        Format::Csv => Ok(csv_page("changes", csv(config, &today))),
        Format::Markdown => Ok(markdown_page(markdown(config, &today))),
        Format::Atom => feed::open(store, app, &today.groups, &form(&today, "/changes.atom")),
        Format::Svg => Err(no_such_form(format)),
    }
}

/// What a person would say first.
fn verdict(t: &Today) -> (Markup, &'static str) {
    let bad: Vec<&Group> = t.groups.iter().filter(|g| g.is_of_code()).collect();
    let new = bad.iter().filter(|g| g.is_new()).count();
    if t.reports == 0 {
        return (html! { "Nothing measured yet" }, "quiet");
    }
    match (worst_new(&bad, &t.judged), new) {
        _ if bad.is_empty() && t.is_partial() => (html! { "No regression is known yet" }, "quiet"),
        _ if bad.is_empty() => (
            html! {
                span .tick aria-hidden="true" { "✓" } " No regression is open"
                @if t.snoozed > 0 { " but for what is snoozed" }
            },
            "good",
        ),
        (_, 0) | (None, _) => (
            html! {
                span aria-hidden="true" { "▲" } " " (plural(bad.len(), "regression"))
                " being worked on, none new"
            },
            "quiet",
        ),
        (Some(worst), _) => (
            html! {
                span aria-hidden="true" { "▲" } " " (plural(new, "new regression"))
                ", worst " (text::tight(&groups::moved(worst)))
            },
            "bad",
        ),
    }
}

fn html(
    store: &Store,
    app: &App,
    (reader, page, waiting): (&Reader, usize, Option<&Waiting>),
    t: &Today,
) -> Result<Markup, Fail> {
    let (verdict, class) = verdict(t);
    let sheet = Sheet::of(&t.groups, page);
    let groups: Vec<Markup> = t.groups[sheet.range()]
        .iter()
        .map(|g| group_html(store, app, (reader, &t.at), g))
        .collect::<Result<_, _>>()?;
    let log = store.decisions(DECISIONS)?;
    let read_only = app.options.read_only;
    let may = reader.may_decide(read_only);
    let disabled = channels::disabled(store)?;
    Ok(html! {
        section .verdict.(class) {
            h1 { (verdict) @if t.whose != Whose::All { " of what is " (theirs(&t.whose)) } }
            p { (newest(app, t)) }
            (unsearched(app, t))
            @if let Some(waiting) = waiting { (waiting::line(waiting)) }
            (tally(t, reader))
            @if t.whose != Whose::All { p { a href="/" { "Show everybody’s" } } }
            (layout::forms(&forms(t)))
        }
        (disabled)
        @if t.groups.is_empty() { (nothing(app, t)) } @else {
            @if may { (bulk(reader)) } @else { p .muted { (reader.why_not(read_only)) } }
            @for g in groups { (g) }
            (sheet.links(t.groups.len(), &|page| at(t, page)))
        }
        section {
            h2 { "Decisions" }
            @if log.is_empty() {
                p .muted { "None yet. Each is logged here, and can be undone." }
            } @else {
                (log::list(&log, may))
                p { a href="/log" { "All decisions" } }
            }
        }
    })
}

fn forms(t: &Today) -> [(&'static str, String); 4] {
    [
        ("JSON", form(t, "/today.json")),
        ("CSV", form(t, "/today.csv")),
        ("Markdown", form(t, "/today.md")),
        ("Atom", form(t, "/changes.atom")),
    ]
}

/// The address that has the same changes in another form. It names whose they are, so that it is
/// the same list for whoever follows it.
fn form(t: &Today, path: &str) -> String {
    match t.whose.spelled() {
        whose if whose.is_empty() => path.into(),
        whose => format!("{path}?owner={}", encode(&whose)),
    }
}

/// The address of a page of the groups.
fn at(t: &Today, page: usize) -> String {
    let address = form(t, "/");
    match (page, address.contains('?')) {
        (..=1, _) => address,
        (page, true) => format!("{address}&page={page}"),
        (page, false) => format!("{address}?page={page}"),
    }
}

/// Whose the changes are, in words.
fn theirs(whose: &Whose) -> String {
    let name: String = match whose {
        Whose::All => "everybody".into(),
        Whose::Nobodys => NOBODY.into(),
        Whose::Of(name) => text::cut(name, 40),
    };
    format!("{name}’s")
}

fn newest(app: &App, t: &Today) -> Markup {
    let file = app.options.store.file_name();
    html! {
        @match &t.newest {
            Some(c) => { "Last measured: " (layout::commit_line(c)) ", " (text::time(c.time)) }
            None => {
                "The store " code { (file.map(|n| n.to_string_lossy()).unwrap_or_default()) }
                " holds no report."
            }
        }
    }
}

/// How much was not searched yet: what is open in it, nobody knows.
fn unsearched(app: &App, t: &Today) -> Markup {
    html! {
        @if t.unsearched > 0 {
            p {
                strong { (text::unsearched(t.unsearched)) }
                @if app.options.read_only {
                    ", which a server that only reads does not do: one without " code { "--read-only" }
                    " does, and " code { "uptick rebuild" }
                }
                "."
            }
        }
    }
}

/// How many groups wait, as they stand below, and how many single changes do not any more.
fn tally(t: &Today, reader: &Reader) -> Markup {
    let better = t.groups.iter().filter(|g| !g.is_regression()).count();
    let new = t.groups.iter().filter(|g| g.is_regression() && g.is_new());
    let new = new.count();
    let known = t.groups.len() - better - new;
    html! {
        ul .tally {
            li { b { (new) } " new" }
            li { b { (known) } " acknowledged" }
            li { b { (better) } " improved" }
            li .muted {
                @let recovered = plural(t.counts.recovered as usize, "single change");
                @if t.counts.recovered == 0 { (recovered) " recovered" }
                @else { a href="/changes?state=recovered" { (recovered) " recovered" } }
            }
            @if t.snoozed > 0 {
                li .muted { a href="/changes?state=snoozed" { (plural(t.snoozed, "change")) " snoozed" } }
            }
            li .muted { a href="/changes?state=settled" { (t.counts.resolved) " settled" } }
            li .muted { a href="/changes" { "all changes" } }
            @if reader.name().is_some() { li { a href="/?owner=mine" { b { (t.mine) } " mine" } } }
        }
    }
}

/// What is decided about everything that is selected.
fn bulk(reader: &Reader) -> Markup {
    html! {
        form #bulk .bulk method="post" action="/triage"
            aria-label="Decide about the selected changes" {
            span .muted { "Selected:" }
            (decide::controls(reader, false))
            @for (value, word, key) in REGROUP {
                button .small type="submit" name="group" value=(value) { (word) " " kbd { (key) } }
            }
        }
    }
}

/// Why there is nothing to do.
fn nothing(app: &App, t: &Today) -> Markup {
    if t.reports == 0 && matches!(app.role, Role::Project { .. }) {
        return layout::empty(
            "No report is stored yet",
            html! {
                "A collector of the server measures every commit of the main line from the newest on: "
                "what waits stands in the " a href="/queue" { "queue" } ", who measures among the "
                a href="/collectors" { "collectors" } ". The first report shows here without a reload."
            },
            &[(
                "on a machine that measures",
                "uptick collect --server URL --name NAME",
            )],
        );
    }
    if t.reports == 0 {
        return layout::empty(
            "No report is stored yet",
            html! {
                "A report is what " code { "uptick run" } " measures for one commit. "
                "It shows here as soon as it is stored, without a reload."
            },
            &[
                ("measure the newest commit", "uptick run"),
                ("measure the last 50", "uptick run HEAD~50..HEAD"),
                (
                    "look around in an invented history",
                    "uptick demo --store /tmp/demo.db && uptick serve --store /tmp/demo.db",
                ),
            ],
        );
    }
    if t.whose != Whose::All {
        return nothing_of(t);
    }
    let known = t.counts.resolved + t.counts.recovered;
    let why = html! {
        @if t.is_partial() { "What was searched so far shows none: " }
        @else {
            (plural(t.reports as usize, "report")) " with " (plural(t.points as usize, "point"))
            " were searched: "
        }
        @if t.snoozed > 0 { "every step that lasted is snoozed, settled or went back. " }
        @else if known > 0 { "every step that lasted is settled or went back. " }
        @else { "no step that lasted was found. " }
        "A step shows here once its new level has lasted some commits"
        @if let Some(c) = &t.newest {
            "; what the newest commit did by itself is on "
            a href={ "/commit/" (c.sha.short()) } { "its own page" }
        }
        "."
    };
    let title = match t.is_partial() {
        false => "Nothing waits for you",
        true => "Nothing waits for you so far",
    };
    layout::empty(
        title,
        why,
        &[("measure older commits too", "uptick run HEAD~200..HEAD")],
    )
}

/// Why there is nothing of one person's; others may have enough.
fn nothing_of(t: &Today) -> Markup {
    let title = format!("Nothing of what is {} waits", theirs(&t.whose));
    let open = (t.counts.new + t.counts.acknowledged) as usize;
    let why = html! {
        @if open == 0 && t.snoozed > 0 { "Nobody has an open change that is not snoozed." }
        @else if open == 0 { "Nobody has an open change." }
        @else {
            (plural(open, "change")) @if open == 1 { " is" } @else { " are" } " open that others care for: "
            a href="/" { "everybody’s" } "."
        }
    };
    layout::empty(&title, why, &[])
}

/// What makes a group of its own out of what is selected.
const REGROUP: [(&str, &str, &str); 2] = [("merge", "Merge", "m"), ("split", "Split off", "s")];

fn group_html(
    store: &Store,
    app: &App,
    (reader, at): (&Reader, &Moment),
    g: &Group,
) -> Result<Markup, Fail> {
    let worst = &g.events[0];
    let may = reader.may_decide(app.options.read_only);
    let can_split = may && g.events.len() > 1;
    let mut rows = Vec::new();
    for e in g.events.iter().take(MEMBERS) {
        rows.push(member((store, &app.options.config), e, can_split)?);
    }
    let more = &g.events[g.events.len().min(MEMBERS)..];
    let class = if g.is_regression() { "worse" } else { "better" };
    Ok(html! {
        article .group.(class) #{ "g" (worst.reported.id) } tabindex="-1" aria-labelledby={ "t" (worst.reported.id) } {
            (heading(app, g, (may, at)))
            (suspected(app, g))
            (members(&rows, can_split))
            @if !more.is_empty() { (others(g, more, may)) }
            (note(worst))
            div .actions {
                @if may { (decide::form(reader, g)) }
                @if let Some(line) = g.bisect() && g.last > g.first { (layout::command(&line)) }
            }
        }
    })
}

fn heading(app: &App, g: &Group, (may, at): (bool, &Moment)) -> Markup {
    let worst = &g.events[0];
    html! {
        header {
            @if may {
                input type="checkbox" form="bulk" name="event" value=(g.ids())
                    aria-label="Select this group";
            }
            h2 #{ "t" (worst.reported.id) } { (moved(g)) }
            (decide::states(g))
            (decide::people(&app.options.config, g, at))
            @if g.by_hand {
                span .tag title="merged or split off by somebody; Undo is below" { "by hand" }
            }
            @if let Some(c) = g.suspects.last() { span .when { (text::time(c.time)) } }
        }
    }
}

/// What moved, losses and gains each with their number.
fn moved(g: &Group) -> Markup {
    let sides = [true, false].map(|worse| g.sided(worse));
    let both = sides.iter().all(Option::is_some);
    html! {
        @for (i, (n, largest)) in sides.iter().flatten().enumerate() {
            @if i > 0 { ", " }
            (groups::change(largest)) " "
            @if both || *n > 1 { "in " (plural(*n, "series")) } @else { (text::name(&largest.series.key.benchmark)) }
        }
    }
}

fn suspected(app: &App, g: &Group) -> Markup {
    html! {
        p .cause {
            @if g.is_environment() {
                strong { "The testbed changed here" } ": ask what happened to the machine first. "
            } @else if g.is_drift() {
                strong { "A drift" } ": no single commit did it. Up to "
            } @else if g.everything {
                strong { "Every series of a testbed moved" } ": perhaps the machine did. "
            }
            (cause(app, g))
            @if let Some(url) = g.compare() { " " a .open href=(url) { "Compare" } }
        }
    }
}

fn members(rows: &[Markup], can_split: bool) -> Markup {
    html! {
        div .scroll { table .members {
            thead { tr {
                @if can_split { th scope="col" .pick { "Select" } }
                th scope="col" { "Benchmark" }
                th scope="col" { "Change" }
                th scope="col" { "Before and after" }
                th scope="col" { "History" }
                th scope="col" { "How sure" }
            } }
            tbody { @for row in rows { (row) } }
        } }
    }
}

fn note(e: &Event) -> Markup {
    let link = log::safe_link(&e.reported.link);
    html! {
        @if !e.reported.note.is_empty() || link.is_some() {
            p .note {
                (text::cut_or_empty(&e.reported.note, 400))
                @if let Some(link) = link {
                    " " a href=(link) rel="noopener noreferrer nofollow" { (text::cut(&link, 80)) }
                }
            }
        }
    }
}

/// Members that are not seen at once.
fn others(g: &Group, more: &[Event], may: bool) -> Markup {
    html! {
        details .more {
            summary { "and " (plural(more.len(), "series")) " more" }
            ul .plain {
                @for e in more.iter().take(OTHERS) { (other(e, may)) }
                @if more.len() > OTHERS {
                    li .muted {
                        "and " (plural(more.len() - OTHERS, "series"))
                        @if let Some(url) = g.compare() { ": " a href=(url) { "see all" } }
                    }
                }
            }
        }
    }
}

fn other(e: &Event, may: bool) -> Markup {
    let key = &e.series.key;
    html! {
        li {
            @if may {
                input type="checkbox" form="bulk" name="event" value=(groups::named(e))
                    aria-label={ "Select " (text::name(&key.benchmark)) };
            }
            (groups::change(e)) " "
            a href={ "/series/" (key.id()) } { (text::name(&key.benchmark)) } " "
            span .muted { (text::metric(&key.metric)) }
        }
    }
}

/// Which commits it may have been.
fn cause(app: &App, g: &Group) -> Markup {
    let unmeasured = g.unmeasured();
    html! {
        (groups::who(&g.suspects, unmeasured))
        @if g.suspects.is_empty() || unmeasured == 0 {}
        @else if app.is_narrowing(g.first, g.last) {
            span .muted { ": narrowing, " (g.suspects.len()) " of " (g.last - g.first + 1) " built" }
        } @else { span .muted { ", " (unmeasured) " of them not measured" } }
    }
}

fn member((store, config): (&Store, &Config), e: &Event, can_split: bool) -> Result<Markup, Fail> {
    let c = &e.reported.event.change;
    let (key, metric) = (&e.series.key, &e.series.key.metric);
    let recent = history(store, e)?;
    let values: Vec<f64> = recent.iter().map(|v| v.value).collect();
    let mark = recent
        .iter()
        .position(|v| v.position.cast_signed() >= c.index);
    let words = format!(
        "history of {}: {} then, {} after",
        text::name(&key.benchmark),
        text::value(c.before, metric),
        text::value(c.after, metric)
    );
    Ok(html! {
        tr {
            @if can_split {
                td .pick {
                    input type="checkbox" form="bulk" name="event" value=(groups::named(e))
                        aria-label={ "Select " (text::name(&key.benchmark)) };
                }
            }
            td .name {
                a href={ "/series/" (key.id()) } title=(text::whole(&key.benchmark)) {
                    (text::name(&key.benchmark))
                }
                " " span .muted { (text::metric(metric)) (carer(config, e)) }
            }
            td .num { (groups::change(e)) }
            td .num.muted { (text::value(c.before, metric)) " → " (text::value(c.after, metric)) }
            td { (spark(&values, mark, &words)) }
            td .muted { (sure(c)) }
        }
    })
}

/// The newest values of a series; of a change that is older than those, the ones around it.
fn history(store: &Store, e: &Event) -> Result<Vec<Value>, Fail> {
    let index = e.reported.event.change.index.max(0).cast_unsigned();
    let recent = store.recent(e.series.id, u64::MAX, SPARK)?;
    if recent.first().is_some_and(|v| v.position < index) {
        return Ok(recent);
    }
    Ok(store.recent(e.series.id, index + SPARK as u64 / 2, SPARK)?)
}

/// Whose a change is, behind what else a row says of it.
fn carer(config: &Config, e: &Event) -> String {
    let assignee = &e.reported.assignee;
    match config.carer(&e.series.key.benchmark, assignee) {
        Some(name) if assignee.is_empty() => format!(", owner {}", text::cut(name, 40)),
        Some(name) => format!(", @{}", text::cut(name, 40)),
        None => String::new(),
    }
}

fn document(config: &Config, t: &Today, waiting: Option<&Waiting>) -> serde_json::Value {
    let groups: Vec<_> = t
        .groups
        .iter()
        .map(|g| {
            json!({
                "first": g.first, "last": g.last, "environment": g.is_environment(),
                "base": g.base, "suspects": g.suspects, "not_measured": g.unmeasured(),
                "changes": g.events.iter().map(|e| change(config, e)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "schema": "uptick.open_changes/1", "counts": t.counts, "unsearched": t.unsearched,
        "behind": Behind::document(t.behind), "waiting": waiting::document(waiting),
        "groups": groups,
    })
}

/// A change as every document has it, and whose it is.
fn change(config: &Config, e: &Event) -> serde_json::Value {
    let mut out = changes::document(e);
    out["carer"] = json!(config.carer(&e.series.key.benchmark, &e.reported.assignee));
    out
}

fn csv(config: &Config, t: &Today) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "event",
            "benchmark",
            "metric",
            "first",
            "last",
            "commit",
            "before",
            "after",
            "change",
            "state",
            "unit",
            "verdict",
            "carer",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for g in &t.groups {
        for e in &g.events {
            let c = &e.reported.event.change;
            let carer = config.carer(&e.series.key.benchmark, &e.reported.assignee);
            out.push(vec![
                e.reported.id.to_string(),
                csv_field(&e.series.key.benchmark),
                csv_field(e.series.key.metric.name()),
                c.first.to_string(),
                c.last.to_string(),
                g.suspects
                    .last()
                    .map_or_else(String::new, |s| s.sha.0.clone()),
                c.before.to_string(),
                c.after.to_string(),
                text::csv_number(c.change),
                Triage::word(e.reported.event.state).into(),
                csv_field(e.series.key.metric.unit()),
                groups::verdict(e).name().into(),
                csv_field(carer.unwrap_or_default()),
            ]);
        }
    }
    out
}

fn markdown(config: &Config, t: &Today) -> String {
    let mut out = format!(
        "# Open changes\n\n{}: {} new and {} acknowledged changes of single series{}.\n",
        plural(t.groups.len(), "group"),
        t.counts.new,
        t.counts.acknowledged,
        match t.counts.snoozed {
            0 => String::new(),
            n => format!(", {n} more snoozed"),
        }
    );
    if t.unsearched > 0 {
        out.push_str(&format!("\n{}.\n", text::unsearched(t.unsearched)));
    }
    if let Some(behind) = t.behind {
        out.push_str(&format!("\n{}\n", behind.words()));
    }
    if t.groups.is_empty() {
        out.push_str("\nNothing waits.\n");
    }
    for g in &t.groups {
        let subject = if g.is_drift() {
            "a drift, no single commit did it".to_string()
        } else {
            groups::who_in_words(g, |s| format!("`{}` {}", s.sha.short(), md(&s.subject)))
        };
        out.push_str(&format!(
            "\n## {} · {subject}\n\n| benchmark | metric | change | before | after | state | whose |\n\
             |---|---|--:|--:|--:|---|---|\n",
            md(&groups::moved(g.worst()))
        ));
        for e in &g.events {
            let (c, m) = (&e.reported.event.change, &e.series.key.metric);
            let carer = config.carer(&e.series.key.benchmark, &e.reported.assignee);
            out.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} | {} |\n",
                md(&e.series.key.benchmark),
                md(m.name()),
                md(&groups::moved(e)),
                md(&text::value(c.before, m)),
                md(&text::value(c.after, m)),
                log::word(Triage::word(e.reported.event.state)),
                carer.map_or_else(String::new, md)
            ));
        }
    }
    out
}
