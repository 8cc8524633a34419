//! What is measured is what the project's own `cargo bench` would run, and what could not be
//! measured is said. One repository serves all these tests, one after another, so that criterion
//! is built once; each scenario is a branch of its own.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;

use crate::support::{Ran, Repo, row};

const MANIFEST: &str = r#"
[package]
name = "demo"
version = "0.1.0"
edition = "2021"
[dev-dependencies]
criterion = { version = "0.8.2", default-features = false }
[[bench]]
name = "b"
harness = false
"#;

const LIBRARY: &str =
    "pub fn work(n: u64) -> u64 { (0..n).fold(1, |a, i| (a ^ i).wrapping_mul(31) >> 1) }\n";

/// A bench target with these statements, in which `c` is the `Criterion`.
fn bench(statements: &str) -> String {
    format!(
        "use criterion::{{criterion_group, criterion_main, Criterion}};\nuse std::hint::black_box;\nfn b(c: &mut Criterion) {{ {statements} }}\ncriterion_group!(g, b); criterion_main!(g);\n"
    )
}

/// The target that this machine's compiler builds for.
fn host() -> String {
    let out = std::process::Command::new("rustc").arg("-vV").output();
    let text = String::from_utf8(out.unwrap().stdout).unwrap();
    let host = text.lines().find_map(|l| l.strip_prefix("host: "));
    host.unwrap().to_string()
}

/// A benchmark called `count` whose cost is the length of a text.
fn count(text: &str) -> String {
    bench(&format!(
        "let text: String = {text}; c.bench_function(\"count\", |b| b.iter(|| black_box(&text).bytes().map(|b| demo::work(b as u64 % 8)).sum::<u64>()));"
    ))
}

/// The repository, for one scenario at a time.
struct Scene(MutexGuard<'static, Repo>);

impl Scene {
    /// An empty branch of that name with an unmodified package in the tree.
    fn new(name: &str) -> Self {
        static REPO: OnceLock<Mutex<Repo>> = OnceLock::new();
        let repo = REPO.get_or_init(|| Mutex::new(Repo::new()));
        let scene = Self(repo.lock().unwrap_or_else(PoisonError::into_inner));
        let repo = &*scene.0;
        repo.git(&["checkout", "-q", "--orphan", name]);
        repo.git(&["rm", "-rqf", "--ignore-unmatch", "."]);
        repo.write(".gitignore", "target\nCargo.lock\n");
        repo.write("Cargo.toml", MANIFEST);
        repo.write("src/lib.rs", LIBRARY);
        scene
    }

    fn write(&self, file: &str, text: &str) -> &Self {
        self.0.write(file, text);
        self
    }

    fn commit(&self, subject: &str) {
        self.0.commit(subject);
    }

    /// `check` of HEAD against its parent.
    #[track_caller]
    fn check(&self, more: &[&str]) -> Ran {
        let base = ["check", "--base", "HEAD~", "--json"];
        self.0.uptick(&[&base[..], more].concat())
    }

    #[track_caller]
    fn run(&self) -> Value {
        self.0.uptick(&["run", "--json"]).exits(0).json()
    }

    /// The names that `list` gives, and what it says besides.
    #[track_caller]
    fn list(&self) -> (Vec<String>, String) {
        let ran = self.0.uptick(&["list", "--json"]);
        let d = ran.json();
        let failed = !d["failures"].as_array().unwrap().is_empty();
        ran.exits(if failed { 4 } else { 0 });
        let names = d["benchmarks"].as_array().unwrap().iter();
        let names = names.map(|n| n.as_str().unwrap().to_string()).collect();
        (names, format!("{} {}", d["failures"], d["notes"]))
    }
}

/// The instructions of a benchmark in a `run` document, its class and its note.
#[track_caller]
fn counted(d: &Value, name: &str) -> (f64, String, String) {
    let all = d["commits"][0]["measurements"].as_array().unwrap();
    let m = all
        .iter()
        .find(|m| m["benchmark"] == name && m["metric"] == "instructions")
        .unwrap_or_else(|| panic!("no {name:?} in {d:#}"));
    let text = |k: &str| m[k].as_str().unwrap_or_default().to_string();
    (m["value"].as_f64().unwrap(), text("class"), text("note"))
}

/// Asserts a confirmed change of `count` within these bounds, and nothing doubtful.
#[track_caller]
fn moved(ran: Ran, bounds: std::ops::Range<f64>) {
    let d = ran.exits(1).json();
    let r = row(&d, "count");
    assert_eq!(
        (&r["verdict"], &r["confirmed"]),
        (&"regressed".into(), &true.into()),
        "{r:#}"
    );
    let change = r["change"].as_f64().unwrap();
    assert!(bounds.contains(&change), "{r:#}");
    assert!(d["doubts"].is_null(), "{d:#}");
}

#[test]
fn each_commit_reads_its_own_data_by_the_path_that_was_compiled_in() {
    let scene = Scene::new("data");
    let read =
        "std::fs::read_to_string(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/data/in.txt\")).unwrap()";
    scene.write("benches/b.rs", &count(read));
    scene
        .write("data/in.txt", &"abcdefg\n".repeat(100))
        .commit("start");
    scene
        .write("data/in.txt", &"abcdefg\n".repeat(1000))
        .commit("longer");
    moved(scene.check(&[]), 8.5..9.5);
    // A file that is gone is a failure of this target: neither green nor a change.
    scene.0.git(&["mv", "data/in.txt", "data/renamed.txt"]);
    scene.commit("renamed");
    let d = scene.check(&[]).exits(4).json();
    let failure = &d["failures"][0];
    assert_eq!(failure["stage"], "list", "{d:#}");
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("No such file"),
        "{d:#}"
    );
}

