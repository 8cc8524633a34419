//! Export and import: documented JSON lines, so that nothing is ever locked in.
//!
//! The first line is `{"schema":"uptick.export/1"}`. Each further line is one of
//!
//! ```text
//! {"blob":{"hash":"<sha-256 of the bytes>","base64":"…"}}
//! {"report":{…}}                     a report document, see `model::Report`
//! {"decided":{…}}                    a change with what people decided about it
//! ```
//!
//! A report's profiles come before it. Importing the same file twice changes nothing.

use std::io::{BufRead, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Report, digest};
use crate::store::{Decided, Store, Triage};

/// The longest line that is read: 256 MiB.
pub const MAX_LINE: u64 = 256 << 20;
const SCHEMA: &str = "uptick.export/1";

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Header { schema: String },
    Blob { blob: Blob },
    Report { report: Box<Report> },
    Decided { decided: Box<Decided> },
}

#[derive(Serialize, Deserialize)]
struct Blob {
    hash: String,
    base64: String,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Reports read.
    pub reports: u64,
    /// Those of them that were not there before.
    pub new: u64,
}

impl Store {
    /// Writes every report with its profiles as JSON lines. Reports that are damaged are left
    /// out; their messages come back.
    ///
    /// # Errors
    /// When the store cannot be read at all, or `out` cannot be written.
    pub fn export(&self, out: &mut dyn Write) -> Result<Vec<String>> {
        let mut lost = Vec::new();
        write_line(
            out,
            &Line::Header {
                schema: SCHEMA.into(),
            },
        )?;
        let mut written = std::collections::HashSet::new();
        self.each_report(&mut |hash, report| {
            let report = match report {
                Ok(r) => r,
                Err(e) => {
                    lost.push(format!("report {hash}: {e}"));
                    return Ok(());
                }
            };
            for p in &report.profiles {
                if !written.insert(p.blob.clone()) {
                    continue;
                }
                match self.blob(&p.blob) {
                    Ok(Some(bytes)) => {
                        let blob = Blob {
                            hash: p.blob.clone(),
                            base64: BASE64.encode(bytes),
                        };
                        write_line(out, &Line::Blob { blob })?;
                    }
                    Ok(None) => {}
                    Err(e) => lost.push(e.to_string()),
                }
            }
            write_line(
                out,
                &Line::Report {
                    report: Box::new(report),
                },
            )
        })?;
        for decided in self.decided()? {
            let decided = Box::new(decided);
            write_line(out, &Line::Decided { decided })?;
        }
        out.flush()
            .map_err(|e| Error::Failed(format!("the export cannot be written: {e}")))?;
        Ok(lost)
    }

    /// Reads what [`Store::export`] wrote.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the line which is no part of an export; what stood before it
    /// has been stored.
    pub fn import(&mut self, input: &mut dyn BufRead) -> Result<Imported> {
        let mut done = Imported::default();
        let mut blobs: Vec<(String, Vec<u8>)> = Vec::new();
        let mut batches = std::collections::HashMap::new();
        let mut text = Vec::new();
        for number in 1u64.. {
            text.clear();
            let n = input
                .take(MAX_LINE)
                .read_until(b'\n', &mut text)
                .map_err(|e| Error::Failed(format!("the import cannot be read: {e}")))?;
            if n == 0 {
                break;
            }
            let bad = |what: String| Error::Usage(format!("line {number} of the import: {what}"));
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if n as u64 == MAX_LINE {
                return Err(bad("longer than 256 MiB".into()));
            }
            let line: Line = serde_json::from_slice(&text).map_err(|_| {
                bad("neither a header, a blob, a report nor a decision of uptick.export/1".into())
            })?;
            match line {
                Line::Header { schema } if schema == SCHEMA => {}
                Line::Header { schema } => return Err(bad(format!("unknown schema `{schema}`"))),
                Line::Blob { blob } => {
                    let bytes = BASE64
                        .decode(&blob.base64)
                        .map_err(|e| bad(e.to_string()))?;
                    if digest(&bytes) != blob.hash {
                        return Err(bad("the blob does not have the hash that it claims".into()));
                    }
                    blobs.push((blob.hash, bytes));
                }
                Line::Decided { decided } => {
                    check_decided(&decided).map_err(bad)?;
                    self.put_decided(&decided, &mut batches)?;
                }
                Line::Report { report } => {
                    let before = self.counts()?.0;
                    check(&report).map_err(bad)?;
                    self.put(&report, &blobs)?;
                    blobs.clear();
                    done.reports += 1;
                    done.new += self.counts()?.0 - before;
                }
            }
        }
        Ok(done)
    }
}

/// Refuses what could not have been measured.
fn check(report: &Report) -> std::result::Result<(), String> {
    if report.schema != Report::SCHEMA {
        return Err(format!("unknown schema `{}`", report.schema));
    }
    let sha = &report.commit.sha.0;
    if !(sha.len() == 40 || sha.len() == 64) || !sha.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("commit.sha is no full object name".into());
    }
    for m in &report.measurements {
        for (field, x) in [("value", m.value), ("low", m.low), ("high", m.high)] {
            if !x.is_finite() || x < 0.0 {
                return Err(format!("`{}` {}: {field} is {x}", m.benchmark, m.metric));
            }
        }
    }
    Ok(())
}

/// Refuses what nobody can have decided.
fn check_decided(d: &Decided) -> std::result::Result<(), String> {
    if !d.before.is_finite() || !d.after.is_finite() || d.first > d.last {
        return Err("the change has no levels or no commits".into());
    }
    let words = d.decisions.iter().flat_map(|l| [&l.before, &l.after]);
    match words.into_iter().find(|w| Triage::state_of(w).is_none()) {
        Some(word) => Err(format!("unknown state `{word}`")),
        None => Ok(()),
    }
}

fn write_line(out: &mut dyn Write, line: &Line) -> Result<()> {
    let mut text =
        serde_json::to_vec(line).map_err(|e| Error::Failed(format!("the export: {e}")))?;
    text.push(b'\n');
    out.write_all(&text)
        .map_err(|e| Error::Failed(format!("the export cannot be written: {e}")))
}
