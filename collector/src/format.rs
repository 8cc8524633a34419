//! Numbers and names as people read them.

use crate::model::Metric;

/// A whole number with thousands separators: `1,204,123`.
#[must_use]
pub fn thousands(x: f64) -> String {
    let digits = format!("{:.0}", x.abs());
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if x < 0.0 && digits != "0" {
        format!("-{out}")
    } else {
        out
    }
}

/// A signed change in few characters: `+41.2 M`, `-102`.
#[must_use]
pub fn signed(x: f64) -> String {
    let sign = if x < 0.0 { '-' } else { '+' };
    let a = x.abs();
    let (value, unit) = match a {
        a if a >= 1e9 => (a / 1e9, " G"),
        a if a >= 1e6 => (a / 1e6, " M"),
        a if a >= 1e5 => (a / 1e3, " k"),
        _ => return format!("{sign}{}", thousands(a)),
    };
    format!("{sign}{value:.1}{unit}")
}

/// A relative change: `+4.10 %`, `+0.0012 %`, `×3.2`.
#[must_use]
pub fn percent(change: f64) -> String {
    let p = 100.0 * change;
    if p.is_nan() {
        "?".into()
    } else if p.is_infinite() {
        "from 0".into()
    } else if p >= 900.0 {
        format!("×{:.1}", 1.0 + change)
    } else if p == 0.0 || p.abs() >= 0.1 {
        format!("{p:+.2} %")
    } else {
        format!("{p:+.4} %")
    }
}

/// Which way a value went, whatever that is worth.
#[must_use]
pub fn arrow(moved: f64) -> &'static str {
    match moved {
        m if m > 0.0 => "▲",
        m if m < 0.0 => "▼",
        _ => "·",
    }
}

/// A limit or a share: `0.50 %`.
#[must_use]
pub fn share(fraction: f64) -> String {
    percent(fraction).trim_start_matches('+').to_string()
}

/// A value with its unit: `8,805,721 instructions`, `1.20 ms`, `35.2 MiB`.
#[must_use]
pub fn value(x: f64, metric: &Metric) -> String {
    match metric.unit() {
        "ns" => duration(x),
        "bytes" => bytes(x),
        unit if metric.is_own() => own(x, unit),
        unit => format!("{} {unit}", thousands(x)),
    }
}

/// From one value to another, the unit once where it is the same: `1,204 → 1,253 instructions`.
#[must_use]
pub fn from_to(before: &str, after: &str) -> String {
    match (before.rsplit_once(' '), after.rsplit_once(' ')) {
        (Some((n, unit)), Some((_, same))) if unit == same => format!("{n} → {after}"),
        _ => format!("{before} → {after}"),
    }
}

/// A value in a unit that nothing is known of: four digits that count, or the whole number.
fn own(x: f64, unit: &str) -> String {
    let number = digits(x);
    match unit {
        "" | "count" => number,
        unit => format!("{number} {unit}"),
    }
}

/// A number with at least four digits that count.
#[must_use]
pub fn digits(x: f64) -> String {
    let after = match x.abs() {
        a if a == a.trunc() || a >= 1000.0 => return thousands(x),
        a if a >= 100.0 => 1,
        a if a >= 10.0 => 2,
        a if a >= 1.0 => 3,
        a if a < 1e-6 => return format!("{x:.3e}"),
        // The first digit that is not 0, and three more.
        a => (3.0 - a.log10().floor()).clamp(4.0, 12.0) as usize,
    };
    format!("{x:.after$}")
}

fn duration(ns: f64) -> String {
    match ns.abs() {
        a if a >= 1e9 => format!("{:.3} s", ns / 1e9),
        a if a >= 1e6 => format!("{:.3} ms", ns / 1e6),
        a if a >= 1e3 => format!("{:.3} µs", ns / 1e3),
        _ => format!("{ns:.2} ns"),
    }
}

fn bytes(x: f64) -> String {
    match x.abs() {
        a if a >= 1_048_576.0 => format!("{:.2} MiB", x / 1_048_576.0),
        a if a >= 1024.0 => format!("{:.1} KiB", x / 1024.0),
        _ => format!("{x:.0} B"),
    }
}

/// How far a value moved: as a fraction of where it began, or by how much where that says nothing:
/// of 0 nothing is a fraction, and of a debt nobody can say what ten times it is.
#[must_use]
pub fn moved(change: f64, (before, after): (f64, f64), metric: &Metric) -> String {
    if change.is_infinite() || before <= 0.0 || after < 0.0 {
        difference(after - before, metric)
    } else {
        percent(change)
    }
}

