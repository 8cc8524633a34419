//! What is said of one commit against another.

use crate::error::{EXIT_FAILED, EXIT_NO_VERDICT, EXIT_OK, EXIT_REGRESSED};
use crate::judge::{NoVerdict, Row};
use crate::model::{Commit, Counter, Failure, Metric, Report, Sha, Testbed, Variants, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The judgement as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Judged, and nothing regressed.
    Ok,
    /// At least one confirmed regression.
    Regressed,
    /// Nothing could be judged, or something is missing.
    NoVerdict,
}

/// A commit as a document names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRef {
    /// Its object name.
    pub sha: Sha,
    /// The first line of its message.
    pub subject: String,
    /// Its parents.
    #[serde(skip)]
    pub parents: Vec<Sha>,
}

impl CommitRef {
    /// The name of a commit.
    #[must_use]
    pub fn of(c: &Commit) -> Self {
        Self {
            sha: c.sha.clone(),
            subject: c.subject.clone(),
            parents: c.parents.clone(),
        }
    }
}

/// The baseline as a document names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseRef {
    /// Its object name.
    pub sha: Sha,
    /// The first line of its message.
    pub subject: String,
    /// How it was chosen.
    pub how: String,
    /// First-parent steps between it and the head.
    pub distance: u64,
    /// The head is a pull request.
    #[serde(skip)]
    pub proposal: bool,
    /// The one commit of a pull request that a forge merged for a look: it stands on the pull
    /// request's branch, where that merge does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Sha>,
}

/// The document of `check` and `compare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// `uptick.check/1`; [`crate::judge::read`] looks at it before the rest.
    #[serde(skip_deserializing)]
    pub schema: &'static str,
    /// The judgement as a whole.
    pub outcome: Outcome,
    /// Why there is no verdict, where there is none.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub no_verdict: Option<NoVerdict>,
    /// The commit that was judged.
    pub head: CommitRef,
    /// What it was judged against.
    pub base: BaseRef,
    /// The commit that somebody asked about, and what it merges: a push is asked about by its tip,
    /// and `head` is then the worst of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Sha>,
    /// Where both sides are the same commit: the tags in which they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<Variants>,
    /// Where the head was measured.
    pub testbed: Testbed,
    /// The counter of the judged metric.
    pub counter: Counter,
    /// One row a benchmark × metric.
    pub results: Vec<Row>,
    /// What gave no number in the head.
    pub failures: Vec<Failure>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// What could not be measured as it should, and so may hide a change; `--strict` gives no
    /// verdict then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What could be told with more in the store; text keeps silent about it when all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Judgement {
    /// Sets what it comes to.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        let none = || self.why_none(&|r| r.judged);
        self.no_verdict = (outcome == Outcome::NoVerdict).then(none);
    }

    /// Why the rows that are meant come to nothing, where they do.
    #[must_use]
    pub fn why_none(&self, is_meant: &dyn Fn(&Row) -> bool) -> NoVerdict {
        let rows: Vec<&Row> = self.results.iter().filter(|r| is_meant(r)).collect();
        NoVerdict::of(&rows, &self.failures, &self.doubts)
    }

    /// The exit code of the contract.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.outcome {
            Outcome::Regressed => EXIT_REGRESSED,
            _ if !self.failures.is_empty() => EXIT_FAILED,
            Outcome::NoVerdict => EXIT_NO_VERDICT,
            Outcome::Ok => EXIT_OK,
        }
    }

    /// Regressions that no message accepts, the largest first.
    #[must_use]
    pub fn unaccepted(&self) -> Vec<&Row> {
        let mut rows = self.with(Verdict::Regressed);
        rows.retain(|r| r.accepted.is_none());
        rows
    }

    /// Rows that moved the wrong way and were not confirmed, the largest first.
    #[must_use]
    pub fn maybe_worse(&self) -> Vec<&Row> {
        let mut rows = self.with(Verdict::Suspect);
        rows.retain(|r| r.harm() > 0.0);
        rows
    }

    /// Judged rows that moved by less than could be told, and by how much that is.
    #[must_use]
    pub fn blind(&self) -> Vec<&Row> {
        let mut rows = self.with(Verdict::Unchanged);
        rows.retain(|r| r.cannot_tell_below.is_some());
        rows
    }

    /// Benchmarks that gave a number in the head.
    #[must_use]
    pub fn counted(&self) -> usize {
        let counted = |r: &&Row| r.judged && r.head.is_some();
        self.results.iter().filter(counted).count()
    }

    /// Judged rows with that verdict, the largest relative change first.
    #[must_use]
    pub fn with(&self, verdict: Verdict) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self
            .results
            .iter()
            .filter(|r| r.judged && r.verdict == verdict)
            .collect();
        let size = |r: &Row| r.change.map_or(0.0, f64::abs);
        rows.sort_by(|a, b| size(b).total_cmp(&size(a)));
        rows
    }
}

