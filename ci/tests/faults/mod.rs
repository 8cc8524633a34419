//! What goes wrong around uptick, done to it on purpose. `README.md` beside this has the table.

mod clients;
mod clock;
mod disk;
mod fuzz;
mod keeping;
mod kills;
mod names;
pub(crate) mod objects;
mod planted;
mod power;
mod replaced;
mod server;
