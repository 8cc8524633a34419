//! Taking profiles and keeping them.

use crate::error::Result;
use crate::measure::{self};
use crate::model::Counter;
use crate::model::{Hunk, Variants};
use crate::profile::Profile;
use crate::profile::symbols::Symbols;
use crate::run::{BuiltCommit, Runner};
use crate::store::Store;

/// Whether profiles can be taken on this machine.
#[must_use]
pub fn possible(runner: &Runner) -> bool {
    runner.session().counter == Counter::Callgrind || measure::callgrind::version().is_some()
}

pub(crate) fn keep(
    store: &mut Store,
    runner: &Runner,
    pair: &Pair<'_>,
    name: &str,
    base: &Profile,
    head: &Profile,
) -> Result<()> {
    let (other, base_name) = pair.base_of(runner, name);
    keep_one(store, other, pair.base, &base_name, base)?;
    keep_one(store, runner, pair.head, name, head)
}

pub(crate) fn keep_one(
    store: &mut Store,
    runner: &Runner,
    bench: &BuiltCommit,
    name: &str,
    profile: &Profile,
) -> Result<()> {
    // A profile beyond the limits of the blob's format is drawn but not kept.
    let Ok(bytes) = profile.encode() else {
        return Ok(());
    };
    store.put_stacks(&bench.sha, name, &runner.suite_key(), &bytes)
}

/// Takes and reads the profile of one benchmark.
///
/// # Errors
/// Why it could not be taken, in words.
pub fn take(
    runner: &Runner,
    bench: &BuiltCommit,
    name: &str,
) -> std::result::Result<Profile, String> {
    let Some((job, executable)) = bench.job(name) else {
        return Err(format!(
            "{} has no benchmark of that name",
            bench.sha.short()
        ));
    };
    let raw = measure::profile(runner.session(), job).map_err(|e| e.message)?;
    let mut symbols = Symbols::new(&bench.suite.built_in);
    if let Some(file) = executable {
        symbols = symbols.with_object(&job.program.to_string_lossy(), file);
    }
    let data = raw.files.first().ok_or("callgrind left no output")?;
    let parts = if raw.parts.is_empty() {
        let all = crate::profile::callgrind::parts(data).map_err(|e| e.to_string())?;
        (0..all.len()).collect()
    } else {
        raw.parts
    };
    Profile::read(data, &parts, &mut symbols).map_err(|e| e.to_string())
}

/// Two commits, built, and the diff between them.
pub struct Pair<'a> {
    /// Before.
    pub base: &'a BuiltCommit,
    /// After.
    pub head: &'a BuiltCommit,
    /// The diff.
    pub hunks: &'a [Hunk],
    /// Where both are one commit: what runs the other variant of it.
    pub against: Option<(&'a Runner, &'a Variants)>,
}

impl<'a> Pair<'a> {
    /// What runs the base, and what it calls a benchmark of the head.
    pub(crate) fn base_of(&self, runner: &'a Runner, name: &str) -> (&'a Runner, String) {
        let (runner, other) = match self.against {
            Some((other, variants)) => (other, variants.base_name(name)),
            None => (runner, None),
        };
        (runner, other.unwrap_or_else(|| name.to_owned()))
    }
}
