//! The dashboard from outside: over HTTP, and in a browser.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod browser;
mod door;
mod http;
mod metrics;
mod statements;
mod support;
