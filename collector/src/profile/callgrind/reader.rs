//! Line by line through the file: names, costs, calls.

use std::collections::HashMap;

use crate::profile::callgrind::slots::{NONE, Names};
use crate::profile::callgrind::text::{Step, line_end, parse_decimal, words};
use crate::profile::callgrind::{Arc, Context, Cost, RawProfile, Site, ir_column};

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

pub(super) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    /// Where the line begins that an error is about.
    pub(super) line_start: usize,
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
    pub(super) fn new(data: &'a [u8], wanted: &[usize]) -> Self {
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

    pub(super) fn finish(self) -> RawProfile<'a> {
        RawProfile {
            objects: self.objects.names,
            files: self.files.names,
            ..self.out
        }
    }

    pub(super) fn run(&mut self) -> Step<()> {
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
