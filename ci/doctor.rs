//! `uptick doctor`: what this machine can count, and the proof.

use collector::error::{EXIT_FAILED, EXIT_OK};
use collector::measure::host::{Finding, State};
use collector::measure::{choose_counter, host};
use collector::model::Counter;
use serde_json::json;

use crate::args::{Args, Doctor};
use crate::{print, reach};

/// What a collector needs beside a server that gives it jobs; said only where it is not there.
const NEEDED: [&str; 3] = ["git", "cargo", "valgrind"];

pub(crate) fn run(_args: &Args, a: &Doctor) -> anyhow::Result<u8> {
    if let Some(address) = &a.server {
        return server(a, address);
    }
    let findings = host::findings();
    let counter = choose_counter("auto")?;
    let test = (counter != Counter::Clock).then(|| host::self_test(&counter));
    let failed = test
        .as_ref()
        .is_some_and(|t| !t.as_ref().is_ok_and(|t| t.passed));
    let testbed = host::testbed(collector::config::Strings::Portable);
    if a.json {
        let (self_test, error) = match &test {
            Some(Ok(t)) => (json!(t), None),
            Some(Err(e)) => (json!(null), Some(e.to_string())),
            None => (json!(null), None),
        };
        print::json(&json!({
            "schema": "uptick.doctor/1",
            "counter": counter,
            "findings": findings,
            "self_test": self_test,
            "self_test_error": error,
            "testbed": testbed,
        }))?;
    } else {
        for f in &findings {
            print::out(&line(f))?;
        }
        print::out(&verdict(&counter, test.as_ref()))?;
    }
    Ok(if failed { EXIT_FAILED } else { EXIT_OK })
}

/// What this machine and a server are to each other.
fn server(a: &Doctor, address: &str) -> anyhow::Result<u8> {
    let mut findings = reach::findings(a, address)?;
    let lacks = |f: &Finding| f.state != State::Good && NEEDED.contains(&f.what.as_str());
    findings.extend(host::findings().into_iter().filter(lacks));
    // Without valgrind numbers are weaker, or the hardware's.
    let fatal = |f: &Finding| f.state == State::Missing && f.what != "valgrind";
    let failed = findings.iter().any(fatal);
    if a.json {
        print::json(&json!({
            "schema": "uptick.doctor/1", "server": address, "findings": findings,
        }))?;
    } else {
        for f in &findings {
            print::out(&line(f))?;
        }
        print::out(match failed {
            true => "\nThis machine cannot work for that server.\n",
            false => "\nThis machine can work for that server.\n",
        })?;
    }
    Ok(if failed { EXIT_FAILED } else { EXIT_OK })
}

fn line(f: &Finding) -> String {
    let sign = match f.state {
        State::Good => "ok     ",
        State::Weak => "weak   ",
        State::Missing => "missing",
    };
    let mend = f
        .mend
        .as_ref()
        .map_or_else(String::new, |m| format!("\n          → {m}"));
    format!("{sign} {}: {}{mend}\n", f.what, f.detail)
}

fn verdict(counter: &Counter, test: Option<&collector::error::Result<host::SelfTest>>) -> String {
    let counts = match counter {
        Counter::PerfEvent => "instructions by the hardware counter",
        Counter::Callgrind => "instructions by callgrind, exactly",
        _ => "wall time only: verdicts need changes of several percent",
    };
    let proof = match test {
        None => String::new(),
        Some(Ok(t)) if t.passed => {
            format!(
                "\nself-test: /bin/true counted twice: {} and {}: passed",
                t.counts[0], t.counts[1]
            )
        }
        Some(Ok(t)) => format!(
            "\nself-test FAILED: /bin/true counted twice: {} and {}",
            t.counts[0], t.counts[1]
        ),
        Some(Err(e)) => format!("\nself-test FAILED: {e}"),
    };
    format!("\nThis machine counts {counts}.{proof}\n")
}
