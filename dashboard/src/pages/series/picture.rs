//! The chart of a series, on its page and as a file of its own.

use collector::format::moved;
use collector::store::{Store, Value};

use super::beside::Scale;
use super::history::{History, Moved, link};
use super::words;
use crate::chart::{Drawing, Mark, Marker, Series, draw, with_keys};
use crate::error::Fail;
use crate::landmarks::{Landmark, What};
use crate::look::{Across, Upward};
use crate::query::branch_url;
use crate::text;

/// Tags that are marked, and branches.
const LANDMARKS: usize = 40;
/// Changes of the testbed that are marked, the newest.
const TESTBEDS: usize = 50;

/// The chart as an element of the page.
pub(super) fn chart(store: &Store, h: &History) -> Result<String, Fail> {
    let key = &h.series.row.key;
    let mut marks = landmarks(h);
    marks.extend(environment(h));
    marks.extend(changes(store, h)?);
    let older: Vec<Series> = h.older.iter().map(|(_, v)| points(h, v)).collect();
    let others: Vec<Series> = h.others.iter().map(|(_, v)| points(h, v)).collect();
    let mut series = points(h, &h.values);
    if !others.is_empty() {
        // Samples of one among several lines would hide the others.
        series.bands.clear();
    }
    let scale = Scale::of(h);
    let fine = fineness(std::iter::once(&series).chain(&others));
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
        series: &series,
        older: &older,
        others: &others,
        levels: &levels,
        from_zero: scale == Scale::Own && h.look.y == Upward::Zero,
        by_date: h.look.x == Across::Date,
        marks: &marks,
        title: &title,
        words: &words::summary(h),
        label_x: &|x| h.label_x(x),
        label_y: &|y| match scale {
            Scale::Own => text::value(y, &key.metric),
            Scale::Relative => percent(y, fine),
        },
    }))
}

const fn across(h: &History) -> &'static str {
    match h.look.x {
        Across::Commit => "by commit",
        Across::Date => "by date",
    }
}

/// A share with so many digits behind the point; what they do not show has no sign.
fn percent(share: f64, fine: usize) -> String {
    let signed = format!("{:+.fine$} %", 100.0 * share);
    if signed.contains(|c: char| matches!(c, '1'..='9')) {
        text::minus(&signed)
    } else {
        "0 %".into()
    }
}

/// Digits behind the point that percentages of these lines need.
fn fineness<'a>(all: impl Iterator<Item = &'a Series>) -> usize {
    let values = all.flat_map(|s| s.ys.iter().copied());
    let (low, high) = values.fold((0.0, 0.0), |(l, h), y| (f64::min(l, y), f64::max(h, y)));
    match high - low {
        s if s > 0.2 => 0,
        s if s > 0.02 => 1,
        _ => 2,
    }
}

fn points(h: &History, values: &[Value]) -> Series {
    let scale = Scale::of(h);
    let first = values.first().map_or(0.0, |v| v.value);
    if !scale.has(first) {
        return Series::default();
    }
    let y = |value| scale.place(first, value);
    Series {
        xs: values.iter().map(|v| h.x(v.position as f64)).collect(),
        places: values.iter().map(|v| v.position).collect(),
        ys: values.iter().map(|v| y(v.value)).collect(),
        bands: values.iter().map(|v| (y(v.low), y(v.high))).collect(),
    }
}

/// The newest tags, and the newest places where a branch left: many of the one push out none of the
/// other.
fn newest(all: &[Landmark]) -> impl Iterator<Item = &Landmark> {
    let is_tag = |l: &Landmark| l.what == What::Tag;
    let tags = all.iter().rev().filter(move |l| is_tag(l)).take(LANDMARKS);
    let left = all.iter().rev().filter(move |l| !is_tag(l));
    tags.chain(left.take(LANDMARKS))
}

/// Tags and where branches left, the newest; each leads to its commit or branch.
fn landmarks(h: &History) -> Vec<Mark> {
    let mark = |l: &Landmark| {
        let (name, day) = (text::cut(&l.name, 60), h.day(l.position as f64));
        let (what, href, words) = match l.what {
            What::Tag => {
                let href = format!("/commit/{}", l.sha.short());
                (
                    Marker::Tag(text::cut(&l.name, 14)),
                    href,
                    format!("Tag {name}, {day}"),
                )
            }
            What::Branch(n) => {
                let n = text::plural(n, "measured commit");
                let words = format!("Branch {name} left here, {day}: {n}");
                (Marker::Branch, branch_url(&l.name), words)
            }
        };
        Mark {
            at: h.x(l.position as f64),
            what,
            href,
            words,
        }
    };
    newest(h.landmarks()).map(mark).collect()
}

