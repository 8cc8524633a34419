//! A tree as SVG: in the page, where frames are links, and as a picture of its own.

use collector::format::{percent, thousands};
use collector::profile::{Profile, names};

use super::place::{Placed, WIDTH};
use super::search::holds;
use super::sheet;
use super::tree::{Frame, Tree, shown};
use crate::look::{Look, Shape};
use crate::text::{cut, xml};

const ROW: f64 = 18.0;
/// Frames at most: four elements each, and a page may have some thousand.
pub(super) const FRAMES: usize = 320;
/// Units that a character of a label takes.
const CHARACTER: f64 = 7.0;
/// Height of what stands over a picture that is alone.
const HEADING: f64 = 52.0;

/// The profiles of both commits.
pub(crate) type Sides<'a> = (&'a Profile, &'a Profile);

/// Some trees, and how they are looked at.
pub(crate) struct Picture<'a> {
    pub(crate) look: &'a Look,
    /// What stands above, its frames going up, where a function's callers are seen.
    up: Option<Tree>,
    whole: &'a Tree,
    /// What is drawn in place of the whole graph.
    other: Option<Tree>,
}

/// Where a frame is drawn.
struct Spot<'a> {
    tree: &'a Tree,
    placed: &'a Placed,
    y: f64,
    /// Whether it stands between its callers and its callees.
    is_middle: bool,
    matches: bool,
}

impl<'a> Picture<'a> {
    /// Two profiles, of which `whole` is the tree.
    pub(crate) fn of((base, head): Sides<'_>, whole: &'a Tree, look: &'a Look) -> Self {
        let function = shown(&look.of);
        let (up, other) = match look.shape {
            _ if !look.of.is_empty() => (
                Some(Tree::callers(base, head, &function)),
                Some(Tree::callees(base, head, &function)),
            ),
            Shape::Callees => (None, None),
            Shape::Inverted => (None, Some(Tree::inverted(base, head))),
        };
        Self {
            look,
            up,
            whole,
            other,
        }
    }

    fn down(&self) -> &Tree {
        self.other.as_ref().unwrap_or(self.whole)
    }

    /// Whether neither side has what is looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.down().is_empty()
    }

    /// The function at full width, where one is.
    pub(crate) fn focused(&self) -> Option<&str> {
        self.down().function(self.look.focus)
    }

    /// What the frame at full width says of itself.
    pub(crate) fn words(&self) -> String {
        let focus = self.focused().map_or(0, |_| self.look.focus);
        words(self.down(), focus)
    }

    /// What only one side has in the frame at full width, the costliest first, a call tree of its
    /// own each: frame, name, whether it was added.
    pub(crate) fn one_sided(&self) -> Vec<(usize, &str, bool)> {
        let tree = self.down();
        let is_one_sided = |f: &Frame| (f.base == 0) != (f.head == 0);
        let focus = self.focused().map_or(0, |_| self.look.focus);
        let mut inside = vec![false; tree.frames.len()];
        let mut out = Vec::new();
        for (i, f) in tree.frames.iter().enumerate() {
            inside[i] = i == focus || (i > 0 && inside[f.parent]);
            if i > 0 && inside[i] && is_one_sided(f) && !is_one_sided(&tree.frames[f.parent]) {
                out.push((i, tree.name(i), f.base == 0));
            }
        }
        out.sort_by_key(|(i, ..)| std::cmp::Reverse(tree.frames[*i].width()));
        out
    }

    /// The look that shows a frame at full width; where a function's callers are seen, that
    /// function's.
    pub(crate) fn to(&self, frame: usize) -> Look {
        match self.up {
            Some(_) => self.look.around(self.down().name(frame)),
            None => self.look.at(frame),
        }
    }

    /// The picture as an element of the page whose address begins with `link`.
    pub(crate) fn svg(&self, link: &str) -> String {
        let (body, height, frames) = self.body(Some(link), 0.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{}\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"group\" aria-label=\"Flame graph, {frames} frames\">{HATCH}{body}</svg>",
            self.class()
        )
    }

    /// The same picture alone, with a heading and the sheet's colours.
    pub(crate) fn alone(&self, title: &str, subtitle: &str) -> String {
        let (body, height, _) = self.body(None, HEADING);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{}\" viewBox=\"-8 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\
             <title>{title}</title><style>{}</style>{HATCH}<text class=\"title\" y=\"22\">{title}</text>\
             <text y=\"40\">{}</text>{body}</svg>",
            self.class(),
            sheet::alone(),
            xml(subtitle),
            width = WIDTH + 16.0,
            height = height + 6.0,
            title = xml(title),
        )
    }

    const fn class(&self) -> &'static str {
        if self.look.search.is_empty() {
            "flamegraph"
        } else {
            "flamegraph searching"
        }
    }

    /// All frames, the height that they take, and how many they are.
    fn body(&self, link: Option<&str>, top: f64) -> (String, f64, usize) {
        let most = if self.up.is_some() {
            FRAMES / 2
        } else {
            FRAMES
        };
        let down = self.down().place(self.look.focus, most);
        let up = self.up.as_ref().map(|tree| (tree, tree.place(0, most)));
        let deepest = |all: &[Placed]| all.iter().map(|p| p.row).max().unwrap_or(0);
        let mut out = String::new();
        let (mut over, mut frames) = (0, down.len());
        if let Some((tree, placed)) = &up {
            over = deepest(placed);
            frames += placed.len() - 1;
            // The function itself stands between the two, once.
            for p in placed.iter().filter(|p| p.row > 0).rev() {
                self.frame(&mut out, tree, p, (over - p.row, top), link);
            }
        }
        for p in &down {
            self.frame(&mut out, self.down(), p, (over + p.row, top), link);
        }
        let rows = over + deepest(&down) + 1;
        (out, top + rows as f64 * ROW + 2.0, frames)
    }

    fn frame(
        &self,
        out: &mut String,
        tree: &Tree,
        placed: &Placed,
        (row, top): (usize, f64),
        link: Option<&str>,
    ) {
        let is_function = self.up.is_some() || placed.frame != 0;
        let spot = Spot {
            tree,
            placed,
            y: top + row as f64 * ROW,
            is_middle: self.up.is_some() && placed.row == 0,
            matches: is_function && holds(tree.name(placed.frame), &self.look.search),
        };
        let Some(link) = link else {
            out.push_str(&format!("<g{}>", spot.attributes()));
            spot.inner(out);
            out.push_str("</g>");
            return;
        };
        let to = match &self.up {
            Some(_) => self.look.around(tree.name(placed.frame)),
            None => self.to(placed.frame),
        };
        let href = format!("{link}{}", to.query());
        out.push_str(&format!(
            "<a href=\"{}\"{} data-i=\"{}\">",
            xml(&href),
            spot.attributes(),
            placed.frame
        ));
        spot.inner(out);
        out.push_str("</a>");
    }
}

