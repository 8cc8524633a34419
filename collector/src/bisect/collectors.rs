//! Who measures commits for a search in this machine's place.

use std::fmt::Debug;

use crate::error::Result;
use crate::jobs::Purpose;
use crate::model::{Counter, FunctionDelta, Report, Sha};
use crate::run::Progress;

/// The collectors of a server, as a search asks them: about one series.
pub trait Collectors: Debug {
    /// The series' numbers, where one stands for a commit.
    ///
    /// # Errors
    /// When the server cannot be asked.
    fn known(&self) -> Result<Vec<Known>>;

    /// What the series is counted with.
    fn counter(&self) -> Counter;

    /// Waits until commits are measured; what came of each, in their order.
    ///
    /// # Errors
    /// When the server cannot be asked, or does not take these commits.
    fn measure(
        &self,
        commits: &[Sha],
        purpose: Purpose,
        progress: &dyn Progress,
    ) -> Result<Vec<Gave>>;

    /// The functions that differ between two commits, where the server has profiles of both.
    ///
    /// # Errors
    /// When the server cannot be asked.
    fn functions(&self, base: &Sha, head: &Sha) -> Result<Vec<FunctionDelta>>;

    /// The page that compares two commits.
    fn page(&self, base: &Sha, head: &Sha) -> String;
}

/// A number that a server has.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The commit.
    pub sha: Sha,
    /// The value.
    pub value: f64,
}

/// What a server has of a commit.
#[derive(Clone, Debug)]
pub struct Gave {
    /// Its reports, or why there are none.
    pub reports: std::result::Result<Vec<Report>, String>,
    /// Whether the server had them before it was asked.
    pub was_there: bool,
}
