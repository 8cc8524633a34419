//! Profiles of several nodes in one place outside their log: whoever moves or removes them, and
//! however late a node hears of it, each is in one place or the other.

use std::path::Path;
use std::sync::Arc;

use collector::blobs::{Blobs, Directory, Place, Shared as Outside, deliver};
use collector::remote::objects;

use super::*;

const FILE: &str = "project/outside";

struct Nodes {
    cluster: Cluster,
    dir: tempfile::TempDir,
}

impl Nodes {
    fn new() -> Self {
        Self {
            cluster: Cluster::new(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn profiles(&self) -> std::path::PathBuf {
        self.dir.path().join("profiles")
    }

    fn place(&self) -> Place {
        Place::Directory(self.profiles())
    }

    /// A node of that name, which has everything by then and names the place.
    fn node(&self, name: &str) -> Store {
        let mut store = self.early(name);
        objects::settle(&mut store, &self.place()).unwrap();
        objects::attach(&mut store, 3).unwrap();
        store
    }

    /// One that names no place.
    fn early(&self, name: &str) -> Store {
        let log = Log::open(&self.cluster.address("postgres")).unwrap();
        let mut store = Store::open(&self.dir.path().join(name)).unwrap();
        store.share(log.file(FILE), FILE).unwrap();
        store.follow().unwrap();
        store.derive().unwrap();
        store
    }
}

fn blob(n: u64) -> (String, Vec<u8>) {
    let bytes = format!("[[\"work {n}\",1]]").into_bytes();
    (digest(&bytes), bytes)
}

/// A report that names the profile of another number.
fn hand_in(store: &mut Store, n: u64, of: u64) {
    let mut report = report(n, 5.0);
    let (hash, bytes) = blob(of);
    report.profiles.push(ProfileRef {
        benchmark: "parse".into(),
        kind: ProfileKind::Functions,
        blob: hash.clone(),
    });
    store.put(&report, &[(hash, bytes)]).unwrap();
}

/// Puts all that waits; gives what the log is to be told then.
fn put(store: &Store) -> Vec<(String, u64)> {
    let place = directory(store);
    let waiting = store.pending("", 100, 1 << 20).unwrap();
    let there = waiting.into_iter().map(|(hash, bytes)| {
        let bytes = bytes.unwrap();
        deliver(&place, &hash, &bytes).unwrap();
        (hash, bytes.len() as u64)
    });
    there.collect()
}

fn directory(store: &Store) -> Directory {
    match store.place().unwrap().unwrap().whole() {
        Place::Directory(path) => Directory::at(path),
        Place::Bucket { .. } => panic!("a directory"),
    }
}

fn moved(store: &mut Store, there: &[(String, u64)]) {
    let at = store.place().unwrap().unwrap();
    store.moved(&at, there).unwrap();
}

fn counts(store: &Store) -> (u64, u64, u64) {
    let c = store.object_counts().unwrap();
    (c.pending, c.moved, c.left)
}

fn is_whole(store: &Store) {
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

#[track_caller]
fn reads(store: &Store, n: u64) {
    assert_eq!(store.blob(&blob(n).0).unwrap(), Some(blob(n).1));
}

/// Has all profiles of before pruned, as if it were ten days later.
fn prune(store: &mut Store) {
    let keep = Keep {
        profiles: Some(1),
        branches: None,
        main: None,
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let later = now.cast_signed() + 10 * 86_400;
    let plan = store.plan_pruning(&keep, later).unwrap();
    while !store.prune(&plan, "p", later).unwrap().is_empty() {}
}

#[test]
fn nodes_that_name_a_place_at_once_have_one_folder() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let (mut a, mut b) = (nodes.early("a"), nodes.early("b"));
    std::thread::scope(|s| {
        for store in [&mut a, &mut b] {
            s.spawn(|| objects::settle(store, &nodes.place()).unwrap());
        }
    });
    a.follow().unwrap();
    b.follow().unwrap();
    assert!(a.place().unwrap().is_some());
    assert_eq!(a.place().unwrap(), b.place().unwrap());
    // One that names none finds it in the log.
    assert_eq!(nodes.early("c").place().unwrap(), a.place().unwrap());
    // An older program would take them for lost, and is refused.
    assert_eq!(
        nodes.cluster.sql("SELECT least FROM uptick.about").trim(),
        "3"
    );
}

#[test]
fn what_one_node_moves_every_other_reads() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let (mut a, mut b) = (nodes.node("a"), nodes.node("b"));
    hand_in(&mut a, 1, 1);
    hand_in(&mut b, 2, 2);
    a.follow().unwrap();
    reads(&a, 2);
    assert_eq!(counts(&a), (2, 0, 0));
    // The first puts them and dies; the second does it again, and the first wakes up after all.
    let late = put(&a);
    let there = put(&b);
    assert_eq!(late, there);
    moved(&mut b, &there);
    moved(&mut a, &late);
    for store in [&mut a, &mut b] {
        store.follow().unwrap();
        assert_eq!(counts(store), (0, 2, 0));
        reads(store, 1);
        reads(store, 2);
        is_whole(store);
    }
    // The log has none of their bytes any more, and a new node gets none.
    let left = "SELECT count(*) FROM uptick.blob WHERE bytes IS NOT NULL";
    assert_eq!(nodes.cluster.sql(left).trim(), "0");
    let c = nodes.node("c");
    reads(&c, 1);
    is_whole(&c);
    assert_eq!(export(&c), export(&a));
}

#[test]
fn whoever_removes_late_removes_nothing_that_came_again() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let (mut a, mut b) = (nodes.node("a"), nodes.node("b"));
    hand_in(&mut a, 1, 7);
    let there = put(&a);
    moved(&mut a, &there);
    b.follow().unwrap();
    b.derive().unwrap();
    prune(&mut a);
    let asleep = a.left(10).unwrap();
    assert_eq!(asleep, [blob(7).0]);
    assert_eq!(a.remove_left().unwrap().removed, 1);
    // The other has not heard of it: it says that it does not know, and then does.
    let why = b.blob(&blob(7).0).unwrap_err();
    assert!(
        matches!(&why, Error::Objects(w) if w.contains("not as far")),
        "{why}"
    );
    b.follow().unwrap();
    b.derive().unwrap();
    assert_eq!(b.blob(&blob(7).0).unwrap(), None);
    assert_eq!(counts(&b), (0, 0, 0));
    // It comes again. Whoever was stopped before it removed the first one goes on now.
    hand_in(&mut b, 2, 7);
    assert!(b.pending("", 10, 1 << 20).unwrap().is_empty());
    directory(&a).remove(&asleep[0]).unwrap();
    let at = a.place().unwrap().unwrap();
    assert!(a.removed(&at, &asleep).unwrap());
    a.derive().unwrap();
    for store in [&a, &b] {
        reads(store, 7);
        is_whole(store);
    }
    // A week later nobody can be so late.
    b.follow().unwrap();
    let week = "UPDATE object_gone SET at = at - 8 * 86400";
    for name in ["a", "b"] {
        let db = rusqlite::Connection::open(nodes.dir.path().join(name)).unwrap();
        assert_eq!(db.execute(week, []).unwrap(), 1);
    }
    let there = put(&b);
    assert_eq!(there.len(), 1);
    moved(&mut b, &there);
    a.follow().unwrap();
    for store in [&a, &b] {
        assert_eq!(counts(store), (0, 1, 0));
        reads(store, 7);
        is_whole(store);
    }
}

#[test]
fn one_that_is_pruned_while_another_node_moves_it_is_removed() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let (mut a, mut b) = (nodes.node("a"), nodes.node("b"));
    hand_in(&mut a, 1, 7);
    b.follow().unwrap();
    b.derive().unwrap();
    let late = put(&a);
    prune(&mut b);
    assert_eq!(b.remove_left().unwrap().removed, 1);
    // What is put after it was removed is left there, and known to be.
    deliver(&directory(&a), &blob(7).0, &blob(7).1).unwrap();
    moved(&mut a, &late);
    assert_eq!(counts(&a), (0, 0, 1));
    assert_eq!(a.remove_left().unwrap().removed, 1);
    assert_eq!(directory(&a).get(&blob(7).0), Ok(None));
    // Also where it came again in between: those bytes stay in the log.
    hand_in(&mut b, 2, 7);
    moved(&mut a, &late);
    b.follow().unwrap();
    assert_eq!(counts(&b), (0, 0, 1));
    a.remove_left().unwrap();
    b.follow().unwrap();
    reads(&b, 7);
    is_whole(&b);
}

#[test]
fn what_is_put_into_a_place_that_was_given_up_stays_in_the_log() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let (mut a, mut b) = (nodes.node("a"), nodes.node("b"));
    hand_in(&mut a, 1, 1);
    let there = put(&a);
    moved(&mut a, &there);
    hand_in(&mut a, 2, 2);
    let (at, there) = (a.place().unwrap().unwrap(), put(&a));
    let path = nodes.dir.path().join("other");
    let copied = Directory::at(path.join(&at.folder));
    Directory::at(path.clone()).make().unwrap();
    copied.make().unwrap();
    deliver(&copied, &blob(1).0, &blob(1).1).unwrap();
    b.follow().unwrap();
    objects::settle(&mut b, &Place::Directory(path.clone())).unwrap();
    a.moved(&at, &there).unwrap();
    assert!(!a.removed(&at, &[blob(1).0]).unwrap());
    a.follow().unwrap();
    assert_eq!(a.place().unwrap().unwrap().place, Place::Directory(path));
    assert_eq!(counts(&a), (1, 1, 0));
    reads(&a, 2);
}

