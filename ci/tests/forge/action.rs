//! The action's steps, run as a runner runs them: variables, files, exit codes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::fake::{FORK, Fake, Rules, SECRET};
use super::{HEAD, command};
use crate::collect::said;
use crate::support::{Repo, path_with_only};

const ACTION: &str = include_str!("../../action.yml");
const SECOND_WORKFLOW: &str = include_str!("../../examples/github-comment.yml");
/// A wheel whose `uptick` says `uptick 9.9`.
const WHEEL: &str = "UEsDBBQAAAAAAAAAIQDRcRfeGgAAABoAAAAgAAAAdXB0aWNrLTAuMS4wLmRhdGEvc2NyaXB0cy91cHRpY2sj\
    IS9iaW4vc2gKZWNobyB1cHRpY2sgOS45ClBLAQIUAxQAAAAAAAAAIQDRcRfeGgAAABoAAAAgAAAAAAAAAAAAAADtAQAA\
    AAB1cHRpY2stMC4xLjAuZGF0YS9zY3JpcHRzL3VwdGlja1BLBQYAAAAAAQABAE4AAABYAAAAAAA=";

struct Step {
    name: String,
    text: String,
    run: String,
}

/// The steps of the action; as much YAML as it has.
fn steps() -> Vec<Step> {
    let text = ACTION.split_once("\n  steps:\n").unwrap().1;
    text.split("    - name: ")
        .skip(1)
        .map(|step| {
            let name = step.lines().next().unwrap().to_string();
            let run = step.split_once("      run: ").map_or("", |(_, run)| run);
            let run = run.strip_prefix("|\n").unwrap_or(run);
            let lines: Vec<&str> = run
                .lines()
                .map(|l| l.strip_prefix("        ").unwrap_or(l))
                .collect();
            Step {
                name,
                text: step.to_string(),
                run: lines.join("\n"),
            }
        })
        .collect()
}

fn step(name: &str) -> Step {
    steps().into_iter().find(|s| s.name == name).unwrap()
}

/// Runs a step with `bash -e`, as `shell: bash` does.
fn bash(step: &Step, c: &mut Command) -> (i32, String) {
    c.args([
        "--noprofile",
        "--norc",
        "-e",
        "-o",
        "pipefail",
        "-c",
        &step.run,
    ]);
    let out = c.stdin(Stdio::null()).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    (out.status.code().unwrap(), said)
}

fn outputs(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap();
    let pairs = text.lines().filter_map(|l| l.split_once('='));
    pairs.map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

#[test]
fn a_regression_goes_through_the_steps() {
    let repo = Repo::with_command();
    repo.work(2000);
    let head = repo.commit("twice");
    let fake = Fake::new(Rules::GitHub);
    let temp = tempfile::tempdir().unwrap();
    let output = temp.path().join("output");
    let added = temp.path().join("path");
    let run = |name: &str, env: &[(&str, &str)]| {
        let mut c = command(&fake, repo.path(), "", &head, 1);
        let mut bash_c = Command::new("bash");
        bash_c.current_dir(repo.path()).env_clear();
        bash_c.envs(c.get_envs().filter_map(|(k, v)| Some((k, v?))));
        c.env_clear();
        let path = std::fs::read_to_string(&added).unwrap_or_default();
        let path = format!("{}:{}", path.trim(), std::env::var("PATH").unwrap());
        bash_c
            .env("RUNNER_TEMP", temp.path())
            .env("GITHUB_OUTPUT", &output);
        bash_c.env("GITHUB_PATH", &added).env("PATH", path);
        bash_c.env(
            "GITHUB_ACTION_PATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/ci"),
        );
        bash_c.envs(env.iter().copied());
        bash(&step(name), &mut bash_c)
    };
    let leg = "{\"os\": \"debian\"}";
    assert_eq!(run("Names", &[("LEG", leg), ("JOB", "bench")]).0, 0);
    let named = outputs(&output);
    assert_eq!((named["leg"].len(), named["built"].len()), (10, 16));
    let out = named["out"].as_str();
    let binary = env!("CARGO_BIN_EXE_uptick");
    let find = [("BINARY", binary), ("DIRECTORY", ".")];
    assert_eq!(run("Find uptick", &find).0, 0);
    assert!(
        !outputs(&output).contains_key("build"),
        "a binary was given"
    );
    let (code, said) = run(
        "Check",
        &[
            ("OUT", out),
            ("LIMIT", "1%"),
            ("UPTICK_LEG", leg),
            ("ARGS", "--flamegraph"),
        ],
    );
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("REGRESSED"), "the log is for people: {said}");
    let written = std::fs::read_to_string(Path::new(out).join("judgement.json")).unwrap();
    assert!(written.contains("\"leg\": \"debian\""), "{written}");
    let top = outputs(&output)["top"].clone();
    assert_eq!(top, ".", "the paths of caches stay as they were");
    let gather = [("OUT", out), ("TOP", top.as_str())];
    assert_eq!(run("Gather flame graphs", &gather).0, 0);
    let gathered = Path::new(out).join("flamegraphs").join(&head[..9]);
    assert!(gathered.is_dir(), "{}", gathered.display());

    let say = [
        ("OUT", out),
        ("COMMENT", "shorten"),
        ("STATUS", "true"),
        ("UPTICK_LEG", leg),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&say[..], more].concat();
    let (code, said) = run("Say it on the pull request", &with(&[("FORK", "true")]));
    assert!(code == 0 && said.contains("second workflow"), "{said}");
    // A token that may not write fails nothing.
    let (code, said) = run(
        "Say it on the pull request",
        &with(&[("GITHUB_TOKEN", FORK)]),
    );
    assert!(
        code == 0 && said.contains("403") && !said.contains(FORK),
        "{said}"
    );
    assert!(fake.ours().is_empty());
    assert!(fake.state().statuses.is_empty());
    let (code, said) = run(
        "Say it on the pull request",
        &with(&[("GITHUB_TOKEN", SECRET)]),
    );
    assert!(code == 0 && said.contains("comment created"), "{said}");
    assert_eq!(fake.state().statuses[0]["context"], "uptick/debian");
}

