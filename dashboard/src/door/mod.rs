//! The server's door: who is let in, how many at once, for how long.
//!
//! ```text
//! accept ─ a place (places) ─▶ connection ─ head within 30 s, bytes within 60 s (stall) ─▶ router
//!          full: the longest silent one leaves                          rates: 429 + Retry-After
//! ```
//!
//! A peer can open sockets faster than anybody can read requests from them. So a connection that
//! is silent holds its place only as long as nobody else wants it, and no peer holds more than a
//! share of all places.

mod accept;
mod places;
pub(crate) mod rates;
mod stall;

pub(crate) use accept::{serve, serve_patiently};
