//! What a store asks of the place where its truth lies, if that is not its file: see
//! [`crate::store::shared`].

use crate::error::Result;

/// A state of one file of a shared log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// How often it was written.
    pub number: i64,
    /// Which write that was: two histories of equal length are told apart by it. Empty: not known.
    pub mark: String,
}

/// Which database server a log is on, as far as one that was left behind is told from the one that took
/// its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// The cluster, the same on a primary and its standbys; empty: not known.
    pub system: String,
    /// How often a standby took the place of its primary.
    pub timeline: u32,
}

impl Server {
    /// As it is kept: `SYSTEM/TIMELINE`. What is not understood is not known.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let parts = text.split_once('/');
        let known = parts.and_then(|(system, n)| Some((system.into(), n.parse().ok()?)));
        let (system, timeline) = known.unwrap_or_default();
        Self { system, timeline }
    }

    /// Why it must not be used by whoever has seen another one, if so.
    #[must_use]
    pub fn refused_after(&self, seen: &Self) -> Option<String> {
        if seen.system.is_empty() {
            return None;
        }
        if self.system != seen.system {
            return Some(
                "it is another database cluster than before; if the log was moved to it with \
                 everything, serve an empty directory from there, which is filled anew"
                    .into(),
            );
        }
        (self.timeline < seen.timeline).then(|| {
            format!(
                "it was left behind: it is on timeline {}, and {} was seen",
                self.timeline, seen.timeline
            )
        })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.system, self.timeline)
    }
}

/// What a replica knows of its log before it asks there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The newest state of its server that was seen.
    pub server: Server,
    /// Which database it is; `None`: whichever is found.
    pub database: Option<String>,
}

/// An entry of the log as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Its place.
    pub seq: i64,
    /// Its kind.
    pub kind: String,
    /// What it goes by.
    pub hash: String,
    /// Its packed bytes.
    pub document: Vec<u8>,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// The hash of its bytes.
    pub hash: String,
    /// Its packed bytes; `None`: it went.
    pub bytes: Option<Vec<u8>>,
}

/// A row of a table that is neither log nor view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table.
    pub table: String,
    /// Its primary key as a JSON array.
    pub key: String,
    /// The row as a JSON object; `None`: it went.
    pub value: Option<String>,
}

/// What one transaction changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipment {
    /// Entries that are new, or of which a stub is left.
    pub entries: Vec<LogRow>,
    /// Profiles that came or went.
    pub blobs: Vec<BlobRow>,
    /// Rows of other tables.
    pub rows: Vec<Row>,
}

impl Shipment {
    /// Whether nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.blobs.is_empty() && self.rows.is_empty()
    }
}

/// What others wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What they changed, as it is now.
    pub what: Shipment,
    /// The version that a replica has once it applied it.
    pub version: Version,
    /// The number of the shared log's version.
    pub head: i64,
    /// Whether the replica is one of this log's history.
    pub kin: Kin,
}

/// Whether a replica's version is one that the shared log had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kin {
    /// It is.
    #[default]
    Same,
    /// It is not: the log is an older copy of the one that the replica is of.
    Other,
    /// So long ago that the log does not keep it.
    Unknown,
}

/// How far a move into the shared log came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The place of the newest entry there.
    pub seq: i64,
    /// The last profile there, in the order of their hashes.
    pub blob: String,
    /// The version of the shared log.
    pub version: Version,
    /// Whether the move came to its end: others may have written since.
    pub is_done: bool,
}

/// One file of a shared log. Whatever is written there is durable when a call returns.
pub trait Shared: Send + std::fmt::Debug {
    /// Which database it is, whatever its address.
    fn database(&self) -> &str;

    /// Where it is, without a password.
    fn address(&self) -> &str;

    /// The newest state of its server that was seen.
    fn server(&self) -> Server;

    /// Writes what a transaction changed, if the log still has version `at`; gives its version
    /// then. `None`: somebody else wrote.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable. Then it may have been written all the
    /// same, and a replica that follows finds it.
    fn ship(&mut self, at: &Version, what: &Shipment) -> Result<Option<Version>>;

    /// Lets nobody else write until the next [`Shared::ship`] or [`Shared::release`]; gives whether
    /// the log has version `at` (`None`: whichever it has), and is held. Whoever asks first is first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable; then nothing is held.
    fn hold(&mut self, at: Option<&Version>) -> Result<bool>;

    /// Lets others write again.
    fn release(&mut self);

    /// What others wrote after version `after`, some of it; entries come without gaps after `seq`,
    /// the newest that the replica has.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable, or somebody moves a store there.
    fn news(&mut self, after: &Version, seq: i64) -> Result<News>;

    /// Every row of the tables that are neither log nor view.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable.
    fn rows(&mut self) -> Result<Vec<Row>>;

    /// A name that nobody else has.
    ///
    /// # Errors
    /// Where the system has no randomness.
    fn unique(&self) -> Result<String>;

    /// Begins to move a store there, or goes on with it; nobody else writes until
    /// [`Shared::end_move`]. One that ended where it says that it would, at version `end`, is done.
    /// `None`: something is there that is not of this move.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable.
    fn begin_move(&mut self, id: &str, end: &Version) -> Result<Option<Reach>>;

    /// Ends a move.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable.
    fn end_move(&mut self) -> Result<()>;

    /// Has every program stay away from now on that does not know of profiles outside the log: it
    /// would take them for lost.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is unreachable.
    fn keep_outside(&mut self) -> Result<()> {
        Ok(())
    }

    /// Whether something can be written there.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] that says why not.
    fn check(&mut self) -> Result<()>;
}

/// What makes a store a replica: where its truth lies, or nothing where that was not said.
#[derive(Debug, Default)]
pub(in crate::store) struct Link {
    pub(in crate::store) shared: Option<Box<dyn Shared>>,
    /// Whether the replica has the rows of every table and column that this uptick knows.
    pub(in crate::store) has_all: bool,
}
