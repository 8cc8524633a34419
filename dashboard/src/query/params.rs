//! The parameters of an address, decoded and bounded.

use collector::model::Metric;

use crate::error::Fail;
use crate::look::address::decode;

/// Characters of a search text.
const MAX_TEXT: usize = 512;
/// Pages of a list that can be turned.
const MAX_PAGE: usize = 10_000;

/// The parameters of an address, decoded.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(query: &str) -> Self {
        let pairs = query
            .split('&')
            .filter(|p| !p.is_empty())
            .take(32)
            .map(|pair| {
                let (k, v) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(&k.replace('+', " ")), decode(&v.replace('+', " ")))
            });
        Self(pairs.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str());
        found.filter(|v| !v.is_empty())
    }

    /// Every value of that name that is not empty.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of = self.0.iter().filter(move |(k, _)| k == name);
        of.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get(name)
            .unwrap_or("")
            .chars()
            .take(MAX_TEXT)
            .collect()
    }

    /// A text that is shown again.
    pub(super) fn shown(&self, name: &str) -> String {
        crate::text::cut_or_empty(self.get(name).unwrap_or(""), MAX_TEXT)
    }

    pub(super) fn number(&self, name: &str, otherwise: u64) -> Result<u64, Fail> {
        let Some(text) = self.get(name) else {
            return Ok(otherwise);
        };
        text.parse().map_err(|_| bad(name, "a whole number"))
    }

    /// The range of positions that is wanted.
    pub(super) fn positions(&self) -> Result<(u64, u64), Fail> {
        let (from, to) = (self.number("from", 0)?, self.number("to", u64::MAX)?);
        if from > to {
            return Err(Fail::Bad("`from` must not lie behind `to`.".into()));
        }
        Ok((from, to))
    }

    pub(super) fn page(&self) -> Result<usize, Fail> {
        let n = usize::try_from(self.number("page", 1)?).unwrap_or(usize::MAX);
        if n == 0 || n > MAX_PAGE {
            Err(bad("page", "a number from 1 to 10,000"))
        } else {
            Ok(n)
        }
    }

    /// A metric by its name, which may be one of somebody's own.
    pub(super) fn metric(&self) -> Result<Option<String>, Fail> {
        let Some(name) = self.get("metric") else {
            return Ok(None);
        };
        match Metric::of(name, None, None) {
            Ok(metric) => Ok(Some(metric.name().to_owned())),
            Err(_) => Err(bad("metric", "the name of a metric")),
        }
    }

    pub(super) fn one_of<T: Copy + Default>(
        &self,
        name: &str,
        all: &[(T, &'static str)],
    ) -> Result<T, Fail> {
        self.one_word_of(name, all, |word| word)
    }

    /// The same, where an older word means another.
    pub(super) fn one_word_of<T: Copy + Default>(
        &self,
        name: &str,
        all: &[(T, &'static str)],
        now: impl Fn(&str) -> &str,
    ) -> Result<T, Fail> {
        let Some(text) = self.get(name).map(now) else {
            return Ok(T::default());
        };
        let words: Vec<&str> = all.iter().map(|(_, w)| *w).collect();
        let found = all.iter().find(|(_, w)| *w == text).map(|(t, _)| *t);
        found.ok_or_else(|| bad(name, &format!("one of {}", words.join(", "))))
    }
}

pub(super) fn bad(name: &str, wanted: &str) -> Fail {
    Fail::Bad(format!("`{name}` must be {wanted}."))
}
