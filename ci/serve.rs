//! `uptick serve`: the dashboard and the API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use collector::blobs::{Place, Trouble};
use collector::error::{EXIT_OK, Error};
use collector::git::Repo;
use collector::history::{self, Whose};
use collector::measure::child::{end_with_us, withhold};
use collector::remote::objects;
use collector::store::{Scope, Store, locks};
use dashboard::{App, AskedProxy, Options, Proxy, Server, ServerOptions};
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Args, LogLevel, ProxyArgs, Serve};
use crate::{context, interrupt, node, print, unit};

/// How long what is under way may take beyond the server's own patience.
const GRACE: Duration = Duration::from_secs(1);
/// How long the collector beside a server may take to give its job back.
const POLITELY: Duration = Duration::from_secs(8);
/// How often the repository is looked at for new commits of the main line.
const FOLLOW: Duration = Duration::from_secs(10);
/// Tags that are offered, the newest ones.
const TAGS: usize = 500;

pub(crate) fn run(args: &Args, a: &Serve) -> anyhow::Result<u8> {
    if a.print_unit {
        return unit::serve(args, a);
    }
    log_to_stderr(a.level());
    let keep = a.keeping.keep();
    keep.check()?;
    if a.read_only && !keep.is_all() {
        let why = "--read-only drops nothing: leave the --keep options out, or serve without it";
        return Err(Error::Usage(why.into()).into());
    }
    let blobs = a.blobs.as_deref().map(Place::parse).transpose()?;
    if let Some(dir) = &args.data {
        return server(dir, a, blobs);
    }
    if a.address().is_some() {
        let why = "--log postgres://… is for a server: name its directory with --data DIR";
        return Err(Error::Usage(why.into()).into());
    }
    let store = context::store_path(args)?;
    let repo = Repo::open(&args.dir).ok();
    let config = repo
        .as_ref()
        .map(context::file)
        .transpose()?
        .unwrap_or_default();
    let name = a
        .name
        .clone()
        .or_else(|| project(&store, repo.as_ref().map(Repo::root)));
    // Held until this process ends, and before anything opens the store: where no lock holds, SQLite
    // would wait for one.
    let _held = match a.read_only {
        true => None,
        false => Some(Store::reserve(&store)?),
    };
    warn_of_network(&store);
    if !a.read_only {
        tried(blobs.as_ref(), std::slice::from_ref(&store))?;
    }
    if a.read_only && !store.is_file() {
        Store::open_existing(&store)?;
    } else if !a.read_only && repo.is_some() && store.is_file() {
        say_line(&store, &args.dir, context::whose(args))?;
    }
    let options = Options {
        store,
        name: name.unwrap_or_else(|| "uptick".into()),
        config,
        public: a.public,
        read_only: a.read_only,
        always_ask: a.always_ask,
        keep,
        keep_free: a.keep_free.saturating_mul(1 << 20),
        new_series: a.new_series,
        public_url: a.public_url.as_deref().map(web_address).transpose()?,
        embed_in: origins(&a.embed_in)?,
        proxy: proxy(&a.proxy)?,
        blobs,
        log: None,
    };
    if repo.is_some() && !a.read_only {
        follow(
            options.store.clone(),
            args.dir.clone(),
            context::whose(args),
        );
    }
    on_runtime(serve(a, options, repo.map(|_| args.dir.clone())))
}

fn on_runtime(serve: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Failed(format!("no runtime: {e}")))?;
    let served = runtime.block_on(serve);
    // A reader that is in the middle of something holds nothing that would be lost.
    runtime.shutdown_timeout(GRACE);
    served?;
    Ok(EXIT_OK)
}

/// Sends the log to standard error, a line an event. Fields are `name=value`; whatever came from
/// outside is escaped, and there are no colours.
fn log_to_stderr(level: LogLevel) {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from(level))
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::OFF,
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Serves the projects in a directory.
fn server(dir: &Path, a: &Serve, blobs: Option<Place>) -> anyhow::Result<u8> {
    if a.read_only {
        return Err(Error::Usage(
            "--read-only is for one store: a server with --data writes its queue".into(),
        )
        .into());
    }
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    let _holder = hold(dir)?;
    warn_of_network(dir);
    tried(blobs.as_ref(), &Server::stores(dir))?;
    let log = node::log(dir, a)?;
    let mut store = Store::open_service(&Server::file(dir))?;
    if let Some(log) = &log {
        node::join(dir, &mut store, log)?;
    }
    first_token(&mut store)?;
    let node = log.as_ref().map(|_| node::own_name(dir));
    let collector = a
        .collect
        .then(|| Beside::of(&mut store, node))
        .transpose()?;
    drop(store);
    let options = ServerOptions {
        dir: dir.to_path_buf(),
        name: a.name.clone().unwrap_or_else(|| "uptick".into()),
        public: a.public,
        ttl: Duration::from_secs(a.lease),
        keep: a.keeping.keep(),
        keep_free: a.keep_free.saturating_mul(1 << 20),
        new_series: a.new_series,
        public_url: a.public_url.as_deref().map(web_address).transpose()?,
        embed_in: origins(&a.embed_in)?,
        proxy: proxy(&a.proxy)?,
        blobs,
        log,
    };
    on_runtime(serve_server(a, options, collector))
}

