//! What everything that keeps profiles must do: one suite, and the directory's own cases.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::*;

/// The contract. `spoil` replaces what lies there under a name.
pub(crate) fn contract(blobs: &dyn Blobs, spoil: &dyn Fn(&str, &[u8])) {
    blobs.make().unwrap();
    let (one, two) = (b"one profile".to_vec(), vec![7u8; 300_000]);
    let (first, second) = (digest(&one), digest(&two));
    // Nothing is there.
    assert_eq!(blobs.get(&first), Ok(None));
    assert_eq!(blobs.remove(&first), Ok(()));
    // What is put is got, twice as well as once.
    for _ in 0..2 {
        assert_eq!(blobs.put(&first, &one), Ok(()));
        assert_eq!(blobs.get(&first), Ok(Some(one.clone())));
    }
    assert_eq!(blobs.put(&second, &two), Ok(()));
    assert_eq!(blobs.get(&second), Ok(Some(two.clone())));
    assert_eq!(blobs.put(&digest(b""), b""), Ok(()));
    assert_eq!(blobs.get(&digest(b"")), Ok(Some(vec![])));
    // What does not have its hash is neither taken nor given, and is put right.
    let lie = blobs.put(&first, &two);
    assert!(matches!(lie, Err(Trouble::Damaged(_))), "{lie:?}");
    assert_eq!(blobs.get(&first), Ok(Some(one.clone())));
    for wrong in [&b"another"[..], &one[..5], b""] {
        spoil(&first, wrong);
        let got = blobs.get(&first);
        assert!(
            matches!(&got, Err(Trouble::Damaged(why)) if why.contains(&first)),
            "{got:?}"
        );
        assert_eq!(blobs.put(&first, &one), Ok(()));
        assert_eq!(blobs.get(&first), Ok(Some(one.clone())));
    }
    for name in NAMES {
        assert!(blobs.put(name, &one).is_err(), "{name}");
    }
    // What is removed is gone, and comes again.
    assert_eq!(blobs.remove(&second), Ok(()));
    assert_eq!(blobs.remove(&second), Ok(()));
    assert_eq!(blobs.get(&second), Ok(None));
    assert_eq!(deliver(blobs, &second, &two), Ok(()));
    assert_eq!(probe(blobs, "contract"), Ok(vec![]));
}

/// What is no hash, and a way elsewhere.
const NAMES: [&str; 4] = [
    "",
    "../../etc/passwd",
    "3FDBA35F04DC8C462986C992BCF875546257113072A909C162F7E470E581E278",
    "3fdba35f04dc8c462986c992bcf875546257113072a909c162f7e470e581e27",
];

/// Where a name is part of a path, it is a hash and nothing else.
pub(crate) fn only_hashes(blobs: &dyn Blobs) {
    for name in NAMES {
        assert!(blobs.get(name).is_err(), "{name}");
        assert!(blobs.remove(name).is_err(), "{name}");
    }
}

fn directory(dir: &tempfile::TempDir) -> Directory {
    Directory::at(dir.path().join("profiles"))
}

#[test]
fn a_directory_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let spoil = |hash: &str, bytes: &[u8]| {
        let file = dir.path().join("profiles").join(&hash[..2]).join(hash);
        std::fs::write(file, bytes).unwrap();
    };
    contract(&directory(&dir), &spoil);
    only_hashes(&directory(&dir));
}

#[test]
fn a_directory_that_is_not_mounted_is_away_and_is_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = directory(&dir);
    let hash = digest(b"x");
    let away = |done: Result<(), Trouble>| {
        assert!(
            matches!(&done, Err(Trouble::Away(why)) if why.contains("mounted")),
            "{done:?}"
        );
    };
    away(blobs.put(&hash, b"x"));
    away(blobs.get(&hash).map(|_| ()));
    away(blobs.remove(&hash));
    assert!(!dir.path().join("profiles").exists());
    blobs.make().unwrap();
    blobs.put(&hash, b"x").unwrap();
    std::fs::rename(dir.path().join("profiles"), dir.path().join("aside")).unwrap();
    away(blobs.get(&hash).map(|_| ()));
    away(blobs.put(&hash, b"x"));
    assert!(!dir.path().join("profiles").exists());
    // The empty directory that the disk is mounted on is not it either.
    std::fs::create_dir(dir.path().join("profiles")).unwrap();
    away(blobs.get(&hash).map(|_| ()));
    away(blobs.put(&hash, b"x"));
    away(blobs.sweep(Duration::ZERO));
}

#[test]
fn writers_of_one_profile_leave_one_whole_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Arc::new(directory(&dir));
    blobs.make().unwrap();
    let bytes = vec![3u8; 2 << 20];
    let hash = digest(&bytes);
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                blobs.put(&hash, &bytes).unwrap();
                // Whoever looks meanwhile sees nothing or all of it.
                assert_eq!(blobs.get(&hash).unwrap().as_deref(), Some(&bytes[..]));
            });
        }
    });
    let folder = dir.path().join("profiles").join(&hash[..2]);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert_eq!(files.len(), 1);
    let mode = files[0]
        .as_ref()
        .unwrap()
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o600, 0o600);
}

#[test]
fn what_a_killed_writer_left_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = directory(&dir);
    blobs.make().unwrap();
    let hash = digest(b"x");
    blobs.put(&hash, b"x").unwrap();
    let folder = dir.path().join("profiles").join(&hash[..2]);
    std::fs::write(folder.join(".half-7f"), b"half").unwrap();
    blobs.sweep(Duration::from_secs(3_600)).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    blobs.sweep(Duration::ZERO).unwrap();
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().collect();
    assert_eq!(names.len(), 1);
    assert_eq!(blobs.get(&hash), Ok(Some(b"x".to_vec())));
}

/// Counts who asks, and does not answer.
#[derive(Debug, Default)]
struct Hangs {
    asked: AtomicUsize,
}

impl Blobs for Hangs {
    fn name(&self) -> String {
        "s3://hangs".into()
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<(), Trouble> {
        Ok(())
    }

    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Trouble> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(300));
        Err(Trouble::Away("it did not answer in time".into()))
    }

    fn remove(&self, hash: &str) -> Result<(), Trouble> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match hash {
            "one that goes" => Ok(()),
            _ => Err(Trouble::Away("it did not answer in time".into())),
        }
    }
}

#[test]
fn of_many_that_cannot_be_removed_a_few_are_tried() {
    let hangs = Arc::new(Hangs::default());
    let place: Shared = hangs.clone();
    let mut all = vec!["one that goes".to_owned()];
    all.extend((0..200).map(|n| n.to_string()));
    let (gone, why) = remove_all(&place, &all, 4);
    assert_eq!(gone, all[..1]);
    assert!(matches!(why, Some(Trouble::Away(_))), "{why:?}");
    assert!(hangs.asked.load(Ordering::SeqCst) <= 1 + ENOUGH + 3);
}

#[test]
fn of_many_readers_a_few_wait_for_what_does_not_answer() {
    let hangs = Arc::new(Hangs::default());
    let patient = Patient::new(hangs.clone(), 3);
    let start = Barrier::new(10);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                start.wait();
                assert!(matches!(patient.get(&digest(b"x")), Err(Trouble::Away(_))));
            });
        }
    });
    assert_eq!(hangs.asked.load(Ordering::SeqCst), 3);
    // Whoever comes next is told at once.
    let begin = std::time::Instant::now();
    assert!(patient.get(&digest(b"x")).is_err());
    assert!(begin.elapsed().as_millis() < 200);
    assert_eq!(hangs.asked.load(Ordering::SeqCst), 3);
}
