//! What a text finds: commits by hash, subject, author and branch; and the names that there are.

use rusqlite::types::Value;

use crate::error::Result;
use crate::store::Store;
use crate::store::view::commits::{COMMIT, MeasuredCommit, commit};
use crate::store::view::events::OPEN;

/// Words of a text that are looked for; further ones are left out.
const WORDS: usize = 8;
/// Digits from which on a word may be the beginning of a commit's object name.
const HASH: usize = 4;

impl Store {
    /// The names of the metrics and benchmarks of every series that there is or was: by metric,
    /// then by benchmark. Read from an index alone.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn series_names(&self) -> Result<Vec<(String, String)>> {
        self.ask(|db| {
            db.prepare_cached("SELECT DISTINCT metric, benchmark FROM series ORDER BY 1, 2")?
                .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        })
    }

    /// The number of the series that was added last, which is another one once a series is added.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn newest_series(&self) -> Result<i64> {
        self.ask(|db| {
            db.prepare_cached("SELECT coalesce(max(id), 0) FROM series")?
                .query_row([], |r| r.get(0))
        })
    }

    /// Whether a benchmark has a number: those of one may all have been pruned.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn has_numbers(&self, benchmark: &str) -> Result<bool> {
        self.ask(|db| {
            db.prepare_cached("SELECT 1 FROM series WHERE benchmark = ?1 AND points > 0 LIMIT 1")?
                .exists([benchmark])
        })
    }

    /// Whether a metric has a number.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn is_measured(&self, metric: &str) -> Result<bool> {
        self.ask(|db| {
            db.prepare_cached("SELECT 1 FROM series WHERE metric = ?1 AND points > 0 LIMIT 1")?
                .exists([metric])
        })
    }

    /// Who took changes on, each with how many of them are open.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn assignees(&self) -> Result<Vec<(String, u64)>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT e.assignee, sum(e.judged = 1 AND {OPEN}) FROM change e \
                 WHERE e.assignee <> '' GROUP BY e.assignee ORDER BY e.assignee"
            ))?
            .query_map([], |r| Ok((r.get(0)?, r.get::<_, i64>(1)?.cast_unsigned())))?
            .collect()
        })
    }

    /// Who wrote the measured commits.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn authors(&self) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached("SELECT DISTINCT author FROM measured_commit")?
                .query_map([], |r| r.get(0))?
                .collect()
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

    /// Measured commits that a text finds, at most so many: by the beginning of their object name,
    /// else those whose subject, author and branch together hold every word. An empty text finds
    /// nothing.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn find_commits(&self, text: &str, most: usize) -> Result<Vec<MeasuredCommit>> {
        let words = words(text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        if let [word] = words.as_slice()
            && is_hash(word)
        {
            let begins = vec![Value::from(format!("{}%", word.to_ascii_lowercase()))];
            let named = self.commits_that("sha LIKE ?1", begins, most)?;
            if !named.is_empty() {
                return Ok(named);
            }
        }
        let (condition, values) = holds_all("subject || ' ' || author || ' ' || branch", &words);
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

/// The words of a text that are looked for.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().take(WORDS).collect()
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
