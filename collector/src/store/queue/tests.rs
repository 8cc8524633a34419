//! The contract of the queue, with a clock of the test's own.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::jobs::wire::{Claim, Going};
use crate::jobs::{self, Fault, Purpose, State, Waiting};
use crate::model::{Commit, Sha};

const TTL: i64 = 60_000;

struct Queue {
    _dir: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

impl Queue {
    /// With a project `p` that the label `a` measures.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("service.db");
        let mut store = Store::open_service(&path).unwrap();
        store.add_project(&project_p(&["a"]), 0).unwrap();
        Self {
            _dir: dir,
            path,
            store,
        }
    }

    /// With `n` commits of one project that wait for the label `a`.
    fn with(n: u64) -> Self {
        let mut queue = Self::new();
        queue.offer(0..n, "a", Purpose::Commit, 0);
        queue
    }

    fn offer(
        &mut self,
        positions: std::ops::Range<u64>,
        label: &str,
        purpose: Purpose,
        now: i64,
    ) -> usize {
        let commits: Vec<Commit> = positions.map(commit).collect();
        let labels = [label.to_string()];
        let offer = Offer {
            project: "p",
            commits: &commits,
            labels: &labels,
            purpose,
        };
        self.store.offer(&offer, None, now).unwrap()
    }

    /// Has `p` measured by these labels.
    fn measured_by(&mut self, labels: &[&str], now: i64) {
        let set = self.store.set_project(&project_p(labels), None, now);
        assert!(set.unwrap());
    }

    fn claim(&mut self, who: &str, now: i64) -> Option<Job> {
        claim(&mut self.store, who, now).unwrap()
    }

    fn finish(&mut self, job: &Job, holder: &str, now: i64) -> Closed {
        let held = held(job, holder);
        self.store.finish(&held, &done(), now, |_| Ok(())).unwrap()
    }

    fn state(&self, id: i64) -> State {
        self.store.job(id).unwrap().unwrap().state
    }

    /// The collector's machine fails the job.
    fn fail_by_machine(&mut self, job: &Job, holder: &str, now: i64) {
        let failing = Failing::new(Fault::Machine, "fetch", "no room");
        let failed = self.store.fail(&held(job, holder), &failing, now).unwrap();
        assert_eq!(failed, Closed::Yes);
    }
}

fn commit(position: u64) -> Commit {
    Commit {
        sha: Sha(format!("{position:040x}")),
        position,
        parents: Vec::new(),
        author: "A".into(),
        time: 0,
        subject: format!("commit {position}"),
    }
}

fn done() -> Finished {
    Finished {
        report: "r".into(),
        failed: None,
    }
}

fn said(who: &str) -> Claim {
    Claim {
        collector: who.into(),
        session: format!("{who}'s session"),
        labels: vec!["a".into()],
        ..Claim::default()
    }
}

/// A collector's claim; its token is called after it.
fn claim(store: &mut Store, who: &str, now: i64) -> Result<Option<Job>> {
    let claim = said(who);
    let claimant = Claimant {
        claim: &claim,
        holder: who,
        ttl: TTL,
    };
    store.claim(&claimant, now)
}

fn held<'a>(job: &Job, holder: &'a str) -> Held<'a> {
    Held {
        job: job.id,
        epoch: job.epoch,
        holder,
    }
}

#[test]
fn sixteen_claimers_lease_each_of_a_thousand_jobs_once() {
    let queue = Queue::with(1_000);
    let leased: Vec<(i64, i64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let path = queue.path.clone();
                scope.spawn(move || {
                    let mut store = Store::open_service(&path).unwrap();
                    let who = format!("c{n}");
                    let mut mine = Vec::new();
                    while let Some(job) = claim(&mut store, &who, 1).unwrap() {
                        mine.push((job.id, job.epoch));
                        let held = held(&job, &who);
                        let closed = store.finish(&held, &done(), 1, |_| Ok(())).unwrap();
                        assert_eq!(closed, Closed::Yes);
                    }
                    mine
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    assert_eq!(leased.len(), 1_000);
    assert!(leased.iter().all(|(_, epoch)| *epoch == 1));
    let ids: HashSet<i64> = leased.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 1_000);
    assert_eq!(queue.store.jobs_in(State::Done).unwrap(), 1_000);
}

#[test]
fn a_commit_is_offered_once() {
    let mut queue = Queue::new();
    assert_eq!(queue.offer(0..3, "a", Purpose::Commit, 0), 3);
    assert_eq!(queue.offer(1..4, "a", Purpose::Commit, 5), 1);
    queue.measured_by(&["a", "b"], 5);
    assert_eq!(queue.offer(0..1, "b", Purpose::Commit, 5), 1);
    let job = queue.claim("c", 1).unwrap();
    assert_eq!((job.position, job.epoch, job.attempts), (3, 1, 1));
}

#[test]
fn a_commit_that_narrows_a_change_comes_first_and_is_no_second_job() {
    let mut queue = Queue::with(5);
    assert_eq!(queue.offer(1..2, "a", Purpose::Narrow, 5), 0);
    let job = queue.claim("c", 6).unwrap();
    assert_eq!((job.position, job.purpose), (1, Purpose::Narrow));
    // It is being measured.
    assert_eq!(queue.offer(1..2, "a", Purpose::Narrow, 7), 0);
    // One that nobody offered before.
    assert_eq!(queue.offer(9..10, "a", Purpose::Narrow, 7), 1);
    assert!(queue.store.cancel_job(job.id, "Ada", 8).unwrap());
    let given_up = queue.store.given_up("p").unwrap();
    assert!(given_up.contains(&commit(1).sha) && given_up.len() == 1);
    // Where another label has yet to measure it, nobody has given it up.
    queue.measured_by(&["a", "b"], 9);
    queue.offer(1..2, "b", Purpose::Narrow, 9);
    assert!(queue.store.given_up("p").unwrap().is_empty());
}

#[test]
fn a_late_result_is_refused_and_appends_nothing() {
    let mut queue = Queue::with(1);
    let first = queue.claim("frozen", 0).unwrap();
    assert!(queue.claim("other", TTL - 1).is_none());
    let second = queue.claim("other", TTL).unwrap();
    assert_eq!((second.id, second.epoch), (first.id, 2));
    let late = held(&first, "frozen");
    let mut appended = false;
    let closed = queue.store.finish(&late, &done(), TTL + 1, |_| {
        appended = true;
        Ok(())
    });
    assert_eq!(closed.unwrap(), Closed::Lost);
    assert!(!appended);
    assert_eq!(
        queue.store.beat(&late, "", TTL, TTL + 1).unwrap(),
        Going::Lost
    );
    let failed = queue
        .store
        .fail(&late, &Failing::new(Fault::Commit, "x", "y"), TTL + 1)
        .unwrap();
    assert_eq!(failed, Closed::Lost);
    assert_eq!(queue.finish(&second, "other", TTL + 2), Closed::Yes);
    // The answer did not arrive, and the same report comes again; another one does not close it.
    assert_eq!(queue.finish(&second, "other", TTL + 3), Closed::Yes);
    let other = Finished {
        report: "another".into(),
        ..done()
    };
    let again = held(&second, "other");
    let closed = queue.store.finish(&again, &other, TTL + 4, |_| Ok(()));
    assert_eq!(closed.unwrap(), Closed::Lost);
    let job = queue.store.job(first.id).unwrap().unwrap();
    assert_eq!((job.ended, job.report), (Some(TTL + 2), done().report));
    assert_eq!(queue.state(first.id), State::Done);
}

#[test]
fn a_lease_that_lapsed_and_was_not_given_away_still_holds() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 0).unwrap();
    assert_eq!(queue.finish(&job, "c", 10 * TTL), Closed::Yes);
}

