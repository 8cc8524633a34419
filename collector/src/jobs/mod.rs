//! The rules of the queue: which job comes next, how long a lease holds, whose fault a failure is.
//!
//! ```text
//! waiting ─claim▶ leased(epoch) ─finish▶ done
//!    ▲               │    └─fail, fault of the commit▶ failed(stage, why)
//!    └─fault of the machine, lease over ─────────────┘ 3 attempts that are the job's own
//! ```
//!
//! A collector whose machine fails one job of a project after the other pauses for that project, and
//! none of them is blamed.
//!
//! Pure: time is an argument, always the store's and never a collector's. `store/queue` has the
//! same rules as SQL, and a test holds the two against each other.

pub mod about;
mod fault;
mod lease;
mod names;
mod order;
mod protocol;
mod purpose;
mod reference;
mod wanted;
pub mod wire;

pub use fault::{ATTEMPTS, After, Fault, LONGEST_PAUSE, after, pause};
pub use lease::{ASKEW, JOB_LIMIT, TTL, backoff, is_expired, is_silent};
pub use names::{check_branch, check_label, check_name};
pub use order::{TURN_OF_OLDEST, Waiting, first_new, is_turn_of_oldest, next};
pub use protocol::{PROTOCOL, refusal, unreadable, unsaid};
pub use purpose::{Purpose, State};
pub use reference::{check_pulls, is_pull, pull_name, pull_number};
pub use wanted::{Offered, OfferedJob, WANTED, Wanted};
