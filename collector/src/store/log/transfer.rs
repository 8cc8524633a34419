//! Export and import: documented JSON lines, so that nothing is ever locked in.
//!
//! The first line is `{"schema":"uptick.export/1","ends":true}`; `ends` promises a last line,
//! `{"schema":"uptick.export/1","entries":412}`, without which the file was cut. Each line between
//! is one of
//!
//! ```text
//! {"blob":{"hash":"<sha-256 of the bytes>","base64":"…"}}
//! {"report":{…}}                     a report document, see `model::Report`
//! {"profile":{…}}                    call stacks of a benchmark: where their blob belongs
//! {"alert":{…}}                      a change as it was reported
//! {"decision":{…}}                   what somebody decided about changes
//! {"main_line":{…}}                  commits of the main line
//! {"exclusion":{…}}                  a report that counts no longer, or again
//! {"pruning":{…}}                    profiles and reports that were dropped after a time
//! {"stub":{…}}                       what is left of such a report, in its place
//! {"decided":{…}}                    a change with its decisions, as older versions wrote it
//! ```
//!
//! Entries stand in the order of the log, byte for byte; the profiles of a line come before it.
//! Importing the same file twice changes nothing.

use std::collections::{BTreeSet, HashSet};
use std::io::{BufRead, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::format::{plural, unpacked_by};
use crate::model::{Line as Measured, Report, digest};
use crate::profile::names;
use crate::store::Store;
use crate::store::importing::Beat;
use crate::store::log::append::Sealed;
use crate::store::log::door;
use crate::store::log::entry::{Entry, Kind};
use crate::store::log::fields;
use crate::store::log::older::{Batches, Decided};

/// Reports of an import after which the view follows.
const FOLLOWED: usize = 64;
/// Numbers that take as long to follow as a report has by itself.
const NUMBERS: usize = 1000;

/// How much is said of what is wrong with a line, in characters.
const SAID: usize = 400;
/// The longest line that is read: 256 MiB.
pub const MAX_LINE: u64 = 256 << 20;
pub(super) const SCHEMA: &str = "uptick.export/1";

/// One line; which of the fields it has says what it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'a> {
    pub(super) schema: Option<String>,
    ends: bool,
    entries: Option<u64>,
    #[serde(borrow)]
    pub(super) blob: Option<Blob<'a>>,
    #[serde(borrow)]
    report: Option<&'a RawValue>,
    #[serde(borrow)]
    profile: Option<&'a RawValue>,
    #[serde(borrow)]
    alert: Option<&'a RawValue>,
    #[serde(borrow)]
    decision: Option<&'a RawValue>,
    #[serde(borrow)]
    main_line: Option<&'a RawValue>,
    #[serde(borrow)]
    exclusion: Option<&'a RawValue>,
    #[serde(borrow)]
    pruning: Option<&'a RawValue>,
    #[serde(borrow)]
    stub: Option<&'a RawValue>,
    decided: Option<Box<Decided>>,
}

impl<'a> Line<'a> {
    pub(super) fn read(text: &'a [u8]) -> Result<Self> {
        serde_json::from_slice(text).map_err(|e| {
            let e = e.to_string();
            // Where in the line is no matter: it is none that an export has.
            let why = e.split_once(" at line").map_or(e.as_str(), |(why, _)| why);
            Error::Usage(format!(
                "neither a header, a blob nor an entry of {SCHEMA}, which `uptick export` writes: {why}"
            ))
        })
    }

    /// The entry that it holds, as it stands there; `None` where it holds something else.
    ///
    /// # Errors
    /// [`Error::Usage`] where it holds several: one of them would be lost.
    pub(super) fn entry(&self) -> Result<Option<(Kind, &'a [u8])>> {
        let fields = [
            (Kind::Report, self.report),
            (Kind::Profile, self.profile),
            (Kind::Alert, self.alert),
            (Kind::Decision, self.decision),
            (Kind::MainLine, self.main_line),
            (Kind::Exclusion, self.exclusion),
            (Kind::Pruning, self.pruning),
            (Kind::Stub, self.stub),
        ];
        let mut there = fields
            .into_iter()
            .filter_map(|(kind, raw)| Some((kind, raw?.get().as_bytes())));
        let others = [
            ("schema", self.schema.is_some()),
            ("blob", self.blob.is_some()),
            ("decided", self.decided.is_some()),
        ];
        let mut others = others.into_iter().filter(|o| o.1).map(|o| o.0);
        let first = there.next();
        let second = there.next().map(|(kind, _)| kind.name());
        match (first, second.or_else(|| others.next())) {
            (Some((kind, _)), Some(second)) => Err(Error::Usage(format!(
                "both `{}` and `{second}`, where a line holds one thing",
                kind.name()
            ))),
            (first, _) => Ok(first),
        }
    }
}

