//! What is true, in one order: reports, profiles, decisions, tokens.

pub(super) mod blobs;
pub(super) mod codec;
pub(super) mod decisions;
pub(super) mod reports;
pub(super) mod tokens;
pub(super) mod transfer;
pub(super) mod triage;
pub(super) mod verify;

pub use decisions::Decided;
pub use tokens::{Scope, Token};
pub use transfer::{Imported, MAX_LINE};
pub use triage::{Decision, Triage};
pub use verify::Verification;
