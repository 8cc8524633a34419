//! Charts as SVG: small, styled by the page's own sheet, with the words a person would say.

mod backend;
mod m4;
mod series;
mod spark;

pub(crate) use series::{Mark, Marker, Series, draw};
pub(crate) use spark::spark;
