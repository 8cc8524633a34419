//! Builds the call tree: contexts from callgrind, inlined frames from debug information.
//!
//! callgrind names each context by its whole chain of callers, so that the tree is exact. What was inlined is put
//! back by address: below a function by the address of the instruction, between caller and callee by the address
//! of the call from which most of the callee's cost comes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::callgrind::{RawProfile, Site};
use super::symbols::{SourceFile, Symbols};
use super::{Frame, LineCost, MAX_DEPTH, MAX_NODES, Node, Profile, names};

/// Why no profile could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// callgrind's file is damaged.
    #[error(transparent)]
    Parse(#[from] super::callgrind::ParseError),
    /// More call stacks than a profile may hold.
    #[error("the profile has more than {MAX_NODES} frames in its call tree")]
    TooLarge,
}

/// Callers beyond this many in one context are cut at the root (`--separate-callers` is at most 64 here).
const MAX_CALLERS: usize = 512;
/// Levels of one recursion that are drawn (`--separate-recs` is at most 8 here).
const MAX_LEVELS: usize = 64;

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

/// Equal things, numbered in order of appearance.
struct Interner<T> {
    slots: HashMap<T, u32>,
    items: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Interner<T> {
    fn new() -> Self {
        Self {
            slots: HashMap::new(),
            items: Vec::new(),
        }
    }

    fn slot(&mut self, item: T) -> u32 {
        let next = self.items.len() as u32;
        match self.slots.entry(item) {
            Entry::Occupied(e) => *e.get(),
            Entry::Vacant(e) => {
                self.items.push(e.key().clone());
                *e.insert(next)
            }
        }
    }
}

/// One function at one place: the outermost one's name is left to the context.
#[derive(Clone, Copy, Debug)]
struct Step {
    name: u32,
    file: u32,
    line: u32,
}

/// What was inlined at each place, with names and files interned.
struct Chains<'s> {
    symbols: &'s mut Symbols,
    names: Interner<String>,
    files: Interner<SourceFile>,
    /// callgrind's file slot → ours.
    raw_files: Vec<u32>,
    objects: Vec<String>,
    /// By object and address where debug information has them.
    known: HashMap<(u32, Site), Rc<[Step]>>,
    /// The file that names a function: name → file.
    homes: HashMap<u32, u32>,
}

impl<'s> Chains<'s> {
    fn new(raw: &RawProfile<'_>, symbols: &'s mut Symbols) -> Self {
        let mut files = Interner::new();
        files.slot(SourceFile::default());
        let raw_files = raw
            .files
            .iter()
            .map(|f| files.slot(symbols.paths().show(&String::from_utf8_lossy(f))))
            .collect();
        let objects = raw
            .objects
            .iter()
            .map(|o| String::from_utf8_lossy(o).into_owned())
            .collect();
        Self {
            symbols,
            names: Interner::new(),
            files,
            raw_files,
            objects,
            known: HashMap::new(),
            homes: HashMap::new(),
        }
    }

    /// Outermost first, never empty. Without debug information it is callgrind's own file and line.
    fn at(&mut self, object: u32, site: Site) -> Rc<[Step]> {
        if let Some(chain) = self.known.get(&(object, site)) {
            return Rc::clone(chain);
        }
        let frames = if site.address == 0 {
            &[]
        } else {
            self.symbols
                .frames(&self.objects[object as usize], site.address)
        };
        let mut steps = Vec::with_capacity(frames.len().max(1));
        for frame in frames {
            let name = frame
                .name
                .clone()
                .unwrap_or_else(|| names::UNKNOWN.to_owned());
            let file = self.files.slot(frame.file.clone());
            steps.push(Step {
                name: self.names.slot(name),
                file,
                line: frame.line,
            });
        }
        if steps.is_empty() {
            let file = self.raw_files[site.file as usize];
            steps.push(Step {
                name: u32::MAX,
                file,
                line: site.line,
            });
        }
        let chain: Rc<[Step]> = steps.into();
        self.known.insert((object, site), Rc::clone(&chain));
        chain
    }

    fn seen(&self, object: u32, site: Site) -> &[Step] {
        self.known.get(&(object, site)).map_or(&[], |c| &c[..])
    }

    /// A Rust path names one function, although macros and inlining give its instructions lines of other files:
    /// it is filed where most of its cost is. C names (`static int get()`) may occur once per file.
    fn choose_files(&mut self, raw: &RawProfile<'_>, calls: &CallTree) {
        let mut weights: HashMap<(u32, u32), u64> = HashMap::new();
        for cost in &raw.costs {
            let Some(node) = calls.of_context[cost.context as usize] else {
                continue;
            };
            let call = &calls.nodes[node as usize];
            *weights.entry((call.name, call.file)).or_default() += cost.cost;
            let chain = self.at(raw.contexts[cost.context as usize].object, cost.site);
            for step in &chain[1..] {
                *weights.entry((step.name, step.file)).or_default() += cost.cost;
            }
        }
        for call in calls.nodes.iter() {
            if let Some((object, site)) = call.site {
                self.at(object, site);
            }
        }
        let mut weights: Vec<_> = weights.into_iter().collect();
        weights.sort_unstable_by_key(|&((name, file), weight)| {
            (name, weight, std::cmp::Reverse(file))
        });
        for ((name, file), _) in weights {
            if names::is_path(&self.names.items[name as usize]) {
                self.homes.insert(name, file); // the last one is the heaviest
            }
        }
    }

