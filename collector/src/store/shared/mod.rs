//! A store whose truth lies elsewhere: the file is a replica, and whatever is written to it goes
//! there first.
//!
//! ```text
//! work on the file ─▶ what it wrote that is not derived ─▶ ship, guarded by the version ─▶ commit
//!                                                            └─ behind: roll back, follow, again
//! ```
//!
//! A replica has the version of the shared log up to which it is the same. A transaction on it runs
//! as on any store; right before its commit everything that it changed outside the view (entries,
//! profiles, and rows of the tables in `capture`) is shipped in one transaction there, which is
//! done only where the shared log still has that version. Else somebody else wrote: this one is
//! rolled back, the replica follows, and the work is done again on what stands now; after some such
//! tries it first waits in line until nobody else writes. So a store is
//! used in the same way whether it is shared or not, and `seq` and every other number are the same
//! on all nodes. The view is derived by each node from the entries.
//!
//! What was changed is noted by triggers of the connection, which the file knows nothing of; rows
//! travel as JSON by the names of their columns, so that an older and a newer uptick work on one
//! log. (SQLite's session extension would do the same, but needs libclang wherever uptick is built.)

mod attach;
mod capture;
mod follow;
mod reached;
mod transact;

pub use crate::store::link::{
    BlobRow, Kin, LogRow, News, Reach, Row, Seen, Server, Shared, Shipment, Version,
};
pub use attach::Marker;
pub use reached::Reached;
