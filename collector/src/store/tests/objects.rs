//! Profiles that lie outside the file: whoever is interrupted, each is in one place or the other.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::{Fixture, report};
use crate::blobs::{Blobs, Directory, Place, Trouble, deliver};
use crate::error::Error;
use crate::model::{ProfileKind, ProfileRef, Report, digest};
use crate::store::log::codec::pack;
use crate::store::{Handed, Keep, Kept, Left, Store};

const NOW: i64 = 1_900_000_000;
const DAY: i64 = 86_400;

fn kept(place: Place) -> Kept {
    Kept {
        place,
        folder: "7f".into(),
    }
}

fn profile(at: u64) -> (String, Vec<u8>) {
    let bytes = format!("[[\"work {at}\",1]]").into_bytes();
    (digest(&bytes), bytes)
}

fn profiled(at: u64) -> (Report, [(String, Vec<u8>); 1]) {
    let mut r = report(at, 'a', &[("b", 1e6)]);
    let blob = profile(at);
    r.profiles.push(ProfileRef {
        benchmark: "b".into(),
        kind: ProfileKind::Functions,
        blob: blob.0.clone(),
    });
    (r, [blob])
}

/// A store of three reports with a profile each, whose profiles are to lie in a directory beside it.
struct Moved {
    f: Fixture,
    dir: PathBuf,
}

impl Moved {
    fn new() -> Self {
        let f = Fixture::new();
        let mut store = f.store();
        for at in 1..=3 {
            let (r, blobs) = profiled(at);
            store.put(&r, &blobs).unwrap();
        }
        let dir = f.path.parent().unwrap().join("profiles");
        let place = Place::Directory(dir.clone());
        store.remember_place(&kept(place), None).unwrap();
        let moved = Self { f, dir };
        moved.place().make().unwrap();
        moved
    }

    fn place(&self) -> Directory {
        Directory::at(self.dir.join("7f"))
    }

    fn store(&self) -> Store {
        let mut store = self.f.store();
        store.attach(Arc::new(self.place()));
        store
    }

    /// Moves all that waits.
    fn all() -> Self {
        let moved = Self::new();
        let mut store = moved.store();
        moved.step(&mut store);
        assert_eq!(counts(&store), (0, 3, 0));
        moved
    }

    fn step(&self, store: &mut Store) {
        let mut there = Vec::new();
        for (hash, bytes) in store.pending("", 100, 1 << 20).unwrap() {
            let bytes = bytes.unwrap();
            deliver(&self.place(), &hash, &bytes).unwrap();
            there.push((hash, bytes.len() as u64));
        }
        let at = store.place().unwrap().unwrap();
        store.moved(&at, &there).unwrap();
    }

    fn file(&self, at: u64) -> PathBuf {
        let hash = profile(at).0;
        self.dir.join("7f").join(&hash[..2]).join(hash)
    }
}

/// Pending, moved, left.
fn counts(store: &Store) -> (u64, u64, u64) {
    let c = store.object_counts().unwrap();
    (c.pending, c.moved, c.left)
}

fn problems(store: &Store) -> Vec<String> {
    store.verify().unwrap().problems
}

/// Replaces what lies in the file under the hash of a profile.
fn spoil(store: &Store, at: u64, packed: &[u8]) {
    let sql = "UPDATE blob SET bytes = ?2 WHERE hash = ?1";
    let changed = store.db.execute(sql, (profile(at).0, packed));
    assert_eq!(changed, Ok(1));
}

#[test]
fn what_is_damaged_in_the_file_is_given_to_nobody_and_is_put_right_when_it_comes_again() {
    let f = Fixture::new();
    let mut store = f.store();
    let (report, blobs) = profiled(1);
    let (hash, bytes) = profile(1);
    store.put(&report, &blobs).unwrap();
    for wrong in [pack(b"another").unwrap(), pack(b"").unwrap(), vec![1, 2, 3]] {
        spoil(&store, 1, &wrong);
        let e = store.blob(&hash).unwrap_err();
        assert!(
            matches!(&e, Error::Store(why) if why.contains(&hash)),
            "{e}"
        );
        assert_eq!(problems(&store).len(), 1);
        store.put(&report, &blobs).unwrap();
        assert_eq!(store.blob(&hash).unwrap(), Some(bytes.clone()));
    }
    assert_eq!(problems(&store), Vec::<String>::new());
}

#[test]
fn one_that_is_damaged_in_the_file_and_whole_elsewhere_is_read_there() {
    let moved = Moved::all();
    let mut store = moved.store();
    let (report, blobs) = profiled(2);
    store.put(&report, &blobs).unwrap();
    assert_eq!(counts(&store), (1, 3, 0));
    spoil(&store, 2, &pack(b"another").unwrap());
    assert_eq!(store.blob(&profile(2).0).unwrap(), Some(profile(2).1));
}

/// Has a profile pruned before it answers that it does not have it.
#[derive(Debug)]
struct Prunes(PathBuf);

