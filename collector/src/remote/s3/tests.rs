//! A bucket over real sockets: the contract, and an object store that fails in every way.

use std::time::{Duration, Instant};

use super::fake::{BUCKET, Fake, Faults, KEY, SECRET};
use super::*;
use crate::blobs::tests::{contract, only_hashes};
use crate::blobs::{deliver, probe};
use crate::model::digest;

fn with(fake: &Fake, change: &[(&str, &str)]) -> S3 {
    let env = fake.environment();
    S3::open(BUCKET, "team/7f", &|name| {
        let changed = change.iter().find(|(n, _)| *n == name);
        let known = env.iter().find(|(n, _)| *n == name);
        changed
            .map(|(_, v)| (*v).to_owned())
            .or_else(|| known.map(|(_, v)| v.clone()))
    })
}

#[test]
fn a_bucket_keeps_the_contract() {
    let fake = Fake::start();
    contract(&with(&fake, &[]), &|hash, bytes| fake.spoil(hash, bytes));
    only_hashes(&with(&fake, &[]));
    let hash = digest(b"one profile");
    let key = format!("team/7f/{}/{hash}", &hash[..2]);
    assert_eq!(fake.objects().get(&key).unwrap(), b"one profile");
    assert_eq!(fake.objects().len(), 3, "the probe leaves nothing");
}

#[test]
fn one_that_is_there_is_not_written_again() {
    let fake = Fake::start();
    let s3 = with(&fake, &[]);
    let hash = digest(b"x");
    for _ in 0..3 {
        s3.put(&hash, b"x").unwrap();
    }
    assert_eq!(fake.puts(), 1);
}

#[test]
fn a_session_token_goes_along() {
    let fake = Fake::start();
    let s3 = with(&fake, &[("AWS_SESSION_TOKEN", "a/token+of=one&hour")]);
    assert_eq!(s3.get(&digest(b"x")), Ok(None));
    assert_eq!(fake.tokens(), ["a/token+of=one&hour"]);
}

