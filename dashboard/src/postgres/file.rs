//! One file of a log: what a store ships there, and what it reads from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use collector::error::{Error, Result};
use collector::store::shared::{News, Reach, Row, Server, Shared, Shipment, Version};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::news::{self, KEPT, Read};
use super::pool::{Pool, Session};
use super::schema::OUTSIDE;
use super::trouble::{Ran, Tried, Trouble, is_no, trouble, within};

/// How long a write may take with everything: whoever waits for it hears within 10 s.
const WRITE: Duration = Duration::from_secs(9);
/// A write that was lost after this time is not looked for: whoever waits for it waited enough.
const LOOK_WITHIN: Duration = Duration::from_secs(3);
/// Bytes of a move that a second is enough for.
const SLOWEST: usize = 8 << 10;

/// One statement, and so one transaction and one round trip: the version goes up where it is the
/// expected one, and everything else is done where it went up. A row keeps what only a newer uptick
/// knows of it (a text with a NUL is no `jsonb`, and is replaced whole). Of what went nobody is told whose
/// replica is so far behind that it is refused.
const SHIP: &str = "\
    WITH h AS (UPDATE uptick.head SET version = version + 1, mark = $13 \
        WHERE file = $1 AND version = $2 AND moving = $3 AND mark = $14 RETURNING version), \
    e AS (INSERT INTO uptick.entry (file, seq, kind, hash, document, version) \
        SELECT $1, u.seq, u.kind, u.hash, u.document, h.version FROM h CROSS JOIN \
        unnest($4, $5, $6, $7) AS u (seq, kind, hash, document) \
        ON CONFLICT (file, seq) DO UPDATE SET kind = excluded.kind, hash = excluded.hash, \
        document = excluded.document, version = excluded.version), \
    b AS (INSERT INTO uptick.blob (file, hash, bytes, version) \
        SELECT $1, u.hash, u.bytes, h.version FROM h CROSS JOIN unnest($8, $9) AS u (hash, bytes) \
        ON CONFLICT (file, hash) DO UPDATE SET bytes = excluded.bytes, \
        version = excluded.version), \
    r AS (INSERT INTO uptick.line AS l (file, name, key, value, version) \
        SELECT $1, u.name, u.key, u.value, h.version FROM h CROSS JOIN \
        unnest($10, $11, $12) AS u (name, key, value) \
        ON CONFLICT (file, name, key) DO UPDATE SET version = excluded.version, value = CASE \
            WHEN l.value IS NULL OR excluded.value IS NULL \
                OR position('\\u0000' in l.value || excluded.value) > 0 THEN excluded.value \
            ELSE (l.value::jsonb || excluded.value::jsonb)::text END), \
    w AS (INSERT INTO uptick.written (file, version, mark) SELECT $1, h.version, $13 FROM h), \
    d AS (DELETE FROM uptick.written WHERE file = $1 AND version < $2 - $15), \
    x AS (DELETE FROM uptick.blob WHERE file = $1 AND bytes IS NULL AND version < $2 - $15), \
    y AS (DELETE FROM uptick.line WHERE file = $1 AND value IS NULL AND version < $2 - $15) \
    SELECT h.version, pg_notify('uptick', $1)::text FROM h";

/// One file of a log.
pub(super) struct File {
    pool: Arc<Pool>,
    name: String,
    /// The move that this store is in; empty: none.
    moving: String,
    /// The connection that keeps others from writing.
    held: Option<Session>,
    /// Whether a write was sent of which it is not known what came.
    sent: AtomicBool,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {:?}", self.name, self.pool)
    }
}

/// The columns of a shipment, as arrays.
struct Columns<'a> {
    seqs: Vec<i64>,
    kinds: Vec<&'a str>,
    hashes: Vec<&'a str>,
    documents: Vec<&'a [u8]>,
    blobs: Vec<&'a str>,
    bytes: Vec<Option<&'a [u8]>>,
    names: Vec<&'a str>,
    keys: Vec<&'a str>,
    values: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(what: &'a Shipment) -> Self {
        let (e, b, r) = (&what.entries, &what.blobs, &what.rows);
        Self {
            seqs: e.iter().map(|e| e.seq).collect(),
            kinds: e.iter().map(|e| e.kind.as_str()).collect(),
            hashes: e.iter().map(|e| e.hash.as_str()).collect(),
            documents: e.iter().map(|e| e.document.as_slice()).collect(),
            blobs: b.iter().map(|b| b.hash.as_str()).collect(),
            bytes: b.iter().map(|b| b.bytes.as_deref()).collect(),
            names: r.iter().map(|r| r.table.as_str()).collect(),
            keys: r.iter().map(|r| r.key.as_str()).collect(),
            values: r.iter().map(|r| r.value.as_deref()).collect(),
        }
    }
}

