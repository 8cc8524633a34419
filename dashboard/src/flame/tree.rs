//! Two profiles as one tree, grown in one of several ways.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use collector::profile::Profile;

use crate::text::cut;

/// Depth at most.
pub(super) const DEPTH: usize = 60;
/// Frames of a tree that grows towards callers, beyond which none is grown any further: some
/// hundred times what is drawn at once, so that there is more to zoom into.
pub(super) const MOST: usize = 100_000;
/// Characters of a name.
const NAME: usize = 300;
/// What the first frame of a whole graph is called.
const ALL: &str = "all";

/// A function under its callers (or above its callees), with what it cost on both sides.
#[derive(Debug)]
pub(super) struct Frame {
    /// Index into the names.
    pub(super) name: usize,
    pub(super) parent: usize,
    pub(super) depth: usize,
    pub(super) base: u64,
    pub(super) head: u64,
    pub(super) children: Vec<usize>,
}

impl Frame {
    pub(super) fn width(&self) -> u64 {
        self.base.max(self.head)
    }
}

/// Frame 0 is everything that is seen; a frame stands behind the one that it hangs on.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(super) names: Vec<String>,
    pub(super) frames: Vec<Frame>,
}

impl Tree {
    /// Callees under their callers.
    pub(crate) fn of(base: &Profile, head: &Profile) -> Self {
        Self::grown(None, base, head, |grower, p, ids, side| {
            grower.add(0, side, p.total);
            let mut place: Vec<usize> = Vec::with_capacity(p.nodes.len());
            for (node, cost) in p.nodes.iter().zip(p.inclusive()) {
                let under = node.parent.map_or(0, |n| place[n as usize]);
                place.push(grower.put(under, ids[node.frame as usize], side, cost));
            }
        })
    }

    /// Callers under each function's own cost.
    pub(crate) fn inverted(base: &Profile, head: &Profile) -> Self {
        Self::risen(None, (base, head), |p, _| {
            let paid = p.nodes.iter().enumerate().filter(|(_, n)| n.cost > 0);
            paid.map(|(i, n)| (Some(i), n.cost)).collect()
        })
    }

    /// What a function calls, wherever it is called; inside itself it counts once.
    pub(crate) fn callees(base: &Profile, head: &Profile, function: &str) -> Self {
        Self::grown(Some(function), base, head, |grower, p, ids, side| {
            let mut place: Vec<Option<usize>> = Vec::with_capacity(p.nodes.len());
            for (node, cost) in p.nodes.iter().zip(p.inclusive()) {
                let name = ids[node.frame as usize];
                let under = node.parent.and_then(|n| place[n as usize]);
                place.push(match under {
                    Some(at) => Some(grower.put(at, name, side, cost)),
                    None if name == 0 => {
                        grower.add(0, side, cost);
                        Some(0)
                    }
                    None => None,
                });
            }
        })
    }

    /// Who calls a function, and who calls them; inside itself it counts once.
    pub(crate) fn callers(base: &Profile, head: &Profile, function: &str) -> Self {
        Self::risen(Some(function), (base, head), |p, ids| {
            let mut inside: Vec<bool> = Vec::with_capacity(p.nodes.len());
            let mut out = Vec::new();
            for (node, cost) in p.nodes.iter().zip(p.inclusive()) {
                let is_it = ids[node.frame as usize] == 0;
                let is_below = node.parent.is_some_and(|n| inside[n as usize]);
                if is_it && !is_below {
                    out.push((node.parent.map(|n| n as usize), cost));
                }
                inside.push(is_it || is_below);
            }
            out
        })
    }

    /// From each of some nodes up to its root, the costs of which are added up. The widest frames
    /// are grown first, until there are [`MOST`]: a profile has as many ways up as nodes, and each
    /// may be long.
    fn risen(
        root: Option<&str>,
        sides: Sides<'_>,
        begin: impl Fn(&Profile, &[usize]) -> Ways,
    ) -> Self {
        let mut grower = Grower::new(root);
        let both = [(sides.0, Side::Base), (sides.1, Side::Head)];
        let ids = both.map(|(p, _)| grower.ids_of(p));
        let mut held = vec![Vec::new()];
        for ((p, side), ids) in both.iter().zip(&ids) {
            for (next, cost) in begin(p, ids) {
                grower.add(0, *side, cost);
                held[0].extend(next.map(|next| (*side, next, cost)));
            }
        }
        let mut due = BinaryHeap::from([(0, Reverse(0))]);
        while grower.frames.len() < MOST
            && let Some((_, Reverse(at))) = due.pop()
        {
            let new = grower.frames.len();
            for (side, node, cost) in std::mem::take(&mut held[at]) {
                let (p, ids) = (both[side as usize].0, &ids[side as usize]);
                let node = &p.nodes[node];
                let to = grower.put(at, ids[node.frame as usize], side, cost);
                held.resize(grower.frames.len(), Vec::new());
                held[to].extend(node.parent.map(|next| (side, next as usize, cost)));
            }
            let grows = |i: &usize| grower.frames[*i].depth < DEPTH && !held[*i].is_empty();
            let widths = (new..grower.frames.len()).filter(grows);
            due.extend(widths.map(|i| (grower.frames[i].width(), Reverse(i))));
        }
        grower.tree()
    }