const HATCH: &str = "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0v6\"/></pattern></defs>";

impl Spot<'_> {
    fn attributes(&self) -> String {
        let f = &self.tree.frames[self.placed.frame];
        let class = class(f.base, f.head);
        let above = if self.placed.above { " above" } else { "" };
        let middle = if self.is_middle { " middle" } else { "" };
        let matches = if self.matches { " match" } else { "" };
        format!(" class=\"{class}{above}{middle}{matches}\"")
    }

    fn inner(&self, out: &mut String) {
        let (f, p, y) = (&self.tree.frames[self.placed.frame], self.placed, self.y);
        out.push_str(&format!(
            "<title>{}</title><rect x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"17\" rx=\"1.5\"/>",
            xml(&words(self.tree, p.frame)),
            p.x,
            (p.w - 0.6).max(0.4)
        ));
        let sign = sign(f);
        // A sign takes the place of two.
        let room = ((p.w - 5.0) / CHARACTER).max(0.0) as usize;
        let room = room.saturating_sub(sign.chars().count());
        if let Some(label) = label(self.tree.name(p.frame), room) {
            out.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{}\">{sign}{}</text>",
                p.x + 3.0,
                y + 12.5,
                xml(&label)
            ));
        }
    }
}

/// A name in at most so many characters: whole, else its last parts, else those cut.
fn label(name: &str, room: usize) -> Option<String> {
    if room < 3 {
        return None;
    }
    if name.chars().count() <= room {
        return Some(name.into());
    }
    Some(cut(&names::short(name), room))
}

/// What a frame says of itself.
fn words(tree: &Tree, frame: usize) -> String {
    let f = &tree.frames[frame];
    let change = match (f.base, f.head) {
        (b, h) if b == h => "unchanged".to_string(),
        (0, _) => "added".into(),
        (_, 0) => "removed".into(),
        (b, h) => percent(h as f64 / b as f64 - 1.0),
    };
    format!(
        "{}: {} → {} instructions, {change}",
        tree.name(frame),
        thousands(f.base as f64),
        thousands(f.head as f64)
    )
}

/// A sign beside the colour, where it is worth one.
fn sign(f: &Frame) -> &'static str {
    match class(f.base, f.head) {
        "u2" | "u3" | "added" => "▲ ",
        "d2" | "d3" | "removed" => "▼ ",
        _ => "",
    }
}

fn class(base: u64, head: u64) -> &'static str {
    match (base, head) {
        (0, 0) => "e",
        (0, _) => "added",
        (_, 0) => "removed",
        (b, h) => {
            let change = h as f64 / b as f64 - 1.0;
            match change {
                c if c > 0.2 => "u3",
                c if c > 0.03 => "u2",
                c if c > 0.002 => "u1",
                c if c < -0.2 => "d3",
                c if c < -0.03 => "d2",
                c if c < -0.002 => "d1",
                _ => "e",
            }
        }
    }
}
