//! What goes wrong around uptick, done to it on purpose: links, hostile names.

mod names;
mod planted;
