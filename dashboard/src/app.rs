//! What all requests share: readers, the writer, the cache, the counters.

use crate::counters::Counters;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use collector::blobs::Place;
use collector::config::Config;
use collector::model::Sha;
use collector::remote::objects;
use collector::store::{Appending, Generation, Keep, Store};
use tokio::sync::Semaphore;

use crate::behind::{Behind, Lack};
use crate::cache::{AsOf, Cache};
use crate::error::Fail;
use crate::find;
use crate::guard::Guard;
use crate::landmarks;
use crate::lookout::Lookout;
use crate::objects::Objects;
use crate::overview::Shelf;
use crate::postgres::Log;
use crate::proxy::Proxy;
use crate::quota::Quota;
use crate::standing::Standing;
use crate::verdicts::Verdicts;
use crate::writer::{self, Writer};

/// Readers at once; more would only wait for the same cores and the same disk.
const READERS: usize = 8;
/// Writes that wait for the one writer; further ones are told to come again.
const WRITES: usize = 128;
/// Large reports that are received at once, of 10 MiB at most each.
const RECEIVING: usize = 8;
/// Test messages that are sent at once.
const TRIALS: usize = 2;
/// Bodies that are unpacked and read at once, of 64 MiB at most each.
const UNPACKING: usize = 2;
/// Browsers that listen for news at once.
pub(crate) const LISTENERS: usize = 256;

/// How a dashboard is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// The store's file.
    pub store: PathBuf,
    /// What the project is called on its pages.
    pub name: String,
    /// Limits and the like, from `uptick.toml`.
    pub config: Config,
    /// Whether anybody may read beyond loopback; without it a token is asked for.
    pub public: bool,
    /// Whether anything can be written at all.
    pub read_only: bool,
    /// Whether a token is asked for even from this machine: behind a proxy that adds no header,
    /// everybody seems to sit at it.
    pub always_ask: bool,
    /// For how long profiles and reports are kept.
    pub keep: Keep,
    /// Bytes of the disk below which no report is taken.
    pub keep_free: u64,
    /// Series that reports over HTTP may begin in a day.
    pub new_series: u64,
    /// The address that people reach the pages by, without a slash at its end: links in messages
    /// begin with it. `None`: where it listens.
    pub public_url: Option<String>,
    /// Sites whose pages may show a chart in a frame; no other page of ours is ever framed.
    pub embed_in: Vec<String>,
    /// The proxy in front that signs people in, where there is one.
    pub proxy: Option<Proxy>,
    /// Where profiles are kept outside the store's file from now on; `None`: where they are kept by now.
    pub blobs: Option<Place>,
    /// The shared log that has the truth of the store, and what it is called there; `None`: the
    /// store has it.
    pub log: Option<(Log, String)>,
}

impl Options {
    /// Opens the store for writing.
    pub(crate) fn open_store(&self) -> collector::error::Result<Store> {
        let mut store = Store::open(&self.store)?;
        if let Some((log, file)) = &self.log {
            store.share(log.file(file), file)?;
        }
        Ok(store)
    }
}

/// What an [`App`] is to others.
#[derive(Debug, Default)]
pub(crate) enum Role {
    /// A store by itself.
    #[default]
    Alone,
    /// A server's own file: its tokens, its queue.
    Server,
    /// One project of a server, whose pages live under an address of their own.
    Project {
        /// What its addresses begin with: `/p/NAME`.
        base: String,
        /// Who keeps the tokens.
        server: Arc<App>,
    },
}

impl Role {
    /// The name of a server's project, and its server.
    pub(crate) fn project(&self) -> Option<(&str, &Arc<App>)> {
        match self {
            Self::Project { base, server } => Some((base.strip_prefix("/p/")?, server)),
            Self::Alone | Self::Server => None,
        }
    }
}

/// A project of a server, as the pages of the others name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: String,
    /// Whether it has pull requests, or looks for them.
    pub(crate) pulls: bool,
}