fn bytes(what: &Shipment) -> usize {
    let entries = what.entries.iter().map(|e| e.document.len());
    let blobs = what
        .blobs
        .iter()
        .filter_map(|b| Some(b.bytes.as_ref()?.len()));
    let rows = what
        .rows
        .iter()
        .map(|r| r.key.len() + r.value.as_ref().map_or(0, String::len));
    entries.chain(blobs).chain(rows).sum()
}

/// A write.
struct Writing<'a> {
    at: &'a Version,
    columns: Columns<'a>,
    mark: String,
    /// When whoever waits for it has to hear of it.
    until: Instant,
}

impl File {
    pub(super) fn new(pool: Arc<Pool>, name: &str) -> Self {
        Self {
            pool,
            name: name.to_owned(),
            moving: String::new(),
            held: None,
            sent: AtomicBool::new(false),
        }
    }

    /// What a write may take longer than others.
    fn patience(&self, what: &Shipment) -> Duration {
        match self.moving.is_empty() {
            true => Duration::ZERO,
            false => Duration::from_secs((bytes(what) / SLOWEST) as u64),
        }
    }

    async fn put(&self, client: &Client, w: &Writing<'_>) -> Ran<Option<Version>> {
        let (at, c) = (w.at, &w.columns);
        self.sent.store(true, Ordering::Relaxed);
        let given: [(&(dyn ToSql + Sync), Type); 15] = [
            (&self.name, Type::TEXT),
            (&at.number, Type::INT8),
            (&self.moving, Type::TEXT),
            (&c.seqs, Type::INT8_ARRAY),
            (&c.kinds, Type::TEXT_ARRAY),
            (&c.hashes, Type::TEXT_ARRAY),
            (&c.documents, Type::BYTEA_ARRAY),
            (&c.blobs, Type::TEXT_ARRAY),
            (&c.bytes, Type::BYTEA_ARRAY),
            (&c.names, Type::TEXT_ARRAY),
            (&c.keys, Type::TEXT_ARRAY),
            (&c.values, Type::TEXT_ARRAY),
            (&w.mark, Type::TEXT),
            (&at.mark, Type::TEXT),
            (&KEPT, Type::INT8),
        ];
        let row = client.query_typed_opt(SHIP, &given).await;
        if row.as_ref().is_err_and(is_no) {
            self.sent.store(false, Ordering::Relaxed);
        }
        Ok(row?.map(|r| Version {
            number: r.get(0),
            mark: w.mark.clone(),
        }))
    }

    /// A part of a move takes what its link takes for it; nobody waits for an answer.
    async fn put_part(&self, client: &Client, w: &Writing<'_>) -> Ran<Option<Version>> {
        let slow = "SET statement_timeout = '1h'";
        client.batch_execute(slow).await?;
        let version = self.put(client, w).await?;
        client.batch_execute("RESET statement_timeout").await?;
        Ok(version)
    }

    /// Whether a write was done of which no answer came. The lock waits for one that still goes on, and
    /// the end of this transaction for the same standbys as that of the write.
    async fn was_written(&self, client: &Client, w: &Writing<'_>) -> Ran<bool> {
        let next = w.at.number + 1;
        client.batch_execute("BEGIN").await?;
        let lock = "SELECT version FROM uptick.head WHERE file = $1 FOR UPDATE";
        client
            .query_typed_opt(lock, &[(&self.name, Type::TEXT)])
            .await?;
        let sql = "SELECT mark = $3 FROM uptick.written WHERE file = $1 AND version = $2";
        let row = client
            .query_typed_opt(
                sql,
                &[
                    (&self.name, Type::TEXT),
                    (&next, Type::INT8),
                    (&w.mark, Type::TEXT),
                ],
            )
            .await?;
        client.batch_execute("COMMIT").await?;
        Ok(row.is_some_and(|r| r.get(0)))
    }

