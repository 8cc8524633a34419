//! Connections to the database, how long they may take, and whether it is there at all.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use collector::error::{Error, Result};
use collector::store::shared::{Seen, Server};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::trouble::{ANSWER, Ran, Tried, Trouble, by, trouble, unanswered, within};
use super::{schema, tls};
use crate::clock;

/// The version of each file of a log.
pub(crate) type Heads = BTreeMap<String, i64>;

/// How long one host may take until a session is there.
const SESSION: Duration = Duration::from_secs(3);
/// What is tried a second time was lost within this time.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Connections that wait for the next one who needs them.
const IDLE: usize = 8;

pub(super) struct Pool {
    pub(super) address: Address,
    tls: MakeRustlsConnect,
    runtime: Option<Runtime>,
    idle: Mutex<Vec<Session>>,
    /// Why nothing can be written; `None` while it can.
    down: Mutex<Option<String>>,
    /// The newest state of the database that was seen: one that was left behind is another one.
    server: Mutex<Server>,
    /// When a write was done last.
    wrote: Mutex<Instant>,
    /// Files that are being read: how many of their writes are here, and how many there are.
    reading: Mutex<BTreeMap<String, (i64, i64)>>,
    /// The name that the log got when it was made.
    database: OnceLock<String>,
    /// Whether that name was seen there, and the schema is up to date.
    is_met: AtomicBool,
}