/// Why a dashboard cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store.
    #[error(transparent)]
    Store(#[from] collector::error::Error),
    /// The socket.
    #[error("the address cannot be served: {0}")]
    Listen(std::io::Error),
}

/// The state behind every route.
#[derive(Debug)]
pub struct App {
    pub(crate) options: Options,
    pub(crate) role: Role,
    pub(crate) local: SocketAddr,
    readers: Mutex<Vec<Store>>,
    /// What keeps profiles outside the store's file.
    objects: Mutex<Option<Arc<Objects>>>,
    pub(crate) lookout: Arc<Lookout>,
    reading: Semaphore,
    writer: Writer,
    deriver: Writer,
    writing: Arc<Semaphore>,
    appending: Appending,
    pub(crate) quota: Quota,
    pub(crate) cache: Cache,
    /// Every series, judged: what Health lists.
    pub(crate) overview: Shelf,
    /// Names that are searched.
    pub(crate) names: find::Shelf,
    pub(crate) functions: find::Functions,
    /// Points of the main line that charts name.
    pub(crate) landmarks: landmarks::Shelf,
    pub(crate) guard: Guard,
    pub(crate) counters: Counters,
    standing: Arc<Standing>,
    /// Reports that are being received; more would fill memory while they wait for the one writer.
    pub(crate) receiving: Arc<Semaphore>,
    /// Reports that are unpacked and read, and the threads that do it.
    unpacking: Arc<Semaphore>,
    beside: Writer,
    pub(crate) listeners: Arc<Semaphore>,
    /// Test messages that are being sent.
    pub(crate) trials: Semaphore,
    pub(crate) unsearched: tokio::sync::Notify,
    /// Rung where the shared log is to be followed though nobody was heard to write to it.
    pub(crate) unfollowed: tokio::sync::Notify,
    /// Positions of commits that were asked for to narrow an open change down.
    narrowing: Mutex<BTreeSet<u64>>,
    /// Verdicts that lists show.
    pub(crate) verdicts: Verdicts,
    /// Tags of the repository with their commits, the newest first.
    releases: Mutex<Arc<Vec<(String, Sha)>>>,
    /// The projects of a server, by name.
    projects: Mutex<Arc<Vec<Known>>>,
    /// What pages lack of a log that several nodes share.
    behind: Mutex<Lack>,
    closing: AtomicBool,
    pub(crate) started: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does a piece of writing. Whoever wrote reads what it wrote: the counters move before the
/// answer goes out. What went into a file that is not the store's any more was not kept.
fn written<T>(
    store: Option<&mut Store>,
    work: impl FnOnce(&mut Store) -> Result<T, Fail>,
    lookout: &Lookout,
    standing: &Standing,
) -> Result<T, Fail> {
    let store = store.ok_or(Fail::ReadOnly)?;
    standing.may_write()?;
    let out = work(store)?;
    standing.may_write()?;
    lookout.look()?;
    Ok(out)
}

impl App {
    pub(crate) async fn open(
        options: Options,
        role: Role,
        local: SocketAddr,
    ) -> Result<Arc<Self>, Failure> {
        let opening = options.clone();
        let appending = Appending::default();
        let others = appending.clone();
        let opened = tokio::task::spawn_blocking(move || {
            // Opening for writing migrates; a store that cannot be written can still be read.
            let open = || {
                (!opening.read_only)
                    .then(|| opening.open_store())
                    .transpose()
            };
            let mut writers = (open()?, open()?);
            if let Some(deriver) = &mut writers.1 {
                deriver.stand_behind(others);
            }
            // A node shows what the log has before it shows anything.
            if let (Some(store), Some((log, _))) = (&mut writers.0, &opening.log) {
                if log.trouble().is_none() {
                    store.follow()?;
                }
                store.derive()?;
            }
            if let (Some(writer), Some(place)) = (&mut writers.0, &opening.blobs) {
                objects::settle(writer, place)?;
            }
            let reader = Store::open_existing(&opening.store)?;
            let objects = Objects::of(&reader)?;
            let lookout = Lookout::new(reader)?;
            Ok::<_, collector::error::Error>((writers, lookout, objects))
        });
        let ((writer, deriver), lookout, objects) = opened
            .await
            .map_err(|e| Failure::Listen(std::io::Error::other(e)))??;
        let is_away = options
            .log
            .as_ref()
            .is_some_and(|(log, _)| log.trouble().is_some());
        let standing = Arc::new(Standing::of(&options.store, options.keep_free));
        let start = |stores, nice| Writer::start(stores, 2 * WRITES, nice).map_err(Failure::Listen);
        Ok(Arc::new(Self {
            role,
            local,
            readers: Mutex::new(Vec::new()),
            objects: Mutex::new(objects),
            lookout: Arc::new(lookout),
            reading: Semaphore::new(READERS),
            quota: Quota::new(options.new_series),
            writer: start(vec![writer], writer::AT_ONCE)?,
            deriver: start(vec![deriver], writer::GIVES_WAY)?,
            writing: Arc::new(Semaphore::new(WRITES)),
            appending,
            cache: Cache::new(options.log.is_some()),
            overview: Shelf::default(),
            names: find::Shelf::default(),
            functions: find::Functions::default(),
            landmarks: landmarks::Shelf::default(),
            guard: Guard::new(),
            counters: Counters::default(),
            standing,
            receiving: Arc::new(Semaphore::new(RECEIVING)),
            unpacking: Arc::new(Semaphore::new(UNPACKING)),
            beside: start((0..UNPACKING).map(|_| None).collect(), writer::GIVES_WAY)?,
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            trials: Semaphore::new(TRIALS),
            unsearched: tokio::sync::Notify::new(),
            unfollowed: tokio::sync::Notify::new(),
            narrowing: Mutex::default(),
            verdicts: Verdicts::new(),
            releases: Mutex::default(),
            projects: Mutex::default(),
            behind: Mutex::new(Lack {
                now: is_away.then_some(Behind::Away),
                changes: 0,
            }),
            closing: AtomicBool::new(false),
            started: Instant::now(),
            options,
        }))
    }