/// An error that the benchmark does not look at would make this the best commit of the year.
#[test]
fn an_input_that_is_gone_without_an_error_is_doubtful() {
    let scene = Scene::new("unseen");
    let read = "std::fs::read_to_string(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/data/in.txt\")).unwrap_or_default()";
    scene.write("benches/b.rs", &count(read));
    scene
        .write("data/in.txt", &"abcdefg\n".repeat(1000))
        .commit("start");
    scene.0.git(&["mv", "data/in.txt", "data/renamed.txt"]);
    scene.commit("renamed");
    let doubts = |code: i32, more: &[&str]| {
        let d = scene.check(more).exits(code).json();
        assert_eq!(row(&d, "count")["verdict"], "improved", "{d:#}");
        d["doubts"].to_string()
    };
    let said = doubts(0, &[]);
    assert!(
        said.contains(" times better than in the baseline: see that it still does its work"),
        "{said}"
    );
    assert_eq!(doubts(3, &["--strict"]), said);
    scene.0.git(&[
        "commit",
        "-q",
        "--amend",
        "-m",
        "renamed\n\nUptick-Accept: count the list is empty now",
    ]);
    assert_eq!(doubts(0, &["--strict"]), "null");
}

#[test]
fn each_commit_finds_what_its_build_made() {
    let scene = Scene::new("made");
    let generate = |n: u32| {
        format!(
            "fn main() {{ let out = std::env::var(\"OUT_DIR\").unwrap(); std::fs::write(out + \"/in.txt\", \"abcdefg\\n\".repeat({n})).unwrap(); }}\n"
        )
    };
    let read = "std::fs::read_to_string(concat!(env!(\"OUT_DIR\"), \"/in.txt\")).unwrap()";
    scene.write("benches/b.rs", &count(read));
    scene.write("build.rs", &generate(100)).commit("start");
    scene.write("build.rs", &generate(200)).commit("twice");
    moved(scene.check(&[]), 0.9..1.1);
}

/// What cargo cannot see (a file that a procedural macro reads) and what a benchmark keeps for its next
/// run are another commit's once that stands there.
#[test]
fn each_commit_is_built_and_run_as_in_a_fresh_clone() {
    let scene = Scene::new("fresh");
    let manifest = format!("{MANIFEST}[dependencies]\nsize = {{ path = \"size\" }}\n");
    scene.write("Cargo.toml", &manifest);
    let own = "[package]\nname = \"size\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\nproc-macro = true\n";
    scene.write("size/Cargo.toml", own);
    scene.write("size/src/lib.rs", "#[proc_macro] pub fn size(_: proc_macro::TokenStream) -> proc_macro::TokenStream { let file = std::env::var(\"CARGO_MANIFEST_DIR\").unwrap() + \"/n.txt\"; std::fs::read_to_string(file).unwrap().parse().unwrap() }\n");
    scene.write(
        "src/lib.rs",
        &format!("{LIBRARY}pub const LINES: usize = size::size!();\n"),
    );
    let kept = |at: &str| {
        format!(
            "{{ let file = {at}; if !file.exists() {{ std::fs::create_dir_all(file.parent().unwrap()).unwrap(); std::fs::write(&file, \"abcdefg\\n\".repeat(demo::LINES)).unwrap(); }} std::fs::read_to_string(file).unwrap() }}"
        )
    };
    let places = [
        "std::path::PathBuf::from(\"target/corpus\")",
        "std::path::PathBuf::from(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/target/other/corpus\"))",
        "std::env::temp_dir().join(\"uptick-test-corpus\")",
    ];
    let [a, b, c] = places.map(kept);
    scene.write("benches/b.rs", &count(&format!("{a} + &{b} + &{c}")));
    scene.write("n.txt", "100").commit("start");
    scene.write("n.txt", "200").commit("twice");
    moved(scene.check(&[]), 0.9..1.1);
}

#[test]
fn a_program_that_the_benchmark_starts_is_counted_and_is_its_own_commit_s() {
    let scene = Scene::new("child");
    let run = "c.bench_function(\"count\", |b| b.iter(|| assert!(std::process::Command::new(env!(\"CARGO_BIN_EXE_demo\")).status().unwrap().success())));";
    scene.write("benches/b.rs", &bench(run));
    let program =
        |n: u32| format!("fn main() {{ assert_ne!(demo::work(std::hint::black_box({n})), 7); }}\n");
    scene
        .write("src/main.rs", &program(1_000_000))
        .commit("start");
    scene
        .write("src/main.rs", &program(2_000_000))
        .commit("twice");
    moved(scene.check(&["--strict"]), 0.5..1.1);
}

