//! Where each frame lies.

use super::tree::{DEPTH, Tree};

/// Width in units; the page scales it.
pub(super) const WIDTH: f64 = 1200.0;
/// Frames narrower than this share are folded away, until one zooms in.
const LEAST: f64 = 0.0008;

/// A frame's place.
pub(super) struct Placed {
    pub(super) frame: usize,
    pub(super) x: f64,
    pub(super) w: f64,
    /// Its row, counted from that of frame 0.
    pub(super) row: usize,
    /// Whether it only stands over what is at full width.
    pub(super) above: bool,
}

impl Tree {
    /// A frame at full width, at most `most` of those in it, and those that it lies in.
    pub(super) fn place(&self, focus: usize, most: usize) -> Vec<Placed> {
        let focus = if focus < self.frames.len() { focus } else { 0 };
        let mut out = self.above(focus);
        let most = most.max(out.len() + 1);
        let top = self.frames[focus].depth;
        let mut level = vec![Placed {
            frame: focus,
            x: 0.0,
            w: WIDTH,
            row: top,
            above: false,
        }];
        while !level.is_empty() && out.len() < most {
            let mut next = Vec::new();
            for p in level {
                if p.row < top + DEPTH {
                    self.under(&p, &mut next);
                }
                out.push(p);
            }
            // The widest first, should there be more than fit.
            let room = most.saturating_sub(out.len());
            if next.len() > room {
                next.sort_by(|a, b| b.w.total_cmp(&a.w));
                next.truncate(room);
                next.sort_by(|a, b| a.x.total_cmp(&b.x));
            }
            level = next;
        }
        out
    }

    /// The way from everything to a frame, each at full width.
    fn above(&self, focus: usize) -> Vec<Placed> {
        let mut out = Vec::new();
        let mut at = focus;
        while at != 0 {
            at = self.frames[at].parent;
            out.push(Placed {
                frame: at,
                x: 0.0,
                w: WIDTH,
                row: self.frames[at].depth,
                above: true,
            });
        }
        out.reverse();
        out
    }

    /// Those right under a frame share its width by their own.
    fn under(&self, p: &Placed, out: &mut Vec<Placed>) {
        let frame = &self.frames[p.frame];
        let width = |c: &usize| self.frames[*c].width();
        // Both sides together may be wider than their parent: then all shrink alike.
        let sum: u64 = frame.children.iter().map(width).sum();
        let scale = p.w / frame.width().max(sum).max(1) as f64;
        let mut x = p.x;
        for c in &frame.children {
            let w = width(c) as f64 * scale;
            if w >= LEAST * WIDTH {
                out.push(Placed {
                    frame: *c,
                    x,
                    w,
                    row: p.row + 1,
                    above: false,
                });
            }
            x += w;
        }
    }
}
