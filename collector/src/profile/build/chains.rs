//! What is inlined where, with names and files interned.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use crate::profile::callgrind::{RawProfile, Site};
use crate::profile::names;
use crate::profile::symbols::{SourceFile, Symbols};

/// Equal things, numbered in order of appearance.
pub(super) struct Interner<T> {
    pub(super) slots: HashMap<T, u32>,
    pub(super) items: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Interner<T> {
    pub(super) fn new() -> Self {
        Self {
            slots: HashMap::new(),
            items: Vec::new(),
        }
    }

    pub(super) fn slot(&mut self, item: T) -> u32 {
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
pub(super) struct Step {
    pub(super) name: u32,
    pub(super) file: u32,
    pub(super) line: u32,
}

/// What was inlined at each place, with names and files interned.
pub(super) struct Chains<'s> {
    pub(super) symbols: &'s mut Symbols,
    pub(super) names: Interner<String>,
    pub(super) files: Interner<SourceFile>,
    /// callgrind's file slot → ours.
    pub(super) raw_files: Vec<u32>,
    pub(super) objects: Vec<String>,
    /// By object and address where debug information has them.
    pub(super) known: HashMap<(u32, Site), Rc<[Step]>>,
    /// The file that names a function: name → file.
    pub(super) homes: HashMap<u32, u32>,
}

impl<'s> Chains<'s> {
    pub(super) fn new(raw: &RawProfile<'_>, symbols: &'s mut Symbols) -> Self {
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
    pub(super) fn at(&mut self, object: u32, site: Site) -> Rc<[Step]> {
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

    pub(super) fn seen(&self, object: u32, site: Site) -> &[Step] {
        self.known.get(&(object, site)).map_or(&[], |c| &c[..])
    }

    pub(super) fn home(&self, name: u32, file: u32) -> u32 {
        self.homes.get(&name).copied().unwrap_or(file)
    }
}
