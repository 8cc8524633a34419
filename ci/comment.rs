//! `uptick comment`: what `check --json` wrote is said on the pull request by a second workflow,
//! which may write and has run nothing of the fork's.
//!
//! The file comes from a run of the fork's code: it is bounded, checked, and nothing in it
//! decides where the comment goes.

use std::io::Read;
use std::path::Path;

use collector::error::{EXIT_NO_VERDICT, EXIT_OK, Error};
use collector::judge::{Checked, Document, MAX_BYTES, read};
use collector::remote::forge::publish::Posted;
use collector::remote::forge::{self, CiRun, Forge};
use collector::report::comment::{self, Voice};
use serde_json::json;

use crate::args::{Args, Comment};
use crate::forge as speech;
use crate::print;

/// More legs than a matrix of GitHub may have are no matrix.
const LEGS: usize = 256;
/// All judgements together: each is in memory until the last is read.
const TOGETHER: u64 = 64 << 20;

pub(crate) fn run(_args: &Args, a: &Comment) -> anyhow::Result<u8> {
    if a.files.len() > LEGS {
        return Err(Error::Usage(format!("more than {LEGS} judgements")).into());
    }
    let sizes = a
        .files
        .iter()
        .filter_map(|f| std::fs::symlink_metadata(f).ok());
    if sizes.map(|m| m.len()).sum::<u64>() > TOGETHER {
        return Err(Error::Usage("the judgements have more than 64 MiB".into()).into());
    }
    let read: Vec<(&Path, anyhow::Result<Document>)> =
        a.files.iter().map(|f| (f.as_path(), document(f))).collect();
    let (read, unread) = known(a, read)?;
    let legs: Vec<(String, &Checked)> = read.iter().map(|(n, c)| (n.clone(), c)).collect();
    if a.dry_run {
        show(a, &legs)?;
        return unread.map_or(Ok(EXIT_OK), Err);
    }
    let place = speech::place()?;
    if place.token.is_none() {
        let names = place.kind.tokens().join(" or ");
        return Err(Error::Usage(format!("no token in {names}")).into());
    }
    let said = speech::post(&place, &legs, &a.speaker, Some(a.when_well))?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.comment/1",
            "pull_request": said.pull,
            "comment": said.comment.as_ref().map(Posted::name),
            "link": said.comment.as_ref().and_then(Posted::link),
            "status": said.status,
        }))?;
    } else if let Some(words) = speech::words(&said) {
        print::note(&words);
    }
    if let Some(refusal) = speech::refusal(&said) {
        return Err(Error::Remote(refusal).into());
    }
    match unread {
        Some(e) => Err(e),
        None => Ok(EXIT_OK),
    }
}

type Legs = Vec<(String, Checked)>;

/// The legs that could be read, and one without a verdict for each that could not: what the others
/// came to is said all the same. With nothing that can be read there is nothing to be said.
fn known(
    a: &Comment,
    read: Vec<(&Path, anyhow::Result<Document>)>,
) -> anyhow::Result<(Legs, Option<anyhow::Error>)> {
    let none = read.iter().all(|(_, read)| read.is_err());
    let mut unread = None;
    let mut legs = Vec::new();
    for (file, read) in read {
        match read {
            Ok(d) => legs.push((name(a, file, d.leg), d.checked)),
            Err(e) if none => return Err(e),
            Err(e) => {
                let message = "its judgement cannot be read".to_string();
                let code = EXIT_NO_VERDICT;
                legs.push((name(a, file, None), Checked::Failed { message, code }));
                unread = unread.or(Some(e));
            }
        }
    }
    Ok((legs, unread))
}

/// The name of a leg: given, for one; else what the document says, so that both workflows speak
/// of one leg under one name; else, for several, that of the file.
fn name(a: &Comment, file: &Path, own: Option<String>) -> String {
    let one = a.files.len() == 1;
    let given = speech::leg_name(&a.speaker);
    if one && !given.is_empty() {
        return given;
    }
    if let Some(own) = own.filter(|o| !o.is_empty()) {
        return own;
    }
    if one {
        return given;
    }
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
    let folder = file.parent().and_then(Path::file_name);
    let folder = folder.map(|s| s.to_string_lossy().into_owned());
    // `download-artifact` puts each artifact's `judgement.json` into a folder of its name.
    let same = a.files.iter().all(|f| f.file_name() == file.file_name());
    let own = if same { folder } else { stem };
    own.unwrap_or(given)
}

/// Reads a judgement; a link, a device or a pipe is none.
fn document(path: &Path) -> anyhow::Result<Document> {
    let missing = |e| Error::Usage(format!("{}: {e}", path.display()));
    let kind = std::fs::symlink_metadata(path).map_err(missing)?;
    if !kind.is_file() || kind.len() > MAX_BYTES {
        let why = "not a plain file of at most 16 MiB";
        return Err(Error::Usage(format!("{}: {why}", path.display())).into());
    }
    let file = std::fs::File::open(path).map_err(Error::io(path))?;
    let mut bytes = Vec::new();
    let read_all = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read_all.map_err(Error::io(path))?;
    read(&bytes).map_err(|e| Error::Usage(format!("{}: {e}", path.display())).into())
}

/// The comment as GitHub would get it.
fn show(a: &Comment, legs: &[(String, &Checked)]) -> anyhow::Result<()> {
    let place = speech::place().unwrap_or_else(|_| CiRun::unknown(Forge::GitHub));
    let style = forge::api(&place).style();
    let own = speech::sections(&place, legs, &a.speaker, style);
    // As on a pull request that has no comment yet.
    let add = |said: Vec<_>, own| comment::merged(&said, own, Voice::OneOfMany).unwrap_or(said);
    let sections = own.iter().fold(Vec::new(), add);
    let project = a.speaker.project.as_deref().unwrap_or("");
    let head = sections.last().map_or("", |s| &s.state.head);
    print::out(&comment::body(project, &sections, head, style)?)?;
    Ok(())
}