/// A connection, and the server that it is to.
pub(super) struct Session {
    client: Client,
    server: Server,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "session on {}", self.server)
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "log {:?}", self.address)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Whoever drops it last may be a task, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Connects to a server that is no older than what was seen, and brings the schema up to date.
    /// Where it is away this is done once it is back, if it is known what is expected there.
    pub(super) fn open(address: Address, seen: Seen) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("log")
            .enable_all()
            .build()
            .map_err(|e| Error::Failed(format!("no runtime: {e}")))?;
        let pool = Self {
            tls: tls::connector(&address.trust)?,
            address,
            runtime: Some(runtime),
            idle: Mutex::default(),
            down: Mutex::default(),
            server: Mutex::new(seen.server),
            wrote: Mutex::new(Instant::now()),
            reading: Mutex::default(),
            database: OnceLock::new(),
            is_met: AtomicBool::new(false),
        };
        let is_known = seen.database.is_some();
        if let Some(name) = seen.database {
            let _ = pool.database.set(name);
        }
        let met = pool.block(async {
            let mut client = pool.connect().await?;
            pool.meet(&mut client).await?;
            pool.give(client);
            Ok(())
        });
        match met {
            Ok(()) => {}
            Err(Trouble::Lost(why)) if is_known => pool.set_down(&why),
            Err(trouble) => return Err(pool.words(&trouble)),
        }
        Ok(pool)
    }

    /// Brings the schema up to date, once, and sees that this is the log that is expected.
    pub(super) async fn meet(&self, client: &mut Client) -> Tried<()> {
        if self.is_met.load(Ordering::Acquire) {
            return Ok(());
        }
        let made = tokio::time::timeout(SESSION * 10, schema::migrate(client)).await;
        let name = match made {
            Ok(done) => done?,
            Err(_) => return Err(Trouble::Lost("its schema was not ready after 30 s".into())),
        };
        let expected = self.database.get_or_init(|| name.clone());
        if *expected != name {
            return Err(Trouble::Refused(format!(
                "it is the log {name}, and this directory belongs to {expected}: serve with that one, or \
                 move the directory away and let it be filled anew"
            )));
        }
        self.is_met.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn database(&self) -> &str {
        self.database.get().map_or("", String::as_str)
    }

    /// Runs a task beside everything else, until the pool is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }

    fn block<T>(&self, work: impl Future<Output = Tried<T>>) -> Tried<T> {
        match &self.runtime {
            Some(runtime) => runtime.handle().block_on(work),
            None => Err(Trouble::Lost("it was closed".into())),
        }
    }

    /// Why nothing can be written.
    pub(super) fn trouble(&self) -> Option<String> {
        let why = held(&self.down).clone()?;
        Some(self.sentence(&why))
    }

    pub(super) fn is_down(&self) -> bool {
        held(&self.down).is_some()
    }

    /// Notes that it is away: everybody is refused at once until it is found to be back.
    pub(super) fn set_down(&self, why: &str) {
        held(&self.idle).clear();
        let mut down = held(&self.down);
        if down.is_none() {
            tracing::error!(log = self.address.shown, why, "the log is away");
        }
        *down = Some(why.to_owned());
    }

    /// Notes how far a file was read.
    pub(super) fn note_reading(&self, file: &str, at: i64, head: i64) {
        let mut all = held(&self.reading);
        match at < head {
            true => all.insert(file.to_owned(), (at, head)),
            false => all.remove(file),
        };
    }

    /// How far the files that are being read are, all of them together.
    pub(super) fn reading(&self) -> (i64, i64) {
        let all = held(&self.reading);
        let add = |(a, b): (i64, i64), (at, head): &(i64, i64)| (a + at, b + head);
        all.values().fold((0, 0), add)
    }

    /// Notes that a write was done.
    pub(super) fn wrote(&self) {
        *held(&self.wrote) = Instant::now();
    }

    /// For how long no write was done.
    pub(super) fn since_a_write(&self) -> Duration {
        held(&self.wrote).elapsed()
    }

    /// Notes that it is back.
    pub(super) fn set_up(&self) {
        if held(&self.down).take().is_some() {
            tracing::warn!(log = self.address.shown, "the log is back");
        }
    }

    fn sentence(&self, why: &str) -> String {
        format!("the log at {:?}: {why}; nothing was stored", self.address)
    }

    /// What is said of a write that was sent and of which no answer came.
    pub(super) fn unsure(&self, why: &str) -> Error {
        Error::Store(format!(
            "the log at {:?}: {why}; whether it was stored is not known: look, or send it again (the \
             same report is never stored twice)",
            self.address
        ))
    }

    pub(super) fn words(&self, trouble: &Trouble) -> Error {
        Error::Store(self.sentence(trouble.why()))
    }

    /// Runs what does no harm when it is done twice.
    pub(super) fn call<T>(&self, work: impl AsyncFn(&Client) -> Ran<T>) -> Result<T> {
        self.call_slow(async |client| within(work(client)).await)
    }

    /// The same with work that waits for no step of it too long, and takes what it takes.
    pub(super) fn call_slow<T>(&self, work: impl AsyncFn(&Client) -> Tried<T>) -> Result<T> {
        self.away()?;
        let began = Instant::now();
        let mut done = self.attempt_slow(&work);
        if matches!(done, Err(Trouble::Lost(_))) && began.elapsed() < AT_ONCE {
            done = self.attempt_slow(&work);
        }
        self.told(done)
    }

    /// Refuses at once while it is away.
    pub(super) fn away(&self) -> Result<()> {
        match self.trouble() {
            Some(words) => Err(Error::Store(words)),
            None => Ok(()),
        }
    }

    /// Notes what a try says of the database.
    pub(super) fn told<T>(&self, done: Tried<T>) -> Result<T> {
        done.map_err(|trouble| {
            self.note(&trouble);
            self.words(&trouble)
        })
    }

    pub(super) fn note(&self, trouble: &Trouble) {
        if let Trouble::Lost(why) = trouble {
            self.set_down(why);
        }
    }

    /// Tries something once, and is over at a time.
    pub(super) fn attempt_by<T>(
        &self,
        until: Instant,
        work: impl AsyncFn(&Client) -> Tried<T>,
    ) -> Tried<T> {
        self.block(by(until, async {
            let client = self.take().await?;
            let done = work(&client).await;
            self.back(client, &done);
            done
        }))
    }

    fn attempt_slow<T>(&self, work: impl AsyncFn(&Client) -> Tried<T>) -> Tried<T> {
        self.block(async {
            let client = self.take().await?;
            let done = work(&client).await;
            self.back(client, &done);
            done
        })
    }

    /// Begins something and keeps the connection, where it came to something.
    pub(super) fn begin<T>(
        &self,
        work: impl AsyncFn(&Client) -> Ran<Option<T>>,
    ) -> Tried<Option<(Session, T)>> {
        self.block(async {
            let client = self.take().await?;
            match within(work(&client)).await {
                Ok(Some(out)) => Ok(Some((client, out))),
                Ok(None) => {
                    self.give(client);
                    Ok(None)
                }
                Err(e) => Err(e),
            }
        })
    }

    /// Goes on with what was begun, is over at a time, and gives the connection back.
    pub(super) fn end<T>(
        &self,
        client: Session,
        until: Instant,
        work: impl AsyncFn(&Client) -> Ran<T>,
    ) -> Tried<T> {
        if client.server != self.server() {
            return Err(Trouble::Lost("its primary was replaced".into()));
        }
        self.block(async {
            let done = by(until, within(work(&client))).await;
            self.back(client, &done);
            done
        })
    }

    /// A connection of which the server does not answer is dropped, and what it is doing goes on; so is
    /// one that may be in the middle of a transaction that failed.
    fn back<T>(&self, client: Session, done: &Tried<T>) {
        if done.is_ok() {
            self.give(client);
        }
    }

    /// A connection to a primary that was left behind is no longer wanted.
    fn give(&self, client: Session) {
        let is_newest = client.server == self.server();
        let mut idle = held(&self.idle);
        if is_newest && idle.len() < IDLE && !client.is_closed() {
            idle.push(client);
        }
    }

    async fn take(&self) -> Tried<Session> {
        loop {
            let idle = held(&self.idle).pop();
            match idle {
                Some(client) if !client.is_closed() && client.server == self.server() => {
                    return Ok(client);
                }
                Some(_) => {}
                None => return self.connect().await,
            }
        }
    }

    async fn connect(&self) -> Tried<Session> {
        self.connect_and(None).await
    }

    /// A session with the first host that takes writes; `news` is rung when others write.
    pub(super) async fn connect_and(&self, news: Option<&Arc<Notify>>) -> Tried<Session> {
        let mut why = Vec::new();
        for (host, config) in self.address.hosts() {
            let session = self.session(&config, news.cloned());
            match tokio::time::timeout(SESSION, session).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(trouble)) => why.push(format!("{host}: {}", trouble.why())),
                Err(_) => why.push(format!("{host}: no answer within {} s", SESSION.as_secs())),
            }
        }
        Err(Trouble::Lost(why.join("; ")))
    }

    async fn session(&self, config: &Config, news: Option<Arc<Notify>>) -> Tried<Session> {
        let connected = config.connect(self.tls.clone()).await;
        let (client, mut connection) = connected.map_err(|e| trouble(&e))?;
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let (AsyncMessage::Notification(_), Some(news)) = (message, &news) {
                    news.notify_one();
                }
            }
        });
        let server = self.greet(&client).await?;
        Ok(Session { client, server })
    }

    /// Looks which database it is, and what time it is there.
    pub(super) async fn greet(&self, client: &Client) -> Tried<Server> {
        let asked = within(client.query_typed(
            "SELECT (SELECT system_identifier::text FROM pg_control_system()), \
             pg_walfile_name(pg_current_wal_lsn()), \
             (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            &[],
        ));
        let began = Instant::now();
        let rows = asked.await?;
        let row = rows
            .first()
            .ok_or_else(|| Trouble::Lost("no answer".into()))?;
        let (system, file): (String, String) = (row.get(0), row.get(1));
        let timeline = file.get(..8).and_then(|t| u32::from_str_radix(t, 16).ok());
        let found = Server {
            system,
            timeline: timeline.unwrap_or_default(),
        };
        clock::set(began + began.elapsed() / 2, row.get(2));
        self.is_newest(&found)?;
        Ok(found)
    }

    /// A primary that was replaced and came back takes writes that nobody else will see.
    fn is_newest(&self, found: &Server) -> Tried<()> {
        let mut known = held(&self.server);
        if let Some(why) = found.refused_after(&known) {
            return Err(Trouble::Refused(why));
        }
        if *known != *found {
            held(&self.idle).clear();
            known.clone_from(found);
        }
        Ok(())
    }

    /// The newest state of the server that was seen.
    pub(super) fn server(&self) -> Server {
        held(&self.server).clone()
    }

    /// Tries a write of its own, which is ended where it gets no answer.
    pub(super) async fn probe(&self, client: &Client) -> Tried<()> {
        let write = client.batch_execute("UPDATE uptick.probe SET n = n + 1");
        match tokio::time::timeout(ANSWER, write).await {
            Ok(done) => done.map(|()| self.wrote()).map_err(|e| trouble(&e)),
            Err(_) => {
                let token = client.cancel_token();
                let cancel = token.cancel_query(self.tls.clone());
                let _ = tokio::time::timeout(SESSION, cancel).await;
                Err(Trouble::Lost(unanswered()))
            }
        }
    }
}