/// What a process does before it executes another program in its place is its own cost too; where that
/// fails, it goes on.
#[test]
fn what_is_done_before_another_program_is_executed_is_counted() {
    let repo = Repo::new();
    let toml = |name: &str, build: &str, run: &str| {
        format!("[[command]]\nname = \"{name}\"\nbuild = \"{build}\"\nrun = \"{run}\"\n")
    };
    let all = [
        toml("script", "true", "sh run.sh"),
        toml("program", "cc -O1 -o p p.c", "./p"),
        toml("failing", "cc -O1 -DGONE -o q p.c", "./q"),
        toml("child", "true", "sh child.sh"),
    ];
    repo.write("uptick.toml", &all.concat());
    repo.write("child.sh", "sh run.sh\nsh run.sh\n");
    for turns in [100, 3000] {
        repo.write(
            "run.sh",
            &format!("i=0\nwhile [ $i -lt {turns} ]; do i=$((i+1)); done\nexec /bin/true\n"),
        );
        repo.write("p.c", &format!("#include <unistd.h>\nstatic void work(void) {{\n    for (volatile long i = 0; i < {turns}0; i++) ;\n}}\nint main(void) {{\n    work();\n#ifdef GONE\n    execlp(\"/nowhere/true\", \"true\", (char *)0);\n    work();\n    return 0;\n#endif\n    execl(\"/bin/true\", \"true\", (char *)0);\n    return 1;\n}}\n"));
        repo.commit(&turns.to_string());
    }
    let d = repo.uptick(&["check", "--json"]).exits(1).json();
    for name in ["script", "program", "failing", "child"] {
        let r = row(&d, name);
        assert_eq!(r["verdict"], "regressed", "{r:#}");
        assert_eq!(r["class"], "exact", "{r:#}");
    }
    assert!(d["doubts"].is_null(), "{d:#}");
    let value = |name: &str| row(&d, name)["head"]["value"].as_f64().unwrap();
    let ratio = value("failing") / value("program");
    assert!((1.8..2.2).contains(&ratio), "{ratio}");
    let ratio = value("child") / value("script");
    assert!((1.8..2.3).contains(&ratio), "{ratio}");
}

/// The counter has what the parent did in the totals of a child of a fork.
#[test]
fn what_was_done_before_a_fork_is_counted_once() {
    const KINDS: [&str; 6] = ["fork", "exec", "vfork", "spawn", "grandchild", "abort"];
    let repo = Repo::new();
    let command = |kind: &str, n: u32| {
        format!(
            "[[command]]\nname = \"{kind}/{n}\"\nbuild = \"cc -O1 -o w w.c\"\nrun = \"./w {n} {kind}\"\n"
        )
    };
    let mut all: String = KINDS
        .map(|kind| command(kind, 0) + &command(kind, 3))
        .concat();
    all += "[[command]]\nname = \"shell/0\"\nrun = \"sh shell.sh\"\n[[command]]\nname = \"shell/3\"\nrun = \"sh shell.sh more\"\n";
    repo.write("uptick.toml", &all);
    repo.write("w.c", FORKS);
    repo.write(
        "shell.sh",
        "i=0\nwhile [ $i -lt 3000 ]; do i=$((i+1)); done\n[ -z \"$1\" ] || { /bin/true; (exit 0); /bin/true; }\nexit 0\n",
    );
    repo.commit("forks");
    let d = repo.uptick(&["run", "--json"]).exits(0).json();
    let count = |name: &str| counted(&d, name).0;
    for kind in KINDS.iter().chain(&["shell"]) {
        let ratio = count(&format!("{kind}/3")) / count(&format!("{kind}/0"));
        assert!((1.0..1.02).contains(&ratio), "{kind}: {ratio}");
    }
}

/// Works, and then begins so many processes in some way.
const FORKS: &str = r#"#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static pid_t begin(const char *kind) {
    char *args[] = {"true", 0};
    pid_t p = 0;
    if (!strcmp(kind, "spawn")) { posix_spawn(&p, "/bin/true", 0, 0, args, environ); return p; }
    if (!strcmp(kind, "vfork")) { if (!(p = vfork())) { execl("/bin/true", "true", (char *)0); _exit(1); } return p; }
    if ((p = fork())) return p;
    if (!strcmp(kind, "exec")) execl("/bin/true", "true", (char *)0);
    if (!strcmp(kind, "abort")) abort();
    if (!strcmp(kind, "grandchild")) waitpid(begin("fork"), 0, 0);
    _exit(0);
}
int main(int c, char **v) {
    for (volatile long i = 0; i < 1000000; i++) ;
    for (int i = 0; i < atoi(v[1]); i++) waitpid(begin(v[2]), 0, 0);
    return 0;
}
"#;

/// In spaces of process numbers of their own two programs have the same number.
#[test]
fn two_programs_that_are_both_process_1_are_both_counted() {
    let asked = std::process::Command::new("unshare")
        .args(["-fp", "true"])
        .output();
    if !asked.is_ok_and(|o| o.status.success()) {
        let _ = writeln!(
            std::io::stderr(),
            "NOT ASKED: this user may make no space of process numbers"
        );
        return;
    }
    let repo = Repo::new();
    repo.write(
        "uptick.toml",
        "[[command]]\nname = \"both\"\nbuild = \"cc -O1 -o w w.c\"\nrun = \"sh both.sh\"\n",
    );
    repo.write("w.c", "#include <stdlib.h>\nint main(int c, char **v) {\n    for (volatile long i = 0; i < atol(v[1]); i++) ;\n    return 0;\n}\n");
    for turns in [1000, 300_000] {
        repo.write(
            "both.sh",
            &format!("unshare -fp ./w {turns}\nunshare -fp ./w 5\n"),
        );
        repo.commit(&turns.to_string());
    }
    let d = repo.uptick(&["check", "--json"]).exits(1).json();
    assert_eq!(row(&d, "both")["verdict"], "regressed", "{d:#}");
    assert!(d["doubts"].is_null(), "{d:#}");
}

