//! From callgrind's output to a call tree, a function table, deltas, an explanation, flame graphs.
//!
//! ```text
//! callgrind file ─ callgrind::read ─▶ RawProfile ─┐
//! ELF + DWARF ──── symbols::Symbols ──────────────┴▶ Profile ─┬▶ encode / decode (the stored blob)
//!                                                             ├▶ folded, critical_path
//!                                                             ├▶ flame: SVG, differential SVG, removed
//!                                                             └▶ delta: explain, likely_hunks
//! ```
//! A profile is exact: the costs of its nodes sum to its total, to the instruction.

mod build;
mod codec;
mod path;

pub mod callgrind;
pub mod delta;
pub mod flame;
pub mod names;
pub mod symbols;

pub use build::BuildError;
pub use codec::{DecodeError, MAX_BYTES, MAX_DEPTH, MAX_NODES};
pub use path::critical_path;

use serde::{Deserialize, Serialize};

/// A function, as far as builds have it in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Normalised name: see [`names::normalise`].
    pub name: String,
    /// Source file, relative to the repository where it lies inside it; empty if unknown.
    pub file: String,
    /// The line of this function that cost most (with what was inlined there), 0 if unknown.
    pub line: u32,
    /// Whether the file lies inside the repository.
    pub in_repo: bool,
    /// Calls of this function's symbol; `None` where it was inlined everywhere.
    pub calls: Option<u64>,
}

/// One function under one chain of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Index of the caller, always less than this node's own; `None` for a root.
    pub parent: Option<u32>,
    /// Index into [`Profile::frames`].
    pub frame: u32,
    /// Whether the compiler put this code into its caller's: no call was executed.
    pub inlined: bool,
    /// The line in the caller from which most of this cost comes; 0 if unknown.
    pub site: u32,
    /// Instructions executed by this function itself.
    pub cost: u64,
}

/// Cost of one source line of the repository: its own instructions and those of all code outside the repository
/// that it calls (directly or through other code outside), such as `memcpy` or an iterator adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCost {
    /// File, relative to the repository.
    pub file: String,
    /// Line, from 1; 0 for instructions of the function whose line is unknown.
    pub line: u32,
    /// Index into [`Profile::frames`]: the function that the line belongs to.
    pub frame: u32,
    /// Instructions.
    pub cost: u64,
}

/// Cost per call stack of one benchmark. Deterministic: equal input gives equal order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Instructions; the sum of all nodes' costs.
    pub total: u64,
    /// The functions.
    pub frames: Vec<Frame>,
    /// The call tree, callers before callees, depth first.
    pub nodes: Vec<Node>,
    /// Cost by repository line, ordered by file, line, function.
    pub lines: Vec<LineCost>,
}

impl Profile {
    /// Stacks from root to leaf (indices into `frames`) with the leaf's own cost, where it has any.
    pub fn stacks(&self) -> impl Iterator<Item = (Vec<u32>, u64)> + '_ {
        let costly = self.nodes.iter().enumerate().filter(|(_, n)| n.cost > 0);
        costly.map(|(i, node)| {
            let mut stack: Vec<u32> = self.path(i).map(|n| self.nodes[n].frame).collect();
            stack.reverse();
            (stack, node.cost)
        })
    }

    /// Node indices from `node` up to its root.
    fn path(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(node), |&n| self.nodes[n].parent.map(|p| p as usize))
    }

    /// Cost of each node with everything below it.
    #[must_use]
    pub fn inclusive(&self) -> Vec<u64> {
        let mut sums: Vec<u64> = self.nodes.iter().map(|n| n.cost).collect();
        for i in (0..self.nodes.len()).rev() {
            if let Some(parent) = self.nodes[i].parent {
                sums[parent as usize] += sums[i];
            }
        }
        sums
    }

    /// For each node the node whose function answers for its cost: itself, or, for code from outside the repository
    /// inlined into a function (`wrapping_mul` into `score`), the nearest function around it that is either inside
    /// the repository or has a symbol. People change the latter, and what the compiler inlines varies.
    #[must_use]
    pub fn owners(&self) -> Vec<u32> {
        let mut owners: Vec<u32> = Vec::with_capacity(self.nodes.len());
        for (i, node) in self.nodes.iter().enumerate() {
            let folds = node.inlined && !self.frames[node.frame as usize].in_repo;
            let owner = node
                .parent
                .filter(|_| folds)
                .map_or(i as u32, |p| owners[p as usize]);
            owners.push(owner);
        }
        owners
    }

    /// Self and inclusive cost of each frame; a recursive function's inclusive cost counts once.
    #[must_use]
    pub fn by_frame(&self) -> Vec<(u64, u64)> {
        let inclusive = self.inclusive();
        let mut sums = vec![(0, 0); self.frames.len()];
        let mut walk = Walk::default();
        for (i, node) in self.nodes.iter().enumerate() {
            walk.enter(self, i);
            let sum = &mut sums[node.frame as usize];
            sum.0 += node.cost;
            if !walk.above(node.frame) {
                sum.1 += inclusive[i];
            }
        }
        sums
    }

    /// One line per stack, `root;caller;leaf cost`, sorted: what flame graph tools read.
    ///
    /// A `;` inside a name (`[u8; 4]`) becomes `,`.
    #[must_use]
    pub fn folded(&self) -> String {
        self.folded_lines().join("\n")
    }

    fn folded_lines(&self) -> Vec<String> {
        let names: Vec<String> = self.frames.iter().map(|f| folded_name(&f.name)).collect();
        let mut lines: Vec<String> = self
            .stacks()
            .map(|(stack, cost)| {
                let stack: Vec<&str> = stack.iter().map(|&f| names[f as usize].as_str()).collect();
                format!("{} {cost}", stack.join(";"))
            })
            .collect();
        lines.sort_unstable();
        lines
    }
}

/// A stored name may come from anywhere, so that it is cleaned again where it is shown.
fn folded_name(name: &str) -> String {
    let name = names::clean(name, names::MAX_NAME).replace(';', ",");
    if name.trim().is_empty() {
        names::UNKNOWN.to_owned()
    } else {
        name
    }
}

/// The path from a root to the current node while all nodes are visited in order.
#[derive(Default)]
struct Walk {
    path: Vec<usize>,
    frames: Vec<u32>,
}

impl Walk {
    /// Leaves what is no ancestor of `node`, then steps into it. Nodes lie depth first.
    fn enter(&mut self, profile: &Profile, node: usize) {
        let parent = profile.nodes[node].parent.map(|p| p as usize);
        while self.path.last().copied() != parent && self.path.pop().is_some() {
            self.frames.pop();
        }
        self.path.push(node);
        self.frames.push(profile.nodes[node].frame);
    }

    /// Whether the frame already occurs above the current node.
    fn above(&self, frame: u32) -> bool {
        self.frames[..self.frames.len() - 1].contains(&frame)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod testing;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
