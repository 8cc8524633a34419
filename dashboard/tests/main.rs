//! The dashboard from outside: over HTTP, and in a browser.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod browser;
mod changes;
mod channels;
mod commits;
mod compare;
mod door;
mod embed;
mod find;
mod health;
mod http;
mod metrics;
mod openapi;
mod pictures;
mod postgres;
mod proxy;
mod receive;
mod server;
mod statements;
mod support;
mod today;
mod together;
mod triage;
