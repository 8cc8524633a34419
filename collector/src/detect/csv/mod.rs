//! Reads series from rows of `series`, `index` and `value`, as a stream.
//!
//! Made for what R, pandas, PowerShell, psql and spreadsheets write. Answers to odd input, each
//! one tested:
//! - the header names the columns, in any order, quoted or not, others between them (row names);
//!   a byte-order mark, UTF-16, `sep=;` and comments before it are understood; so is the header again
//!   further down;
//! - fields are parted by `,`, `;`, tab, `|` or a blank, whichever the header uses; where it is no
//!   comma, numbers may have a decimal comma or parted thousands: the others tell (`numbers`) which, or
//!   the file is refused; blanks and apostrophes part thousands everywhere;
//! - rows come in any order, series mixed: a series is sorted by index at the end;
//! - several rows with one series and index are samples of one commit: their median counts;
//! - an index is a whole number (`7`, `7.0`, `1e3`) or a date or month (then seconds since
//!   1970);
//! - a value or index that is missing (empty, `NA`, `NULL`, `NaN`, …), infinite or too large for an
//!   `f64` is no measurement: the row is left out and counted;
//! - gaps between indices are commits that were not measured;
//! - a series of one point, or with nothing but left-out rows, is kept, with no changes to tell;
//! - empty lines are skipped; a file without a number is an error, and so is anything else that is
//!   not a row: it is named by its line, and nothing is guessed.

pub mod document;
mod numbers;

pub use numbers::Unclear;

use std::collections::HashMap;
use std::io::{BufRead, Cursor, Read};

use crate::detect::Point;
use crate::detect::csv::numbers::{Decimals, Evidence, number, unsigned};
use crate::format::unpacked_by;
use crate::stats;

/// One series of a CSV.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points, strictly ascending by index, all finite.
    pub points: Vec<Point>,
    /// Rows left out because their value was not finite.
    pub left_out: usize,
    /// Rows that repeat an index of the series: the median of an index counts.
    pub repeated: usize,
    /// Its indices are seconds since 1970, from dates.
    pub dated: bool,
}

