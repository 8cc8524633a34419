//! What gave no number: where it stopped, and whose fault that was.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The step at which a commit, or one of its benchmarks, stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The commit's files could not be brought into a worktree.
    Checkout,
    /// It does not build.
    Build,
    /// An executable does not list its benchmarks.
    List,
    /// A benchmark ended badly, or gave no number.
    Run,
    /// A benchmark did not end in time.
    Timeout,
    /// A benchmark that moved could not be run again.
    Confirm,
    /// A word that this version does not know.
    Other,
}

impl Phase {
    /// Every stage that has a word of its own.
    pub const ALL: [Self; 6] = [
        Self::Checkout,
        Self::Build,
        Self::List,
        Self::Run,
        Self::Timeout,
        Self::Confirm,
    ];

    /// The word in documents and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Build => "build",
            Self::List => "list",
            Self::Run => "run",
            Self::Timeout => "timeout",
            Self::Confirm => "confirm",
            Self::Other => "other",
        }
    }

    /// Whose fault it is where nobody looked closer: what cannot be checked out may be there after
    /// the next fetch; everything later is the commit's own doing.
    #[must_use]
    const fn usual_fault(self) -> Fault {
        match self {
            Self::Checkout | Self::Other => Fault::Machine,
            _ => Fault::Commit,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let word = String::deserialize(d)?;
        let known = Self::ALL.into_iter().find(|s| s.name() == word);
        Ok(known.unwrap_or(Self::Other))
    }
}

/// Whose fault it was, and so what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The commit's: it would fail anywhere, and trying again gives the same.
    Commit,
    /// The machine's, its tools' or its network's: trying again, or elsewhere, may work.
    Machine,
    /// uptick's own: please report it.
    Ours,
}

impl Fault {
    /// Whether trying again may give something else.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        !matches!(self, Self::Commit)
    }
}

/// Why one benchmark, or a commit as a whole, gave no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The benchmark, or `None` when the commit as a whole failed.
    pub benchmark: Option<String>,
    /// Where.
    pub stage: Phase,
    /// Whose fault it was, where it is not what [`Failure::fault`] says of the stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What happened, with the last lines of output; at most 4 KiB.
    pub message: String,
}

impl Failure {
    /// A failure of which nothing more is known than its stage.
    #[must_use]
    pub fn new(benchmark: Option<String>, stage: Phase, message: impl Into<String>) -> Self {
        Self {
            benchmark,
            stage,
            fault: None,
            message: message.into(),
        }
    }

    /// The same, with whose fault it was.
    #[must_use]
    pub fn by(mut self, fault: Fault) -> Self {
        self.fault = (fault != self.stage.usual_fault()).then_some(fault);
        self
    }

    /// Whose fault it was.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault.unwrap_or(self.stage.usual_fault())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn older_failures_read_as_before_and_newer_words_are_no_error() {
        let old = r#"{"benchmark":null,"stage":"checkout","message":"m"}"#;
        let f: Failure = serde_json::from_str(old).unwrap();
        assert_eq!((f.stage, f.fault()), (Phase::Checkout, Fault::Machine));
        assert_eq!(serde_json::to_string(&f).unwrap(), old);
        let new = r#"{"benchmark":"b","stage":"warm up","message":"m"}"#;
        let f: Failure = serde_json::from_str(new).unwrap();
        assert_eq!((f.stage, f.fault()), (Phase::Other, Fault::Machine));
    }

    #[test]
    fn a_fault_is_written_where_the_stage_does_not_say_it() {
        let run = Failure::new(Some("b".into()), Phase::Run, "m");
        assert_eq!(run.clone().by(Fault::Commit), run);
        let text = serde_json::to_string(&run.by(Fault::Machine)).unwrap();
        let machine = r#"{"benchmark":"b","stage":"run","fault":"machine","message":"m"}"#;
        assert_eq!(text, machine);
        for stage in Phase::ALL {
            let word = serde_json::to_string(&stage).unwrap();
            assert_eq!(serde_json::from_str::<Phase>(&word).unwrap(), stage);
        }
    }
}
