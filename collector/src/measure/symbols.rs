//! What an executable says about itself: criterion's methods, linking, size.

use std::path::Path;

use serde::{Deserialize, Serialize};

use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol};

use super::region::{Harness, Method};
use crate::error::{Error, Result};

/// A function whose entry and return bound one call of a benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The mangled name, as the counter sees it.
    pub symbol: String,
    /// The method that it is an instance of.
    pub method: Method,
    /// Whose method it is.
    pub harness: Harness,
}

/// What is known of a benchmark's executable.
#[derive(Clone, Debug, Default)]
pub struct Executable {
    /// Instances of criterion's `Bencher` methods; none: this is no criterion benchmark, or
    /// its symbols were stripped.
    pub boundaries: Vec<Boundary>,
    /// Whether the command line knows `--exact` (criterion 0.5 and later).
    pub exact: bool,
    /// Whether it is linked statically: nothing can be preloaded into it.
    pub is_static: bool,
    /// Who drives its benchmarks, where criterion does not.
    pub framework: Framework,
    /// Bytes that it occupies when loaded: its size without symbols and debug information.
    pub loaded_size: u64,
}

/// Who drives the benchmarks of an executable that is not criterion's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framework {
    /// `#[bench]`, or tests.
    Libtest,
    /// divan, or CodSpeed's fork of it.
    Divan,
    /// iai.
    Iai,
    /// iai-callgrind.
    IaiCallgrind {
        /// A group that it has.
        group: Option<String>,
    },
    /// gungraun, as iai-callgrind is called today.
    Gungraun {
        /// A group that it has.
        group: Option<String>,
    },
    /// tango-bench.
    Tango,
    /// Nobody whom we know: a `main` of its own.
    #[default]
    Unknown,
}

/// Criterion's help for `--exact`, which stands in every executable that knows the flag.
const EXACT_HELP: &[u8] = b"exactly match the provided filter";

/// Reads an executable's symbols.
///
/// # Errors
/// When the file cannot be read or is no ELF object.
pub fn read(path: &Path) -> Result<Executable> {
    let data = std::fs::read(path).map_err(Error::io(path))?;
    let file = object::File::parse(&*data).map_err(|e| {
        Error::Build(format!(
            "{}: no executable that can be read: {e}",
            path.display()
        ))
    })?;
    let mut boundaries: Vec<Boundary> = file
        .symbols()
        .filter(|s| s.is_definition())
        .filter_map(|s| s.name().ok())
        .filter_map(|name| {
            method_of(name).map(|(method, harness)| Boundary {
                symbol: name.to_string(),
                method,
                harness,
            })
        })
        .collect();
    boundaries.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    boundaries.dedup();
    let exact = memchr::memmem::find(&data, EXACT_HELP).is_some();
    let framework = match boundaries.is_empty() && !exact {
        true => framework(file.symbols().filter_map(|s| s.name().ok())),
        false => Framework::Unknown,
    };
    Ok(Executable {
        boundaries,
        exact,
        is_static: is_static(&data),
        framework,
        loaded_size: file.segments().map(|s| s.file_range().1).sum(),
    })
}

/// Whose crate the mangled names of an executable mention.
fn framework<'a>(symbols: impl Iterator<Item = &'a str>) -> Framework {
    let (mut best, mut group) = (Framework::Unknown, None);
    for symbol in symbols {
        let found = [
            ("gungraun", Framework::Gungraun { group: None }),
            ("iai_callgrind", Framework::IaiCallgrind { group: None }),
            ("tango_bench", Framework::Tango),
            ("divan", Framework::Divan),
            ("codspeed_divan_compat", Framework::Divan),
            ("codspeed_divan_compat_walltime", Framework::Divan),
            ("iai", Framework::Iai),
        ]
        .into_iter()
        .find(|(name, _)| names_crate(symbol, name));
        if let (Framework::Unknown, Some((_, of_it))) = (&best, found) {
            best = of_it;
        }
        group = group.or_else(|| group_of(symbol));
    }
    match best {
        Framework::Gungraun { .. } => Framework::Gungraun { group },
        Framework::IaiCallgrind { .. } => Framework::IaiCallgrind { group },
        other => other,
    }
}

/// Whether a mangled name has a path that begins with this crate: `_ZN5divan…`, or in the newer form
/// after the crate's own hash.
fn names_crate(symbol: &str, name: &str) -> bool {
    let component = format!("{}{name}", name.len());
    let mut found = symbol.match_indices(&component);
    found.any(|(at, _)| symbol[..at].ends_with(['N', '_']))
}

/// The group whose benchmarks `bench::group::__run` runs.
fn group_of(symbol: &str) -> Option<String> {
    if !symbol.contains("__run") {
        return None;
    }
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let (path, _) = name
        .rsplit_once("::__run")
        .filter(|(_, rest)| rest.is_empty())?;
    let (_, group) = path.split_once("::")?;
    (!group.contains("::")).then(|| group.to_string())
}

/// Whether what an executable or library loads holds one of these paths: its code may look there.
/// Debug information, which is not loaded, always does.
///
/// # Errors
/// When the file cannot be read or is no ELF object.
pub fn mentions(path: &Path, places: &[&Path]) -> Result<bool> {
    let data = std::fs::read(path).map_err(Error::io(path))?;
    let Ok(file) = object::File::parse(&*data) else {
        return Ok(false);
    };
    let loaded = |s: &object::Section<'_, '_>| match s.flags() {
        object::SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & object::elf::SHF_ALLOC.0 != 0,
        _ => true,
    };
    let found = file.sections().filter(loaded).any(|s| {
        let bytes = s.data().unwrap_or_default();
        let holds =
            |p: &&Path| memchr::memmem::find(bytes, p.as_os_str().as_encoded_bytes()).is_some();
        places.iter().any(holds)
    });
    Ok(found)
}

