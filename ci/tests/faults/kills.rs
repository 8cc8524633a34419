//! A server that is killed, or asked to end, in the middle of everything (D1, D11), and copied
//! while it takes reports (D12).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use collector::stats::SplitMix64;

use super::server::{Answer, Place, Server, holds, post, report, seen, times};
use crate::support::uptick;

/// Reports that several clients hand in until they are stopped.
struct Load {
    next: AtomicUsize,
    stop: AtomicBool,
    acknowledged: Mutex<Vec<String>>,
}

impl Load {
    fn new(from: usize) -> Self {
        Self {
            next: AtomicUsize::new(from),
            stop: AtomicBool::new(false),
            acknowledged: Mutex::default(),
        }
    }

    fn hand_in(&self, address: &str) {
        while !self.stop.load(Ordering::SeqCst) {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            let kept = post(address, "/api/v1/reports", &report(n, 40)).filter(Answer::is_kept);
            match kept {
                Some(answer) => self.acknowledged.lock().unwrap().push(answer.hash()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn so_far(&self) -> Vec<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Runs `meanwhile` while eight clients hand in; gives what it gave.
    fn under<T>(&self, address: &str, meanwhile: impl FnOnce() -> T) -> T {
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| self.hand_in(address));
            }
            let out = meanwhile();
            self.stop.store(true, Ordering::SeqCst);
            out
        })
    }
}

#[test]
fn d1_a_kill_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    let mut dice = SplitMix64::new(1);
    let (mut all, mut from, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    let rounds = times(4, 200);
    for _ in 0..rounds {
        let server = Server::start(&place.store());
        slowest = slowest.max(server.until("/readyz", 200));
        let load = Load::new(from);
        let wait = Duration::from_millis(20 + dice.below(400) as u64);
        load.under(&server.address.clone(), || {
            std::thread::sleep(wait);
            server.signal("KILL");
        });
        drop(server);
        from = load.next.load(Ordering::SeqCst);
        all.extend(load.so_far());
    }
    let begin = Instant::now();
    holds(&place.store(), &all);
    assert!(!all.is_empty());
    seen(
        "D1",
        &format!(
            "{rounds} kills under 8 clients, {} acknowledged, 0 lost; ready after {slowest:.1?} at most, \
         verified in {:.1?}",
            all.len(),
            begin.elapsed()
        ),
    );
}

#[test]
fn d11_a_server_that_is_asked_to_end_finishes_what_it_began() {
    let place = Place::new();
    let rounds = times(1, 20);
    let (mut all, mut from, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    for _ in 0..rounds {
        let server = Server::start(&place.store());
        let load = Load::new(from);
        let address = server.address.clone();
        let took = load.under(&address, || {
            std::thread::sleep(Duration::from_millis(300));
            server.signal("TERM");
            let begin = Instant::now();
            assert_eq!(server.ended(), Some(0));
            begin.elapsed()
        });
        slowest = slowest.max(took);
        from = load.next.load(Ordering::SeqCst);
        all.extend(load.so_far());
    }
    holds(&place.store(), &all);
    seen(
        "D11",
        &format!(
            "SIGTERM {rounds} times under 8 clients: exit 0 within {slowest:.1?}, {} acknowledged, 0 lost",
            all.len()
        ),
    );
}

#[test]
fn d12_a_backup_during_ingest_has_what_was_acknowledged_before() {
    let place = Place::new();
    let server = Server::start(&place.store());
    let copy = place.dir().join("copy.db");
    let load = Load::new(0);
    let before = load.under(&server.address.clone(), || {
        while load.so_far().len() < times(20, 2_000) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let before = load.so_far();
        let store = place.store();
        let args = [
            "--store",
            store.to_str().unwrap(),
            "backup",
            copy.to_str().unwrap(),
        ];
        uptick(place.dir(), &args).exits(0);
        before
    });
    drop(server);
    let to = place.dir().join("restored.db");
    let args = [
        "--store",
        to.to_str().unwrap(),
        "restore",
        copy.to_str().unwrap(),
    ];
    uptick(place.dir(), &args).exits(0);
    holds(&to, &before);
    seen(
        "D12",
        &format!(
            "a backup during ingest: {} acknowledged before, 0 lost",
            before.len()
        ),
    );
}