#[test]
fn sides_that_run_what_was_built_last_outside_have_no_verdict() {
    let repo = Repo::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let installed = elsewhere.path().join("prog").display().to_string();
    let turns = |n: u32| {
        format!(
            "int main() {{ volatile int s = 0; for (int i = 0; i < {n}; i++) s += i; return 0; }}\n"
        )
    };
    repo.write("uptick.toml", &format!("[[command]]\nname = \"installed\"\nbuild = \"cc -O1 -o prog main.c && cp prog {installed}\"\nrun = \"{installed}\"\n"));
    repo.write("main.c", &turns(100_000));
    repo.commit("one");
    repo.write("main.c", &turns(200_000));
    repo.commit("two");
    let d = repo
        .uptick(&["check", "--base", "HEAD~", "--json"])
        .exits(4)
        .json();
    let said = d["failures"][0]["message"].as_str().unwrap();
    assert!(said.contains("both run what was built last"), "{d:#}");
    assert_eq!(row(&d, "installed")["verdict"], "incomparable");
}

#[test]
fn the_environment_is_the_one_that_cargo_gives() {
    let scene = Scene::new("environment");
    scene.write(
        ".cargo/config.toml",
        "[env]\nDEMO_SIZE = \"1000\"\nDEMO_FILE = { value = \"data\", relative = true, force = true }\n[profile.bench]\nstrip = true\n[build]\ntarget-dir = \"out\"\n",
    );
    scene.write("data", "x");
    scene.write("triple.c", "long triple(long n) { long s = 0; for (volatile long i = 0; i < n; i++) s += 3; return s; }\n");
    scene.write("build.rs", "fn main() { let out = std::env::var(\"OUT_DIR\").unwrap(); assert!(std::process::Command::new(\"cc\").args([\"-shared\", \"-fPIC\", \"-O2\", \"triple.c\", \"-o\", &format!(\"{out}/libtriple.so\")]).status().unwrap().success()); println!(\"cargo:rustc-link-search=native={out}\"); println!(\"cargo:rustc-link-lib=dylib=triple\"); }\n");
    scene.write("src/lib.rs", "unsafe extern \"C\" { fn triple(n: i64) -> i64; }\npub fn work(n: i64) -> i64 { unsafe { triple(n) } }\n");
    scene.write("benches/b.rs", &bench("let n: i64 = std::env::var(\"DEMO_SIZE\").unwrap().parse().unwrap(); assert_eq!(std::fs::read_to_string(std::env::var(\"DEMO_FILE\").unwrap()).unwrap(), \"x\"); assert_eq!(std::env::var(\"CARGO_PKG_NAME\").unwrap(), \"demo\"); c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(n))));"));
    scene.commit("start");
    let (value, class, note) = counted(&scene.run(), "work");
    assert!((4000.0..20_000.0).contains(&value), "{value}");
    assert_eq!((class.as_str(), note.as_str()), ("exact", ""));
}

#[test]
fn a_library_next_to_the_executable_is_found_there() {
    let scene = Scene::new("library");
    scene.write(
        "Cargo.toml",
        &format!("{MANIFEST}[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n"),
    );
    scene.write("benches/b.rs", &bench("let here = std::env::current_exe().unwrap(); if here.parent().unwrap().join(\"libdemo.so\").exists() { c.bench_function(\"found\", |b| b.iter(|| demo::work(black_box(1000)))); }"));
    scene.commit("start");
    let (_, class, note) = counted(&scene.run(), "found");
    assert_eq!((class.as_str(), note.as_str()), ("exact", ""));
}

#[test]
fn flags_reach_the_compiler_and_are_part_of_the_key() {
    // Without criterion, which other flags would build anew.
    let scene = Scene::new("flags");
    scene.write("Cargo.toml", &MANIFEST.replace("criterion = ", "#"));
    scene.write(
        "src/lib.rs",
        "#[cfg(not(special))]\ncompile_error!(\"built without --cfg special\");\n",
    );
    scene.write(
        "benches/b.rs",
        "fn main() { let _ = demo as fn(); }\nuse demo::*;\nfn demo() {}\n",
    );
    scene.commit("start");
    let list = |name: &str, value: &str| {
        let ran = scene.0.uptick_with(&["list"], |c| {
            c.env(name, value);
        });
        ran.exits(3).stderr
    };
    let of_host = host().to_uppercase().replace(['-', '.'], "_");
    let of_host = format!("CARGO_TARGET_{of_host}_RUSTFLAGS");
    for name in [of_host.as_str(), "RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        let (with, without) = (list(name, "--cfg special"), list(name, "--cfg other"));
        assert!(with.contains("brings its own main"), "{name}: {with}");
        assert!(without.contains("does not build"), "{name}: {without}");
        assert!(without.contains("built without --cfg special"), "{without}");
    }
    scene.write(
        "uptick.toml",
        "[suite]\nrustflags = [\"--cfg\", \"special\"]\n",
    );
    let said = list("RUSTFLAGS", "--cfg other");
    assert!(said.contains("brings its own main"), "{said}");
    std::fs::remove_file(scene.0.path().join("uptick.toml")).unwrap();
}