    /// What the addresses of its pages begin with; empty where they begin at the root.
    pub(crate) fn base(&self) -> &str {
        match &self.role {
            Role::Project { base, .. } => base,
            Role::Alone | Role::Server => "",
        }
    }

    /// Who keeps the tokens that are shown here.
    pub(crate) fn keeper(self: &Arc<Self>) -> &Arc<Self> {
        match &self.role {
            Role::Project { server, .. } => server,
            Role::Alone | Role::Server => self,
        }
    }

    /// The counters as last seen.
    pub(crate) fn now_at(&self) -> Generation {
        self.lookout.seen()
    }

    /// The counters as they stand in the store, whoever wrote last; as last seen where it cannot
    /// be read.
    pub(crate) async fn look(self: &Arc<Self>) -> Generation {
        if let Some(glance) = self.lookout.glance() {
            if glance.is_due {
                self.look_beside();
            }
            return glance.seen;
        }
        let _turn = self.lookout.turn().await;
        if let Some(glance) = self.lookout.glance() {
            return glance.seen;
        }
        let app = self.clone();
        let looking = tokio::task::spawn_blocking(move || app.look_now());
        let seen = looking.await.unwrap_or_else(|_| Err(Fail::panicked()));
        seen.unwrap_or_else(|_| self.now_at())
    }

