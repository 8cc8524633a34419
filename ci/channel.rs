//! `uptick channel`: who hears of regressions.

use std::io::Read as _;
use std::path::Path;

use collector::error::{EXIT_OK, EXIT_STORE, Error};
use collector::git::Repo;
use collector::model::{Channel as Kept, Secret, Sink};
use collector::notify::{self, Origin};
use collector::remote::channel::{
    Answer, Outcome, check_address, check_mailboxes, check_secret, place, secret_of, send,
};
use serde_json::json;

use crate::args::{Args, Channel, ChannelAdd, ChannelCommand, ChannelName};
use crate::{act, context, print, serve};

/// Characters of a channel's name.
const NAME: usize = 40;
/// Bytes of an address or a secret.
const LONGEST: u64 = 4_096;

pub(crate) fn run(args: &Args, a: &Channel) -> anyhow::Result<u8> {
    match &a.command {
        ChannelCommand::Add(a) => add(args, a),
        ChannelCommand::List { json } => list(args, *json),
        ChannelCommand::Remove(a) => remove(args, a),
        ChannelCommand::Test(a) => test(args, a),
        ChannelCommand::Rotate(a) => rotate(args, a),
    }
}

fn add(args: &Args, a: &ChannelAdd) -> anyhow::Result<u8> {
    let (channel, made) = asked(a)?;
    context::store(args)?.add_channel(&channel)?;
    done(args, "added", &channel.name, channel.sink.name())?;
    let shown = made.then(|| channel.secret.expose());
    if a.json {
        let mut document = notify::channel(&channel, true);
        document["schema"] = json!("uptick.channel/1");
        document["secret"] = json!(shown);
        print::json(&document)?;
        return Ok(EXIT_OK);
    }
    if let Some(secret) = shown {
        print::out(&format!("{secret}\n"))?;
        print::note("the secret that its messages are signed with: shown this once");
    }
    print::note(&format!(
        "channel `{0}` hears of what `uptick serve` finds from now on; `uptick channel test {0}` \
         tries it",
        channel.name
    ));
    Ok(EXIT_OK)
}

/// Keeps what was done to a channel of a server's project.
fn done(args: &Args, what: &str, name: &str, detail: &str) -> anyhow::Result<()> {
    let project = args.project().unwrap_or_default();
    let thing = format!("channel {name} of project {project}");
    Ok(act::note_of_project(args, (what, &thing), detail)?)
}

/// The channel that the command line describes, and whether its secret was made here.
fn asked(a: &ChannelAdd) -> anyhow::Result<(Kept, bool)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if a.name.is_empty() || a.name.len() > NAME || !a.name.chars().all(plain) {
        let what = format!("a channel's name has 1 to {NAME} letters, digits, `-`, `_` and `.`");
        return Err(Error::Usage(what).into());
    }
    let known = Sink::ALL.map(Sink::name).join(", ");
    let sink = Sink::from_name(&a.kind)
        .ok_or_else(|| Error::Usage(format!("--kind: `{}` is none of {known}", a.kind)))?;
    let address = read("--url", a.url_file.as_deref(), a.url_from_env.as_deref())?
        .ok_or_else(|| Error::Usage("its address is missing: --url-file FILE".into()))?;
    check_address(address.expose(), sink, a.allow.is_some())?;
    allowed(a.allow.as_deref(), &address)?;
    let given = read(
        "--secret",
        a.secret_file.as_deref(),
        a.secret_from_env.as_deref(),
    )?;
    let (secret, made) = secret(sink, given)?;
    let (room, sender) = recipients(sink, a)?;
    let channel = Kept {
        id: 0,
        name: a.name.clone(),
        sink,
        address,
        secret,
        former: Secret::default(),
        room,
        sender,
        private: a.allow.is_some(),
        improvements: a.improvements,
        since: -1,
        created: context::now(),
        disabled: None,
        why: String::new(),
    };
    Ok((channel, made))
}

