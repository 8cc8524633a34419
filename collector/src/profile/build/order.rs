//! One order for equal profiles: depth first, siblings by name.

use crate::profile::{Frame, Node, Profile};

impl Profile {
    /// Drops nodes without cost, and brings nodes, frames and lines into the order that names give.
    pub(in crate::profile) fn in_order(mut self) -> Self {
        let inclusive = self.inclusive();
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        let mut roots = Vec::new();
        for (i, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(i, _)| inclusive[*i] > 0)
        {
            match node.parent {
                Some(p) => children[p as usize].push(i as u32),
                None => roots.push(i as u32),
            }
        }
        let key = |i: &u32| {
            let node = &self.nodes[*i as usize];
            let frame = &self.frames[node.frame as usize];
            (frame.name.as_str(), frame.file.as_str(), node.inlined)
        };
        roots.sort_by(|a, b| key(b).cmp(&key(a)));
        children
            .iter_mut()
            .for_each(|c| c.sort_by(|a, b| key(b).cmp(&key(a))));

        let mut nodes = Vec::with_capacity(self.nodes.len());
        let mut frames = Renumber::new(&self.frames);
        let mut stack: Vec<(u32, Option<u32>)> = roots.into_iter().map(|r| (r, None)).collect();
        while let Some((old, parent)) = stack.pop() {
            let node = self.nodes[old as usize];
            let new = nodes.len() as u32;
            nodes.push(Node {
                parent,
                frame: frames.slot(node.frame),
                ..node
            });
            stack.extend(children[old as usize].iter().map(|&c| (c, Some(new))));
        }
        for line in &mut self.lines {
            line.frame = frames.slot(line.frame);
        }
        self.lines
            .sort_by(|a, b| (&a.file, a.line, a.frame).cmp(&(&b.file, b.line, b.frame)));
        Self {
            frames: frames.kept,
            nodes,
            ..self
        }
    }
}

/// Frames in the order of their first use.
struct Renumber<'f> {
    all: &'f [Frame],
    new: Vec<Option<u32>>,
    kept: Vec<Frame>,
}

impl<'f> Renumber<'f> {
    fn new(all: &'f [Frame]) -> Self {
        Self {
            all,
            new: vec![None; all.len()],
            kept: Vec::new(),
        }
    }

    fn slot(&mut self, old: u32) -> u32 {
        let i = old as usize;
        *self.new[i].get_or_insert_with(|| {
            self.kept.push(self.all[i].clone());
            self.kept.len() as u32 - 1
        })
    }
}