#[test]
fn a_heartbeat_renews_the_lease() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 0).unwrap();
    let lease = held(&job, "c");
    for now in [TTL / 2, TTL, TTL * 3 / 2] {
        assert_eq!(
            queue.store.beat(&lease, "building", TTL, now).unwrap(),
            Going::Go
        );
        assert!(queue.claim("other", now).is_none());
    }
    assert_eq!(
        queue.store.jobs(State::Leased, 9).unwrap()[0].stage,
        "building"
    );
    assert_eq!(queue.store.collectors().unwrap()[0].beat, TTL * 3 / 2);
}

#[test]
fn a_server_that_was_away_takes_no_lease_for_that() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 0).unwrap();
    let back = 10 * TTL;
    assert_eq!(queue.store.renew_leases(TTL, back).unwrap(), 1);
    assert!(queue.claim("other", back + TTL - 1).is_none());
    assert_eq!(queue.finish(&job, "c", back + 1), Closed::Yes);
}

#[test]
fn a_server_that_is_started_again_and_again_keeps_no_lease_of_the_dead() {
    let mut queue = Queue::with(2);
    let dead = queue.claim("dead", 0).unwrap();
    let alive = queue.claim("alive", 0).unwrap();
    let start = |queue: &mut Queue, now| queue.store.renew_leases(TTL, now).unwrap();
    assert_eq!(start(&mut queue, TTL / 2), 2);
    let beaten = queue
        .store
        .beat(&held(&alive, "alive"), "", TTL, TTL / 2 + 1);
    assert_eq!(beaten.unwrap(), Going::Go);
    assert_eq!(start(&mut queue, TTL), 1);
    assert_eq!(start(&mut queue, TTL * 3 / 2 - 1), 0);
    assert_eq!(queue.store.expire(TTL, TTL * 3 / 2).unwrap(), 1);
    assert_eq!(queue.state(dead.id), State::Waiting);
    assert_eq!(queue.state(alive.id), State::Leased);
    // One that was away for longer than its leases hold renews them all once more, and so does one
    // whose leases hold for a shorter time than those that were given.
    assert_eq!(start(&mut queue, 9 * TTL), 1);
    assert_eq!(queue.store.renew_leases(TTL / 4, 9 * TTL + 1).unwrap(), 1);
    assert_eq!(queue.store.expire(TTL / 4, 9 * TTL + 2).unwrap(), 0);
}

#[test]
fn what_is_over_for_long_is_forgotten_and_nothing_else() {
    let day = 86_400_000;
    let mut queue = Queue::with(4);
    for n in 0..3 {
        let job = queue.claim(&format!("c{n}"), 0).unwrap();
        assert_eq!(queue.finish(&job, &format!("c{n}"), n), Closed::Yes);
    }
    let names = |queue: &Queue| -> Vec<String> {
        let all = queue.store.collectors().unwrap();
        all.into_iter().map(|c| c.name).collect()
    };
    let job = queue.claim("at work", 5 * day).unwrap();
    assert!(queue.claim("idle", 5 * day + 1).is_none());
    assert!(!queue.store.forget_old(30 * day).unwrap());
    assert_eq!(names(&queue).len(), 5);
    assert!(!queue.store.forget_old(90 * day).unwrap());
    // Whoever has a job stays, however long it was silent.
    assert_eq!(names(&queue), ["at work"]);
    assert_eq!(queue.store.jobs_in(State::Done).unwrap(), 3);
    assert!(!queue.store.forget_old(90 * day + 3).unwrap());
    // The newest number stays, and the job that is being done.
    let done = queue.store.jobs(State::Done, 9).unwrap();
    assert_eq!(done.len(), 1);
    assert_eq!(queue.state(job.id), State::Leased);
    queue.offer(9..10, "a", Purpose::Commit, 91 * day);
    assert!(queue.store.jobs(State::Waiting, 1).unwrap()[0].id > done[0].id);
}

#[test]
fn many_old_jobs_are_forgotten_a_few_at_a_time() {
    let day = 86_400_000;
    let mut queue = Queue::with(1_101);
    let newest = commit(1_100).sha;
    let line = HashSet::from([&newest]);
    assert_eq!(queue.store.withdraw("p", &line, 0).unwrap(), 1_100);
    let mut turns = 1;
    while queue.store.forget_old(91 * day).unwrap() {
        turns += 1;
    }
    assert_eq!(
        (turns, queue.store.jobs_in(State::Withdrawn).unwrap()),
        (3, 0)
    );
}

#[test]
fn the_jobs_of_a_pull_request_that_is_there_are_not_forgotten() {
    let mut queue = Queue::new();
    queue.look(&[head("refs/pull/7/head", 100, true)], 1);
    for _ in 0..2 {
        let job = queue.claim_untrusted("u", 2).unwrap();
        queue.finish(&job, "u", 3);
    }
    queue.offer(9..10, "a", Purpose::Commit, 4);
    let year = 31_536_000_000;
    queue.store.forget_old(year).unwrap();
    assert_eq!(queue.standing("refs/pull/7/head"), Standing::Measured);
    assert_eq!(queue.store.jobs_in(State::Done).unwrap(), 2);
    queue.look(&[], year);
    queue.store.forget_old(year).unwrap();
    assert_eq!(queue.store.jobs_in(State::Done).unwrap(), 0);
}