/// A limit: as a fraction of what it is a limit of, or in units where [`moved`] says units.
#[must_use]
pub fn limit(fraction: f64, units: f64, base: f64, metric: &Metric) -> String {
    if fraction.is_infinite() || base <= 0.0 {
        value(units, metric)
    } else {
        share(fraction)
    }
}

/// A signed difference of two values: `+12 faults`, `-1.200 ms`.
#[must_use]
pub fn difference(x: f64, metric: &Metric) -> String {
    let sign = if x < 0.0 { "" } else { "+" };
    format!("{sign}{}", value(x, metric))
}

/// A name as it may stand in a terminal: without control and direction characters, cut to a
/// width at its front, because the end of a path tells more than its beginning.
#[must_use]
pub fn name(text: &str, width: usize) -> String {
    let clean = crate::profile::names::clean(text, crate::profile::names::MAX_NAME);
    let Some(over) = clean.chars().count().checked_sub(width + 1) else {
        return clean;
    };
    let tail: String = clean.chars().skip(over + 2).collect();
    format!("…{tail}")
}

/// A name or a command in full, for whoever copies it; only what disturbs a terminal is gone.
#[must_use]
pub fn whole(text: &str) -> String {
    crate::profile::names::clean(text, usize::MAX)
}

/// `1 change`, `3 changes`; a word that ends in `s` is its own plural (`3 series`).
#[must_use]
pub fn plural<N: std::fmt::Display + PartialEq + From<u8>>(n: N, what: &str) -> String {
    if n == N::from(1) || what.ends_with('s') {
        format!("{n} {what}")
    } else {
        format!("{n} {what}s")
    }
}

/// The day that a second since 1970 is in, in UTC: `2026-11-28`.
#[must_use]
pub fn day(seconds: i64) -> String {
    instant(seconds - seconds.rem_euclid(24 * 60 * 60))
}

/// Seconds since 1970 as a day, or as day and time where that is not midnight; in UTC.
#[must_use]
pub fn instant(seconds: i64) -> String {
    let Ok(at) = jiff::Timestamp::from_second(seconds) else {
        return seconds.to_string();
    };
    let text = at.to_string();
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_string(),
        None => text,
    }
}

/// `1 benchmark`, `3 benchmarks`.
#[must_use]
pub fn benchmarks(n: usize) -> String {
    plural(n, "benchmark")
}

