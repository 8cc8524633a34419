//! `uptick project`: which repositories a server measures.

use std::path::Path;

use collector::error::{EXIT_OK, Error};
use collector::format::name as shown;
use collector::git::{check_address, main_branch};
use collector::jobs::{check_branch, check_label, check_name};
use collector::store::Store;
use collector::store::queue::{NewProject, Project as Kept};
use serde_json::json;

use crate::args::{Args, Project, ProjectCommand, ProjectSet};
use crate::{context, print};

/// Seconds between looks.
const POLL: u64 = 60;
/// The label of a project that names none.
pub(crate) const LABEL: &str = "default";

pub(crate) fn run(args: &Args, a: &Project) -> anyhow::Result<u8> {
    match &a.command {
        ProjectCommand::Add { name, url, set } => add(args, name, url, set),
        ProjectCommand::Set {
            name,
            url,
            set,
            new_secret,
            secret_file,
        } => {
            let secret = match (new_secret, secret_file) {
                (true, _) => Some(fresh()?),
                (false, Some(file)) => Some(read(file)?),
                (false, None) => None,
            };
            let shown = secret.as_deref().filter(|_| *new_secret);
            change(args, name, url.as_deref(), set, (secret.as_deref(), shown))?;
            if let Some(secret) = secret.filter(|_| *new_secret && !set.json) {
                print::out(&format!("{secret}\n"))?;
                print::note(&format!(
                    "the secret of the push webhook at /hooks/{name}: shown this once"
                ));
            }
            Ok(EXIT_OK)
        }
        ProjectCommand::List { json } => list(args, *json),
    }
}

fn add(args: &Args, name: &str, url: &str, set: &ProjectSet) -> anyhow::Result<u8> {
    check_name(name).map_err(Error::Usage)?;
    check_address(url)?;
    let file = context::server_file(args)?;
    let branch = match &set.branch {
        Some(branch) => branch.clone(),
        None => main_branch(url)?,
    };
    let project = NewProject {
        name: name.into(),
        url: url.into(),
        branch,
        poll: set.poll.unwrap_or(POLL),
        labels: labels(&set.label).unwrap_or_else(|| vec![LABEL.into()]),
    };
    check(&project)?;
    Store::open_service(&file)?.add_project(&project, context::now() * 1000)?;
    say(&project, set.json, "is added", None)
}

fn change(
    args: &Args,
    name: &str,
    url: Option<&str>,
    set: &ProjectSet,
    (secret, shown_secret): (Option<&str>, Option<&str>),
) -> anyhow::Result<u8> {
    let file = context::server_file(args)?;
    Store::open_existing(&file)?;
    let mut store = Store::open_service(&file)?;
    let known = store.project(name)?.ok_or_else(|| {
        Error::Usage(format!(
            "there is no project `{}`; `uptick project list` shows them",
            shown(name, 64)
        ))
    })?;
    let project = NewProject {
        name: known.name,
        url: url.map_or(known.url, String::from),
        branch: set.branch.clone().unwrap_or(known.branch),
        poll: set.poll.unwrap_or(known.poll),
        labels: labels(&set.label).unwrap_or(known.labels),
    };
    check(&project)?;
    store.set_project(&project, secret)?;
    if secret.is_some() && !set.json {
        return Ok(EXIT_OK);
    }
    say(&project, set.json, "is changed", shown_secret)
}

fn check(project: &NewProject) -> anyhow::Result<()> {
    check_address(&project.url)?;
    check_branch(&project.branch).map_err(Error::Usage)?;
    for label in &project.labels {
        check_label(label).map_err(Error::Usage)?;
    }
    Ok(())
}

/// The labels without repetitions; `None` where none is named.
fn labels(named: &[String]) -> Option<Vec<String>> {
    let mut all = named.to_vec();
    all.sort();
    all.dedup();
    (!all.is_empty()).then_some(all)
}

/// A secret that nobody guesses: 32 random bytes in hexadecimal.
fn fresh() -> anyhow::Result<String> {
    let bytes = dashboard::random().map_err(|e| Error::Failed(format!("no randomness: {e}")))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_string())
}

/// Says what a project is now; a secret that was made for it stands in the document alone.
fn say(p: &NewProject, as_json: bool, what: &str, secret: Option<&str>) -> anyhow::Result<u8> {
    if as_json {
        let mut document = json!({
            "schema": "uptick.project/1", "name": p.name, "url": p.url, "branch": p.branch,
            "poll": p.poll, "labels": p.labels,
        });
        if let Some(secret) = secret {
            document["secret"] = secret.into();
        }
        print::json(&document)?;
    } else {
        print::note(&format!(
            "project `{}` {what}: {} of {}, measured by collectors of label {}",
            p.name,
            p.branch,
            p.url,
            p.labels.join(", ")
        ));
    }
    Ok(EXIT_OK)
}

fn list(args: &Args, as_json: bool) -> anyhow::Result<u8> {
    let all = Store::open_existing(&context::server_file(args)?)?.projects()?;
    if as_json {
        print::json(&json!({ "schema": "uptick.projects/1", "projects": all }))?;
        return Ok(EXIT_OK);
    }
    for p in &all {
        print::out(&line(p))?;
    }
    if all.is_empty() {
        print::note("no projects; `uptick project add NAME --url URL` adds one");
    }
    Ok(EXIT_OK)
}

fn line(p: &Kept) -> String {
    let trouble = match p.trouble.as_str() {
        "" => String::new(),
        why => format!("  trouble: {}", collector::format::sentence(why, 200)),
    };
    format!("{}  {}  {}{trouble}\n", p.name, p.branch, p.url)
}