#[test]
fn a_lease_belongs_to_the_token_that_took_it() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 0).unwrap();
    assert_eq!(queue.finish(&job, "somebody else", 1), Closed::Lost);
    let theirs = held(&job, "somebody else");
    assert_eq!(queue.store.beat(&theirs, "", TTL, 1).unwrap(), Going::Lost);
    assert_eq!(queue.state(job.id), State::Leased);
}

#[test]
fn a_clock_that_is_set_back_makes_no_lease_longer() {
    let mut queue = Queue::with(1);
    let year = 31_536_000_000;
    let first = queue.claim("gone", year).unwrap();
    let second = queue.claim("other", 0).unwrap();
    assert_eq!((second.id, second.epoch), (first.id, 2));
}

/// Of two that come at once, one may have read the clock before the other's lease was given.
#[test]
fn a_look_at_the_clock_from_a_moment_before_takes_no_lease_away() {
    let mut queue = Queue::with(2);
    let first = queue.claim("one", 1_000).unwrap();
    let second = queue.claim("two", 990).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(queue.state(first.id), State::Leased);
}

#[test]
fn a_job_that_kills_its_collector_fails_after_three_attempts_and_the_queue_moves_on() {
    let mut queue = Queue::with(2);
    let killer = queue.claim("c", 0).unwrap();
    assert_eq!(killer.position, 1);
    // Whoever is restarted has another session; the lease of the dead one has to end first. Then the
    // other job comes before the one that may have killed it.
    let next = queue.claim("c", TTL).unwrap();
    assert_eq!(next.position, 0);
    assert_eq!(queue.finish(&next, "c", TTL), Closed::Yes);
    let mut now = TTL;
    for epoch in 2..=3 {
        let job = queue.claim("c", now).unwrap();
        assert_eq!((job.id, job.epoch), (killer.id, epoch));
        now += TTL;
    }
    assert!(queue.claim("c", now).is_none());
    let failed = queue.store.jobs(State::Failed, 9).unwrap();
    assert_eq!((failed.len(), failed[0].stage.as_str()), (1, "lease"));
    assert!(
        failed[0].why.contains("c was not heard of"),
        "{}",
        failed[0].why
    );
    // People may have it tried again.
    assert!(queue.store.retry_job(failed[0].id, "Ada", 9).unwrap());
    assert!(!queue.store.retry_job(next.id, "Ada", 9).unwrap());
    assert_eq!(queue.claim("d", now).unwrap().attempts, 1);
}

#[test]
fn the_commits_own_failure_is_final_and_the_machines_is_tried_elsewhere() {
    let mut queue = Queue::with(2);
    let job = queue.claim("c", 0).unwrap();
    let lease = held(&job, "c");
    queue
        .store
        .fail(
            &lease,
            &Failing::new(Fault::Commit, "build", "no such crate"),
            1,
        )
        .unwrap();
    assert_eq!(queue.state(job.id), State::Failed);
    // Both are alive; what the machine of one fails is the other's, after a pause.
    assert!(queue.claim("d", 1).is_some_and(|j| j.position == 0));
    let job = queue.store.jobs(State::Leased, 1).unwrap().remove(0);
    let lease = held(&job, "d");
    queue
        .store
        .fail(
            &lease,
            &Failing::new(Fault::Machine, "fetch", "disk full"),
            2,
        )
        .unwrap();
    assert!(queue.claim("c", 3).is_none());
    assert!(queue.claim("d", 70_000).is_none());
    assert_eq!(queue.claim("c", 70_000).unwrap().id, job.id);
    let second = queue.store.job(job.id).unwrap().unwrap();
    let lease = held(&second, "c");
    queue
        .store
        .fail(
            &lease,
            &Failing::new(Fault::Machine, "fetch", "disk full"),
            70_001,
        )
        .unwrap();
    // Alone, it may try again itself. What fails on both is not counted twice.
    assert_eq!(queue.claim("c", 900_000).unwrap().attempts, 2);
}

#[test]
fn a_machine_that_fails_every_job_pauses_and_keeps_them_waiting() {
    let mut queue = Queue::with(5);
    let mut now = 0;
    for n in 1..=40 {
        let job = queue.claim("c", now).unwrap();
        queue.fail_by_machine(&job, "c", now);
        let pause = queue.store.pauses().unwrap().remove(0);
        assert_eq!((pause.failures, pause.why.as_str()), (n, "no room"));
        assert_eq!(pause.until - now, jobs::pause(n));
        assert!(queue.claim("c", pause.until - 1).is_none());
        let may = queue.store.may_claim(&said("c"), TTL, pause.until - 1);
        assert!(!may.unwrap());
        now = pause.until;
    }
    assert_eq!(queue.store.jobs_in(State::Waiting).unwrap(), 5);
    assert_eq!(queue.store.collectors().unwrap()[0].pauses.len(), 1);
    // Mended: all of them are done, without another pause.
    for _ in 0..5 {
        let job = queue.claim("c", now).unwrap();
        assert_eq!(queue.finish(&job, "c", now), Closed::Yes);
    }
    assert_eq!(queue.store.pauses().unwrap(), []);
}

/// A git host that is away: each of them fails the only job there is for the first time.
#[test]
fn what_fails_on_one_collector_after_the_other_stays_waiting() {
    let mut queue = Queue::with(1);
    let mut now = 0;
    for who in ["c", "d", "e", "f"] {
        let job = queue.claim(who, now).unwrap();
        assert!(job.attempts <= 2, "{who}: {}", job.attempts);
        queue.fail_by_machine(&job, who, now);
        assert_eq!(queue.state(job.id), State::Waiting, "{who}");
        assert!(queue.store.pauses().unwrap()[0].waiting, "{who}");
        now += 60_000;
    }
    // One that is gone for good keeps no job from being given up.
    let mut now = 10_000_000;
    for who in ["g", "h"] {
        let job = queue.claim(who, now).unwrap();
        queue.fail_by_machine(&job, who, now);
        now += 600_000;
    }
    assert_eq!(queue.store.jobs_in(State::Failed).unwrap(), 1);
    let pauses = queue.store.pauses().unwrap();
    assert!(pauses.iter().all(|p| !p.waiting), "{pauses:?}");
}

