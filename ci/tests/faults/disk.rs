//! Disks that fail, are full, or lie (D2, D4, D5, D8), by strace where it is there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use collector::stats::SplitMix64;
use collector::store::Store;

use super::server::{Answer, Place, Server, has, holds, report, seen, times};

/// What is done to the n-th call: fails, or ends the process.
const FAULTS: [(&str, &str); 4] = [
    ("pwrite64", "error=EIO"),
    ("pwrite64", "error=ENOSPC"),
    ("fdatasync", "error=EIO"),
    ("pwrite64,fdatasync", "signal=KILL"),
];

/// Four reports, as `uptick import` reads them.
fn lines(place: &Place) -> Vec<String> {
    let mut text = String::from("{\"schema\":\"uptick.export/1\"}\n");
    let mut hashes = Vec::new();
    for n in 0..4 {
        let body = report(n, 20);
        hashes.push(collector::model::digest(&body));
        text.push_str(&format!(
            "{{\"report\":{}}}\n",
            String::from_utf8(body).unwrap()
        ));
    }
    std::fs::write(place.dir().join("e.jsonl"), text).unwrap();
    hashes
}

/// Imports with one call spoiled; gives whether the import said that it did its work, and whether
/// there were as many calls.
fn import(place: &Place, calls: &str, what: &str, nth: usize) -> (bool, bool) {
    let log = place.dir().join("strace");
    let out = Command::new("strace")
        .args(["-f", "-qq", "-o", log.to_str().unwrap()])
        .args(["-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:{what}:when={nth}")])
        .arg(env!("CARGO_BIN_EXE_uptick"))
        .args(["--store", "s.db", "import", "e.jsonl"])
        .current_dir(place.dir())
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let reached = text.contains("INJECTED") || text.contains("killed by SIGKILL");
    (out.status.success(), reached)
}

#[test]
fn d2_an_error_at_any_write_is_never_called_stored() {
    if !has("D2", "strace") {
        return;
    }
    let (mut points, mut acknowledged) = (0, 0);
    for (calls, what) in FAULTS {
        let step = times(9, 1);
        for nth in (1..).step_by(step) {
            let place = Place::new();
            let hashes = lines(&place);
            let (done, reached) = import(&place, calls, what, nth);
            if !reached {
                assert!(done, "{calls} {what} {nth}");
                break;
            }
            points += 1;
            acknowledged += usize::from(done);
            holds(&place.store(), if done { &hashes } else { &[] });
            // And goes on once the disk is well again.
            let (again, _) = import(&place, calls, what, 60_000);
            assert!(again, "{calls} {what} {nth}");
            holds(&place.store(), &hashes);
        }
    }
    assert!(points > 4);
    seen(
        "D2",
        &format!(
            "{points} injected EIO, ENOSPC and kills: 0 corrupt, 0 acknowledged and lost \
         ({acknowledged} imports were good all the same)"
        ),
    );
}

/// From now on the n-th call of a running process fails, once.
fn spoil(server: &Server, calls: &str, what: &str) -> Child {
    let mut strace = Command::new("strace")
        .args(["-f", "-p", &server.pid().to_string()])
        .args([
            "-e",
            &format!("trace={calls}"),
            "-e",
            &format!("inject={calls}:{what}"),
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(strace.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("attached"), "{line}");
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    strace
}

#[test]
fn d4_after_one_failed_sync_nothing_is_acknowledged_until_the_start() {
    if !has("D4", "strace") {
        return;
    }
    let place = Place::new();
    let server = Server::start(&place.store());
    let first = server.post(&report(0, 5)).unwrap();
    assert_eq!(first.status, 201);
    let mut strace = spoil(&server, "fdatasync,fsync", "error=EIO:when=1");
    let spoilt = server.post(&report(1, 5)).unwrap();
    assert_eq!(spoilt.status, 503, "{spoilt:?}");
    let _ = strace.kill();
    let _ = strace.wait();
    for n in 1..4 {
        let refused = server.post(&report(n, 5)).unwrap();
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.body.contains("started again"), "{refused:?}");
    }
    let ready = server.get("/readyz");
    assert!(
        ready.status == 503 && ready.body.contains("disk failed"),
        "{ready:?}"
    );
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/commits").status, 200);
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    let server = Server::start(&place.store());
    // What was not acknowledged may be there or not; now it is.
    let now = server.post(&report(1, 5)).unwrap();
    assert!(now.is_kept(), "{now:?}");
    server.until("/readyz", 200);
    drop(server);
    holds(&place.store(), &[first.hash(), now.hash()]);
    seen(
        "D4",
        "fdatasync EIO once: that request 503, the next 3 too, readyz 503, pages 200; kept after a restart",
    );
}

/// A small disk that is unmounted at the end.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    fn mount(&self, options: &str) -> bool {
        let out = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0)
            .output();
        out.is_ok_and(|o| o.status.success())
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn d5_a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk(dir.path());
    if !disk.mount("size=3m") {
        seen("D5", "NOT ASKED: this user may mount no tmpfs");
        return;
    }
    let store = dir.path().join("s.db");
    let server = Server::start(&store);
    let mut kept = Vec::new();
    let refused = (0..2_000).find_map(|n| {
        let answer = server.post(&report(n, 100)).unwrap();
        if answer.is_kept() {
            kept.push(answer.hash());
            return None;
        }
        Some(answer)
    });
    let refused: Answer = refused.unwrap();
    assert!(matches!(refused.status, 503 | 507), "{refused:?}");
    assert!(refused.body.contains("full"), "{refused:?}");
    assert_eq!(server.get("/commits").status, 200);
    server.until("/readyz", 503);
    assert!(disk.mount("remount,size=64m"));
    let took = server.until("/readyz", 200);
    let again = server.post(&report(5_000, 100)).unwrap();
    assert_eq!(again.status, 201, "{again:?}");
    kept.push(again.hash());
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    holds(&store, &kept);
    seen(
        "D5",
        &format!(
            "3 MB of disk: {} taken, then {}, pages 200; ready {took:.1?} after it grew, 0 lost",
            kept.len() - 1,
            refused.status
        ),
    );
}