/// Why a CSV could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The text could not be read.
    #[error("line {line}: {source}")]
    Io {
        /// The line, from 1.
        line: usize,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The text is not UTF-8.
    #[error("line {line}: not UTF-8 text; save the file as UTF-8")]
    Encoding {
        /// The line, from 1.
        line: usize,
    },
    /// The file is compressed.
    #[error("it is compressed: unpack it first (`{0}`)")]
    Compressed(&'static str),
    /// There is no row.
    #[error("{0}: expected the header `series,index,value` and rows")]
    Empty(&'static str),
    /// The first line is not the header.
    #[error("line {line}: expected the header `series,index,value`, found `{found}`")]
    Header {
        /// The line, from 1.
        line: usize,
        /// The line as it is, cut to 80 characters.
        found: String,
    },
    /// Nothing tells how the numbers are to be read.
    #[error(transparent)]
    Numbers(#[from] Unclear),
    /// A row is not `series,index,value`.
    #[error("line {line}: {what}: `{found}`; expected `series,index,value`")]
    Row {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
        /// The line as it is, cut to 80 characters.
        found: String,
    },
}

/// Longest name of a series, in bytes: names are shown in tables and pages.
const NAME_MAX: usize = 4096;
/// More digits behind a whole value are another column's.
const DECIMALS: usize = 6;
/// A header longer than this is none.
const HEADER_MAX: u64 = 1 << 20;
/// What parts fields, the usual first.
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', b' '];
/// How tools write that there is no value.
const MISSING: [&str; 15] = [
    "", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "nil", "\\n", ".", "-", "--",
    "\u{2013}",
];

/// Reads all series, in the order in which they first appear.
///
/// # Errors
/// The first line that is not a row, by number; a file without rows.
pub fn read(reader: impl BufRead) -> Result<Vec<Series>, CsvError> {
    let (header, mut reader) = Header::read(decoded(reader)?)?;
    let mut read = Reading::default();
    let mut record = ::csv::ByteRecord::new();
    loop {
        let more = reader.read_byte_record(&mut record);
        let stands = reader.position().line();
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                let line = header.line_of(record.as_slice(), stands);
                let source = std::io::Error::other(e);
                return Err(CsvError::Io { line, source });
            }
        }
        // The same memory for every row, as text and back.
        let text = ::csv::StringRecord::from_byte_record(record).map_err(|e| {
            let line = header.line_of(e.into_byte_record().as_slice(), stands);
            CsvError::Encoding { line }
        })?;
        // Few rows are asked for their line, which takes a walk through their bytes.
        let line = || header.line_of(text.as_slice().as_bytes(), stands);
        let row = header.row(&text).and_then(|row| {
            if header.delimiter != b',' && row.is_for_later(line(), &mut read.evidence) {
                read.named(row.name);
                read.later.push((line(), text.clone()));
                return Ok(());
            }
            read.add(&row, Decimals::Plain)
        });
        match row {
            Ok(()) => {}
            // No row: it has one field, or no name.
            Err(_) if header.is_ornament(&text) => {}
            Err(what) => return Err(header.refused(line(), what, &text)),
        }
        record = text.into_byte_record();
    }
    let mut all = read.finish(&header)?;
    if all.is_empty() {
        return Err(CsvError::Empty("there are no rows"));
    }
    if all.iter().all(|s| s.points.is_empty()) {
        return Err(CsvError::Empty("no row holds an index and a value"));
    }
    for s in &mut all {
        let rows = s.points.len();
        settle(&mut s.points);
        s.repeated = rows - s.points.len();
    }
    Ok(all)
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    all: Vec<Series>,
    by_name: HashMap<String, usize>,
    /// The series of the row before: rows of one series mostly follow each other.
    last: usize,
    evidence: Evidence,
    /// Rows whose numbers depend on what the rest of the file shows, with their lines.
    later: Vec<(usize, ::csv::StringRecord)>,
}

impl Reading {
    fn named(&mut self, name: &str) -> &mut Series {
        if self.all.get(self.last).is_none_or(|s| s.name != name) {
            self.last = self.place(name);
        }
        &mut self.all[self.last]
    }

    /// Where the series of a name stands; a new one is put behind the others.
    fn place(&mut self, name: &str) -> usize {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        self.by_name.insert(name.to_string(), self.all.len());
        self.all.push(Series {
            name: name.to_string(),
            ..Series::default()
        });
        self.all.len() - 1
    }

    fn add(&mut self, row: &Row<'_>, decimals: Decimals) -> Result<(), &'static str> {
        let (index, dated) = row.index(decimals)?;
        let value = row.value(decimals)?;
        let series = self.named(row.name);
        match (index, value) {
            (Some(index), Some(value)) => {
                if !series.points.is_empty() && series.dated != dated {
                    return Err("dates and numbers are mixed as the index of one series");
                }
                series.dated = dated;
                series.points.push(Point { index, value });
            }
            _ => series.left_out += 1,
        }
        Ok(())
    }

    /// Every series, once all rows were seen.
    fn finish(mut self, header: &Header) -> Result<Vec<Series>, CsvError> {
        let later = std::mem::take(&mut self.later);
        let decimals = std::mem::take(&mut self.evidence).decimals()?;
        for (line, text) in &later {
            let row = header.row(text);
            row.and_then(|row| self.add(&row, decimals))
                .map_err(|what| header.refused(*line, what, text))?;
        }
        Ok(self.all)
    }
}

/// Sorts by index, and keeps the median of several values of one index.
pub fn settle(points: &mut Vec<Point>) {
    let ascending = points.windows(2).all(|w| w[0].index < w[1].index);
    if ascending {
        return;
    }
    // By value too, so that the order of arrival leaves no trace.
    points.sort_by(|a, b| a.index.cmp(&b.index).then(a.value.total_cmp(&b.value)));
    let merged: Vec<Point> = points
        .chunk_by(|a, b| a.index == b.index)
        .filter_map(|same| {
            let values: Vec<f64> = same.iter().map(|p| p.value).collect();
            stats::median(&values).map(|value| Point {
                index: same[0].index,
                value,
            })
        })
        .collect();
    *points = merged;
}

type Source<'a> = Box<dyn BufRead + 'a>;

/// The text as UTF-8 without a byte-order mark; PowerShell writes UTF-16.
fn decoded<'a>(mut reader: impl BufRead + 'a) -> Result<Source<'a>, CsvError> {
    let failed = |source| CsvError::Io { line: 1, source };
    let start = reader.fill_buf().map_err(failed)?;
    if start.is_empty() {
        return Err(CsvError::Empty("the file is empty"));
    }
    if let Some(command) = unpacked_by(start) {
        return Err(CsvError::Compressed(command));
    }
    // Without a mark: a header has letters of one byte, and so every other byte is 0.
    let (unit, mark): (fn([u8; 2]) -> u16, usize) = match start {
        [0xff, 0xfe, ..] => (u16::from_le_bytes, 2),
        [0xfe, 0xff, ..] => (u16::from_be_bytes, 2),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => (u16::from_le_bytes, 0),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => (u16::from_be_bytes, 0),
        _ => {
            let marked = start.starts_with(b"\xef\xbb\xbf");
            reader.consume(if marked { 3 } else { 0 });
            return Ok(Box::new(reader));
        }
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(failed)?;
    let (pairs, _) = bytes[mark..].as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|p| unit(*p)).collect();
    let text = String::from_utf16(&units).map_err(|_| CsvError::Encoding { line: 1 })?;
    Ok(Box::new(Cursor::new(text.into_bytes())))
}

