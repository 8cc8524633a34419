//! The processes that a benchmark starts, and what they cost: counted with the iteration that
//! started them. `preload.c` writes down between which readings of the clock each of them lived.

use super::RunError;
use super::region::{Mark, Place};
use super::tag::own_name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Four words of its own, and three for each child.
const WORD: usize = 8;
const HEAD: usize = 4 * WORD;
const RECORD: usize = 3 * WORD;
const MOST: usize = 4096;

/// Where a run's file lies.
pub(super) fn path(slot: &Path) -> PathBuf {
    slot.join(own_name("children"))
}

/// Makes the empty file before a run.
pub(super) fn prepare(slot: &Path) -> Result<(), RunError> {
    let made =
        std::fs::File::create(path(slot)).and_then(|f| f.set_len((HEAD + MOST * RECORD) as u64));
    made.map_err(|e| RunError::machine(format!("{}: {e}", path(slot).display())))
}

/// The most memory that a process of a run that is not counted said it had; such a run has nothing
/// else in the file.
pub(super) fn most_memory(slot: &Path) -> Option<u64> {
    let bytes = std::fs::read(path(slot)).ok()?;
    let first = bytes.first_chunk::<WORD>()?;
    Some(u64::from_ne_bytes(*first)).filter(|most| *most > 0)
}

/// Between which readings a process lived; it may not have said when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    began: u64,
    ended: Option<u64>,
}

/// The children of one run, by process number.
pub(super) type Family = BTreeMap<u32, Life>;

/// Reads what the children wrote down.
pub(super) fn read(slot: &Path) -> std::io::Result<Family> {
    Ok(parse(&std::fs::read(path(slot))?))
}

fn parse(bytes: &[u8]) -> Family {
    let mut family = Family::new();
    for record in bytes.get(HEAD..).unwrap_or_default().chunks_exact(RECORD) {
        let word = |i: usize| {
            let mut w = [0; WORD];
            w.copy_from_slice(&record[WORD * i..WORD * (i + 1)]);
            u64::from_ne_bytes(w)
        };
        let Ok(pid) = u32::try_from(word(0)) else {
            continue;
        };
        if pid == 0 {
            continue;
        }
        // A process that executes another program enters once more, under the same number.
        let known = family.get(&pid).copied();
        let began = known.map_or(word(1), |k| k.began.min(word(1)));
        let ended = word(2).checked_sub(1).or(known.and_then(|k| k.ended));
        family.insert(pid, Life { began, ended });
    }
    family
}

/// Adds what each child cost to the mark that ends the interval in which it was started.
///
/// `costs` are of all processes but the benchmark's own. Gives what a reader should know where
/// some child's cost could not be placed.
pub(super) fn add(
    marks: &mut [Mark],
    family: &Family,
    costs: &[(u32, u64)],
) -> Option<&'static str> {
    let readings: Vec<usize> = (0..marks.len())
        .filter(|&i| marks[i].place == Place::Clock)
        .collect();
    let mut note = None;
    for (pid, cost) in costs {
        let Some(life) = family.get(pid) else {
            note = Some(UNCOUNTED);
            continue;
        };
        let began = usize::try_from(life.began).unwrap_or(usize::MAX);
        // After the last reading nothing is measured.
        let Some(&mark) = readings.get(began) else {
            continue;
        };
        if life.ended == Some(life.began) {
            marks[mark].cost += cost;
        } else {
            note = note.or(Some(OUTLIVES));
        }
    }
    note
}

const UNCOUNTED: &str = "it starts a process that cannot be counted (linked statically, or without \
    its environment): what that costs is missing";
pub(super) const OUTLIVES: &str = "it starts a process that lives on from one measured call to another, or is \
    killed: what that costs is missing";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(records: &[[u64; 3]]) -> Vec<u8> {
        let mut words = vec![1, 12, records.len() as u64, 4_026_531_836];
        words.extend(records.iter().flatten());
        words.extend([0; 3]);
        words.iter().flat_map(|w| w.to_ne_bytes()).collect()
    }

    fn marks() -> Vec<Mark> {
        [10, 20, 30]
            .map(|cost| Mark {
                place: Place::Clock,
                cost,
            })
            .to_vec()
    }

    #[test]
    fn a_child_is_counted_where_it_was_started() {
        let family = parse(&file(&[[7, 1, 0], [7, 1, 2], [8, 0, 1]]));
        let mut marks = marks();
        assert_eq!(add(&mut marks, &family, &[(7, 500), (8, 9)]), None);
        assert_eq!(marks[1].cost, 520);
        // What was started before the first reading was set-up.
        assert_eq!((marks[0].cost, marks[2].cost), (19, 30));
    }

    #[test]
    fn what_cannot_be_placed_is_said() {
        let family = parse(&file(&[[7, 1, 3], [8, 1, 0]]));
        assert_eq!(add(&mut marks(), &family, &[(7, 5)]), Some(OUTLIVES));
        assert_eq!(add(&mut marks(), &family, &[(8, 5)]), Some(OUTLIVES));
        assert_eq!(add(&mut marks(), &family, &[(9, 5)]), Some(UNCOUNTED));
        assert_eq!(parse(&[]), Family::new());
    }
}
