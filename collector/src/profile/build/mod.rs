//! Builds the call tree: contexts from callgrind, inlined frames from debug information.
//!
//! callgrind names each context by its whole chain of callers, so that the tree is exact. What was inlined is put
//! back by address: below a function by the address of the instruction, between caller and callee by the address
//! of the call from which most of the callee's cost comes.

mod error;
pub use error::BuildError;
mod calls;
mod chains;
mod order;

use std::collections::HashMap;

use super::callgrind::RawProfile;
use super::symbols::Symbols;
use super::{Frame, LineCost, MAX_DEPTH, MAX_NODES, Node, Profile, names};
use calls::{Call, CallTree};
use chains::{Chains, Interner, Step};

impl Profile {
    /// The profile of the given parts (from 0) of callgrind's output file.
    ///
    /// Stacks begin at criterion's `Bencher::iter…` where they pass through it.
    ///
    /// # Errors
    /// A damaged file, or a profile beyond the limits.
    pub fn read(data: &[u8], parts: &[usize], symbols: &mut Symbols) -> Result<Self, BuildError> {
        let raw = super::callgrind::read(data, parts)?;
        Self::build(&raw, symbols)
    }

    /// The profile of what was read.
    ///
    /// # Errors
    /// A profile beyond the limits.
    pub fn build(raw: &RawProfile<'_>, symbols: &mut Symbols) -> Result<Self, BuildError> {
        let mut chains = Chains::new(raw, symbols);
        let calls = CallTree::new(raw, &mut chains)?;
        chains.choose_files(raw, &calls);
        Tree::new(&chains).fill(raw, &calls)
    }
}

struct Open {
    parent: Option<u32>,
    frame: u32,
    inlined: bool,
    depth: usize,
    cost: u64,
}

/// Where cost is in the repository: file, line, function.
type Place = (u32, u32, u32);

/// The tree under construction.
struct Tree<'c, 's> {
    chains: &'c Chains<'s>,
    frames: Interner<(u32, u32)>,
    calls: HashMap<u32, u64>,
    nodes: Vec<Open>,
    known: HashMap<(Option<u32>, u32, bool), u32>,
    /// Weight of each calling line: (node, line) → cost.
    sites: HashMap<(u32, u32), u64>,
    /// Weight of each line of a function: (frame, line) → cost.
    costliest: HashMap<(u32, u32), u64>,
    lines: HashMap<Place, u64>,
}

impl<'c, 's> Tree<'c, 's> {
    fn new(chains: &'c Chains<'s>) -> Self {
        Self {
            chains,
            frames: Interner::new(),
            calls: HashMap::new(),
            nodes: Vec::new(),
            known: HashMap::new(),
            sites: HashMap::new(),
            costliest: HashMap::new(),
            lines: HashMap::new(),
        }
    }

    fn fill(mut self, raw: &RawProfile<'_>, calls: &CallTree) -> Result<Profile, BuildError> {
        let mut placed: Vec<(u32, Option<Place>)> = Vec::with_capacity(calls.nodes.len());
        for call in &calls.nodes {
            let at = self.place(call, &placed)?;
            placed.push(at);
        }
        for cost in &raw.costs {
            let context = &raw.contexts[cost.context as usize];
            let Some(call) = calls.of_context[cost.context as usize] else {
                continue;
            };
            let chain = self.chains.seen(context.object, cost.site);
            let (outer, inherited) = placed[call as usize];
            self.spend(chain, outer, inherited, cost.cost)?;
        }
        Ok(self.finish(raw.total))
    }

    /// The node of a call below what was inlined at its call site, and the repository line that it counts for.
    fn place(
        &mut self,
        call: &Call,
        placed: &[(u32, Option<Place>)],
    ) -> Result<(u32, Option<Place>), BuildError> {
        let frame = self.frame(call.name, call.file);
        let count = self.calls.entry(frame).or_default();
        *count = count.saturating_add(call.calls);
        let Some(parent) = call.parent else {
            return Ok((self.child(None, frame, false)?, None));
        };
        let (outer, inherited) = placed[parent as usize];
        let chain = call
            .site
            .map_or(&[][..], |(object, site)| self.chains.seen(object, site));
        let (at, steps) = self.descend(chain, outer)?;
        let node = self.child(Some(at), frame, false)?;
        if let Some(&(_, last)) = steps.last() {
            *self.sites.entry((node, last.line)).or_default() += 1;
        }
        Ok((node, self.repo_place(&steps).or(inherited)))
    }

    /// Goes down from a symbol's node through the frames inlined there.
    fn descend(
        &mut self,
        chain: &[Step],
        outer: u32,
    ) -> Result<(u32, Vec<(u32, Step)>), BuildError> {
        let mut at = outer;
        let mut steps: Vec<(u32, Step)> = Vec::with_capacity(chain.len());
        for (i, &step) in chain.iter().enumerate() {
            if i > 0 {
                let frame = self.frame(step.name, step.file);
                let site = steps[i - 1].1.line;
                at = self.child(Some(at), frame, true)?;
                *self.sites.entry((at, site)).or_default() += 1;
            }
            steps.push((at, step));
        }
        Ok((at, steps))
    }