    fn grown(
        root: Option<&str>,
        base: &Profile,
        head: &Profile,
        grow: impl Fn(&mut Grower, &Profile, &[usize], Side),
    ) -> Self {
        let mut grower = Grower::new(root);
        for (p, side) in [(base, Side::Base), (head, Side::Head)] {
            let ids = grower.ids_of(p);
            grow(&mut grower, p, &ids, side);
        }
        grower.tree()
    }

    /// What a frame is called.
    pub(super) fn name(&self, frame: usize) -> &str {
        &self.names[self.frames[frame].name]
    }

    /// What the frame with that number is called, where it is a function.
    pub(crate) fn function(&self, frame: usize) -> Option<&str> {
        (frame != 0 && frame < self.frames.len()).then(|| self.name(frame))
    }

    /// The widest frame of each function.
    pub(crate) fn widest(&self) -> HashMap<&str, usize> {
        let mut out: HashMap<usize, usize> = HashMap::new();
        for (i, f) in self.frames.iter().enumerate().skip(1) {
            let known = out.entry(f.name).or_insert(i);
            if self.frames[*known].width() < f.width() {
                *known = i;
            }
        }
        let named = |(name, frame): (usize, usize)| (self.names[name].as_str(), frame);
        out.into_iter().map(named).collect()
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.frames[0].width() == 0
    }
}

/// A name as frames have it.
pub(crate) fn shown(name: &str) -> String {
    cut(name, NAME)
}

/// Both profiles.
type Sides<'a> = (&'a Profile, &'a Profile);

/// Costs, each with the node where its way up begins; `None` where it has none.
type Ways = Vec<(Option<usize>, u64)>;

#[derive(Clone, Copy)]
enum Side {
    Base,
    Head,
}

/// A tree that is being put together.
struct Grower {
    names: Vec<String>,
    ids: HashMap<String, usize>,
    frames: Vec<Frame>,
    known: HashMap<(usize, usize), usize>,
}

impl Grower {
    /// From a function, or from everything.
    fn new(root: Option<&str>) -> Self {
        let mut grower = Self {
            names: Vec::new(),
            ids: HashMap::new(),
            frames: Vec::new(),
            known: HashMap::new(),
        };
        match root {
            Some(function) => {
                grower.name(function);
            }
            // Not a function, though one may be called so.
            None => grower.names.push(ALL.into()),
        }
        grower.frames.push(Frame {
            name: 0,
            parent: 0,
            depth: 0,
            base: 0,
            head: 0,
            children: Vec::new(),
        });
        grower
    }

    /// What stands for the name of each frame of a profile.
    fn ids_of(&mut self, p: &Profile) -> Vec<usize> {
        p.frames.iter().map(|f| self.name(&f.name)).collect()
    }

    fn name(&mut self, name: &str) -> usize {
        let name = shown(name);
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        self.names.push(name.clone());
        self.ids.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }

    /// Adds cost to the frame of that name under another one, which is made where there is none.
    fn put(&mut self, under: usize, name: usize, side: Side, cost: u64) -> usize {
        let next = self.frames.len();
        let at = *self.known.entry((under, name)).or_insert(next);
        if at == next {
            self.frames.push(Frame {
                name,
                parent: under,
                depth: self.frames[under].depth + 1,
                base: 0,
                head: 0,
                children: Vec::new(),
            });
            self.frames[under].children.push(at);
        }
        self.add(at, side, cost);
        at
    }

    fn add(&mut self, at: usize, side: Side, cost: u64) {
        match side {
            Side::Base => self.frames[at].base += cost,
            Side::Head => self.frames[at].head += cost,
        }
    }

    fn tree(mut self) -> Tree {
        for i in 0..self.frames.len() {
            let mut children = std::mem::take(&mut self.frames[i].children);
            let name = |c: &usize| &self.names[self.frames[*c].name];
            children.sort_by(|a, b| name(a).cmp(name(b)));
            self.frames[i].children = children;
        }
        Tree {
            names: self.names,
            frames: self.frames,
        }
    }
}
