//! The history of a series: raw points, the level between changes, changes, other testbeds.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::backend::{Canvas, FINE, Ink};
use super::m4;
use super::runs::{At, gaps, runs};
use super::span;
use crate::text::{Sense, plural, xml};

/// Pixels of the picture; the page scales it to its own width.
const WIDTH: u32 = 1000;
const HEIGHT: u32 = 334;
const LEFT: u32 = 78;
const BOTTOM: u32 = 26;
/// Room for the names of tags and, below them, the marks of testbeds.
const TOP: u32 = 36;
/// Columns that are told apart when the line is thinned.
const COLUMNS: usize = 460;
/// Up to so many points each has a dot.
const DOTS: usize = 240;
/// So many heights of the line the samples' band may take on each side of it.
const BAND: f64 = 3.5;
/// Pixels from which on a gap is shaded.
const SHADED: f64 = 12.0;

/// One stretch of points on one testbed, ascending by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) xs: Vec<f64>,
    /// Their positions on the main line, which say where commits were left out.
    pub(crate) places: Vec<u64>,
    pub(crate) ys: Vec<f64>,
    /// Least and greatest sample of each point, where they differ.
    pub(crate) bands: Vec<(f64, f64)>,
}

impl Series {
    fn at(&self) -> At<'_> {
        At {
            xs: &self.xs,
            places: &self.places,
        }
    }
}

/// What is marked on the axis of commits.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) at: f64,
    pub(crate) what: Marker,
    /// Where a click leads.
    pub(crate) href: String,
    /// What is said of it.
    pub(crate) words: String,
}

/// The sorts of marks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Marker {
    /// A change, with the level before and after, whether that is worse, and its number.
    Change {
        before: f64,
        after: f64,
        sense: Sense,
        number: usize,
    },
    /// The machine or its software changed.
    Environment,
    /// A tag, with its name.
    Tag(String),
    /// A branch left the line.
    Branch,
}

/// Everything on one chart.
pub(crate) struct Drawing<'a> {
    pub(crate) series: &'a Series,
    /// The same on other testbeds.
    pub(crate) older: &'a [Series],
    /// What somebody put beside it, each with a line of its own.
    pub(crate) others: &'a [Series],
    /// Levels between changes, or the trend that a drift has.
    pub(crate) levels: &'a [Vec<(f64, f64)>],
    /// Whether the vertical axis begins at 0.
    pub(crate) from_zero: bool,
    /// Whether the horizontal axis counts days, not commits.
    pub(crate) by_date: bool,
    pub(crate) marks: &'a [Mark],
    /// What a screen reader says.
    pub(crate) title: &'a str,
    pub(crate) words: &'a str,
    /// Writes a position.
    pub(crate) label_x: &'a dyn Fn(f64) -> String,
    /// Writes a value.
    pub(crate) label_y: &'a dyn Fn(f64) -> String,
}

type Area<'a> = DrawingArea<Canvas<'a>, Shift>;
type Plot<'a, 'b> = ChartContext<
    'a,
    Canvas<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Pixels of the line that says what a line is.
const KEY: u32 = 24;

/// The chart with a line of words for each of its lines, below it: for where it stands alone.
pub(crate) fn with_keys(svg: &str, names: &[String]) -> String {
    let (w, h, fine) = (WIDTH * FINE as u32, HEIGHT * FINE as u32, FINE as u32);
    let taller = h + (names.len() as u32 * KEY + 6) * fine;
    let mut keys = String::from("<g class=\"keys\">");
    for (i, name) in names.iter().enumerate() {
        let class = match i {
            0 => "line".to_string(),
            i => format!("beside o{i}"),
        };
        let y = h + (i as u32 * KEY + KEY / 2) * fine;
        let (from, to) = (LEFT * fine, (LEFT + 40) * fine);
        keys.push_str(&format!(
            "<path class=\"{class}\" d=\"M{from} {y}H{to}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            to + 10 * fine,
            y + 4 * fine,
            xml(name)
        ));
    }
    keys.push_str("</g></svg>");
    let sized = svg.replacen(
        &format!("viewBox=\"0 0 {w} {h}\""),
        &format!("viewBox=\"0 0 {w} {taller}\""),
        1,
    );
    match sized.strip_suffix("</svg>") {
        Some(body) => body.to_owned() + &keys,
        None => sized,
    }
}

