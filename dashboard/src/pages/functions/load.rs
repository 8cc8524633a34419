//! Where the cost of two commits went, as far as it is stored.

use std::cell::OnceCell;

use collector::measure::FunctionTable;
use collector::model::{FunctionDelta, Sha};
use collector::profile::Profile;
use collector::profile::delta::{self, Explanation};
use collector::store::{MeasuredCommit, PrunedProfile, SeriesState, Store};

use crate::error::Fail;
use crate::flame::Tree;
use crate::pages::answer::{the_commit, the_series};

/// The relative change that counts when the totals are told apart.
const LIMIT: f64 = 0.005;

/// What is known of where the cost went.
pub(super) enum Source {
    /// Whole call stacks of both.
    Stacks {
        base: Box<Profile>,
        head: Box<Profile>,
        explanation: Explanation,
        /// Both as one, once a picture is drawn: documents need none.
        tree: OnceCell<Box<Tree>>,
    },
    /// Self cost by function, which every exact count leaves.
    Tables {
        functions: Vec<FunctionDelta>,
        total: (u64, u64),
    },
    /// Nothing.
    None,
}

pub(super) struct Pair {
    pub(super) series: SeriesState,
    pub(super) base: MeasuredCommit,
    pub(super) head: MeasuredCommit,
    pub(super) source: Source,
    /// Commits whose profile was there once, and when it was pruned.
    pub(super) pruned: Vec<(Sha, PrunedProfile)>,
}

pub(super) fn load(store: &Store, (id, base, head): (&str, &str, &str)) -> Result<Pair, Fail> {
    let series = the_series(store, id)?;
    let (base, head) = (the_commit(store, base)?, the_commit(store, head)?);
    let benchmark = &series.row.key.benchmark;
    let source = match (
        stacks(store, &base.sha, benchmark)?,
        stacks(store, &head.sha, benchmark)?,
    ) {
        (Some(b), Some(h)) => {
            let explanation = delta::explain(&b, &h, LIMIT, &[]);
            Source::Stacks {
                tree: OnceCell::new(),
                base: Box::new(b),
                head: Box::new(h),
                explanation,
            }
        }
        _ => tables(store, &base.sha, &head.sha, benchmark)?,
    };
    let mut pruned = Vec::new();
    if !matches!(source, Source::Stacks { .. }) {
        for sha in [&base.sha, &head.sha] {
            let gone = collector::explain::pruned(store, sha, benchmark)?;
            pruned.extend(gone.map(|p| (sha.clone(), p)));
        }
        pruned.dedup();
    }
    Ok(Pair {
        pruned,
        series,
        base,
        head,
        source,
    })
}

fn stacks(store: &Store, sha: &Sha, benchmark: &str) -> Result<Option<Profile>, Fail> {
    let Some(bytes) = store.any_stacks(sha, benchmark)? else {
        return Ok(None);
    };
    let damaged = |e| {
        Fail::Store(format!(
            "The profile of {} is damaged: {e}. `uptick verify` lists everything that is.",
            sha.short()
        ))
    };
    Profile::decode(&bytes).map(Some).map_err(damaged)
}

fn table(store: &Store, sha: &Sha, benchmark: &str) -> Result<Option<FunctionTable>, Fail> {
    let Some(report) = store.any_report_of(sha)? else {
        return Ok(None);
    };
    Ok(collector::explain::table(store, &report, benchmark)?)
}

fn tables(store: &Store, base: &Sha, head: &Sha, benchmark: &str) -> Result<Source, Fail> {
    let (Some(b), Some(h)) = (
        table(store, base, benchmark)?,
        table(store, head, benchmark)?,
    ) else {
        return Ok(Source::None);
    };
    let mut sides: std::collections::BTreeMap<&str, (u64, u64)> = Default::default();
    for (name, cost) in &b {
        sides.entry(name).or_default().0 += cost;
    }
    for (name, cost) in &h {
        sides.entry(name).or_default().1 += cost;
    }
    let mut functions: Vec<FunctionDelta> = sides
        .into_iter()
        .filter(|(_, (b, h))| b != h)
        .map(|(name, (b, h))| FunctionDelta {
            name: name.into(),
            file: None,
            line: None,
            base: b,
            head: h,
            delta: h.wrapping_sub(b).cast_signed(),
            base_inclusive: 0,
            head_inclusive: 0,
            calls: None,
            caller: None,
        })
        .collect();
    functions.sort_by_key(|f| std::cmp::Reverse(f.delta.unsigned_abs()));
    let sum = |t: &FunctionTable| t.iter().map(|(_, c)| *c).sum();
    Ok(Source::Tables {
        functions,
        total: (sum(&b), sum(&h)),
    })
}

impl Pair {
    pub(super) fn functions(&self) -> &[FunctionDelta] {
        match &self.source {
            Source::Stacks { explanation, .. } => &explanation.functions,
            Source::Tables { functions, .. } => functions,
            Source::None => &[],
        }
    }

    /// Both call trees as one, where they are stored.
    pub(super) fn tree(&self) -> Option<&Tree> {
        let Source::Stacks {
            base, head, tree, ..
        } = &self.source
        else {
            return None;
        };
        Some(tree.get_or_init(|| Box::new(Tree::of(base, head))))
    }

    /// Whether a file is one of the repository, as far as the profiles say.
    pub(super) fn in_repository(&self, file: &str) -> bool {
        let Source::Stacks { base, head, .. } = &self.source else {
            return false;
        };
        let mut frames = head.frames.iter().chain(&base.frames);
        frames.any(|f| f.in_repo && f.file == file)
    }

    pub(super) fn total(&self) -> (u64, u64) {
        match &self.source {
            Source::Stacks { explanation, .. } => explanation.total,
            Source::Tables { total, .. } => *total,
            Source::None => (0, 0),
        }
    }

    pub(super) fn stem(&self) -> String {
        format!(
            "{}/{}..{}",
            self.series.row.key.id(),
            self.base.sha.short(),
            self.head.sha.short()
        )
    }
}
