//! Clients that are slow, many, or greedy (N1, L1, L3).

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::server::{
    Place, Server, ask, holds, measurements, post, report, report_of, seen, times,
};

#[test]
fn n1_slow_clients_hold_up_nobody() {
    let place = Place::new();
    let server = Server::start(&place.store());
    let mut slow = Vec::new();
    for i in 0..times(120, 500) {
        let mut socket = TcpStream::connect(&server.address).unwrap();
        // Some send no head, some half a body, some nothing.
        let text = match i % 3 {
            0 => "GET / HTTP/1.1\r\nHost: lo",
            1 => "POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n{",
            _ => "",
        };
        let _ = socket.write_all(text.as_bytes());
        slow.push(socket);
    }
    let begin = Instant::now();
    let mut kept = Vec::new();
    for n in 0..10 {
        // One byte at a time does not help either.
        for s in &mut slow {
            let _ = s.write_all(b"x");
        }
        assert_eq!(server.get("/healthz").status, 200);
        let answer = server.post(&report(n, 5)).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        kept.push(answer.hash());
    }
    seen(
        "N1",
        &format!(
            "{} slow clients: 20 requests beside them answered in {:.1?}",
            slow.len(),
            begin.elapsed()
        ),
    );
    drop((slow, server));
    holds(&place.store(), &kept);
}

#[test]
fn l1_many_collectors_at_once_are_all_acknowledged() {
    let (clients, numbers) = (times(10, 100), times(500, 20_000));
    let place = Place::new();
    let server = Server::start(&place.store());
    let text = measurements(numbers);
    let begin = Instant::now();
    let hand_in = |n| until_kept(&server.address, &report_of(n, &text));
    let kept: Vec<String> = std::thread::scope(|s| {
        let all: Vec<_> = (0..clients).map(|n| s.spawn(move || hand_in(n))).collect();
        all.into_iter().map(|h| h.join().unwrap()).collect()
    });
    let took = begin.elapsed();
    let peak = server.kib("VmHWM") >> 10;
    while !server
        .get("/metrics")
        .body
        .contains(&format!("store_reports {clients}\n"))
    {
        assert!(begin.elapsed() < patience());
        std::thread::sleep(Duration::from_millis(100));
    }
    let derived = begin.elapsed();
    drop(server);
    holds(&place.store(), &kept);
    seen(
        "L1",
        &format!(
            "{clients} collectors with {numbers} numbers each: all acknowledged in {took:.1?}, derived in \
         {derived:.1?}, {peak} MiB at most, 0 lost"
        ),
    );
}

/// How long what is taken in the end may take.
fn patience() -> Duration {
    Duration::from_secs(times(90, 600) as u64)
}

