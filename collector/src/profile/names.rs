//! One name for one function, whatever build it comes from.
//!
//! A mangled Rust name carries the crate's hash, the compiler's session and the place where an instance was made;
//! none of that may matter when two builds are compared. Names are attack input as well: control and bidirectional
//! characters go, and length is bounded.

use crate::model::is_hostile;
use std::fmt::{self, Write};

/// The longest name kept, in characters.
pub const MAX_NAME: usize = 512;

/// What code without a symbol is called.
pub const UNKNOWN: &str = "[unknown]";

/// Mangled names beyond this are cut before demangling (64 KiB).
const MAX_RAW: usize = 64 << 10;

/// The name of a function as people know it: demangled, without hash, disambiguator, the suffixes of compilers'
/// clones, symbol version and recursion mark. C++ names keep their parameters, which tell overloads apart.
#[must_use]
pub fn normalise(raw: &str) -> String {
    if raw
        .strip_prefix("0x")
        .is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return UNKNOWN.to_owned(); // callgrind names code without a symbol by its address
    }
    let raw = without_suffixes(cut(raw, MAX_RAW));
    let demangled = match demangle(raw) {
        Some(name) => unify_closures(&name),
        None => raw.to_owned(),
    };
    clean(&demangled, MAX_NAME)
}

/// Removes what must reach neither a terminal, an SVG nor a page, and bounds the length in characters.
#[must_use]
pub fn clean(text: &str, max: usize) -> String {
    let keep = |c: &char| !is_hostile(*c);
    let length = text.chars().filter(keep).count();
    if length <= max {
        return text.chars().filter(keep).collect();
    }
    // The end of a long generic name tells instances apart, so that both ends are kept.
    let head = max * 2 / 3;
    let tail = max - head - 1;
    let mut out: String = text.chars().filter(keep).take(head).collect();
    out.push('…');
    out.extend(text.chars().filter(keep).skip(length - tail));
    out
}

fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Without `'2`, `@@GLIBC_2.17` and `.llvm.123`.
fn without_suffixes(mut name: &str) -> &str {
    if let Some((head, mark)) = name.rsplit_once('\'')
        && !head.is_empty()
        && all_digits(mark)
    {
        name = head;
    }
    if let Some((head, _)) = name.split_once('@')
        && !head.is_empty()
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    {
        name = head;
    }
    if let Some((head, digits)) = name.rsplit_once(".llvm.")
        && all_digits(digits)
    {
        name = head;
    }
    without_clones(name)
}

/// GCC's copies of a function for some arguments, and parts split off it. Which of them a build has
/// changes with any edit nearby, and their cost is the function's.
const CLONES: [&str; 5] = ["isra", "constprop", "part", "cold", "lto_priv"];

/// Without `.isra.0`, `.constprop.3.cold` and their like.
fn without_clones(mut name: &str) -> &str {
    while let Some((head, last)) = name.rsplit_once('.') {
        let (head, kind) = match head.rsplit_once('.') {
            Some((outer, kind)) if all_digits(last) => (outer, kind),
            _ => (head, last),
        };
        if head.is_empty() || !CLONES.contains(&kind) {
            break;
        }
        name = head;
    }
    name
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn demangle(raw: &str) -> Option<String> {
    if !raw.starts_with("_R") && !is_legacy_rust(raw) {
        return demangle_cpp(raw);
    }
    let name = rustc_demangle::try_demangle(raw).ok()?;
    let mut out = Bounded(String::new());
    // Back references can make a short symbol print without end: an error here only means "enough".
    let _ = write!(out, "{name:#}");
    (!out.0.is_empty()).then_some(out.0)
}

fn demangle_cpp(raw: &str) -> Option<String> {
    if !raw.starts_with("_Z") {
        return None;
    }
    let symbol = cpp_demangle::Symbol::new(raw).ok()?;
    let mut out = Bounded(String::new());
    // The return type tells nothing apart; substitutions can print without end here as well.
    let options = cpp_demangle::DemangleOptions::new().no_return_type();
    let _ = symbol.structured_demangle(&mut out, &options);
    (!out.0.is_empty()).then_some(out.0)
}

/// C++ shares the `_ZN…E` form; only Rust's last element is a hash.
fn is_legacy_rust(raw: &str) -> bool {
    let body = raw.strip_prefix("_ZN").and_then(|b| b.strip_suffix('E'));
    body.and_then(|b| b.get(b.len().checked_sub(19)?..))
        .is_some_and(|hash| {
            hash.strip_prefix("17h")
                .is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
        })
}

/// A writer that refuses more than 16 KiB.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.0.len() + s.len() > 16 << 10 {
            return Err(fmt::Error);
        }
        self.0.push_str(s);
        Ok(())
    }
}

/// `{{closure}}` (legacy) and `{closure#0}` (v0) both become `{closure}`; the same for `{shim:vtable#0}`.
fn unify_closures(name: &str) -> String {
    let name = name.replace("{{", "{").replace("}}", "}");
    let mut out = String::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some(n) = rest.find('#') {
        let after = &rest[n + 1..];
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&rest[..n]);
        if digits == 0 || !after[digits..].starts_with('}') {
            out.push('#');
            rest = after;
        } else {
            rest = &after[digits..];
        }
    }
    out.push_str(rest);
    out
}

