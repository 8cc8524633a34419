//! Numbers as people's spreadsheets write them: `1,234` is 1.234 in one country and 1234 in another.
//!
//! Where a comma parts fields, a number has none. Elsewhere the other numbers of the file tell:
//! `0,5`, `1,23` and `1.234,5` have a decimal comma, `0.5` and `1,234.5` a decimal point, and
//! `1,234,567` and `1.234.567` show what parts thousands. A column that holds `1500` beside `1,234`
//! parts no thousands. Where nothing tells, nothing is guessed.

/// Why it cannot be told how a file's numbers are to be read.
#[derive(Debug, thiserror::Error)]
pub enum Unclear {
    /// A number that two countries read differently, and nothing tells which one is meant.
    #[error(
        "line {line}: `{found}` may be {decimal} (decimal {sign}) or {whole} (thousands), and no other \
         number of its column tells which: write it as one of these"
    )]
    Either {
        /// The line, from 1.
        line: usize,
        /// The number as it is.
        found: String,
        /// What parts its decimals, if anything does.
        sign: &'static str,
        /// Its one reading.
        decimal: String,
        /// Its other reading.
        whole: String,
    },
    /// Numbers of two countries.
    #[error(
        "line {line}: `{found}` is written otherwise than line {before}, `{other}`: one has a decimal \
         comma, the other a decimal point"
    )]
    Mixed {
        /// The line, from 1.
        line: usize,
        /// The number as it is.
        found: String,
        /// An earlier line.
        before: usize,
        /// Its number.
        other: String,
    },
}

/// How a file's numbers are written: what parts decimals; the other of the two parts thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimals {
    /// As in a program: a point, and nothing parts thousands.
    Plain,
    Point,
    Comma,
}

/// What a number shows of the way in which it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    /// Digits that a separator of thousands would part.
    Unparted,
    /// Digits too few to be parted, in a file that may part thousands.
    Few,
    Decimals(Decimals),
    /// Decimals behind a comma, or a comma between thousands.
    EitherComma,
    /// The same of a point, which has decimals behind it unless the file says otherwise.
    EitherPoint,
}

/// The first number that shows something: its line, and the number.
type Seen = Option<(usize, String)>;

/// What the numbers of a file have shown so far.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    point: Seen,
    comma: Seen,
    columns: [Column; 2],
}

#[derive(Debug, Default)]
struct Column {
    unparted: Seen,
    few: Seen,
    either: Seen,
    either_point: Seen,
}

impl Column {
    /// A number with three digits behind a point beside whole ones: `990` and `1.012`. A program
    /// that prints three decimals prints them of every number, and a country that parts thousands
    /// by points has none to part in `990`.
    fn unclear_point(&self) -> Seen {
        let beside = self.few.is_some() && self.unparted.is_none();
        self.either_point.clone().filter(|_| beside)
    }
}

impl Evidence {
    /// Looks at a number of a column.
    pub(super) fn see(&mut self, column: usize, line: usize, text: &str) {
        let to = match shows(text) {
            Shows::Decimals(Decimals::Point) => &mut self.point,
            Shows::Decimals(Decimals::Comma) => &mut self.comma,
            Shows::Unparted => &mut self.columns[column].unparted,
            Shows::Few => &mut self.columns[column].few,
            Shows::EitherComma => &mut self.columns[column].either,
            Shows::EitherPoint => &mut self.columns[column].either_point,
            Shows::Nothing | Shows::Decimals(Decimals::Plain) => return,
        };
        to.get_or_insert_with(|| (line, text.to_string()));
    }