/// What the header says of the rows.
struct Header {
    delimiter: u8,
    /// Columns of series, index and value.
    columns: [usize; 3],
    /// How many columns there are.
    width: usize,
    /// Lines before the first row.
    line: usize,
    /// The lines' end.
    end: &'static [u8],
    /// A blank stands before each quote: then it is part of its field, and taken off here.
    quotes_apart: bool,
}

/// A row, taken apart.
struct Row<'a> {
    name: &'a str,
    index: &'a str,
    value: &'a str,
}

impl Row<'_> {
    /// Whether a number of it depends on how the file's others are written; adds what it shows.
    fn is_for_later(&self, line: usize, evidence: &mut Evidence) -> bool {
        let numbers = [self.index, self.value];
        for (column, text) in numbers.into_iter().enumerate() {
            evidence.see(column, line, text);
        }
        numbers.iter().any(|text| text.contains([',', '.']))
    }

    /// The index, if there is one, and whether it is a date.
    fn index(&self, decimals: Decimals) -> Result<(Option<i64>, bool), &'static str> {
        // Nearly all are written in digits alone, which every country reads alike.
        let digits = self
            .index
            .parse()
            .ok()
            .filter(|i: &i64| i.unsigned_abs() <= EXACT.unsigned_abs());
        let other = || number(self.index, decimals).and_then(whole);
        if let Some(whole) = digits.or_else(other) {
            return Ok((Some(whole), false));
        }
        if is_missing(self.index) {
            return Ok((None, false));
        }
        let date = seconds(self.index).ok_or("the index is neither a whole number nor a date")?;
        Ok((Some(date), true))
    }

    /// The value, if there is one.
    fn value(&self, decimals: Decimals) -> Result<Option<f64>, &'static str> {
        match number(self.value, decimals) {
            Some(value) => Ok(Some(value).filter(|v| v.is_finite())),
            None if is_missing(self.value) => Ok(None),
            None => Err("the value is not a number"),
        }
    }
}

type Rows<'a> = ::csv::Reader<Source<'a>>;

