//! Reads callgrind's output: self cost per calling context and instruction, and the arcs between contexts.
//!
//! The format is described in valgrind's manual, chapter "Callgrind Format Specification". One file holds
//! several *parts* when dumps are combined; each part ends with a `totals:` line. Names are numbered once and
//! then referred to by number, across parts. Positions are absolute, `+n`, `-n` or `*` (as before).
//! With `--dump-instr=yes` callgrind 3.19 prints addresses as the object file numbers them (what `nm` shows),
//! for position-independent programs and shared objects too.
//!
//! Nothing is copied: names are slices of the input, and a cost line costs 32 bytes of memory, so memory is at
//! most some 6 times the input. Input that does not follow the format is an error with its line number.

use std::collections::HashMap;

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
    let mut reader = Reader::new(data, wanted);
    match reader.run() {
        Ok(()) => Ok(reader.finish()),
        Err(what) => Err(error_at(data, reader.line_start.min(data.len()), what)),
    }
}

type Step<T> = Result<T, &'static str>;

/// Numbered names of one kind (objects, files or functions).
struct Names<'a> {
    /// Slot by number, for the small numbers that callgrind gives.
    near: Vec<u32>,
    /// Slot by number, for any other.
    far: HashMap<u64, u32>,
    /// Slot by name, for names without a number.
    plain: HashMap<&'a [u8], u32>,
    names: Vec<&'a [u8]>,
}

const NONE: u32 = u32::MAX;
/// Numbers below this index a vector (4 MiB at most); beyond it, a map.
const NEAR: u64 = 1 << 20;

impl<'a> Names<'a> {
    fn new() -> Self {
        Self {
            near: Vec::new(),
            far: HashMap::new(),
            plain: HashMap::new(),
            names: vec![b""],
        }
    }

    /// The slot of `(7) name`, `(7)` or `name`.
    fn slot(&mut self, text: &'a [u8]) -> Step<u32> {
        let Some(rest) = text.strip_prefix(b"(") else {
            return Ok(self.plain_slot(text));
        };
        let Some((number, after)) = number_and_rest(rest) else {
            return Ok(self.plain_slot(text)); // "(below main)" without compression
        };
        match after.strip_prefix(b" ") {
            Some(name) => Ok(self.define(number, name)),
            None => self
                .known(number)
                .ok_or("a name is used before it is defined"),
        }
    }

    fn plain_slot(&mut self, name: &'a [u8]) -> u32 {
        let next = self.names.len() as u32;
        let slot = *self.plain.entry(name).or_insert(next);
        if slot == next {
            self.names.push(name);
        }
        slot
    }

    fn known(&self, number: u64) -> Option<u32> {
        let slot = if number < NEAR {
            *self.near.get(number as usize)?
        } else {
            *self.far.get(&number)?
        };
        (slot != NONE).then_some(slot)
    }

    fn define(&mut self, number: u64, name: &'a [u8]) -> u32 {
        if let Some(slot) = self.known(number)
            && self.names[slot as usize] == name
        {
            return slot;
        }
        let slot = self.names.len() as u32;
        self.names.push(name);
        if number < NEAR {
            let at = number as usize;
            if at >= self.near.len() {
                self.near.resize(at + 1, NONE);
            }
            self.near[at] = slot;
        } else {
            self.far.insert(number, slot);
        }
        slot
    }
}

/// `7) name` → 7, ` name`.
fn number_and_rest(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (i, &b) in text.iter().enumerate() {
        match b {
            b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(u64::from(b - b'0'))?,
            b')' if i > 0 => return Some((number, &text[i + 1..])),
            _ => return None,
        }
    }
    None
}

/// What the next cost line means.
#[derive(Clone, Copy)]
enum Next {
    Own,
    Call(u64),
    Jump,
}

#[derive(Clone, Copy)]
enum Column {
    Address,
    Line,
    Other,
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    line_start: usize,
    wanted: Vec<usize>,
    part: usize,
    keep: bool,
    objects: Names<'a>,
    files: Names<'a>,
    functions: Names<'a>,
    /// The last context of each function slot, with its object: nearly always the right one.
    recent: Vec<(u32, u32)>,
    contexts: HashMap<(u32, u32), u32>,
    columns: Vec<Column>,
    ir: usize,
    object: u32,
    file: u32,
    callee_object: Option<u32>,
    callee_file: Option<u32>,
    current: u32,
    callee: u32,
    next: Next,
    site: Site,
    other: u64,
    sum: u64,
    out: RawProfile<'a>,
}

