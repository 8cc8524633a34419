//! A log in PostgreSQL that several nodes share: what [`collector::store::shared`] asks for, and all
//! SQL of PostgreSQL.
//!
//! ```text
//! writer ─ ship ─▶ one statement: version + 1 where it is the expected one, rows, NOTIFY
//! tail   ─ LISTEN beside a look every two seconds ─▶ heads ─▶ every App follows ─▶ its view
//! ```
//!
//! Each call waits for an answer a bounded time, by this side's clock: a database that hangs (a
//! synchronous standby that is gone makes COMMIT wait, and no time-out of the server covers that)
//! must not hang a node. That is why `tokio-postgres` is used and not `postgres`, which has no
//! time-out for a query; the store calls it without knowing of a runtime. After a time-out the
//! connection is dropped, never cancelled: a COMMIT that is cancelled while it waits for a standby
//! counts as done, and would be acknowledged without being safe. While the database is away one task
//! tries it, and everybody else is refused at once.

mod address;
mod file;
mod news;
mod pool;
mod schema;
mod tail;
mod tls;
mod trouble;
mod turn;

use std::sync::Arc;

use collector::error::Result;
use collector::store::shared::{Seen, Shared};
use tokio::sync::watch;

use address::Address;
use file::File;
use pool::{Heads, Pool};
pub(crate) use turn::Turn;

/// A log in PostgreSQL. Copies are the same one.
#[derive(Clone, Debug)]
pub struct Log {
    pool: Arc<Pool>,
    heads: watch::Receiver<Arc<Heads>>,
}

impl Log {
    /// Connects, and brings the database's schema up to date.
    ///
    /// # Errors
    /// [`collector::error::Error::Usage`] where the address is none, and
    /// [`collector::error::Error::Store`] where the database cannot be reached or is newer.
    pub fn open(address: &str) -> Result<Self> {
        Self::open_after(address, Seen::default())
    }

    /// The same for whoever has seen it: a server that was left behind since is passed over, and
    /// where the database is known and away, it is tried until it is back.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_after(address: &str, seen: Seen) -> Result<Self> {
        let pool = Arc::new(Pool::open(Address::parse(address)?, seen)?);
        let heads = tail::start(&pool);
        Ok(Self { pool, heads })
    }

    /// The address, without a password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.pool.address.shown
    }

    /// One of its files, for a store.
    #[must_use]
    pub fn file(&self, name: &str) -> Box<dyn Shared> {
        Box::new(File::new(self.pool.clone(), name))
    }

    /// Takes the turn at moving the profiles of a file; `None` while another node has it.
    pub(crate) fn turn(&self, file: &str) -> Result<Option<Turn>> {
        turn::take(&self.pool, file)
    }

    /// How many reports a file has after an entry.
    pub(crate) fn reports_after(&self, file: &str, seq: i64) -> Result<u64> {
        let n = self
            .pool
            .call(async |client| news::reports_after(client, file, seq).await)?;
        Ok(n.cast_unsigned())
    }

    /// How many writes of the files that are being read are here, and how many there are.
    pub(crate) fn reading(&self) -> (i64, i64) {
        self.pool.reading()
    }

    /// Why nothing can be written there.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.pool.trouble()
    }

    /// The version of each file, as it was seen last.
    pub(crate) fn heads(&self) -> watch::Receiver<Arc<Heads>> {
        self.heads.clone()
    }
}
