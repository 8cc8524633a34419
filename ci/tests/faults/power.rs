//! Power cuts (D3): what a server writes is recorded with strace, and the disk is put together as
//! it may lie after a cut at any moment: what was synced, and of the rest nothing, some, or half.

use std::collections::HashMap;
use std::path::Path;

use collector::stats::SplitMix64;

use super::server::{Place, Server, has, holds, keeps, report, seen, times};

/// Calls that change the store's files, make them durable, or acknowledge something.
const CALLS: &str = "trace=pwrite64,ftruncate,fdatasync,fsync,write,writev,sendto";
/// A disk writes a sector whole or not at all.
const SECTOR: usize = 512;

/// The store's file, or the log in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum File {
    Store,
    Wal,
}

#[derive(Clone, Debug)]
enum Event {
    Write(File, usize, Vec<u8>),
    Truncate(File, usize),
    /// Everything before that event is durable in this file.
    Sync(File, usize),
    Acknowledged(String),
}

/// What strace wrote, as events in their order.
#[derive(Default)]
struct Recording {
    events: Vec<Event>,
    /// Syncs under way, by thread: the file, and the events before it.
    syncing: HashMap<String, (File, usize)>,
}

impl Recording {
    fn read(log: &Path) -> Self {
        let mut out = Self::default();
        for line in std::fs::read_to_string(log).unwrap().lines() {
            if let Some((thread, call)) = line.split_once(' ') {
                out.line(thread, call.trim_start());
            }
        }
        out
    }

    fn line(&mut self, thread: &str, call: &str) {
        if let Some(rest) = call.strip_prefix("<... ") {
            let is_sync = rest.starts_with("fdatasync") || rest.starts_with("fsync");
            if is_sync && let Some((file, covers)) = self.syncing.remove(thread) {
                self.events.push(Event::Sync(file, covers));
            }
            return;
        }
        let Some((name, arguments)) = call.split_once('(') else {
            return;
        };
        match (name, file(arguments)) {
            ("fdatasync" | "fsync", Some(file)) if call.contains("<unfinished") => {
                self.syncing
                    .insert(thread.to_string(), (file, self.events.len()));
            }
            ("fdatasync" | "fsync", Some(file)) => {
                self.events.push(Event::Sync(file, self.events.len()));
            }
            ("pwrite64", Some(file)) => {
                let (bytes, rest) = quoted(arguments);
                let at = number(rest, 2);
                self.events.push(Event::Write(file, at, bytes));
            }
            ("ftruncate", Some(file)) => {
                self.events
                    .push(Event::Truncate(file, number(arguments, 1)));
            }
            ("write" | "writev" | "sendto", None) => self.answer(arguments),
            _ => {}
        }
    }

    /// An answer that goes out: from here on its report must not be lost.
    fn answer(&mut self, mut arguments: &str) {
        while arguments.contains('"') {
            let (bytes, rest) = quoted(arguments);
            let text = String::from_utf8_lossy(&bytes);
            if text.contains("uptick.received/1")
                && let Some((_, after)) = text.split_once("\"hash\":\"")
            {
                self.events
                    .push(Event::Acknowledged(after[..64].to_string()));
            }
            arguments = rest;
        }
    }
}

/// Which of the store's files a descriptor is: `9</tmp/x/s.db-wal>`, in hexadecimal.
fn file(arguments: &str) -> Option<File> {
    let path = arguments.split_once('<')?.1.split_once('>')?.0;
    let path = String::from_utf8(unescaped(path)).ok()?;
    match path {
        p if p.ends_with("/s.db") => Some(File::Store),
        p if p.ends_with("/s.db-wal") => Some(File::Wal),
        _ => None,
    }
}

/// The bytes of `\x73\x2e\x64\x62`.
fn unescaped(text: &str) -> Vec<u8> {
    let byte = |hex: &str| u8::from_str_radix(&hex[..2], 16).unwrap();
    text.split("\\x").skip(1).map(byte).collect()
}

