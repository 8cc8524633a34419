//! The flame graph in the page: both profiles in one tree, so that what was removed is seen too.
//!
//! Frames are links: without a script a click asks for the same page with that frame at full
//! width; with it the zoom happens in place. Colours are classes: five shades each way, and
//! outlines and hatching for what only one side has.

use std::collections::HashMap;

use collector::format::{percent, thousands};
use collector::profile::{Profile, names};

use crate::text::{cut, xml};

/// Width in units; the page scales it.
const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;
/// Frames narrower than this share are folded away.
const LEAST: f64 = 0.0008;
/// Frames at most: four elements each, and a page may have some thousand.
const FRAMES: usize = 320;
/// Depth at most.
const DEPTH: usize = 60;

/// A function under its callers, with what it cost on both sides.
#[derive(Debug)]
struct Frame {
    name: String,
    depth: usize,
    base: u64,
    head: u64,
    children: Vec<usize>,
}

impl Frame {
    fn width(&self) -> u64 {
        self.base.max(self.head)
    }
}

/// Two profiles as one tree; frame 0 is everything.
#[derive(Debug)]
pub(crate) struct Tree {
    frames: Vec<Frame>,
}

struct Placed {
    frame: usize,
    x: f64,
    w: f64,
}

impl Tree {
    pub(crate) fn of(base: &Profile, head: &Profile) -> Self {
        let root = Frame {
            name: "all".into(),
            depth: 0,
            base: base.total,
            head: head.total,
            children: Vec::new(),
        };
        let mut tree = Self { frames: vec![root] };
        let mut known: HashMap<(usize, String), usize> = HashMap::new();
        tree.add(base, &mut known, |f, cost| f.base += cost);
        tree.add(head, &mut known, |f, cost| f.head += cost);
        for i in 0..tree.frames.len() {
            let mut children = std::mem::take(&mut tree.frames[i].children);
            children.sort_by(|a, b| tree.frames[*a].name.cmp(&tree.frames[*b].name));
            tree.frames[i].children = children;
        }
        tree
    }

    fn add(
        &mut self,
        p: &Profile,
        known: &mut HashMap<(usize, String), usize>,
        put: impl Fn(&mut Frame, u64),
    ) {
        let inclusive = p.inclusive();
        let mut place: Vec<usize> = Vec::with_capacity(p.nodes.len());
        for (node, cost) in p.nodes.iter().zip(inclusive) {
            let parent = node.parent.map_or(0, |n| place[n as usize]);
            let name = cut(&p.frames[node.frame as usize].name, 300);
            let next = self.frames.len();
            let at = *known.entry((parent, name.clone())).or_insert(next);
            if at == next {
                let depth = self.frames[parent].depth + 1;
                self.frames.push(Frame {
                    name,
                    depth,
                    base: 0,
                    head: 0,
                    children: Vec::new(),
                });
                self.frames[parent].children.push(at);
            }
            put(&mut self.frames[at], cost);
            place.push(at);
        }
    }

    /// The picture, with `focus` at full width. `link` is the page's own address.
    pub(crate) fn svg(&self, focus: usize, link: &str) -> String {
        let focus = if focus < self.frames.len() { focus } else { 0 };
        let placed = self.place(focus);
        let rows = placed
            .iter()
            .map(|p| self.frames[p.frame].depth)
            .max()
            .unwrap_or(0)
            + 1;
        let top = self.frames[focus].depth;
        let height = (rows - top.min(rows - 1)) as f64 * ROW + 2.0;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flamegraph\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"group\" aria-label=\"Flame graph, {} frames\" data-total=\"{}\"><defs>\
             <pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0v6\"/></pattern></defs>",
            placed.len(),
            self.frames[focus].width()
        );
        for p in &placed {
            self.frame_svg(&mut out, p, top, link);
        }
        out.push_str("</svg>");
        out
    }

    /// Where each frame lies; children share their parent's width by their own.
    fn place(&self, focus: usize) -> Vec<Placed> {
        let mut out = Vec::new();
        let mut level = vec![Placed {
            frame: focus,
            x: 0.0,
            w: WIDTH,
        }];
        while !level.is_empty() && out.len() < FRAMES {
            let mut next = Vec::new();
            for p in level {
                let frame = &self.frames[p.frame];
                // Both sides together may be wider than their parent: then all shrink alike.
                let sum: u64 = frame.children.iter().map(|c| self.frames[*c].width()).sum();
                let scale = p.w / frame.width().max(sum).max(1) as f64;
                let mut x = p.x;
                for c in &frame.children {
                    let w = self.frames[*c].width() as f64 * scale;
                    if w >= LEAST * WIDTH && frame.depth < DEPTH {
                        next.push(Placed { frame: *c, x, w });
                    }
                    x += w;
                }
                out.push(p);
            }
            // The widest first, should there be more than fit.
            let room = FRAMES.saturating_sub(out.len());
            if next.len() > room {
                next.sort_by(|a, b| b.w.total_cmp(&a.w));
                next.truncate(room);
                next.sort_by(|a, b| a.x.total_cmp(&b.x));
            }
            level = next;
        }
        out
    }

    fn frame_svg(&self, out: &mut String, p: &Placed, top: usize, link: &str) {
        let f = &self.frames[p.frame];
        let y = (f.depth - top) as f64 * ROW;
        let characters = ((p.w - 5.0) / 7.0).max(0.0) as usize;
        // A sign takes the place of two.
        let characters = characters.saturating_sub(sign(f).chars().count());
        let label = if characters < 3 {
            String::new()
        } else {
            cut(&names::short(&f.name), characters)
        };
        out.push_str(&format!(
            "<a href=\"{link}?focus={}\" class=\"{}\" data-i=\"{}\" data-b=\"{}\" data-h=\"{}\"><title>{}</title>\
             <rect x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"17\" rx=\"1.5\"/>",
            p.frame,
            class(f.base, f.head),
            p.frame,
            f.base,
            f.head,
            xml(&words(f)),
            p.x,
            (p.w - 0.6).max(0.4)
        ));
        if !label.is_empty() {
            out.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{}\">{}{}</text>",
                p.x + 3.0,
                y + 12.5,
                sign(f),
                xml(&label)
            ));
        }
        out.push_str("</a>");
    }
}