    fn ship_once(&mut self, w: &Writing<'_>) -> Tried<Option<Version>> {
        let pool = self.pool.clone();
        match (self.held.take(), self.moving.is_empty()) {
            (Some(client), _) => pool.end(client, w.until, async |client| {
                let version = self.put(client, w).await?;
                client.batch_execute("COMMIT").await?;
                Ok(version)
            }),
            (None, true) => {
                pool.attempt_by(w.until, async |client| within(self.put(client, w)).await)
            }
            (None, false) => pool.attempt_by(w.until, async |client| {
                self.put_part(client, w).await.map_err(|e| trouble(&e))
            }),
        }
    }

    /// Does a write of which no answer came once more, unless it was done.
    fn ship_again(&mut self, w: &Writing<'_>) -> Tried<Option<Version>> {
        if self.sent.load(Ordering::Relaxed) {
            let found = self.pool.attempt_by(w.until, async |client| {
                within(self.was_written(client, w)).await
            });
            if found? {
                return Ok(Some(Version {
                    number: w.at.number + 1,
                    mark: w.mark.clone(),
                }));
            }
            self.sent.store(false, Ordering::Relaxed);
        }
        self.ship_once(w)
    }
}

impl Shared for File {
    fn database(&self) -> &str {
        self.pool.database()
    }

    fn address(&self) -> &str {
        &self.pool.address.shown
    }

    fn server(&self) -> Server {
        self.pool.server()
    }

    fn ship(&mut self, at: &Version, what: &Shipment) -> Result<Option<Version>> {
        self.pool.away()?;
        let began = Instant::now();
        let w = Writing {
            at,
            columns: Columns::of(what),
            mark: self.unique()?,
            until: began + WRITE + self.patience(what),
        };
        self.sent.store(false, Ordering::Relaxed);
        let mut done = self.ship_once(&w);
        let is_unsure = done.as_ref().is_err_and(Trouble::is_unsure);
        if is_unsure && began.elapsed() < LOOK_WITHIN {
            done = self.ship_again(&w);
        }
        match done {
            Err(trouble) if self.sent.load(Ordering::Relaxed) => {
                self.pool.note(&trouble);
                Err(self.pool.unsure(trouble.why()))
            }
            Ok(Some(version)) => {
                self.pool.wrote();
                Ok(Some(version))
            }
            done => self.pool.told(done),
        }
    }

    fn hold(&mut self, at: Option<&Version>) -> Result<bool> {
        self.release();
        self.pool.away()?;
        let begun = self.pool.begin(async |client| {
            client.batch_execute("BEGIN").await?;
            let sql = "\
                SELECT version, mark FROM uptick.head WHERE file = $1 AND moving = '' FOR UPDATE";
            let row = client
                .query_typed_opt(sql, &[(&self.name, Type::TEXT)])
                .await?;
            let found = row.map(|r| Version {
                number: r.get(0),
                mark: r.get(1),
            });
            if found.is_some() && at.is_none_or(|at| found.as_ref() == Some(at)) {
                return Ok(Some(()));
            }
            client.batch_execute("ROLLBACK").await?;
            Ok(None)
        });
        let begun = self.pool.told(begun)?;
        self.held = begun.map(|(client, ())| client);
        Ok(self.held.is_some())
    }

    fn release(&mut self) {
        if let Some(client) = self.held.take() {
            // One that cannot be told lets go when its session ends.
            let until = Instant::now() + LOOK_WITHIN;
            let _ = self
                .pool
                .end(client, until, async |c| c.batch_execute("ROLLBACK").await);
        }
    }

    fn news(&mut self, after: &Version, seq: i64) -> Result<News> {
        let names = (self.name.as_str(), self.moving.as_str());
        let read = self
            .pool
            .call_slow(async |client| news::read(client, names, after, seq).await)?;
        match read {
            Read::News(news) => {
                self.pool
                    .note_reading(&self.name, news.version.number, news.head);
                Ok(news)
            }
            Read::Nothing => {
                self.pool
                    .call(async |client| self.make_head(client).await)?;
                Ok(News::default())
            }
            Read::Moving => Err(Error::Store(format!(
                "{} of the log at {}: another node moves its directory there, or was stopped while it \
                 did: start that one first, and this one when it is done",
                self.name, self.pool.address.shown
            ))),
        }
    }

