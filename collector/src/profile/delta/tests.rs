use crate::model::Hunk;
use proptest::prelude::*;

use super::*;
use crate::profile::testing::{any_profile, golden, profile};

fn deltas(explanation: &Explanation) -> Vec<(&str, i64)> {
    explanation
        .functions
        .iter()
        .map(|f| (f.name.as_str(), f.delta))
        .collect()
}

fn hunk(file: &str, old: (u32, u32), new: (u32, u32)) -> Hunk {
    let file = file.to_owned();
    Hunk {
        file,
        old_start: old.0,
        old_len: old.1,
        new_start: new.0,
        new_len: new.1,
    }
}

#[test]
fn golden_builds_differ_in_one_function() {
    let (base, head) = (golden("base"), golden("head"));
    let e = explain(&base, &head, 0.001, &[]);
    assert_eq!(e.kind, Kind::Moved);
    assert_eq!(e.total, (base.total, head.total));
    // 25 letters, 7 instructions more for each turn of the loop in `score`, inlined into `words`.
    let change = head.total as i64 - base.total as i64;
    assert_eq!(deltas(&e), [("toy::words", change)]);
    assert!(change > 25);
    assert!((e.explained - 1.0).abs() < f64::EPSILON);
    assert_eq!(e.functions[0].file.as_deref(), Some("toy.rs"));
    assert_eq!(e.functions[0].calls, Some((1, 1)));
    assert_eq!(explain(&base, &base, 0.0, &[]).kind, Kind::Same);
}

#[test]
fn inlined_library_code_counts_for_the_function_around_it() {
    let base = profile(&[
        (
            "a::main@src/m.rs:3;a::score@src/s.rs:8;~core::wrapping_mul@library/n.rs",
            40,
        ),
        (
            "a::main@src/m.rs:4;~core::fold@library/f.rs;~a::get@src/g.rs:2",
            9,
        ),
    ]);
    let head = profile(&[
        (
            "a::main@src/m.rs:3;a::score@src/s.rs:8;~core::wrapping_mul@library/n.rs",
            60,
        ),
        (
            "a::main@src/m.rs:4;~core::fold@library/f.rs;~a::get@src/g.rs:2",
            9,
        ),
        ("a::main@src/m.rs:4;~core::fold@library/f.rs", 1),
    ]);
    let e = explain(&base, &head, 0.01, &[]);
    assert_eq!(deltas(&e), [("a::score", 20), ("a::main", 1)]);
    assert_eq!(
        (e.functions[0].base_inclusive, e.functions[0].head_inclusive),
        (40, 60)
    );
    assert_eq!(e.functions[0].line, Some(8));
}

#[test]
fn code_outside_names_its_caller_inside() {
    let base = profile(&[
        (
            "m@src/m.rs:3;a::old@src/a.rs:5;alloc::vec::grow@library/v.rs;memcpy",
            50,
        ),
        (
            "m@src/m.rs:3;a::new@src/a.rs:9;alloc::vec::grow@library/v.rs;memcpy",
            10,
        ),
    ]);
    let head = profile(&[
        (
            "m@src/m.rs:3;a::old@src/a.rs:5;alloc::vec::grow@library/v.rs;memcpy",
            51,
        ),
        (
            "m@src/m.rs:3;a::new@src/a.rs:9;alloc::vec::grow@library/v.rs;memcpy",
            40,
        ),
    ]);
    let e = explain(&base, &head, 0.01, &[]);
    let caller = e.functions[0].caller.as_ref().unwrap();
    assert_eq!(
        (caller.function.as_str(), caller.file.as_str(), caller.line),
        ("a::new", "src/a.rs", 9)
    );
    assert_eq!(deltas(&e), [("memcpy", 31)]);
}

