//! Values of `uptick.toml` that say what they cannot be: fractions, seconds, globs, command lines.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;

/// From here on a bare number may as well be meant as a percentage: nobody allows 50 % by
/// writing `0.5`, and whoever writes `1` means 1 %.
const AMBIGUOUS: f64 = 0.5;

/// A share of a value: `"0.5%"` or `0.005`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Fraction(pub f64);

impl Fraction {
    /// Reads `0.5%` or `0.005`.
    ///
    /// # Errors
    /// A sentence for the user when it is neither, negative, not finite, or a bare number that
    /// may mean two things.
    pub fn parse(s: &str) -> std::result::Result<Self, String> {
        let s = s.trim();
        let (digits, percent) = match s.strip_suffix('%') {
            Some(d) => (d.trim(), true),
            None => (s, false),
        };
        let number = digits.parse::<f64>().ok();
        match number.filter(|x| x.is_finite() && *x >= 0.0) {
            None => Err(format!(
                "`{s}` is no limit: write a percentage such as \"0.5%\""
            )),
            Some(x) if percent => Ok(Self(x * 0.01)),
            Some(x) if x < AMBIGUOUS => Ok(Self(x)),
            Some(x) => Err(format!(
                "is `{s}` {x} % or {whole} %? Write \"{x}%\" or \"{whole}%\"",
                whole = (x * 1e8).round() / 1e6
            )),
        }
    }

    /// Reads the value of a flag, where it is given.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the flag.
    pub fn of_flag(flag: &str, text: Option<&str>) -> Result<Option<f64>, Error> {
        let parsed = text.map(Self::parse).transpose();
        let parsed = parsed.map_err(|e| Error::Usage(format!("{flag}: {e}")))?;
        Ok(parsed.map(|f| f.0))
    }
}

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        match NumberOrText::deserialize(d)? {
            NumberOrText::Number(x) => Self::parse(&x.to_string()),
            NumberOrText::Text(s) => Self::parse(&s),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// The shortest duration, in seconds: nothing is started and ended in less.
const SHORTEST: f64 = 1e-3;
/// The longest, in seconds: a year. Far beyond it no clock can count.
const LONGEST: f64 = 366.0 * 86_400.0;

/// A duration: `"90s"`, `"5m"`, `"1h"` or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// Reads `90s`, `5m`, `1h` or `90`.
    ///
    /// # Errors
    /// A sentence for the user when it is none of them, not positive, or beyond what is counted.
    pub fn parse(s: &str) -> std::result::Result<Self, String> {
        let s = s.trim();
        let (digits, scale) = match s.char_indices().next_back() {
            Some((i, 's')) => (&s[..i], 1.0),
            Some((i, 'm')) => (&s[..i], 60.0),
            Some((i, 'h')) => (&s[..i], 3600.0),
            _ => (s, 1.0),
        };
        let number = digits.trim().parse::<f64>().ok();
        let positive = number.filter(|x| x.is_finite() && *x > 0.0);
        match positive.map(|x| x * scale) {
            None => Err(format!(
                "`{s}` is no duration: write \"90s\", \"5m\" or \"1h\""
            )),
            Some(x) if x < SHORTEST => Err(format!("`{s}` is less than a millisecond")),
            Some(x) if x > LONGEST => Err(format!("`{s}` is more than a year")),
            Some(x) => Ok(Self(x)),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        match NumberOrText::deserialize(d)? {
            NumberOrText::Number(x) => Self::parse(&x.to_string()),
            NumberOrText::Text(s) => Self::parse(&s),
        }
        .map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number or a text")]
enum NumberOrText {
    Number(f64),
    Text(String),
}

/// Whether `name` matches `pattern`, in which `*` stands for any text and `?` for one character.
///
/// Everything else stands for itself: names of benchmarks hold brackets and braces (`sort/[u8]`),
/// which the libraries for globs of files read as classes and alternatives.
#[must_use]
pub fn glob(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut i, mut j) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while j < n.len() {
        if i < p.len() && p[i] == '*' {
            star = Some((i, j));
            i += 1;
        } else if i < p.len() && (p[i] == '?' || p[i] == n[j]) {
            i += 1;
            j += 1;
        } else if let Some((si, sj)) = star {
            // Let the last star swallow one character more.
            star = Some((si, sj + 1));
            i = si + 1;
            j = sj + 1;
        } else {
            return false;
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

/// Splits a command line as a shell splits words, with quotes, backslashes and comments, but nothing
/// else: what else a shell would do stands in `meant_for_a_shell`.
///
/// `None` when a quote is left open.
#[must_use]
pub fn words(line: &str) -> Option<Vec<String>> {
    shlex::split(line)
}

/// The first word of a command line, as it is written, that a shell would take for more than an
/// argument: an operator, also at the end of a word or before a file's name, or a command whose output
/// is put in. Quotes take that from it. Within a word such characters are usual (`?a=1&b=2`, `x|y`).
#[must_use]
pub(super) fn meant_for_a_shell(line: &str) -> Option<String> {
    let (mut word, mut quote) = (String::new(), None);
    // The word as a shell sees it: what is quoted is a letter like any other.
    let mut bare = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, ' ' | '\t' | '\n' | '\r') if is_for_a_shell(&bare) => return Some(word),
            (None, ' ' | '\t' | '\n' | '\r') => {
                word.clear();
                bare.clear();
                continue;
            }
            (None, '#') if word.is_empty() => return None,
            (None | Some('"'), '\\') => {
                word.push(c);
                word.extend(rest.next());
                bare.push('x');
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        bare.push(if quote.is_none() && !matches!(c, '\'' | '"') {
            c
        } else {
            'x'
        });
    }
    is_for_a_shell(&bare).then_some(word)
}

/// Whether a word without quotes is for a shell.
fn is_for_a_shell(word: &str) -> bool {
    let redirected = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    word.starts_with("$(")
        || word.starts_with(['`', '|', '&', ';'])
        || word.ends_with(['|', '&', ';'])
        || redirected.starts_with(['<', '>'])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_that_may_be_a_percentage_is_asked_about() {
        for (text, x) in [("0.5%", 0.005), ("0.02", 0.02), ("150 %", 1.5), ("0", 0.0)] {
            assert_eq!(Fraction::parse(text).map(|f| f.0), Ok(x));
        }
        let asked = Fraction::parse("1").unwrap_err();
        assert!(
            asked.contains("1 % or 100 %") && asked.contains("\"1%\""),
            "{asked}"
        );
        let asked = Fraction::parse("15").unwrap_err();
        assert!(asked.contains("15 % or 1500 %"), "{asked}");
        for bad in ["0.5", "2.5", "x", "", "-1%", "NaN", "inf", "%"] {
            assert!(Fraction::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_can_be_counted() {
        for (text, x) in [
            ("90", 90.0),
            ("5m", 300.0),
            ("0.001s", 0.001),
            ("8784h", LONGEST),
        ] {
            assert_eq!(Seconds::parse(text).map(|s| s.0), Ok(x));
        }
        for (bad, why) in [
            ("1e30s", "more than a year"),
            ("99999999999999999999s", "more than a year"),
            ("1e308h", "more than a year"),
            ("1e-30s", "less than a millisecond"),
            ("0", "no duration"),
            ("1ms", "no duration"),
            ("-1s", "no duration"),
            ("inf", "no duration"),
            ("NaN", "no duration"),
        ] {
            let said = Seconds::parse(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }
}
