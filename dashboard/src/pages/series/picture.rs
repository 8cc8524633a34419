//! The chart of a series, on its page and as a file of its own.

use collector::format::moved;
use collector::store::{Store, Value};

use super::history::{History, link};
use super::words;
use crate::chart::{Drawing, Mark, Marker, Series, draw};
use crate::error::Fail;
use crate::look::{Across, Upward};
use crate::pages::health;
use crate::text;

/// Changes of the testbed that are marked.
const TESTBEDS: usize = 50;

/// The chart as an element of the page.
pub(super) fn chart(store: &Store, h: &History) -> Result<String, Fail> {
    let key = &h.series.row.key;
    let mut marks = environment(h);
    marks.extend(changes(store, h)?);
    let older: Vec<Series> = h.older.iter().map(|(_, v)| points(h, v)).collect();
    let title = format!(
        "{} {}: {}",
        text::name(&key.benchmark),
        across(h),
        key.metric
    );
    let mut levels = h.levels();
    for (x, _) in levels.iter_mut().flatten() {
        *x = h.x(*x);
    }
    Ok(draw(&Drawing {
        series: &points(h, &h.values),
        older: &older,
        levels: &levels,
        from_zero: h.look.y == Upward::Zero,
        by_date: h.look.x == Across::Date,
        marks: &marks,
        title: &title,
        words: &words::summary(h),
        label_x: &|x| h.label_x(x),
        label_y: &|y| text::value(y, &key.metric),
    }))
}

const fn across(h: &History) -> &'static str {
    match h.look.x {
        Across::Commit => "by commit",
        Across::Date => "by date",
    }
}

fn points(h: &History, values: &[Value]) -> Series {
    Series {
        xs: values.iter().map(|v| h.x(v.position as f64)).collect(),
        places: values.iter().map(|v| v.position).collect(),
        ys: values.iter().map(|v| v.value).collect(),
        bands: values.iter().map(|v| (v.low, v.high)).collect(),
    }
}

fn environment(h: &History) -> Vec<Mark> {
    let (from, to) = h.ends();
    let mut out = Vec::new();
    for pair in h.testbeds.windows(2).take(TESTBEDS) {
        let at = pair[1].first_position;
        if !(from..=to).contains(&at) {
            continue;
        }
        let what: Vec<String> = health::differences(&pair[0], &pair[1])
            .into_iter()
            .map(|(n, a, b)| format!("{n} {} → {}", text::cut(&a, 40), text::cut(&b, 40)))
            .collect();
        out.push(Mark {
            at: h.x(at as f64 - 0.5),
            what: Marker::Environment,
            href: "/health".into(),
            words: format!("Testbed changed: {}", what.join("; ")),
        });
    }
    out
}

fn changes(store: &Store, h: &History) -> Result<Vec<Mark>, Fail> {
    let metric = &h.series.row.key.metric;
    let mut out = Vec::new();
    for (number, t) in h.changes() {
        let c = &t.event.change;
        let day = h.day(c.index as f64);
        out.push(Mark {
            // Between the commit before and the first that has it.
            at: h.x(c.index as f64 - 0.5),
            what: Marker::Change {
                before: c.before,
                after: c.after,
                sense: text::Sense::of(c.after - c.before, metric),
                number,
            },
            href: link(store, t)?.unwrap_or_else(|| format!("/series/{}", h.id)),
            words: format!(
                "{number}: {} at commit {}, {day}",
                moved(c.change, (c.before, c.after), metric),
                c.index
            ),
        });
    }
    Ok(out)
}

/// What a chart that stands alone needs of the sheet.
const STYLE: &str = "<style>:root{color-scheme:light dark}text{font:110px sans-serif;fill:#555}\
    path{fill:none;stroke:#ddd;stroke-width:8}.axis{stroke:#999}.line{stroke:#0072b2;stroke-width:18}\
    .older{stroke:#aaa;stroke-width:14}.level{stroke:#555;stroke-width:10;stroke-dasharray:60 40}\
    .dot{stroke:#0072b2;stroke-width:45;stroke-linecap:round}.band{fill:#0072b2;opacity:.15;stroke:none}\
    .step,.env{stroke-width:22}.worse{stroke:#b34700;fill:#b34700}.better{stroke:#0072b2;fill:#0072b2}\
    .gap rect{fill:#888;opacity:.12}.cut path{fill:#0072b2;stroke:none}\
    .env{stroke:#888;stroke-dasharray:40}.envmark{fill:#888}.number{fill:#fff}</style>\
    <style media=\"(prefers-color-scheme:dark)\">text{fill:#aaa}path{stroke:#333}.line,.dot{stroke:#56b4e9}\
    .level{stroke:#bbb}</style>";

/// The chart with the lines of the sheet that it needs.
pub(super) fn standalone(svg: &str) -> String {
    match svg.find("<title") {
        Some(at) => format!("{}{STYLE}{}", &svg[..at], &svg[at..]),
        None => svg.into(),
    }
}
