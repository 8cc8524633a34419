//! The machine and environment that numbers depend on.

use crate::model::counter::Counter;
use crate::model::digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The C compiler, where commands are built that may call it.
pub const CC: &str = "cc";

/// The machine and environment that numbers depend on.
///
/// Not every counter depends on everything: an instruction count under
/// callgrind does not change with the host's clock rate or kernel, so that
/// hosted runners of different make share one series. [`Testbed::fingerprint`]
/// hashes exactly the facts that the counter depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testbed {
    /// Facts by name: `arch`, `cpu`, `cc`, `guest_cpu`, `kernel`, `libc`, `rustc`, `valgrind`,
    /// `profile`, `strings`, `protocol`, …
    pub facts: BTreeMap<String, String>,
}

/// One fact of two testbeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `rustc`, `libc`, `kernel`, …
    pub name: String,
    /// Its value on the one; empty where that does not know it.
    pub here: String,
    /// Its value on the other.
    pub there: String,
    /// Whether the counter's values depend on it.
    pub matters: bool,
}

impl Fact {
    /// Whether both have the same value.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.here == self.there
    }
}

impl Testbed {
    /// The facts that a counter's values depend on; of a tool that reports numbers all, because
    /// nobody else knows what they depend on.
    fn facts_of<'a>(&'a self, counter: &Counter) -> Vec<&'a str> {
        let own: &[&str] = match counter {
            // valgrind shows every program the same synthetic CPU of the host's vector class.
            Counter::Callgrind => &[
                "arch",
                "guest_cpu",
                "libc",
                "rustc",
                "profile",
                "valgrind",
                "strings",
                "protocol",
                CC,
            ],
            Counter::PerfEvent => &[
                "arch", "cpu", "libc", "rustc", "profile", "strings", "protocol", CC,
            ],
            Counter::Clock | Counter::Rusage => &[
                "arch", "cpu", "cores", "kernel", "libc", "rustc", "profile", "protocol", CC,
            ],
            Counter::File => &["arch", "rustc", "profile", CC],
            Counter::Reported(_) => return self.facts.keys().map(String::as_str).collect(),
        };
        own.to_vec()
    }

    /// Sixteen hexadecimal digits that stand for those facts: equal fingerprints are comparable.
    #[must_use]
    pub fn fingerprint(&self, counter: &Counter) -> String {
        let mut text = String::new();
        for name in self.facts_of(counter) {
            let value = self.facts.get(name).map_or("", String::as_str);
            // Reports of before that was known have the fingerprint that they had.
            if name == CC && value.is_empty() {
                continue;
            }
            text.push_str(&format!("{name}={value}\n"));
        }
        let mut digest = digest(text.as_bytes());
        digest.truncate(16);
        digest
    }

    /// Every fact that either of two testbeds knows, side by side, by name.
    #[must_use]
    pub fn beside(&self, other: &Self, counter: &Counter) -> Vec<Fact> {
        let relevant = self.facts_of(counter);
        let names: BTreeSet<&String> = self.facts.keys().chain(other.facts.keys()).collect();
        let get = |t: &Self, n: &String| t.facts.get(n).cloned().unwrap_or_default();
        let fact = |n: &String| Fact {
            name: n.clone(),
            here: get(self, n),
            there: get(other, n),
            // Whatever another tool reports depends on facts that only one side knows, too.
            matters: relevant.contains(&n.as_str()) || matches!(counter, Counter::Reported(_)),
        };
        names.into_iter().map(fact).collect()
    }

    /// The facts that differ and matter to a counter, as `(name, here, there)`.
    #[must_use]
    pub fn differences(&self, other: &Self, counter: &Counter) -> Vec<(String, String, String)> {
        let get = |t: &Self, n: &str| t.facts.get(n).cloned().unwrap_or_default();
        let mut names = self.facts_of(counter);
        if matches!(counter, Counter::Reported(_)) {
            let only_there = other.facts.keys().filter(|k| !self.facts.contains_key(*k));
            names.extend(only_there.map(String::as_str));
        }
        let all = names
            .into_iter()
            .map(|n| (n.to_string(), get(self, n), get(other, n)));
        all.filter(|(_, a, b)| a != b).collect()
    }
}

impl Testbed {
    /// The fingerprints of some counters as one text, whatever their order.
    #[must_use]
    pub fn key(&self, counters: impl Iterator<Item = Counter>) -> String {
        let counters: std::collections::BTreeSet<Counter> = counters.collect();
        let parts: Vec<String> = counters
            .iter()
            .map(|c| format!("{c}:{}", self.fingerprint(c)))
            .collect();
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_c_compiler_is_another_testbed_and_none_is_what_it_was() {
        let of = |facts: &[(&str, &str)]| Testbed {
            facts: facts
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
        };
        let print = |t: &Testbed| t.fingerprint(&Counter::Callgrind);
        let before = of(&[("rustc", "1")]);
        let (old, new) = (
            of(&[("rustc", "1"), (CC, "12")]),
            of(&[("rustc", "1"), (CC, "13")]),
        );
        assert_eq!(print(&before), print(&of(&[("rustc", "1"), (CC, "")])));
        assert_ne!(print(&before), print(&old));
        assert_ne!(print(&old), print(&new));
        let differ = old.differences(&new, &Counter::Callgrind);
        assert_eq!(differ, [(CC.into(), "12".into(), "13".into())]);
    }
}
