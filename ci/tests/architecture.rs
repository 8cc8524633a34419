//! The design's invariants, so that they stay true.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use quote::ToTokens as _;

use crate::imports::{attributes, is_test};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(dir)];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let syntax = syn::parse_file(text).unwrap();
    let mut tests = Vec::new();
    lines_of_tests(&syntax.items, &mut tests);
    let is_test = |line: usize| tests.iter().any(|t| t.contains(&line));
    let lines = text.lines().enumerate();
    let code = lines.filter(|(i, l)| !is_test(i + 1) && !l.trim_start().starts_with("//"));
    code.map(|(_, l)| l).collect::<Vec<_>>().join("\n")
}

/// The lines of items that are there for tests alone, whatever stands after them.
fn lines_of_tests(items: &[syn::Item], out: &mut Vec<RangeInclusive<usize>>) {
    for item in items {
        match item {
            _ if is_test(attributes(item)) => {
                let mut tokens = item.to_token_stream().into_iter().map(|t| t.span());
                let first = tokens.next().unwrap();
                let last = tokens.last().unwrap_or(first);
                out.push(first.start().line..=last.end().line);
            }
            syn::Item::Mod(m) => {
                let inner = m.content.as_ref().map_or(&[][..], |(_, items)| items);
                lines_of_tests(inner, out);
            }
            _ => {}
        }
    }
}

#[test]
fn what_stands_after_a_test_is_code() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n// c\nmod d {\n    \
                #[cfg(test)]\n    use e;\n    fn f() {}\n}\n";
    assert_eq!(code(text), "fn a() {}\nmod d {\n    fn f() {}\n}");
}