#[derive(Deserialize, Serialize)]
pub(super) struct Blob<'a> {
    hash: &'a str,
    base64: std::borrow::Cow<'a, str>,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Reports read.
    pub reports: u64,
    /// Those of them that were not there before.
    pub new: u64,
    /// The hashes under which the reports are stored; an import keeps none.
    pub hashes: Vec<String>,
    /// What to know of fields in them that nobody knows.
    pub note: Option<String>,
}

/// Reading lines: what has been read and not yet stored.
#[derive(Default)]
struct Reading {
    done: Imported,
    blobs: Vec<(String, Vec<u8>)>,
    older: Batches,
    /// Entries since the last header.
    entries: u64,
    /// How much was not derived yet, in reports of [`NUMBERS`].
    behind: usize,
    /// Whether that promised an end.
    ends: bool,
    unknown: BTreeSet<String>,
}

impl Reading {
    /// Takes a line that begins or ends an export.
    fn take_frame(&mut self, line: &Line<'_>) -> Result<()> {
        self.whole_so_far(line.entries)?;
        (self.ends, self.entries) = (line.ends, 0);
        Ok(())
    }

    /// What is wrong with a line, which may itself be as long as a file, and what was kept.
    fn refused(&self, number: u64, what: &str) -> Error {
        let what = names::clean(what, SAID);
        let kept = match self.entries {
            0 => String::new(),
            n => format!(
                " ({} before it stored; import the whole file again once it is mended, which stores \
                 none twice)",
                plural(n, "record")
            ),
        };
        Error::Usage(format!("line {number} of the import: {what}{kept}"))
    }