/// The chart as an SVG element.
pub(crate) fn draw(chart: &Drawing<'_>) -> String {
    let mut body = String::new();
    let (x, y) = chart.ranges();
    // Memory cannot refuse: what plotters could not draw is left out of the picture.
    let _ = chart.plot(&mut body, x.clone(), y.clone());
    chart.cuts(&mut body, &x, &y);
    chart.markers(&mut body, &x, &y);
    let gaps = chart.gaps(&x);
    let (w, h) = (WIDTH * FINE as u32, HEIGHT * FINE as u32);
    let (left, right) = (LEFT * FINE as u32, w - 10 * FINE as u32);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {w} {h}\" role=\"group\" \
         aria-labelledby=\"chart-title chart-words\" data-by=\"{}\" data-from=\"{}\" \
         data-to=\"{}\" data-left=\"{left}\" data-right=\"{right}\">\
         <title id=\"chart-title\">{}</title><desc id=\"chart-words\">{}</desc>\
         {gaps}{body}</svg>",
        if chart.by_date { "date" } else { "commit" },
        x.start,
        x.end,
        xml(chart.title),
        xml(chart.words)
    )
}

impl Drawing<'_> {
    /// What is seen: all commits, and all values with some air.
    fn ranges(&self) -> (Range<f64>, Range<f64>) {
        let beside = || self.older.iter().chain(self.others);
        let all = || std::iter::once(self.series).chain(beside());
        let xs = span::of(all().flat_map(|s| s.xs.iter().copied()));
        let ys = span::of(all().flat_map(|s| s.ys.iter().copied()));
        let (Some(xs), Some(ys)) = (xs, ys) else {
            return (0.0..1.0, 0.0..1.0);
        };
        let ys = self.with_band(ys);
        // A flat line stays flat: a tenth of a percent is the least that fills the height.
        let mut y = span::aired(ys, 0.12, (ys.1.abs() * 0.002).max(1e-9));
        if ys.0 >= 0.0 {
            y.start = y.start.max(0.0);
        }
        if self.from_zero {
            y = y.start.min(0.0)..y.end.max(0.0);
            if ys.0 >= 0.0 {
                y.start = 0.0;
            }
        }
        (span::aired(xs, 0.01, 0.5), y)
    }

    /// The samples' least and greatest belong to what is seen, unless they would flatten the line.
    fn with_band(&self, (low, high): (f64, f64)) -> (f64, f64) {
        let bands = &self.series.bands;
        let Some(ends) = span::of(bands.iter().flat_map(|b| [b.0, b.1])) else {
            return (low, high);
        };
        let room = BAND * (high - low).max(high.abs() * 0.01);
        (
            ends.0.clamp(low - room, low),
            ends.1.clamp(high, high + room),
        )
    }

    /// Where nothing was measured, as areas with words.
    fn gaps(&self, x: &Range<f64>) -> String {
        let frame = Frame::of(x, &(0.0..1.0));
        let least = (x.end - x.start) * SHADED / f64::from(WIDTH - 10 - LEFT);
        let area = |(a, b, n): (f64, f64, u64)| {
            let (from, to) = (frame.x(a), frame.x(b));
            format!(
                "<g class=\"gap\"><title>{} not measured</title>\
                 <rect x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\"/></g>",
                plural(usize::try_from(n).unwrap_or(usize::MAX), "commit"),
                frame.top,
                to - from,
                frame.bottom - frame.top
            )
        };
        gaps(self.series.at(), least)
            .into_iter()
            .map(area)
            .collect()
    }

    /// Points at whose samples the picture ends.
    fn cut(&self, y: &Range<f64>) -> Vec<(usize, bool, bool)> {
        let bands = self.series.bands.iter().enumerate();
        let cut = bands.map(|(i, (low, high))| (i, *low < y.start, *high > y.end));
        cut.filter(|(_, below, above)| *below || *above).collect()
    }

    /// Arrows at the edge where samples lie beyond it.
    fn cuts(&self, out: &mut String, x: &Range<f64>, y: &Range<f64>) {
        let cut = self.cut(y);
        if cut.is_empty() {
            return;
        }
        let frame = Frame::of(x, y);
        let mut columns: Vec<(i64, bool)> = Vec::new();
        let mut path = String::new();
        for (i, below, above) in &cut {
            let at = frame.x(self.series.xs[*i]);
            // One a column is enough.
            let column = (at / 100.0) as i64;
            for (is, up) in [(*below, false), (*above, true)] {
                if is && !columns.contains(&(column, up)) {
                    columns.push((column, up));
                    let (edge, way) = if up {
                        (frame.top, 1)
                    } else {
                        (frame.bottom, -1)
                    };
                    path.push_str(&format!("M{at} {edge}l35 {}h-70z", 60 * way));
                }
            }
        }
        out.push_str(&format!(
            "<g class=\"cut\"><title>Samples of {} lie beyond the picture</title><path d=\"{path}\"/></g>",
            plural(cut.len(), "commit")
        ));
    }

    fn plot(&self, out: &mut String, x: Range<f64>, y: Range<f64>) -> Drawn {
        let fine = FINE as u32;
        let canvas = Canvas {
            out,
            size: (WIDTH * fine, HEIGHT * fine),
        };
        let area: Area<'_> = canvas.into_drawing_area();
        let mut plot: Plot<'_, '_> = ChartBuilder::on(&area)
            .margin_right(10 * fine)
            .margin_top(TOP * fine)
            .x_label_area_size(BOTTOM * fine)
            .y_label_area_size(LEFT * fine)
            .build_cartesian_2d(x, y.clone())?;
        self.mesh(&mut plot)?;
        for s in self.older {
            line(&mut plot, s, Ink::Older, self.marks)?;
        }
        for (s, ink) in self.others.iter().zip(Ink::OTHERS) {
            line(&mut plot, s, ink, &[])?;
        }
        band(&mut plot, self.series, &y)?;
        line(&mut plot, self.series, Ink::Line, self.marks)?;
        for level in self.levels {
            let ends = level.iter().map(|(x, y)| (*x, span::bounded(*y)));
            plot.draw_series(LineSeries::new(ends, Ink::Level.colour()))?;
        }
        Ok(())
    }

    fn mesh(&self, plot: &mut Plot<'_, '_>) -> Drawn {
        let ink = Ink::Label.colour();
        let label = TextStyle::from(("sans-serif", 11 * FINE)).color(&ink);
        plot.configure_mesh()
            .disable_x_mesh()
            .x_labels(8)
            .y_labels(5)
            .max_light_lines(0)
            .bold_line_style(Ink::Grid.colour())
            .axis_style(Ink::Axis.colour())
            .set_all_tick_mark_size(4 * FINE)
            .x_label_formatter(&|v| (self.label_x)(*v))
            .y_label_formatter(&|v| (self.label_y)(*v))
            .label_style(label)
            .draw()?;
        Ok(())
    }

    /// Marks are links with words of their own, which plotters knows nothing of.
    fn markers(&self, out: &mut String, x: &Range<f64>, y: &Range<f64>) {
        let frame = Frame::of(x, y);
        let mut named = Names::default();
        for mark in self.marks.iter().filter(|m| x.contains(&m.at)) {
            let at = frame.x(mark.at);
            let inner = match &mark.what {
                Marker::Tag(name) => tag(at, &frame, named.fits(at, name).then_some(name)),
                Marker::Branch => fork(at, frame.bottom),
                Marker::Environment => diamond(at, (frame.top, frame.bottom)),
                Marker::Change {
                    before,
                    after,
                    sense,
                    number,
                } => step(at, (frame.y(*before), frame.y(*after)), *sense, *number),
            };
            out.push_str(&format!(
                "<a href=\"{}\" class=\"mark\"><title>{}</title>{inner}</a>",
                xml(&mark.href),
                xml(&mark.words)
            ));
        }
    }
}