#[test]
fn kinds_are_told_apart() {
    let kind = |base: &[(&str, u64)], head: &[(&str, u64)]| {
        explain(&profile(base), &profile(head), 0.01, &[]).kind
    };
    let base = &[("m;a", 1000), ("m;b", 1000), ("m;__memcmp_avx2_movbe", 100)];
    assert_eq!(kind(base, base), Kind::Same);
    assert_eq!(
        kind(
            base,
            &[("m;a", 1005), ("m;b", 1000), ("m;__memcmp_avx2_movbe", 100)]
        ),
        Kind::Same
    );
    assert_eq!(
        kind(
            base,
            &[("m;a", 1500), ("m;b", 1000), ("m;__memcmp_avx2_movbe", 100)]
        ),
        Kind::Moved
    );
    assert_eq!(
        kind(
            base,
            &[("m;a", 1500), ("m;b", 500), ("m;__memcmp_avx2_movbe", 100)]
        ),
        Kind::Shifted
    );
    assert_eq!(
        kind(
            base,
            &[("m;a", 1000), ("m;b", 1000), ("m;__memcmp_avx2_movbe", 300)]
        ),
        Kind::Layout
    );
    // Another function moved too, or it is called more often: no layout.
    assert_eq!(
        kind(
            base,
            &[("m;a", 1001), ("m;b", 1000), ("m;__memcmp_avx2_movbe", 300)]
        ),
        Kind::Moved
    );
    let head = &[
        ("m;a;__memcmp_avx2_movbe", 200),
        ("m;a", 1000),
        ("m;b", 1000),
        ("m;__memcmp_avx2_movbe", 100),
    ];
    let mut more_calls = profile(head);
    let at = more_calls
        .frames
        .iter()
        .position(|f| f.name.contains("memcmp"))
        .unwrap();
    more_calls.frames[at].calls = Some(2);
    assert_eq!(
        explain(&profile(base), &more_calls, 0.01, &[]).kind,
        Kind::Moved
    );
    // A library function that the base does not have at all was not called there.
    assert_eq!(
        kind(&[("m;a", 1000)], &[("m;a", 1000), ("m;memcpy", 100)]),
        Kind::Moved
    );
}

#[test]
fn libc_variants_are_layout_functions() {
    for name in [
        "memcmp",
        "__memcmp_avx2_movbe",
        "__memcmp_sse2",
        "__memcmp_evex_movbe",
        "__memmove_avx_unaligned_erms",
        "__memcpy_avx_unaligned_erms",
        "__memset_avx2_unaligned_erms",
        "__strlen_sse2",
        "malloc",
        "free",
        "_int_malloc",
        "_int_free.isra.0",
        "malloc_consolidate",
        "unlink_chunk.isra.0",
        "__libc_malloc",
        "realloc",
        "__strlen_avx2",
        "__memchr_sse42",
        "sysmalloc",
        "__memcpy_ssse3",
        "__rawmemchr_evex",
    ] {
        assert!(is_layout_function(name), "{name}");
    }
    for name in [
        "a::memcpy",
        "memcpy_all",
        "my_free",
        "freedom",
        "malloced",
        "",
        "qsort",
        "__memcpy_stats",
    ] {
        assert!(!is_layout_function(name), "{name}");
    }
}

#[test]
fn files_tell_c_functions_apart_but_not_rust_paths() {
    let base = profile(&[
        ("m;get@one.c", 5),
        ("m;get@two.c", 5),
        ("m;a::f@serde-1.0.1/src/f.rs", 5),
    ]);
    let head = profile(&[
        ("m;get@one.c", 5),
        ("m;get@two.c", 7),
        ("m;a::f@serde-1.0.2/src/f.rs", 5),
    ]);
    let e = explain(&base, &head, 0.0, &[]);
    assert_eq!(deltas(&e), [("get", 2)]);
    assert_eq!(e.functions[0].file.as_deref(), Some("two.c"));
}

