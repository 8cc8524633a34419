//! How often the finder is right, as tables that `cargo bench --bench detect` prints.

#![expect(clippy::print_stdout, reason = "it prints tables")]

pub mod hard;
