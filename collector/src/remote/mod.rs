//! What is reached over the network: the only sockets of the collector.
//!
//! What is asked and what an answer means is pure and stands under [`forge`]; [`Client`] alone
//! connects.

pub mod forge;
mod http;

pub use http::Client;