#[test]
fn lines_follow_the_diff_and_hunks_are_ranked() {
    // Three lines inserted at 2; line 10 (now 13) changed; line 40 (now 43) removed.
    let hunks = [
        hunk("src/a.rs", (1, 0), (2, 3)),
        hunk("src/a.rs", (10, 1), (13, 1)),
        hunk("src/a.rs", (40, 1), (42, 0)),
        hunk("src/b.rs", (1, 1), (1, 1)),
    ];
    let base = profile(&[
        ("m;a::f@src/a.rs:5", 100),
        ("m;a::f@src/a.rs:10", 50),
        ("m;a::f@src/a.rs:12;memcpy", 30),
        ("m;a::g@src/a.rs:40", 5),
        ("m;a::g@src/a.rs:41", 5),
    ]);
    let head = profile(&[
        ("m;a::f@src/a.rs:8", 100),
        ("m;a::f@src/a.rs:13", 90),
        ("m;a::f@src/a.rs:15;memcpy", 31),
        ("m;a::g@src/a.rs:43", 5),
    ]);
    let e = explain(&base, &head, 0.01, &hunks);
    let lines: Vec<_> = e.lines.iter().map(|l| (l.old, l.new, l.delta())).collect();
    assert_eq!(
        lines,
        [
            (None, Some(13), 90),
            (Some(10), None, -50),
            (Some(40), None, -5),
            (Some(12), Some(15), 1),
        ]
    );
    let ranked = likely_hunks(&e, &hunks);
    assert_eq!(ranked.iter().map(|r| r.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((ranked[0].on_lines, ranked[0].in_functions), (40, 41));
    assert_eq!(ranked[0].function.as_deref(), Some("a::f"));
    assert_eq!(e.functions[0].line, Some(13));

    // Without the diff, a function that only moved down is not mistaken for a changed one.
    let down = profile(&[
        ("m;a::g@src/a.rs:140", 5),
        ("m;a::g@src/a.rs:141", 5),
        ("m;a::f@src/a.rs:8", 7),
    ]);
    let up = profile(&[
        ("m;a::g@src/a.rs:40", 5),
        ("m;a::g@src/a.rs:41", 5),
        ("m;a::f@src/a.rs:8", 9),
    ]);
    let e = explain(&down, &up, 0.0, &[]);
    assert_eq!(
        e.lines
            .iter()
            .map(|l| (l.shown(), l.delta()))
            .collect::<Vec<_>>(),
        [(8, 2)]
    );
}

#[test]
fn what_is_left_out_is_not_claimed() {
    let names: Vec<String> = (0..100).map(|i| format!("m;f{i:03}")).collect();
    let side = |cost: u64| {
        let stacks: Vec<(&str, u64)> = names.iter().map(|n| (n.as_str(), cost)).collect();
        profile(&stacks)
    };
    let e = explain(&side(10), &side(20), 0.01, &[]);
    assert_eq!(e.functions.len(), MAX_FUNCTIONS);
    assert!((e.explained - 0.5).abs() < 1e-9, "{}", e.explained);
}

proptest! {
    /// The deltas sum to the change, the reverse comparison gives the negative, and a profile equals itself.
    #[test]
    fn deltas_are_exact_and_antisymmetric(base in any_profile(), head in any_profile()) {
        let there = explain(&base, &head, 0.01, &[]);
        let back = explain(&head, &base, 0.01, &[]);
        let sum = |e: &Explanation| e.functions.iter().map(|f| f.delta).sum::<i64>();
        prop_assert_eq!(sum(&there), head.total as i64 - base.total as i64);
        let mut mirrored: Vec<_> = back.functions.iter().map(|f| (f.name.clone(), -f.delta)).collect();
        let mut forth: Vec<_> = there.functions.iter().map(|f| (f.name.clone(), f.delta)).collect();
        mirrored.sort();
        forth.sort();
        prop_assert_eq!(forth, mirrored);
        prop_assert!((0.0..=1.0).contains(&there.explained));
        for f in &there.functions {
            prop_assert!(f.base <= f.base_inclusive && f.head <= f.head_inclusive);
        }
        let own = explain(&base, &base, 0.0, &[]);
        prop_assert_eq!(own.kind, Kind::Same);
        prop_assert!(own.functions.is_empty() && own.lines.is_empty());
    }

    #[test]
    fn lines_map_there_and_back(
        edits in prop::collection::vec((1..20u32, 0..4u32, 0..4u32), 0..6), line in 1..200u32,
    ) {
        let (mut old, mut shift) = (1u32, 0i64);
        let mut hunks = Vec::new();
        for (gap, old_len, new_len) in edits {
            let first = old + gap;
            let new = u32::try_from(i64::from(first) + shift).unwrap();
            let start = |first: u32, len: u32| if len == 0 { first - 1 } else { first };
            hunks.push(hunk("f", (start(first, old_len), old_len), (start(new, new_len), new_len)));
            old = first + old_len;
            shift += i64::from(new_len) - i64::from(old_len);
        }
        let moves = moves::Moves::new(&hunks);
        if let Some(new) = moves.new_line("f", line) {
            prop_assert_eq!(moves.old_line("f", new), Some(line));
        }
        prop_assert_eq!(moves.new_line("other", line), Some(line));
    }

    #[test]
    fn hostile_hunks_do_no_harm(parts in any::<(u32, u32, u32, u32)>(), line: u32, p in any_profile()) {
        let hunks = [hunk("src/w.rs", (parts.0, parts.1), (parts.2, parts.3))];
        let moves = moves::Moves::new(&hunks);
        let _ = (moves.new_line("src/w.rs", line), moves.old_line("src/w.rs", line));
        let e = explain(&profile(&[("a::work@src/w.rs:7", 3)]), &p, 0.0, &hunks);
        let _ = likely_hunks(&e, &hunks);
    }
}