    fn home(&self, name: u32, file: u32) -> u32 {
        self.homes.get(&name).copied().unwrap_or(file)
    }
}

/// A function under its callers, as the symbols say, without what was inlined.
struct Call {
    parent: Option<u32>,
    name: u32,
    file: u32,
    calls: u64,
    /// The call instruction in the parent, with its object.
    site: Option<(u32, Site)>,
}

/// The contexts as a tree, parents before children.
struct CallTree {
    nodes: Vec<Call>,
    of_context: Vec<Option<u32>>,
}

impl CallTree {
    fn new(raw: &RawProfile<'_>, chains: &mut Chains<'_>) -> Result<Self, BuildError> {
        let mut tree = Self {
            nodes: Vec::new(),
            of_context: Vec::new(),
        };
        let mut known = HashMap::new();
        let mut symbols: HashMap<&[u8], u32> = HashMap::new();
        for context in &raw.contexts {
            let mut at = None;
            for symbol in levels(context.name) {
                let name = *symbols.entry(symbol).or_insert_with(|| {
                    chains
                        .names
                        .slot(names::normalise(&String::from_utf8_lossy(symbol)))
                });
                at = Some(tree.child(&mut known, at, name)?);
            }
            if let Some(node) = at {
                tree.nodes[node as usize].file = chains.raw_files[context.file as usize];
            }
            tree.of_context.push(at);
        }
        tree.place_calls(raw);
        Ok(tree)
    }

    fn child(
        &mut self,
        known: &mut HashMap<(Option<u32>, u32), u32>,
        parent: Option<u32>,
        name: u32,
    ) -> Result<u32, BuildError> {
        let next = self.nodes.len() as u32;
        let node = *known.entry((parent, name)).or_insert(next);
        if node == next {
            if self.nodes.len() >= MAX_NODES {
                return Err(BuildError::TooLarge);
            }
            self.nodes.push(Call {
                parent,
                name,
                file: 0,
                calls: 0,
                site: None,
            });
        }
        Ok(node)
    }

    /// Counts calls, and finds for each node the call instruction that most of its cost comes through.
    fn place_calls(&mut self, raw: &RawProfile<'_>) {
        let mut weights: HashMap<(u32, u32, Site), u64> = HashMap::new();
        for arc in &raw.arcs {
            let (Some(callee), Some(caller)) = (
                self.of_context[arc.callee as usize],
                self.of_context[arc.caller as usize],
            ) else {
                continue;
            };
            let node = &mut self.nodes[callee as usize];
            node.calls = node.calls.saturating_add(arc.calls);
            if node.parent == Some(caller) {
                let object = raw.contexts[arc.caller as usize].object;
                let weight = weights.entry((callee, object, arc.site)).or_default();
                *weight = weight.saturating_add(arc.inclusive);
            }
        }
        let mut weights: Vec<_> = weights.into_iter().collect();
        weights.sort_unstable_by_key(|&(place, weight)| (weight, std::cmp::Reverse(place)));
        for ((callee, object, site), _) in weights {
            self.nodes[callee as usize].site = Some((object, site));
        }
    }
}

/// `leaf'2'caller'root` → root, caller, leaf, leaf: from criterion's `Bencher` on where that occurs.
///
/// callgrind lists a function that calls itself once, with its level; it is drawn as often as it is active.
fn levels(name: &[u8]) -> Vec<&[u8]> {
    let mut symbols: Vec<&[u8]> = Vec::new();
    let mut level = 1;
    for (i, piece) in name.split(|&b| b == b'\'').enumerate() {
        if i > 0 && !piece.is_empty() && piece.iter().all(u8::is_ascii_digit) {
            if symbols.len() == 1 {
                level = std::str::from_utf8(piece)
                    .ok()
                    .and_then(|p| p.parse().ok())
                    .unwrap_or(1);
            }
        } else if symbols.len() < MAX_CALLERS {
            symbols.push(piece);
        }
    }
    if let Some(root) = symbols.iter().rposition(|s| is_bencher(s)) {
        symbols.truncate(root + 1);
    }
    symbols.reverse();
    if let Some(&leaf) = symbols.last() {
        let drawn = symbols.iter().filter(|s| **s == leaf).count();
        let missing = level.min(MAX_LEVELS).saturating_sub(drawn);
        symbols.extend(std::iter::repeat_n(leaf, missing));
    }
    symbols
}

/// `criterion::bencher::{Bencher, AsyncBencher}::iter…` in either mangling.
fn is_bencher(symbol: &[u8]) -> bool {
    // Demangling every symbol would cost more than the rest of the tree.
    if memchr::memmem::find(symbol, b"9criterion7bencher").is_none() {
        return false;
    }
    names::is_bencher(&names::normalise(&String::from_utf8_lossy(symbol)))
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
    dearest: HashMap<(u32, u32), u64>,
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
            dearest: HashMap::new(),
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
                *self.dearest.entry((frame, step.line)).or_default() += cost;
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
        let dearest = heaviest(&self.dearest);
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
                    line: dearest.get(&i).copied().unwrap_or(0),
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

impl Profile {
    /// Drops nodes without cost, and brings nodes, frames and lines into the order that names give.
    pub(super) fn in_order(mut self) -> Self {
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
