//! What comes from outside is held against these bounds once, before it is stored.

use std::collections::HashSet;

use crate::model::Report;
use crate::store::log::entry::{Command, Entry, Kind, Stretch};
use crate::store::log::pruning::Pruning;
use crate::store::log::triage::Triage;

/// Measurements of one report.
const MEASUREMENTS: usize = 200_000;
/// Samples of one report, over all measurements.
const SAMPLES: usize = 2_000_000;
/// Values of any sort of one entry.
const VALUES: usize = 5_000_000;
/// Failures, profiles and facts of one report.
const OTHERS: usize = 20_000;
/// Bytes of a name, a subject, a note.
const NAME: usize = 4_096;
/// Bytes of a failure's message.
const MESSAGE: usize = 64 << 10;
/// Beyond this the difference of two values says nothing any more: 2^53 is the last whole number
/// that each f64 can tell from the next, and sums of squares must not overflow.
const LARGEST: f64 = 1e18;
/// No history has more commits; a position beyond would stay the newest for ever.
const POSITION: u64 = 100_000_000;
/// Commits of one stretch of the main line.
const STRETCH: usize = 10_000_000;
/// Changes that one decision may be about.
const CHANGES: usize = 5_000;

/// Reads an entry that came from outside, and holds it against the bounds. `Err` names the kind,
/// the field and its place.
pub(in crate::store) fn read(kind: Kind, bytes: &[u8]) -> Result<Entry, String> {
    let read = || {
        crowd(kind, bytes)?;
        let entry = Entry::parse(kind, bytes)?;
        check(&entry)?;
        Ok(entry)
    };
    read().map_err(|e: String| format!("{}: {e}", kind.name()))
}

/// Refuses what could not have been measured or decided. `Err` names the field.
fn check(entry: &Entry) -> Result<(), String> {
    match entry {
        Entry::Report(r) => report(r),
        Entry::Profile(p) => {
            name("sha", &p.sha.0)?;
            name("benchmark", &p.benchmark)?;
            hash("blob", &p.blob)
        }
        Entry::Alert(a) => {
            let c = &a.change;
            let levels = [c.before, c.after, c.change, c.low, c.high, c.confidence];
            name("id", &a.id)?;
            name("series.benchmark", &a.series.benchmark)?;
            if levels[..2].iter().any(|x| !x.is_finite()) || levels.iter().any(|x| x.is_nan()) {
                return Err("change: a level is no number".into());
            }
            if c.first > c.last || a.id.is_empty() {
                return Err("change: it has no commits or no id".into());
            }
            Ok(())
        }
        Entry::Decision(c) => command(c),
        Entry::MainLine(s) => stretch(s),
        Entry::Exclusion(e) => {
            hash("report", &e.report)?;
            name("reason", &e.reason)?;
            name("actor", &e.actor)
        }
        Entry::Pruning(p) => pruning(p),
        Entry::Stub(s) => {
            hash("report", &s.report)?;
            sha("commit.sha", &s.commit.sha.0)?;
            place(s.commit.position)
        }
    }
}

/// Refuses bytes with more values than any entry of that kind has, before any of them takes
/// memory: 64 MiB of `0,0,0` would become a quarter of a GiB of numbers.
fn crowd(kind: Kind, bytes: &[u8]) -> Result<(), String> {
    let most = match kind {
        Kind::MainLine => STRETCH,
        _ => VALUES,
    };
    let mut quoted = false;
    let mut escaped = false;
    let mut n = 0;
    for b in bytes {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => n += 1,
            _ => {}
        }
    }
    few("values", n, most)
}

fn report(r: &Report) -> Result<(), String> {
    if r.schema != Report::SCHEMA {
        return Err(format!("schema: unknown `{}`", head(&r.schema)));
    }
    sha("commit.sha", &r.commit.sha.0)?;
    for parent in &r.commit.parents {
        sha("commit.parents", &parent.0)?;
    }
    place(r.commit.position)?;
    if !r.seconds.is_finite() || r.seconds < 0.0 {
        return Err(format!("seconds: {} is no duration", r.seconds));
    }
    for (field, text) in [
        ("commit.author", &r.commit.author),
        ("commit.subject", &r.commit.subject),
        ("build_key", &r.build_key),
        ("suite_key", &r.suite_key),
        ("testbed_key", &r.testbed_key),
    ] {
        name(field, text)?;
    }
    few("measurements", r.measurements.len(), MEASUREMENTS)?;
    few("failures", r.failures.len(), OTHERS)?;
    few("profiles", r.profiles.len(), OTHERS)?;
    few("testbed.facts", r.testbed.facts.len(), OTHERS)?;
    for (key, value) in &r.testbed.facts {
        name("testbed.facts", key)?;
        name("testbed.facts", value)?;
    }
    for (i, f) in r.failures.iter().enumerate() {
        if f.message.len() > MESSAGE {
            return Err(format!(
                "failures[{i}].message: longer than {MESSAGE} bytes"
            ));
        }
        name("failures.benchmark", f.benchmark.as_deref().unwrap_or(""))?;
    }
    measurements(r)
}

