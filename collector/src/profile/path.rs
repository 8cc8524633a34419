//! The critical path: the heaviest way from the root to a leaf, in one line.

use super::{Profile, names};

/// Columns of the line.
const WIDTH: usize = 76;
const ARROW: &str = " › ";
const GAP: &str = "…";

/// The heaviest path, each step with its share of the total: `words 100% › entry 62% › memcmp 31%`.
///
/// At most 76 columns: where it is longer, steps in the middle give way to `…`, those outside the
/// repository first, then those whose share is closest to their caller's. Empty for an empty profile.
#[must_use]
pub fn critical_path(profile: &Profile) -> String {
    let mut steps = heaviest_path(profile);
    if steps.len() > 1 && names::is_bencher(&profile.frames[steps[0].0 as usize].name) {
        steps.remove(0); // every benchmark starts there
    }
    let texts: Vec<String> = steps.iter().map(|s| step_text(profile, *s)).collect();
    let mut kept: Vec<usize> = (0..steps.len()).collect();
    while width(&kept, &texts) > WIDTH && kept.len() > 2 {
        let least = (1..kept.len() - 1).min_by_key(|&i| {
            let (frame, cost) = steps[kept[i]];
            let in_repo = profile.frames[frame as usize].in_repo;
            (in_repo, steps[kept[i - 1]].1 - cost)
        });
        kept.remove(least.unwrap_or(1));
    }
    names::clean(&join(&kept, &texts), WIDTH)
}

/// Frame and inclusive cost of each step.
fn heaviest_path(profile: &Profile) -> Vec<(u32, u64)> {
    let inclusive = profile.inclusive();
    let mut best: Vec<Option<usize>> = vec![None; profile.nodes.len()];
    let mut root: Option<usize> = None;
    for (i, node) in profile.nodes.iter().enumerate() {
        let slot = match node.parent {
            Some(p) => &mut best[p as usize],
            None => &mut root,
        };
        if slot.is_none_or(|s| inclusive[i] > inclusive[s]) {
            *slot = Some(i);
        }
    }
    let owners = profile.owners();
    let mut path = Vec::new();
    let mut at = root;
    while let Some(i) = at {
        // Inlined library code is a detail of the step before it.
        if owners[i] as usize == i {
            path.push((profile.nodes[i].frame, inclusive[i]));
        }
        // Where the function itself costs more than anything below it, the path has arrived.
        at = best[i].filter(|&child| inclusive[child] > profile.nodes[i].cost);
    }
    path
}

fn step_text(profile: &Profile, (frame, cost): (u32, u64)) -> String {
    let share = 100.0 * cost as f64 / profile.total.max(1) as f64;
    let name = names::short(&profile.frames[frame as usize].name);
    format!("{} {share:.0}%", names::clean(&name, 30))
}

fn join(kept: &[usize], texts: &[String]) -> String {
    let mut out = String::new();
    for (i, &step) in kept.iter().enumerate() {
        if i > 0 {
            out.push_str(ARROW);
            if kept[i - 1] + 1 != step {
                out.push_str(GAP);
                out.push_str(ARROW);
            }
        }
        out.push_str(&texts[step]);
    }
    out
}

fn width(kept: &[usize], texts: &[String]) -> usize {
    join(kept, texts).chars().count()
}
