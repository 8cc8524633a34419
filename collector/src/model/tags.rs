//! Tags tell variants of one benchmark apart. They are part of its name, `parse{gc=on,threads=4}`,
//! and so of what names a series; JSON has them beside it as well.

use crate::model::legible::is_hostile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tags of one benchmark, and their bytes in all.
const MOST: usize = 16;
const LONGEST: usize = 60;

/// What tells a variant of a benchmark apart, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Tags as they are typed: `gc=on`.
    ///
    /// # Errors
    /// Which of them is none, and why.
    pub fn parse(pairs: &[String]) -> Result<Self, String> {
        let mut tags = Self::default();
        for pair in pairs {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(format!(
                    "`{pair}` is no tag; one is KEY=VALUE, such as gc=on"
                ));
            };
            if tags.0.insert(key.into(), value.into()).is_some() {
                return Err(format!("the tag `{key}` is given twice"));
            }
        }
        tags.check()?;
        Ok(tags)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Key and value of each, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Whether all of these are among them.
    #[must_use]
    pub fn has(&self, others: &Self) -> bool {
        others.0.iter().all(|(k, v)| self.0.get(k) == Some(v))
    }

    /// These, with the values of others where those have some.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(others.0.clone());
        Self(all)
    }

    /// As they are typed: `gc=on,threads=4`.
    #[must_use]
    pub fn typed(&self) -> String {
        let pairs: Vec<String> = self.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join(",")
    }

    /// The name of that variant of a benchmark.
    #[must_use]
    pub fn name(&self, benchmark: &str) -> String {
        if self.is_empty() {
            return benchmark.to_owned();
        }
        format!("{benchmark}{{{}}}", self.typed())
    }

    /// The benchmark and the tags that a name is made of.
    #[must_use]
    pub fn split(name: &str) -> (&str, Self) {
        let Some((benchmark, inner)) = name.strip_suffix('}').and_then(|n| n.rsplit_once('{'))
        else {
            return (name, Self::default());
        };
        let pairs: Vec<String> = inner.split(',').map(str::to_owned).collect();
        match Self::parse(&pairs) {
            // Only what is written as it would be here is tags, so that a name stays one name.
            Ok(tags) if tags.name(benchmark) == name => (benchmark, tags),
            _ => (name, Self::default()),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.0.len() > MOST {
            return Err(format!(
                "{} tags are too many, at most {MOST}",
                self.0.len()
            ));
        }
        for (key, value) in &self.0 {
            for (what, text) in [("key", key), ("value", value)] {
                let odd = |c: char| is_hostile(c) || c.is_whitespace() || "{},=".contains(c);
                if text.is_empty() || text.len() > LONGEST || text.chars().any(odd) {
                    return Err(format!(
                        "tag: a {what} has 1 to {LONGEST} characters and no space, comma, brace or `=`"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A benchmark's name flattened into the fields `benchmark` and `tags`. What comes in may have the
/// tags in either.
pub mod tagged {
    use super::Tags;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    struct Fields {
        benchmark: String,
        #[serde(default, skip_serializing_if = "Tags::is_empty")]
        tags: Tags,
    }

    pub(crate) fn serialize<S: Serializer>(name: &str, s: S) -> Result<S::Ok, S::Error> {
        Fields {
            benchmark: name.to_owned(),
            tags: Tags::split(name).1,
        }
        .serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
        let Fields { benchmark, tags } = Fields::deserialize(d)?;
        tags.check().map_err(D::Error::custom)?;
        let (_, named) = Tags::split(&benchmark);
        if tags.is_empty() || named == tags {
            return Ok(benchmark);
        }
        if named.is_empty() {
            return Ok(tags.name(&benchmark));
        }
        let what = "tags: the benchmark's name has others";
        Err(D::Error::custom(what))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(flatten, with = "tagged")]
        benchmark: String,
    }

    fn tags(pairs: &[&str]) -> Result<Tags, String> {
        let pairs: Vec<String> = pairs.iter().map(|p| (*p).to_string()).collect();
        Tags::parse(&pairs)
    }

    #[test]
    fn tags_are_part_of_a_name_whatever_their_order() {
        let two = tags(&["threads=4", "gc=on"]).unwrap();
        assert_eq!(two.name("parse"), "parse{gc=on,threads=4}");
        assert_eq!(Tags::split("parse{gc=on,threads=4}"), ("parse", two));
        for plain in ["parse", "a{b}", "{}", "a{x=1,}", "a{b=1,a=2}", "}"] {
            assert_eq!(Tags::split(plain), (plain, Tags::default()));
        }
        assert_eq!(Tags::default().name("parse"), "parse");
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for bad in [
            &["gc"][..],
            &["=on"],
            &["gc="],
            &["a=b=c"],
            &["a=1", "a=2"],
            &["a=\u{7}"],
        ] {
            assert!(tags(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn json_may_have_them_in_the_name_or_beside_it() {
        let name = "parse{gc=on}";
        for text in [
            r#"{"benchmark":"parse","tags":{"gc":"on"}}"#,
            r#"{"benchmark":"parse{gc=on}","tags":{"gc":"on"}}"#,
            r#"{"benchmark":"parse{gc=on}"}"#,
        ] {
            let read: Holder = serde_json::from_str(text).unwrap();
            assert_eq!(read.benchmark, name);
        }
        let holder = Holder {
            benchmark: name.into(),
        };
        let text = serde_json::to_string(&holder).unwrap();
        assert_eq!(text, r#"{"benchmark":"parse{gc=on}","tags":{"gc":"on"}}"#);
        for bad in [
            r#"{"benchmark":"parse{gc=on}","tags":{"gc":"off"}}"#,
            r#"{"benchmark":"parse","tags":{"":"off"}}"#,
        ] {
            assert!(serde_json::from_str::<Holder>(bad).is_err(), "{bad}");
        }
    }
}
