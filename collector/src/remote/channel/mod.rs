//! Sending a message to a channel. What is sent is pure and stands in `request`; `client` alone
//! connects, to addresses that `reach` lets it reach.

mod client;
mod reach;
mod request;
mod sign;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use client::{Answer, Outcome, send};
pub use reach::{check_address, place};
pub use sign::{check_secret, secret_of};
