//! Charts as SVG: small, styled by the page's own sheet, with the words a person would say.

mod backend;
mod m4;
mod runs;
mod series;
mod span;
mod spark;

pub(crate) use series::{Drawing, Mark, Marker, Series, draw, with_keys};
pub(crate) use spark::{spark, trend};
