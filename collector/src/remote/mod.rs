//! What is reached over the network: the only sockets of the collector.
//!
//! What is asked of a forge and what an answer means is pure and stands under [`forge`];
//! [`Client`] alone connects there, and [`speak`] says there what a check came to. Messages to people
//! go by [`channel`], which may reach less.
//! [`Server`] is an uptick server as a collector sees it.

pub mod channel;
pub mod forge;
mod http;
pub mod objects;
mod s3;
mod server;
mod speak;

pub use http::Client;
pub use server::{Answer, Server, base, is_in_the_clear};
pub use speak::{Said, Speech, sections, speak};
