//! The measured builds of a stretch, as the noise model reads them.

use crate::search::noisy::blocks::MeasuredBuild;
use crate::search::noisy::noise::Noise as Fit;
use crate::search::range::{Noise, Options};
use crate::search::track::Track;

/// Runs per build from which the noise's shape and scale are learned; more cost time only.
const SAMPLE: usize = 150;

/// The measured builds from `lo` to `hi`; what lies between two equal builds is one.
pub(crate) fn measured(track: &Track, noise: &Fit, lo: usize, hi: usize) -> Vec<MeasuredBuild> {
    let mut measured: Vec<MeasuredBuild> = Vec::new();
    for p in (lo..=hi).filter(|&p| track.measured(p)) {
        let same = |s: &MeasuredBuild| track.slot_index(s.first) == track.slot_index(p);
        if let Some(i) = measured.iter().position(same) {
            measured.truncate(i + 1);
            measured[i].last = p;
            continue;
        }
        let slot = track.slot(p);
        let (level, kappa) = noise.level(&slot.values);
        let few = std::array::from_fn(|i| slot.values.get(i).copied().unwrap_or(level));
        measured.push(MeasuredBuild {
            first: p,
            last: p,
            level,
            runs: slot.values.len(),
            kappa,
            few,
        });
    }
    measured
}

/// As much of one build's runs as the noise is learned from.
pub(crate) fn sample(values: &[f64]) -> &[f64] {
    &values[..values.len().min(SAMPLE)]
}

/// Whether the store knows the noise well enough.
pub(crate) fn noise_is_known(options: &Options) -> bool {
    match &options.noise {
        Noise::Known {
            residuals, builds, ..
        } => differences(builds) + residuals.len() >= DIFFERENCES,
        Noise::Exact | Noise::Unknown => false,
    }
}

/// How many differences between runs of one build there are.
pub(crate) fn differences<'a>(builds: impl IntoIterator<Item = &'a Vec<f64>>) -> usize {
    let each = builds.into_iter().map(|b| b.len().saturating_sub(1));
    each.sum()
}

/// A culprit is named from so many differences between runs of one build, or the noise's scale
/// may be well below the truth: without, 15 of 136 searches for two sigma in heavy-tailed noise
/// that ended within 30 runs blamed an innocent commit.
pub(crate) const DIFFERENCES: usize = 24;
