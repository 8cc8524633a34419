//! The flame graph: both profiles in one tree, so that what was removed is seen too.
//!
//! ```text
//! two profiles ─ tree ─▶ Tree ─ place ─▶ boxes ─ draw ─▶ the SVG, in the page or alone
//!                          └─ search ─▶ how much of the cost a text matches
//! ```
//! Frames are links: a click asks for the same page with that frame at full width, so that zoom
//! and search stand in the address, labels are fitted anew, and what was too narrow to be drawn is
//! drawn then, however large the profiles are. Colours are classes of the page's sheet: three
//! shades each way, and outlines and hatching for what only one side has.

mod draw;
mod place;
mod search;
mod sheet;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod tree;

pub(crate) use draw::Picture;
pub(crate) use tree::{Tree, shown};