/// Tries where profiles are to be kept: what cannot work is refused before anything is served. One
/// that some of these stores use already and that does not answer now will be tried again: nothing
/// that is handed in waits for it.
fn tried(place: Option<&Place>, stores: &[PathBuf]) -> Result<(), Error> {
    let Some(place) = place else {
        remembered(stores);
        return Ok(());
    };
    let is_known = stores.iter().any(|s| place_of(s).as_ref() == Some(place));
    match objects::probe(place, !is_known) {
        Ok(weak) => weak
            .iter()
            .for_each(|what| print::note(&format!("note: {place}: {what}"))),
        Err(Trouble::Away(why)) if is_known => print::note(&format!(
            "note: {why}; profiles are moved there when it answers, and those that are there cannot be \
             seen until then"
        )),
        Err(Trouble::Refused(why)) => return Err(Error::Usage(format!("--blobs: {why}"))),
        Err(e) => return Err(Error::Objects(format!("--blobs: {e}"))),
    }
    Ok(())
}

/// Says what is wrong with the places that these stores have their profiles at, and where nobody said
/// another: pages go on without them.
fn remembered(stores: &[PathBuf]) {
    let mut all: Vec<Place> = stores.iter().filter_map(|s| place_of(s)).collect();
    all.dedup();
    for place in all {
        if let Err(why) = objects::probe(&place, false) {
            print::note(&format!(
                "note: profiles lie in {place}, and cannot be seen now: {why}"
            ));
        }
    }
}

/// Where a store has its profiles, if it is there and has them elsewhere.
fn place_of(store: &Path) -> Option<Place> {
    let open = || Store::open_existing(store)?.place();
    let kept = store.is_file().then(open)?.ok()?;
    Some(kept?.place)
}

/// SQLite's log beside the store is shared memory, which machines do not share.
fn warn_of_network(path: &Path) {
    if let Some(kind) = locks::network_of(path) {
        let path = path.display();
        tracing::warn!(
            "{path} lies on {kind}: only this machine may use it while this server runs"
        );
    }
}

/// Held while a server serves a directory: two would offer and report everything twice.
fn hold(dir: &Path) -> anyhow::Result<std::fs::File> {
    let path = dir.join("lock");
    let lock = collector::files::lock_file(&path)?;
    if !locks::take(&lock, &path)? {
        let what = format!("{}: another uptick serves this directory", dir.display());
        return Err(Error::Store(what).into());
    }
    Ok(lock)
}

/// Nobody is an administrator for sitting at the machine that serves, so that the first start makes
/// a token and shows it.
fn first_token(store: &mut Store) -> anyhow::Result<()> {
    let live = |t: &collector::store::Token| t.scope == Scope::Admin && t.is_live(context::now());
    if store.tokens()?.iter().any(live) {
        return Ok(());
    }
    let minted = dashboard::mint().map_err(|e| Error::Failed(format!("no randomness: {e}")))?;
    store.add_token(
        "first start",
        Scope::Admin,
        &minted.hash,
        context::now(),
        None,
    )?;
    print::note(&format!(
        "note: the administrator's token, shown this once; a browser signs in with it at /login:\n{}",
        minted.token
    ));
    Ok(())
}

async fn serve_server(
    a: &Serve,
    options: ServerOptions,
    collector: Option<Beside>,
) -> anyhow::Result<()> {
    let end = interrupt::end_asked().map_err(|e| Error::Failed(format!("no signals: {e}")))?;
    let (listener, local) = listen(a).await?;
    let dir = options.dir.clone();
    let shared = options.log.clone();
    let open = dashboard::open_server(options, local);
    let (listener, opened) = match shared {
        None => (listener, open.await),
        Some(log) => dashboard::while_opening(listener, log, open).await?,
    };
    let server = opened.map_err(failure)?;
    address(a, local)?;
    unlinked(local, a, server_sends(&dir));
    let beside = collector.map(|c| c.start(&dir, local)).transpose()?;
    let end = async move {
        end.await;
        // While the server still answers, so that its job is given back.
        if let Some(child) = beside {
            let _ = tokio::task::spawn_blocking(move || politely(child)).await;
        }
    };
    dashboard::serve_server(listener, server, end).await;
    Ok(())
}

