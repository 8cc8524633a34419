use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use object::{Object, ObjectSymbol};
use proptest::prelude::*;

use super::symbols::{Paths, Symbols};
use super::testing::{any_profile, golden, profile};
use super::*;

fn sum(profile: &Profile) -> u64 {
    profile.nodes.iter().map(|n| n.cost).sum()
}

fn self_cost(profile: &Profile, name: &str) -> u64 {
    let rows = profile.frames.iter().zip(profile.by_frame());
    rows.filter(|(f, _)| f.name == name)
        .map(|(_, cost)| cost.0)
        .sum()
}

#[test]
fn golden_stacks_are_exact() {
    let base = golden("base");
    assert_eq!(base.total, sum(&base));
    let folded = base.folded();
    let total: u64 = folded
        .lines()
        .map(|l| l.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum();
    assert_eq!(total, base.total);
    // 12 calls: callgrind tells 8 levels apart, and the 8th holds the other five.
    assert_eq!(self_cost(&base, "toy::depth"), 7 * 14 + 66);
    let deepest = folded
        .lines()
        .find(|l| l.ends_with("toy::depth 66"))
        .unwrap();
    assert_eq!(deepest.matches("toy::depth").count(), 8);
    let depth = base.frames.iter().find(|f| f.name == "toy::depth").unwrap();
    assert_eq!(
        (depth.calls, depth.file.as_str(), depth.in_repo),
        (Some(12), "toy.rs", true)
    );
    assert!(base.lines.iter().all(|l| l.file == "toy.rs"));
}

#[test]
fn stacks_begin_at_criterions_loop() {
    let text = "ob=/fixed/b\nfl=a.rs\nfn=_ZN1a4work17h0000000000000000E'_ZN9criterion7bencher16Bencher$LT$M$GT$4iter\
                17h12d768880e0a0fccE'_ZN9criterion4main17h0000000000000000E'main\n1 7\n\
                fn=helper'start_thread\n1 2\ntotals: 9\n";
    let p = Profile::read(text.as_bytes(), &[0], &mut Symbols::new(Path::new("/repo"))).unwrap();
    assert_eq!(
        p.folded(),
        "criterion::bencher::Bencher<M>::iter;a::work 7\nstart_thread;helper 2"
    );
}

#[test]
fn inlined_frames_stand_between_caller_and_callee() {
    for (level, score) in [
        ("line-tables-only", "score"),
        ("1", "toy::score"),
        ("2", "toy::score"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/profile/golden");
        let binary = dir.path().join("toy");
        let status = Command::new("rustc")
            .args(["--edition", "2024", "-O", "--check-cfg", "cfg(slow)", "-C"])
            .arg(format!("debuginfo={level}"))
            .arg(format!("--remap-path-prefix={}=/repo", source.display()))
            .arg("-o")
            .args([&binary, &source.join("toy.rs")])
            .status()
            .unwrap();
        assert!(status.success());

        let mut symbols = Symbols::new(Path::new("/repo")).with_object("/fixed/b", &binary);
        let chains: Vec<_> = addresses(&binary, "3toy5words")
            .map(|a| symbols.frames("/fixed/b", a).to_vec())
            .collect();
        let inner = chains.iter().filter_map(|c| c.last());
        let scores: BTreeSet<_> = chains
            .iter()
            .flatten()
            .filter(|f| f.name.as_deref() == Some(score))
            .map(|f| (f.file.path.as_str(), f.file.in_repo))
            .collect();
        assert_eq!(
            scores,
            BTreeSet::from([("toy.rs", true)]),
            "debuginfo={level}"
        );
        let library = |f: &symbols::Inlined| f.file.path.starts_with("library/") && !f.file.in_repo;
        assert!(inner.clone().any(library), "debuginfo={level}");
        assert!(chains.iter().any(|c| c.len() > 3), "debuginfo={level}");
        assert!(symbols.frames("/no/such/object", 1).is_empty());
    }
}

/// All addresses of the function whose symbol contains `part`.
fn addresses(binary: &Path, part: &str) -> std::ops::Range<u64> {
    let data = std::fs::read(binary).unwrap();
    let file = object::File::parse(&*data).unwrap();
    let symbol = file
        .symbols()
        .find(|s| s.name().is_ok_and(|n| n.contains(part)))
        .unwrap();
    symbol.address()..symbol.address() + symbol.size()
}

#[test]
fn paths_are_shown_short() {
    let paths = Paths::new(Path::new("/home/me/work"));
    for (raw, path, in_repo) in [
        ("/home/me/work/src/./a/../b.rs", "src/b.rs", true),
        (
            "/home/me/work/target/debug/build/x/out/gen.rs",
            "/home/me/work/target/debug/build/x/out/gen.rs",
            false,
        ),
        ("/home/me/workshop/a.rs", "/home/me/workshop/a.rs", false),
        ("/home/me/work/../other/a.rs", "/home/me/other/a.rs", false),
        (
            "/rustc/59807616/library/core/src/a.rs",
            "library/core/src/a.rs",
            false,
        ),
        (
            "/home/me/.rustup/toolchains/x/lib/rustlib/src/rust/library/std/src/a.rs",
            "library/std/src/a.rs",
            false,
        ),
        (
            "/home/me/.cargo/registry/src/index-1/serde-1.0.1/src/a.rs",
            "serde-1.0.1/src/a.rs",
            false,
        ),
        (
            "/home/me/.cargo/git/checkouts/tokio-0a1b/7f8e/tokio/src/a.rs",
            "tokio/tokio/src/a.rs",
            false,
        ),
        (
            "./string/../sysdeps/x86_64/memcmp.S",
            "sysdeps/x86_64/memcmp.S",
            false,
        ),
        ("???", "", false),
        ("", "", false),
    ] {
        let shown = paths.show(raw);
        assert_eq!(
            (shown.path.as_str(), shown.in_repo),
            (path, in_repo),
            "{raw}"
        );
    }
    assert!(!Paths::new(Path::new("/")).show("/etc/a.c").in_repo);
    assert!(!Paths::new(Path::new("")).show("src/a.c").in_repo);
}

#[test]
fn the_critical_path_fits_in_a_line() {
    let p = profile(&[
        (
            "criterion::bencher::Bencher<M>::iter;a::parse@src/p.rs;~core::fold;a::value@src/p.rs;malloc",
            70,
        ),
        (
            "criterion::bencher::Bencher<M>::iter;a::parse@src/p.rs;a::space@src/p.rs",
            25,
        ),
        ("criterion::bencher::Bencher<M>::iter", 5),
    ]);
    assert_eq!(critical_path(&p), "parse 95% › value 70% › malloc 70%");
    let long: Vec<String> = (0..40)
        .map(|i| format!("a::function_number_{i}@src/p.rs"))
        .collect();
    let line = critical_path(&profile(&[(&long.join(";"), 7)]));
    assert!(line.chars().count() <= 76, "{line}");
    assert!(
        line.starts_with("function_number_0 100% › … › ")
            && line.ends_with("function_number_39 100%"),
        "{line}"
    );
    assert_eq!(critical_path(&Profile::default()), "");
}

#[test]
fn damaged_blobs_are_refused() {
    let good = golden("base").encode().unwrap();
    assert!(Profile::decode(&good).is_ok());
    assert!(Profile::decode(&good[..good.len() / 2]).is_err());
    assert!(Profile::decode(b"").is_err());
    let bomb = zstd::encode_all(&vec![b' '; MAX_BYTES + 1][..], 1).unwrap();
    assert!(matches!(
        Profile::decode(&bomb),
        Err(DecodeError::Invalid("more than 64 MiB"))
    ));
    let refused = |change: &dyn Fn(&mut Profile), why: &str| {
        let mut p = profile(&[("a;b", 1), ("a;c", 2)]);
        change(&mut p);
        let error = Profile::decode(&p.encode().unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&|p| p.total += 1, "sum to its total");
    refused(&|p| p.nodes[1].frame = 9, "inconsistent");
    refused(&|p| p.nodes[1].parent = Some(2), "inconsistent");
    refused(&|p| p.nodes[2].parent = Some(7), "inconsistent");
    refused(&|p| p.nodes[0].cost = u64::MAX, "overflow");
    let line = |frame, cost| LineCost {
        file: String::new(),
        line: 1,
        frame,
        cost,
    };
    refused(&|p| p.lines.push(line(7, 1)), "no function");
    refused(&|p| p.lines.push(line(0, 4)), "cost more than");
    let deep = |p: &mut Profile| {
        let node = |i: u32| Node {
            parent: i.checked_sub(1),
            frame: 0,
            inlined: false,
            site: 0,
            cost: 0,
        };
        p.nodes = (0..=MAX_DEPTH as u32).map(node).collect();
        p.total = 0;
    };
    refused(&deep, "deeper");
}

proptest! {
    #[test]
    fn blobs_are_read_back(p in any_profile()) {
        let blob = p.encode().unwrap();
        prop_assert_eq!(&Profile::decode(&blob).unwrap(), &p);
        prop_assert_eq!(sum(&p), p.total);
    }

    #[test]
    fn inclusive_cost_is_at_least_its_own(p in any_profile()) {
        for (own, inclusive) in p.by_frame() {
            prop_assert!(own <= inclusive && inclusive <= p.total);
        }
        prop_assert_eq!(p.by_frame().iter().map(|f| f.0).sum::<u64>(), p.total);
        prop_assert!(critical_path(&p).chars().count() <= 76);
    }

    /// Any context names give a tree that sums to the total and can be stored.
    #[test]
    fn any_contexts_give_an_exact_tree(
        contexts in prop::collection::vec(("[ab'29]{1,12}", 1..100u64), 1..20),
    ) {
        let total: u64 = contexts.iter().map(|c| c.1).sum();
        let mut text = String::from("positions: line\nevents: Ir\n");
        for (name, cost) in &contexts {
            text += &format!("fn={name}\ncfn=a\ncalls=1 0\n1 5\n1 {cost}\n");
        }
        text += &format!("totals: {total}\n");
        let p = Profile::read(text.as_bytes(), &[0], &mut Symbols::new(Path::new("/"))).unwrap();
        prop_assert_eq!((p.total, sum(&p)), (total, total));
        prop_assert_eq!(Profile::decode(&p.encode().unwrap()).unwrap(), p);
    }
}