fn measurements(r: &Report) -> Result<(), String> {
    let mut seen = HashSet::with_capacity(r.measurements.len());
    let mut samples = 0;
    for (i, m) in r.measurements.iter().enumerate() {
        let at = |field: &str| format!("measurements[{i}].{field}");
        name(&at("benchmark"), &m.benchmark)?;
        if m.benchmark.trim().is_empty() || m.benchmark.contains('\0') {
            return Err(format!("{}: empty, or with a NUL in it", at("benchmark")));
        }
        name(&at("note"), m.note.as_deref().unwrap_or(""))?;
        let numbers = [("value", m.value), ("low", m.low), ("high", m.high)];
        // What is counted here cannot be negative; what others measure may be.
        let least = if m.metric.is_own() { -LARGEST } else { 0.0 };
        for (field, x) in numbers {
            number(&at(field), x, least)?;
        }
        number(&at("spread"), m.spread, 0.0)?;
        for x in &m.samples {
            number(&at("samples"), *x, least)?;
        }
        if m.low > m.high {
            return Err(format!(
                "{}: {} is above high, {}",
                at("low"),
                m.low,
                m.high
            ));
        }
        // Rounded by whoever wrote them.
        let near = 1e-6 * m.low.abs().max(m.high.abs());
        if m.value < m.low - near || m.value > m.high + near {
            return Err(format!(
                "{}: {} is not between low, {}, and high, {}",
                at("value"),
                m.value,
                m.low,
                m.high
            ));
        }
        if !seen.insert((&m.benchmark, &m.metric, &m.counter)) {
            return Err(format!(
                "{}: `{}` {} {} stands there twice",
                at("benchmark"),
                head(&m.benchmark),
                m.metric,
                m.counter.words()
            ));
        }
        samples += m.samples.len();
    }
    few("samples", samples, SAMPLES)
}

fn command(c: &Command) -> Result<(), String> {
    few("changes", c.changes.len(), CHANGES)?;
    for id in &c.changes {
        name("changes", id)?;
    }
    for (field, text) in [("note", &c.note), ("link", &c.link), ("actor", &c.actor)] {
        name(field, text)?;
    }
    let said = [
        ("assignee", &c.assignee),
        ("fixed", &c.fixed),
        ("due", &c.due),
        ("snooze", &c.snooze),
    ];
    for (field, text) in said {
        name(field, text.as_deref().unwrap_or(""))?;
    }
    if !(c.link.is_empty() || c.link.starts_with("https://") || c.link.starts_with("http://")) {
        return Err("link: neither https:// nor http://".into());
    }
    match &c.state {
        Some(word) if Triage::state_of(word).is_none() => {
            Err(format!("state: unknown `{}`", head(word)))
        }
        _ => Ok(()),
    }
}

fn stretch(s: &Stretch) -> Result<(), String> {
    few("commits", s.commits.len(), STRETCH)?;
    if s.from > POSITION {
        return Err(format!("from: {} is no place on a main line", s.from));
    }
    s.commits.iter().try_for_each(|c| sha("commits", &c.0))
}

fn place(position: u64) -> Result<(), String> {
    if position > POSITION {
        return Err(format!(
            "commit.position: {position} is no place on a main line"
        ));
    }
    Ok(())
}

fn pruning(p: &Pruning) -> Result<(), String> {
    few("profiles", p.profiles.len(), OTHERS)?;
    few("reports", p.reports.len(), OTHERS)?;
    few("series", p.series.len(), MEASUREMENTS)?;
    name("actor", &p.actor)?;
    p.profiles.iter().try_for_each(|h| hash("profiles", h))?;
    for r in &p.reports {
        hash("reports.report", &r.report)?;
        hash("reports.stub", &r.stub)?;
    }
    for s in &p.series {
        name("series.benchmark", &s.series.benchmark)?;
    }
    Ok(())
}

fn few(field: &str, n: usize, most: usize) -> Result<(), String> {
    if n > most {
        return Err(format!("{field}: {n} are too many, at most {most}"));
    }
    Ok(())
}

pub(super) fn name(field: &str, text: &str) -> Result<(), String> {
    if text.len() > NAME {
        return Err(format!("{field}: longer than {NAME} bytes"));
    }
    Ok(())
}

fn number(field: &str, x: f64, least: f64) -> Result<(), String> {
    if !x.is_finite() || !(least..=LARGEST).contains(&x) {
        let minus = if least < 0.0 { "-1e18" } else { "0" };
        return Err(format!(
            "{field}: {x} is not between {minus} and {LARGEST:e}"
        ));
    }
    Ok(())
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

pub(super) fn sha(field: &str, text: &str) -> Result<(), String> {
    if !matches!(text.len(), 40 | 64) || !is_lower_hex(text) {
        return Err(format!(
            "{field}: `{}` is no full object name in lower-case hexadecimal",
            head(text)
        ));
    }
    Ok(())
}

pub(super) fn hash(field: &str, text: &str) -> Result<(), String> {
    if text.len() != 64 || !is_lower_hex(text) {
        return Err(format!("{field}: no SHA-256 in hexadecimal"));
    }
    Ok(())
}

/// The beginning of what came from outside, for a message.
fn head(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_refused_before_it_is_read() {
        let many = |n: usize| format!("[{}0]", "0,".repeat(n));
        assert!(crowd(Kind::Report, many(VALUES - 1).as_bytes()).is_ok());
        let why = crowd(Kind::Report, many(VALUES).as_bytes());
        assert!(why.is_err_and(|e| e.contains("values: 5000001 are too many")));
        // Commas in names are no values, whatever is quoted in them.
        let name = format!("[\"{}\\\",,\"]", ",".repeat(VALUES));
        assert_eq!(crowd(Kind::Report, name.as_bytes()), Ok(()));
    }
}