impl Blobs for Prunes {
    fn name(&self) -> String {
        "s3://prunes".into()
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<(), Trouble> {
        Ok(())
    }

    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Trouble> {
        prune(&mut Store::open(&self.0).unwrap());
        Ok(None)
    }

    fn remove(&self, _: &str) -> Result<(), Trouble> {
        Ok(())
    }
}

#[test]
fn one_that_is_pruned_while_it_is_fetched_is_not_lost() {
    let moved = Moved::all();
    let mut store = moved.f.store();
    store.attach(Arc::new(Prunes(moved.f.path.clone())));
    assert_eq!(store.blob(&profile(2).0).unwrap(), None);
}

#[test]
fn a_profile_is_read_from_wherever_it_lies() {
    let moved = Moved::new();
    let mut store = moved.store();
    let read = |store: &Store| {
        for at in 1..=3 {
            let (hash, bytes) = profile(at);
            assert_eq!(store.blob(&hash).unwrap(), Some(bytes));
        }
    };
    assert_eq!(counts(&store), (3, 0, 0));
    read(&store);
    // A few at a time, by their bytes too.
    assert_eq!(store.pending("", 2, 1 << 20).unwrap().len(), 2);
    assert_eq!(store.pending("", 100, 1).unwrap().len(), 1);
    moved.step(&mut store);
    assert_eq!(counts(&store), (0, 3, 0));
    assert!(moved.file(2).is_file());
    read(&store);
    let v = store.verify().unwrap();
    assert_eq!((v.blobs, v.objects, v.pending), (3, 3, 0));
    assert_eq!(v.problems, Vec::<String>::new());
    // What is derived depends on neither.
    store.rebuild().unwrap();
    assert_eq!(problems(&store), Vec::<String>::new());
}

#[test]
fn one_that_comes_again_is_known_and_puts_right_what_was_lost_there() {
    let moved = Moved::all();
    let mut store = moved.store();
    let (hash, bytes) = profile(2);
    let blob = json!({ "blob": { "hash": hash, "base64": BASE64.encode(bytes) } });
    let report = serde_json::to_string(&profiled(2).0).unwrap();
    let body = format!("{blob}\n{{\"report\":{report}}}");
    let handed = Handed::read(body.as_bytes()).unwrap();
    assert!(store.holds(&handed, None).unwrap().is_some());
    std::fs::remove_file(moved.file(2)).unwrap();
    assert_eq!(problems(&store).len(), 1);
    let (r, blobs) = profiled(2);
    store.put(&r, &blobs).unwrap();
    assert_eq!(counts(&store), (1, 3, 0));
    moved.step(&mut store);
    assert_eq!(counts(&store), (0, 3, 0));
    assert_eq!(problems(&store), Vec::<String>::new());
}

#[test]
fn verify_names_what_is_missing_or_is_another_and_says_what_it_could_not_read() {
    let moved = Moved::all();
    let store = moved.store();
    std::fs::remove_file(moved.file(1)).unwrap();
    std::fs::write(moved.file(2), b"another").unwrap();
    let found = problems(&store);
    assert_eq!(found.len(), 2, "{found:?}");
    for at in [1, 2] {
        let (hash, _) = profile(at);
        assert!(found.iter().any(|p| p.contains(&hash)), "{found:?}");
        // Neither is an empty profile.
        let e = store.blob(&hash).unwrap_err();
        assert!(matches!(e, Error::Store(_)), "{e}");
    }
    std::fs::rename(&moved.dir, moved.dir.with_extension("away")).unwrap();
    let found = problems(&store);
    assert!(
        found.len() == 1 && found[0].starts_with("3 profiles were not read: "),
        "{found:?}"
    );
    let e = store.blob(&profile(3).0).unwrap_err();
    assert!(matches!(e, Error::Objects(_)), "{e}");
    // Whoever did not open the place is told where it is.
    let e = moved.f.store().blob(&profile(3).0).unwrap_err();
    assert!(e.to_string().contains("profiles/7f"), "{e}");
}

#[test]
fn an_export_brings_what_lies_elsewhere_or_fails() {
    let moved = Moved::all();
    let mut lines = Vec::new();
    assert_eq!(
        moved.store().export(&mut lines).unwrap(),
        Vec::<String>::new()
    );
    let other = Fixture::new();
    let mut store = other.store();
    store.import(&mut &lines[..]).unwrap();
    assert_eq!(store.verify().unwrap().blobs, 3);
    std::fs::rename(&moved.dir, moved.dir.with_extension("away")).unwrap();
    let e = moved.store().export(&mut Vec::new()).unwrap_err();
    assert!(matches!(e, Error::Objects(_)), "{e}");
}

#[test]
fn a_backup_is_restored_whether_the_place_can_be_reached_or_not() {
    let moved = Moved::all();
    let (file, to) = (
        moved.f.path.with_extension("copy"),
        moved.f.path.with_extension("new"),
    );
    moved.store().backup(&file).unwrap();
    std::fs::rename(&moved.dir, moved.dir.with_extension("away")).unwrap();
    let v = Store::restore(&file, &to, false).unwrap();
    assert_eq!((v.reports, v.blobs), (3, 0));
    let restored = Store::open(&to).unwrap();
    assert_eq!(counts(&restored), (0, 3, 0));
    assert_eq!(restored.place().unwrap(), moved.store().place().unwrap());
}

#[test]
fn a_copy_removes_nothing_of_the_store_that_was_copied_unless_that_is_gone() {
    let moved = Moved::all();
    let at = |name: &str| moved.f.path.with_extension(name);
    moved.store().backup(&at("copy")).unwrap();
    Store::restore(&at("copy"), &at("new"), false).unwrap();
    for name in ["copy", "new"] {
        let mut copy = Store::open(&at(name)).unwrap();
        copy.attach(Arc::new(moved.place()));
        assert!(copy.borrows().unwrap());
        prune(&mut copy);
        assert_eq!(copy.remove_left().unwrap(), Left::default());
        assert_eq!(counts(&copy), (0, 0, 0));
    }
    assert_eq!(problems(&moved.store()), Vec::<String>::new());
    Store::restore(&at("copy"), &at("instead"), true).unwrap();
    let mut instead = Store::open(&at("instead")).unwrap();
    instead.attach(Arc::new(moved.place()));
    assert_eq!(instead.remove_left().unwrap().removed, 3);
}

/// Lets everything go that has a profile.
fn prune(store: &mut Store) {
    let keep = Keep {
        profiles: Some(1),
        ..Keep::default()
    };
    let now = NOW + 10 * DAY;
    let plan = store.plan_pruning(&keep, now).unwrap();
    assert_eq!(store.prunable(&plan).unwrap().profiles, 3);
    assert_eq!(store.prune(&plan, "t", now).unwrap().profiles, 3);
}

#[test]
fn what_is_pruned_is_removed_there_too() {
    let moved = Moved::all();
    let mut store = moved.store();
    prune(&mut store);
    assert_eq!(counts(&store), (0, 0, 3));
    assert_eq!(store.blob(&profile(1).0).unwrap(), None);
    assert!(store.pruned_profile(&profile(1).0).unwrap().is_some());
    // Not while another moves and removes, and not while the place is away.
    let held = store.mover().unwrap().unwrap();
    let left = store.remove_left().unwrap();
    assert_eq!((left.removed, left.left), (0, 3));
    drop(held);
    let away = moved.dir.with_extension("away");
    std::fs::rename(&moved.dir, &away).unwrap();
    let left = store.remove_left().unwrap();
    assert_eq!((left.removed, left.left), (0, 3));
    assert!(left.why.contains("mounted"), "{}", left.why);
    std::fs::rename(&away, &moved.dir).unwrap();
    let done = store.remove_left().unwrap();
    assert_eq!(
        done,
        Left {
            removed: 3,
            ..Left::default()
        }
    );
    assert_eq!(counts(&store), (0, 0, 0));
    assert!(!moved.file(1).exists());
    let v = store.verify().unwrap();
    assert_eq!((v.pruned, v.problems), (3, vec![]));
}

#[test]
fn one_that_is_pruned_while_it_is_moved_is_removed_whatever_happens_next() {
    // Put, and killed before it was noted.
    let moved = Moved::new();
    let mut store = moved.store();
    let (hash, bytes) = profile(1);
    deliver(&moved.place(), &hash, &bytes).unwrap();
    prune(&mut store);
    assert_eq!(counts(&store), (0, 0, 3));
    store.remove_left().unwrap();
    assert!(!moved.file(1).exists());
    // Removed, and then put by whoever still had its bytes.
    deliver(&moved.place(), &hash, &bytes).unwrap();
    let at = store.place().unwrap().unwrap();
    store.moved(&at, &[(hash, bytes.len() as u64)]).unwrap();
    assert_eq!(counts(&store), (0, 0, 1));
    store.remove_left().unwrap();
    assert!(!moved.file(1).exists());
    assert_eq!(counts(&store), (0, 0, 0));
}

#[test]
fn one_that_was_pruned_and_comes_again_stays() {
    let moved = Moved::all();
    let mut store = moved.store();
    prune(&mut store);
    let mut late = report(9, 'a', &[("b", 1e6)]);
    late.profiles = profiled(1).0.profiles;
    store.put(&late, &[profile(1)]).unwrap();
    moved.step(&mut store);
    assert_eq!(counts(&store), (0, 1, 2));
    store.remove_left().unwrap();
    assert_eq!(store.blob(&profile(1).0).unwrap(), Some(profile(1).1));
    assert_eq!(problems(&store), Vec::<String>::new());
}

#[test]
fn one_that_is_damaged_in_the_file_is_not_moved() {
    let moved = Moved::new();
    let store = moved.store();
    spoil(&store, 2, &pack(b"another").unwrap());
    let waiting = store.pending("", 100, 1 << 20).unwrap();
    let bad = waiting.iter().filter(|(_, b)| b.is_err());
    let bad: Vec<_> = bad.collect();
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].0, profile(2).0);
    assert!(matches!(&bad[0].1, Err(Trouble::Damaged(_))));
}