/// What is said beside the rows.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// How the baseline was chosen.
    pub how: String,
    /// First-parent steps from the base to the head.
    pub distance: u64,
    /// See [`BaseRef::proposal`].
    pub proposal: bool,
    /// See [`BaseRef::only`].
    pub only: Option<Sha>,
    /// See [`Judgement::notes`].
    pub notes: Vec<String>,
    /// See [`Judgement::doubts`].
    pub doubts: Vec<String>,
    /// See [`Judgement::hints`].
    pub hints: Vec<String>,
    /// What gave no number when it was measured again.
    pub failures: Vec<Failure>,
    /// Whether a doubt is no verdict.
    pub strict: bool,
    /// See [`Judgement::variants`].
    pub variants: Option<Variants>,
}

/// What two reports say of numbers that are not what they should be, each with the benchmarks
/// that it is said of.
#[must_use]
pub fn doubts(base: &Report, head: &Report, rows: &[Row]) -> Vec<String> {
    let judged: BTreeSet<(&str, &Metric)> = rows
        .iter()
        .filter(|r| r.judged)
        .map(|r| (r.benchmark.as_str(), &r.metric))
        .collect();
    let mut by_note: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for m in head.measurements.iter().chain(&base.measurements) {
        if let (Some(note), true) = (&m.note, judged.contains(&(&*m.benchmark, &m.metric))) {
            by_note.entry(note).or_default().insert(&m.benchmark);
        }
    }
    let said = by_note.into_iter().map(|(note, names)| {
        let first = names.first().copied().unwrap_or_default();
        let more = match names.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        format!("`{first}`{more}: {note}")
    });
    said.collect()
}

/// The judgement of one report against another, from rows that are as sure as they get.
///
/// What failed in the base too is a note; what fails for the first time is a failure of the head.
#[must_use]
pub fn judgement(
    base: &Report,
    head: &Report,
    counter: Counter,
    results: Vec<Row>,
    beside: Beside,
) -> Judgement {
    let failed_before = |f: &Failure| base.failures.iter().any(|b| b.benchmark == f.benchmark);
    let (old, failures): (Vec<Failure>, Vec<Failure>) =
        head.failures.iter().cloned().partition(failed_before);
    let mut doubts = beside.doubts;
    doubts.extend(old.into_iter().map(|f| {
        let name = f.benchmark.unwrap_or_default();
        let said = crate::format::telling(&f.message, 200);
        format!("`{name}` gives no number, as in the baseline: {said}")
    }));
    let mut judgement = Judgement {
        schema: "uptick.check/1",
        outcome: Outcome::Ok,
        no_verdict: None,
        head: CommitRef::of(&head.commit),
        base: BaseRef {
            sha: base.commit.sha.clone(),
            subject: base.commit.subject.clone(),
            how: beside.how,
            distance: beside.distance,
            proposal: beside.proposal,
            only: beside.only,
        },
        asked: Vec::new(),
        variants: beside.variants,
        testbed: head.testbed.clone(),
        counter,
        results,
        failures: [failures, beside.failures].concat(),
        notes: beside.notes,
        doubts,
        hints: beside.hints,
    };
    let of_rows = outcome(&judgement);
    let doubtful = beside.strict && !judgement.doubts.is_empty();
    judgement.settle(match of_rows {
        Outcome::Ok if doubtful => Outcome::NoVerdict,
        settled => settled,
    });
    judgement
}

/// What the rows of a judgement come to.
#[must_use]
pub fn outcome(j: &Judgement) -> Outcome {
    let judged: Vec<&Row> = j.results.iter().filter(|r| r.judged).collect();
    let regressed = |r: &&Row| r.verdict == Verdict::Regressed;
    let stands = |r: &&Row| regressed(r) && r.accepted.is_none();
    if judged.iter().any(stands) {
        return Outcome::Regressed;
    }
    let vanished = judged.iter().any(|r| r.verdict == Verdict::Vanished);
    let missing = vanished || !j.failures.is_empty();
    let told = |r: &&Row| r.is_compared() && r.cannot_tell_below.is_none();
    if missing || !judged.iter().any(told) {
        return Outcome::NoVerdict;
    }
    Outcome::Ok
}
