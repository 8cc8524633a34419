//! Sending a message to a channel. What is sent is pure and stands in `request`; `client` and
//! `mail` alone connect, to addresses that `reach` lets them reach.

mod answer;
mod client;
mod mail;
mod reach;
mod request;
mod sign;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use answer::{Answer, Outcome};
pub use client::send;
pub use mail::check_mailboxes;
pub use reach::{check_address, place};
pub use sign::{check_secret, secret_of};
