//! End-to-end tests of the `uptick` binary, on temporary git repositories.
#![expect(clippy::unwrap_used, reason = "tests")]

mod alerts;
mod architecture;
mod bad_input;
mod bisect;
mod bisect_bad;
mod blobs;
mod changes;
mod clones;
mod collect;
mod commands;
mod criterion;
mod doubts;
mod events;
mod faults;
mod first;
mod forge;
mod frameworks;
mod history;
mod imports;
mod metrics;
mod operating;
mod package;
mod postgres;
mod prune;
mod pulls;
mod readme;
mod release;
mod serve;
mod store;
mod stored;
mod story;
mod submodules;
mod support;
mod truth;
mod words;
