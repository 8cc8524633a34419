//! Two variants of the same benchmarks, told apart by the values of the same tags: what a flag
//! costs is asked of one commit, measured with it and without.

use crate::model::tags::Tags;
use serde::{Deserialize, Serialize};

/// Two variants of the same benchmarks: the tags in which they differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variants {
    /// Those of the variant that is judged.
    head: Tags,
    /// The same keys with the values of the one that it is held against.
    base: Tags,
}

impl Variants {
    /// Benchmarks with the tags `head` held against those that have `against` in their place.
    ///
    /// # Errors
    /// Where `against` has a key that `head` lacks, or no other value.
    pub fn of(head: &Tags, against: &Tags) -> Result<Self, String> {
        if against.is_empty() {
            return Err("no tag is named that the other variant has".into());
        }
        let value = |key: &str| head.iter().find(|(k, _)| *k == key).map(|(_, v)| v);
        let mut pairs = Vec::new();
        for (key, other) in against.iter() {
            match value(key) {
                None => return Err(format!("the variant that is judged has no tag `{key}`")),
                Some(own) if own == other => {
                    return Err(format!("both variants have {key}={own}"));
                }
                Some(own) => pairs.push(format!("{key}={own}")),
            }
        }
        Ok(Self {
            head: Tags::parse(&pairs)?,
            base: against.clone(),
        })
    }

    /// What the variant that is judged has, as it is typed: `gc=on`.
    #[must_use]
    pub fn head(&self) -> String {
        self.head.typed()
    }

    /// What the other one has.
    #[must_use]
    pub fn base(&self) -> String {
        self.base.typed()
    }

    /// The other variant's tags, where the one that is judged has these.
    #[must_use]
    pub fn base_tags(&self, head: &Tags) -> Tags {
        head.with(&self.base)
    }

    /// The name that the other variant of a benchmark has; `None` where the benchmark is none of
    /// the variant that is judged.
    #[must_use]
    pub fn base_name(&self, name: &str) -> Option<String> {
        swapped(name, &self.head, &self.base)
    }

    /// The name that the variant which is judged has of a benchmark of the other one.
    #[must_use]
    pub fn head_name(&self, name: &str) -> Option<String> {
        swapped(name, &self.base, &self.head)
    }
}

fn swapped(name: &str, from: &Tags, to: &Tags) -> Option<String> {
    let (benchmark, tags) = Tags::split(name);
    tags.has(from).then(|| tags.with(to).name(benchmark))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tags(pairs: &[&str]) -> Tags {
        let pairs: Vec<String> = pairs.iter().map(|p| (*p).to_string()).collect();
        Tags::parse(&pairs).unwrap()
    }

    #[test]
    fn names_differ_in_the_flag_alone() {
        let v = Variants::of(&tags(&["gc=on", "threads=4"]), &tags(&["gc=off"])).unwrap();
        assert_eq!((v.head(), v.base()), ("gc=on".into(), "gc=off".into()));
        let on = "parse{gc=on,threads=4}";
        let off = "parse{gc=off,threads=4}";
        assert_eq!(v.base_name(on).as_deref(), Some(off));
        assert_eq!(v.head_name(off).as_deref(), Some(on));
        for other in ["parse", off, "parse{gc=auto}"] {
            assert_eq!(v.base_name(other), None, "{other}");
        }
        let all = tags(&["gc=on", "threads=4"]);
        assert_eq!(v.base_tags(&all), tags(&["gc=off", "threads=4"]));
    }

    #[test]
    fn variants_that_differ_in_nothing_or_in_another_tag_are_refused() {
        for (head, against, why) in [
            (&["gc=on"][..], &["gc=on"][..], "both variants have gc=on"),
            (&["gc=on"], &["jit=off"], "no tag `jit`"),
            (&["gc=on"], &[], "no tag is named"),
        ] {
            let e = Variants::of(&tags(head), &tags(against)).unwrap_err();
            assert!(e.contains(why), "{e}");
        }
    }
}
