//! `uptick project`: which repositories a server measures.

use std::path::{Path, PathBuf};

use collector::error::{EXIT_OK, Error};
use collector::format::{instant, name as shown, plural, sentence};
use collector::git::{check_address, main_branch};
use collector::jobs::{check_branch, check_label, check_name, check_pulls};
use collector::model::Sha;
use collector::remote::forge::{Forge as Kind, Secret};
use collector::remote::{base, is_in_the_clear};
use collector::store::Store;
use collector::store::queue::{Forge, NewProject, Project as Kept};
use dashboard::Server;
use serde_json::{Value, json};

use crate::args::{Args, Project, ProjectCommand, ProjectForge, ProjectSet};
use crate::{act, context, node, print};

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
        ProjectCommand::Remove { name, json } => remove(args, name, *json),
        ProjectCommand::Log { number, json } => log(args, *number, *json),
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
    let mut store = node::linked(Store::open_service(&file)?, &file)?;
    store.add_project(&project, context::now() * 1000)?;
    done(args, &mut store, "added", name, url)?;
    if let Some(home) = home(args, name).filter(|home| home.exists()) {
        print::note(&format!(
            "note: {} is there from an earlier project of that name, and what it measured goes on; for \
             another repository, remove this project and add it under another name",
            home.display()
        ));
    }
    say(&store, name, set.json, "is added", None)
}

/// Keeps what was done to a project.
fn done(
    args: &Args,
    store: &mut Store,
    what: &str,
    name: &str,
    detail: &str,
) -> anyhow::Result<()> {
    Ok(act::note(
        args,
        store,
        (what, &format!("project {name}")),
        detail,
    )?)
}

/// What a project is, without its secret.
fn described(p: &NewProject) -> String {
    format!(
        "{} of {}, every {} s, labels {}, pull requests {}",
        p.branch,
        p.url,
        p.poll,
        p.labels.join(", "),
        if p.pulls.is_empty() {
            "none".into()
        } else {
            p.pulls.join(", ")
        }
    )
}

/// Who did what to the server.
fn log(args: &Args, most: usize, as_json: bool) -> anyhow::Result<u8> {
    let all = known(args)?.acts(most)?;
    if as_json {
        print::json(&json!({ "schema": "uptick.acts/1", "acts": all }))?;
        return Ok(EXIT_OK);
    }
    for act in &all {
        let detail = match act.detail.as_str() {
            "" => String::new(),
            detail => format!(": {}", sentence(detail, 300)),
        };
        print::out(&format!(
            "{}  {}: {} {}{detail}\n",
            instant(act.time / 1000),
            shown(&act.actor, 100),
            act.what,
            shown(&act.thing, 200),
        ))?;
    }
    if all.is_empty() {
        print::note("nothing was done yet by hand");
    }
    Ok(EXIT_OK)
}

/// Where a project of the server lies.
fn home(args: &Args, name: &str) -> Option<PathBuf> {
    let store = Server::store(args.data.as_deref()?, name);
    store.parent().map(Path::to_path_buf)
}

fn remove(args: &Args, name: &str, as_json: bool) -> anyhow::Result<u8> {
    let mut store = known(args)?;
    let ended = store.remove_project(name, context::now() * 1000)?;
    let ended = ended.ok_or_else(|| unknown(name))?;
    done(args, &mut store, "removed", name, "")?;
    let kept = home(args, name).filter(|home| home.exists());
    let log = store.marker()?.map(|m| m.address);
    if as_json {
        print::json(&json!({
            "schema": "uptick.project/1", "name": name, "removed": true, "kept": kept, "log": log,
            "withdrawn": ended.waiting, "given_up": ended.running,
        }))?;
        return Ok(EXIT_OK);
    }
    print::note(&format!(
        "project `{name}` is removed: {} withdrawn that waited, {} taken from collectors, which hear of \
         it at their next heartbeat",
        plural(ended.waiting, "job"),
        plural(ended.running, "job"),
    ));
    if let Some(home) = kept {
        print::note(&format!(
            "its store and its mirror are kept in {}: a server that runs lets go of them within a few \
             seconds, then the directory can be moved or deleted",
            home.display()
        ));
    }
    if let Some(log) = log {
        print::note(&format!(
            "each node has such a directory; the truth is kept in the log at {log}, where a project that \
             is added under that name finds it again"
        ));
    }
    Ok(EXIT_OK)
}