    /// Refuses what was cut; `said` is how many entries the end says there were.
    fn whole_so_far(&self, said: Option<u64>) -> Result<()> {
        let n = plural(self.entries, "record");
        let again = "those are stored; import the whole file again, which stores none twice";
        match said {
            Some(said) if said != self.entries => Err(Error::Usage(format!(
                "the end of an export of {}, of which {n} came: {again}",
                plural(said, "record")
            ))),
            None if self.ends => Err(Error::Usage(format!(
                "cut off after {n}, before the line that ends an export: {again}"
            ))),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// Writes every entry of the log with its profiles as JSON lines. What is damaged is left
    /// out; its message comes back.
    ///
    /// # Errors
    /// When the store cannot be read at all, or `out` cannot be written.
    pub fn export(&self, out: &mut dyn Write) -> Result<Vec<String>> {
        let mut lost = Vec::new();
        let mut written = HashSet::new();
        let mut entries = 0u64;
        write_frame(out, "\"ends\":true")?;
        self.each_entry(&mut |kind, hash, bytes| {
            let parsed = bytes.and_then(|bytes| {
                let known = Kind::from_name(kind);
                let entry = known.map(|k| Entry::parse(k, &bytes)).transpose();
                let entry = entry.map_err(|e| self.damaged(&format!("entry {hash}: {e}")))?;
                Ok((bytes, entry))
            });
            match parsed {
                Err(e) => lost.push(e.to_string()),
                Ok((bytes, entry)) => {
                    for blob in entry.iter().flat_map(blobs_of) {
                        if written.insert(blob.clone()) {
                            self.export_blob(&blob, out, &mut lost)?;
                        }
                    }
                    write_line(out, kind, &bytes)?;
                    entries += 1;
                    // Whoever reads the line drops them: who names them later brings them again.
                    if let Some(Entry::Pruning(p)) = &entry {
                        p.profiles.iter().for_each(|blob| {
                            written.remove(blob);
                        });
                    }
                }
            }
            Ok(())
        })?;
        write_frame(out, &format!("\"entries\":{entries}"))?;
        out.flush().map_err(unwritten)?;
        Ok(lost)
    }

    /// Writes one report with its profiles as JSON lines, as [`Store::import`] reads them.
    ///
    /// # Errors
    /// When a profile is damaged, or `out` cannot be written.
    pub fn export_report(&self, report: &Report, out: &mut dyn Write) -> Result<()> {
        let json = serde_json::to_vec(report)
            .map_err(|e| Error::Failed(format!("the report cannot be written as JSON: {e}")))?;
        write_line(out, "schema", format!("\"{SCHEMA}\"").as_bytes())?;
        let mut lost = Vec::new();
        for profile in &report.profiles {
            self.export_blob(&profile.blob, out, &mut lost)?;
        }
        if let Some(why) = lost.pop() {
            return Err(Error::Store(why));
        }
        write_line(out, Kind::Report.name(), &json)
    }

    fn export_blob(&self, hash: &str, out: &mut dyn Write, lost: &mut Vec<String>) -> Result<()> {
        match self.blob(hash) {
            Ok(Some(bytes)) => {
                let base64 = BASE64.encode(bytes).into();
                let blob = serde_json::to_vec(&Blob { hash, base64 })
                    .map_err(|e| Error::Failed(format!("the export: {e}")))?;
                write_line(out, "blob", &blob)
            }
            Ok(None) => Ok(()),
            // Half of the profiles would be no export.
            Err(e @ (Error::Objects(_) | Error::Disk(_))) => Err(e),
            Err(e) => {
                lost.push(e.to_string());
                Ok(())
            }
        }
    }

    /// Reads what [`Store::export`] wrote.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the line which is no part of an export, and what is wrong with
    /// it; what stood before it has been stored.
    pub fn import(&mut self, input: &mut dyn BufRead) -> Result<Imported> {
        let unread = |e| Error::Failed(format!("the import cannot be read: {e}"));
        if let Some(command) = unpacked_by(input.fill_buf().map_err(unread)?) {
            return Err(Error::Usage(format!(
                "it is compressed: unpack it first (`{command}`)"
            )));
        }
        let imported = self.import_whole(input);
        // Where that fails, the mark is soon too old to count.
        let _ = self.mark_import(None);
        imported
    }

    fn import_whole(&mut self, input: &mut dyn BufRead) -> Result<Imported> {
        let mut reading = Reading::default();
        if let Err(wrong) = self.import_lines(input, &mut reading) {
            // What stood before the line that is wrong is stored, and shown; where that fails, the
            // next who opens the store shows it, and the line is what there is to mend.
            let _ = self.catch_up();
            return Err(wrong);
        }
        let older = std::mem::take(&mut reading.older);
        older.commands(|command| {
            let sealed = Sealed::of(&Entry::Decision(command))?;
            self.append(&sealed, &[])?;
            Ok::<_, Error>(sealed.hash)
        })?;
        self.catch_up()?;
        reading.done.note = fields::note(&reading.unknown);
        Ok(reading.done)
    }

    fn import_lines(&mut self, input: &mut dyn BufRead, reading: &mut Reading) -> Result<()> {
        let unread = |e| Error::Failed(format!("the import cannot be read: {e}"));
        let mut text = Vec::new();
        let mut is_empty = true;
        let mut beat = Beat::default();
        for number in 1u64.. {
            beat.on(self)?;
            text.clear();
            let n = input
                .take(MAX_LINE)
                .read_until(b'\n', &mut text)
                .map_err(unread)?;
            if n == 0 {
                break;
            }
            // Some editors put a mark before the first line.
            if number == 1 && text.starts_with("\u{feff}".as_bytes()) {
                text.drain(..3);
            }
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            is_empty = false;
            let done = if n as u64 == MAX_LINE {
                Err(Error::Usage("longer than 256 MiB".into()))
            } else {
                self.import_line(&text, reading)
            };
            done.map_err(|e| match e {
                Error::Usage(what) => reading.refused(number, &what),
                e => e,
            })?;
        }
        // An export of nothing has a header: what wrote this failed.
        if is_empty {
            return Err(Error::Usage(
                "the import is empty: not even the header that `uptick export` writes is there"
                    .into(),
            ));
        }
        let cut = reading.whole_so_far(None);
        cut.map_err(|e| Error::Usage(format!("the import: {e}")))
    }

    fn import_line(&mut self, text: &[u8], reading: &mut Reading) -> Result<()> {
        let line = Line::read(text)?;
        if let Some((kind, bytes)) = line.entry()? {
            self.import_entry(kind, bytes, reading)?;
            reading.entries += 1;
            return Ok(());
        }
        if line.schema.as_deref() == Some(SCHEMA) {
            return reading.take_frame(&line);
        }
        match (line.schema, line.blob, line.decided) {
            (Some(schema), ..) => Err(Error::Usage(format!("unknown schema `{schema}`"))),
            (_, Some(blob), _) => {
                reading.blobs.push(unpack_blob(&blob)?);
                Ok(())
            }
            (_, _, Some(decided)) => {
                decided.check().map_err(Error::Usage)?;
                self.import_older(&decided, reading)
            }
            _ => Err(Error::Usage(format!(
                "neither a header, a blob nor an entry of {SCHEMA}"
            ))),
        }
    }

    fn import_entry(&mut self, kind: Kind, bytes: &[u8], reading: &mut Reading) -> Result<()> {
        let entry = door::read(kind, bytes).map_err(Error::Usage)?;
        let sealed = Sealed::of_bytes(kind, bytes)?;
        if let Entry::Report(r) = &entry
            && !matches!(r.line, Some(Measured::Branch { .. }))
            && !self.has_entry(&sealed.hash)?
        {
            // Before it is stored: whoever looks at the store meanwhile is to know.
            self.is_history(r.commit.position)?;
        }
        if let Entry::Pruning(p) = &entry {
            reading.blobs.clear();
            self.catch_up()?;
            return self.import_pruning(&sealed, p);
        }
        let new = self.append(&sealed, &reading.blobs)?;
        reading.blobs.clear();
        if kind == Kind::Report {
            reading.done.reports += 1;
            reading.done.new += u64::from(new);
            fields::add_unknown(bytes, &mut reading.unknown);
            // The view follows some at a time: each time is a transaction of its own.
            let numbers = match &entry {
                Entry::Report(r) => r.measurements.len(),
                _ => 0,
            };
            reading.behind += 1 + numbers / NUMBERS;
            if reading.behind >= FOLLOWED {
                reading.behind = 0;
                self.catch_up()?;
            }
        }
        Ok(())
    }

    fn has_entry(&self, hash: &str) -> Result<bool> {
        self.ask(|db| {
            db.prepare_cached("SELECT EXISTS (SELECT 1 FROM log WHERE hash = ?1)")?
                .query_row([hash], |r| r.get(0))
        })
    }

    fn import_older(&mut self, decided: &Decided, reading: &mut Reading) -> Result<()> {
        self.catch_up()?;
        let alert = decided.alert();
        let event = crate::detect::alerts::life::Event {
            change: alert.change,
            told_at: alert.told_at,
            state: crate::detect::alerts::life::State::New,
            recovered: None,
            seen: true,
        };
        let id = self.report_change(&alert.series, &event)?;
        reading.older.add(&id, &decided.decisions);
        Ok(())
    }
}

pub(super) fn unpack_blob(blob: &Blob<'_>) -> Result<(String, Vec<u8>)> {
    let bytes = BASE64
        .decode(blob.base64.as_bytes())
        .map_err(|e| Error::Usage(format!("blob: {e}")))?;
    if digest(&bytes) != blob.hash {
        return Err(Error::Usage(
            "the blob does not have the hash that it claims".into(),
        ));
    }
    Ok((blob.hash.to_owned(), bytes))
}

/// The profiles that an entry names.
fn blobs_of(entry: &Entry) -> Vec<String> {
    match entry {
        Entry::Report(r) => r.profiles.iter().map(|p| p.blob.clone()).collect(),
        Entry::Profile(p) => vec![p.blob.clone()],
        _ => Vec::new(),
    }
}

/// Writes a line that begins or ends an export.
fn write_frame(out: &mut dyn Write, more: &str) -> Result<()> {
    writeln!(out, "{{\"schema\":\"{SCHEMA}\",{more}}}").map_err(unwritten)
}

fn write_line(out: &mut dyn Write, field: &str, json: &[u8]) -> Result<()> {
    let mut text = format!("{{\"{field}\":").into_bytes();
    text.extend_from_slice(json);
    text.extend_from_slice(b"}\n");
    out.write_all(&text).map_err(unwritten)
}

fn unwritten(e: std::io::Error) -> Error {
    Error::Failed(format!("the export cannot be written: {e}"))
}
