//! The lines and words of callgrind's output.

use crate::profile::callgrind::raw::ParseError;
use memchr::memchr;

pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty())
}

pub(crate) fn parse_decimal(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

pub(crate) fn line_end(data: &[u8], from: usize) -> usize {
    memchr(b'\n', &data[from..]).map_or(data.len(), |n| from + n)
}

pub(crate) fn error_at(data: &[u8], offset: usize, what: &'static str) -> ParseError {
    ParseError {
        line: 1 + memchr::memchr_iter(b'\n', &data[..offset]).count(),
        what,
    }
}

pub(crate) type Step<T> = Result<T, &'static str>;

pub(crate) fn ir_column(events: &[u8]) -> Option<usize> {
    words(events).position(|e| e == b"Ir")
}