    /// How the file's numbers are to be read.
    pub(super) fn decimals(self) -> Result<Decimals, Unclear> {
        let comma = self.comma.or_else(|| {
            let columns = self.columns.iter();
            let mut unparted = columns.filter(|c| c.unparted.is_some());
            unparted.find_map(|c| c.either.clone())
        });
        let point_or_thousands = self.columns.iter().find_map(Column::unclear_point);
        let either = self.columns.into_iter().find_map(|c| c.either);
        match (self.point, comma, either) {
            (Some(a), Some(b), _) => {
                let (first, (line, found)) = if a.0 <= b.0 { (a, b) } else { (b, a) };
                let (before, other) = first;
                Err(Unclear::Mixed {
                    line,
                    found,
                    before,
                    other,
                })
            }
            (None, None, Some((line, found))) => Err(Unclear::Either {
                line,
                sign: "comma",
                decimal: found.replace(',', "."),
                whole: found.replace(',', ""),
                found,
            }),
            (None, None, None) => match point_or_thousands {
                Some((line, found)) => Err(Unclear::Either {
                    line,
                    sign: "point",
                    decimal: found.clone(),
                    whole: found.replace('.', ""),
                    found,
                }),
                None => Ok(Decimals::Point),
            },
            (None, Some(_), _) => Ok(Decimals::Comma),
            (_, None, _) => Ok(Decimals::Point),
        }
    }
}

/// A number of a file whose decimals are written so.
pub(super) fn number(text: &str, decimals: Decimals) -> Option<f64> {
    let as_it_is = written(text, decimals);
    as_it_is.or_else(|| written(&bare(text)?, decimals))
}

/// What parts thousands and is nothing else: blanks, of which some have no width to break a line
/// at, and apostrophes.
const GAPS: [char; 6] = [' ', '\u{a0}', '\u{2009}', '\u{202f}', '\'', '\u{2019}'];
/// A minus as typesetters set it.
const MINUS: char = '\u{2212}';

/// The number without what its digits are parted by, and with a program's minus; `None` where it
/// has neither.
fn bare(text: &str) -> Option<String> {
    if !text.contains(MINUS) && !text.contains(GAPS) {
        return None;
    }
    let plain = text.replacen(MINUS, "-", 1);
    let end = plain.find([',', '.']).unwrap_or(plain.len());
    let (whole, rest) = plain.split_at(end);
    match whole.chars().find(|c| GAPS.contains(c)) {
        Some(gap) if is_grouped(unsigned(whole), gap) => Some(whole.replace(gap, "") + rest),
        Some(_) => None,
        None => (plain != text).then_some(plain),
    }
}

fn written(text: &str, decimals: Decimals) -> Option<f64> {
    let (point, thousands) = match decimals {
        Decimals::Plain => return text.parse().ok(),
        Decimals::Point => ('.', ','),
        Decimals::Comma => (',', '.'),
    };
    if !text.contains([',', '.']) {
        return text.parse().ok();
    }
    let (whole, rest) = text.split_at(text.find(point).unwrap_or(text.len()));
    if whole.contains(thousands) && !is_grouped(unsigned(whole), thousands) {
        return None;
    }
    let rest = rest.replacen(point, ".", 1);
    let plain = whole.replace(thousands, "") + &rest;
    plain.parse().ok()
}

pub(super) fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

/// Whether digits stand in groups of three, the first of one to three.
fn is_grouped(text: &str, by: char) -> bool {
    let digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let mut groups = text.split(by);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && digits(first) && groups.all(|g| g.len() == 3 && digits(g))
}