/// The last parts of a path, without type arguments: `<a::B<C> as d::E>::f::<g>` → `B::f`, for narrow places.
#[must_use]
pub fn short(name: &str) -> String {
    let mut plain = without_arguments(without_parameters(name));
    while let Some(outer) = plain.strip_suffix("::{closure}::{closure}") {
        plain = format!("{outer}::{{closure}}");
    }
    let segments: Vec<&str> = plain.split("::").filter(|s| !s.is_empty()).collect();
    match segments.as_slice() {
        [] => name.to_owned(),
        [.., a, b] if b.starts_with('{') || starts_upper(a) => format!("{a}::{b}"),
        [.., last] => (*last).to_owned(),
    }
}

/// A C++ name without its parameters: `a::f(int) const` → `a::f`.
fn without_parameters(name: &str) -> &str {
    let Some(list) = name.trim_end_matches(" const").strip_suffix(')') else {
        return name;
    };
    let mut depth = 1;
    for (i, c) in list.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            // callgrind's `(below main)` has nothing before it.
            return if i == 0 { name } else { &name[..i] };
        }
    }
    name
}

/// Whether it is criterion's `Bencher::iter…` or `AsyncBencher::iter…`, normalised, in either mangling.
#[must_use]
pub fn is_bencher(name: &str) -> bool {
    let name = name.strip_prefix('<').unwrap_or(name);
    let method = ["Bencher", "AsyncBencher"].iter().find_map(|kind| {
        let rest = name
            .strip_prefix("criterion::bencher::")?
            .strip_prefix(kind)?;
        rest.starts_with(['<', '>', ':']).then_some(rest)
    });
    method.is_some_and(|rest| rest.contains("::iter"))
}

/// Whether the name is of Rust's own libraries. The compiler gives some of their inlined instructions the line of
/// the caller, which would make them look like the caller's repository.
#[must_use]
pub fn is_std(name: &str) -> bool {
    let Some(inner) = name.strip_prefix('<') else {
        return in_std_crate(name);
    };
    let inner = closing(inner).map_or(inner, |end| &inner[..end]);
    // Only the standard library has inherent methods on its own and on primitive types, and implements its own
    // traits for them; `<Vec<u8> as a::Trait>::f` and `<a::B as Clone>::clone` are somebody else's.
    let (receiver, of_trait) = inner.split_once(" as ").unwrap_or((inner, "core::"));
    let receiver = receiver.trim_start_matches(['&', '*', '[', '(']);
    in_std_crate(of_trait) && (in_std_crate(receiver) || !receiver.contains("::"))
}

fn in_std_crate(path: &str) -> bool {
    ["core::", "alloc::", "std::"]
        .iter()
        .any(|crate_name| path.starts_with(crate_name))
}

/// Whether the name says in which module the function is (`a::b`, `<a::B as c::D>::e`), not only in its type
/// arguments: such a name is unique, while `next<core::str::Chars>` (as debug information without full names
/// has it) or C's `get` may occur in many files.
#[must_use]
pub fn is_path(name: &str) -> bool {
    name.starts_with('<') || drop_groups(name).contains("::")
}

fn starts_upper(s: &str) -> bool {
    s.starts_with(|c: char| c.is_uppercase())
}

/// Drops `<…>` groups; of a leading `<T as Trait>` or `<T>` it keeps `T`.
fn without_arguments(name: &str) -> String {
    let (head, rest) = match name.strip_prefix('<') {
        Some(inner) => match closing(inner) {
            Some(end) => {
                let receiver = inner[..end].split(" as ").next().unwrap_or_default();
                (
                    drop_groups(receiver.trim_start_matches(['&', '*', '<'])),
                    &inner[end + 1..],
                )
            }
            None => (String::new(), name),
        },
        None => (String::new(), name),
    };
    head + &drop_groups(rest)
}

/// Where the `>` is that closes an already open `<`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    let mut before = ' ';
    for (i, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
        before = c;
    }
    None
}

