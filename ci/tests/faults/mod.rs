//! What goes wrong around uptick, done to it on purpose.

mod keeping;
mod names;
mod planted;