/// What is opened is the place of the address, and said twice so that nobody opens another.
fn allowed(allow: Option<&str>, address: &Secret) -> Result<(), Error> {
    let (Some(allow), is) = (allow, place(address.expose())) else {
        return Ok(());
    };
    if is.as_deref() == Some(allow) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--allow {allow}: that is not the host and port of the channel's address"
    )))
}

fn secret(sink: Sink, given: Option<Secret>) -> anyhow::Result<(Secret, bool)> {
    let missing = || {
        let what = "a Matrix channel needs an access token: --secret-file FILE";
        Error::Usage(what.into())
    };
    Ok(match (sink, given) {
        (Sink::Webhook, None) => (fresh_secret()?, true),
        (Sink::Webhook, Some(given)) => {
            check_secret(&given)?;
            (given, false)
        }
        (Sink::Matrix, given) => (given.ok_or_else(missing)?, false),
        (Sink::Email, given) => (given.unwrap_or_default(), false),
        (_, None) => (Secret::default(), false),
        (_, Some(_)) => {
            let what = "only webhook, matrix and email have a secret beside their address";
            return Err(Error::Usage(what.into()).into());
        }
    })
}

fn fresh_secret() -> Result<Secret, Error> {
    let bytes = dashboard::random().map_err(|e| Error::Failed(format!("no randomness: {e}")))?;
    Ok(secret_of(&bytes))
}

/// The room or the recipients, and the sender.
fn recipients(sink: Sink, a: &ChannelAdd) -> Result<(String, String), Error> {
    match (sink, &a.from, a.to.as_slice()) {
        (Sink::Email, Some(from), to) if !to.is_empty() => {
            check_mailboxes(from, to)?;
            Ok((to.join(","), from.clone()))
        }
        (Sink::Email, ..) => Err(Error::Usage(
            "e-mail needs --from ADDRESS and --to ADDRESS".into(),
        )),
        (_, None, []) => Ok((room(sink, a.room.as_deref())?, String::new())),
        _ => Err(Error::Usage("--from and --to are for --kind email".into())),
    }
}

fn room(sink: Sink, room: Option<&str>) -> Result<String, Error> {
    match (sink, room) {
        (Sink::Matrix, Some(room)) if room.starts_with('!') => Ok(room.to_string()),
        (Sink::Matrix, _) => Err(Error::Usage(
            "--room: a Matrix channel needs its room's identity, such as '!abc:example.org' \
             (room settings, Advanced)"
                .into(),
        )),
        (_, None) => Ok(String::new()),
        (_, Some(_)) => Err(Error::Usage("--room is for --kind matrix".into())),
    }
}

/// What a file or a variable holds, without the line's end.
fn read(what: &str, file: Option<&Path>, var: Option<&str>) -> anyhow::Result<Option<Secret>> {
    let text = match (file, var) {
        (None, None) => return Ok(None),
        (_, Some(var)) => std::env::var(var)
            .map_err(|_| Error::Usage(format!("{what}-from-env: {var} is not set, or no text")))?,
        (Some(path), _) => read_file(what, path)?,
    };
    let text = text.trim();
    if text.is_empty() || text.len() as u64 > LONGEST || text.contains(char::is_whitespace) {
        let wrong = format!("{what}: it is empty, has blanks in it, or more than {LONGEST} bytes");
        return Err(Error::Usage(wrong).into());
    }
    Ok(Some(Secret::new(text.to_string())))
}

fn read_file(what: &str, path: &Path) -> Result<String, Error> {
    let wrong = |e: std::io::Error| Error::Usage(format!("{what}-file {}: {e}", path.display()));
    let mut text = String::new();
    if path == Path::new("-") {
        let stdin = std::io::stdin().lock();
        stdin.take(LONGEST + 2).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(wrong)?;
        file.take(LONGEST + 2).read_to_string(&mut text)
    }
    .map_err(wrong)?;
    Ok(text)
}