/// From values to units of the picture.
struct Frame<'a> {
    seen: (&'a Range<f64>, &'a Range<f64>),
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl<'a> Frame<'a> {
    fn of(x: &'a Range<f64>, y: &'a Range<f64>) -> Self {
        let fine = f64::from(FINE);
        Self {
            seen: (x, y),
            left: f64::from(LEFT) * fine,
            right: f64::from(WIDTH - 10) * fine,
            top: f64::from(TOP) * fine,
            bottom: f64::from(HEIGHT - BOTTOM) * fine,
        }
    }

    fn x(&self, v: f64) -> f64 {
        let x = self.seen.0;
        (self.left + (self.right - self.left) * (v - x.start) / (x.end - x.start)).round()
    }

    fn y(&self, v: f64) -> f64 {
        let y = self.seen.1;
        (self.bottom - (self.bottom - self.top) * (v - y.start) / (y.end - y.start)).round()
    }
}

/// From where to where the names of tags go that were written, whatever their order.
#[derive(Default)]
struct Names(Vec<(f64, f64)>);

impl Names {
    /// Whether a name has room between the others, and in the picture; then its place is taken.
    fn fits(&mut self, at: f64, name: &str) -> bool {
        // In a system's font a character of the larger size is about 8.5 px wide.
        let half = name.chars().count() as f64 * 4.25 * f64::from(FINE) + 30.0;
        let right = f64::from(WIDTH as i32 * FINE);
        let (from, to) = (at - half, at + half);
        let is_free = self.0.iter().all(|(a, b)| to < *a || from > *b);
        let fits = is_free && from > 0.0 && to < right;
        if fits {
            self.0.push((from, to));
        }
        fits
    }
}

