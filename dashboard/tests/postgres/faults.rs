//! What goes wrong between a node and its log, and on the way to it.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use super::*;

/// A way to a server, by which answers may come slowly, and whose sessions can be cut.
struct Way {
    dir: tempfile::TempDir,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Way {
    const SOCKET: &str = ".s.PGSQL.5432";

    /// One that takes so many milliseconds for 16 KiB.
    fn to(cluster: &Cluster, pause: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(Self::SOCKET)).unwrap();
        let end = cluster.path().join(Self::SOCKET);
        let open = Arc::<Mutex<Vec<_>>>::default();
        let all = open.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = UnixStream::connect(&end) else {
                    continue;
                };
                let (up, there) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                all.lock().unwrap().push(near.try_clone().unwrap());
                std::thread::spawn(move || pass(up, there, 0));
                std::thread::spawn(move || pass(far, near, pause));
            }
        });
        Self { dir, open }
    }

    fn address(&self) -> String {
        let host = self.dir.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://uptick@{host}/postgres")
    }

    /// Ends the sessions of this side; the server does not hear of it, and others can be begun.
    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, pause: u64) {
    let mut some = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut some) {
        std::thread::sleep(Duration::from_millis(n as u64 * pause / (16 << 10)));
        if to.write_all(&some[..n]).is_err() {
            break;
        }
    }
    // A server that is busy finds out when it next reads.
    let _ = to.shutdown(Shutdown::Both);
}