/// Runs `Find uptick` below the top of a repository; gives its exit code, what it said, and what
/// it left at RUNNER_TEMP.
fn find_uptick(env: &[(&str, &str)]) -> (i32, String, tempfile::TempDir) {
    let repo = Repo::new();
    repo.write("below/kept", "");
    let temp = tempfile::tempdir().unwrap();
    let output = temp.path().join("output");
    let mut c = Command::new("bash");
    c.current_dir(repo.path().join("below"))
        .env("RUNNER_TEMP", temp.path())
        .env("GITHUB_PATH", temp.path().join("path"))
        .env("GITHUB_OUTPUT", &output)
        .env("DIRECTORY", repo.path().join("below"))
        .envs(env.iter().copied());
    let (code, said) = bash(&step("Find uptick"), &mut c);
    let top = outputs(&output)["top"].clone();
    let real = |path: &Path| path.canonicalize().unwrap();
    assert_eq!(real(Path::new(&top)), real(repo.path()), "{said}");
    (code, said, temp)
}

/// A package is verified before anything of it is unpacked, and then nothing is built.
#[test]
fn a_package_is_used_if_its_checksum_is_the_one_that_was_named() {
    let made = tempfile::tempdir().unwrap();
    let at = |name: &str| made.path().join(name);
    let (wheel, tarball, neither) = (at("a.whl"), at("a.tar.gz"), at("a.deb"));
    std::fs::write(&wheel, BASE64.decode(WHEEL).unwrap()).unwrap();
    std::fs::write(&neither, "!<arch>\n").unwrap();
    std::fs::create_dir_all(at("uptick-0.1.0-x/completions")).unwrap();
    std::fs::write(at("uptick-0.1.0-x/completions/uptick.bash"), "").unwrap();
    std::fs::write(at("uptick-0.1.0-x/uptick"), "#!/bin/sh\necho uptick 9.9\n").unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(made.path()).arg("-czf").arg(&tarball);
    said(tar.arg("uptick-0.1.0-x"));
    let other = "0".repeat(64);
    let other = other.as_str();
    for package in [&wheel, &tarball] {
        let sum = said(Command::new("sha256sum").arg(package));
        let sum = sum.split(' ').next().unwrap();
        let path = package.to_str().unwrap();
        let upper = sum.to_uppercase();
        for sum in ["", sum, upper.as_str()] {
            let (code, said, temp) = find_uptick(&[("PACKAGE", path), ("SHA256", sum)]);
            assert!(code == 0 && said.contains("uptick 9.9"), "{said}");
            assert!(temp.path().join("uptick-bin/bin/uptick").is_file());
            assert!(!outputs(&temp.path().join("output")).contains_key("build"));
        }
        let (code, said, temp) = find_uptick(&[("PACKAGE", path), ("SHA256", other)]);
        assert!(code == 1 && said.contains("::error::"), "{said}");
        assert!(said.contains(sum), "{said}");
        let unpacked = temp.path().join("uptick-package/unpacked");
        assert_eq!(std::fs::read_dir(unpacked).unwrap().count(), 0, "{said}");
        assert!(!temp.path().join("uptick-bin/bin/uptick").exists());
    }
    let refused = |package: &str, sum: &str, words: &str| {
        let (code, said, _) = find_uptick(&[("PACKAGE", package), ("SHA256", sum)]);
        assert!(code == 1 && said.contains(words), "{said}");
    };
    let nowhere = "http://127.0.0.1:9/a.whl";
    refused(nowhere, "", "sha256: must say");
    refused(nowhere, other, "cannot be fetched");
    refused("not/there.whl", "", "cannot be read");
    refused(neither.to_str().unwrap(), "", "neither a wheel nor");
}