/// Hands in again after 429 and 503, as a collector does.
fn until_kept(address: &str, body: &[u8]) -> String {
    let begin = Instant::now();
    loop {
        match post(address, "/api/v1/reports", body) {
            Some(answer) if answer.is_kept() => return answer.hash(),
            other => assert!(begin.elapsed() < patience(), "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn l3_few_descriptors_are_enough_and_come_back() {
    let place = Place::new();
    let by = ["bash", "-c", "ulimit -n 64; exec \"$@\"", "_"];
    let server = Server::under(&by, &place.store(), &[]);
    let silent: Vec<TcpStream> = (0..200)
        .filter_map(|_| TcpStream::connect(&server.address).ok())
        .collect();
    let answer = until_kept(&server.address, &report(0, 5));
    assert_eq!(server.get("/healthz").status, 200);
    let ticks = cpu(server.pid());
    std::thread::sleep(Duration::from_secs(1));
    let idle = cpu(server.pid()) - ticks;
    drop(silent);
    server.until("/readyz", 200);
    drop(server);
    holds(&place.store(), &[answer]);
    seen(
        "L3",
        &format!(
            "64 descriptors, 200 silent connections: answered, {idle} ticks of CPU in a second beside them"
        ),
    );
}

/// Ticks of CPU that a process has taken.
fn cpu(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = text.rsplit(')').next().unwrap();
    let words: Vec<u64> = after
        .split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect();
    // Words after the state: ppid, pgrp, session, tty, tpgid, flags, 4 of faults, utime, stime.
    words[10] + words[11]
}

#[test]
fn l3_little_memory_refuses_and_does_not_abort() {
    let place = Place::new();
    let by = ["bash", "-c", "ulimit -v 524288; exec \"$@\"", "_"];
    let server = Server::under(&by, &place.store(), &[]);
    let crowd = format!("{{\"samples\":[0{}]}}", ",0".repeat(31_000_000));
    let packed = zstd::bulk::compress(crowd.as_bytes(), 1).unwrap();
    let zeros = zstd::bulk::compress(&vec![b' '; 300 << 20], 1).unwrap();
    let long = vec![b'x'; 60 << 20];
    let headers = |n: usize| format!("Content-Length: {n}\r\nContent-Encoding: zstd\r\n");
    let mut statuses = std::collections::BTreeMap::new();
    std::thread::scope(|s| {
        let mut all = Vec::new();
        for _ in 0..times(4, 20) {
            for body in [&packed, &zeros] {
                all.push(s.spawn(|| {
                    let line = "POST /api/v1/reports HTTP/1.1";
                    ask(&server.address, line, &headers(body.len()), body)
                }));
            }
            all.push(s.spawn(|| post(&server.address, "/login", &long)));
        }
        for one in all {
            let answer = one.join().unwrap();
            let status = answer.as_ref().map_or(0, |a| a.status);
            assert!(matches!(status, 0 | 400 | 413 | 422 | 503), "{answer:?}");
            // Frames that ask for too much memory are no frames of ours.
            let of = answer.as_ref().filter(|a| a.status == 400);
            let is_ours = of.is_none_or(|a| a.body.contains("Frame requires too much memory"));
            assert!(is_ours, "{answer:?}");
            *statuses.entry(status).or_insert(0) += 1;
        }
    });
    server.until("/readyz", 200);
    let kept = until_kept(&server.address, &report(0, 5));
    seen(
        "L3",
        &format!(
            "512 MiB of address space, crowds, bombs and long sign-ins at once: {statuses:?} (0: closed), \
         {} MiB resident at most, alive",
            server.kib("VmHWM") >> 10
        ),
    );
    drop(server);
    holds(&place.store(), &[kept]);
}

/// What one of those who take part in an attack does, again and again.
type Blow<'a> = Box<dyn Fn(usize) + Sync + 'a>;

#[test]
fn l4_who_only_reads_is_answered_beside_every_attack() {
    let place = Place::new();
    let server = Server::start(&place.store());
    let begun: Vec<String> = (0..20)
        .map(|n| until_kept(&server.address, &report(n, times(20, 300))))
        .collect();
    let address = server.address.clone();
    let text = measurements(times(500, 20_000));
    let zeros = zstd::bulk::compress(&vec![b' '; 300 << 20], 1).unwrap();
    let packed = format!(
        "Content-Length: {}\r\nContent-Encoding: zstd\r\n",
        zeros.len()
    );
    let get = |path: String| drop(ask(&address, &format!("GET {path} HTTP/1.1"), "", b""));
    let report = |n| drop(post(&address, "/api/v1/reports", &report_of(n, &text)));
    let bomb = || {
        drop(ask(
            &address,
            "POST /api/v1/reports HTTP/1.1",
            &packed,
            &zeros,
        ))
    };
    // The first is none: what a machine that is busy with something else costs a reader.
    let attacks: [(&str, Blow<'_>); 5] = [
        (
            "a busy machine",
            Box::new(|_| drop(super::server::measurements(100))),
        ),
        ("large reports", Box::new(report)),
        ("bombs", Box::new(|_| bomb())),
        ("cold pages", Box::new(|n| get(format!("/changes?q={n}")))),
        (
            "long sign-ins",
            Box::new(|_| drop(post(&address, "/login", &[b'x'; 1 << 20]))),
        ),
    ];
    let attackers = times(4, 16);
    let quiet = answered(&server, times(1, 8));
    let mut told = format!("quiet {quiet}");
    for (name, blow) in &attacks {
        let over = AtomicBool::new(false);
        let count = AtomicUsize::new(1000);
        let beside = std::thread::scope(|s| {
            for _ in 0..attackers {
                s.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        blow(count.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
            let beside = answered(&server, times(1, 8));
            over.store(true, Ordering::Relaxed);
            beside
        });
        told = format!("{told}; {name} {beside}");
    }
    seen(
        "L4",
        &format!("a page beside {attackers} attackers, p50 / p99 in ms: {told}"),
    );
    drop(server);
    holds(&place.store(), &begun);
}

/// Asks for a page again and again for so many seconds, each time on a connection of its own; every
/// time there is an answer. Gives the median and the 99th percentile in ms.
fn answered(server: &Server, seconds: usize) -> String {
    let end = Instant::now() + Duration::from_secs(seconds as u64);
    let mut took = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        assert_eq!(server.get("/").status, 200);
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
        std::thread::sleep(Duration::from_millis(20));
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[(took.len() as f64 * share) as usize];
    format!("{:.1} / {:.1}", at(0.5), at(0.99))
}
