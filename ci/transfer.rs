//! `uptick export`, `import`, `rebuild`, `verify`: the store as a whole.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};

use collector::error::{EXIT_OK, EXIT_STORE, Error};
use collector::format::plural;
use collector::history::watch;
use collector::store::Verification;
use serde_json::json;

use crate::args::{Args, Export, Import, Whole};
use crate::{context, print};

pub(crate) fn export(args: &Args, a: &Export) -> anyhow::Result<u8> {
    let store = context::existing_store(args)?;
    let lost = match &a.file {
        None => store.export(&mut BufWriter::new(std::io::stdout().lock()))?,
        Some(path) => {
            // Beside its place first, so that a full disk leaves no half export.
            let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
            let dir = dir.unwrap_or(std::path::Path::new("."));
            let mut half = tempfile::NamedTempFile::new_in(dir).map_err(Error::io(dir))?;
            let lost = store.export(&mut BufWriter::new(&mut half))?;
            half.flush().map_err(Error::io(path))?;
            half.persist(path).map_err(|e| Error::Io {
                path: path.clone(),
                why: e.error,
            })?;
            lost
        }
    };
    for what in &lost {
        print::error(&format!("left out: {what}"));
    }
    Ok(if lost.is_empty() { EXIT_OK } else { EXIT_STORE })
}

pub(crate) fn import(args: &Args, a: &Import) -> anyhow::Result<u8> {
    let mut store = context::store(args)?;
    let done = match &a.file {
        None => store.import(&mut std::io::stdin().lock())?,
        Some(path) => {
            let wrong =
                |e: &dyn std::fmt::Display| Error::Usage(format!("{}: {e}", path.display()));
            if path.is_dir() {
                return Err(wrong(&"a directory; give the file that `uptick export` wrote").into());
            }
            let file = File::open(path).map_err(|e| wrong(&e))?;
            store
                .import(&mut BufReader::new(file))
                .map_err(|e| match e {
                    Error::Usage(what) => wrong(&what),
                    e => e,
                })?
        }
    };
    if a.json {
        print::json(&json!({
            "schema": "uptick.import/1", "reports": done.reports, "new": done.new,
            "note": done.note,
        }))?;
    } else {
        print::out(&format!(
            "{} read, {} of them new\n",
            plural(done.reports, "report"),
            done.new
        ))?;
        if let Some(note) = &done.note {
            print::note(&format!("note: {note}"));
        }
    }
    Ok(EXIT_OK)
}

pub(crate) fn rebuild(args: &Args, a: &Whole) -> anyhow::Result<u8> {
    context::existing_store(args)?;
    let mut store = context::store(args)?;
    store.refuse_amid_import()?;
    let reports = store.rebuild()?;
    // What was reported stays so, and nothing is reported anew: only its state is found again.
    watch::search(&mut store, usize::MAX)?;
    if a.json {
        print::json(&json!({ "schema": "uptick.rebuild/1", "reports": reports }))?;
    } else {
        print::out(&format!("series derived again from {reports} reports\n"))?;
    }
    Ok(EXIT_OK)
}

/// What the change finder says depends on when it looked, and no entry of the log has it.
const UNCHECKED: &str = "not checked: where a reported change lies now, and its size; `uptick rebuild` finds both anew\n";

/// A replica that something is wrong with is looked at once more when it has what others wrote: what
/// one of them pruned is elsewhere no more.
fn verified(args: &Args) -> anyhow::Result<Verification> {
    let store = context::existing_store(args)?;
    let v = store.verify()?;
    if v.problems.is_empty() || store.marker()?.is_none() {
        return Ok(v);
    }
    drop(store);
    match context::followed_store(args) {
        Ok(store) => Ok(store.verify()?),
        Err(e) => {
            print::note(&format!(
                "note: this is as far as the node has followed: {e:#}"
            ));
            Ok(v)
        }
    }
}

pub(crate) fn verify(args: &Args, a: &Whole) -> anyhow::Result<u8> {
    let v = verified(args)?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.verify/1",
            "reports": v.reports,
            "profiles": v.blobs,
            "elsewhere": v.objects,
            "pending": v.pending,
            "pruned": v.pruned,
            "problems": v.problems,
        }))?;
    } else {
        print::out(&format!(
            "{} and {} read{}\n",
            plural(v.reports, "report"),
            plural(v.blobs, "profile"),
            absent(&v)
        ))?;
        print::out(UNCHECKED)?;
        for p in &v.problems {
            print::error(p);
        }
    }
    Ok(if v.problems.is_empty() {
        EXIT_OK
    } else {
        EXIT_STORE
    })
}

/// Profiles that are named and not there, by why.
fn absent(v: &Verification) -> String {
    let of = |n: u64, why: &str| match n {
        0 => String::new(),
        n => format!("; {} {why}", plural(n, "profile")),
    };
    of(v.objects, "outside the file")
        + &of(v.pending, "named and not there")
        + &of(v.pruned, "pruned")
}