/// A pull request is a stranger's by where it comes from, also in a repository that is a fork.
#[test]
fn whose_pull_request_may_write_is_told_alike_in_both_workflows() {
    let first = step("Say it on the pull request").text;
    for (text, words) in [
        (&*first, "head.repo.full_name != github.repository"),
        (&*first, "github.actor == 'dependabot[bot]'"),
        (
            SECOND_WORKFLOW,
            "head_repository.full_name != github.repository",
        ),
        (
            SECOND_WORKFLOW,
            "workflow_run.actor.login == 'dependabot[bot]'",
        ),
    ] {
        assert!(text.contains(words), "`{words}` is missing in:\n{text}");
        for whose in ["repo.fork", "repository.fork"] {
            assert!(!text.contains(whose), "`{whose}` stands in:\n{text}");
        }
    }
}

#[test]
fn a_machine_without_root_is_said_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for programs in [&["bash", "id"][..], &["bash", "id", "apt-get"]] {
        let bin = path_with_only(programs, dir.path());
        let mut c = Command::new("bash");
        c.env_clear().env("PATH", &bin);
        // Nobody but root may install, and nobody is asked for a password.
        let mut install = step("Install valgrind");
        install.run = install.run.replace("$(id -u)", "1000");
        let (code, said) = bash(&install, &mut c);
        assert!(code == 0 && said.contains("::warning::"), "{said}");
    }
}

#[test]
fn caches_hold_after_a_regression_and_no_build_sees_the_token() {
    let all = steps();
    for s in &all {
        let parses = Command::new("bash")
            .args(["-n", "-c", &s.run])
            .status()
            .unwrap();
        assert!(parses.success(), "{}", s.name);
        assert_eq!(
            s.text.contains("GITHUB_TOKEN"),
            s.name == "Say it on the pull request"
        );
    }
    let keep = step("Keep store and built benchmarks").text;
    assert!(
        keep.contains("if: always()") && keep.contains("cache-primary-key"),
        "{keep}"
    );
    let key = step("Restore store and built benchmarks").text;
    // Wherever in the repository the check is run.
    for part in ["uptick.db", "cache"] {
        let lies = format!("${{{{ steps.find.outputs.top }}}}/.uptick/{part}");
        assert!(keep.contains(&lies) && key.contains(&lies), "{lies}");
    }
    for part in [
        "runner.os",
        "runner.arch",
        "names.outputs.leg",
        "restore-keys",
    ] {
        assert!(key.contains(part), "{part} in {key}");
    }
    assert!(HEAD.len() == 40);
}

/// The workflows of `ci/examples` call what there is.
#[test]
fn the_examples_name_commands_and_options_that_exist() {
    let repo = Repo::new();
    let help = |c: &str| repo.uptick(&["help", c]).exits(0).stdout;
    let known = format!("{}{}{}", help("check"), help("comment"), help("ci"));
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for line in text
            .lines()
            .filter(|l| l.contains("uptick check") || l.contains("uptick comment"))
        {
            let after = line.split("uptick c").nth(1).unwrap();
            for option in after.split_whitespace().filter(|w| w.starts_with("--")) {
                let option = option.trim_matches(['\'', '"', ';', ',', ')']);
                assert!(
                    known.contains(option),
                    "{option} in {}",
                    entry.path().display()
                );
                seen += 1;
            }
        }
        // The baseline is in the history; the second workflow judges nothing, and no container does.
        let fetches = [
            "fetch-depth: 0",
            "fetchDepth: 0",
            "GIT_DEPTH: \"0\"",
            "depth: full",
            "depth: 0",
            "--unshallow",
            "shallow: false",
        ];
        let idle = ["github-comment.yml", "compose.yml"];
        let judges = !idle.iter().any(|name| entry.path().ends_with(name));
        let whole = fetches.iter().any(|f| text.contains(f));
        assert!(!judges || whole, "{}", entry.path().display());
        for variable in text.split(|c: char| !c.is_ascii_uppercase() && c != '_') {
            let ours = variable.starts_with("UPTICK_FORGE") && variable.len() > 12;
            let token = variable.ends_with("_TOKEN") || variable == "SYSTEM_ACCESSTOKEN";
            assert!(!(ours || token) || known.contains(variable), "{variable}");
        }
    }
    assert!(seen > 12);
}
