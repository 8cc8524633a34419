//! What a search found, as a document: `uptick.bisect/1`. Pure.

use serde::Serialize;

use crate::error::{EXIT_NO_VERDICT, EXIT_OK, EXIT_REGRESSED};
use crate::judge::Likely;
use crate::model::{Commit, Counter, FunctionDelta, Metric, Sha, shown};

/// The kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// One commit is the culprit.
    Found,
    /// The two ends do not differ in the direction asked for.
    NoRegression,
    /// One of several commits is, and they cannot be told apart.
    Range,
    /// The commit that the values blamed does not differ from its parent when both are measured
    /// again: some of the values are wrong, and nobody is blamed.
    Contradicted,
}

/// A commit as the document names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its object name.
    pub sha: Sha,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// When, as RFC 3339 in UTC.
    pub date: String,
}

impl Named {
    /// Names a commit.
    #[must_use]
    pub fn of(commit: &Commit) -> Self {
        let date = jiff::Timestamp::from_second(commit.time).unwrap_or_default();
        Self {
            sha: commit.sha.clone(),
            subject: commit.subject.clone(),
            author: commit.author.clone(),
            date: date.to_string(),
        }
    }

    /// The day alone.
    #[must_use]
    pub fn day(&self) -> &str {
        self.date.get(..10).unwrap_or(&self.date)
    }
}

/// One step of the range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundStep {
    /// The most probable commit.
    pub sha: Sha,
    /// Its subject.
    pub subject: String,
    /// The value before.
    pub before: f64,
    /// The value after.
    pub after: f64,
    /// The change as a fraction of the value before.
    pub change: f64,
    /// Its share of the range's total change.
    pub share: f64,
    /// Every commit that may have made it, the most probable first.
    pub suspects: Vec<Sha>,
}

/// A commit that gave no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmeasured {
    /// Its object name.
    pub sha: Sha,
    /// Why, in words.
    pub why: String,
    /// Whether it lies among the suspects.
    pub suspect: bool,
}

/// The range that was searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// The good end, as asked for.
    pub good: Sha,
    /// The bad end, as asked for.
    pub bad: Sha,
    /// Commits after good up to bad along the line that was searched.
    pub commits: usize,
}

/// The document of `bisect`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `uptick.bisect/1`.
    pub schema: &'static str,
    /// The kind of answer.
    pub outcome: Found,
    /// The culprit, if it is one commit.
    pub culprit: Option<Named>,
    /// The merge through which the culprit came, where the search went down a side branch.
    pub merged_by: Option<Named>,
    /// All merges through which the culprit came, the one on the searched line first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<Named>,
    /// The culprit alone, or every commit that may be it, the most probable first.
    pub suspects: Vec<Sha>,
    /// The probability that the culprit is among the suspects.
    pub confidence: f64,
    /// Whether culprit and parent, built side by side and measured again, differed again.
    pub verified: Option<bool>,
    /// What was measured.
    #[serde(flatten, with = "shown")]
    pub metric: Metric,
    /// How; absent where nothing was.
    pub counter: Option<Counter>,
    /// Of what.
    pub benchmark: String,
    /// The value before the culprit; before the range where there is none.
    pub before: f64,
    /// The value after it.
    pub after: f64,
    /// The change as a fraction of the value before.
    pub change: f64,
    /// The share of the range's total change that this is.
    pub share: Option<f64>,
    /// The value at the good end.
    pub good: f64,
    /// The value at the bad end.
    pub bad: f64,
    /// All steps found, the culprit's among them, largest first.
    pub steps: Vec<FoundStep>,
    /// The share of the range's total change that the steps explain.
    pub explained: f64,
    /// The range.
    pub range: Searched,
    /// Commits measured anew, side branches included.
    pub measured: usize,
    /// How many of them lie inside merges.
    pub inside: usize,
    /// Builds in all, those for profiles and for the verification too.
    pub builds: usize,
    /// Commits answered by the store or an equal build key.
    pub reused: usize,
    /// Commits tried until the culprit and its parent were both measured; those after looked for
    /// further steps. Absent where no single commit is blamed.
    pub located: Option<usize>,
    /// Single runs taken, where values are noisy.
    pub runs: usize,
    /// Commits that gave no number.
    pub skipped: Vec<Unmeasured>,
    /// Functions that gained (or lost) cost, the largest change first.
    pub functions: Vec<FunctionDelta>,
    /// The share of the culprit's change that they account for.
    pub functions_explain: Option<f64>,
    /// Places in the culprit's diff that the change likely comes from.
    pub likely: Vec<Likely>,
    /// The differential flame graph.
    pub flamegraph: Option<String>,
    /// Versions that changed, where the culprit changes dependencies only.
    pub dependencies: Vec<String>,
    /// The command that takes the culprit back.
    pub undo: Option<String>,
    /// Why the answer is no better, in one sentence; empty where it is clear.
    pub reason: String,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// The command that searches this again.
    pub again: String,
    /// The log of the search.
    pub log: String,
}

impl Finding {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.bisect/1";

    /// The exit code of the contract: 0 where suspects are named, 1 where the range holds no
    /// regression, 3 where the ends differ but nothing can be blamed, or what was blamed does not
    /// repeat.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self.outcome {
            Found::NoRegression => EXIT_REGRESSED,
            Found::Found => EXIT_OK,
            Found::Range if self.suspects.is_empty() => EXIT_NO_VERDICT,
            Found::Range => EXIT_OK,
            Found::Contradicted => EXIT_NO_VERDICT,
        }
    }

    /// Takes the answer back: measured again, suspect and parent have these values.
    pub fn contradict(&mut self, before: f64, after: f64) {
        let stored = match self.reused {
            0 => String::new(),
            n => format!(", {n} of which were stored before this search"),
        };
        self.outcome = Found::Contradicted;
        self.culprit = None;
        self.merged_by = None;
        self.merges.clear();
        self.located = None;
        self.share = None;
        self.undo = None;
        self.confidence = 0.0;
        self.reason = format!(
            "measured again beside each other, the suspect and the commit before it have {} and \
             {}, which is not the step that the values of this search show{stored}; --fresh \
             measures every commit anew",
            crate::format::value(before, &self.metric),
            crate::format::value(after, &self.metric),
        );
    }
}
