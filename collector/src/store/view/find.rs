//! What a text finds: benchmarks by any part of their name, commits by hash, subject, author and
//! branch.

use rusqlite::types::Value;

use crate::error::Result;
use crate::store::Store;
use crate::store::view::commits::{COMMIT, MeasuredCommit, commit};

/// Words of a text that are looked for; further ones are left out.
const WORDS: usize = 8;
/// Digits from which on a word may be the beginning of a commit's object name.
const HASH: usize = 4;

/// What a text finds, the best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Names of benchmarks that hold every word, in any case.
    pub benchmarks: Vec<String>,
    /// Measured commits: by the beginning of their object name, else those whose subject, author
    /// and branch together hold every word.
    pub commits: Vec<MeasuredCommit>,
}

impl Store {
    /// Benchmarks and commits that a text finds, at most `most` of each. Case matters in neither
    /// for the letters of ASCII. An empty text finds nothing.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn find(&self, text: &str, most: usize) -> Result<Found> {
        let words: Vec<&str> = text.split_whitespace().take(WORDS).collect();
        if words.is_empty() {
            return Ok(Found::default());
        }
        Ok(Found {
            benchmarks: self.find_benchmarks(text.trim(), &words, most)?,
            commits: self.find_commits(&words, most)?,
        })
    }

    /// The measured commit that a person names: by the beginning of its object name, or the newest
    /// of a branch. `main`, `master` and `HEAD` are the main line unless a branch is called so.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn commit_named(&self, text: &str) -> Result<Option<MeasuredCommit>> {
        let text = text.trim();
        if is_hash(text)
            && let Some(found) = self.commit(&text.to_ascii_lowercase())?
        {
            return Ok(Some(found));
        }
        let branch = vec![Value::from(text.to_string())];
        let newest = self.commits_that("branch = ?1 AND branch <> ''", branch, 1)?;
        if newest.is_empty() && ["main", "master", "HEAD"].contains(&text) {
            return Ok(self.commits(u64::MAX, 1)?.into_iter().next());
        }
        Ok(newest.into_iter().next())
    }

    /// A name that is the text comes first, then names that begin with it, then the shortest.
    fn find_benchmarks(&self, text: &str, words: &[&str], most: usize) -> Result<Vec<String>> {
        let (condition, mut values) = holds_all("benchmark", words);
        values.push(Value::from(text.to_string()));
        values.push(Value::from(format!("{}%", escaped(text))));
        values.push(Value::from(most as i64));
        let n = words.len();
        let sql = format!(
            "SELECT DISTINCT benchmark FROM series WHERE points > 0 AND {condition} ORDER BY \
             benchmark <> ?{} COLLATE NOCASE, benchmark NOT LIKE ?{} ESCAPE '\\', \
             length(benchmark), benchmark LIMIT ?{}",
            n + 1,
            n + 2,
            n + 3
        );
        self.ask(|db| {
            let names = rusqlite::params_from_iter(values.iter());
            let mut asked = db.prepare_cached(&sql)?;
            asked.query_map(names, |r| r.get(0))?.collect()
        })
    }

    fn find_commits(&self, words: &[&str], most: usize) -> Result<Vec<MeasuredCommit>> {
        if let [word] = words
            && is_hash(word)
        {
            let begins = vec![Value::from(format!("{}%", word.to_ascii_lowercase()))];
            let named = self.commits_that("sha LIKE ?1", begins, most)?;
            if !named.is_empty() {
                return Ok(named);
            }
        }
        let (condition, values) = holds_all("subject || ' ' || author || ' ' || branch", words);
        self.commits_that(&condition, values, most)
    }

    /// The newest commits of the main line first, then those beside it.
    fn commits_that(
        &self,
        condition: &str,
        mut values: Vec<Value>,
        most: usize,
    ) -> Result<Vec<MeasuredCommit>> {
        values.push(Value::from(most as i64));
        let sql = format!(
            "SELECT {COMMIT} FROM measured_commit WHERE {condition} \
             ORDER BY main DESC, position DESC, sha LIMIT ?{}",
            values.len()
        );
        self.ask(|db| {
            let values = rusqlite::params_from_iter(values.iter());
            let mut asked = db.prepare_cached(&sql)?;
            asked.query_map(values, commit)?.collect()
        })
    }
}

/// Whether a word may be the beginning of a commit's object name.
fn is_hash(word: &str) -> bool {
    word.len() >= HASH && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// That a column holds every word: the condition, and a pattern for each of its parameters.
fn holds_all(column: &str, words: &[&str]) -> (String, Vec<Value>) {
    let each = (1..=words.len()).map(|i| format!("({column}) LIKE ?{i} ESCAPE '\\'"));
    let condition: Vec<String> = each.collect();
    let pattern = |w: &&str| Value::from(format!("%{}%", escaped(w)));
    (condition.join(" AND "), words.iter().map(pattern).collect())
}

/// A text in which the wildcards of LIKE stand for themselves.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}