/// Whether an ELF file names no program interpreter (`PT_INTERP`).
fn is_static(data: &[u8]) -> bool {
    use object::read::elf::{FileHeader, ProgramHeader};
    let Ok(header) = object::elf::FileHeader64::<object::Endianness>::parse(data) else {
        return false;
    };
    let Ok(endian) = header.endian() else {
        return false;
    };
    header.program_headers(endian, data).is_ok_and(|segments| {
        !segments
            .iter()
            .any(|s| s.p_type(endian) == object::elf::PT_INTERP)
    })
}

/// The method of criterion's `Bencher` that a mangled name is an instance of.
///
/// The whole demangled path is looked at, so that a function which merely mentions a
/// `Bencher` among its type arguments is not taken for one. Forks that keep criterion's
/// interface under another crate name are recognised too.
fn method_of(symbol: &str) -> Option<(Method, Harness)> {
    if !symbol.contains("encher") {
        return None;
    }
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let path = without_generics(&name);
    let (ty, method) = path.trim_start_matches('<').rsplit_once("::")?;
    let ty = ty.trim_end_matches("::");
    if !(ty.ends_with("Bencher") && ty.contains("criterion")) {
        return None;
    }
    // CodSpeed's fork has the timing loops in functions of their own.
    let (method, harness) = match method.strip_prefix("__codspeed_root_frame__") {
        Some(inner) => (inner, Harness::CodSpeed),
        None => (method, Harness::Criterion),
    };
    let method = match method {
        "iter" => Method::Iter,
        "iter_custom" => Method::Custom,
        "iter_batched"
        | "iter_batched_ref"
        | "iter_with_large_drop"
        | "iter_with_large_setup"
        | "iter_with_setup" => Method::Batched,
        _ => return None,
    };
    Some((method, harness))
}

/// `<a::Bencher<M>>::iter::<X>` → `a::Bencher::iter`.
fn without_generics(name: &str) -> String {
    // A leading `<` belongs to an impl's self type: `<a::Bencher<M>>::iter`.
    let inner = name.strip_prefix('<').unwrap_or(name);
    let mut depth = 0usize;
    let mut out = String::new();
    let mut previous = ' ';
    for c in inner.chars() {
        match c {
            '<' => depth += 1,
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
        previous = c;
    }
    while out.contains("::::") {
        out = out.replace("::::", "::");
    }
    out.trim_end_matches("::").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criterion_s_methods_are_known_in_both_manglings() {
        let legacy = |m: &str, hash: &str| {
            format!(
                "_ZN9criterion7bencher16Bencher$LT$M$GT${}{m}17h{hash}E",
                m.len()
            )
        };
        let h = "8f47bf16d041cd87";
        let plain = |m| Some((m, Harness::Criterion));
        assert_eq!(method_of(&legacy("iter", h)), plain(Method::Iter));
        assert_eq!(
            method_of(&legacy("iter_batched", h)),
            plain(Method::Batched)
        );
        assert_eq!(
            method_of(&legacy("__codspeed_root_frame__iter", h)),
            Some((Method::Iter, Harness::CodSpeed))
        );
        assert_eq!(method_of(&legacy("iter_custom", h)), plain(Method::Custom));
        assert_eq!(method_of(&legacy("assert_iterated", h)), None);
        // <criterion::bencher::Bencher>::iter::<u64, {closure}> in v0.
        let v0 = "_RINvMNtCs1_9criterion7bencherNtB3_7Bencher4iteryNCNvCs2_1b1f0EB9_";
        assert_eq!(method_of(v0), plain(Method::Iter));
    }

    #[test]
    fn a_name_that_only_mentions_a_bencher_is_none() {
        let report = "_ZN74_$LT$criterion..report..BencherReport$u20$as$u20$criterion..report..Report$GT$4iter17h8f47bf16d041cd87E";
        assert_eq!(method_of(report), None);
        assert_eq!(
            method_of("_ZN5toast7Bencher4iter17h8f47bf16d041cd87E"),
            None
        );
    }

    #[test]
    fn other_frameworks_are_known_by_their_crates() {
        let of = |symbols: &[&str]| framework(symbols.iter().copied());
        assert_eq!(of(&["_ZN5divan5Divan4main17h1E"]), Framework::Divan);
        assert_eq!(
            of(&["_RNvNtCs7IGtWfvOXLw_5divan5entry4main"]),
            Framework::Divan
        );
        assert_eq!(
            of(&["_ZN30codspeed_divan_compat_walltime4main17h1E"]),
            Framework::Divan
        );
        assert_eq!(of(&["_ZN3iai6runner17h1E"]), Framework::Iai);
        let group = Some("grp".to_string());
        assert_eq!(
            of(&[
                "_ZN13iai_callgrind10__internal17h1E",
                "_ZN4work3grp5__run17hc6564950dbc70d2eE"
            ]),
            Framework::IaiCallgrind { group }
        );
        // Words that only begin alike, or stand deeper, are nobody's.
        assert_eq!(of(&["_ZN4work15divan5other17h1E"]), Framework::Unknown);
        assert_eq!(of(&["main"]), Framework::Unknown);
    }

    #[test]
    fn generics_go_and_paths_stay() {
        assert_eq!(
            without_generics("<a::Bencher<M>>::iter::<fn() -> u8>"),
            "a::Bencher::iter"
        );
        assert_eq!(without_generics("a::Bencher<M>::iter"), "a::Bencher::iter");
    }
}
