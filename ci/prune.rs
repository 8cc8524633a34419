//! `uptick prune`: profiles and reports go when their time is over, unless somebody needs them.

use collector::error::{EXIT_OK, Error};
use collector::format::plural;
use collector::history::retention;
use collector::store::{Prunable, Store};
use serde_json::json;

use crate::args::{Args, Prune};
use crate::settle::actor;
use crate::{context, print};

pub(crate) fn run(args: &Args, a: &Prune) -> anyhow::Result<u8> {
    let keep = a.keeping.keep();
    if keep.is_all() {
        let why = "nothing goes: say what is kept for how long, such as `--keep-profiles 90d \
             --keep-branches 180d --keep 3y`";
        return Err(Error::Usage(why.into()).into());
    }
    keep.check()?;
    let now = context::now();
    let existing = context::existing_store(args)?;
    if a.dry_run {
        let would = existing.prunable(&existing.plan_pruning(&keep, now)?)?;
        say(a, &would, None)?;
        return Ok(EXIT_OK);
    }
    drop(existing);
    let mut store = context::store(args)?;
    let mut plan = retention::plan(&mut store, &keep, now)?;
    let gone = retention::prune(&mut store, &mut plan, &actor(args), now, usize::MAX)?;
    let freed = shrink(&mut store);
    say(a, &gone, Some(freed))?;
    let left = store.remove_left()?;
    if left.left > 0 {
        print::note(&format!(
            "note: {} outside the store still to be removed: {}",
            plural(left.left, "profile"),
            left.why
        ));
    }
    Ok(EXIT_OK)
}

/// Makes the file smaller; where it cannot be, what went is gone all the same.
fn shrink(store: &mut Store) -> u64 {
    store.shrink(true).unwrap_or_else(|e| {
        print::note(&format!(
            "note: the file keeps its size, and new reports fill it: {e}"
        ));
        0
    })
}

fn say(a: &Prune, p: &Prunable, freed: Option<u64>) -> anyhow::Result<()> {
    if a.json {
        print::json(&json!({
            "schema": "uptick.prune/1", "dry_run": a.dry_run, "pruned": p, "file_shrank": freed,
        }))?;
        return Ok(());
    }
    let begin = if a.dry_run { "would drop" } else { "dropped" };
    print::out(&format!("{begin} {}\n", words(p)))?;
    match freed {
        None => print::out("nothing was changed\n"),
        Some(bytes) => print::out(&format!("the file is {} smaller\n", size(bytes))),
    }?;
    Ok(())
}

fn words(p: &Prunable) -> String {
    format!(
        "{} ({}), {} of branches ({}), {} of the main line ({})",
        plural(p.profiles, "profile"),
        size(p.profile_bytes),
        plural(p.branch_reports, "report"),
        size(p.branch_bytes),
        plural(p.main_reports, "report"),
        size(p.main_bytes)
    )
}

fn size(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    if kib < 1024.0 {
        return format!("{kib:.1} KiB");
    }
    format!("{:.1} MiB", kib / 1024.0)
}
