//! What is true, in one order: reports, profiles, alerts, decisions, exclusions, the main
//! line, and what was dropped after a time. Beside it the tokens, of which only hashes are kept.

pub(in crate::store) mod append;
pub(in crate::store) mod arrival;
pub(in crate::store) mod blobs;
pub(in crate::store) mod codec;
pub(in crate::store) mod door;
pub mod entry;
pub(in crate::store) mod fields;
mod fresh;
pub(in crate::store) mod handed;
pub(in crate::store) mod late;
pub(in crate::store) mod older;
pub(in crate::store) mod pruning;
pub(in crate::store) mod reports;
pub(in crate::store) mod tokens;
pub(in crate::store) mod transfer;
pub(in crate::store) mod triage;
pub(in crate::store) mod verify;

pub use handed::Handed;
pub use tokens::{Scope, Token};
pub use transfer::{Imported, MAX_LINE};
pub use triage::{Outcome, Triage};
pub use verify::Verification;