    fn spend(
        &mut self,
        chain: &[Step],
        outer: u32,
        inherited: Option<Place>,
        cost: u64,
    ) -> Result<(), BuildError> {
        let (leaf, steps) = self.descend(chain, outer)?;
        self.nodes[leaf as usize].cost += cost;
        for pair in steps.windows(2) {
            *self.sites.entry((pair[1].0, pair[0].1.line)).or_default() += cost;
        }
        for (node, step) in &steps {
            let frame = self.nodes[*node as usize].frame;
            if self.frames.items[frame as usize].1 == step.file {
                *self.costliest.entry((frame, step.line)).or_default() += cost;
            }
        }
        if let Some(place) = self.repo_place(&steps).or(inherited) {
            *self.lines.entry(place).or_default() += cost;
        }
        Ok(())
    }

    /// The innermost step inside the repository; line 0 of the symbol's own file where only that is known.
    fn repo_place(&self, steps: &[(u32, Step)]) -> Option<Place> {
        let frame_of = |node: u32| self.nodes[node as usize].frame;
        let in_repo = |frame: u32, file: u32| {
            let (name, _) = self.frames.items[frame as usize];
            self.chains.files.items[file as usize].in_repo
                && !names::is_std(&self.chains.names.items[name as usize])
        };
        let exact = steps.iter().rev().find_map(|&(node, step)| {
            let frame = frame_of(node);
            let found = step.line > 0 && in_repo(frame, step.file);
            found.then_some((step.file, step.line, frame))
        });
        exact.or_else(|| {
            let frame = frame_of(steps.first()?.0);
            let (_, file) = self.frames.items[frame as usize];
            in_repo(frame, file).then_some((file, 0, frame))
        })
    }

    fn frame(&mut self, name: u32, file: u32) -> u32 {
        self.frames.slot((name, self.chains.home(name, file)))
    }

    fn child(&mut self, parent: Option<u32>, frame: u32, inlined: bool) -> Result<u32, BuildError> {
        let depth = parent.map_or(1, |p| self.nodes[p as usize].depth + 1);
        if let Some(p) = parent
            && depth > MAX_DEPTH
        {
            return Ok(p); // deeper calls count for the deepest frame that is kept
        }
        let next = self.nodes.len() as u32;
        let node = *self.known.entry((parent, frame, inlined)).or_insert(next);
        if node == next {
            if self.nodes.len() >= MAX_NODES {
                return Err(BuildError::TooLarge);
            }
            self.nodes.push(Open {
                parent,
                frame,
                inlined,
                depth,
                cost: 0,
            });
        }
        Ok(node)
    }

    fn finish(self, total: u64) -> Profile {
        let sites = heaviest(&self.sites);
        let costliest = heaviest(&self.costliest);
        let frames = self
            .frames
            .items
            .iter()
            .enumerate()
            .map(|(i, &(name, file))| {
                let source = &self.chains.files.items[file as usize];
                let name = &self.chains.names.items[name as usize];
                let i = i as u32;
                Frame {
                    name: name.clone(),
                    file: source.path.clone(),
                    line: costliest.get(&i).copied().unwrap_or(0),
                    in_repo: source.in_repo && !names::is_std(name),
                    calls: self.calls.get(&i).copied(),
                }
            });
        let nodes = self.nodes.iter().enumerate().map(|(i, open)| Node {
            parent: open.parent,
            frame: open.frame,
            inlined: open.inlined,
            site: sites.get(&(i as u32)).copied().unwrap_or(0),
            cost: open.cost,
        });
        let lines = self
            .lines
            .iter()
            .map(|(&(file, line, frame), &cost)| LineCost {
                file: self.chains.files.items[file as usize].path.clone(),
                line,
                frame,
                cost,
            });
        let (frames, nodes, lines) = (frames.collect(), nodes.collect(), lines.collect());
        Profile {
            total,
            frames,
            nodes,
            lines,
        }
        .in_order()
    }
}

/// For each owner the known line with the greatest weight, the first of equals.
fn heaviest(weights: &HashMap<(u32, u32), u64>) -> HashMap<u32, u32> {
    let mut best: HashMap<u32, (u64, u32)> = HashMap::new();
    for (&(owner, line), &weight) in weights.iter().filter(|((_, line), _)| *line > 0) {
        let entry = best.entry(owner).or_insert((weight, line));
        if weight > entry.0 || (weight == entry.0 && line < entry.1) {
            *entry = (weight, line);
        }
    }
    best.into_iter()
        .map(|(owner, (_, line))| (owner, line))
        .collect()
}