#[test]
fn d8_every_byte_that_turns_over_is_found() {
    let place = Place::new();
    let mut store = Store::open(&place.store()).unwrap();
    for n in 0..10 {
        let handed = collector::store::Handed::read(&report(n, 50)).unwrap();
        store.hold(&handed, None, 0).unwrap();
    }
    store.derive().unwrap();
    drop(store);
    let db = rusqlite::Connection::open(place.store()).unwrap();
    let mut dice = SplitMix64::new(8);
    let (mut found, mut harmless) = (0, 0);
    let flips = times(40, 1_000);
    for _ in 0..flips {
        let seq = 1 + dice.below(10) as i64;
        let get = "SELECT document FROM log WHERE seq = ?1";
        let whole: Vec<u8> = db.query_row(get, [seq], |r| r.get(0)).unwrap();
        let mut spoilt = whole.clone();
        let at = dice.below(whole.len());
        spoilt[at] ^= 1 << dice.below(8);
        let set = "UPDATE log SET document = ?2 WHERE seq = ?1";
        db.execute(set, rusqlite::params![seq, spoilt]).unwrap();
        let problems = Store::open_existing(&place.store())
            .unwrap()
            .verify()
            .unwrap()
            .problems;
        // A bit that zstd does not use changes nothing that is read.
        let same =
            zstd::decode_all(spoilt.as_slice()).ok() == zstd::decode_all(whole.as_slice()).ok();
        assert!(
            same != problems.iter().any(|p| p.starts_with("entry")),
            "{seq} {at}: {problems:?}"
        );
        found += usize::from(!same);
        harmless += usize::from(same);
        db.execute(set, rusqlite::params![seq, whole]).unwrap();
    }
    assert!(found > flips / 2);
    seen(
        "D8",
        &format!(
            "{flips} bits turned over: {found} found, {harmless} in bits that change no content"
        ),
    );
}

#[test]
fn d15_where_no_lock_holds_no_server_starts() {
    if !has("D15", "strace") {
        return;
    }
    let place = Place::new();
    let store = place.store();
    let faults = [
        ("flock", "error=ENOLCK"),
        ("flock", "error=EOPNOTSUPP"),
        ("flock", "retval=0"),
        ("fcntl", "error=ENOLCK"),
    ];
    for (call, what) in faults {
        let out = Command::new("timeout")
            .args(["20", "strace", "-f", "-qq", "-o", "trace"])
            .args([
                "-P",
                store.to_str().unwrap(),
                "-e",
                &format!("trace={call}"),
            ])
            .args(["-e", &format!("inject={call}:{what}")])
            .arg(env!("CARGO_BIN_EXE_uptick"))
            .args(["--store", "s.db", "serve", "--listen", "127.0.0.1:0"])
            .current_dir(place.dir())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(5), "{call} {what}: {said}");
        assert!(said.contains("gives no locks"), "{call} {what}: {said}");
        assert!(out.stdout.is_empty(), "{call} {what}");
    }
    Server::start(&store);
    seen(
        "D15",
        "locks that fail or exclude nobody: no server starts, and says why",
    );
}
