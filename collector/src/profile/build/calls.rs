//! callgrind's contexts as a tree of symbols.

use std::collections::HashMap;

use super::BuildError;
use super::chains::Chains;
use crate::profile::callgrind::{RawProfile, Site};
use crate::profile::{MAX_NODES, names};

/// Callers beyond this many in one context are cut at the root (`--separate-callers` is at most 64 here).
const MAX_CALLERS: usize = 512;
/// Levels of one recursion that are drawn (`--separate-recs` is at most 8 here).
const MAX_LEVELS: usize = 64;

/// A function under its callers, as the symbols say, without what was inlined.
pub(super) struct Call {
    pub(super) parent: Option<u32>,
    pub(super) name: u32,
    pub(super) file: u32,
    pub(super) calls: u64,
    /// The call instruction in the parent, with its object.
    pub(super) site: Option<(u32, Site)>,
}

/// The contexts as a tree, parents before children.
pub(super) struct CallTree {
    pub(super) nodes: Vec<Call>,
    pub(super) of_context: Vec<Option<u32>>,
}

impl CallTree {
    pub(super) fn new(raw: &RawProfile<'_>, chains: &mut Chains<'_>) -> Result<Self, BuildError> {
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
impl Chains<'_> {
    /// A Rust path names one function, although macros and inlining give its instructions lines of other files:
    /// it is filed where most of its cost is. C names (`static int get()`) may occur once per file.
    pub(super) fn choose_files(&mut self, raw: &RawProfile<'_>, calls: &CallTree) {
        let mut weights: HashMap<(u32, u32), u64> = HashMap::new();
        for cost in &raw.costs {
            let Some(node) = calls.of_context[cost.context as usize] else {
                continue;
            };
            let call = &calls.nodes[node as usize];
            let chain = self.at(raw.contexts[cost.context as usize].object, cost.site);
            // callgrind may have run a copy without debug information and know no file.
            let known = chain.first().filter(|s| s.name != u32::MAX);
            let file = known.map_or(call.file, |s| s.file);
            *weights.entry((call.name, file)).or_default() += cost.cost;
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
    // Only names that can be it are demangled here: contexts repeat the same few symbols many times.
    if memchr::memmem::find(symbol, b"9criterion7bencher").is_none() {
        return false;
    }
    names::is_bencher(&names::normalise(&String::from_utf8_lossy(symbol)))
}
