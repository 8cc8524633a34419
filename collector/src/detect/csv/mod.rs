//! Reads series from rows `series,index,value`, as a stream.
//!
//! Answers to odd input, each one tested:
//! - rows come in any order, series mixed: a series is sorted by index at the end;
//! - several rows with one series and index are samples of one commit: their median counts;
//! - `NaN`, `inf` and numbers too large for an `f64` are no measurement: the row is left out and counted;
//! - gaps between indices are commits that were not measured;
//! - a series of one point, or with nothing but left-out rows, is kept, with no changes to tell;
//! - columns after the third are ignored; a field may be quoted as RFC 4180 says (no line breaks in it);
//! - empty lines are skipped; anything else that is not a row is an error that names its line.

pub mod document;

use std::collections::HashMap;
use std::io::{BufRead, ErrorKind};

use crate::detect::Point;
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
    /// The first line is not the header.
    #[error("line 1: expected the header `series,index,value`, found `{found}`")]
    Header {
        /// The line as it is, cut to 80 characters.
        found: String,
    },
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

/// Reads all series, in the order in which they first appear.
///
/// # Errors
/// The first line that is not a row, by number; nothing is guessed.
pub fn read(mut reader: impl BufRead) -> Result<Vec<Series>, CsvError> {
    let mut text = String::new();
    let mut all: Vec<Series> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut last = 0;
    for line in 1.. {
        text.clear();
        let n = reader
            .read_line(&mut text)
            .map_err(|source| match source.kind() {
                ErrorKind::InvalidData => CsvError::Encoding { line },
                _ => CsvError::Io { line, source },
            })?;
        if n == 0 {
            break;
        }
        let row = text.trim_end_matches(['\n', '\r']);
        if line == 1 {
            header(row)?;
            continue;
        }
        if row.is_empty() {
            continue;
        }
        let (name, index, value) = parse(row).map_err(|what| CsvError::Row {
            line,
            what,
            found: cut(row),
        })?;
        // Rows of one series mostly follow each other.
        if all.get(last).is_none_or(|s| s.name != name) {
            last = match by_name.get(name.as_ref()) {
                Some(i) => *i,
                None => {
                    by_name.insert(name.to_string(), all.len());
                    all.push(Series {
                        name: name.into_owned(),
                        ..Series::default()
                    });
                    all.len() - 1
                }
            };
        }
        if value.is_finite() {
            all[last].points.push(Point { index, value });
        } else {
            all[last].left_out += 1;
        }
    }
    all.iter_mut().for_each(|s| settle(&mut s.points));
    Ok(all)
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

fn header(row: &str) -> Result<(), CsvError> {
    let names: Vec<&str> = row
        .trim_start_matches('\u{feff}')
        .split(',')
        .map(str::trim)
        .collect();
    if names.starts_with(&["series", "index", "value"]) {
        return Ok(());
    }
    Err(CsvError::Header { found: cut(row) })
}

fn parse(row: &str) -> Result<(std::borrow::Cow<'_, str>, i64, f64), &'static str> {
    let (name, rest) = field(row)?;
    let (index, rest) = field(rest.ok_or("only one column")?)?;
    let (value, _) = field(rest.ok_or("only two columns")?)?;
    if name.is_empty() {
        return Err("the series has no name");
    }
    if name.len() > NAME_MAX {
        return Err("the series' name is longer than 4096 bytes");
    }
    let index = index
        .trim()
        .parse()
        .map_err(|_| "the index is not a whole number")?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| "the value is not a number")?;
    Ok((name, index, value))
}

/// The first field and what follows its comma.
fn field(row: &str) -> Result<(std::borrow::Cow<'_, str>, Option<&str>), &'static str> {
    let Some(quoted) = row.strip_prefix('"') else {
        return Ok(match row.split_once(',') {
            Some((f, rest)) => (f.into(), Some(rest)),
            None => (row.into(), None),
        });
    };
    let mut out = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        out.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            out.push('"');
            rest = more;
        } else if after.is_empty() {
            return Ok((out.into(), None));
        } else {
            let rest = after
                .strip_prefix(',')
                .ok_or("text after a closing quote")?;
            return Ok((out.into(), Some(rest)));
        }
    }
}

fn cut(row: &str) -> String {
    row.chars().take(80).collect()
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
    }

    #[test]
    fn what_is_not_finite_is_left_out_and_counted() {
        let s = rows("a,0,NaN\na,1,inf\na,2,-inf\na,3,1e999\nb,0,1\n\n");
        assert_eq!((s[0].points.len(), s[0].left_out), (0, 4));
        assert_eq!((s[1].points.len(), s[1].left_out), (1, 0));
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        assert_eq!(
            error("series,index,value\na,0,1\na,x,2\n"),
            "line 3: the index is not a whole number: `a,x,2`; expected `series,index,value`"
        );
        assert!(error("series,index,value\na,0\n").starts_with("line 2: only two columns"));
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
}