fn change(
    args: &Args,
    name: &str,
    url: Option<&str>,
    set: &ProjectSet,
    (secret, shown_secret): (Option<&str>, Option<&str>),
) -> anyhow::Result<u8> {
    let mut store = known(args)?;
    let known = find(&store, name)?;
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
    store.set_project(&project, secret, context::now() * 1000)?;
    let mut what = described(&project);
    if secret.is_some() {
        what.push_str("; another secret of its push webhook");
    }
    done(args, &mut store, "changed", name, &what)?;
    if secret.is_some() && !set.json {
        return Ok(EXIT_OK);
    }
    say(&store, name, set.json, "is changed", shown_secret)
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
fn say(
    store: &Store,
    name: &str,
    as_json: bool,
    what: &str,
    secret: Option<&str>,
) -> anyhow::Result<u8> {
    let p = find(store, name)?;
    let forge = store.forge(name)?;
    if as_json {
        let mut document = json!({
            "schema": "uptick.project/1", "name": p.name, "url": p.url, "branch": p.branch,
            "poll": p.poll, "labels": p.labels, "pulls": p.pulls, "forge": public(forge.as_ref()),
        });
        if let Some(secret) = secret {
            document["secret"] = secret.into();
        }
        print::json(&document)?;
    } else {
        print::note(&format!(
            "project `{}` {what}: {} of {}, measured by collectors of label {}{}",
            p.name,
            p.branch,
            p.url,
            p.labels.join(", "),
            pulls_in_words(&p, forge.as_ref(), "; ")
        ));
    }
    Ok(EXIT_OK)
}

/// A project that must be there.
fn find(store: &Store, name: &str) -> anyhow::Result<Kept> {
    Ok(store.project(name)?.ok_or_else(|| unknown(name))?)
}

fn unknown(name: &str) -> Error {
    Error::Usage(format!(
        "there is no project `{}`; `uptick project list` shows them",
        shown(name, 64)
    ))
}

/// A place on a forge, without its token.
fn public(forge: Option<&Forge>) -> Value {
    forge.map_or(
        Value::Null,
        |f| json!({ "kind": f.kind, "api": f.api, "repository": f.repository }),
    )
}

/// Which pull requests are measured and where they are commented on, each after `between`.
fn pulls_in_words(p: &Kept, forge: Option<&Forge>, between: &str) -> String {
    let pulls = match p.pulls.is_empty() {
        true => String::new(),
        false => format!("{between}pull requests {}", p.pulls.join(", ")),
    };
    let told = forge.map(|f| {
        format!(
            "{between}commented on at {} {} ({})",
            f.api,
            shown(&f.repository, 100),
            f.kind
        )
    });
    pulls + &told.unwrap_or_default()
}

/// A server's own file, which must be there, brought up to date.
fn known(args: &Args) -> anyhow::Result<Store> {
    let file = context::existing_server_file(args)?;
    Store::open_existing(&file)?;
    Ok(node::linked(Store::open_service(&file)?, &file)?)
}

fn list(args: &Args, as_json: bool) -> anyhow::Result<u8> {
    let store = known(args)?;
    let all = store.projects()?;
    let mut documents = Vec::new();
    for p in &all {
        let forge = store.forge(&p.name)?;
        if as_json {
            let mut document = serde_json::to_value(p)?;
            document["forge"] = public(forge.as_ref());
            documents.push(document);
        } else {
            print::out(&line(p, forge.as_ref()))?;
        }
    }
    if as_json {
        print::json(&json!({ "schema": "uptick.projects/1", "projects": documents }))?;
    } else if all.is_empty() {
        print::note("no projects; `uptick project add NAME --url URL` adds one");
    }
    Ok(EXIT_OK)
}

fn line(p: &Kept, forge: Option<&Forge>) -> String {
    let trouble = match p.trouble.as_str() {
        "" => String::new(),
        why => format!("  trouble: {}", collector::format::sentence(why, 200)),
    };
    let pulls = pulls_in_words(p, forge, "  ");
    format!("{}  {}  {}{pulls}{trouble}\n", p.name, p.branch, p.url)
}

/// Pull requests that are listed.
const PULLS: usize = 500;

fn pulls(args: &Args, name: Option<&str>, as_json: bool) -> anyhow::Result<u8> {
    let store = known(args)?;
    if let Some(name) = name {
        find(&store, name)?;
    }
    let all = store.pulls(name, PULLS)?;
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
            p.sha,
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

/// Lets one commit be measured. Of a beginning anybody can make another commit, so that only the whole
/// hash says which one was read.
fn approve(args: &Args, name: &str, commit: &str) -> anyhow::Result<u8> {
    let mut store = known(args)?;
    find(&store, name)?;
    let is_whole = matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_whole {
        return Err(Error::Usage(format!(
            "`{}` is not the whole hash of a commit, and another commit can be made to begin so; \
             `uptick project pulls {name}` shows whole ones",
            shown(commit, 64)
        ))
        .into());
    }
    let head = Sha(commit.to_ascii_lowercase());
    let now = context::now() * 1000;
    if !store.approve_pull(name, &head, &act::by(args), now)? {
        return Err(Error::Usage(format!(
            "no pull request of `{name}` has {head} as its head now; `uptick project pulls {name}` \
             lists them"
        ))
        .into());
    }
    print::note("approved: it is offered at the next look at the repository");
    Ok(EXIT_OK)
}

fn forge(args: &Args, a: &ProjectForge) -> anyhow::Result<u8> {
    let mut store = known(args)?;
    find(&store, &a.name)?;
    if a.remove {
        store.set_forge(&a.name, None)?;
        done(args, &mut store, "took the forge from", &a.name, "")?;
        print::note("nothing is said on its forge any more");
        return Ok(EXIT_OK);
    }
    let forge = place(a)?;
    store.set_forge(&a.name, Some(&forge))?;
    let what = format!("{} {} at {}", forge.kind, forge.repository, forge.api);
    done(args, &mut store, "named the forge of", &a.name, &what)?;
    print::note(&format!(
        "pull requests of `{}` are commented on at {} from now on",
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
    let api = base(&api).map_err(|why| Error::Usage(format!("--api: {why}")))?;
    if is_in_the_clear(api) {
        return Err(Error::Usage(
            "--api: http:// to another machine would show the token on the way: https:// is needed"
                .into(),
        ));
    }
    if repository.trim().is_empty() {
        return Err(Error::Usage(
            "--repository: its name on the forge is needed, as OWNER/NAME".into(),
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
        api: api.into(),
        repository,
        token: token.trim().into(),
    })
}
