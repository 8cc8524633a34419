//! Benches that criterion does not drive: each is said to be left out, with a command of `uptick.toml`
//! that counts it when it is written as it is told. The frameworks are crates of a few lines that have
//! their names.

use serde_json::Value;

use crate::support::Repo;

const MANIFEST: &str = r#"
[package]
name = "demo"
version = "0.1.0"
edition = "2021"

[dev-dependencies]
FRAMEWORK = { path = "framework" }

[[bench]]
name = "work"
harness = false

[workspace]
"#;

const LIBRARY: &str = "
#[inline(never)]
pub fn work(turns: u64) -> u64 {
    (0..turns).fold(1, |x, i| std::hint::black_box(x ^ i))
}
";

/// What the command says: each framework is told by its crate's name alone.
const FRAMEWORK: &str = "
#[inline(never)]
pub fn main(turns: u64, work: fn(u64) -> u64) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    assert_eq!(arguments.join(\" \"), \"ARGUMENTS\");
    std::hint::black_box(work(turns));
}
";

/// A repository of two commits, the newer of which does twice the work.
fn repository(framework: &str, arguments: &str) -> Repo {
    let repo = Repo::new();
    repo.write(".gitignore", "/target\n/work.bench\n");
    repo.write("Cargo.toml", &MANIFEST.replace("FRAMEWORK", framework));
    repo.write("src/lib.rs", LIBRARY);
    // cargo builds it beside the bench, and names it too.
    repo.write("src/main.rs", "fn main() {}\n");
    let own =
        format!("[package]\nname = \"{framework}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    repo.write("framework/Cargo.toml", &own);
    repo.write(
        "framework/src/lib.rs",
        &FRAMEWORK.replace("ARGUMENTS", arguments),
    );
    work(&repo, framework, 50_000);
    repo.commit("one");
    work(&repo, framework, 100_000);
    repo.commit("two");
    repo
}

fn work(repo: &Repo, framework: &str, turns: u32) {
    let bench = format!("fn main() {{ {framework}::main({turns}, demo::work); }}\n");
    repo.write("benches/work.rs", &bench);
}

/// The commands that `uptick list` says.
fn commands(repo: &Repo) -> String {
    let said = repo.uptick(&["list", "--json"]).exits(3).json();
    let all = said["commands"].as_array().unwrap().iter();
    all.filter_map(Value::as_str).collect()
}

#[test]
fn what_is_said_of_another_framework_counts_its_benches_when_it_is_written() {
    let repo = repository(
        "divan",
        "--bench --sample-count 1 --sample-size 10000 --timer os",
    );
    let list = repo.uptick(&["list"]).exits(3);
    let list = list.says(&["bench `work` of `demo` is divan's", "[[command]]"]);
    assert!(!list.stderr.contains("uptick looks for"), "{}", list.stderr);
    repo.uptick(&["check"])
        .exits(3)
        .says(&["`uptick list` says"]);
    repo.write("uptick.toml", &commands(&repo));
    let list = repo.uptick(&["list"]).exits(0);
    assert!(!list.stderr.contains("divan"), "{}", list.stderr);
    let check = repo.uptick(&["check"]).exits(1);
    assert!(check.stdout.contains("▲ work"), "{}", check.stdout);
}

#[test]
fn a_range_without_any_benchmark_is_no_success() {
    let repo = repository("iai", "--iai-run 0");
    repo.uptick(&["run", "HEAD~1..HEAD"]).exits(3);
    let ran = repo.uptick(&["run", "HEAD~2..HEAD"]).exits(3);
    ran.says(&["is iai's", "no benchmarks found: `uptick list`"]);
    repo.write("uptick.toml", &commands(&repo));
    repo.uptick(&["run", "HEAD~2..HEAD"]).exits(0);
}