#[test]
fn a_job_that_fails_where_others_are_done_is_given_up_after_three_attempts() {
    let mut queue = Queue::with(2);
    let bad = queue.claim("c", 0).unwrap();
    queue.fail_by_machine(&bad, "c", 0);
    let mut now = 60_000;
    for attempt in 2..=3 {
        // The other one comes first: whether it was the machine shows.
        let other = queue.claim("c", now).unwrap();
        assert_ne!(other.id, bad.id);
        assert_eq!(queue.finish(&other, "c", now), Closed::Yes);
        let again = queue.claim("c", now).unwrap();
        assert_eq!((again.id, again.attempts), (bad.id, attempt));
        queue.fail_by_machine(&again, "c", now);
        queue.offer(9 + now as u64..10 + now as u64, "a", Purpose::Commit, now);
        now += 600_000;
    }
    assert_eq!(queue.state(bad.id), State::Failed);
    assert_eq!(queue.store.retry_failed("ada", 0).unwrap(), 1);
    assert_eq!(queue.state(bad.id), State::Waiting);
}

#[test]
fn a_pause_is_of_one_collector_and_one_project() {
    let mut queue = Queue::with(2);
    let labels = ["a".to_string()];
    let commits = [commit(7)];
    let other = Offer {
        project: "q",
        commits: &commits,
        labels: &labels,
        purpose: Purpose::Backfill,
    };
    let project = NewProject {
        name: "q".into(),
        ..project_p(&["a"])
    };
    queue.store.add_project(&project, 0).unwrap();
    queue.store.offer(&other, None, 0).unwrap();
    let job = queue.claim("c", 1).unwrap();
    queue.fail_by_machine(&job, "c", 1);
    assert_eq!(queue.claim("c", 2).unwrap().project, "q");
    assert_eq!(queue.claim("d", 2).unwrap().project, "p");
    // Nobody pauses any longer once somebody says that all is mended.
    assert_eq!(queue.store.retry_failed("ada", 0).unwrap(), 0);
    assert_eq!(queue.claim("e", 3).unwrap().id, job.id);
}

#[test]
fn a_collector_that_is_started_anew_tries_at_once_and_blames_no_job() {
    let mut queue = Queue::with(4);
    let first = queue.claim("c", 0).unwrap();
    queue.fail_by_machine(&first, "c", 0);
    for run in 1..=8 {
        let claim = Claim {
            session: format!("run {run}"),
            ..said("c")
        };
        let claimant = Claimant {
            claim: &claim,
            holder: "c",
            ttl: TTL,
        };
        let job = queue.store.claim(&claimant, run).unwrap().unwrap();
        queue.fail_by_machine(&job, "c", run);
        assert!(queue.store.claim(&claimant, run + 1).unwrap().is_none());
    }
    assert_eq!(queue.store.jobs_in(State::Waiting).unwrap(), 4);
}

#[test]
fn a_job_whose_process_is_killed_is_given_up_and_nobody_pauses() {
    let mut queue = Queue::with(2);
    let killed = Failing {
        only_this_job: true,
        ..Failing::new(Fault::Machine, "measure", "killed")
    };
    let first = queue.claim("c", 0).unwrap();
    queue.store.fail(&held(&first, "c"), &killed, 0).unwrap();
    let other = queue.claim("c", 1).unwrap();
    assert_eq!(queue.finish(&other, "c", 1), Closed::Yes);
    for now in [600_000, 1_200_000] {
        let job = queue.claim("c", now).unwrap();
        assert_eq!(job.id, first.id);
        queue.store.fail(&held(&job, "c"), &killed, now).unwrap();
        assert_eq!(queue.store.pauses().unwrap(), []);
    }
    assert_eq!(queue.store.jobs_in(State::Failed).unwrap(), 1);
}

#[test]
fn what_is_given_back_costs_no_attempt() {
    let mut queue = Queue::with(1);
    for _ in 0..5 {
        let job = queue.claim("c", 1).unwrap();
        assert_eq!(job.attempts, 1);
        let lease = held(&job, "c");
        queue
            .store
            .fail(&lease, &Failing::new(Fault::Nobody, "ended", ""), 1)
            .unwrap();
    }
}

#[test]
fn a_lease_whose_answer_was_lost_on_the_way_comes_back_to_its_own_session_only() {
    let mut queue = Queue::with(1);
    let first = queue.claim("c", 0).unwrap();
    let again = queue.claim("c", 1).unwrap();
    assert_eq!((again.id, again.epoch, again.attempts), (first.id, 2, 1));
    let other = Claim {
        session: "another run".into(),
        ..said("c")
    };
    let claimant = Claimant {
        claim: &other,
        holder: "c",
        ttl: TTL,
    };
    let refused = queue.store.claim(&claimant, 2);
    assert!(refused.is_err_and(|e| e.to_string().contains("another collector called `c`")));
}

#[test]
fn cancelling_is_heard_at_the_next_heartbeat() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 0).unwrap();
    assert!(queue.store.cancel_job(job.id, "Ada", 1).unwrap());
    let lease = held(&job, "c");
    assert_eq!(
        queue.store.beat(&lease, "", TTL, 2).unwrap(),
        Going::Cancelled
    );
    assert_eq!(queue.finish(&job, "c", 3), Closed::Lost);
    assert_eq!(queue.state(job.id), State::Cancelled);
    assert!(!queue.store.cancel_job(job.id, "Ada", 4).unwrap());
}

#[test]
fn an_append_that_fails_leaves_the_lease() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 0).unwrap();
    let lease = held(&job, "c");
    let failed = queue
        .store
        .finish(&lease, &done(), 1, |_| Err(Error::Store("disk".into())));
    assert!(failed.is_err());
    assert_eq!(queue.state(job.id), State::Leased);
    assert_eq!(queue.finish(&job, "c", 2), Closed::Yes);
}