    /// Begins a look that nobody waits for, unless one is under way.
    fn look_beside(self: &Arc<Self>) {
        if let Some(turn) = self.lookout.turn_now() {
            let app = self.clone();
            tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let _ = app.look_now();
            });
        }
    }

    /// Looks, and has searched whatever came.
    fn look_now(&self) -> Result<Generation, Fail> {
        let (now, moved) = self.lookout.look()?;
        if moved {
            self.unsearched.notify_one();
        }
        Ok(now)
    }

    /// What pages lack of the log that several nodes share; `None` where that is nothing.
    pub(crate) fn behind(&self) -> Option<Behind> {
        lock(&self.behind).now
    }

    /// What a page is as of that is begun now.
    pub(crate) fn as_of(&self, store: Generation) -> AsOf {
        AsOf {
            store,
            behind: lock(&self.behind).changes,
        }
    }

    /// Notes what pages lack; they say so from now on.
    pub(crate) fn set_behind(&self, behind: Option<Behind>) {
        lock(&self.behind).set(behind);
    }

    /// What is wrong with the store, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.standing.trouble()
    }

    /// Why what is sent would not be kept.
    pub(crate) fn unready(&self) -> Option<String> {
        let log = self.options.log.as_ref();
        log.and_then(|(log, _)| log.trouble())
            .or_else(|| self.standing.unready())
    }

    /// Looks whether the store's file is still there and can be read, and what came.
    pub(crate) fn check(&self) -> Result<Generation, Fail> {
        self.standing.check()?;
        self.look_now()
    }

    /// Whether a write may be tried.
    pub(crate) fn may_write(&self) -> Result<(), Fail> {
        self.standing.may_write()
    }

    /// Notes how a write to its store went that another one did.
    pub(crate) fn wrote<T>(&self, done: &Result<T, Fail>) {
        self.standing.wrote(done);
    }

    /// Whether the disk has room for a report.
    pub(crate) fn room(&self) -> Result<(), Fail> {
        self.standing.room()
    }

    /// Whether a write failed of which it is worth trying whether it would do now.
    pub(crate) fn wants_probe(&self) -> bool {
        self.standing.wants_probe()
    }

    /// Bytes of the log in front of the store's file.
    pub(crate) fn ahead(&self) -> u64 {
        self.standing.ahead()
    }

    /// Notes what is wrong with the store, or that nothing is any more.
    pub(crate) fn set_trouble(&self, words: &str) {
        self.standing.set_trouble(words);
    }

    /// Whether whoever asks from this very machine may do everything.
    pub(crate) fn is_loopback(&self) -> bool {
        self.local.ip().is_loopback()
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.lookout.wake();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Notes which commits were asked for to narrow open changes down; pages say so from now on.
    pub(crate) fn set_narrowing(&self, positions: BTreeSet<u64>) {
        let mut known = lock(&self.narrowing);
        if *known != positions {
            *known = positions;
            self.cache.forget();
        }
    }

    /// Notes which tags the repository has, the newest first; comparisons offer them from now on.
    pub fn set_releases(&self, tags: Vec<(String, Sha)>) {
        let mut known = lock(&self.releases);
        if **known != tags {
            *known = Arc::new(tags);
            self.cache.forget();
        }
    }

    /// The tags of the repository, as far as it is known.
    pub(crate) fn releases(&self) -> Arc<Vec<(String, Sha)>> {
        lock(&self.releases).clone()
    }

    /// Notes which projects a server has. Gives whether they are others than before.
    pub(crate) fn set_projects(&self, all: Vec<Known>) -> bool {
        let mut known = lock(&self.projects);
        let others = **known != all;
        *known = Arc::new(all);
        others
    }

    /// The projects of the server that has this one, or of this server; a store by itself has none.
    pub(crate) fn projects(&self) -> Arc<Vec<Known>> {
        match &self.role {
            Role::Project { server, .. } => server.projects(),
            Role::Alone | Role::Server => lock(&self.projects).clone(),
        }
    }

    /// Whether there are pull requests: of this project, or of any of this server.
    pub(crate) fn has_pulls(&self) -> bool {
        let is_meant = |p: &&Known| match &self.role {
            Role::Project { .. } => p.name == self.options.name,
            Role::Alone | Role::Server => true,
        };
        let all = self.projects();
        all.iter().filter(is_meant).any(|p| p.pulls)
    }

    /// Whether a commit at these positions was asked for to narrow a change down.
    pub(crate) fn is_narrowing(&self, first: u64, last: u64) -> bool {
        lock(&self.narrowing).range(first..=last).next().is_some()
    }

    /// What keeps profiles outside the store's file, if they are not in it.
    pub(crate) fn objects(&self) -> Option<Arc<Objects>> {
        lock(&self.objects).clone()
    }

    /// Looks whether another node named a place for profiles.
    pub(crate) async fn look_where_profiles_are(self: &Arc<Self>) -> Result<(), Fail> {
        let known = self.objects();
        let found = self.read(move |store, _| {
            let kept = store.place()?;
            let is_known = kept.as_ref() == known.as_ref().map(|o| &o.kept);
            Ok((!is_known).then(|| Objects::of(store)).transpose()?)
        });
        if let Some(found) = found.await? {
            *lock(&self.objects) = found;
            self.cache.forget();
        }
        Ok(())
    }

    /// Runs `work` with a reader, away from the threads that serve requests.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store, &Self) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let _permit = self.reading.acquire().await.map_err(|_| Fail::busy())?;
        let app = self.clone();
        let task = tokio::task::spawn_blocking(move || app.with_reader(work));
        task.await.map_err(|_| Fail::panicked())?
    }

    fn with_reader<T>(
        &self,
        work: impl FnOnce(&Store, &Self) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        let free = lock(&self.readers).pop();
        let mut store = match free {
            Some(store) => store,
            None => Store::open_existing(&self.options.store)?,
        };
        if let Some(objects) = self.objects() {
            store.attach(objects.fetching.clone());
        }
        let result = work(&store, self);
        lock(&self.readers).push(store);
        result
    }

    /// The same, on a thread that gives way to whoever asks for a page.
    pub(crate) async fn read_beside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store, &Self) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let app = self.clone();
        self.beside(move || app.with_reader(work)).await
    }

    /// Runs `work` on a thread that gives way, a few at a time; what was begun is done, whoever
    /// goes away meanwhile.
    pub(crate) async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let turn = self.unpacking.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Fail::busy())?;
        let (tell, told) = tokio::sync::oneshot::channel();
        let taken = self.beside.hand(Box::new(move |_| {
            let _turn = turn;
            let _ = tell.send(work());
        }));
        if !taken {
            return Err(Fail::busy());
        }
        told.await.map_err(|_| Fail::panicked())?
    }

    /// Runs `work` with the writer, once what came before is derived: what people decide, they
    /// decide about what they see.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Store) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        self.derive(|store| Ok(store.derive()?)).await?;
        self.keep(work).await
    }

    /// Runs `work` with the writer at once: what it writes is durable, and nothing is derived.
    pub(crate) async fn keep<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Store) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let Ok(permit) = self.writing.clone().try_acquire_owned() else {
            return Err(Fail::busy());
        };
        let waits = self.appending.one_more();
        let work = move |store: &mut Store| {
            let _until_done = (permit, waits);
            work(store)
        };
        self.hand(&self.writer, work).await
    }

    /// Has the store follow its shared log; gives whether others wrote.
    pub(crate) async fn follow(self: &Arc<Self>) -> Result<bool, Fail> {
        let work = |store: &mut Store| Ok(store.follow()?);
        self.hand(&self.writer, work).await
    }

    /// Runs `work` on the thread that gives way.
    pub(crate) async fn derive<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Store) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        self.hand(&self.deriver, work).await
    }

    async fn hand<T: Send + 'static>(
        self: &Arc<Self>,
        to: &Writer,
        work: impl FnOnce(&mut Store) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (lookout, standing) = (self.lookout.clone(), self.standing.clone());
        let taken = to.hand(Box::new(move |store| {
            // Whoever went away before it was begun will come again.
            if tell.is_closed() {
                return;
            }
            let done = written(store, work, &lookout, &standing);
            standing.wrote(&done);
            let _ = tell.send(done);
        }));
        if !taken {
            return Err(Fail::busy());
        }
        told.await.map_err(|_| Fail::panicked())?
    }
}