impl Header {
    /// Reads up to the header; gives the rows behind it.
    fn read(mut reader: Source<'_>) -> Result<(Self, Rows<'_>), CsvError> {
        let mut lines = 0;
        let mut forced = None;
        loop {
            let mut bytes = Vec::new();
            let mut limited = reader.by_ref().take(HEADER_MAX);
            let n = limited
                .read_until(b'\n', &mut bytes)
                .map_err(|source| CsvError::Io {
                    line: lines + 1,
                    source,
                })?;
            if n == 0 {
                return Err(CsvError::Empty("there is no header"));
            }
            lines += 1;
            // A file whose lines end in CR alone comes as one.
            let end = bytes.iter().position(|b| matches!(b, b'\r' | b'\n'));
            let (first, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let end: &'static [u8] = match rest {
                b"\r\n" => b"\r\n",
                [b'\r', ..] => b"\r",
                _ => b"\n",
            };
            let rest = rest.strip_prefix(end).unwrap_or(rest).to_vec();
            let line =
                std::str::from_utf8(first).map_err(|_| CsvError::Encoding { line: lines })?;
            if let Some(delimiter) = line.strip_prefix("sep=") {
                forced = delimiter.bytes().next();
            } else if !line.trim().is_empty() {
                // A comment, unless the header itself is written as one.
                let inside = line.strip_prefix('#').map(str::trim_start);
                let header = Self::of(inside.unwrap_or(line), forced, lines, end);
                if inside.is_some() && header.is_none() {
                    continue;
                }
                let header = header.ok_or_else(|| CsvError::Header {
                    line: lines,
                    found: cut(line),
                })?;
                let delimiter = header.delimiter;
                // Ended once more, so that the last line ends as the others do.
                let source: Source<'_> = Box::new(Cursor::new(rest).chain(reader).chain(end));
                let rows = ::csv::ReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .delimiter(delimiter)
                    .from_reader(source);
                return Ok((header, rows));
            }
        }
    }

    fn of(line: &str, forced: Option<u8>, lines: usize, end: &'static [u8]) -> Option<Self> {
        let candidates = forced.into_iter().chain(DELIMITERS);
        let with = |delimiter: u8| {
            let mut names = fields(line, delimiter)?;
            names.trim();
            let quotes_apart = names.iter().any(|n| unquoted(n) != n);
            if quotes_apart {
                names = names.iter().map(unquoted).collect();
            }
            // Of two columns of one name nobody says which is meant.
            let column = |name: &str| {
                let mut at = (0..names.len()).filter(|i| names[*i].eq_ignore_ascii_case(name));
                at.next().filter(|_| at.next().is_none())
            };
            Some(Self {
                delimiter,
                columns: [column("series")?, column("index")?, column("value")?],
                width: names.len(),
                line: lines,
                end,
                quotes_apart,
            })
        };
        candidates.into_iter().find_map(with)
    }

    /// The line that a record begins in, given where its reader stands then: behind the LF that
    /// ends the record, or before it where a CR ended it.
    fn line_of(&self, record: &[u8], stands: u64) -> usize {
        let inside = record.iter().filter(|b| **b == b'\n').count();
        let behind = usize::from(self.end == b"\n");
        let stands = usize::try_from(stands).unwrap_or(0);
        (self.line + stands).saturating_sub(inside + behind)
    }

    /// What psql draws around a table: a rule below the header, a count at the end; the rows
    /// without anything in them that a spreadsheet leaves below one; and the header again, where
    /// files were put one behind the other.
    fn is_ornament(&self, record: &::csv::StringRecord) -> bool {
        if record.as_slice().trim().is_empty() {
            return true;
        }
        let names = ["series", "index", "value"];
        let says = |(at, name): (usize, &str)| {
            let field = record.get(at).map(|f| unquoted(f.trim()));
            field.is_some_and(|f| f.eq_ignore_ascii_case(name))
        };
        if self.columns.into_iter().zip(names).all(says) {
            return true;
        }
        let (1, Some(one)) = (record.len(), record.get(0).map(str::trim)) else {
            return false;
        };
        let rule = self.delimiter == b'|' && one.bytes().all(|b| matches!(b, b'-' | b'+'));
        let count = one.starts_with('(') && (one.ends_with(" rows)") || one.ends_with(" row)"));
        rule || count
    }