#[test]
fn only_a_label_that_is_served_is_leased_and_silence_is_said() {
    let mut queue = Queue::new();
    queue.measured_by(&["b"], 0);
    queue.offer(0..2, "b", Purpose::Commit, 0);
    assert!(queue.claim("c", 1).is_none());
    let hour = 3_600_000;
    let waits = queue.store.waits(hour - 1).unwrap();
    assert_eq!(
        (waits[0].waiting, waits[0].heard, waits[0].silent),
        (2, None, false)
    );
    assert!(queue.store.waits(hour).unwrap()[0].silent);
    // A collector of another label is no collector of this one.
    assert!(queue.claim("c", hour).is_none());
    assert!(queue.store.waits(hour).unwrap()[0].silent);
    let asks = |label: &str| Claim {
        labels: vec![label.into()],
        ..Claim::default()
    };
    let waits = !queue.store.may_claim(&asks("a"), TTL, 1).unwrap();
    assert!(waits && queue.store.may_claim(&asks("b"), TTL, 1).unwrap());
}

#[test]
fn commits_that_left_the_line_wait_no_more() {
    let mut queue = Queue::with(4);
    let leased = queue.claim("c", 0).unwrap();
    let (zero, three) = (commit(0).sha, commit(3).sha);
    let line: HashSet<&Sha> = [&zero].into();
    assert_eq!(leased.sha, three);
    assert_eq!(queue.store.withdraw("p", &line, 1).unwrap(), 2);
    assert_eq!(queue.store.jobs_in(State::Waiting).unwrap(), 1);
    // What is being measured is let finish.
    assert_eq!(queue.state(leased.id), State::Leased);
    // The line comes back: they are offered again, and nobody has given them up.
    queue.offer(0..4, "a", Purpose::Commit, 2);
    assert_eq!(queue.store.jobs_in(State::Waiting).unwrap(), 3);
    assert_eq!(queue.store.jobs_in(State::Withdrawn).unwrap(), 0);
    assert!(queue.store.given_up("p").unwrap().is_empty());
}

#[test]
fn a_commit_that_was_hastened_and_left_the_line_is_one_job_when_it_comes_back() {
    let mut queue = Queue::with(2);
    assert_eq!(queue.offer(0..1, "a", Purpose::Narrow, 1), 0);
    let job = queue.claim("c", 2).unwrap();
    assert_eq!(job.purpose, Purpose::Narrow);
    let lease = held(&job, "c");
    let killed = Failing {
        only_this_job: true,
        ..Failing::new(Fault::Machine, "measure", "killed")
    };
    queue.store.fail(&lease, &killed, 3).unwrap();
    assert_eq!(queue.store.withdraw("p", &HashSet::new(), 4).unwrap(), 2);
    // The line comes back, and the pause of a machine that failed is none of it.
    assert_eq!(queue.offer(0..2, "a", Purpose::Commit, 5), 2);
    let waiting = queue.store.jobs(State::Waiting, 9).unwrap();
    assert_eq!(waiting.len(), 2, "{waiting:#?}");
    for job in &waiting {
        assert_eq!((job.purpose, job.attempts), (Purpose::Commit, 0));
        assert_eq!((job.stage.as_str(), job.why.as_str()), ("", ""));
    }
    assert_eq!(queue.store.jobs_in(State::Withdrawn).unwrap(), 0);
    // Hastened again it comes first, is offered no second time, and begins at once.
    assert_eq!(queue.offer(0..1, "a", Purpose::Narrow, 6), 0);
    assert_eq!(queue.offer(0..2, "a", Purpose::Commit, 6), 0);
    let first = queue.claim("c", 6).unwrap();
    assert_eq!((first.id, first.purpose), (job.id, Purpose::Narrow));
}

#[test]
fn a_commit_comes_sooner_though_another_job_of_it_was_called_narrowing() {
    let mut queue = Queue::new();
    assert_eq!(queue.offer(0..1, "a", Purpose::Narrow, 0), 1);
    let narrow = queue.claim("c", 1).unwrap();
    assert!(queue.store.cancel_job(narrow.id, "Ada", 2).unwrap());
    queue.offer(0..1, "a", Purpose::Bisect, 3);
    queue.offer(1..2, "a", Purpose::Commit, 3);
    assert_eq!(queue.offer(0..1, "a", Purpose::Narrow, 4), 0);
    assert_eq!(queue.claim("c", 5).unwrap().position, 0);
}

#[test]
fn projects_are_added_once_and_changed() {
    let mut queue = Queue::new();
    let mut project = NewProject {
        name: "lexis".into(),
        url: "/srv/lexis.git".into(),
        branch: "main".into(),
        poll: 60,
        labels: vec!["a".into(), "b".into()],
        pulls: vec!["refs/pull/*/head".into()],
    };
    queue.store.add_project(&project, 7).unwrap();
    assert!(
        queue
            .store
            .add_project(&project, 8)
            .is_err_and(|e| e.exit_code() == 2)
    );
    project.poll = 30;
    assert!(!queue.store.has_secrets().unwrap());
    assert!(
        queue
            .store
            .set_project(&project, Some("secret"), 8)
            .unwrap()
    );
    assert!(queue.store.has_secrets().unwrap());
    let mode = std::fs::metadata(queue.store.path()).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o007, 0);
    assert!(queue.store.set_project(&project, None, 8).unwrap());
    queue.store.looked_at("lexis", 9, "").unwrap();
    queue.store.looked_at("lexis", 10, "no such host").unwrap();
    let kept = queue.store.project("lexis").unwrap().unwrap();
    assert_eq!(
        (kept.poll, kept.secret.as_str(), kept.looked),
        (30, "secret", 9)
    );
    assert_eq!(
        (kept.labels.len(), kept.trouble.as_str()),
        (2, "no such host")
    );
    assert_eq!(kept.pulls, project.pulls);
    assert!(!format!("{kept:?}").contains("secret"));
    project.name = "none".into();
    assert!(!queue.store.set_project(&project, None, 8).unwrap());
}

/// A project called `p`, measured by these labels.
fn project_p(labels: &[&str]) -> NewProject {
    NewProject {
        name: "p".into(),
        url: "/srv/p.git".into(),
        branch: "main".into(),
        poll: 60,
        labels: labels.iter().map(ToString::to_string).collect(),
        pulls: vec!["refs/pull/*/head".into()],
    }
}