impl<'a> Reader<'a> {
    fn new(data: &'a [u8], wanted: &[usize]) -> Self {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        Self {
            data,
            at: 0,
            line_start: 0,
            keep: wanted.contains(&0),
            wanted,
            part: 0,
            objects: Names::new(),
            files: Names::new(),
            functions: Names::new(),
            recent: Vec::new(),
            contexts: HashMap::new(),
            columns: vec![Column::Line],
            ir: 0,
            object: 0,
            file: 0,
            callee_object: None,
            callee_file: None,
            current: NONE,
            callee: NONE,
            next: Next::Own,
            site: Site::default(),
            other: 0,
            sum: 0,
            out: RawProfile::default(),
        }
    }

    fn finish(self) -> RawProfile<'a> {
        RawProfile {
            objects: self.objects.names,
            files: self.files.names,
            ..self.out
        }
    }

    fn run(&mut self) -> Step<()> {
        // Names number at most one per 4 bytes of input, so u32 slots suffice below this size.
        if self.data.len() >= NONE as usize {
            return Err("the file is larger than 4 GiB");
        }
        let last = self.wanted.last().copied();
        while self.at < self.data.len() && last.is_some_and(|l| self.part <= l) {
            self.line_start = self.at;
            match self.data[self.at] {
                b'0'..=b'9' | b'+' | b'-' | b'*' if self.keep => self.cost_line()?,
                b'\n' => self.at += 1,
                _ => self.text_line()?,
            }
        }
        match last {
            Some(l) if self.part <= l => {
                Err("the file ends before the wanted part does: it was cut short")
            }
            _ => Ok(()),
        }
    }

    /// `subposition… cost…`.
    fn cost_line(&mut self) -> Step<()> {
        for i in 0..self.columns.len() {
            match self.columns[i] {
                Column::Address => self.site.address = self.subposition(self.site.address)?,
                Column::Line => {
                    let line = self.subposition(u64::from(self.site.line))?;
                    self.site.line =
                        u32::try_from(line).map_err(|_| "a line number is too large")?;
                }
                Column::Other => self.other = self.subposition(self.other)?,
            }
        }
        let cost = self.ir_cost()?;
        self.site.file = self.file;
        match std::mem::replace(&mut self.next, Next::Own) {
            Next::Own => self.own_cost(cost),
            Next::Call(calls) => self.call_cost(calls, cost),
            Next::Jump => Ok(()),
        }
    }

    fn own_cost(&mut self, cost: u64) -> Step<()> {
        if cost == 0 {
            return Ok(());
        }
        if self.current == NONE {
            return Err("a cost outside any function");
        }
        self.sum = self.sum.checked_add(cost).ok_or("costs overflow 64 bits")?;
        self.out.costs.push(Cost {
            context: self.current,
            site: self.site,
            cost,
        });
        Ok(())
    }

    fn call_cost(&mut self, calls: u64, inclusive: u64) -> Step<()> {
        if self.current == NONE || self.callee == NONE {
            return Err("a call without caller or callee");
        }
        let arc = Arc {
            caller: self.current,
            callee: self.callee,
            site: self.site,
            calls,
            inclusive,
        };
        self.out.arcs.push(arc);
        self.callee = NONE;
        self.callee_object = None;
        self.callee_file = None;
        Ok(())
    }

    /// The Ir column, and on to the next line. Missing columns are zero.
    fn ir_cost(&mut self) -> Step<u64> {
        let mut cost = 0;
        for i in 0.. {
            self.spaces();
            match self.data.get(self.at) {
                None => break,
                Some(b'\n') => {
                    self.at += 1;
                    break;
                }
                Some(_) => {
                    let value = self.number()?;
                    if i == self.ir {
                        cost = value;
                    }
                }
            }
        }
        Ok(cost)
    }

    fn spaces(&mut self) {
        while matches!(self.data.get(self.at), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn subposition(&mut self, last: u64) -> Step<u64> {
        self.spaces();
        match self.data.get(self.at) {
            Some(b'*') => {
                self.at += 1;
                Ok(last)
            }
            Some(b'+') => {
                self.at += 1;
                last.checked_add(self.number()?)
                    .ok_or("a position overflows 64 bits")
            }
            Some(b'-') => {
                self.at += 1;
                last.checked_sub(self.number()?)
                    .ok_or("a position is negative")
            }
            _ => self.number(),
        }
    }

    /// A decimal or `0x` hexadecimal number that ends at white space.
    fn number(&mut self) -> Step<u64> {
        let rest = &self.data[self.at..];
        let (value, length) = match rest {
            [b'0', b'x' | b'X', digits @ ..] => {
                let (v, n) = digits_in::<16>(digits)?;
                (v, n + 2)
            }
            _ => digits_in::<10>(rest)?,
        };
        self.at += length;
        Ok(value)
    }

    fn text_line(&mut self) -> Step<()> {
        let end = line_end(self.data, self.at);
        let mut line = &self.data[self.at..end];
        self.at = (end + 1).min(self.data.len());
        if let [head @ .., b'\r'] = line {
            line = head;
        }
        match memchr::memchr2(b'=', b':', line) {
            Some(n) if line[n] == b'=' => self.assignment(&line[..n], &line[n + 1..]),
            Some(n) => self.header(&line[..n], &line[n + 1..]),
            None if !self.keep || line.is_empty() || line[0] == b'#' => Ok(()),
            None => Err("neither a cost, a name nor a header"),
        }
    }

    fn assignment(&mut self, key: &[u8], value: &'a [u8]) -> Step<()> {
        match key {
            b"fn" => {
                let function = self.functions.slot(value)?;
                if self.keep {
                    self.current = self.context(function, self.object, self.file);
                }
            }
            b"fl" | b"fi" | b"fe" => self.file = self.files.slot(value)?,
            b"ob" => self.object = self.objects.slot(value)?,
            b"cfn" => {
                let function = self.functions.slot(value)?;
                if self.keep {
                    let object = self.callee_object.unwrap_or(self.object);
                    let file = self.callee_file.unwrap_or(self.file);
                    self.callee = self.context(function, object, file);
                }
            }
            b"cfi" | b"cfl" => self.callee_file = Some(self.files.slot(value)?),
            b"cob" => self.callee_object = Some(self.objects.slot(value)?),
            b"jfi" => drop(self.files.slot(value)?),
            b"jfn" => drop(self.functions.slot(value)?),
            _ if !self.keep => {}
            b"calls" => self.next = Next::Call(digits_in::<10>(value)?.0),
            b"jump" | b"jcnd" => self.next = Next::Jump,
            b"rcalls" => {}
            _ if key.first() == Some(&b'#') => {}
            _ => return Err("an unknown kind of line"),
        }
        Ok(())
    }

    fn context(&mut self, function: u32, object: u32, file: u32) -> u32 {
        let f = function as usize;
        if f >= self.recent.len() {
            self.recent.resize(self.functions.names.len(), (NONE, NONE));
        }
        let (recent_object, recent) = self.recent[f];
        if recent_object == object {
            return recent;
        }
        let next = self.out.contexts.len() as u32;
        let id = *self.contexts.entry((function, object)).or_insert(next);
        if id == next {
            let name = self.functions.names[f];
            self.out.contexts.push(Context { name, object, file });
        }
        self.recent[f] = (object, id);
        id
    }

    fn header(&mut self, key: &[u8], value: &[u8]) -> Step<()> {
        match key {
            b"positions" => {
                self.columns = words(value).map(column).collect();
                if self.columns.len() > 3 {
                    return Err("too many position columns");
                }
            }
            b"events" => self.ir = ir_column(value).ok_or("no event is called Ir")?,
            b"totals" => return self.end_part(value),
            _ => {}
        }
        Ok(())
    }

    fn end_part(&mut self, totals: &[u8]) -> Step<()> {
        if self.keep {
            let total = words(totals).nth(self.ir).and_then(parse_decimal);
            if total.ok_or("the total is no number")? != self.sum {
                return Err("the costs of this part do not sum to its total");
            }
            let all = self.out.total.checked_add(self.sum);
            // Differences of two totals must fit in 64 bits with their sign.
            let all = all.filter(|t| i64::try_from(*t).is_ok());
            self.out.total = all.ok_or("costs overflow 63 bits")?;
        }
        self.sum = 0;
        self.part += 1;
        self.keep = self.wanted.binary_search(&self.part).is_ok();
        self.current = NONE;
        self.callee = NONE;
        self.next = Next::Own;
        self.site = Site::default();
        Ok(())
    }
}

fn column(name: &[u8]) -> Column {
    match name {
        b"instr" => Column::Address,
        b"line" => Column::Line,
        _ => Column::Other,
    }
}

/// Value and length of the leading digits, which must end at white space, `/` or the end.
fn digits_in<const BASE: u64>(text: &[u8]) -> Step<(u64, usize)> {
    let mut value = 0u64;
    for (i, &b) in text.iter().enumerate() {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'f' if BASE == 16 => b - b'a' + 10,
            b'A'..=b'F' if BASE == 16 => b - b'A' + 10,
            b' ' | b'\n' | b'\t' | b'\r' | b'/' if i > 0 => return Ok((value, i)),
            _ => return Err("not a number"),
        };
        let scaled = value
            .checked_mul(BASE)
            .and_then(|v| v.checked_add(u64::from(digit)));
        value = scaled.ok_or("a number overflows 64 bits")?;
    }
    if text.is_empty() {
        Err("a number is missing")
    } else {
        Ok((value, text.len()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