fn environment(h: &History) -> Vec<Mark> {
    let mark = |m: &Moved| {
        let what: Vec<String> = m
            .facts
            .iter()
            .map(|(n, a, b)| format!("{n} {} → {}", text::cut(a, 40), text::cut(b, 40)))
            .collect();
        Mark {
            at: h.x(m.position as f64 - 0.5),
            what: Marker::Environment,
            href: "/health".into(),
            words: format!("Testbed changed: {}", what.join("; ")),
        }
    };
    h.moves().rev().take(TESTBEDS).map(mark).collect()
}

fn changes(store: &Store, h: &History) -> Result<Vec<Mark>, Fail> {
    let metric = &h.series.row.key.metric;
    let scale = Scale::of(h);
    let first = h.values.first().map_or(0.0, |v| v.value);
    if !scale.has(first) {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    for (number, t) in h.changes() {
        let c = &t.event.change;
        let day = h.day(c.index as f64);
        out.push(Mark {
            // Between the commit before and the first that has it.
            at: h.x(c.index as f64 - 0.5),
            what: Marker::Change {
                before: scale.place(first, c.before),
                after: scale.place(first, c.after),
                sense: text::Sense::of(c.after - c.before, metric),
                number,
            },
            href: link(h, store, t)?.unwrap_or_else(|| format!("/series/{}", h.id)),
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
    .beside{stroke-width:18}.o1{stroke:#d55e00;stroke-dasharray:70 30}.o2{stroke:#009e73;stroke-dasharray:25 25}\
    .o3{stroke:#a3508a;stroke-dasharray:110 30 25 30}.o4{stroke:#7a6500;stroke-dasharray:45 45}\
    .o5{stroke:#777;stroke-dasharray:160 40}\
    .dot{stroke:#0072b2;stroke-width:45;stroke-linecap:round}.band{fill:#0072b2;opacity:.15;stroke:none}\
    .step,.env{stroke-width:22}.worse{stroke:#b34700;fill:#b34700}.better{stroke:#0072b2;fill:#0072b2}\
    .gap rect{fill:#888;opacity:.12}.cut path{fill:#0072b2;stroke:none}\
    .tagline{stroke:#999;stroke-dasharray:10 30}.fork{fill:#777;stroke:none}\
    .env{stroke:#888;stroke-dasharray:40}.envmark{fill:#888}.number{fill:#fff}</style>\
    <style media=\"(prefers-color-scheme:dark)\">text{fill:#aaa}path{stroke:#333}.line,.dot{stroke:#56b4e9}\
    .o1{stroke:#e69f00}.o2{stroke:#2fd0a0}.o3{stroke:#dd9ac4}.o4{stroke:#d8c860}\
    .o5{stroke:#bbb}\
    .level{stroke:#bbb}</style>";

/// The chart with the lines of the sheet that it needs, and which line is which where there are
/// several.
pub(super) fn standalone(svg: &str, names: &[String]) -> String {
    let keyed = match names {
        [_] | [] => svg.to_owned(),
        names => with_keys(svg, names),
    };
    match keyed.find("<title") {
        Some(at) => format!("{}{STYLE}{}", &keyed[..at], &keyed[at..]),
        None => keyed,
    }
}

#[cfg(test)]
mod tests {
    use collector::model::Sha;

    use super::*;

    #[test]
    fn many_branches_push_no_tag_out() {
        let landmark = |position: u64, what| Landmark {
            position,
            name: position.to_string(),
            sha: Sha(String::new()),
            what,
        };
        let tags = (0..3).map(|n| landmark(n, What::Tag));
        let left = (3..200).map(|n| landmark(n, What::Branch(1)));
        let all: Vec<Landmark> = tags.chain(left).collect();
        let marked: Vec<u64> = newest(&all).map(|l| l.position).collect();
        assert_eq!(marked[..4], [2, 1, 0, 199]);
        assert_eq!(marked.len(), 3 + LANDMARKS);
    }

    #[test]
    fn what_rounds_to_nothing_has_no_sign() {
        assert_eq!(percent(-1e-17, 1), "0 %");
        assert_eq!(percent(-0.05, 1), "−5.0 %");
        assert_eq!(percent(0.0012, 2), "+0.12 %");
    }
}
