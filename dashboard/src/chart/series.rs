//! The history of a series: raw points, the level between changes, changes, other testbeds.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::backend::{Canvas, FINE, Ink};
use super::m4;
use crate::text::{Sense, xml};

/// Pixels of the picture; the page scales it to its own width.
const WIDTH: u32 = 1000;
const HEIGHT: u32 = 320;
const LEFT: u32 = 78;
const BOTTOM: u32 = 26;
const TOP: u32 = 22;
/// Columns that are told apart when the line is thinned.
const COLUMNS: usize = 460;

/// One stretch of points on one testbed, ascending by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) xs: Vec<f64>,
    pub(crate) ys: Vec<f64>,
    /// Least and greatest sample of each point, where they differ.
    pub(crate) bands: Vec<(f64, f64)>,
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Marker {
    /// A change, with the level before and after, and its number.
    Change {
        before: f64,
        after: f64,
        number: usize,
    },
    /// The machine or its software changed.
    Environment,
}

/// Everything on one chart.
struct Chart<'a> {
    series: &'a Series,
    older: &'a [Series],
    marks: &'a [Mark],
}

type Area<'a> = DrawingArea<Canvas<'a>, Shift>;
type Plot<'a, 'b> = ChartContext<
    'a,
    Canvas<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// The chart as an SVG element. `title` and `words` are what a screen reader says; `label_x` and
/// `label_y` write positions and values.
pub(crate) fn draw(
    series: &Series,
    older: &[Series],
    marks: &[Mark],
    (title, words): (&str, &str),
    label_x: &dyn Fn(f64) -> String,
    label_y: &dyn Fn(f64) -> String,
) -> String {
    let chart = Chart {
        series,
        older,
        marks,
    };
    let mut body = String::new();
    let (x, y) = chart.ranges();
    // Memory cannot refuse: what plotters could not draw is left out of the picture.
    let _ = chart.plot(&mut body, (x.clone(), y.clone()), label_x, label_y);
    chart.markers(&mut body, &x, &y);
    let (w, h) = (WIDTH * FINE as u32, HEIGHT * FINE as u32);
    let (left, right) = (LEFT * FINE as u32, w - 10 * FINE as u32);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {w} {h}\" role=\"group\" \
         aria-labelledby=\"chart-title chart-words\" data-from=\"{}\" data-to=\"{}\" data-left=\"{left}\" \
         data-right=\"{right}\"><title id=\"chart-title\">{}</title><desc id=\"chart-words\">{}</desc>{body}</svg>",
        x.start,
        x.end,
        xml(title),
        xml(words)
    )
}