fn offenders(dir: &str, allowed: impl Fn(&Path) -> bool, words: &[&str]) -> Vec<String> {
    sources(dir)
        .into_iter()
        .filter(|(path, _)| !allowed(path))
        .flat_map(|(path, text)| {
            let code = code(&text);
            words
                .iter()
                .filter(|w| code.contains(**w))
                .map(|w| format!("{}: {w}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_collector_knows_no_web_framework_and_no_runtime() {
    let manifest = std::fs::read_to_string(root().join("collector/Cargo.toml")).unwrap();
    for name in ["tokio", "axum", "maud", "hyper", "async"] {
        assert!(!manifest.contains(name), "collector depends on {name}");
    }
}

#[test]
fn sql_is_written_under_store_and_postgres_only() {
    let folders = ["collector/src/store", "dashboard/src/postgres", "ci/tests"];
    let outside = |p: &Path| folders.iter().any(|f| p.starts_with(f));
    let words = ["rusqlite", "SELECT ", "INSERT INTO", "PRAGMA"];
    for dir in ["collector/src", "dashboard/src", "ci"] {
        assert_eq!(offenders(dir, outside, &words), Vec::<String>::new());
    }
}

#[test]
fn git_is_run_from_one_folder() {
    // The build script asks which commit it builds, and knows no collector yet.
    let named = ["collector/src/git", "ci/build.rs", "ci/tests"];
    let allowed = |p: &Path| named.iter().any(|n| p.starts_with(n));
    for dir in ["collector/src", "dashboard/src", "ci"] {
        assert_eq!(
            offenders(dir, allowed, &["Command::new(\"git\")"]),
            Vec::<String>::new()
        );
    }
}

#[test]
fn the_pure_parts_do_no_io() {
    let words = [
        "std::fs",
        "std::net",
        "std::process",
        "Instant::now",
        "SystemTime::now",
        "std::env",
    ];
    let impure = |p: &Path| {
        let pure = [
            "collector/src/stats",
            "collector/src/detect",
            "collector/src/report",
            "collector/src/search",
            "collector/src/judge",
            "collector/src/remote/channel/request.rs",
            "collector/src/remote/channel/sign.rs",
            "collector/src/notify/schedule.rs",
            "collector/src/jobs",
            // What is asked of a forge; `remote/http.rs` beside it asks.
            "collector/src/remote/forge",
        ];
        !pure.iter().any(|d| p.starts_with(d))
    };
    assert_eq!(
        offenders("collector/src", impure, &words),
        Vec::<String>::new()
    );
}

#[test]
fn sockets_are_opened_by_the_client_and_the_dashboard_alone() {
    let words = [
        "std::net",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ureq",
        "lettre",
        "tokio::net",
    ];
    let allowed = |p: &Path| {
        let named = [
            "collector/src/remote/http.rs",
            "collector/src/remote/channel/client.rs",
            "collector/src/remote/channel/mail.rs",
            "collector/src/remote/channel/reach.rs",
            "collector/src/remote/channel/tests.rs",
            "collector/src/remote/s3/fake.rs",
            "dashboard",
            "ci/tests",
            "ci/serve.rs",
        ];
        named.iter().any(|n| p.starts_with(n))
    };
    for dir in ["collector/src", "dashboard/src", "ci"] {
        assert_eq!(offenders(dir, allowed, &words), Vec::<String>::new());
    }
}

#[test]
fn channels_are_bounded() {
    let words = ["mpsc::channel(", "unbounded_channel", "unbounded()"];
    for dir in ["collector/src", "dashboard/src", "ci"] {
        let tests = |p: &Path| p.starts_with("ci/tests");
        assert_eq!(offenders(dir, tests, &words), Vec::<String>::new());
    }
}

#[test]
fn only_one_module_prints() {
    let allowed = |p: &Path| {
        // What a build script prints is read by cargo.
        let named = ["print.rs", "progress.rs", "build.rs"];
        p.starts_with("ci/tests") || named.iter().any(|n| p.ends_with(n))
    };
    assert_eq!(
        offenders("ci", allowed, &["println!", "eprintln!"]),
        Vec::<String>::new()
    );
}

#[test]
fn libraries_and_binaries_are_no_bench_targets() {
    // Otherwise `cargo bench -- --save-baseline x` fails on libtest's own argument parser.
    for manifest in ["Cargo.toml", "collector/Cargo.toml", "dashboard/Cargo.toml"] {
        let table: toml::Table = std::fs::read_to_string(root().join(manifest))
            .unwrap()
            .parse()
            .unwrap();
        let targets = table.get("lib").into_iter().chain(
            table
                .get("bin")
                .and_then(|b| b.as_array())
                .into_iter()
                .flatten(),
        );
        for target in targets {
            assert_eq!(
                target.get("bench").and_then(toml::Value::as_bool),
                Some(false),
                "{manifest}"
            );
        }
    }
}

#[test]
fn unsafe_code_lives_in_measure_only() {
    let allowed = |p: &Path| p.starts_with("collector/src/measure");
    for dir in ["collector/src", "dashboard/src", "ci"] {
        let skip = |p: &Path| allowed(p) || p.starts_with("ci/tests");
        assert_eq!(offenders(dir, skip, &["unsafe "]), Vec::<String>::new());
    }
}

/// Where rustfmt does not reach, inside `html!`, people keep the width.
#[test]
fn no_line_of_the_dashboard_is_wider_than_a_screen() {
    const COLUMNS: usize = 120;
    // A constant of one long word, such as an address, has no place to break.
    let is_constant = |line: &str| line.trim_start().starts_with('"');
    let is_wide = |line: &&str| line.chars().count() > COLUMNS && !is_constant(line);
    for (path, text) in sources("dashboard/src") {
        let wide: Vec<&str> = text.lines().filter(is_wide).collect();
        assert!(wide.is_empty(), "{}: {wide:#?}", path.display());
    }
}

/// A module is a file or a folder: of two in one place nobody knows where to look.
#[test]
fn no_file_stands_beside_the_folder_of_its_name() {
    for dir in ["collector/src", "dashboard/src", "ci"] {
        let both: Vec<PathBuf> = sources(dir)
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| root().join(path).with_extension("").is_dir())
            .collect();
        assert_eq!(both, Vec::<PathBuf>::new());
    }
}

/// What git tracks at the top; in an unpacked archive, what stands there.
fn top_level() -> Vec<String> {
    let tracked = std::process::Command::new("git")
        .args(["ls-tree", "--name-only", "-z", "HEAD"])
        .current_dir(root())
        .output();
    match tracked {
        Ok(out) if out.status.success() => {
            let names = String::from_utf8(out.stdout).unwrap();
            let names = names.split('\0').filter(|n| !n.is_empty());
            names.map(str::to_string).collect()
        }
        _ => {
            let entries = std::fs::read_dir(root()).unwrap().flatten();
            let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
            names.filter(|n| n != "target" && n != ".git").collect()
        }
    }
}

/// A stranger follows one measurement from the counter to the page in a dozen files at most, and
/// each of them is there.
#[test]
fn one_measurement_is_followed_in_a_dozen_files() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let walk = map
        .split("## One measurement, from the counter to the page")
        .nth(1);
    let steps = walk.unwrap().split("\n5. ").collect::<Vec<_>>();
    let last = steps[1].split("\n\n").next().unwrap();
    let text = format!("{}\n{last}", steps[0]);
    let named = text.split('`').skip(1).step_by(2);
    let files: Vec<&str> = named.filter(|n| n.ends_with(".rs")).collect();
    assert!((10..=12).contains(&files.len()), "{files:?}");
    for file in files {
        let there = [root().join("collector/src").join(file), root().join(file)];
        assert!(there.iter().any(|p| p.is_file()), "{file} is not there");
    }
}

/// The top level is given; beside it stands what convention wants, and no stray file of a tool.
#[test]
fn nothing_stray_stands_at_the_top() {
    let given = [
        ".ci",
        ".gitignore",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "NOTICE",
        "README.md",
        "benches",
        "ci",
        "collector",
        "dashboard",
        "uptick.toml",
    ];
    let found = top_level();
    assert!(found.iter().any(|f| f == "README.md"), "{found:?}");
    let stray: Vec<&String> = found
        .iter()
        .filter(|f| !given.contains(&f.as_str()))
        .collect();
    assert!(stray.is_empty(), "{stray:?}");
}
