//! A metric that another program counts: handed in by `uptick import`, judged by its direction.

use serde_json::{Value, json};

use crate::support::Repo;

const STEP: usize = 12;

/// The report of a commit, as another program would write it.
fn report(sha: &str, position: usize) -> Value {
    let throughput = if position < STEP { 1000.0 } else { 800.0 };
    let errors = if position < STEP { 0.0 } else { 3.0 };
    let measured = |metric: &str, unit: &str, better: &str, value: f64| {
        json!({
            "benchmark": "serve", "metric": metric, "unit": unit, "better": better,
            "counter": "wrk", "value": value, "low": value, "high": value, "samples": [value],
            "class": "exact",
        })
    };
    json!({
        "schema": "uptick.report/1",
        "commit": {
            "sha": sha, "position": position, "parents": [], "author": "A",
            "time": 1_700_000_000 + position, "subject": format!("commit {position}"),
        },
        "testbed": { "facts": { "machine": "m1" } },
        "build_key": position.to_string(), "suite_key": "s", "testbed_key": "t",
        "started": 1_700_000_000, "seconds": 1.0,
        "measurements": [
            measured("throughput", "1/s", "higher", throughput),
            measured("errors", "count", "lower", errors),
        ],
    })
}

#[test]
fn a_metric_of_ones_own_is_imported_and_its_fall_is_a_regression() {
    let repo = Repo::new();
    let mut reports = Vec::new();
    for position in 0..2 * STEP {
        repo.write("notes.txt", &position.to_string());
        let sha = repo.commit(&format!("commit {position}"));
        reports.push(json!({ "report": report(&sha, position) }));
    }
    repo.import(&reports);
    let ran = repo.uptick(&["log"]).exits(3);
    ran.says(&["but other metrics: `uptick log --metric errors`"]);

    let d = repo.uptick(&["changes", "--json"]).exits(0).json();
    let of = |metric: &str| -> Value {
        let all = d["series"].as_array().unwrap();
        let found = all.iter().find(|s| s["metric"] == metric);
        found.unwrap().clone()
    };
    let throughput = of("throughput");
    assert_eq!(throughput["unit"], "1/s");
    assert_eq!(throughput["better"], "higher");
    assert_eq!(throughput["counter"], "wrk");
    assert_eq!(throughput["changes"][0]["verdict"], "regressed");
    assert_eq!(throughput["changes"][0]["change"], -0.2);
    let errors = of("errors");
    assert_eq!(errors["changes"][0]["verdict"], "regressed");
    assert_eq!(
        errors["changes"][0]["change"],
        Value::Null,
        "of 0 nothing is a fraction"
    );

    let text = repo.uptick(&["changes"]).exits(0).stdout;
    for words in [
        "▼ serve  -20.00 %  regressed: higher is better",
        "1,000 → 800 1/s reported by wrk",
        "▲ serve  +3\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("inf") && !text.contains("NaN"), "{text}");

    let log = repo.uptick(&["log", "serve", "--metric", "throughput"]);
    let log = log.exits(0).stdout;
    for words in ["▼", "-20.00 %", "reported by wrk"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    repo.uptick(&["log", "serve", "--metric", "furlongs"])
        .exits(2)
        .says(&["`furlongs`", "throughput"]);
    repo.uptick(&["replay"]).exits(0);
    repo.uptick(&["verify"]).exits(0);
    repo.uptick(&["rebuild"]).exits(0);
    let again = repo.uptick(&["changes", "--json"]).exits(0).json();
    assert_eq!(again, d);
}

/// Two variants of one benchmark on one commit are two series; the program knows which it is.
#[test]
fn tags_tell_variants_of_a_benchmark_apart() {
    let repo = Repo::with_command();
    repo.write(
        "work.c",
        "#include <stdlib.h>\nint main(void) {\n  const char *gc = getenv(\"UPTICK_TAG_GC\");\n  \
         volatile long n = gc && gc[1] == 'n' ? 400000 : 100000;\n  while (n) n--;\n  return 0;\n}\n",
    );
    repo.commit("with a collector");
    let measured = |tag: &str| -> f64 {
        let d = repo
            .uptick(&["run", "--json", "--tag", tag])
            .exits(0)
            .json();
        let all = d["commits"][0]["measurements"].as_array().unwrap();
        let m = all.iter().find(|m| m["metric"] == "instructions").unwrap();
        assert_eq!(m["benchmark"], format!("work{{{tag}}}"), "{m}");
        assert_eq!(format!("gc={}", m["tags"]["gc"].as_str().unwrap()), tag);
        m["value"].as_f64().unwrap()
    };
    let (on, off) = (measured("gc=on"), measured("gc=off"));
    assert!(on > 2.0 * off, "{on} {off}");
    let d = repo.uptick(&["log", "--json"]).exits(0).json();
    let all = d["series"].as_array().unwrap();
    let names: Vec<&str> = all
        .iter()
        .map(|s| s["benchmark"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["work{gc=off}", "work{gc=on}"]);
    // Its name alone says which variant to measure.
    let only = ["check", "--only", "work{gc=on}", "--json", "--base", "HEAD"];
    let d = repo.uptick(&only).exits(0).json();
    assert_eq!(d["results"][0]["benchmark"], "work{gc=on}");
    for bad in ["gc", "=on", "gc=a b"] {
        repo.uptick(&["run", "--tag", bad])
            .exits(2)
            .says(&["--tag"]);
    }
    what_the_flag_costs(&repo);
}

fn instructions(document: &Value) -> &Value {
    let all = document["results"].as_array().unwrap();
    all.iter().find(|r| r["metric"] == "instructions").unwrap()
}

/// The same commit with a flag on and off: what moved is the flag's doing.
fn what_the_flag_costs(repo: &Repo) {
    let of = |more: &[&str]| {
        let pair = ["compare", "HEAD", "--tag", "gc=on", "--against", "gc=off"];
        repo.uptick(&[&pair[..], more].concat())
    };
    let text = of(&[]).exits(0).stdout;
    assert!(
        text.starts_with("REGRESSED: 1 of 1 benchmark, worst +"),
        "{text}"
    );
    let sha = &repo.git(&["rev-parse", "HEAD"])[..9];
    for words in [
        "the same commit with gc=off",
        "    gc=on costs +",
        "% against gc=off",
        &format!("uptick compare {sha} --tag gc=on --against gc=off --only 'work{{gc=on}}'"),
        "see why ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        !text.contains("revert") && !text.contains("bisect"),
        "{text}"
    );
    for only in ["work", "work{gc=on}"] {
        let d = of(&["--json", "--only", only]).exits(0).json();
        assert_eq!(d["outcome"], "regressed", "{only}");
        assert_eq!(
            d["variants"],
            json!({"head": {"gc": "on"}, "base": {"gc": "off"}})
        );
        let row = instructions(&d);
        assert_eq!(row["benchmark"], "work{gc=on}");
        assert_eq!(
            (&row["confirmed"], &row["verdict"]),
            (&json!(true), &json!("regressed"))
        );
        assert_eq!(row["reasons"][0]["code"], "limit", "{row}");
        assert!(row["functions"][0]["name"].as_str().is_some(), "{row}");
    }
    let back = [
        "compare",
        "HEAD",
        "--tag",
        "gc=off",
        "--against",
        "gc=on",
        "--json",
    ];
    let d = repo.uptick(&back).exits(0).json();
    assert_eq!(
        (&d["outcome"], &instructions(&d)["verdict"]),
        (&json!("ok"), &json!("improved"))
    );
    for (bad, why) in [
        (&["HEAD", "--against", "gc=off"][..], "--tag"),
        (
            &["HEAD", "HEAD", "--tag", "gc=on", "--against", "gc=off"],
            "--against",
        ),
        (
            &["HEAD", "--tag", "gc=on", "--against", "gc=on"],
            "both variants have gc=on",
        ),
        (
            &["HEAD", "--tag", "gc=on", "--against", "jit=off"],
            "no tag `jit`",
        ),
    ] {
        let args = [&["compare"][..], bad].concat();
        repo.uptick(&args).exits(2).says(&[why]);
    }
}