#[test]
fn a_place_that_nobody_copied_to_is_not_taken() {
    let nodes = Nodes::new();
    let other = nodes.dir.path().join("other");
    for path in [nodes.profiles(), other.clone()] {
        Directory::at(path).make().unwrap();
    }
    let (mut a, mut b) = (nodes.node("a"), nodes.node("b"));
    let at = a.place().unwrap();
    let mut refused = |says: &str| {
        b.follow().unwrap();
        let why = objects::settle(&mut b, &Place::Directory(other.clone())).unwrap_err();
        let place = nodes.place().to_string();
        assert!(
            matches!(&why, Error::Usage(w) if w.contains(says) && w.contains(&place)),
            "{why}"
        );
    };
    refused("the first that named a place decided");
    // What waits in the log is no reason either.
    hand_in(&mut a, 1, 1);
    refused("the first that named a place decided");
    let there = put(&a);
    moved(&mut a, &there);
    refused("copy the folder");
    assert_eq!((a.place().unwrap(), b.place().unwrap()), (at.clone(), at));
}

#[test]
fn a_directory_that_the_other_nodes_do_not_have_is_refused() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let mut a = nodes.node("a");
    let folder = a.place().unwrap().unwrap().folder;
    // As on another machine, where it is made at the start.
    std::fs::rename(nodes.profiles(), nodes.dir.path().join("aside")).unwrap();
    objects::settle(&mut a, &nodes.place()).unwrap();
    Directory::at(nodes.profiles()).make().unwrap();
    let why = objects::settle(&mut a, &nodes.place()).unwrap_err();
    assert!(
        matches!(&why, Error::Usage(w) if w.contains(&folder) && w.contains("all nodes")),
        "{why}"
    );
}

