//! How much of the cost a text matches.

use super::tree::Tree;

/// What a search finds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// How many functions' names hold the text.
    pub(crate) functions: usize,
    /// Which share of each side's cost they and all they call are; `None` of no cost.
    pub(crate) shares: (Option<f64>, Option<f64>),
}

/// Whether a name holds a text, whatever its case; none holds an empty one.
pub(super) fn holds(name: &str, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    !text.is_empty() && name.to_lowercase().contains(&text)
}

impl Tree {
    fn matching(&self, text: &str) -> Vec<bool> {
        self.names.iter().map(|name| holds(name, text)).collect()
    }

    /// Searches the functions of a whole graph. What lies inside a match is counted with it.
    pub(crate) fn search(&self, text: &str) -> Found {
        let mut matching = self.matching(text);
        // Everything together is no function.
        matching[0] = false;
        let (mut base, mut head) = (0, 0);
        let mut inside = vec![false; self.frames.len()];
        for (i, f) in self.frames.iter().enumerate().skip(1) {
            if inside[f.parent] {
                inside[i] = true;
            } else if matching[f.name] {
                inside[i] = true;
                base += f.base;
                head += f.head;
            }
        }
        let of = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
        Found {
            functions: matching.iter().filter(|m| **m).count(),
            shares: (of(base, self.frames[0].base), of(head, self.frames[0].head)),
        }
    }
}