    fn row<'a>(&self, record: &'a ::csv::StringRecord) -> Result<Row<'a>, &'static str> {
        let field = |i: usize| {
            let field = record.get(self.columns[i]);
            let field = field.map(trimmed).ok_or_else(|| too_few(record))?;
            match self.quotes_apart {
                false => Ok(field),
                true if field.starts_with('"') && unquoted(field) == field => {
                    Err("a blank before a quote, and within the quotes what parts fields")
                }
                true => Ok(unquoted(field)),
            }
        };
        let (name, index, value) = (field(0)?, field(1)?, field(2)?);
        if self.delimiter == b' ' && record.len() != self.width {
            return Err("another number of columns than the header");
        }
        let is_last = self.columns[2] + 1 == self.width;
        if let Some(behind) = record.get(self.width).filter(|_| is_last) {
            is_no_part_of(value, behind)?;
        }
        if name.is_empty() {
            return Err("the series has no name");
        }
        if name.len() > NAME_MAX {
            return Err("the series' name is longer than 4096 bytes");
        }
        Ok(Row { name, index, value })
    }

    fn refused(&self, line: usize, what: &'static str, row: &::csv::StringRecord) -> CsvError {
        CsvError::Row {
            line,
            what,
            found: cut(&joined(row, self.delimiter)),
        }
    }
}

/// Columns may follow that the header does not name; decimals are few, a time is long.
fn is_no_part_of(value: &str, behind: &str) -> Result<(), &'static str> {
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if behind.len() == 3 && is_digits(behind) {
        return Err("three digits behind the value: parted thousands want quotes around them");
    }
    let decimals = (1..=DECIMALS).contains(&behind.len()) && is_digits(behind);
    if decimals && is_digits(unsigned(value)) {
        return Err("digits behind the value: a decimal comma wants quotes around the number");
    }
    Ok(())
}

/// The fields of one line.
fn fields(line: &str, delimiter: u8) -> Option<::csv::StringRecord> {
    // Without quotes they are what stands between; a reader of its own takes as long as 300 rows.
    if line.is_ascii() && delimiter.is_ascii() && !line.contains('"') {
        return Some(line.split(char::from(delimiter)).collect::<Vec<_>>().into());
    }
    ::csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .from_reader(line.as_bytes())
        .into_records()
        .next()?
        .ok()
}

fn too_few(record: &::csv::StringRecord) -> &'static str {
    match record.len() {
        _ if record.iter().any(|f| f.contains('\n')) => "a quote is not closed",
        1 => "only one column",
        2 => "only two columns",
        _ => "fewer columns than the header",
    }
}

/// A field without the blanks around it, of which most have none: that shows at their ends, without
/// taking their characters apart.
fn trimmed(field: &str) -> &str {
    let ends = [field.as_bytes().first(), field.as_bytes().last()];
    if ends.into_iter().flatten().all(u8::is_ascii_graphic) {
        field
    } else {
        field.trim()
    }
}

/// A field without the quotes around it, where it has some.
fn unquoted(field: &str) -> &str {
    let inside = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
    inside.unwrap_or(field)
}

fn is_missing(text: &str) -> bool {
    MISSING.iter().any(|m| text.eq_ignore_ascii_case(m))
}

/// Up to here an `f64` holds every whole number exactly: 2⁵³.
const EXACT: i64 = 9_007_199_254_740_992;

/// A whole number that an `i64` and an `f64` both hold exactly.
fn whole(x: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    (x.fract() == 0.0 && x.abs() <= EXACT as f64).then_some(x as i64)
}

/// Seconds since 1970 of a date, with or without time and zone; without one it is UTC.
fn seconds(text: &str) -> Option<i64> {
    use jiff::civil::{Date, DateTime};
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_second());
    }
    let slashes = text.replacen('/', "-", 2);
    let text = slashes.trim_end_matches(" UTC");
    // As git prints it: `2026-01-02 10:00:00 +0100`.
    if let Ok(instant) = text.replacen(" +", "+", 1).parse::<jiff::Timestamp>() {
        return Some(instant.as_second());
    }
    if let Ok(instant) = text.replacen(" -", "-", 1).parse::<jiff::Timestamp>() {
        return Some(instant.as_second());
    }
    let time: DateTime = match text.parse::<DateTime>() {
        Ok(time) => time,
        // A month begins on its first day.
        Err(_) if text.len() == "2024-01".len() => {
            format!("{text}-01").parse::<Date>().ok()?.into()
        }
        Err(_) => text.parse::<Date>().ok()?.into(),
    };
    let zoned = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