/// A store that has profiles outside moves into a log with them; made a store by itself again, it
/// reads what is the log's and removes none of it.
#[test]
fn a_store_that_has_profiles_outside_moves_there_and_back() {
    let nodes = Nodes::new();
    Directory::at(nodes.profiles()).make().unwrap();
    let path = nodes.dir.path().join("a");
    let mut alone = Store::open(&path).unwrap();
    objects::settle(&mut alone, &nodes.place()).unwrap();
    for n in 1..=3 {
        hand_in(&mut alone, n, n);
    }
    let there = put(&alone);
    moved(&mut alone, &there[..2]);
    drop(alone);
    let mut a = nodes.node("a");
    let mut b = nodes.node("b");
    assert_eq!((counts(&a), counts(&b)), ((1, 2, 0), (1, 2, 0)));
    (1..=3).for_each(|n| reads(&b, n));
    is_whole(&b);
    assert_eq!(a.place().unwrap(), b.place().unwrap());
    drop(a);
    assert!(Store::detach(&path).unwrap());
    a = Store::open(&path).unwrap();
    attach(&mut a, &nodes.profiles());
    assert!(a.borrows().unwrap() && !b.borrows().unwrap());
    prune(&mut a);
    assert_eq!(a.remove_left().unwrap().removed, 0);
    b.follow().unwrap();
    (1..=3).for_each(|n| reads(&b, n));
}

fn attach(store: &mut Store, profiles: &Path) {
    let folder = store.place().unwrap().unwrap().folder;
    let place: Outside = Arc::new(Directory::at(profiles.join(folder)));
    store.attach(place);
}
