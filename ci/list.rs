//! `uptick list`: the benchmarks of a commit, and why others are none.

use serde_json::json;

use collector::error::{EXIT_FAILED, EXIT_NO_VERDICT, EXIT_OK};
use collector::format::{benchmarks, whole};

use crate::args::{Args, List};
use crate::progress::Terminal;
use crate::{context, print};

pub(crate) fn run(args: &Args, a: &List) -> anyhow::Result<u8> {
    let mut runner = context::runner(args, &a.measuring)?;
    let sha = runner.repo().resolve(&a.rev)?;
    let progress = Terminal::new();
    let built = runner.build(0, &sha, &progress);
    progress.clear();
    let suite = built?.1.suite;
    let names: Vec<&String> = suite.jobs.iter().map(|(j, _)| &j.name).collect();
    let config = runner.config();
    let commands = suite.uncounted.iter().map(|u| u.command(config));
    let commands: Vec<String> = commands.collect();
    if a.json {
        print::json(&json!({
            "schema": "uptick.list/1",
            "sha": sha,
            "benchmarks": names,
            "failures": suite.failures,
            "notes": suite.notes,
            "commands": commands,
        }))?;
    } else {
        for n in &names {
            print::out(&format!("{}\n", whole(n)))?;
        }
        for f in &suite.failures {
            let who = f.benchmark.as_deref().unwrap_or("");
            print::note(&format!("`{who}` ({}): {}", f.stage, f.message));
        }
        for n in &suite.notes {
            print::note(&format!("note: {n}"));
        }
        if !commands.is_empty() {
            print::note("to count what criterion does not drive, write into uptick.toml:\n");
            print::note(&commands.join("\n"));
        }
        if names.is_empty() && suite.unwanted == 0 {
            if commands.is_empty() {
                print::note(
                    "no benchmarks: uptick looks for [[bench]] targets with `harness = false` that use \
                     criterion, and for [[command]] in uptick.toml",
                );
            }
        } else if names.is_empty() && !a.measuring.only.is_empty() {
            let all = benchmarks(suite.unwanted);
            print::note(&format!("--only names none of {all}"));
        }
    }
    Ok(match (suite.failures.is_empty(), names.is_empty()) {
        (false, _) => EXIT_FAILED,
        (true, true) => EXIT_NO_VERDICT,
        (true, false) => EXIT_OK,
    })
}