/// Nobody may ever come for a label that a project has no more.
#[test]
fn what_waits_for_a_label_that_a_project_gave_up_waits_no_more() {
    let mut queue = Queue::new();
    queue.offer(0..3, "a", Purpose::Commit, 1);
    queue.look(&[head("refs/pull/7/head", 100, true)], 2);
    assert_eq!(queue.offer(0..1, "a", Purpose::Bisect, 2), 1);
    let running = queue.claim("c", 3).unwrap();
    queue.measured_by(&["b"], 4);
    assert_eq!(queue.store.waits(5).unwrap(), []);
    assert_eq!(queue.state(running.id), State::Leased);
    let seen = queue.store.project("p").unwrap().unwrap().seen;
    assert_eq!(seen, "", "the newest commit is offered to the other label");
    // A look that began before offers nothing to it either, and the next one to those there are now.
    assert_eq!(queue.offer(3..4, "a", Purpose::Commit, 6), 0);
    assert_eq!(queue.offer(2..3, "b", Purpose::Commit, 6), 1);
    let pulls = [head("refs/pull/7/head", 100, true)];
    assert_eq!(queue.store.see_pulls("p", &pulls, 7).unwrap().len(), 1);
    // What it has again is offered again.
    queue.measured_by(&["a", "b"], 8);
    assert_eq!(queue.offer(1..2, "a", Purpose::Commit, 9), 1);
}

/// The look began before somebody gave the project another label, and notes what it saw after that.
#[test]
fn a_look_offers_to_the_labels_that_a_project_has_when_it_ends() {
    let mut queue = Queue::new();
    queue.offer(0..1, "a", Purpose::Commit, 1);
    let pulls = [head("refs/pull/7/head", 100, true)];
    let pull = queue.store.see_pulls("p", &pulls, 2).unwrap().remove(0);
    queue.measured_by(&["b"], 3);
    let commits = [commit(1)];
    let offer = Offer {
        project: "p",
        commits: &commits,
        labels: &[],
        purpose: Purpose::Commit,
    };
    let tip = commit(1).sha;
    assert_eq!(queue.store.offer(&offer, Some(&tip), 4).unwrap(), 1);
    let ends = (&commit(100), None, true);
    assert_eq!(queue.store.offer_pull(&pull, ends, 4).unwrap(), 1);
    let waits = queue.store.waits(5).unwrap();
    assert!(waits.iter().all(|w| w.label == "b"), "{waits:?}");
}

#[test]
fn what_failed_for_a_label_that_a_project_gave_up_stays_failed() {
    let mut queue = Queue::with(1);
    let job = queue.claim("c", 1).unwrap();
    let failing = Failing::new(Fault::Commit, "build", "no");
    queue.store.fail(&held(&job, "c"), &failing, 2).unwrap();
    queue.measured_by(&["b"], 3);
    assert!(!queue.store.retry_job(job.id, "Ada", 4).unwrap());
    assert_eq!(queue.store.retry_failed("Ada", 5).unwrap(), 0);
    assert_eq!(queue.state(job.id), State::Failed);
    queue.measured_by(&["a", "b"], 6);
    assert_eq!(queue.store.retry_failed("Ada", 7).unwrap(), 1);
}

#[test]
fn a_removed_project_leaves_nothing_that_waits_and_no_lease() {
    let mut queue = Queue::new();
    queue.offer(0..3, "a", Purpose::Commit, 1);
    let done = queue.claim("c", 2).unwrap();
    assert_eq!(queue.finish(&done, "c", 3), Closed::Yes);
    let running = queue.claim("c", 4).unwrap();
    let failed = queue.claim("d", 4).unwrap();
    queue.fail_by_machine(&failed, "d", 4);
    queue.look(&[head("refs/pull/7/head", 100, true)], 5);
    let forge = Forge {
        kind: "gitea".into(),
        api: "https://git.example.org/api/v1".into(),
        repository: "a/b".into(),
        token: "t".into(),
    };
    queue.store.set_forge("p", Some(&forge)).unwrap();
    let ended = queue.store.remove_project("p", 6).unwrap().unwrap();
    assert_eq!((ended.waiting, ended.running), (2, 1));
    assert!(queue.store.waits(7).unwrap().is_empty());
    assert!(queue.store.forge("p").unwrap().is_none());
    assert_eq!(queue.store.pauses().unwrap(), []);
    assert!(queue.store.pulls(None, 9).unwrap().is_empty());
    assert!(queue.store.project("p").unwrap().is_none());
    let lease = held(&running, "c");
    assert_eq!(queue.store.beat(&lease, "", TTL, 8).unwrap(), Going::Lost);
    assert_eq!(queue.finish(&running, "c", 8), Closed::Lost);
    assert_eq!(queue.claim("c", 9), None);
    assert_eq!(queue.store.remove_project("p", 10).unwrap(), None);
    // A look that was under way offers nothing more.
    assert_eq!(queue.offer(7..8, "a", Purpose::Commit, 10), 0);
    queue.store.end_what_is_of_no_project("p", 10).unwrap();
    assert!(queue.store.waits(10).unwrap().is_empty());
    // One of that name begins anew; no number stands for two jobs.
    queue.store.add_project(&project_p(&["a"]), 11).unwrap();
    assert_eq!(queue.offer(0..3, "a", Purpose::Commit, 12), 3);
    let next = queue.claim("c", 13).unwrap();
    assert_ne!((next.id, next.epoch), (running.id, running.epoch));
    assert_eq!(queue.finish(&running, "c", 14), Closed::Lost);
    queue.store.end_what_is_of_no_project("p", 15).unwrap();
    assert_eq!(queue.state(next.id), State::Leased);
}

#[test]
fn a_queue_survives_being_opened_again() {
    let mut queue = Queue::with(3);
    let job = queue.claim("c", 0).unwrap();
    let mut again = Store::open_service(&queue.path).unwrap();
    assert_eq!(again.jobs_in(State::Waiting).unwrap(), 2);
    let lease = held(&job, "c");
    assert_eq!(again.beat(&lease, "", TTL, 1).unwrap(), Going::Go);
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(14),
        ..ProptestConfig::with_cases(12)
    })]

    /// The rule as SQL and the rule as a function are one.
    #[test]
    fn jobs_are_leased_in_the_order_of_the_rules(purposes in proptest::collection::vec(0usize..6, 1..25)) {
        let mut queue = Queue::new();
        for (i, p) in purposes.iter().enumerate() {
            queue.offer(i as u64..i as u64 + 1, "a", Purpose::ALL[*p], 0);
        }
        let all = queue.store.jobs(State::Waiting, 99).unwrap();
        let mut waiting: BTreeMap<i64, Waiting> =
            all.iter().map(|j| (j.id, Waiting { id: j.id, rank: j.purpose.rank() })).collect();
        for leases in 0..purposes.len() as u64 {
            let left: Vec<Waiting> = waiting.values().copied().collect();
            let job = queue.claim_untrusted("c", 1).unwrap();
            prop_assert_eq!(Some(job.id), jobs::next(&left, leases));
            waiting.remove(&job.id);
            queue.finish(&job, "c", 1);
        }
        prop_assert!(queue.claim_untrusted("c", 1).is_none());
    }
}