/// Asks a child to end, and ends it if it does not.
fn politely(mut child: std::process::Child) {
    let asked = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status();
    let began = std::time::Instant::now();
    while asked.is_ok() && began.elapsed() < POLITELY {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A collector that a server starts beside itself.
struct Beside {
    name: String,
    token: String,
}

impl Beside {
    /// Makes its token, that of a node by the node's name; those of earlier starts end, and those of
    /// other nodes do not.
    fn of(store: &mut Store, node: Option<String>) -> anyhow::Result<Self> {
        let now = context::now();
        let called = match &node {
            None => "collector of this server".to_string(),
            Some(node) => format!("collector {node}"),
        };
        for old in store.tokens()?.iter().filter(|t| t.name == called) {
            store.revoke_token(old.id, now)?;
        }
        let minted = dashboard::mint().map_err(|e| Error::Failed(format!("no randomness: {e}")))?;
        store.add_token(&called, Scope::Collect, &minted.hash, now, None)?;
        Ok(Self {
            name: node.unwrap_or_else(|| "beside".into()),
            token: minted.token,
        })
    }

    fn start(self, dir: &Path, local: SocketAddr) -> anyhow::Result<std::process::Child> {
        let host = if local.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], local.port()))
        } else {
            local
        };
        let program = std::env::current_exe().map_err(|e| Error::Failed(e.to_string()))?;
        let mut command = std::process::Command::new(program);
        // What the server opens its log and its profiles with is no business of what is measured.
        withhold(&mut command);
        end_with_us(&mut command);
        command
            .arg("collect")
            .args(["--server", &format!("http://{host}"), "--name", &self.name])
            .arg("--dir")
            .arg(dir.join("collector"))
            .env("UPTICK_TOKEN", self.token)
            .env_remove("UPTICK_DATA")
            .stdout(std::process::Stdio::null());
        let started = command.spawn();
        Ok(started.map_err(|e| Error::Failed(format!("no collector beside the server: {e}")))?)
    }
}

/// What a store's project is called: after the repository that it lies in, else after its folder or
/// file; where somebody happens to stand says nothing about it.
pub(crate) fn project(store: &Path, repo: Option<&Path>) -> Option<String> {
    let store = std::path::absolute(store).ok()?;
    let folder = store.parent()?;
    let named = match repo {
        Some(root) if store.starts_with(root) => root.file_name(),
        _ if folder.ends_with(".uptick") => folder.parent()?.file_name(),
        _ => store.file_stem(),
    };
    Some(named?.to_string_lossy().into_owned())
}

/// The address that links in messages begin with.
fn web_address(url: &str) -> Result<String, Error> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    if is_web && url.chars().all(plain) {
        return Ok(url.trim_end_matches('/').to_string());
    }
    Err(Error::Usage(format!(
        "--public-url {url}: it is no address of a page, such as https://uptick.example.org"
    )))
}

/// The sites that may frame a chart: scheme, host and port, as a content security policy names them.
fn origins(all: &[String]) -> Result<Vec<String>, Error> {
    let is_origin = |o: &String| {
        let host = o
            .strip_prefix("https://")
            .or_else(|| o.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        host.is_some_and(|h| !h.is_empty() && h.chars().all(plain))
    };
    match all.iter().find(|o| !is_origin(o)) {
        None => Ok(all.to_vec()),
        Some(o) => Err(Error::Usage(format!(
            "--embed-in {o}: it is no site such as https://wiki.example.org, without a path"
        ))),
    }
}

/// The proxy in front that signs people in, where one was named.
fn proxy(a: &ProxyArgs) -> Result<Option<Proxy>, Error> {
    let Some(user) = a.proxy_user.as_deref() else {
        return Ok(None);
    };
    let asked = AskedProxy {
        user,
        groups: a.proxy_groups.as_deref(),
        from: &a.proxy_from,
        scope: &a.proxy_scope,
        of_groups: &a.proxy_group,
    };
    Proxy::new(asked).map(Some).map_err(Error::Usage)
}

/// Keeps the store's main line that of the repository while it is served.
fn follow(store: PathBuf, dir: PathBuf, whose: Whose) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(FOLLOW);
            // What cannot be said now is said at the next look, and pages go on.
            if let Err(e) = say_line(&store, &dir, whose) {
                tracing::warn!(why = format!("{e:#}"), "the main line cannot be followed");
            }
        }
    });
}

