//! How pictures are looked at, as their addresses say it.

pub(crate) mod address;
mod flame;
mod series;

pub(crate) use flame::{Look, Shape};
pub(crate) use series::{Across, BESIDE, Others, SeriesLook, Upward};
