//! A judgement as files for any CI.

use serde_json::Value;

use crate::support::{COMMAND, Repo};

#[test]
fn a_check_leaves_files_that_other_tools_read() {
    let repo = Repo::with_command();
    repo.write("uptick.toml", &COMMAND.replace("-O1", "-O1 -g"));
    repo.commit("with line numbers");
    repo.work(2000);
    repo.commit("twice");
    let files = [
        "check",
        "--junit",
        "out/junit.xml",
        "--code-quality",
        "out/quality.json",
        "--sarif",
        "out/a.sarif",
        "--openmetrics",
        "out/metrics.txt",
    ];
    repo.uptick(&files).exits(1);
    let read = |name: &str| std::fs::read_to_string(repo.path().join("out").join(name)).unwrap();
    let junit = read("junit.xml");
    let document = roxmltree::Document::parse(&junit).unwrap();
    let suite = document
        .descendants()
        .find(|n| n.has_tag_name("testsuite"))
        .unwrap();
    assert_eq!(suite.attribute("failures"), Some("1"), "{junit}");
    let quality: Value = serde_json::from_str(&read("quality.json")).unwrap();
    assert_eq!(quality[0]["check_name"], "uptick/instructions");
    assert_eq!(quality[0]["location"]["path"], "work.c");
    let print = quality[0]["fingerprint"].as_str().unwrap().to_string();
    let sarif: Value = serde_json::from_str(&read("a.sarif")).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["partialFingerprints"]["uptick/v1"], print.as_str());
    assert!(
        result["locations"][0]["physicalLocation"]["region"]["startLine"]
            .as_u64()
            .unwrap()
            > 0
    );
    let metrics = read("metrics.txt");
    assert!(
        metrics.contains("uptick_regressed{benchmark=\"work\",metric=\"instructions\""),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"));

    // The next commit is clean: so are the files; and the same regression is the same issue.
    repo.write("README.md", "prose");
    repo.commit("prose");
    repo.uptick(&files).exits(0);
    assert_eq!(read("quality.json"), "[]\n");
    assert!(read("junit.xml").contains("failures=\"0\""));
    let again = [
        "check",
        "HEAD",
        "--base",
        "HEAD~2",
        "--code-quality",
        "out/quality.json",
    ];
    repo.uptick(&again).exits(1);
    assert!(read("quality.json").contains(&print));
}

#[test]
fn a_benchmark_without_a_number_is_not_clean() {
    let repo = Repo::with_command();
    repo.write("work.c", "int main(void) { return 0 }\n");
    repo.commit("does not build");
    let files = [
        "check",
        "--junit",
        "junit.xml",
        "--code-quality",
        "quality.json",
    ];
    repo.uptick(&files).exits(4);
    let junit = std::fs::read_to_string(repo.path().join("junit.xml")).unwrap();
    assert!(
        junit.contains("errors=\"1\"") && junit.contains("work.c"),
        "{junit}"
    );
    let quality = std::fs::read_to_string(repo.path().join("quality.json")).unwrap();
    let quality: Value = serde_json::from_str(&quality).unwrap();
    assert_eq!(quality[0]["check_name"], "uptick/failed");
}