/// What a frame says of itself.
fn words(f: &Frame) -> String {
    let change = match (f.base, f.head) {
        (b, h) if b == h => "unchanged".to_string(),
        (0, _) => "added".into(),
        (_, 0) => "removed".into(),
        (b, h) => percent(h as f64 / b as f64 - 1.0),
    };
    format!(
        "{}: {} → {} instructions, {change}",
        f.name,
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use collector::profile::Node;

    fn profile(stacks: &[(&[&str], u64)]) -> Profile {
        let mut p = Profile::default();
        for (stack, cost) in stacks {
            let mut parent = None;
            for name in *stack {
                let frame = p.frames.len() as u32;
                p.frames.push(collector::profile::Frame {
                    name: (*name).into(),
                    ..Default::default()
                });
                p.nodes.push(Node {
                    parent,
                    frame,
                    inlined: false,
                    site: 0,
                    cost: 0,
                });
                parent = Some(p.nodes.len() as u32 - 1);
            }
            p.nodes.last_mut().unwrap().cost = *cost;
            p.total += cost;
        }
        p
    }

    #[test]
    fn both_sides_are_in_one_tree() {
        let base = profile(&[(&["main", "old"], 40), (&["main", "same"], 60)]);
        let head = profile(&[(&["main", "new"], 50), (&["main", "same"], 60)]);
        let svg = Tree::of(&base, &head).svg(0, "/x");
        let doc = roxmltree::Document::parse(&svg).unwrap();
        let of = |class: &str| {
            doc.descendants()
                .filter(|n| n.attribute("class") == Some(class))
                .count()
        };
        assert_eq!((of("added"), of("removed")), (1, 1), "{svg}");
    }

    #[test]
    fn hostile_names_and_any_focus_give_well_formed_pictures() {
        let names = [
            "<script>alert(1)</script>",
            "]]>",
            "\u{1b}[31m",
            "\"'&",
            "\u{202e}x",
            "",
            "é\u{1f600}",
        ];
        let stacks: Vec<(&[&str], u64)> = names
            .iter()
            .map(|n| (std::slice::from_ref(n), 10))
            .collect();
        let p = profile(&stacks);
        let tree = Tree::of(&p, &p);
        for focus in [0, 1, 5, 9_999] {
            let svg = tree.svg(focus, "/x");
            let doc = roxmltree::Document::parse(&svg).unwrap();
            assert!(!doc.descendants().any(|n| n.has_tag_name("script")));
        }
    }

    #[test]
    fn a_wide_profile_stays_within_its_budget() {
        let names: Vec<String> = (0..3000).map(|i| format!("f{i}")).collect();
        let stacks: Vec<Vec<&str>> = names.iter().map(|n| vec!["main", n.as_str()]).collect();
        let stacks: Vec<(&[&str], u64)> = stacks.iter().map(|s| (s.as_slice(), 1000)).collect();
        let p = profile(&stacks);
        let svg = Tree::of(&p, &p).svg(0, "/x");
        assert!(svg.matches("<rect").count() <= FRAMES + 1);
    }
}