/// A sentence as it may stand in a terminal, such as a commit's subject: cleaned like a
/// [`name`], but its beginning is kept, which tells what it is about.
#[must_use]
pub fn sentence(text: &str, width: usize) -> String {
    // Lines that follow one another are words apart.
    let text = text.replace(['\n', '\r'], " ");
    let clean = crate::profile::names::clean(&text, crate::profile::names::MAX_NAME);
    if clean.chars().count() <= width {
        return clean;
    }
    let kept: String = clean.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// What a failure says in one line: its first error, where a compiler or a shell names one, or why
/// a program panicked, else how it begins. The stage at the beginning (`build: `) stays.
#[must_use]
pub fn telling(why: &str, width: usize) -> String {
    if let Some(reason) = panic_of(why) {
        return sentence(&format!("it ended in a panic: {reason}"), width);
    }
    let is_error =
        |l: &&str| l.starts_with("error") || l.contains(": error") || l.contains("fatal:");
    let mut lines = why.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or("");
    let Some(error) = lines.find(is_error).filter(|_| !is_error(&first)) else {
        return sentence(&with_reason(first, why), width);
    };
    let is_stage = |s: &&str| s.chars().all(|c| c.is_ascii_lowercase());
    let stage = first.split_once(": ").map(|(stage, _)| stage);
    match stage.filter(is_stage) {
        Some(stage) => sentence(&format!("{stage}: {error}"), width),
        None => sentence(error, width),
    }
}

/// A first line with what the others say: the last of them, where the first ends in a colon or only
/// says where a file is wrong.
fn with_reason(first: &str, why: &str) -> String {
    let open = first.strip_suffix(':');
    if open.is_none() && !first.contains("TOML parse error") {
        return first.to_string();
    }
    let head = open.unwrap_or(first);
    // What valgrind says at the end of its own log is no reason.
    let said = why.trim().lines().skip(1).map(str::trim);
    let last = said.filter(|l| !l.starts_with("==")).last().unwrap_or("");
    match last.is_empty() {
        true => head.to_string(),
        false => format!("{head}: {last}"),
    }
}

/// What a program said when it ended in a panic: it stands below the place.
fn panic_of(why: &str) -> Option<&str> {
    let mut lines = why.lines().map(str::trim);
    lines.find(|l| l.starts_with("thread '") && l.contains(" panicked at "))?;
    lines.find(|l| !l.is_empty())
}

/// A word for a shell, quoted where it must be.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A flag with its value as one types it; a value that looks like a flag is tied to it.
#[must_use]
pub fn flag(name: &str, value: &str) -> String {
    let tie = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{tie}{}", quoted(value))
}

/// Text for a CI system's log in which no line speaks to the runner.
///
/// GitHub takes a line that begins with `::` for a command, and `##[` anywhere in one; Azure
/// DevOps takes `##vso[` and TeamCity `##teamcity[`. Names and messages of the code under test may
/// hold any of them, so that a space parts the signs.
#[must_use]
pub fn unspoken(text: &str) -> String {
    // A runner ends a line at a carriage return too.
    let lines = text.split_inclusive(['\n', '\r']);
    lines.map(unspoken_line).collect()
}

fn unspoken_line(line: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let (indent, rest) = line.split_at(start);
    let rest = match rest.strip_prefix("::") {
        Some(command) => format!("{indent}: :{command}"),
        None => line.to_string(),
    };
    let rest = rest.replace("##[", "# #[");
    ["##vso[", "##teamcity["]
        .into_iter()
        .fold(rest, |text, sign| part(&text, sign))
}

/// Puts a space after the first character of each `sign`, in whatever case it is written.
fn part(text: &str, sign: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(sign) {
        out.push_str(&text[from..=at]);
        out.push(' ');
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out
}

/// The command that unpacks a compressed file that begins like this.
#[must_use]
pub fn unpacked_by(start: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gunzip"),
        (b"\x28\xb5\x2f\xfd", "unzstd"),
        (b"\xfd7zXZ", "unxz"),
        (b"BZh", "bunzip2"),
        (b"PK\x03\x04", "unzip"),
    ];
    let kind = KINDS.iter().find(|(mark, _)| start.starts_with(mark))?;
    Some(kind.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(1_204_123.4), "1,204,123");
        assert_eq!(thousands(-12.0), "-12");
        assert_eq!(signed(41_234_567.0), "+41.2 M");
        assert_eq!(signed(-102.0), "-102");
        assert_eq!(percent(0.041), "+4.10 %");
        assert_eq!(percent(0.000_012), "+0.0012 %");
        assert_eq!(percent(9.5), "×10.5");
        assert_eq!(percent(f64::INFINITY), "from 0");
        assert_eq!(percent(f64::NEG_INFINITY), "from 0");
        assert_eq!(share(0.005), "0.50 %");
        assert_eq!(value(1_200_000.0, &Metric::WallTime), "1.200 ms");
        assert_eq!(value(2_097_152.0, &Metric::PeakRss), "2.00 MiB");
        assert_eq!(value(-1_200_000.0, &Metric::WallTime), "-1.200 ms");
        assert_eq!(value(-2048.0, &Metric::PeakRss), "-2.0 KiB");
    }

    #[test]
    fn a_metric_of_ones_own_is_said_in_its_unit() {
        let own = |unit| Metric::stored("x", unit, crate::model::Better::Higher);
        for (x, unit, words) in [
            (1000.0, "1/s", "1,000 1/s"),
            (0.0, "1/s", "0 1/s"),
            (-3.25, "dB", "-3.250 dB"),
            (0.012_345, "", "0.01235"),
            (1e-9, "V", "1.000e-9 V"),
            (123_456.7, "count", "123,457"),
            (1500.0, "ns", "1.500 µs"),
            (2048.0, "bytes", "2.0 KiB"),
        ] {
            assert_eq!(value(x, &own(unit)), words);
        }
    }

    #[test]
    fn what_is_no_fraction_is_said_in_units() {
        let m = Metric::stored("errors", "count", crate::model::Better::Lower);
        for (before, after, words) in [
            (0.0, 3.0, "+3"),
            (3.0, 0.0, "-100.00 %"),
            (0.0, 0.0, "+0"),
            (-2.0, 1.0, "+3"),
            (-2.0, -3.0, "-1"),
            (2.0, -1.0, "-3"),
            (2.0, 3.0, "+50.00 %"),
        ] {
            let change = crate::stats::change(before, after);
            assert_eq!(
                moved(change, (before, after), &m),
                words,
                "{before} {after}"
            );
        }
        assert_eq!(limit(0.05, 0.1, 2.0, &m), "5.00 %");
        assert_eq!(limit(f64::INFINITY, 2.0, 0.0, &m), "2");
        assert_eq!(limit(0.05, 0.1, -2.0, &m), "0.1000");
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(plural(1.0, "change"), "1 change");
        assert_eq!(plural(0_u64, "change"), "0 changes");
        assert_eq!(plural(2_usize, "series"), "2 series");
    }

    #[test]
    fn an_instant_is_a_day_or_a_second_of_it() {
        assert_eq!(instant(1_767_312_000), "2026-01-02");
        assert_eq!(instant(1_767_312_001), "2026-01-02T00:00:01Z");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("parse/large"), "parse/large");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_value_that_looks_like_a_flag_is_tied_to_its_own() {
        assert_eq!(flag("--only", "a b"), "--only 'a b'");
        assert_eq!(flag("--only", "-x"), "--only=-x");
    }

    #[test]
    fn no_line_speaks_to_a_runner() {
        let said = "ok\n::error::x\r ::set-output name=a::b\na ##[error]y\n##VSO[task]z::\n";
        let text = unspoken(said);
        assert_eq!(
            text,
            "ok\n: :error::x\r : :set-output name=a::b\na # #[error]y\n# #VSO[task]z::\n"
        );
        assert_eq!(unspoken("##teamcity[x]##vso[y]"), "# #teamcity[x]# #vso[y]");
        assert_eq!(unspoken("a::b # #[x\n"), "a::b # #[x\n");
    }

    #[test]
    fn names_are_cut_at_the_front_and_cleaned() {
        assert_eq!(name("abcdef", 4), "…def");
        assert_eq!(name("abcd", 4), "abcd");
        assert!(!name("a\u{1b}[31mb", 20).contains('\u{1b}'));
    }

    #[test]
    fn sentences_keep_their_beginning() {
        assert_eq!(sentence("Use a string", 40), "Use a string");
        assert_eq!(sentence("Use a string", 7), "Use a…");
        assert!(!sentence("a\u{1b}[31mb", 20).contains('\u{1b}'));
        assert_eq!(
            sentence("metadata failed:\nerror: x", 40),
            "metadata failed: error: x"
        );
    }

    #[test]
    fn a_failure_tells_its_first_error() {
        let rustc = "build: the benchmarks do not build:\nwarning: x\nerror[E0433]: no `y`\n  --> a.rs\nerror: could not compile";
        assert_eq!(telling(rustc, 80), "build: error[E0433]: no `y`");
        let gcc = "build: `make` ended with exit status: 2:\nx.c:3:1: error: unknown type";
        assert_eq!(telling(gcc, 80), "build: x.c:3:1: error: unknown type");
        assert_eq!(telling("run: it hangs\nmore", 80), "run: it hangs");
        let panic = "ended with exit status: 101:\nerror: odd\nthread 'main' (7) panicked at b.rs:1:2:\nno file\nnote: …";
        assert_eq!(telling(panic, 80), "it ended in a panic: no file");
        let whole = "the benchmarks do not build:\nerror: no `y`";
        assert_eq!(telling(whole, 80), "error: no `y`");
        assert_eq!(telling("", 80), "");
        assert_eq!(
            telling("ended with signal: 6:\n", 80),
            "ended with signal: 6"
        );
        assert_eq!(
            telling("ended with 2:\nso\nit is\n", 80),
            "ended with 2: it is"
        );
        let toml =
            "u.toml: TOML parse error at line 2, column 1\n  |\n2 | x\n  | ^\n0.5 % or 50 %?\n";
        assert!(telling(toml, 80).ends_with("column 1: 0.5 % or 50 %?"));
    }

    #[test]
    fn a_compressed_file_is_known_by_its_first_bytes() {
        assert_eq!(unpacked_by(b"\x1f\x8b\x08"), Some("gunzip"));
        assert_eq!(unpacked_by(b"PK\x03\x04\x14"), Some("unzip"));
        for text in [&b"series,index,value"[..], b"{", b"PK,1,2", b""] {
            assert_eq!(unpacked_by(text), None);
        }
    }
}
