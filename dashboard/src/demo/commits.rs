//! The invented commits, and where they were measured.

use collector::model::{Commit, Sha, Testbed, digest};

use crate::demo::happenings::{HAPPENINGS, NEW_KERNEL, NEW_RUSTC, PACE};
use crate::demo::names::{AUTHORS, SUBJECTS};
use crate::demo::size::Size;

/// The name of the commit at a position.
#[must_use]
pub fn sha(position: u64) -> Sha {
    let mut text = digest(format!("uptick demo {position}").as_bytes());
    text.truncate(40);
    Sha(text)
}

pub(super) fn commit(size: Size, position: u64) -> Commit {
    let ago = size.commits - 1 - position;
    let happened = HAPPENINGS.iter().find(|h| h.ago == ago);
    let pick = hash(&format!("{position}"));
    let subject = match (happened, ago) {
        (Some(h), _) => h.subject.into(),
        (None, a) if a == NEW_RUSTC - 1 => "Build with Rust 1.95".into(),
        (None, 17) => {
            "Say <script>alert('hello')</script> in the docs of `escape` \u{202e}gpj".into()
        }
        _ => SUBJECTS[(pick % SUBJECTS.len() as u64) as usize].to_string(),
    };
    let author = happened.map_or((pick >> 8) as usize % AUTHORS.len(), |h| h.author);
    Commit {
        sha: sha(position),
        position,
        parents: if position == 0 {
            vec![]
        } else {
            vec![sha(position - 1)]
        },
        author: AUTHORS[author].into(),
        // Some commits a day, at odd times, the newest an hour ago.
        time: size.now - 3_600 - ago as i64 * (86_400 / PACE) * 10 + (pick % 4000).cast_signed()
            - 2000,
        subject,
    }
}

pub(super) fn testbed(ago: u64) -> Testbed {
    let rustc = if ago < NEW_RUSTC { "1.95.0" } else { "1.94.1" };
    let kernel = if ago < NEW_KERNEL { "6.12" } else { "6.1" };
    let facts = [
        ("arch", "x86_64"),
        ("cpu", "AMD EPYC 7763"),
        ("guest_cpu", "avx2"),
        ("cores", "4"),
        ("kernel", kernel),
        ("libc", "glibc 2.36"),
        ("rustc", rustc),
        ("profile", "bench"),
        ("valgrind", "3.19.0"),
        ("strings", "pinned"),
        ("protocol", "1"),
    ];
    Testbed {
        facts: facts
            .into_iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect(),
    }
}

/// A number that a text always gives.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
