//! The index as a table.

use collector::detect::steps::LASTING;
use collector::format::share;
use maud::{Markup, html};

use super::rows::{Health, Row, SPARK};
use crate::chart::spark;
use crate::text;

pub(super) fn html(h: &Health) -> Markup {
    html! {
        div .scroll { table .rows {
            thead { (head()) }
            tbody { @for r in &h.rows { (row(h, r)) } }
        } }
    }
}

fn head() -> Markup {
    let next = "The limit of the next commit: history and calibration counted, as Compare has it";
    let lasting = format!("The smallest step that is found once it has lasted {LASTING} commits");
    html! {
        tr {
            th scope="col" { "Benchmark" }
            th scope="col" { "Last " (SPARK) " commits" }
            th scope="col" .num { "Latest" }
            th scope="col" .num { "Noise σ" }
            th scope="col" .num title=(next) { "Next commit: limit" }
            th scope="col" .num title=(lasting) { "Lasting step from" }
            th scope="col" .num { "Alerts" }
            th scope="col" { "Last run" }
            th scope="col" { "State" }
        }
    }
}

fn row(h: &Health, r: &Row) -> Markup {
    let (s, key) = (&r.series, &r.series.row.key);
    let name = text::name(&key.benchmark);
    let words = format!("the last {} values of {name}", r.recent.len());
    html! {
        tr {
            th scope="row" .name {
                a href={ "/series/" (key.id()) } title=(text::whole(&key.benchmark)) { (name) }
            }
            td { (spark(&r.recent, None, &words)) }
            td .num { (text::value(s.row.latest_value, &key.metric)) }
            td .num { @if s.noise == 0.0 { span .muted { "none" } } @else { (share(s.noise)) } }
            (next(r))
            td .num { (share(r.lasting)) }
            td .num {
                (r.alerts.0)
                @if r.alerts.1 > 0 { span .muted { " (" (r.alerts.1) " false)" } }
            }
            td { (text::time(s.latest_time)) }
            td { (state(h, r)) }
        }
    }
}

/// The limit of the next commit, with its reason.
fn next(r: &Row) -> Markup {
    let Some(limit) = &r.limit else {
        return html! { td .num title="its newest report was not read" { span .muted { "–" } } };
    };
    html! { td .num title=(limit.why) { (r.allowed()) } }
}

fn state(h: &Health, r: &Row) -> Markup {
    let troubles = r.troubles(h.newest);
    html! {
        @if troubles.is_empty() { span .muted { (r.series.row.class.name()) } }
        @for (i, (word, why)) in troubles.iter().enumerate() {
            @if i > 0 { br; }
            span .tag.(word) { (word) } " " span .muted { (why) }
        }
    }
}