fn say_line(store: &Path, dir: &Path, whose: Whose) -> anyhow::Result<()> {
    let repo = Repo::open(dir)?;
    let branch = context::load(&repo)?.baseline.branch;
    history::refresh(&mut Store::open(store)?, &repo, branch.as_deref(), whose)?;
    Ok(())
}

/// Has comparisons offer the repository's tags while it is served.
fn follow_tags(app: Weak<App>, dir: PathBuf) {
    std::thread::spawn(move || {
        while let Some(app) = app.upgrade() {
            // A repository that cannot be read now keeps the tags that were read.
            if let Ok(tags) = Repo::open(&dir).and_then(|r| r.tags(TAGS)) {
                app.set_releases(tags);
            }
            drop(app);
            std::thread::sleep(FOLLOW);
        }
    });
}

async fn serve(a: &Serve, options: Options, repo: Option<PathBuf>) -> anyhow::Result<()> {
    // Before the address is printed: who reads it may end this at once.
    let end = interrupt::end_asked().map_err(|e| Error::Failed(format!("no signals: {e}")))?;
    let (listener, local) = listen(a).await?;
    let store = options.store.clone();
    // An address that is printed is one that answers.
    let app = dashboard::open(options, local).await.map_err(failure)?;
    if let Some(dir) = repo {
        follow_tags(Arc::downgrade(&app), dir);
    }
    address(a, local)?;
    unlinked(local, a, sends(&store));
    dashboard::serve_opened(listener, app, end).await;
    Ok(())
}

async fn listen(a: &Serve) -> anyhow::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = tokio::net::TcpListener::bind(a.listen.as_str())
        .await
        .map_err(|e| {
            Error::Usage(format!(
                "--listen {}: {e}; another port: `--listen 127.0.0.1:0`",
                a.listen
            ))
        })?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

fn failure(e: dashboard::Failure) -> anyhow::Error {
    match e {
        dashboard::Failure::Store(e) => anyhow::Error::from(e),
        e => Error::Failed(e.to_string()).into(),
    }
}

fn address(a: &Serve, local: SocketAddr) -> anyhow::Result<()> {
    if a.json {
        print::json(&json!({ "schema": "uptick.serve/1", "url": format!("http://{local}/") }))?;
    } else {
        print::out(&format!("http://{local}/\n"))?;
    }
    exposed(local, a);
    Ok(())
}

/// Says what it means to be reachable.
fn exposed(local: SocketAddr, a: &Serve) {
    if local.ip().is_loopback() {
        return;
    }
    let reading = if a.public {
        "anybody who reaches this address can read"
    } else {
        "reading needs a token"
    };
    print::note(&format!(
        "note: {reading}; writing needs one: `uptick token create NAME --scope write`. Traffic is not \
         encrypted: put a reverse proxy with TLS in front."
    ));
}

/// Whether a store has channels that messages go to.
fn sends(store: &Path) -> bool {
    let channels = Store::open_existing(store).and_then(|s| s.channels());
    channels.is_ok_and(|all| !all.is_empty())
}

/// Whether a server sends messages: to channels of its projects, or to their forges.
fn server_sends(dir: &Path) -> bool {
    let has_forge = || {
        let own = Store::open_existing(&Server::file(dir)).ok()?;
        let mut all = own.projects().ok()?.into_iter();
        all.find(|p| own.forge(&p.name).is_ok_and(|f| f.is_some()))
    };
    Server::stores(dir).iter().any(|s| sends(s)) || has_forge().is_some()
}

/// Says where links in messages lead, where nobody said it.
fn unlinked(local: SocketAddr, a: &Serve, sends: bool) {
    if a.public_url.is_none() && sends {
        print::note(&format!(
            "note: links in messages lead to http://{local}; `--public-url URL` names the address \
             that people reach"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_site_may_frame_a_chart() {
        let one = |o: &str| origins(&[o.to_string()]).is_ok();
        assert!(one("https://wiki.example.org") && one("http://127.0.0.1:8080"));
        for bad in [
            "*",
            "https://",
            "https://a.b/c",
            "https://a; script-src *",
            "wiki.example.org",
        ] {
            assert!(!one(bad), "{bad}");
        }
    }

    #[test]
    fn a_project_is_called_after_its_repository_or_its_store() {
        let name = |store, repo| project(Path::new(store), repo);
        let repo = Some(Path::new("/src/lexis"));
        assert_eq!(
            name("/src/lexis/.uptick/uptick.db", repo).as_deref(),
            Some("lexis")
        );
        assert_eq!(
            name("/src/other/.uptick/uptick.db", repo).as_deref(),
            Some("other")
        );
        assert_eq!(name("/tmp/demo.db", repo).as_deref(), Some("demo"));
    }
}
