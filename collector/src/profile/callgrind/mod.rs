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

mod reader;
mod slots;

use memchr::{memchr, memmem};

/// A numeric position that is out of range, a name never defined, a part cut short, …
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callgrind output, line {line}: {what}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// What the head and the foot of one part say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// Why the dump was made: `--dump-before=SYMBOL`, `Program termination`, a client request's string.
    pub trigger: Option<String>,
    /// Instructions executed in this part.
    pub total: u64,
}

/// One function in one calling context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// `f'caller'callers-caller`, as callgrind writes it; `f'2` is the second level of a recursion.
    pub name: &'a [u8],
    /// Index into [`RawProfile::objects`].
    pub object: u32,
    /// Index into [`RawProfile::files`]: where the function is defined.
    pub file: u32,
}

/// Where in the program and in the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Address inside the object; 0 if the file has none.
    pub address: u64,
    /// Index into [`RawProfile::files`]; differs from the context's file for inlined code.
    pub file: u32,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
}

/// Instructions executed at one place in one context. A place may occur several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Index into [`RawProfile::contexts`].
    pub context: u32,
    /// Where.
    pub site: Site,
    /// Instructions.
    pub cost: u64,
}

/// Calls from one place in one context into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc {
    /// Index of the calling context.
    pub caller: u32,
    /// Index of the called context.
    pub callee: u32,
    /// The call instruction, in the caller.
    pub site: Site,
    /// How often; 0 where the call began before this part did.
    pub calls: u64,
    /// Instructions in the callee and all that it called.
    pub inclusive: u64,
}

/// The sum of the wanted parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawProfile<'a> {
    /// Sum of all self costs; checked against the parts' `totals:`.
    pub total: u64,
    /// Object files (executables, libraries); entry 0 is "unknown".
    pub objects: Vec<&'a [u8]>,
    /// Source files; entry 0 is "unknown".
    pub files: Vec<&'a [u8]>,
    /// Functions in their contexts.
    pub contexts: Vec<Context<'a>>,
    /// Self cost.
    pub costs: Vec<Cost>,
    /// Calls.
    pub arcs: Vec<Arc>,
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
    let line = &data[foot + TOTALS.len()..line_end(data, foot + TOTALS.len())];
    let total = words(line).nth(column).and_then(parse_decimal);
    let total = total.ok_or_else(|| error_at(data, foot + 1, "the total is no number"))?;
    Ok(PartHead { trigger, total })
}

fn ir_column(events: &[u8]) -> Option<usize> {
    words(events).position(|e| e == b"Ir")
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty())
}

fn parse_decimal(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn line_end(data: &[u8], from: usize) -> usize {
    memchr(b'\n', &data[from..]).map_or(data.len(), |n| from + n)
}

fn error_at(data: &[u8], offset: usize, what: &'static str) -> ParseError {
    ParseError {
        line: 1 + memchr::memchr_iter(b'\n', &data[..offset]).count(),
        what,
    }
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

type Step<T> = Result<T, &'static str>;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