/// A head that a branch of the repository has, or one that a fork alone has.
fn head(reference: &str, position: u64, own: bool) -> Head {
    Head {
        reference: reference.into(),
        sha: commit(position).sha,
        own,
    }
}

impl Queue {
    /// One look at the pull requests, and the offer of what may be measured.
    fn look(&mut self, heads: &[Head], now: i64) -> usize {
        let wanted = self.store.see_pulls("p", heads, now).unwrap();
        let mut new = 0;
        for pull in wanted {
            let at = u64::from_str_radix(&pull.sha.0, 16).unwrap();
            let ends = (&commit(at), Some(&commit(1)), false);
            new += self.store.offer_pull(&pull, ends, now).unwrap();
        }
        new
    }

    fn claim_untrusted(&mut self, who: &str, now: i64) -> Option<Job> {
        let claim = Claim {
            untrusted: true,
            ..said(who)
        };
        let claimant = Claimant {
            claim: &claim,
            holder: who,
            ttl: TTL,
        };
        self.store.claim(&claimant, now).unwrap()
    }

    fn standing(&self, reference: &str) -> Standing {
        let all = self.store.pulls(Some("p"), 10).unwrap();
        all.iter()
            .find(|p| p.reference == reference)
            .unwrap()
            .standing
    }
}

#[test]
fn a_pull_request_goes_only_where_it_is_taken_after_new_commits() {
    let mut queue = Queue::new();
    let own = [head("refs/pull/7/head", 100, true)];
    assert_eq!(
        queue.look(&own, 1),
        2,
        "the head, and where it left the main line"
    );
    assert_eq!(queue.look(&own, 2), 0, "once");
    assert!(queue.claim("c", 3).is_none(), "not without being asked");
    let waits = queue.store.waits(4_000_000).unwrap();
    assert!(waits[0].pulls && waits[0].silent && waits[0].heard.is_none());
    queue.offer(5..6, "a", Purpose::Commit, 4);
    let first = queue.claim_untrusted("u", 5).unwrap();
    assert_eq!(first.purpose, Purpose::Commit);
    assert_eq!(queue.finish(&first, "u", 6), Closed::Yes);
    let second = queue.claim_untrusted("u", 7).unwrap();
    assert_eq!(
        (second.position, second.reference.as_str()),
        (100, "refs/pull/7/head")
    );
    assert_eq!(queue.standing("refs/pull/7/head"), Standing::Running);
    assert_eq!(queue.finish(&second, "u", 8), Closed::Yes);
    let base = queue.claim_untrusted("u", 9).unwrap();
    assert_eq!((base.position, base.reference.as_str()), (1, ""));
    assert_eq!(queue.standing("refs/pull/7/head"), Standing::Measured);
    // Where it left the main line was to be measured before: not again.
    assert_eq!(queue.look(&[head("refs/pull/8/head", 101, true)], 10), 1);
    // The other one is gone from the repository.
    assert_eq!(queue.store.pulls(None, 10).unwrap().len(), 1);
}

#[test]
fn what_was_approved_of_a_fork_is_void_after_a_push() {
    let mut queue = Queue::new();
    let fork = |position| [head("refs/pull/9/head", position, false)];
    assert_eq!(queue.look(&fork(200), 1), 0);
    assert_eq!(queue.standing("refs/pull/9/head"), Standing::Unapproved);
    let other = commit(999).sha;
    assert!(!queue.store.approve_pull("p", &other, "Ada", 1).unwrap());
    assert!(
        queue
            .store
            .approve_pull("p", &commit(200).sha, "Ada", 1)
            .unwrap()
    );
    let acts = queue.store.acts(9).unwrap();
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!(acts[0].detail, commit(200).sha.0);
    assert_eq!(queue.look(&fork(200), 2), 2);
    let job = queue.claim_untrusted("u", 3).unwrap();
    assert_eq!(job.position, 200);

    // Pushed to, while it is measured: the lease ends, its report is refused, and nothing waits.
    assert_eq!(queue.look(&fork(201), 4), 0);
    let beaten = queue.store.beat(&held(&job, "u"), "", TTL, 5).unwrap();
    assert_eq!(beaten, Going::Lost);
    assert_eq!(queue.finish(&job, "u", 6), Closed::Lost);
    assert_eq!(queue.state(job.id), State::Withdrawn);
    assert_eq!(queue.standing("refs/pull/9/head"), Standing::Unapproved);
    let base = queue.claim_untrusted("u", 7).unwrap();
    assert_eq!(base.position, 1);
    queue.finish(&base, "u", 8);

    // One that failed is not tried again by hand once another head stands there.
    assert!(
        queue
            .store
            .approve_pull("p", &commit(201).sha, "Ada", 8)
            .unwrap()
    );
    assert_eq!(queue.look(&fork(201), 9), 1);
    let job = queue.claim_untrusted("u", 10).unwrap();
    let said = Failing::new(Fault::Commit, "build", "no");
    queue.store.fail(&held(&job, "u"), &said, 11).unwrap();
    assert_eq!(queue.standing("refs/pull/9/head"), Standing::Failed);
    assert_eq!(queue.look(&fork(202), 12), 0);
    assert!(queue.store.retry_job(job.id, "Ada", 9).unwrap());
    assert!(queue.claim_untrusted("u", 13).is_none());

    // Back at a head that was approved once, it is one that nobody has approved.
    assert_eq!(queue.look(&fork(200), 14), 0);
    assert_eq!(queue.standing("refs/pull/9/head"), Standing::Unapproved);
    // A branch of the repository itself gets that head.
    assert_eq!(queue.look(&[head("refs/pull/9/head", 200, true)], 15), 1);
    assert_eq!(queue.claim_untrusted("u", 16).unwrap().position, 200);
}

