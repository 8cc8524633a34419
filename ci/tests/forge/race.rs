//! Legs of one matrix that finish at the same moment leave one comment that has them all.

use std::process::{Child, Stdio};

use super::fake::{Fake, Rules, SECRET};
use super::{EACH, HEAD, command, judgement, write};

/// How often; `UPTICK_RACES=200` to be surer by hand.
fn rounds() -> usize {
    let set = std::env::var("UPTICK_RACES")
        .ok()
        .and_then(|v| v.parse().ok());
    set.unwrap_or(51)
}

fn leg(fake: &Fake, dir: &std::path::Path, name: &str, run: u64) -> Child {
    let mut c = command(fake, dir, SECRET, HEAD, run);
    // Longer than any request takes here, on a machine that does other things too.
    c.env("UPTICK_FORGE_SETTLE_MS", "400");
    c.args(["comment", "bad.json", "--leg", name]);
    c.stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn race(rules: Rules, round: usize) {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(rules);
    fake.state().latency = 12;
    write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    let legs: &[&str] = if round.is_multiple_of(3) {
        &["a", "b", "c"]
    } else {
        &["a", "b"]
    };
    if round.is_multiple_of(2) {
        // One that an earlier run left.
        let old = command(&fake, dir.path(), SECRET, &"9".repeat(40), 1)
            .args(["comment", "bad.json", "--leg", "a"])
            .output();
        assert!(old.unwrap().status.success());
    }
    let running: Vec<Child> = legs.iter().map(|l| leg(&fake, dir.path(), l, 7)).collect();
    for child in running {
        let out = child.wait_with_output().unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    let ours = fake.ours();
    assert_eq!(
        ours.len(),
        1,
        "{rules:?} round {round}: {:?}",
        fake.state().log
    );
    for l in legs {
        let title = format!("#### `{l}`: 1 regressed");
        assert!(
            ours[0].body.matches(&title).count() == 1,
            "{rules:?} round {round}: {:#?}\n{}",
            fake.state().log,
            ours[0].body
        );
    }
    assert_eq!(fake.state().sins, Vec::<String>::new());
}

#[test]
fn legs_that_race_leave_one_comment_with_all_of_them() {
    let rounds: Vec<usize> = (0..rounds()).collect();
    std::thread::scope(|s| {
        for lane in 0..6 {
            let rounds = &rounds;
            s.spawn(move || {
                for &round in rounds.iter().filter(|r| *r % 6 == lane) {
                    race(EACH[round % EACH.len()], round);
                }
            });
        }
    });
}

/// Two legs under one name correct each other once, not for ever.
#[test]
fn two_legs_of_one_name_come_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    let other = judgement(&[("print", 0.03)]);
    let one = leg(&fake, dir.path(), "same", 7);
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 7);
    c.env("UPTICK_FORGE_SETTLE_MS", "400");
    c.args([
        "comment",
        &write(dir.path(), "other.json", &other),
        "--leg",
        "same",
    ]);
    let two = c.stderr(Stdio::piped()).spawn().unwrap();
    for child in [one, two] {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(fake.ours().len(), 1);
    assert!(fake.writes().len() <= 6, "{:?}", fake.writes());
}