/// The first quoted text, and what follows it: `"\x00\x01", 2, 0`.
fn quoted(text: &str) -> (Vec<u8>, &str) {
    let Some((_, after)) = text.split_once('"') else {
        return (Vec::new(), "");
    };
    let (inside, rest) = after.split_once('"').unwrap();
    assert!(!rest.starts_with("..."), "strace cut a text");
    (unescaped(inside), rest)
}

/// The n-th argument of a call.
fn number(arguments: &str, n: usize) -> usize {
    let word = arguments.split(", ").nth(n).unwrap();
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// What becomes of what was written and not synced.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Some,
    Torn,
}

/// A file after a cut.
fn image(
    events: &[Event],
    of: File,
    mut bytes: Vec<u8>,
    (fate, dice): (Fate, &mut SplitMix64),
) -> Vec<u8> {
    let covers = events.iter().filter_map(|e| match e {
        Event::Sync(file, covers) if *file == of => Some(*covers),
        _ => None,
    });
    let durable = covers.max().unwrap_or(0);
    for (i, event) in events.iter().enumerate() {
        let kept = i < durable || !matches!(fate, Fate::Lost) && dice.below(2) == 0;
        match event {
            Event::Write(file, at, new) if *file == of && kept => {
                let torn = i >= durable && matches!(fate, Fate::Torn);
                let whole = new.len().div_ceil(SECTOR);
                let n = match torn {
                    true => (dice.below(whole + 1) * SECTOR).min(new.len()),
                    false => new.len(),
                };
                if bytes.len() < at + n {
                    bytes.resize(at + n, 0);
                }
                bytes[*at..at + n].copy_from_slice(&new[..n]);
            }
            Event::Truncate(file, n) if *file == of && kept => bytes.resize(*n, 0),
            _ => {}
        }
    }
    bytes
}

#[test]
fn d3_a_power_cut_loses_nothing_that_was_acknowledged() {
    if !has("D3", "strace") {
        return;
    }
    let place = Place::new();
    let before = std::fs::read(place.store()).unwrap();
    let log = place.dir().join("strace");
    let by = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "1000000",
        "-e",
        CALLS,
        "-e",
        "signal=none",
        "-o",
    ];
    let by: Vec<&str> = by.into_iter().chain([log.to_str().unwrap()]).collect();
    let server = Server::under(&by, &place.store(), &[]);
    for n in 0..times(12, 16) {
        // Large enough now and then that the log is copied into the store's file.
        let numbers = if n % 3 == 2 { 4_000 } else { 10 };
        assert_eq!(server.post(&report(n, numbers)).unwrap().status, 201);
    }
    drop(server);
    let recording = Recording::read(&log);
    let is_sync = |of: File| move |e: &Event| matches!(e, Event::Sync(file, _) if *file == of);
    for file in [File::Store, File::Wal] {
        assert!(
            recording.events.iter().any(is_sync(file)),
            "{file:?} is never synced"
        );
    }
    let cuts = times(30, 400);
    let mut dice = SplitMix64::new(3);
    let mut acknowledged = 0;
    for i in 0..cuts {
        let fate = [Fate::Lost, Fate::Some, Fate::Torn][i % 3];
        let events = &recording.events[..dice.below(recording.events.len() + 1)];
        let after = Place::new();
        let store = image(events, File::Store, before.clone(), (fate, &mut dice));
        std::fs::write(after.store(), store).unwrap();
        let wal = image(events, File::Wal, Vec::new(), (fate, &mut dice));
        std::fs::write(after.dir().join("s.db-wal"), wal).unwrap();
        let said: Vec<String> = events
            .iter()
            .filter_map(|e| match e {
                Event::Acknowledged(hash) => Some(hash.clone()),
                _ => None,
            })
            .collect();
        acknowledged += said.len();
        // Deriving everything once more takes longest, and is done of every tenth.
        match i % 10 {
            0 => holds(&after.store(), &said),
            _ => keeps(&after.store(), &said),
        }
    }
    assert!(acknowledged > cuts);
    seen(
        "D3",
        &format!(
            "{cuts} power cuts among {} writes and syncs (the rest lost, some of it kept, torn at 512 \
         bytes): {acknowledged} acknowledged, 0 lost, 0 corrupt",
            recording.events.len()
        ),
    );
}