#[test]
fn a_head_whose_branch_was_deleted_stays_measured_and_its_jobs_run_on() {
    let mut queue = Queue::new();
    let seen = |position, own| [head("refs/pull/7/head", position, own)];
    queue.look(&seen(100, true), 1);
    let job = queue.claim_untrusted("u", 2).unwrap();
    // Merged as one commit, and the branch is gone: nobody has to approve what was the project's own.
    assert_eq!(queue.look(&seen(100, false), 3), 0);
    assert_eq!(queue.standing("refs/pull/7/head"), Standing::Running);
    assert_eq!(queue.finish(&job, "u", 4), Closed::Yes);
    assert_eq!(queue.look(&seen(100, false), 5), 0);
    assert_eq!(queue.standing("refs/pull/7/head"), Standing::Measured);
    // Another head is another question.
    assert_eq!(queue.look(&seen(101, false), 6), 0);
    assert_eq!(queue.standing("refs/pull/7/head"), Standing::Unapproved);
    // A pull request opened anew at a head that was measured has nothing that waits for a word.
    assert_eq!(queue.look(&[], 7), 0);
    assert_eq!(queue.look(&[head("refs/pull/8/head", 100, false)], 8), 0);
    assert_eq!(queue.standing("refs/pull/8/head"), Standing::Measured);
}

#[test]
fn a_head_that_cannot_be_fetched_lets_others_go_first() {
    let mut queue = Queue::new();
    let heads = [7, 8].map(|n| head(&format!("refs/pull/{n}/head"), 100 + n, true));
    let mut first = |now| {
        let wanted = queue.store.see_pulls("p", &heads, now).unwrap();
        queue.store.pull_not_fetched(&wanted[0], now).unwrap();
        wanted[0].name.clone()
    };
    assert_eq!([1, 2, 3].map(&mut first), ["pull/7", "pull/8", "pull/7"]);
}

/// Rows that were written on this connection since it was opened.
fn written(store: &Store) -> i64 {
    store
        .ask(|db| db.query_row("SELECT total_changes()", [], |r| r.get(0)))
        .unwrap()
}

/// Of hundreds of pull requests most are as they were at the look before, and so is the repository.
#[test]
fn a_look_that_finds_nothing_new_writes_nothing() {
    let mut queue = Queue::new();
    let heads = [7, 8].map(|n| head(&format!("refs/pull/{n}/head"), 100 + n, false));
    queue.look(&heads, 1);
    queue.store.looked_at("p", 1_000, "").unwrap();
    let before = written(&queue.store);
    queue.look(&heads, 2);
    queue.store.looked_at("p", 2_000, "").unwrap();
    assert_eq!(written(&queue.store), before);
    // A branch of the repository has one of them by now.
    let own = [heads[0].clone(), head("refs/pull/8/head", 108, true)];
    assert_eq!(queue.look(&own, 3), 2);
    queue.store.looked_at("p", 60_000, "").unwrap();
    let kept = queue.store.project("p").unwrap().unwrap();
    assert_eq!(kept.looked, 60_000);
    queue.store.looked_at("p", 61_000, "no such host").unwrap();
    let before = written(&queue.store);
    queue.store.looked_at("p", 121_000, "no such host").unwrap();
    assert_eq!(written(&queue.store), before);
}

#[test]
fn each_of_several_labels_is_offered_where_a_pull_request_left_the_line() {
    for (labels, jobs) in [(&["a"][..], 1), (&["a", "b"][..], 4)] {
        let mut queue = Queue::new();
        queue.measured_by(labels, 0);
        let own = [head("refs/pull/7/head", 100, true)];
        let pull = queue.store.see_pulls("p", &own, 1).unwrap().remove(0);
        let ends = (&commit(100), Some(&commit(1)), true);
        let new = queue.store.offer_pull(&pull, ends, 1).unwrap();
        assert_eq!(new, jobs, "{labels:?}");
    }
}

#[test]
fn a_pull_request_s_withdrawn_job_never_becomes_one_of_the_main_line() {
    let mut queue = Queue::new();
    queue.look(&[head("refs/pull/7/head", 100, true)], 1);
    queue.look(&[], 2);
    assert_eq!(queue.offer(100..101, "a", Purpose::Commit, 3), 1);
    let job = queue.claim("c", 4).unwrap();
    assert_eq!((job.position, job.reference.as_str()), (100, ""));
}

#[test]
fn a_forge_hears_of_a_head_once_it_and_its_base_are_done_with() {
    let mut queue = Queue::new();
    let own = [head("refs/pull/7/head", 100, true)];
    queue.look(&own, 1);
    for _ in 0..2 {
        assert_eq!(queue.store.not_notified(9, 10).unwrap(), []);
        let job = queue.claim_untrusted("u", 2).unwrap();
        queue.finish(&job, "u", 3);
    }
    assert_eq!(
        queue.store.not_notified(9, 10).unwrap(),
        [],
        "no forge is named"
    );
    let forge = Forge {
        kind: "github".into(),
        api: "https://forge.example/api/v3".into(),
        repository: "o/r".into(),
        token: "tok-9".into(),
    };
    queue.store.set_forge("p", Some(&forge)).unwrap();
    assert_eq!(queue.store.forge("p").unwrap(), Some(forge.clone()));
    assert!(!format!("{forge:?}").contains("tok-9"));
    let one = queue.store.not_notified(9, 10).unwrap().remove(0);
    assert_eq!(one.base, commit(1).sha.0);
    queue.store.note_notified(&one, Some(("away", 50))).unwrap();
    assert_eq!(queue.store.not_notified(49, 10).unwrap(), []);
    let again = queue.store.not_notified(50, 10).unwrap().remove(0);
    assert_eq!(again.not_notified, "away");
    // One notifies, and whoever dies over it is not waited for longer than that.
    assert!(queue.store.take_on(&again, 50, 60).unwrap());
    assert!(!queue.store.take_on(&again, 51, 61).unwrap());
    assert_eq!(queue.store.not_notified(59, 10).unwrap(), []);
    assert!(queue.store.take_on(&again, 60, 70).unwrap());
    queue.store.note_notified(&again, None).unwrap();
    assert!(!queue.store.take_on(&again, 99, 109).unwrap());
    assert_eq!(queue.store.not_notified(99, 10).unwrap(), []);
    // Of another head it has not heard.
    queue.look(&[head("refs/pull/7/head", 101, true)], 100);
    let job = queue.claim_untrusted("u", 101).unwrap();
    queue.finish(&job, "u", 102);
    assert_eq!(queue.store.not_notified(103, 10).unwrap().len(), 1);
    queue.store.set_forge("p", None).unwrap();
    assert_eq!(queue.store.not_notified(103, 10).unwrap(), []);
}