fn joined(record: &::csv::StringRecord, delimiter: u8) -> String {
    let fields: Vec<&str> = record.iter().collect();
    fields.join(&char::from(delimiter).to_string())
}

fn cut(row: &str) -> String {
    row.trim_end().chars().take(80).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Series> {
        read(format!("series,index,value\n{text}").as_bytes()).unwrap()
    }

    fn error(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn order_and_duplicates_settle() {
        let s = rows("a,2,5\nb,0,1\na,1,3\na,2,7\na,2,6\n");
        assert_eq!(
            s[0].points,
            [
                Point {
                    index: 1,
                    value: 3.0
                },
                Point {
                    index: 2,
                    value: 6.0
                }
            ]
        );
        assert_eq!((s[1].name.as_str(), s[1].points.len()), ("b", 1));
        assert_eq!((s[0].repeated, s[1].repeated), (2, 0));
    }

    #[test]
    fn what_is_not_finite_is_left_out_and_counted() {
        let s = rows("a,0,NaN\na,1,inf\na,2,-inf\na,3,1e999\nb,0,1\n\n");
        assert_eq!((s[0].points.len(), s[0].left_out), (0, 4));
        assert_eq!((s[1].points.len(), s[1].left_out), (1, 0));
    }

    #[test]
    fn dates_and_numbers_are_no_index_together() {
        let said = error("series,index,value\na,2024-01-01,1\nb,7,1\na,40,2\n");
        assert!(
            said.starts_with("line 4: dates and numbers are mixed"),
            "{said}"
        );
    }

    #[test]
    fn files_of_more_tools_are_read_as_they_write_them() {
        let plain = rows("a b,0,1.5\na b,1,1100.5\n");
        let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let text = "series,index,value\na b,0,1.5\na b,1,1100.5\n";
            text.encode_utf16().flat_map(bytes).collect()
        };
        for text in [
            "\"series\", \"index\", \"value\"\n\"a b\", 0, 1.5\n\"a b\", \"1\", 1100.5\n",
            "# made by hand\n#\nseries,index,value\na b,0,1.5\na b,1,1100.5\n",
            "# series,index,value\na b,0,1.5\na b,1,1100.5\n",
            "series,index,value\na b,0,1.5\nseries,index,value\na b,1,1100.5\n",
            "\"series\" \"index\" \"value\"\n\"a b\" 0 1.5\n\"a b\" 1 1100.5\n",
            "series;index;value\na b;0;1,5\na b;1;1 100,5\n",
            "series;index;value\na b;0;1.5\na b;1;1'100.5\n",
        ] {
            let read = read(text.as_bytes()).unwrap();
            assert_eq!(read[0].points, plain[0].points, "{text}");
            assert_eq!((read.len(), read[0].name.as_str()), (1, "a b"), "{text}");
        }
        for unmarked in [wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            assert_eq!(read(&*unmarked).unwrap()[0].points, plain[0].points);
        }
        let s = rows("a,2024-02,1\na,2024-01,-\na,2024-03,\u{2212}2\n");
        assert_eq!((s[0].points.len(), s[0].left_out), (2, 1));
        assert_eq!(
            (s[0].points[0].index, s[0].points[1].value),
            (1_706_745_600, -2.0)
        );
        // Written with its row's name, which the header has not.
        assert!(error("series index value\n1 5 1 2.0\n").contains("another number of columns"));
        let parted = error("\"series\", \"index\", \"value\"\na, 0, \"1,5\"\n");
        assert!(parted.contains("within the quotes"), "{parted}");
    }

    #[test]
    fn rows_of_nothing_below_a_table_are_none() {
        let s = rows("a,0,1\na,1,2\n,,\n , ,\n");
        assert_eq!((s.len(), s[0].points.len(), s[0].left_out), (1, 2, 0));
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        assert_eq!(
            error("series,index,value\na,0,1\na,x,2\n"),
            "line 3: the index is neither a whole number nor a date: `a,x,2`; expected \
             `series,index,value`"
        );
        assert!(error("series,index,value\na,0\n").starts_with("line 2: only two columns"));
        let thousands = error("series,index,value\na,0,1100,000\n");
        assert!(thousands.starts_with("line 2: three digits"), "{thousands}");
        let decimals = error("series,index,value\na,0,100,40\n");
        assert!(decimals.starts_with("line 2: digits behind"), "{decimals}");
        assert!(read("series,index,value\na,0,1,\n".as_bytes()).is_ok());
        let twice = error("series,index,value,value\na,0,1,2\n");
        assert!(twice.contains("expected the header"), "{twice}");
        assert!(error("series,index,value\na,0,fast\n").contains("the value is not a number"));
        assert!(error("series,index,value\n,0,1\n").contains("no name"));
        assert!(error("a,0,1\n").starts_with("line 1: expected the header"));
        let latin = read(&b"series,index,value\na,0,1\nM\xfcller,0,1\n"[..]).unwrap_err();
        assert_eq!(
            latin.to_string(),
            "line 3: not UTF-8 text; save the file as UTF-8"
        );
    }

    #[test]
    fn names_may_be_quoted_and_columns_may_follow() {
        let s = rows("\"a,\"\"b\"\"\",7,1.5,sha,time\r\n");
        assert_eq!((s[0].name.as_str(), s[0].points[0].value), ("a,\"b\"", 1.5));
        assert!(error("series,index,value\n\"a,0,1\n").contains("not closed"));
    }

    /// Forty points with a step, as a tool writes them.
    fn written(header: &str, row: impl Fn(i64, i64) -> String) -> Vec<Series> {
        let rows: String = (0..40)
            .map(|i| row(i, 100 + i % 3 + if i >= 20 { 12 } else { 0 }))
            .collect();
        read(format!("{header}{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn tables_of_other_tools_are_read_as_they_write_them() {
        let plain = written("series,index,value\n", |i, v| format!("p,{i},{v}\n"));
        assert_eq!(plain[0].points.len(), 40);
        for other in [
            // R's write.csv with row names, pandas with its index.
            written("\"\",\"series\",\"index\",\"value\"\n", |i, v| {
                format!("\"{}\",\"p\",{i},{v}\n", i + 1)
            }),
            written(",series,index,value\n", |i, v| {
                format!("{i},p,{i}.0,{v}.0\n")
            }),
            // PowerShell's Export-Csv.
            written(
                "\u{feff}#TYPE System.Object\r\n\"Series\",\"Index\",\"Value\"\r\n",
                |i, v| format!("\"p\",\"{i}\",\"{v}\"\r\n"),
            ),
            // A German spreadsheet, a tab-separated one, lines that end in CR.
            written("sep=;\nseries;index;value\n", |i, v| {
                format!("p;{i};{v},0\n")
            }),
            written("value\tindex\tseries\n", |i, v| format!("{v}\t{i}\tp\n")),
            written("series,index,value\r", |i, v| format!("p,{i},{v}\r")),
            // psql, aligned.
            written(
                " series | index | value\n--------+-------+-------\n",
                |i, v| {
                    let rows = if i == 39 { "(40 rows)\n" } else { "" };
                    format!(" p      | {i:>5} | {v}\n{rows}")
                },
            ),
        ] {
            assert_eq!(other, plain);
        }
        let text = "series,index,value\np,1,2\n";
        let wide = |f: fn(u16) -> [u8; 2], mark: u16| -> Vec<u8> {
            std::iter::once(mark)
                .chain(text.encode_utf16())
                .flat_map(f)
                .collect()
        };
        for bytes in [
            wide(u16::to_le_bytes, 0xfeff),
            wide(u16::to_be_bytes, 0xfeff),
        ] {
            assert_eq!(read(&bytes[..]).unwrap()[0].points.len(), 1);
        }
    }

    #[test]
    fn a_comma_has_the_meaning_that_the_rest_of_the_file_gives_it() {
        let values = |text: &str| -> Vec<f64> {
            let read = read(format!("series;index;value\n{text}").as_bytes()).unwrap();
            read[0].points.iter().map(|p| p.value).collect()
        };
        assert_eq!(values("a;0;1,234\na;1;1,5\n"), [1.234, 1.5]);
        assert_eq!(values("a;0;1,234\na;1;1,234,567\n"), [1234.0, 1_234_567.0]);
        assert_eq!(values("a;0;1,234\na;1;0.5\n"), [1234.0, 0.5]);
        assert_eq!(values("a;0;1.234\na;1;1,5\n"), [1234.0, 1.5]);
        assert_eq!(values("a;0;1.234\na;1;1.5\n"), [1.234, 1.5]);
        assert_eq!(values("a;1.000;1,5\na;7;2,5\n"), [2.5, 1.5]);
        let unclear = error("series\tindex\tvalue\na\t0\t999\na\t1\t1,234\n");
        assert!(
            unclear.starts_with("line 3: `1,234` may be 1.234 (decimal comma) or 1234"),
            "{unclear}"
        );
        let mixed = error("series;index;value\na;0;1,5\na;1;1.25\n");
        assert!(
            mixed.starts_with("line 3: `1.25` is written otherwise than line 2"),
            "{mixed}"
        );
        let other = error("series;index;value\na;0;1,5\na;1;1,2,3\n");
        assert!(
            other.starts_with("line 3: the value is not a number"),
            "{other}"
        );
        // Where a comma parts fields, none is in a number.
        let quoted = error("series,index,value\na,0,\"1,234\"\n");
        assert!(
            quoted.starts_with("line 2: the value is not a number"),
            "{quoted}"
        );
        // Series stay in the order in which they appear.
        let text = "series;index;value\nb;0;1,5\na;0;1\nb;1;2\n";
        let names: Vec<String> = read(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|s| s.name)
            .collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn what_is_missing_is_left_out_and_counted() {
        for missing in ["", "NA", "nan", "NULL", "\\N", "None", "#N/A", "\"\"", " "] {
            let s = rows(&format!("a,0,1\na,1,{missing}\na,2,3\n"));
            assert_eq!((s[0].points.len(), s[0].left_out), (2, 1), "{missing}");
        }
        assert_eq!(rows("a,NA,1\na,1,2\n")[0].left_out, 1);
    }

    #[test]
    fn dates_are_indices_too() {
        let s = rows("a,2026-01-02,1\na,2026-01-03T12:00:00Z,2\na,2026/01/04 06:30:00,3\n");
        let at: Vec<i64> = s[0].points.iter().map(|p| p.index).collect();
        assert_eq!(at, [1_767_312_000, 1_767_441_600, 1_767_508_200]);
        assert!(s[0].dated && !rows("a,7,1\n")[0].dated);
        let git = rows("a,2026-01-02 01:00:00 +0100,1\na,2026-01-02 12:00:00 -0500,2\n");
        let at: Vec<i64> = git[0].points.iter().map(|p| p.index).collect();
        assert_eq!(at, [1_767_312_000, 1_767_373_200]);
        assert!(error("series,index,value\na,1.5,1\n").contains("neither a whole number"));
    }

    #[test]
    fn a_file_without_rows_is_an_error() {
        assert!(error("").starts_with("the file is empty"));
        assert!(error("\n\n").starts_with("there is no header"));
        assert!(error("series,index,value\n").starts_with("there are no rows"));
        assert!(error("series,index,value\n\n\n").starts_with("there are no rows"));
        let empty = error("series,index,value\na,0,\na,1,NA\nb,,3\n");
        assert!(empty.starts_with("no row holds"), "{empty}");
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let e = error("#TYPE x\nseries,index,value\na,0,1\n\n\na,0,fast\n");
        assert!(e.starts_with("line 6: the value"), "{e}");
        let e = error("series,index,value\r\na,0,1\r\n\r\na,0,fast");
        assert!(e.starts_with("line 4: the value"), "{e}");
        let e = error("series,index,value\n\"a\nb\",0,1\na,0,fast\n");
        assert!(e.starts_with("line 4: the value"), "{e}");
    }
}