#[test]
fn cargo_s_files_outside_the_commits_are_obeyed_and_part_of_the_key() {
    let scene = Scene::new("outside");
    let package = MANIFEST.replace("criterion = ", "#");
    scene.write("a/b/Cargo.toml", &package);
    scene.write(
        "a/b/src/lib.rs",
        "#[cfg(not(special))]\ncompile_error!(\"built without --cfg special\");\n",
    );
    scene.write("a/b/benches/b.rs", "use demo as _;\nfn main() {}\n");
    std::fs::remove_file(scene.0.path().join("Cargo.toml")).unwrap();
    scene.commit("start");
    let home = tempfile::tempdir().unwrap();
    let list = |configuration: &str| {
        std::fs::write(home.path().join("config.toml"), configuration).unwrap();
        let ran = scene.0.uptick_with(&["list"], |c| {
            c.env("CARGO_HOME", home.path());
        });
        ran.exits(3).stderr
    };
    let special = "rustflags = [\"--cfg\", \"special\"]";
    let host = host();
    let target = format!("target = [\"{host}\"]\n");
    let runner = format!("[target.{host}]\nrunner = [\"nice\", \"-n\", \"1\"]\n");
    for more in ["", &target, &runner] {
        let said = list(&format!("[build]\n{special}\n{more}"));
        assert!(said.contains("brings its own main"), "{more}: {said}");
    }
    assert!(list("").contains("does not build"));
    // Between the top and the workspace too.
    scene.write("a/.cargo/config.toml", &format!("[build]\n{special}\n"));
    scene.commit("flags between");
    assert!(list("").contains("brings its own main"));
}

#[test]
fn a_runner_that_is_not_used_is_said() {
    let scene = Scene::new("runner");
    let turns = "std::env::var(\"N\").map_or(10, |n| n.parse().unwrap())";
    scene.write("benches/b.rs", &bench(&format!("let n: u64 = {turns}; c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(n))));")));
    let config = "[target.\"cfg(unix)\"]\nrunner = [\"sh\", \"run.sh\"]\n";
    scene.write(".cargo/config.toml", config);
    scene.write("run.sh", "N=1000 exec \"$@\"\n");
    scene.commit("start");
    let d = scene.0.uptick(&["run", "--json"]).exits(0).json();
    let said = d["commits"][0]["measurements"].to_string();
    assert!(said.contains("cargo would run it by `sh run.sh`"), "{said}");
}

#[test]
fn variables_that_are_compiled_in_are_part_of_the_key() {
    let scene = Scene::new("compiled-in");
    let turns = "option_env!(\"DEMO_TURNS\").map_or(1000, |n| n.parse().unwrap())";
    scene.write("benches/b.rs", &bench(&format!("let n: u64 = {turns}; c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(n))));")));
    scene.commit("start");
    let run = |turns: Option<&str>| {
        let ran = scene.0.uptick_with(&["run", "--json"], |c| {
            c.env_remove("DEMO_TURNS");
            c.envs(turns.map(|n| ("DEMO_TURNS", n)));
        });
        let d = ran.exits(0).json();
        // One that is stored repeats how long it took.
        let seconds = d["commits"][0]["seconds"].as_f64().unwrap();
        (counted(&d, "work").0, seconds)
    };
    let one = run(None);
    let two = run(Some("2000"));
    assert!((two.0 / one.0 - 2.0).abs() < 0.1, "{one:?} {two:?}");
    assert_eq!(run(None), one);
    assert_eq!(run(Some("2000")), two);
}

