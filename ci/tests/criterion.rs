//! Unmodified criterion benchmarks, counted exactly. One repository serves all tests here,
//! because criterion itself takes long to build.

use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{Repo, row};

const MANIFEST: &str = r#"
[package]
name = "sample"
version = "0.1.0"
edition = "2021"

[dependencies]

[dev-dependencies]
criterion = { version = "0.8.2", default-features = false }

[[bench]]
name = "sample"
harness = false

[[bench]]
name = "by_libtest"

[workspace]
"#;

const LIBRARY: &str = r#"
use std::collections::HashMap;

#[inline(never)]
pub fn score(s: &[u8]) -> u64 {
    let mut x = 0u64;
    for b in s {
        x = x.wrapping_mul(31).wrapping_add(*b as u64);
    }
    x
}

#[inline(never)]
pub fn render(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{{\"k{i}\":[{i},{i}]}}")).collect()
}

pub fn json(n: usize) -> u64 {
    render(n).iter().map(|s| score(s.as_bytes())).sum()
}

pub fn count(n: usize) -> u64 {
    let mut m: HashMap<usize, u64> = HashMap::new();
    for i in 0..n {
        *m.entry(i % 97).or_insert(0) += i as u64;
    }
    m.values().sum()
}
"#;

const BENCHES: &str = r#"
use criterion::{criterion_group, criterion_main, BatchSize, BenchmarkId, Criterion};
use std::hint::black_box;
use std::time::{Duration, Instant};

fn benches(c: &mut Criterion) {
    c.bench_function("json", |b| b.iter(|| sample::json(black_box(5000))));
    c.bench_function("tiny", |b| b.iter(|| sample::score(black_box(b"hello world"))));
    c.bench_function("random state", |b| b.iter(|| sample::count(black_box(500))));
    c.bench_function("batched", |b| {
        b.iter_batched(|| sample::render(100), |v| v.iter().map(String::len).sum::<usize>(), BatchSize::SmallInput)
    });
    c.bench_function("custom", |b| {
        b.iter_custom(|n| {
            let start = Instant::now();
            for _ in 0..n {
                black_box(sample::score(black_box(b"hello world")));
            }
            start.elapsed()
        })
    });
    c.bench_function("reads the clock", |b| {
        b.iter(|| {
            let t = Instant::now();
            black_box(sample::score(black_box(b"hello world")));
            t.elapsed() < Duration::from_secs(1)
        })
    });
    let mut g = c.benchmark_group("grüße <b>&");
    for n in [1usize, 10] {
        g.bench_with_input(BenchmarkId::new("a+b (c).*", n), &n, |b, &n| b.iter(|| sample::json(black_box(n))));
    }
    g.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
"#;

/// Benchmarks that have nothing to do with the others, in the middle of them.
const UNRELATED: &str = r#"
    c.bench_function("unrelated/strings", |b| b.iter(|| black_box("a b c").split(' ').map(String::from).collect::<Vec<_>>()));
    c.bench_function("unrelated/sum", |b| b.iter(|| (0..black_box(1000u64)).map(|x| x * x).sum::<u64>()));
    let mut g ="#;

const NAMES: [&str; 8] = [
    "json",
    "tiny",
    "random state",
    "batched",
    "custom",
    "reads the clock",
    "grüße <b>&/a+b (c).*/1",
    "grüße <b>&/a+b (c).*/10",
];

/// A few instructions more in `json` for each turn of a loop.
fn with_turns(turns: u32) -> String {
    let spin = format!("    for i in 0..{turns}u64 {{\n        std::hint::black_box(i);\n    }}\n");
    LIBRARY.replace(
        "    render(n).iter()",
        &format!("{spin}    render(n).iter()"),
    )
}

/// The repository: commits tagged `base`, `dearer`, `tenth`, `moved`, `broken`, `mended`, `unrelated`.
fn repo() -> &'static Repo {
    static REPO: OnceLock<Repo> = OnceLock::new();
    REPO.get_or_init(|| {
        let repo = Repo::new();
        repo.write("Cargo.toml", MANIFEST);
        repo.write(".gitignore", "target\nCargo.lock\n");
        repo.write("src/lib.rs", LIBRARY);
        repo.write("benches/sample.rs", BENCHES);
        repo.write("benches/by_libtest.rs", "#[test]\nfn nothing() {}\n");
        repo.commit("base");
        repo.git(&["tag", "base"]);
        repo.write("src/lib.rs", &with_turns(100));
        repo.commit("dearer");
        repo.git(&["tag", "dearer"]);
        repo.write("src/lib.rs", &with_turns(3000));
        repo.commit("a tenth of a percent");
        repo.git(&["tag", "tenth"]);
        repo.write("src/lib.rs", &LIBRARY.replace("render(n).iter()", "twice(n).iter()").replace(
            "pub fn json",
            "#[inline(never)]\nfn twice(n: usize) -> Vec<String> {\n    (0..n).map(|i| format!(\"{{\\\"k{i}\\\":[{i},{i}]}}\")).collect()\n}\n\npub fn json",
        ));
        repo.commit("moved");
        repo.git(&["tag", "moved"]);
        repo.write("src/lib.rs", "this is no Rust\n");
        repo.commit("broken");
        repo.git(&["tag", "broken"]);
        repo.write("src/lib.rs", LIBRARY);
        repo.commit("mended");
        repo.git(&["tag", "mended"]);
        repo.write("benches/sample.rs", &BENCHES.replace("    let mut g =", UNRELATED));
        repo.commit("unrelated benchmarks");
        repo.git(&["tag", "unrelated"]);
        repo
    })
}