/// What takes longer than anything may be waited for comes all the same, as long as some of it does.
#[test]
fn a_node_fills_over_a_slow_link() {
    let cluster = Cluster::new();
    let pair = Pair::on(&cluster);
    let mut near = pair.node(false, "f");
    let mut noise = vec![0; 5 << 19];
    getrandom::fill(&mut noise).unwrap();
    let noise = Vec::from(format!("[[{:?},1]]", hex(&noise)));
    let mut with = report(1, 5.0);
    with.profiles.push(ProfileRef {
        benchmark: "parse".into(),
        kind: ProfileKind::Functions,
        blob: digest(&noise),
    });
    near.put(&with, &[(digest(&noise), noise.clone())]).unwrap();
    for n in 2..20 {
        near.hold(&handed(n, 5.0), None, 1).unwrap();
    }
    let way = Way::to(&cluster, 50);
    let mut far = Store::open(&pair.dir.path().join("far")).unwrap();
    far.share(Log::open(&way.address()).unwrap().file("f"), "f")
        .unwrap();
    let began = Instant::now();
    far.follow().unwrap();
    let took = began.elapsed();
    assert!(took > Duration::from_millis(6_500), "{took:?}: not slow");
    assert_eq!(export(&far), export(&near));
    assert_eq!(far.blob(&digest(&noise)).unwrap(), Some(noise));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The end of a write waits for a standby that is gone, and whoever asks what came of it waits too:
/// nobody says that nothing was stored.
#[test]
fn a_write_that_hangs_and_loses_its_session_may_have_been_done() {
    let cluster = Cluster::new();
    let way = Way::to(&cluster, 0);
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(&way.address()).unwrap();
    let mut store = Store::open(&dir.path().join("a")).unwrap();
    store.share(log.file("f"), "f").unwrap();
    store.follow().unwrap();
    store.hold(&handed(1, 1.0), None, 1).unwrap();
    cluster.sql("ALTER SYSTEM SET synchronous_standby_names = 'gone'");
    cluster.sql("SELECT pg_reload_conf()");
    until("it asks for the standby", || {
        cluster.sql("SHOW synchronous_standby_names") == "gone"
    });
    let began = Instant::now();
    let why = std::thread::scope(|s| {
        let write = s.spawn(|| store.hold(&handed(2, 1.0), None, 1).unwrap_err());
        until("it waits for the standby", || {
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' \
                         AND query LIKE 'WITH h AS%'";
            cluster.sql(waits) == "1"
        });
        way.cut();
        write.join().unwrap().to_string()
    });
    assert!(began.elapsed() < Duration::from_secs(10), "{why}");
    assert!(why.contains("whether it was stored is not known"), "{why}");
    cluster.sql("ALTER SYSTEM RESET synchronous_standby_names");
    cluster.sql("SELECT pg_reload_conf()");
    until("it can be written to again", || {
        store.hold(&handed(2, 1.0), None, 1).is_ok()
    });
    assert_eq!(
        store.hold(&handed(2, 1.0), None, 1).unwrap().unwrap().new,
        0
    );
    assert_eq!(cluster.sql("SELECT count(*) FROM uptick.entry"), "2");
}

/// What a node saw of its server it knows when it starts again.
#[test]
fn a_server_that_was_left_behind_is_refused_after_a_start_too() {
    let cluster = Cluster::new();
    let pair = Pair::on(&cluster);
    let mut store = pair.node(false, "f");
    store.hold(&handed(1, 1.0), None, 1).unwrap();
    let seen = store.marker().unwrap().unwrap().server;
    assert_eq!(seen.timeline, 1);
    assert!(cluster.sql("SELECT system_identifier FROM pg_control_system()") == seen.system);
    let newer = Server {
        timeline: 2,
        ..seen.clone()
    };
    let other = Server {
        system: "1".into(),
        ..seen
    };
    let address = cluster.address("postgres");
    for (server, word) in [(newer, "left behind"), (other, "another database cluster")] {
        let seen = Seen {
            server: server.clone(),
            database: None,
        };
        let why = Log::open_after(&address, seen).unwrap_err();
        assert!(why.to_string().contains(word), "{why}");
        // One who did not ask before opens a store that knows it.
        let db = rusqlite::Connection::open(store.path()).unwrap();
        db.execute("UPDATE replica SET server = ?1", [server.to_string()])
            .unwrap();
        let log = Log::open(&address).unwrap();
        let why = store.share(log.file("f"), "f").unwrap_err().to_string();
        assert!(why.contains(word), "{why}");
    }
}

/// Secrets that another node was told close this node's file too.
#[test]
fn secrets_that_come_from_elsewhere_are_closed_to_others() {
    let cluster = Cluster::new();
    let pair = Pair::on(&cluster);
    let (mut a, mut b) = pair.both("f");
    let mode = |store: &Store| {
        let facts = std::fs::metadata(store.path()).unwrap();
        facts.permissions().mode() & 0o007
    };
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(b.path(), open).unwrap();
    a.add_channel(&channel()).unwrap();
    assert_eq!((mode(&a), mode(&b)), (0, 4));
    b.follow().unwrap();
    assert_eq!(mode(&b), 0);
    let secret = |store: &Store| {
        let db = rusqlite::Connection::open(store.path()).unwrap();
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        let bytes = std::fs::read(store.path()).unwrap();
        bytes.windows(7).any(|w| w == b"whsec_x")
    };
    assert!(secret(&b));
    a.remove_channel("c").unwrap();
    b.follow().unwrap();
    assert!(!secret(&b));
}

/// What went is not kept for ever, and whoever might not hear of it is refused.
#[test]
fn what_went_goes_from_the_log_and_a_replica_of_before_is_refused() {
    let cluster = Cluster::new();
    let pair = Pair::on(&cluster);
    let (mut a, mut b) = pair.both("f");
    a.hold(&handed(1, 1.0), None, 1).unwrap();
    a.add_channel(&channel()).unwrap();
    a.remove_channel("c").unwrap();
    b.follow().unwrap();
    let gone = "SELECT count(*) FROM uptick.line WHERE value IS NULL";
    a.hold(&handed(2, 1.0), None, 1).unwrap();
    assert_ne!(cluster.sql(gone), "0");
    // Almost a million versions later, of which only one node heard.
    cluster.sql("UPDATE uptick.head SET version = version + 999999");
    let newest = "(SELECT max(version) FROM uptick.written)";
    cluster.sql(&format!(
        "UPDATE uptick.written SET version = version + 999999 WHERE version = {newest}"
    ));
    let db = rusqlite::Connection::open(pair.dir.path().join("f")).unwrap();
    db.execute("UPDATE replica SET version = version + 999999", [])
        .unwrap();
    b.follow().unwrap();
    a.hold(&handed(3, 1.0), None, 1).unwrap();
    b.follow().unwrap();
    assert_ne!(cluster.sql(gone), "0");
    a.hold(&handed(4, 1.0), None, 1).unwrap();
    assert_eq!(cluster.sql(gone), "0");
    b.follow().unwrap();
    assert_eq!(export(&a), export(&b));

    cluster.sql(
        "DELETE FROM uptick.written WHERE version < (SELECT max(version) FROM uptick.written)",
    );
    a.hold(&handed(5, 1.0), None, 1).unwrap();
    cluster.sql(
        "DELETE FROM uptick.written WHERE version < (SELECT max(version) FROM uptick.written)",
    );
    let why = b.follow().unwrap_err().to_string();
    assert!(why.contains("away for too long"), "{why}");
}

/// Two versions of the program on one log: what the older one writes keeps what only the newer one
/// knows, and once it is newer it has that too.
#[test]
fn an_older_node_keeps_what_a_newer_one_knows() {
    let cluster = Cluster::new();
    let pair = Pair::on(&cluster);
    let (mut newer, mut older) = pair.both("f");
    newer.add_channel(&channel()).unwrap();
    // The newer one has a column more, and a table.
    let of_channel = "FROM uptick.line WHERE name = 'channel'";
    cluster.sql(
        "UPDATE uptick.line SET value = (value::jsonb || '{\"newer\": 7}')::text \
         WHERE name = 'channel'",
    );
    cluster.sql(&format!(
        "INSERT INTO uptick.line SELECT file, 'newer', '[1]', '{{\"id\": 1}}', version {of_channel}"
    ));
    older.follow().unwrap();
    let id = older.channels().unwrap()[0].id;
    older.disable_channel(id, "a reason", 5).unwrap();
    newer.follow().unwrap();
    assert_eq!(newer.channels().unwrap()[0].why, "a reason");
    let kept = format!("SELECT value::jsonb ->> 'newer' {of_channel}");
    assert_eq!(cluster.sql(&kept), "7");
    // A text that PostgreSQL's JSON cannot hold is written all the same.
    newer.enable_channel(id, 6).unwrap();
    newer.disable_channel(id, "a \0 in it", 6).unwrap();
    older.follow().unwrap();
    assert_eq!(older.channels().unwrap()[0].why, "a \0 in it");

    // A replica that was filled by a program without that table.
    let expected = newer.channels().unwrap();
    let path = older.path().to_path_buf();
    drop(older);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DELETE FROM channel; UPDATE replica SET tables = 'outbox(id)'")
        .unwrap();
    drop(db);
    let level = pair.node(true, "f");
    assert_eq!(level.channels().unwrap(), expected);
    let filled = "SELECT tables FROM replica";
    let db = rusqlite::Connection::open(&path).unwrap();
    let tables: String = db.query_row(filled, [], |r| r.get(0)).unwrap();
    assert!(tables.contains("channel(id,"), "{tables}");
}