    fn rows(&mut self) -> Result<Vec<Row>> {
        self.pool
            .call_slow(async |client| news::all_rows(client, &self.name).await)
    }

    fn unique(&self) -> Result<String> {
        let random = || {
            let (a, b) = (getrandom::u64()?, getrandom::u64()?);
            Ok::<_, getrandom::Error>(format!("{a:016x}{b:016x}"))
        };
        random().map_err(|e| Error::Failed(format!("no randomness: {e}")))
    }

    fn begin_move(&mut self, id: &str, end: &Version) -> Result<Option<Reach>> {
        let begun = self
            .pool
            .call(async |client| match self.ended_at(client, end).await? {
                true => Ok(Some(Reach {
                    version: end.clone(),
                    is_done: true,
                    ..Reach::default()
                })),
                false => self.begin_or_go_on(client, id).await,
            })?;
        if begun.as_ref().is_some_and(|reach| !reach.is_done) {
            self.moving = id.to_owned();
        }
        Ok(begun)
    }

    fn end_move(&mut self) -> Result<()> {
        let sql = "UPDATE uptick.head SET moving = '' WHERE file = $1 AND moving = $2";
        self.pool.call(async |client| {
            let given: [(&(dyn ToSql + Sync), Type); 2] =
                [(&self.name, Type::TEXT), (&self.moving, Type::TEXT)];
            client.query_typed_opt(sql, &given).await
        })?;
        self.moving.clear();
        Ok(())
    }

    fn keep_outside(&mut self) -> Result<()> {
        let sql = "UPDATE uptick.about SET least = $1 WHERE least < $1";
        let given: [(&(dyn ToSql + Sync), Type); 1] = [(&OUTSIDE, Type::INT4)];
        self.pool
            .call(async |client| client.query_typed_opt(sql, &given).await)?;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.pool.away()
    }
}

impl File {
    /// Whether a move that was to end at a version did.
    async fn ended_at(&self, client: &Client, end: &Version) -> Ran<bool> {
        let sql = "\
            SELECT 1 FROM uptick.head AS h JOIN uptick.written AS w USING (file) \
            WHERE h.file = $1 AND h.moving = '' AND w.version = $2 AND w.mark = $3";
        let given: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.name, Type::TEXT),
            (&end.number, Type::INT8),
            (&end.mark, Type::TEXT),
        ];
        Ok(client.query_typed_opt(sql, &given).await?.is_some())
    }

    async fn begin_or_go_on(&self, client: &Client, id: &str) -> Ran<Option<Reach>> {
        let sql = "\
            INSERT INTO uptick.head AS h (file, version, moving) VALUES ($1, 0, $2) \
            ON CONFLICT (file) DO UPDATE SET moving = $2 \
            WHERE h.moving = $2 OR (h.version = 0 AND h.moving = '') RETURNING version, mark, \
            (SELECT coalesce(max(seq), 0) FROM uptick.entry WHERE file = $1), \
            (SELECT coalesce(max(hash), '') FROM uptick.blob WHERE file = $1)";
        let given: [(&(dyn ToSql + Sync), Type); 2] = [(&self.name, Type::TEXT), (&id, Type::TEXT)];
        let row = client.query_typed_opt(sql, &given).await?;
        Ok(row.map(|row| Reach {
            version: Version {
                number: row.get(0),
                mark: row.get(1),
            },
            seq: row.get(2),
            blob: row.get(3),
            is_done: false,
        }))
    }

    /// A file that nobody wrote to yet.
    async fn make_head(&self, client: &Client) -> Ran<()> {
        let sql = "\
            INSERT INTO uptick.head (file, version) VALUES ($1, 0) ON CONFLICT (file) DO NOTHING";
        client
            .query_typed_opt(sql, &[(&self.name, Type::TEXT)])
            .await?;
        Ok(())
    }
}