/// A tag: a dotted line, with its name above where there is room for it.
fn tag(at: f64, frame: &Frame<'_>, name: Option<&String>) -> String {
    let (top, bottom) = (frame.top - 200.0, frame.bottom);
    let line = format!("<path class=\"tagline\" d=\"M{at} {top}V{bottom}\"/>");
    match name {
        Some(name) => format!(
            "{line}<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            top - 30.0,
            xml(name)
        ),
        None => line,
    }
}

/// Where a branch left: a wedge on the axis.
fn fork(at: f64, bottom: f64) -> String {
    format!("<path class=\"fork\" d=\"M{at} {bottom}l-55 -100h110z\"/>")
}

/// A change of the testbed: a line from top to bottom.
fn diamond(at: f64, (top, bottom): (f64, f64)) -> String {
    format!(
        "<path class=\"env\" d=\"M{at} {top}V{bottom}\"/>\
         <path class=\"envmark\" d=\"M{at} {}l60 60-60 60-60-60z\"/>",
        top - 150.0
    )
}

/// A change: from the level before to that after, with its number above.
fn step(at: f64, (before, after): (f64, f64), sense: Sense, number: usize) -> String {
    let class = sense.class();
    let label = before.min(after) - 110.0;
    format!(
        "<path class=\"step {class}\" d=\"M{at} {before}V{after}\"/>\
         <circle class=\"{class}\" cx=\"{at}\" cy=\"{label}\" r=\"75\"/>\
         <text class=\"number\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{number}</text>",
        label + 38.0
    )
}

/// The narrowest gap that can be seen: one and a half columns.
fn column(s: &Series) -> f64 {
    let width = s.xs.last().zip(s.xs.first()).map_or(0.0, |(b, a)| b - a);
    1.5 * width / COLUMNS as f64
}

/// The samples' least and greatest as areas, cut off at the edges of what is seen.
fn band(plot: &mut Plot<'_, '_>, s: &Series, seen: &Range<f64>) -> Drawn {
    if s.bands.iter().all(|(l, h)| l == h) || s.bands.is_empty() {
        return Ok(());
    }
    let kept = m4::thin(&s.xs, &s.ys, COLUMNS / 2, &[]);
    let at = |i: &usize, v: f64| (s.xs[*i], v.clamp(seen.start, seen.end));
    for run in runs(s.at(), &kept, column(s)) {
        let upper = run.iter().map(|i| at(i, s.bands[*i].1));
        let lower = run.iter().rev().map(|i| at(i, s.bands[*i].0));
        let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
        plot.draw_series(std::iter::once(Polygon::new(outline, Ink::Band.colour())))?;
    }
    Ok(())
}

