//! The series as a table. A long one has to stay light: an element a cell, no more.

use collector::detect::steps::LASTING;
use collector::format::share;
use collector::history::health::Trouble;
use maud::{Markup, html};

use super::address::address;
use super::glossary;
use super::rows::{Group, Health, Row, SPARK, noise_of};
use crate::chart::trend;
use crate::pages::drift;
use crate::query::{self, Grouping, Order};
use crate::text;

/// How many columns the table has.
const COLUMNS: usize = 9;

pub(super) fn html(h: &Health, may: bool, asked: &query::Health) -> Markup {
    html! {
        div .scroll { table .rows.stack.suite {
            thead { (head(asked)) }
            tbody {
                @for r in &h.rows {
                    @if let Some(group) = &r.head { (group_head(group, asked.grouping())) }
                    (row(h, may, (r, asked)))
                }
            }
        } }
    }
}

fn head(asked: &query::Health) -> Markup {
    let next = "The smallest change that would stop the next commit: its limit, as Compare has it";
    let lasting = format!(
        "The smallest step that the change finder reports once it has lasted {LASTING} commits"
    );
    let alerts = "Changes that were reported so far, and how many of them were noise";
    let trend = format!("Last {SPARK} commits");
    html! {
        tr {
            (column(asked, Order::Name, "Benchmark", "", false))
            (column(asked, Order::Drift, &trend, "Orders by drift: the steepest slope first", false))
            (column(asked, Order::Cost, "Latest", "", true))
            (column(asked, Order::Noise, "Noise σ", "How much it varies around its levels", true))
            (column(asked, Order::Limit, "Next commit: limit", next, true))
            (column(asked, Order::Lasting, "Lasting step from", &lasting, true))
            (column(asked, Order::Alerts, "Alerts", alerts, true))
            (column(asked, Order::State, "State", "What needs a look first", false))
            (column(asked, Order::Age, "Last run", "Empty: on the newest measured commit", false))
        }
    }
}

/// A heading that orders the rows, and turns the order round where it is theirs already.
fn column(asked: &query::Health, order: Order, word: &str, title: &str, num: bool) -> Markup {
    let is_on = asked.order == order;
    let turned = is_on && !asked.turned;
    let grouped = asked.grouped.filter(|_| is_on);
    let href = address(&query::Health {
        order,
        turned,
        grouped,
        page: 1,
        ..asked.clone()
    });
    let sort = if order.ascends() == asked.turned {
        "descending"
    } else {
        "ascending"
    };
    html! {
        th scope="col" class=[num.then_some("num")] aria-sort=[is_on.then_some(sort)] {
            a href=(href) title=[(!title.is_empty()).then_some(title)] { (word) }
        }
    }
}

fn group_head(g: &Group, grouping: Grouping) -> Markup {
    let is_owner = grouping == Grouping::Owner;
    html! {
        tr .prefix {
            th scope="rowgroup" colspan=(COLUMNS) {
                @if g.name.is_empty() { @if is_owner { "nobody’s" } @else { "others" } }
                @else { (text::name(&g.name)) @if !is_owner { "/" } }
                " · " (g.count.all) " series, "
                @if g.count.look == 0 { "fine" }
                @else { (g.count.look) @if g.count.look == 1 { " needs a look" } @else { " need a look" } }
            }
        }
    }
}

/// Below so many values nothing is said of a series' noise.
const FEW: u64 = 3;

fn row(h: &Health, may: bool, (r, asked): (&Row, &query::Health)) -> Markup {
    let e = h.entry(r);
    let (s, key) = (&e.series, &e.series.row.key);
    let name = text::name(&key.benchmark);
    let words = format!("the last {} values of {name}", r.recent.len());
    let noise = noise_of(e);
    let calm = noise == 0.0;
    let few = s.row.points < FEW;
    html! {
        tr {
            th scope="row" .name {
                a href={ "/series/" (key.id()) } title=(text::whole(&key.benchmark)) { (name) }
                @if asked.metric.is_none() { " " (text::metric(&key.metric)) }
                @if h.several_beds() { " on " (key.fingerprint.get(..4).unwrap_or("")) }
            }
            td { (trend(&r.recent, &words)) }
            td .num { (text::value(s.row.latest_value, &key.metric)) }
            td .num.muted[calm] {
                @if few { span title="Measured too seldom to say" { "–" } }
                @else if calm { "none" } @else { (share(noise)) }
            }
            td .num title=(r.sight.next.why.to_string()) { (h.allowed(r)) }
            td .num { @if few { "–" } @else { (share(r.sight.lasting)) } }
            td .num { (e.alerts.0) @if e.alerts.1 > 0 { " (" (e.alerts.1) " false)" } }
            (state(h, may, r))
            @if s.row.latest_position < h.overview.position() {
                td title=(text::iso(s.latest_time)) { (text::date(s.latest_time)) }
            }
        }
    }
}

fn state(h: &Health, may: bool, r: &Row) -> Markup {
    let troubles = h.troubles(r);
    let series = &h.entry(r).series;
    if troubles.is_empty() {
        let (word, title) = glossary::kind(series);
        return html! { td .muted title=(title) { (word) } };
    }
    html! {
        td .why {
            @for (i, (trouble, why)) in troubles.iter().enumerate() {
                @if i > 0 { br; }
                span .tag.(trouble.name()) { (trouble.name()) } " " (why)
                @if *trouble == Trouble::Drifting { (opened(may, &series.row.key.id(), r)) }
            }
        }
    }
}

/// What may be done about a drift: it is opened as a change once.
fn opened(may: bool, series: &str, r: &Row) -> Markup {
    html! {
        @match r.drift.as_ref().and_then(|d| d.opened.as_ref()) {
            Some(id) => { " " a href={ "/series/" (series) "#g" (id) } { "open as a change" } }
            None if may => { (drift::offer(series)) }
            None => {}
        }
    }
}
