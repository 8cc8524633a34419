//! Reads callgrind's output: self cost per calling context and instruction, and the arcs between contexts.
//!
//! The format is described in valgrind's manual, chapter "Callgrind Format Specification". One file holds
//! several *parts* when dumps are combined; each part ends with a `totals:` line. Names are numbered once and
//! then referred to by number, across parts. Positions are absolute, `+n`, `-n` or `*` (as before).
//! With `--dump-instr=yes` callgrind 3.19 prints addresses as the object file numbers them (what `nm` shows),
//! for position-independent programs and shared objects too.
//!
//! Nothing is copied: names are slices of the input, and a cost line takes 32 bytes of memory (10.6 MB for a real
//! file of 9.1 MB), so that memory is bounded by a constant times the input. Input that does not follow the format
//! is an error with its line number.

mod raw;
mod text;

pub use raw::{Arc, Context, Cost, ParseError, RawProfile, Site};
mod reader;
mod slots;

use crate::profile::callgrind::text::error_at;
use crate::profile::callgrind::text::ir_column;
use crate::profile::callgrind::text::line_end;
use crate::profile::callgrind::text::parse_decimal;
use crate::profile::callgrind::text::words;
use memchr::memmem;

/// What the head and the foot of one part say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// Why the dump was made: `--dump-before=SYMBOL`, `Program termination`, a client request's string.
    pub trigger: Option<String>,
    /// Instructions executed in this part.
    pub total: u64,
}

const TOTALS: &[u8] = b"\ntotals: ";

/// The heads and totals of all parts: bodies are jumped over, not read.
///
/// # Errors
/// A part without `totals:` (the file was cut short) or a total that is no number.
pub fn parts(data: &[u8]) -> Result<Vec<PartHead>, ParseError> {
    let mut out = Vec::new();
    let mut start = 0;
    for foot in memmem::find_iter(data, TOTALS) {
        out.push(part_head(data, start, foot)?);
        start = line_end(data, foot + TOTALS.len());
    }
    if data[start..].iter().any(|b| !b.is_ascii_whitespace()) {
        return Err(error_at(
            data,
            data.len(),
            "the last part has no totals: the file was cut short",
        ));
    }
    Ok(out)
}

fn part_head(data: &[u8], start: usize, foot: usize) -> Result<PartHead, ParseError> {
    let mut trigger = None;
    let mut column = 0;
    for line in data[start..foot].split(|&b| b == b'\n') {
        if let Some(t) = line.strip_prefix(b"desc: Trigger: ") {
            trigger = Some(String::from_utf8_lossy(t).into_owned());
        } else if let Some(events) = line.strip_prefix(b"events:") {
            column =
                ir_column(events).ok_or_else(|| error_at(data, foot, "no event is called Ir"))?;
            break;
        }
    }
    let end = line_end(data, foot + TOTALS.len());
    let line = &data[foot + TOTALS.len()..end];
    if end == data.len() {
        return Err(error_at(
            data,
            foot + 1,
            "the file was cut short at a total",
        ));
    }
    let total = words(line).nth(column).and_then(parse_decimal);
    let total = total.ok_or_else(|| error_at(data, foot + 1, "the total is no number"))?;
    Ok(PartHead { trigger, total })
}

/// Reads the parts with the given indices (from 0, any order) and sums them.
///
/// # Errors
/// Whatever does not follow the format, and a part whose costs do not sum to its total.
pub fn read<'a>(data: &'a [u8], wanted: &[usize]) -> Result<RawProfile<'a>, ParseError> {
    let mut reader = reader::Reader::new(data, wanted);
    match reader.run() {
        Ok(()) => Ok(reader.finish()),
        Err(what) => Err(error_at(data, reader.line_start.min(data.len()), what)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