#[test]
fn benchmarks_are_listed_in_the_environment_that_they_run_in() {
    let scene = Scene::new("asked");
    let work = |name: &str| {
        format!("c.bench_function(&{name}, |b| b.iter(|| demo::work(black_box(1000))));")
    };
    let all = [
        "let at = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();".to_string(),
        work("format!(\"at {at}\")"),
        format!(
            "if std::env::var(\"DEMO_SLOW\").is_ok() {{ {} }}",
            work("\"slow\".to_string()")
        ),
    ];
    scene.write("benches/b.rs", &bench(&all.concat()));
    scene.commit("start");
    // What the caller happens to have set is seen neither then nor when it runs.
    let ran = scene.0.uptick_with(&["run", "--json"], |c| {
        c.env("DEMO_SLOW", "1");
    });
    let d = ran.exits(0).json();
    let names: Vec<&str> = d["commits"][0]["measurements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["metric"] == "instructions")
        .map(|m| m["benchmark"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("at "), "{names:?}");
    // What is declared is seen, though the executables are kept.
    scene.write("uptick.toml", "[suite]\nenv = { DEMO_SLOW = \"1\" }\n");
    let (names, _) = scene.list();
    assert_eq!(names.last().unwrap(), "slow");
    std::fs::remove_file(scene.0.path().join("uptick.toml")).unwrap();
}

#[test]
fn a_target_that_lists_no_benchmarks_is_named() {
    let scene = Scene::new("none");
    scene.write(
        "benches/b.rs",
        &bench("if std::env::var(\"DEMO_SLOW\").is_ok() { c.bench_function(\"slow\", |b| b.iter(|| black_box(1))); }"),
    );
    scene.commit("start");
    scene
        .0
        .uptick(&["list"])
        .exits(3)
        .says(&["bench b of demo lists no benchmarks", "`env` under [suite]"]);
}

#[test]
fn a_list_of_any_length_is_read_whole() {
    let scene = Scene::new("long");
    scene.write("benches/b.rs", &bench("for i in 0..3000 { c.bench_function(&format!(\"a benchmark with a parameter, which is {i}\"), |b| b.iter(|| black_box(i))); } for i in 0..9000 { println!(\"the set-up of shard {i} is done\"); }"));
    scene.commit("start");
    let (names, _) = scene.list();
    assert_eq!(names.len(), 3000);
    assert!(names[0].ends_with("which is 0"), "{}", names[0]);
}

#[test]
fn without_symbols_the_routine_is_counted_all_the_same() {
    let scene = Scene::new("stripped");
    scene.write(
        "build.rs",
        "fn main() { println!(\"cargo:rustc-link-arg-benches=-s\"); }\n",
    );
    scene.write(
        "benches/b.rs",
        &bench("c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(1000))));"),
    );
    scene.commit("start");
    let (value, class, note) = counted(&scene.run(), "work");
    assert!((2000.0..20_000.0).contains(&value), "{value}");
    assert_eq!((class.as_str(), note.as_str()), ("exact", ""));
}

#[test]
fn targets_of_a_workspace_fail_and_are_found_one_by_one() {
    let scene = Scene::new("targets");
    let work = |name: &str| {
        bench(&format!(
            "c.bench_function(\"{name}\", |b| b.iter(|| black_box(1) + 1));"
        ))
    };
    scene.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"2\"\nmembers = [\"helper\", \"one\", \"two\"]\n",
    );
    let package = |name: &str, rest: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
    };
    let criterion = "criterion = { version = \"0.8.2\", default-features = false }\n";
    scene.write(
        "helper/Cargo.toml",
        &package("helper", &format!("[dependencies]\n{criterion}")),
    );
    scene.write("helper/src/lib.rs", "pub use criterion;\n");
    // One passes criterion on, and its second target panics for want of a file.
    scene.write("one/Cargo.toml", &package("one", "[dev-dependencies]\nhelper = { path = \"../helper\" }\n[[bench]]\nname = \"bench\"\nharness = false\n[[bench]]\nname = \"corpus\"\nharness = false\n"));
    scene.write("one/src/lib.rs", "");
    let reexported = |text: String| text.replace("use criterion::{", "use helper::criterion::{");
    scene.write("one/benches/bench.rs", &reexported(work("one")));
    scene.write("one/benches/corpus.rs", &reexported(bench("std::fs::read(\"corpus.bin\").unwrap(); c.bench_function(\"corpus\", |b| b.iter(|| 1));")));
    // Two has a target of the same name that needs a feature, and another.
    scene.write("two/Cargo.toml", &package("two", &format!("[features]\nslow = []\n[dev-dependencies]\n{criterion}[[bench]]\nname = \"bench\"\nharness = false\nrequired-features = [\"slow\"]\n[[bench]]\nname = \"other\"\nharness = false\n")));
    scene.write("two/src/lib.rs", "");
    scene.write(
        "two/benches/bench.rs",
        "compile_error!(\"not to be built\");\n",
    );
    scene.write("two/benches/other.rs", &work("other"));
    scene.commit("start");
    let (names, said) = scene.list();
    assert_eq!(names, ["one", "other"]);
    for words in ["bench corpus of one", "No such file", "needs features"] {
        assert!(said.contains(words), "`{words}` is missing in {said}");
    }
    let ran = scene.0.uptick(&["run", "--json"]).exits(4);
    assert_eq!(
        ran.json()["commits"][0]["failures"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    scene.0.uptick(&["run", "--only", "one", "--json"]).exits(0);
    scene.0.uptick(&["init"]).exits(0);
    let written = std::fs::read_to_string(scene.0.path().join("uptick.toml")).unwrap();
    assert!(written.contains("\nfeatures = [\"slow\"]\n"), "{written}");
    std::fs::remove_file(scene.0.path().join("uptick.toml")).unwrap();
}

#[test]
fn one_name_in_two_targets_is_counted_in_each() {
    let scene = Scene::new("namesakes");
    let second = "[[bench]]\nname = \"c\"\nharness = false\n";
    let work = |n: u32| {
        bench(&format!(
            "c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box({n}))));"
        ))
    };
    scene.write("benches/c.rs", &work(3000));
    let alone = MANIFEST.replace("name = \"b\"", "name = \"c\"");
    scene.write("Cargo.toml", &alone);
    scene.commit("one of them");
    assert_eq!(scene.list().0, ["work"]);
    scene.write("benches/b.rs", &work(1000));
    scene.write("Cargo.toml", &format!("{MANIFEST}{second}"));
    scene.commit("another of that name, which comes first");
    let first = "work (bench b of demo)";
    let second = "work (bench c of demo)";
    assert_eq!(scene.list().0, [first, second]);
    // Neither takes the name of what was there before, nor its history.
    let ran = scene.check(&[]).exits(3);
    let said = ran.json();
    assert!(!said.to_string().contains("improved\""), "{said:#}");
    let d = scene.run();
    let ratio = counted(&d, second).0 / counted(&d, first).0;
    assert!((2.9..3.1).contains(&ratio), "{d:#}");
    // A variant has another name too, and is the same benchmark of its target.
    let tagged = scene.0.uptick(&["run", "--json", "--tag", "gc=on"]);
    let tagged = tagged.exits(0).json();
    let all = tagged["commits"][0]["measurements"].as_array().unwrap();
    let instructions = all.iter().filter(|m| m["metric"] == "instructions");
    assert_eq!(instructions.count(), 2, "{tagged:#}");
}

#[test]
fn names_of_every_kind_are_counted() {
    let scene = Scene::new("names");
    scene.write("benches/b.rs", &bench("for (n, id) in [(1000, \"select 1\\nfrom t\"), (2000, \" padded \"), (3000, \"tab\\there\")] { c.bench_function(id, |b| b.iter(|| demo::work(black_box(n)))); } c.bench_function(&\"x\".repeat(400), |b| b.iter(|| demo::work(black_box(4000)))); c.bench_function(\"twice\", |b| b.iter(|| demo::work(black_box(5000)))); c.bench_function(\"twice\", |b| b.iter(|| demo::work(black_box(6000)))); c.bench_function(\"-dash\", |b| b.iter(|| demo::work(black_box(7000)))); for (n, end) in [(8000, 'a'), (9000, 'b')] { c.bench_function(&format!(\"{}{end}\", \"y\".repeat(120)), |b| b.iter(|| demo::work(black_box(n)))); }"));
    scene.commit("start");
    let d = scene.run();
    let alike = |end: char| format!("{}{end}", "y".repeat(120));
    let long = format!("{}...", "x".repeat(100));
    let unit = counted(&d, "select 1\nfrom t").0 / 1000.0;
    for (turns, name) in [
        (2.0, " padded "),
        (3.0, "tab\there"),
        (4.0, &long),
        (5.0, "twice"),
        (7.0, "-dash"),
        (8.0, &alike('a')),
        (9.0, &alike('b')),
    ] {
        let value = counted(&d, name).0;
        assert!(
            (value / unit / 1000.0 - turns).abs() < 0.1,
            "{name}: {value}"
        );
    }
    let note = counted(&d, "twice").2;
    assert!(note.contains("several benchmarks have this name"), "{note}");
}

#[test]
fn what_is_no_measurement_is_no_verdict_with_strict() {
    let scene = Scene::new("nothing");
    scene.write("benches/b.rs", &bench("c.bench_function(\"empty\", |b| b.iter(|| ())); c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(1000))));"));
    scene.commit("start");
    scene.write("src/other.rs", "").commit("nothing");
    let d = scene.check(&[]).exits(0).json();
    assert!(d["doubts"][0].as_str().unwrap().contains("empty"), "{d:#}");
    let d = scene.check(&["--strict"]).exits(3).json();
    assert_eq!(d["outcome"], "no_verdict");
    let ran = scene.0.uptick(&["check", "--base", "HEAD~"]).exits(0);
    assert!(
        ran.stdout.starts_with("ok: ") && ran.stdout.contains("note: `empty`"),
        "{}",
        ran.stdout
    );
}

#[test]
fn lints_of_a_newer_compiler_refuse_no_old_commit() {
    let scene = Scene::new("lints");
    scene.write(
        "src/lib.rs",
        &format!("#![deny(warnings)]\nfn unused() {{}}\n{LIBRARY}"),
    );
    scene.write(
        "benches/b.rs",
        &bench("c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(1000))));"),
    );
    scene.commit("start");
    let (names, said) = scene.list();
    assert_eq!(names, ["work"]);
    assert!(said.contains("--cap-lints warn"), "{said}");
}

#[test]
fn a_workspace_below_the_top_is_found_and_may_be_called_from_inside() {
    let scene = Scene::new("below");
    let repo = &scene.0;
    for file in ["Cargo.toml", "src/lib.rs"] {
        std::fs::remove_file(repo.path().join(file)).unwrap();
    }
    for dir in ["bench", "sub/other"] {
        scene.write(&format!("{dir}/Cargo.toml"), MANIFEST);
        scene.write(&format!("{dir}/src/lib.rs"), LIBRARY);
        scene.write(
            &format!("{dir}/benches/b.rs"),
            &bench(&format!(
                "c.bench_function(\"{dir}\", |b| b.iter(|| demo::work(black_box(1000))));"
            )),
        );
    }
    scene.commit("two");
    repo.uptick(&["list"])
        .exits(3)
        .says(&["dir = \"bench\"", "sub/other"]);
    let ran = repo.uptick(&["-C", "sub/other/src", "list"]).exits(0);
    assert_eq!(ran.stdout, "sub/other\n");
    repo.git(&["rm", "-rqf", "sub"]);
    scene.commit("one");
    let ran = repo.uptick(&["list"]).exits(0).says(&["bench/"]);
    assert_eq!(ran.stdout, "bench\n");
}

#[test]
fn what_a_command_or_a_benchmark_reads_is_no_prose() {
    let repo = Repo::new();
    repo.write("uptick.toml", "[suite]\ncriterion = false\n[[command]]\nname = \"words\"\nrun = \"wc -w README.md\"\n[[command]]\nname = \"history\"\nrun = \"sh history.sh\"\n");
    let turns = |n: u32| format!("i=0\nwhile [ $i -lt {n} ]; do i=$((i+1)); done\n");
    repo.write("README.md", "one\n");
    repo.write("history.sh", &turns(10));
    repo.commit("start");
    repo.write("README.md", &"word ".repeat(10_000));
    repo.commit("a longer README");
    let d = repo.uptick(&["check", "--json"]).exits(1).json();
    assert_eq!(row(&d, "words")["verdict"], "regressed");
    repo.write("history.sh", &turns(2000));
    repo.commit("more turns");
    let d = repo.uptick(&["check", "--json"]).exits(1).json();
    assert_eq!(row(&d, "history")["verdict"], "regressed");
}

#[test]
fn prose_is_skipped_where_nothing_reads_it_whatever_git_prints() {
    let scene = Scene::new("prose");
    let repo = &scene.0;
    let work = bench("c.bench_function(\"work\", |b| b.iter(|| demo::work(black_box(1000))));");
    scene
        .write("benches/b.rs", &work)
        .write("README.md", "one\n");
    scene.commit("start");
    scene.run();
    let state = || repo.uptick(&["run", "--json"]).exits(0).json()["commits"][0]["state"].clone();
    scene.write("README.md", "two\n").commit("prose");
    assert_eq!(state(), "equal_build");
    for (key, value) in [
        ("grep.lineNumber", "true"),
        ("color.ui", "always"),
        ("grep.fullName", "true"),
    ] {
        repo.git(&["config", key, value]);
    }
    let reading = work
        .replace(
            "c.bench",
            "let n = include_str!(\"../README.md\").len() as u64; c.bench",
        )
        .replace("black_box(1000)", "black_box(n)");
    scene.write("benches/b.rs", &reading).commit("reads it");
    assert_eq!(state(), "measured");
    scene
        .write("README.md", "three\n")
        .commit("no prose any more");
    assert_eq!(state(), "measured");
    let by_cargo = "include_str!(concat!(\"../\", env!(\"CARGO_PKG_README\")))";
    let reading = reading.replace("include_str!(\"../README.md\")", by_cargo);
    scene.write("benches/b.rs", &reading).commit("by its key");
    scene.run();
    scene.write("README.md", "four\n").commit("read by its key");
    assert_eq!(state(), "measured");
    let in_pieces = "include_str!(concat!(\"../READ\", \"ME.md\"))";
    let reading = reading.replace(by_cargo, in_pieces);
    scene.write("benches/b.rs", &reading).commit("in pieces");
    scene.run();
    scene.write("README.md", "five\n").commit("read in pieces");
    assert_eq!(state(), "measured");
    let by_ending =
        "std::fs::read_to_string(format!(\"{}.{}\", [\"READ\", \"ME\"].concat(), \"md\")).unwrap()";
    let reading = reading.replace(in_pieces, by_ending);
    scene.write("benches/b.rs", &reading).commit("as it runs");
    scene.run();
    scene
        .write("README.md", "sixth\n")
        .commit("read as it runs");
    assert_eq!(state(), "measured");
    for key in ["grep.lineNumber", "color.ui", "grep.fullName"] {
        repo.git(&["config", "--unset", key]);
    }
}

/// Costs what `n` says; one run counts more, as a run beside much else may, where there is a mark.
const DISTURBED: &str =
    "[suite]\ncriterion = false\n[[command]]\nname = \"b\"\nrun = \"sh b.sh\"\n";

#[test]
fn a_run_that_the_machine_disturbed_is_not_the_count() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let repo = Repo::new();
    let script = format!("[ -e {0} ] && rm {0}\nexec seq $(cat n)\n", mark.display());
    repo.write("uptick.toml", DISTURBED);
    repo.write("b.sh", &script);
    repo.write("n", "1000");
    repo.commit("first");
    let count = || {
        let report = repo.uptick(&["run", "HEAD", "--fresh", "--json"]).exits(0);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let all = report["commits"][0]["measurements"].as_array().unwrap();
        let one = all.iter().find(|m| m["metric"] == "instructions").unwrap();
        (one["value"].as_f64().unwrap(), one["class"].clone())
    };
    count();
    repo.write("n", "2000");
    repo.commit("second");
    std::fs::write(&mark, "").unwrap();
    let disturbed = count();
    assert!(!mark.exists());
    assert_eq!(disturbed, count());
    assert_eq!(disturbed.1, "exact");
}

#[test]
fn what_a_command_leaves_running_is_missing_and_said() {
    let repo = Repo::new();
    let toml = |run: &str| {
        format!("[suite]\ncriterion = false\n[[command]]\nname = \"b\"\nrun = \"{run}\"\n")
    };
    let note = |run: &str| {
        repo.write("uptick.toml", &toml(run));
        repo.commit(run);
        let d = repo.uptick(&["run", "--json"]).exits(0).json();
        counted(&d, "b").2
    };
    let said = note("sh -c 'sleep 5 &'");
    assert!(said.contains("still running when it ended"), "{said}");
    assert_eq!(note("sh -c 'seq 10 & wait'"), "");
    // A pipeline goes on without a program that is not there.
    let said = note("sh -c 'nosuchprog | sort'");
    assert!(said.contains("nosuchprog: not found`: see that"), "{said}");
    // What is missing is no verdict for whoever is strict.
    repo.write("uptick.toml", &toml("sh -c 'sleep 5 &'"));
    repo.commit("one more");
    repo.uptick(&["check", "--strict"]).exits(3);
}