#[track_caller]
fn refused(s3: &S3, word: &str) {
    match probe(s3, "t") {
        Err(Trouble::Refused(why)) => {
            assert!(why.contains(word), "{why}");
            for secret in [SECRET, "another-secret", KEY, "X-Amz"] {
                assert!(!why.contains(secret), "{why}");
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_work_is_refused_in_words_and_no_key_is_shown() {
    let fake = Fake::start();
    refused(
        &with(&fake, &[("AWS_SECRET_ACCESS_KEY", "another-secret")]),
        "AWS_SECRET_ACCESS_KEY is not",
    );
    refused(
        &with(&fake, &[("AWS_ACCESS_KEY_ID", "nobody")]),
        "AWS_ACCESS_KEY_ID is no key",
    );
    refused(
        &with(&fake, &[("AWS_ACCESS_KEY_ID", "")]),
        "set AWS_ACCESS_KEY_ID",
    );
    refused(
        &with(&fake, &[("AWS_ENDPOINT_URL", "nowhere")]),
        "AWS_ENDPOINT_URL",
    );
    refused(
        &with(&fake, &[("AWS_ENDPOINT_URL_S3", "nowhere")]),
        "AWS_ENDPOINT_URL_S3 is no address",
    );
    refused(
        &with(&fake, &[("AWS_ENDPOINT_URL", ""), ("AWS_REGION", "a b")]),
        "AWS_REGION is no region",
    );
    refused(
        &with(
            &fake,
            &[
                ("AWS_ENDPOINT_URL", ""),
                ("AWS_REGION", ""),
                ("AWS_DEFAULT_REGION", "a b"),
            ],
        ),
        "AWS_DEFAULT_REGION is no region",
    );
    let env = fake.environment();
    let get = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    refused(&S3::open("another-bucket", "", &get), "no such bucket");
    for verb in ["GET", "PUT", "DELETE"] {
        let fake = Fake::start();
        fake.fail(Faults {
            forbidden: verb,
            ..Faults::default()
        });
        refused(&with(&fake, &[]), "may not read, write and remove");
        let left = usize::from(verb == "DELETE");
        assert_eq!(fake.objects().len(), left, "{verb}");
    }
    assert_eq!(
        format!("{:?}", with(&fake, &[])),
        "S3(s3://profiles/team/7f)"
    );
}

#[test]
fn what_is_only_weaker_is_said() {
    let fake = Fake::start();
    let s3 = with(&fake, &[]);
    assert_eq!(probe(&s3, "t"), Ok(vec![]));
    fake.fail(Faults {
        unconditional: true,
        ..Faults::default()
    });
    let weak = probe(&s3, "t").unwrap();
    assert!(
        weak.len() == 1 && weak[0].contains("If-None-Match"),
        "{weak:?}"
    );
    fake.fail(Faults {
        unchecked: true,
        ..Faults::default()
    });
    let weak = probe(&s3, "t").unwrap();
    assert!(weak.len() == 1 && weak[0].contains("checksum"), "{weak:?}");
}

/// Delivers some through faults, as often as it takes; nothing is ever seen by halves.
fn through(faults: Faults) -> usize {
    let fake = Fake::start();
    fake.fail(faults);
    let s3 = with(&fake, &[]);
    let mut failed = 0;
    for i in 0..20u8 {
        let bytes = vec![i; 10_000];
        let hash = digest(&bytes);
        let begin = Instant::now();
        while let Err(why) = deliver(&s3, &hash, &bytes) {
            failed += 1;
            assert!(!why.to_string().contains("X-Amz"), "{why}");
            if let Ok(Some(got)) = s3.get(&hash) {
                assert_eq!(got, bytes);
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{why}");
        }
    }
    assert!(fake.faulted() > 0);
    fake.fail(Faults::default());
    for (key, bytes) in &*fake.objects() {
        assert!(key.ends_with(&digest(bytes)), "{key}");
    }
    failed
}

#[test]
fn a_busy_store_is_asked_again() {
    // Each is sent three times before it fails, and of these no three in a row meet a busy store.
    let failed = through(Faults {
        busy: 2,
        ..Faults::default()
    });
    assert_eq!(failed, 0);
    let failed = through(Faults {
        busy: 5,
        ..Faults::default()
    });
    assert!(failed > 0);
    let fake = Fake::start();
    fake.fail(Faults {
        busy: 10,
        ..Faults::default()
    });
    let got = with(&fake, &[]).get(&digest(b"x"));
    assert!(matches!(got, Err(Trouble::Away(_))), "{got:?}");
    assert_eq!(fake.requests(), 1 + PAUSES.len());
}

#[test]
fn what_comes_slowly_comes_and_what_stops_coming_is_away() {
    let fake = Fake::start();
    let mut s3 = with(&fake, &[]);
    s3.patience = Duration::from_secs(2);
    let bytes = vec![7; 40_000];
    let hash = digest(&bytes);
    s3.put(&hash, &bytes).unwrap();
    let slow = |pieces, pause| {
        fake.fail(Faults {
            pieces: (pieces, pause),
            ..Faults::default()
        });
    };
    // Longer than an answer may take, in all.
    slow(30, Duration::from_millis(100));
    assert_eq!(s3.get(&hash), Ok(Some(bytes.clone())));
    slow(2, Duration::from_secs(4));
    let got = s3.get(&hash);
    assert!(matches!(got, Err(Trouble::Away(_))), "{got:?}");
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    let failed = through(Faults {
        cut: 5,
        ..Faults::default()
    });
    assert!(failed > 0);
}

#[test]
fn bytes_that_are_lost_on_the_way_are_noticed_and_put_again() {
    let failed = through(Faults {
        torn: 5,
        ..Faults::default()
    });
    assert!(failed > 0);
}

#[test]
fn one_that_does_not_answer_is_away() {
    let fake = Fake::start();
    fake.down(true);
    let s3 = with(&fake, &[]);
    let away = |done: Result<(), Trouble>| {
        assert!(
            matches!(&done, Err(Trouble::Away(why)) if why.contains("does not answer")),
            "{done:?}"
        );
    };
    away(s3.put(&digest(b"x"), b"x"));
    away(s3.get(&digest(b"x")).map(|_| ()));
    away(s3.remove(&digest(b"x")));
    fake.down(false);
    assert_eq!(s3.put(&digest(b"x"), b"x"), Ok(()));
}

#[test]
fn the_code_of_an_error_is_a_word() {
    assert_eq!(code(b"<Error><Code>SlowDown</Code></Error>"), "SlowDown");
    assert_eq!(code(b"<Error><Code><script>x</Code></Error>"), "");
    assert_eq!(code(b"no xml"), "");
    assert_eq!(code(&[0xff; 100]), "");
}
