//! End-to-end tests of the `uptick` binary.
