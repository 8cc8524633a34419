//! The names of a store's benchmarks and metrics, read once for as long as no series is added.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use collector::store::Store;

use crate::error::Fail;
use crate::find::Words;

/// What stands between two names where they are searched; no name has it.
const END: char = '\n';

/// The names of a store.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Each once, in order.
    benchmarks: Vec<String>,
    /// The same in small letters, one after the other: one search goes through all of them.
    lower: String,
    /// Where each begins there, and where the last one ends.
    begins: Vec<usize>,
    metrics: Vec<String>,
    words: OnceLock<Words>,
}

impl Names {
    /// Of names of metrics, each with the name of a benchmark.
    fn of(all: Vec<(String, String)>) -> Self {
        let mut metrics: Vec<String> = Vec::new();
        let mut benchmarks = BTreeSet::new();
        for (metric, benchmark) in all {
            if metrics.last() != Some(&metric) {
                metrics.push(metric);
            }
            benchmarks.insert(benchmark);
        }
        let mut lower = String::new();
        let mut begins = vec![0];
        for name in &benchmarks {
            lower.push_str(&name.to_lowercase().replace(END, " "));
            lower.push(END);
            begins.push(lower.len());
        }
        Self {
            benchmarks: benchmarks.into_iter().collect(),
            lower,
            begins,
            metrics,
            words: OnceLock::new(),
        }
    }

    /// The names of the metrics, in order.
    pub(crate) fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// Their words, by which a mistyped one is told.
    pub(crate) fn words(&self) -> &Words {
        let metrics = self.metrics.iter().map(String::as_str);
        self.words
            .get_or_init(|| Words::of(self.lower.lines().chain(metrics)))
    }

    fn lower(&self, i: usize) -> &str {
        &self.lower[self.begins[i]..self.begins[i + 1] - END.len_utf8()]
    }

    /// The names that hold every word, at most so many: one that is the text first, then those
    /// that begin with it, then the shortest.
    pub(crate) fn holding(&self, text: &str, words: &[String], most: usize) -> Vec<&str> {
        let Some((first, rest)) = words.split_first() else {
            return Vec::new();
        };
        let text = text.trim().to_lowercase();
        let mut found: Vec<usize> = self.with(first);
        found.retain(|i| rest.iter().all(|w| self.lower(*i).contains(w.as_str())));
        let rank = |i: &usize| {
            let name = self.lower(*i);
            (name != text, !name.starts_with(&text), name.len(), *i)
        };
        if found.len() > most {
            found.select_nth_unstable_by_key(most, rank);
            found.truncate(most);
        }
        found.sort_unstable_by_key(rank);
        found.iter().map(|i| self.benchmarks[*i].as_str()).collect()
    }

    /// The places of the names that hold a word.
    fn with(&self, word: &str) -> Vec<usize> {
        let mut out = Vec::new();
        let mut i = 0;
        for (at, _) in self.lower.match_indices(word) {
            while self.begins[i + 1] <= at {
                i += 1;
            }
            // A name that holds it several times is found once.
            if out.last() != Some(&i) {
                out.push(i);
            }
        }
        out
    }
}

/// The names of the store as they were read last.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Option<(i64, Arc<Names>)>>);

impl Shelf {
    /// The names of every series that there is or was.
    pub(crate) fn of(&self, store: &Store) -> Result<Arc<Names>, Fail> {
        let newest = store.newest_series()?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, names)) = kept.as_ref()
            && *at == newest
        {
            return Ok(names.clone());
        }
        let names = Arc::new(Names::of(store.series_names()?));
        *kept = Some((newest, names.clone()));
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::wanted;

    fn names(all: &[&str]) -> Names {
        let named = |b: &&str| ("instructions".to_string(), (*b).to_string());
        Names::of(all.iter().map(named).collect())
    }

    fn found<'a>(names: &'a Names, text: &str, most: usize) -> Vec<&'a str> {
        names.holding(text, &wanted(text), most)
    }

    #[test]
    fn the_whole_name_comes_first_and_then_the_shortest() {
        let all = names(&[
            "parse",
            "a/parse",
            "Parse/large",
            "parse/x",
            "lex",
            "parse parse",
        ]);
        let wanted = ["parse", "parse/x", "Parse/large", "parse parse", "a/parse"];
        assert_eq!(found(&all, "parse", 9), wanted);
        assert_eq!(found(&all, "PARSE", 2), wanted[..2]);
        assert_eq!(found(&all, "large parse", 9), ["Parse/large"]);
        assert_eq!(found(&all, "rg\nPAR", 9), ["Parse/large"]);
        assert!(found(&all, "", 9).is_empty() && found(&all, "parsel", 9).is_empty());
        assert!(found(&Names::default(), "parse", 9).is_empty());
    }
}