fn list(args: &Args, as_json: bool) -> anyhow::Result<u8> {
    let store = context::existing_store(args)?;
    if as_json {
        print::json(&notify::document(&store, true)?)?;
        return Ok(EXIT_OK);
    }
    let all = store.channels()?;
    for c in &all {
        let state = match (&c.disabled, store.last_delivery(c.id)?) {
            (Some(_), _) => format!("disabled: {}", c.why),
            (None, None) => "nothing sent yet".into(),
            (None, Some(d)) => format!("last {}", d.words()),
        };
        let place = place(c.address.expose()).unwrap_or_default();
        print::out(&format!(
            "{:<16}  {:<10}  {place}  {state}\n",
            c.name,
            c.sink.name()
        ))?;
    }
    if all.is_empty() {
        print::note("no channels; `uptick help alerts` says how to add one");
    }
    Ok(EXIT_OK)
}

fn unknown(name: &str) -> Error {
    Error::Usage(format!(
        "there is no channel `{name}`; `uptick channel list` shows those there are"
    ))
}

fn remove(args: &Args, a: &ChannelName) -> anyhow::Result<u8> {
    context::existing_store(args)?;
    if !context::store(args)?.remove_channel(&a.name)? {
        return Err(unknown(&a.name).into());
    }
    done(args, "removed", &a.name, "")?;
    if a.json {
        print::json(&json!({ "schema": "uptick.channel/1", "name": a.name, "removed": true }))?;
    } else {
        print::note(&format!(
            "channel `{}` is removed, with its address",
            a.name
        ));
    }
    Ok(EXIT_OK)
}

fn rotate(args: &Args, a: &ChannelName) -> anyhow::Result<u8> {
    context::existing_store(args)?;
    let mut store = context::store(args)?;
    let all = store.channels()?;
    let channel = all.iter().find(|c| c.name == a.name);
    match channel.map(|c| c.sink) {
        Some(Sink::Webhook) => {}
        Some(_) => {
            let what =
                "only a webhook has a secret that is made here; remove the channel and add it";
            return Err(Error::Usage(what.into()).into());
        }
        None => return Err(unknown(&a.name).into()),
    }
    let secret = fresh_secret()?;
    store.rotate_secret(&a.name, &secret)?;
    done(args, "gave another secret to", &a.name, "")?;
    if a.json {
        print::json(&json!({
            "schema": "uptick.channel/1", "name": a.name, "secret": secret.expose(),
        }))?;
    } else {
        print::out(&format!("{}\n", secret.expose()))?;
        print::note("shown this once; messages are signed with the one before too");
    }
    Ok(EXIT_OK)
}

fn test(args: &Args, a: &ChannelName) -> anyhow::Result<u8> {
    context::existing_store(args)?;
    let mut store = context::store(args)?;
    let root = Repo::open(&args.dir).ok();
    let of_store = || {
        serve::project(
            &context::store_path(args).ok()?,
            root.as_ref().map(Repo::root),
        )
    };
    let project = args.project().map(String::from).or_else(of_store);
    let origin = Origin {
        project: project.unwrap_or_else(|| "uptick".into()),
        url: String::new(),
    };
    let parcel = notify::trial(&mut store, &a.name, context::now(), &origin)?;
    let answer = send(
        &parcel.lease.channel,
        &parcel.message,
        &parcel.lease.id,
        context::now(),
    );
    notify::settle(&mut store, &parcel.lease, &answer, context::now(), 0.0)?;
    let taken = answer.outcome == Outcome::Taken;
    let code = if taken { EXIT_OK } else { EXIT_STORE };
    if a.json {
        print::json(&json!({
            "schema": "uptick.channel.test/1",
            "name": a.name,
            "id": parcel.lease.id,
            "delivered": taken,
            "answer": answer.words,
            "said": answer.said,
            "exit_code": code,
        }))?;
        return Ok(code);
    }
    if taken {
        print::out(&format!("delivered: {}\n", in_full(&answer)))?;
        return Ok(code);
    }
    Err(Error::Remote(format!("channel `{}`: {}", a.name, in_full(&answer))).into())
}

fn in_full(answer: &Answer) -> String {
    match answer.said.as_str() {
        "" => answer.words.clone(),
        said => format!("{} (it answered: {said})", answer.words),
    }
}
