//! `uptick project`: which repositories a server measures.

use std::path::Path;

use collector::error::{EXIT_OK, Error};
use collector::format::name as shown;
use collector::git::{check_address, main_branch};
use collector::jobs::{check_branch, check_label, check_name, check_pulls};
use collector::remote::forge::{Forge as Kind, Secret};
use collector::store::Store;
use collector::store::queue::{Forge, NewProject, Project as Kept};
use serde_json::json;

use crate::args::{Args, Project, ProjectCommand, ProjectForge, ProjectSet};
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
        ProjectCommand::Pulls { name, json } => pulls(args, name.as_deref(), *json),
        ProjectCommand::Approve { name, commit } => approve(args, name, commit),
        ProjectCommand::Forge(a) => forge(args, a),
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
        labels: distinct(&set.label).unwrap_or_else(|| vec![LABEL.into()]),
        pulls: distinct(&set.pulls).unwrap_or_default(),
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
    let mut store = known(args)?;
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
        labels: distinct(&set.label).unwrap_or(known.labels),
        pulls: match set.no_pulls {
            true => Vec::new(),
            false => distinct(&set.pulls).unwrap_or(known.pulls),
        },
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
    for pattern in &project.pulls {
        check_pulls(pattern).map_err(Error::Usage)?;
    }
    Ok(())
}

/// What is named, without repetitions; `None` where nothing is.
fn distinct(named: &[String]) -> Option<Vec<String>> {
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
            "poll": p.poll, "labels": p.labels, "pulls": p.pulls,
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

/// A server's own file, which must be there, brought up to date.
fn known(args: &Args) -> anyhow::Result<Store> {
    let file = context::server_file(args)?;
    Store::open_existing(&file)?;
    Ok(Store::open_service(&file)?)
}

fn list(args: &Args, as_json: bool) -> anyhow::Result<u8> {
    let all = known(args)?.projects()?;
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

/// Pull requests that are listed.
const PULLS: usize = 500;

fn pulls(args: &Args, name: Option<&str>, as_json: bool) -> anyhow::Result<u8> {
    let all = known(args)?.pulls(name, PULLS)?;
    if as_json {
        print::json(&json!({ "schema": "uptick.pulls/1", "pulls": all }))?;
        return Ok(EXIT_OK);
    }
    for p in &all {
        let fork = if p.own { "" } else { "  fork" };
        let far = serde_json::to_value(p.standing)?;
        print::out(&format!(
            "{}  {}  {}  {}{fork}  {}\n",
            p.project,
            p.name,
            p.sha.short(),
            far.as_str().unwrap_or_default(),
            collector::format::sentence(&p.subject, 60)
        ))?;
    }
    if all.is_empty() {
        print::note(
            "no pull requests; `uptick project set NAME --pulls 'refs/pull/*/head'` has them measured",
        );
    }
    Ok(EXIT_OK)
}

fn approve(args: &Args, name: &str, commit: &str) -> anyhow::Result<u8> {
    let mut store = known(args)?;
    let known = store.pulls(Some(name), PULLS)?;
    let is_it = |sha: &str| commit.len() >= 7 && sha.starts_with(commit);
    let head = known.iter().map(|p| &p.sha).find(|sha| is_it(&sha.0));
    let found = match head {
        Some(head) => store.approve_pull(name, head, "the command line")?,
        None => false,
    };
    if !found {
        return Err(Error::Usage(format!(
            "no pull request of `{}` has `{}` as its head now; `uptick project pulls` lists them",
            shown(name, 64),
            shown(commit, 64)
        ))
        .into());
    }
    print::note("approved: it is offered at the next look at the repository");
    Ok(EXIT_OK)
}

fn forge(args: &Args, a: &ProjectForge) -> anyhow::Result<u8> {
    let mut store = known(args)?;
    if store.project(&a.name)?.is_none() {
        let name = shown(&a.name, 64);
        return Err(Error::Usage(format!("there is no project `{name}`")).into());
    }
    if a.remove {
        store.set_forge(&a.name, None)?;
        print::note("nothing is said on its forge any more");
        return Ok(EXIT_OK);
    }
    let forge = place(a)?;
    store.set_forge(&a.name, Some(&forge))?;
    print::note(&format!(
        "pull requests of `{}` are told of at {} from now on",
        a.name,
        shown(&forge.repository, 100)
    ));
    Ok(EXIT_OK)
}

/// Where a project lies, as the command line says it.
fn place(a: &ProjectForge) -> Result<Forge, Error> {
    let given = |o: &Option<String>| o.clone().unwrap_or_default();
    let (kind, api, repository) = (given(&a.kind), given(&a.api), given(&a.repository));
    if Kind::from_name(&kind).is_none() {
        let known = "github, gitea, gitlab, bitbucket or azure";
        return Err(Error::Usage(format!("--kind: one of {known}")));
    }
    let is_local = api.starts_with("http://127.0.0.1") || api.starts_with("http://localhost");
    if (!api.starts_with("https://") && !is_local) || api.contains('@') {
        return Err(Error::Usage(
            "--api: an address that begins with https://, without credentials in it".into(),
        ));
    }
    let token = match (&a.token_file, &a.token_from_env) {
        (Some(file), _) => std::fs::read_to_string(file).map_err(Error::io(file))?,
        (None, Some(name)) => std::env::var(name).unwrap_or_default(),
        (None, None) => String::new(),
    };
    if Secret::new(&token).is_none() {
        return Err(Error::Usage(
            "a token is needed: --token-file or --token-from-env says where it is".into(),
        ));
    }
    Ok(Forge {
        kind,
        api: api.trim_end_matches('/').into(),
        repository,
        token: token.trim().into(),
    })
}