impl Chart<'_> {
    /// What is seen: all commits, and all values with some air.
    fn ranges(&self) -> (std::ops::Range<f64>, std::ops::Range<f64>) {
        let all = || std::iter::once(self.series).chain(self.older);
        let xs = || all().flat_map(|s| s.xs.iter().copied());
        let ys = || all().flat_map(|s| s.ys.iter().copied());
        let least = |it: &mut dyn Iterator<Item = f64>| it.fold(f64::INFINITY, f64::min);
        let most = |it: &mut dyn Iterator<Item = f64>| it.fold(f64::NEG_INFINITY, f64::max);
        let (x0, x1) = (least(&mut xs()), most(&mut xs()));
        let (y0, y1) = (least(&mut ys()), most(&mut ys()));
        if !x0.is_finite() || !y0.is_finite() {
            return (0.0..1.0, 0.0..1.0);
        }
        let air_x = ((x1 - x0) * 0.01).max(0.5);
        // A flat line stays flat: a tenth of a percent is the least that fills the height.
        let air_y = ((y1 - y0) * 0.12).max(y1.abs() * 0.002).max(1e-9);
        (
            x0 - air_x..x1 + air_x,
            (y0 - air_y).max(if y0 >= 0.0 { 0.0 } else { f64::MIN })..y1 + air_y,
        )
    }

    fn plot(
        &self,
        out: &mut String,
        (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
        label_x: &dyn Fn(f64) -> String,
        label_y: &dyn Fn(f64) -> String,
    ) -> Result<(), Box<dyn std::error::Error>> {
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
            .build_cartesian_2d(x, y)?;
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
            .x_label_formatter(&|v| label_x(*v))
            .y_label_formatter(&|v| label_y(*v))
            .label_style(label)
            .draw()?;
        for s in self.older {
            self.line(&mut plot, s, Ink::Older)?;
        }
        self.band(&mut plot)?;
        self.line(&mut plot, self.series, Ink::Line)?;
        Ok(())
    }

    /// The samples' least and greatest as one area.
    fn band(&self, plot: &mut Plot<'_, '_>) -> Result<(), Box<dyn std::error::Error>> {
        let s = self.series;
        if s.bands.iter().all(|(l, h)| l == h) || s.bands.is_empty() {
            return Ok(());
        }
        let kept = m4::thin(&s.xs, &s.ys, COLUMNS / 2, &[]);
        let upper = kept.iter().map(|i| (s.xs[*i], s.bands[*i].1));
        let lower = kept.iter().rev().map(|i| (s.xs[*i], s.bands[*i].0));
        let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
        plot.draw_series(std::iter::once(Polygon::new(outline, Ink::Band.colour())))?;
        Ok(())
    }

    fn line(
        &self,
        plot: &mut Plot<'_, '_>,
        s: &Series,
        ink: Ink,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let at = |x: f64| s.xs.partition_point(|v| *v < x);
        let always: Vec<usize> = self
            .marks
            .iter()
            .flat_map(|m| [at(m.at).saturating_sub(1), at(m.at)])
            .collect();
        let kept = m4::thin(&s.xs, &s.ys, COLUMNS, &always);
        let points: Vec<(f64, f64)> = kept.iter().map(|i| (s.xs[*i], s.ys[*i])).collect();
        plot.draw_series(LineSeries::new(points.iter().copied(), ink.colour()))?;
        if points.len() <= 240 && ink == Ink::Line {
            let dots = points
                .iter()
                .map(|p| Circle::new(*p, FINE, Ink::Dot.colour()));
            plot.draw_series(dots)?;
        }
        Ok(())
    }

    /// Marks are links with words of their own, which plotters knows nothing of.
    fn markers(&self, out: &mut String, x: &std::ops::Range<f64>, y: &std::ops::Range<f64>) {
        let fine = f64::from(FINE);
        let (left, right) = (f64::from(LEFT) * fine, f64::from(WIDTH - 10) * fine);
        let (top, bottom) = (f64::from(TOP) * fine, f64::from(HEIGHT - BOTTOM) * fine);
        let px = |v: f64| (left + (right - left) * (v - x.start) / (x.end - x.start)).round();
        let py = |v: f64| (bottom - (bottom - top) * (v - y.start) / (y.end - y.start)).round();
        for mark in self.marks.iter().filter(|m| x.contains(&m.at)) {
            let at = px(mark.at - 0.5);
            let inner = match mark.what {
                Marker::Environment => format!(
                    "<path class=\"env\" d=\"M{at} {top}V{bottom}\"/><path class=\"envmark\" d=\"M{at} {}l60 60-60 60-60-60z\"/>",
                    top - 150.0
                ),
                Marker::Change {
                    before,
                    after,
                    number,
                } => {
                    let class = Sense::of(after - before).class();
                    let (a, b) = (py(before), py(after));
                    let label = a.min(b) - 110.0;
                    format!(
                        "<path class=\"step {class}\" d=\"M{at} {a}V{b}\"/><circle class=\"{class}\" cx=\"{at}\" \
                         cy=\"{label}\" r=\"75\"/><text class=\"number\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{number}</text>",
                        label + 38.0
                    )
                }
            };
            out.push_str(&format!(
                "<a href=\"{}\" class=\"mark\"><title>{}</title>{inner}</a>",
                xml(&mark.href),
                xml(&mark.words)
            ));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn series(n: u32) -> Series {
        Series {
            xs: (0..n).map(f64::from).collect(),
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
                number: 1,
            },
            href: "/compare/a..b?x=1&y=2".into(),
            words: words.into(),
        };
        draw(
            &series(n),
            &[series(n / 2)],
            &[mark],
            (words, words),
            &|x| format!("{x}"),
            &|y| format!("{y}"),
        )
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
