//! What is asked of a report that is handed in, beyond what is asked of each that is read: a log that
//! an older version wrote is read as it is.

use crate::model::{Failure, Line, Phase, Report};
use crate::store::log::door::{self, hash, name, sha};
use crate::store::log::entry::{Entry, Kind};

/// Bytes of a branch's name: git keeps each in a file, whose path has some 4,000, below a folder.
const BRANCH: usize = 1_000;
/// The first second of the year 1 and the last of 9999, beyond which no page can show a time.
const EARLIEST: i64 = -62_135_596_800;
const LATEST: i64 = 253_402_300_799;

/// Reads an entry that is handed in, and holds it against the bounds. `Err` names the kind, the field
/// and its place.
pub(super) fn read(kind: Kind, bytes: &[u8]) -> Result<Entry, String> {
    let entry = door::read(kind, bytes)?;
    if let Entry::Report(r) = &entry {
        check(r).map_err(|e| format!("{}: {e}", kind.name()))?;
    }
    Ok(entry)
}

fn check(r: &Report) -> Result<(), String> {
    time("commit.time", r.commit.time)?;
    time("started", r.started)?;
    if let Some(reused) = &r.reused {
        sha("reused", &reused.0)?;
    }
    if let Some(line) = &r.line {
        branch(line)?;
    }
    for p in &r.profiles {
        name("profiles.benchmark", &p.benchmark)?;
        hash("profiles.blob", &p.blob)?;
    }
    r.failures.iter().enumerate().try_for_each(stage)
}

fn time(field: &str, seconds: i64) -> Result<(), String> {
    if !(EARLIEST..=LATEST).contains(&seconds) {
        return Err(format!(
            "{field}: {seconds} is in no year from 1 to 9999; it is in seconds since 1970-01-01"
        ));
    }
    Ok(())
}

fn branch(line: &Line) -> Result<(), String> {
    let Line::Branch { name, merge_base } = line else {
        return Ok(());
    };
    let name = name.as_deref().unwrap_or("");
    if name.len() > BRANCH {
        return Err(format!("line.name: longer than {BRANCH} bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err("line.name: has control characters, which no branch of git has".into());
    }
    merge_base
        .as_ref()
        .map_or(Ok(()), |s| sha("line.merge_base", &s.0))
}

fn stage((i, f): (usize, &Failure)) -> Result<(), String> {
    if f.stage == Phase::Other {
        let known = Phase::ALL.map(Phase::name).join(", ");
        return Err(format!("failures[{i}].stage: is none of {known}"));
    }
    Ok(())
}