fn shows(text: &str) -> Shows {
    if let Some(bare) = bare(text) {
        return shows(&bare);
    }
    let text = unsigned(text);
    let (commas, points) = (text.matches(',').count(), text.matches('.').count());
    let or_nothing = |is: bool, decimals| match is {
        true => Shows::Decimals(decimals),
        false => Shows::Nothing,
    };
    match (commas, points) {
        (0, 0) if text.len() > 3 && text.bytes().all(|b| b.is_ascii_digit()) => Shows::Unparted,
        (0, 0)
            if text.bytes().all(|b| b.is_ascii_digit()) && !text.trim_matches('0').is_empty() =>
        {
            Shows::Few
        }
        (0, 0) => Shows::Nothing,
        (1, 0) if is_grouped(text, ',') && !text.starts_with('0') => Shows::EitherComma,
        (0, 1) if is_grouped(text, '.') && !text.starts_with('0') => Shows::EitherPoint,
        (1, 0) => or_nothing(number(text, Decimals::Comma).is_some(), Decimals::Comma),
        (0, 1) => or_nothing(number(text, Decimals::Point).is_some(), Decimals::Point),
        (_, 0) => or_nothing(is_grouped(text, ','), Decimals::Point),
        (0, _) => or_nothing(is_grouped(text, '.'), Decimals::Comma),
        _ => match number(text, Decimals::Comma) {
            Some(_) => Shows::Decimals(Decimals::Comma),
            None => or_nothing(number(text, Decimals::Point).is_some(), Decimals::Point),
        },
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_apostrophes_part_thousands_wherever_they_stand() {
        for (text, decimals, is) in [
            ("1 100,5", Decimals::Comma, Some(1100.5)),
            (
                "1\u{202f}234\u{202f}567",
                Decimals::Plain,
                Some(1_234_567.0),
            ),
            ("1'100.5", Decimals::Plain, Some(1100.5)),
            ("\u{2212}3.5", Decimals::Plain, Some(-3.5)),
            ("1 10", Decimals::Plain, None),
            ("1 100 5.0", Decimals::Plain, None),
            ("2024 01", Decimals::Plain, None),
        ] {
            assert_eq!(number(text, decimals), is, "{text}");
        }
        // Where blanks part thousands a comma does not.
        assert_eq!(decimals(&["1 100", "1,234"]).unwrap(), Decimals::Comma);
    }

    fn decimals(values: &[&str]) -> Result<Decimals, String> {
        let mut evidence = Evidence::default();
        for (line, text) in values.iter().enumerate() {
            evidence.see(0, line + 2, text);
        }
        evidence.decimals().map_err(|e| e.to_string())
    }

    #[test]
    fn the_other_numbers_tell_what_a_comma_means() {
        for comma in [
            "0,5",
            "1,23",
            "-12,5",
            "1234,567",
            "1.234,5",
            "1.234.567",
            "2500",
            "1,5e3",
        ] {
            assert_eq!(
                decimals(&["1,234", comma]).unwrap(),
                Decimals::Comma,
                "{comma}"
            );
        }
        for point in ["0.5", "1,234.5", "1,234,567", "-12.25", "1.5e3"] {
            assert_eq!(
                decimals(&["1,234", point]).unwrap(),
                Decimals::Point,
                "{point}"
            );
        }
        for plain in ["12", "999", "1e3", "-7", "1.234"] {
            assert_eq!(decimals(&[plain]).unwrap(), Decimals::Point, "{plain}");
            let said = decimals(&[plain, "1,234"]).unwrap_err();
            assert!(said.starts_with("line 3: `1,234` may be 1.234"), "{said}");
            assert!(said.contains("or 1234"), "{said}");
        }
        let said = decimals(&["990", "1.012"]).unwrap_err();
        assert!(
            said.starts_with("line 3: `1.012` may be 1.012 (decimal point) or 1012"),
            "{said}"
        );
        // Of these one is no thousand, or three decimals are what every number has.
        for more in ["0.5", "1500", "0", "1.013"] {
            assert_eq!(
                decimals(&["1.012", more]).unwrap(),
                Decimals::Point,
                "{more}"
            );
        }
        let said = decimals(&["1,5", "1.5"]).unwrap_err();
        assert!(
            said.starts_with("line 3: `1.5`") && said.contains("line 2, `1,5`"),
            "{said}"
        );
    }

    #[test]
    fn numbers_are_read_by_what_the_file_shows() {
        for (text, point, comma) in [
            ("1,234", Some(1234.0), Some(1.234)),
            ("1.234", Some(1.234), Some(1234.0)),
            ("-1,234.5", Some(-1234.5), None),
            ("1.234,5", None, Some(1234.5)),
            ("1,23", None, Some(1.23)),
            ("1.5e3", Some(1500.0), None),
            ("1,5e3", None, Some(1500.0)),
            ("12", Some(12.0), Some(12.0)),
            ("1,,2", None, None),
            (",5", None, Some(0.5)),
            ("", None, None),
            ("1.2.3", None, None),
        ] {
            assert_eq!(number(text, Decimals::Point), point, "{text}");
            assert_eq!(number(text, Decimals::Comma), comma, "{text}");
        }
    }
}