fn instructions(document: &Value) -> Vec<(String, f64, String)> {
    document["commits"][0]["measurements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["metric"] == "instructions")
        .map(|m| {
            let text = |k: &str| m[k].as_str().unwrap().to_string();
            (
                text("benchmark"),
                m["value"].as_f64().unwrap(),
                text("class"),
            )
        })
        .collect()
}

#[test]
fn every_benchmark_is_found_and_counted_and_nothing_else() {
    let repo = repo();
    let before = repo.state();
    let d = repo.uptick(&["list", "base", "--json"]).exits(0).json();
    let listed: Vec<&str> = d["benchmarks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b.as_str().unwrap())
        .collect();
    assert_eq!(listed, NAMES);
    assert!(d["notes"][0].as_str().unwrap().contains("libtest"), "{d:#}");
    let d = repo.uptick(&["run", "base", "--json"]).exits(0).json();
    let counted = instructions(&d);
    assert_eq!(counted.len(), NAMES.len());
    let value = |name: &str| counted.iter().find(|c| c.0 == name).unwrap().1;
    // Eleven bytes hashed: some instructions a byte, and no harness.
    assert!((90.0..500.0).contains(&value("tiny")), "{}", value("tiny"));
    assert!(
        (20.0..400.0).contains(&value("custom")),
        "{}",
        value("custom")
    );
    // Summing lengths is cheap; rendering 100 strings, its set-up, would be 50,000 and more.
    assert!(value("batched") < 20_000.0, "{}", value("batched"));
    assert!(value("json") > 100_000.0);
    let class = |name: &str| counted.iter().find(|c| c.0 == name).unwrap().2.clone();
    assert_eq!(class("json"), "exact");
    assert_eq!(class("tiny"), "exact");
    assert_eq!(before, repo.state());
}

#[test]
fn the_same_commit_gives_the_same_counts_wherever_it_is_measured() {
    let repo = repo();
    let first = instructions(
        &repo
            .uptick(&["run", "base", "--json", "--fresh"])
            .exits(0)
            .json(),
    );
    let again = repo.uptick_with(&["run", "base", "--json", "--fresh"], |c| {
        c.env("A_LONG_VARIABLE", "x".repeat(3000))
            .env("HOME", "/nonexistent-home");
        c.env("CARGO_HOME", cargo_home())
            .env("RUSTUP_HOME", rustup_home());
    });
    assert_eq!(first, instructions(&again.exits(0).json()));
    // In another directory, with another store: built again, from the same sources.
    let elsewhere = tempfile::Builder::new()
        .prefix("a-much-longer-directory-name-")
        .tempdir()
        .unwrap();
    let to = elsewhere.path().join("clone");
    let from = repo.path().to_str().unwrap();
    crate::support::git(
        elsewhere.path(),
        &["clone", "-q", from, to.to_str().unwrap()],
    );
    std::fs::create_dir_all(to.join(".uptick")).unwrap();
    std::fs::copy(
        repo.path().join(".uptick/Cargo.lock"),
        to.join(".uptick/Cargo.lock"),
    )
    .unwrap();
    let there = repo
        .uptick(&["-C", to.to_str().unwrap(), "run", "base", "--json"])
        .exits(0)
        .json();
    assert_eq!(first, instructions(&there));
}

fn cargo_home() -> std::path::PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), Into::into)
}

fn rustup_home() -> std::path::PathBuf {
    std::env::var_os("RUSTUP_HOME").map_or_else(|| home().join(".rustup"), Into::into)
}

fn home() -> std::path::PathBuf {
    std::env::var_os("HOME").unwrap().into()
}