fn line(plot: &mut Plot<'_, '_>, s: &Series, ink: Ink, marks: &[Mark]) -> Drawn {
    let place = |x: f64| s.xs.partition_point(|v| *v < x);
    let always: Vec<usize> = marks
        .iter()
        .flat_map(|m| [place(m.at).saturating_sub(1), place(m.at)])
        .collect();
    let kept = m4::thin(&s.xs, &s.ys, COLUMNS, &always);
    let point = |i: &usize| (s.xs[*i], span::bounded(s.ys[*i]));
    let runs = runs(s.at(), &kept, column(s));
    for run in &runs {
        plot.draw_series(LineSeries::new(run.iter().map(point), ink.colour()))?;
    }
    if ink != Ink::Line {
        return Ok(());
    }
    // A point without neighbours has no line.
    let is_alone = |run: &&&[usize]| run.len() == 1;
    let dots: Vec<usize> = if kept.len() <= DOTS {
        kept.clone()
    } else {
        runs.iter().filter(is_alone).map(|r| r[0]).collect()
    };
    let dot = |i: &usize| Circle::new(point(i), FINE, Ink::Dot.colour());
    plot.draw_series(dots.iter().map(dot))?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn series(n: u32) -> Series {
        Series {
            xs: (0..n).map(f64::from).collect(),
            places: (0..u64::from(n)).collect(),
            ys: (0..n).map(|i| 1e6 + f64::from(i % 5)).collect(),
            bands: vec![],
        }
    }

    fn svg(n: u32, words: &str) -> String {
        let mark = Mark {
            at: f64::from(n / 2),
            what: Marker::Change {
                before: 1e6,
                after: 1.1e6,
                sense: Sense::Worse,
                number: 1,
            },
            href: "/compare/a..b?x=1&y=2".into(),
            words: words.into(),
        };
        drawn(&series(n), &[series(n / 2)], &[mark], words)
    }

    fn drawn(series: &Series, older: &[Series], marks: &[Mark], words: &str) -> String {
        draw(&Drawing {
            series,
            older,
            others: &[],
            levels: &[vec![(0.0, 1e6), (10.0, 1e6)]],
            from_zero: false,
            by_date: false,
            marks,
            title: words,
            words,
            label_x: &|x| format!("{x}"),
            label_y: &|y| format!("{y}"),
        })
    }

    #[test]
    fn whatever_the_values_are_a_chart_is_made_at_once() {
        let odd = [0.0, 1.0, 1e-320, f64::MAX, f64::MIN, 1.5e308, -0.0];
        let far = [0.0, 1.0, 4.6e18, 9.2e18];
        for (a, b) in odd.iter().flat_map(|a| odd.map(|b| (*a, b))) {
            for x in far {
                let series = Series {
                    xs: vec![x, x + 1.0],
                    places: vec![0, 1],
                    ys: vec![a, b],
                    bands: vec![(a, b), (f64::MIN, f64::MAX)],
                };
                let svg = drawn(&series, &[], &[], "odd");
                assert!(svg.len() < 24_000, "{a} {b} {x}: {} bytes", svg.len());
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }

    #[test]
    fn a_gap_is_not_bridged_and_the_band_stays_inside() {
        let xs: Vec<f64> = (0..20).chain(60..80).map(f64::from).collect();
        let series = Series {
            ys: xs.iter().map(|x| 100.0 + x % 3.0).collect(),
            bands: xs.iter().map(|_| (1.0, 1_000.0)).collect(),
            places: xs.iter().map(|x| *x as u64).collect(),
            xs,
        };
        let svg = drawn(&series, &[], &[], "gap");
        let doc = roxmltree::Document::parse(&svg).unwrap();
        let path = |class: &str| {
            let mut all = doc
                .descendants()
                .filter(|e| e.attribute("class") == Some(class));
            let one = all.next().unwrap();
            assert!(all.next().is_none(), "{class} is one element");
            one.attribute("d").unwrap()
        };
        assert_eq!(path("line").matches('M').count(), 2, "{}", path("line"));
        let top = f64::from(TOP * FINE as u32);
        for part in path("band").split('M').skip(1) {
            let y: f64 = part
                .split([' ', 'h', 'v', 'l'])
                .nth(1)
                .unwrap()
                .parse()
                .unwrap();
            assert!(y >= top, "{y}");
        }
    }

    #[test]
    fn each_tag_is_named_that_has_room_whatever_their_order() {
        let tag = |at: u32| Mark {
            at: f64::from(at),
            what: Marker::Tag(format!("v{at}")),
            href: "/".into(),
            words: String::new(),
        };
        // The newest comes first, and keeps its name.
        let marks = [tag(90), tag(50), tag(49), tag(10)];
        let svg = drawn(&series(100), &[], &marks, "tags");
        let is_named = |name: &str| svg.contains(&format!(">{name}</text>"));
        let named: Vec<bool> = ["v90", "v50", "v49", "v10"].map(is_named).into();
        assert_eq!(named, [true, true, false, true], "{svg}");
    }

    #[test]
    fn charts_are_well_formed_whatever_they_are_called() {
        for words in [
            "plain",
            "<script>alert(1)</script>",
            "]]>",
            "a\u{1b}[31mb",
            "\"'&",
            "\u{202e}x",
        ] {
            for n in [0, 1, 2, 200, 10_000] {
                let svg = svg(n, words);
                let doc = roxmltree::Document::parse(&svg).unwrap();
                assert!(!doc.descendants().any(|e| e.has_tag_name("script")));
                assert_eq!(doc.root_element().attribute("role"), Some("group"));
            }
        }
    }

    #[test]
    fn a_chart_of_ten_thousand_points_stays_small() {
        let svg = svg(10_000, "words");
        assert!(svg.len() < 24_000, "{} bytes", svg.len());
        let nodes = roxmltree::Document::parse(&svg)
            .unwrap()
            .descendants()
            .count();
        assert!(nodes < 120, "{nodes} nodes");
    }
}