fn drop_groups(text: &str) -> String {
    let mut depth = 0usize;
    let mut before = ' ';
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn builds_have_names_in_common() {
        for (raw, name) in [
            ("_ZN3toy5depth17h0a73824cd1e9cc3aE", "toy::depth"),
            (
                "_ZN3toy5depth17hffffffffffffffffE.llvm.3662849008755532795",
                "toy::depth",
            ),
            ("_ZN3toy5depth17h0a73824cd1e9cc3aE'2", "toy::depth"),
            (
                "_RNvMNtCsjrHSEGnQ3l9_3std4timeNtB2_7Instant3now",
                "<std::time::Instant>::now",
            ),
            (
                "_RNvMNtCs0000000000_3std4timeNtB2_7Instant3now",
                "<std::time::Instant>::now",
            ),
            (
                "_ZN9criterion7bencher16Bencher$LT$M$GT$4iter17h12d768880e0a0fccE",
                "criterion::bencher::Bencher<M>::iter",
            ),
            ("clock_gettime@@GLIBC_2.17", "clock_gettime"),
            ("__libc_start_main@@GLIBC_2.34", "__libc_start_main"),
            ("__memcmp_avx2_movbe", "__memcmp_avx2_movbe"),
            ("(below main)", "(below main)"),
            ("0x000000000001ab70", UNKNOWN),
            // C++ shares `_ZN…E`, and may even have a method named `h`.
            (
                "_ZNSt6vectorIiSaIiEE9push_backERKi",
                "std::vector<int, std::allocator<int> >::push_back(int const&)",
            ),
            ("_ZN3foo3barE", "foo::bar"),
            ("_ZN3foo3barEv.isra.0", "foo::bar()"),
            ("_Zno", "_Zno"),
            ("emphasis.constprop.3.cold", "emphasis"),
            ("chunk.part.0.lto_priv.1", "chunk"),
            ("v1.0", "v1.0"),
            (".cold", ".cold"),
            ("operator delete(void*)", "operator delete(void*)"),
            ("a\u{1b}[31m\u{202e}b", "a[31mb"),
        ] {
            assert_eq!(normalise(raw), name, "{raw}");
        }
    }

    #[test]
    fn closures_are_the_same_in_both_manglings() {
        let legacy = "_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17hae2cee0199d301f5E.llvm.550467304500352630";
        let v0 = "_RNCNvNtCs1234_3std2rt10lang_start0";
        assert_eq!(normalise(legacy), "std::rt::lang_start::{closure}");
        assert_eq!(normalise(v0), normalise(legacy));
        assert_eq!(
            unify_closures("a#b{closure#12}::{shim:vtable#0}"),
            "a#b{closure}::{shim:vtable}"
        );
    }

    #[test]
    fn long_names_keep_both_ends() {
        let name = format!("head{}tail", "x".repeat(4096));
        let short = normalise(&name);
        assert_eq!(short.chars().count(), MAX_NAME);
        assert!(
            short.starts_with("headx") && short.ends_with("xtail"),
            "{short}"
        );
    }

    #[test]
    fn short_names_fit_in_a_line() {
        for (name, expected) in [
            ("toy::words", "words"),
            ("criterion::bencher::Bencher<M>::iter", "Bencher::iter"),
            ("<std::time::Instant>::now", "Instant::now"),
            (
                "<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
                "Vec::clone",
            ),
            ("toy::benches::{closure}::{closure}", "benches::{closure}"),
            ("core::iter::Map<I,fn(u8) -> u64>::next", "Map::next"),
            ("memcpy", "memcpy"),
            (
                "fmt::v9::detail::buffer<char>::push_back(char const&) const",
                "push_back",
            ),
            ("a::Parser::operator()(int (*)(int))", "Parser::operator()"),
            ("(below main)", "(below main)"),
            ("operator delete(void*)", "operator delete"),
            ("", ""),
            ("<", "<"),
        ] {
            assert_eq!(short(name), expected, "{name}");
        }
    }

    #[test]
    fn standard_library_code_is_known() {
        for name in [
            "core::ptr::read",
            "<u64>::wrapping_mul",
            "<alloc::collections::btree::map::BTreeMap<a::K, u64>>::new",
            "<alloc::vec::Vec<T> as core::clone::Clone>::clone",
            "<T as alloc::string::ToString>::to_string",
        ] {
            assert!(is_std(name), "{name}");
        }
        for name in [
            "toy::words",
            "<toy::Word>::new",
            "<toy::Word as core::clone::Clone>::clone",
            "<alloc::vec::Vec<u8> as toy::Trait>::f",
            "stdx::f",
            "memcpy",
        ] {
            assert!(!is_std(name), "{name}");
        }
    }

    #[test]
    fn criterions_own_loop_is_known() {
        assert!(is_bencher("criterion::bencher::Bencher<M>::iter"));
        assert!(is_bencher(
            "<criterion::bencher::Bencher<_>>::iter_batched::<u8>"
        ));
        assert!(is_bencher("<criterion::bencher::Bencher>::iter::<u8>"));
        assert!(is_bencher("criterion::bencher::AsyncBencher<A,M>::iter"));
        assert!(!is_bencher("criterion::bencher::BencherReport::iter"));
        assert!(!is_bencher("my::criterion::bencher::Bencher<M>::iter"));
    }

    proptest! {
        #[test]
        fn nothing_hostile_remains(raw in any::<String>(), rust: bool) {
            let raw = if rust { format!("_R{raw}") } else { raw };
            let name = normalise(&raw);
            prop_assert!(name.chars().count() <= MAX_NAME);
            prop_assert!(!name.chars().any(is_hostile));
            prop_assert_eq!(clean(&name, MAX_NAME), name.clone());
            let _ = (short(&name), is_path(&name), is_bencher(&name));
        }
    }
}