#[test]
fn a_hundred_instructions_in_millions_are_shown_exactly_where_they_are() {
    let repo = repo();
    let args = [
        "check", "dearer", "--base", "base", "--limit", "0.001%", "--json",
    ];
    let d = repo.uptick(&args).exits(1).json();
    let json = row(&d, "json");
    assert_eq!(json["verdict"], "regressed");
    let base = json["base"]["value"].as_f64().unwrap();
    let delta = json["head"]["value"].as_f64().unwrap() - base;
    assert!(
        base > 8e6 && (90.0..500.0).contains(&delta),
        "{base} {delta}"
    );
    let functions = json["functions"].as_array().unwrap();
    let f = &functions[0];
    assert!(
        f["name"].as_str().unwrap().ends_with("json"),
        "{functions:#?}"
    );
    assert_eq!(f["file"], "src/lib.rs", "{f:#}");
    assert_eq!(f["delta"].as_f64().unwrap(), delta, "{functions:#?}");
    assert_eq!(json["likely"][0]["file"], "src/lib.rs");
    let line = json["likely"][0]["line"].as_u64().unwrap();
    let source = with_turns(100);
    let wanted = source
        .lines()
        .position(|l| l.contains("black_box"))
        .unwrap() as u64
        + 1;
    assert!(line.abs_diff(wanted) <= 1, "{line} is not {wanted}");
    // Ten times less than the limit that is asked for here would be silence.
    assert_eq!(row(&d, "custom")["verdict"], "unchanged");
    repo.uptick(&["check", "dearer", "--base", "base", "--only", "json"])
        .exits(0);
}

#[test]
fn a_tenth_of_a_percent_counts_where_the_limit_is_half_of_it() {
    let repo = repo();
    let args = [
        "check", "tenth", "--base", "base", "--only", "json", "--json",
    ];
    let row_of = |more: &[&str], code| {
        let d = repo.uptick(&[&args[..], more].concat()).exits(code).json();
        row(&d, "json").clone()
    };
    let strict = row_of(&["--limit", "0.05%"], 1);
    assert_eq!(
        (&strict["verdict"], &strict["confirmed"]),
        (&"regressed".into(), &true.into())
    );
    let change = strict["change"].as_f64().unwrap();
    assert!((0.0005..0.002).contains(&change), "{change}");
    assert_eq!(row_of(&[], 0)["verdict"], "unchanged");
}

#[test]
fn cost_that_only_moved_is_shifted() {
    let d = repo()
        .uptick(&["compare", "base", "moved", "--json"])
        .exits(0)
        .json();
    assert_eq!(d["outcome"], "ok");
    let json = row(&d, "json");
    assert_eq!(json["verdict"], "shifted", "{json:#}");
    let names: Vec<&str> = json["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap())
        .collect();
    assert!(names.iter().any(|n| n.ends_with("twice")), "{names:?}");
}

#[test]
fn what_does_not_build_is_recorded_and_an_older_baseline_taken() {
    let repo = repo();
    let ran = repo.uptick(&["run", "broken", "--json"]).exits(4);
    let failure = &ran.json()["commits"][0]["failures"][0];
    assert_eq!(failure["stage"], "build");
    assert!(
        failure["message"].as_str().unwrap().contains("src/lib.rs"),
        "{failure:#}"
    );
    let d = repo.uptick(&["check", "mended", "--json"]).exits(0).json();
    assert!(
        d["base"]["how"]
            .as_str()
            .unwrap()
            .contains("nearest commit that builds"),
        "{d:#}"
    );
    assert_eq!(d["base"]["subject"], "moved");
    repo.uptick(&["check", "broken"])
        .exits(4)
        .says(&["the head", "gives no numbers"]);
}

#[test]
fn flame_graphs_are_drawn_for_one_commit_and_for_two() {
    let repo = repo();
    let one = repo
        .uptick(&["flamegraph", "json", "base", "-o", "one.svg", "--json"])
        .exits(0)
        .json();
    assert!(
        one["critical_path"].as_str().unwrap().contains("100%"),
        "{one:#}"
    );
    repo.uptick(&[
        "flamegraph",
        "json",
        "dearer",
        "--base",
        "base",
        "-o",
        "two.svg",
    ])
    .exits(0);
    for file in ["one.svg", "two.svg"] {
        let text = std::fs::read_to_string(repo.path().join(file)).unwrap();
        roxmltree::Document::parse_with_options(
            &text,
            roxmltree::ParsingOptions {
                allow_dtd: true,
                ..Default::default()
            },
        )
        .unwrap();
        assert!(text.contains("render"));
        std::fs::remove_file(repo.path().join(file)).unwrap();
    }
    repo.uptick(&["flamegraph", "no such"])
        .exits(2)
        .says(&["no benchmark `no such`", "json"]);
}

#[test]
fn unrelated_benchmarks_move_no_other() {
    let d = repo()
        .uptick(&["compare", "mended", "unrelated", "--json"])
        .exits(0)
        .json();
    for name in NAMES {
        let r = row(&d, name);
        assert_eq!(r["verdict"], "unchanged", "{r:#}");
        assert!(r["change"].as_f64().unwrap().abs() < 0.0005, "{r:#}");
    }
    assert_eq!(row(&d, "unrelated/sum")["verdict"], "new");
}
