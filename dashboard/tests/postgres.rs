//! A log that several nodes share. Where it matters the same is asked of two handles of one file,
//! and of two nodes with a file each and one PostgreSQL.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use collector::error::{Error, Result};
use collector::history::watch::search_for;
use collector::jobs::wire::{Claim, Going};
use collector::jobs::{PROTOCOL, Purpose};
use collector::model::{
    Channel, Commit, Counter, Line, Measurement, Metric, ProfileKind, ProfileRef, Report, Secret,
    Sha, Sink, Testbed, digest,
};
use collector::store::queue::{Claimant, Closed, Finished, Head, Held, Job, NewProject, Offer};
use collector::store::shared::{News, Reach, Row, Seen, Server, Shared, Shipment, Version};
use collector::store::{Audience, Handed, Keep, Scope, Store};
use uptick_dashboard::Log;

use crate::support::postgres::{Cluster, as_owner};

mod faults;
mod outside;

const TTL: i64 = 60_000;

/// Two stores that are one to whoever uses them.
struct Pair {
    dir: tempfile::TempDir,
    logs: Option<(Log, Log)>,
}

impl Pair {
    fn alone() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, logs: None }
    }

    fn on(cluster: &Cluster) -> Self {
        let address = cluster.address("postgres");
        let open = || Log::open(&address).unwrap();
        Self {
            dir: tempfile::tempdir().unwrap(),
            logs: Some((open(), open())),
        }
    }

    /// A file of the first node, or of the second; `service` is one with a queue.
    fn node(&self, second: bool, file: &str) -> Store {
        let name = match (&self.logs, second) {
            (Some(_), true) => format!("b-{file}"),
            _ => file.to_string(),
        };
        let path = self.dir.path().join(name);
        let mut store = match file {
            "service" => Store::open_service(&path),
            _ => Store::open(&path),
        }
        .unwrap();
        if let Some((a, b)) = &self.logs {
            let log = if second { b } else { a };
            store.share(log.file(file), file).unwrap();
            store.follow().unwrap();
        }
        store
    }

    fn both(&self, file: &str) -> (Store, Store) {
        (self.node(false, file), self.node(true, file))
    }
}

fn sha(position: u64) -> Sha {
    Sha(format!("{position:040x}"))
}

fn commit(position: u64) -> Commit {
    Commit {
        sha: sha(position),
        position,
        parents: Vec::new(),
        author: "A".into(),
        time: 1_700_000_000 + position.cast_signed(),
        subject: format!("commit {position}"),
    }
}

fn report(position: u64, value: f64) -> Report {
    Report {
        schema: Report::SCHEMA.into(),
        commit: commit(position),
        testbed: Testbed::default(),
        build_key: format!("{position}"),
        suite_key: "s".into(),
        testbed_key: "t".into(),
        started: 1_700_000_000,
        seconds: 1.0,
        reused: None,
        line: None,
        measurements: vec![Measurement::once(
            "parse",
            Metric::Instructions,
            Counter::Callgrind,
            value,
        )],
        failures: Vec::new(),
        profiles: Vec::new(),
    }
}

fn handed(position: u64, value: f64) -> Handed {
    Handed::read(&serde_json::to_vec(&report(position, value)).unwrap()).unwrap()
}

fn export(store: &Store) -> String {
    let mut out = Vec::new();
    assert_eq!(store.export(&mut out).unwrap(), Vec::<String>::new());
    String::from_utf8(out).unwrap()
}

fn claim(store: &mut Store, who: &str, now: i64) -> Option<Job> {
    let claim = Claim {
        collector: who.into(),
        session: who.into(),
        labels: vec!["a".into()],
        version: "1".into(),
        protocol: PROTOCOL,
        testbed: BTreeMap::new(),
        wait: 0,
        untrusted: true,
    };
    let claimant = Claimant {
        claim: &claim,
        holder: who,
        ttl: TTL,
    };
    store.claim(&claimant, now).unwrap()
}

/// Adds a project that the label `a` measures.
fn project(store: &mut Store, name: &str) {
    let project = NewProject {
        name: name.into(),
        url: "/nowhere/at/all".into(),
        branch: "main".into(),
        poll: 60,
        labels: vec!["a".into()],
        pulls: Vec::new(),
    };
    store.add_project(&project, 0).unwrap();
}

fn offer(store: &mut Store, jobs: u64) {
    project(store, "p");
    let commits: Vec<Commit> = (0..jobs).map(commit).collect();
    let labels = ["a".to_string()];
    let offer = Offer {
        project: "p",
        commits: &commits,
        labels: &labels,
        purpose: Purpose::Commit,
    };
    assert_eq!(store.offer(&offer, None, 0).unwrap(), commits.len());
}

const fn held<'a>(job: &Job, who: &'a str) -> Held<'a> {
    Held {
        job: job.id,
        epoch: job.epoch,
        holder: who,
    }
}

/// What any store promises, whoever else writes.
#[test]
fn two_nodes_are_one_store() {
    let cluster = Cluster::new();
    for pair in [Pair::on(&cluster), Pair::alone()] {
        a_report_is_stored_once(&pair);
        sixteen_claimers_get_each_job_once(&pair);
        a_late_result_is_refused(&pair);
        whoever_panics_lets_others_write(&pair);
        a_message_is_sent_once(&pair);
        a_late_result_is_of_its_own_message(&pair);
        a_token_ends_everywhere(&pair);
        what_is_pruned_is_pruned_everywhere(&pair);
        a_fork_is_approved_anywhere(&pair);
    }
}

fn a_report_is_stored_once(pair: &Pair) {
    let (mut a, mut b) = pair.both("project/once");
    let first = a.hold(&handed(1, 5.0), Some("k"), 10).unwrap().unwrap();
    assert_eq!(first.new, 1);
    // The second has not heard of it, and the guard tells it.
    let again = b.hold(&handed(1, 5.0), Some("k"), 10).unwrap().unwrap();
    assert_eq!((again.new, again.hashes), (0, first.hashes));
    assert_eq!(b.hold(&handed(2, 5.0), Some("k"), 10).unwrap(), None);
    assert_eq!(b.hold(&handed(2, 5.0), None, 10).unwrap().unwrap().new, 1);
    a.follow().unwrap();
    assert_eq!(export(&a), export(&b));
    a.derive().unwrap();
    b.derive().unwrap();
    assert_eq!(a.counts().unwrap(), b.counts().unwrap());
    assert_eq!(a.counts().unwrap().0, 2);
}

fn sixteen_claimers_get_each_job_once(pair: &Pair) {
    const JOBS: u64 = 200;
    let (mut a, mut b) = pair.both("service");
    offer(&mut a, JOBS);
    b.follow().unwrap();
    let work = |store: &mut Store, node: &str| {
        let mut got = Vec::new();
        // Eight collectors of each node, one after the other as its writer takes them.
        for who in (0..8).map(|i| format!("{node}{i}")).cycle() {
            let Some(job) = claim(store, &who, 1) else {
                return got;
            };
            let done = Finished {
                report: format!("r{}", job.id),
                failed: None,
            };
            let closed = store.finish(&held(&job, &who), &done, 2, |_| Ok(()));
            assert_eq!(closed.unwrap(), Closed::Yes);
            got.push((job.id, job.epoch));
        }
        got
    };
    let (mine, theirs) = std::thread::scope(|s| {
        let mine = s.spawn(|| work(&mut a, "a"));
        let theirs = s.spawn(|| work(&mut b, "b"));
        (mine.join().unwrap(), theirs.join().unwrap())
    });
    // Two handles of one file take turns as SQLite lets them; of two nodes neither is left behind.
    if pair.logs.is_some() {
        let least = mine.len().min(theirs.len());
        assert!(least >= 10, "{} and {}", mine.len(), theirs.len());
    }
    let mut all = [mine, theirs].concat();
    all.sort_unstable();
    assert!(all.iter().all(|(_, epoch)| *epoch == 1), "{all:?}");
    all.dedup_by_key(|(job, _)| *job);
    assert_eq!(all.len() as u64, JOBS);
}

fn a_late_result_is_refused(pair: &Pair) {
    let (mut a, mut b) = pair.both("service");
    let commits = [commit(1_000)];
    let labels = ["a".to_string()];
    let late = Offer {
        project: "late",
        commits: &commits,
        labels: &labels,
        purpose: Purpose::Commit,
    };
    project(&mut a, "late");
    a.offer(&late, None, 0).unwrap();
    b.follow().unwrap();
    let first = claim(&mut a, "frozen", 10).unwrap();
    // Its heartbeat comes to a node that has not heard of the lease.
    let going = b.beat(&held(&first, "frozen"), "", TTL, 11).unwrap();
    assert_eq!(going, Going::Go);
    let second = claim(&mut b, "other", 12 + TTL).unwrap();
    assert_eq!((first.id, second.epoch), (second.id, first.epoch + 1));
    let done = Finished {
        report: "r".into(),
        failed: None,
    };
    // The node that leased it first has not heard of the second lease.
    let mut appended = false;
    let closed = a.finish(&held(&first, "frozen"), &done, 13 + TTL, |_| {
        appended = true;
        Ok(())
    });
    assert_eq!((closed.unwrap(), appended), (Closed::Lost, false));
    let closed = a.finish(&held(&second, "other"), &done, 14 + TTL, |_| Ok(()));
    assert_eq!(closed.unwrap(), Closed::Yes);
    // Whoever did not hear the answer asks another node.
    let again = b.finish(&held(&second, "other"), &done, 15 + TTL, |_| Ok(()));
    assert_eq!(again.unwrap(), Closed::Yes);
}

fn whoever_panics_lets_others_write(pair: &Pair) {
    let (mut a, mut b) = pair.both("service");
    let commits = [commit(2_000)];
    let labels = ["a".to_string()];
    let one = Offer {
        project: "panics",
        commits: &commits,
        labels: &labels,
        purpose: Purpose::Commit,
    };
    project(&mut a, "panics");
    a.offer(&one, None, 20).unwrap();
    let job = claim(&mut a, "p", 20).unwrap();
    let done = Finished {
        report: "r".into(),
        failed: None,
    };
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        a.finish(&held(&job, "p"), &done, 21, |_| panic!("as a bug would"))
    }));
    assert!(panics.is_err());
    let closed = b.finish(&held(&job, "p"), &done, 22, |_| Ok(()));
    assert_eq!(closed.unwrap(), Closed::Yes);
    a.follow().unwrap();
}

fn a_message_is_sent_once(pair: &Pair) {
    let (mut a, mut b) = pair.both("project/outbox");
    let look = |store: &mut Store, now: i64| {
        store.derive().unwrap();
        search_for(store, usize::MAX, Audience::Channels { now }).unwrap();
    };
    for i in 0..12 {
        a.hold(&handed(i, 1e6), None, 0).unwrap();
        look(&mut a, 0);
    }
    a.add_channel(&channel()).unwrap();
    b.follow().unwrap();
    b.hold(&handed(12, 1.2e6), None, 100).unwrap();
    a.follow().unwrap();
    // Both look at the same points, neither knowing of the other, and each of them for the first
    // time in its life on the second node.
    look(&mut b, 100);
    look(&mut a, 100);
    b.follow().unwrap();
    assert_eq!(a.deliveries(10).unwrap().len(), 1);
    assert_eq!(a.deliveries(10).unwrap(), b.deliveries(10).unwrap());
    let open = |store: &Store| {
        let all = store.open_events(10).unwrap();
        all.into_iter().map(|e| e.reported.id).collect::<Vec<_>>()
    };
    assert_eq!((open(&a).len(), open(&a)), (1, open(&b)));
    let mine = a.due(10, 200, 260).unwrap();
    assert_eq!((mine.len(), b.due(10, 200, 260).unwrap().len()), (1, 0));
    // Its lease ends, and what comes then is of nobody's lease.
    let theirs = b.due(10, 261, 320).unwrap();
    assert!(!a.delivered(&mine[0], "late", 262).unwrap());
    assert!(b.delivered(&theirs[0], "taken", 263).unwrap());
    a.follow().unwrap();
    assert_eq!(a.due(10, 100_000, 100_060).unwrap().len(), 0);
}

/// A node that came when a message was gone gives its number to another one.
fn a_late_result_is_of_its_own_message(pair: &Pair) {
    let mut a = pair.node(false, "project/late");
    a.add_channel(&channel()).unwrap();
    let late = a.trial("c", 1, 100).unwrap().unwrap();
    a.remove_channel("c").unwrap();
    let mut b = pair.node(true, "project/late");
    b.add_channel(&channel()).unwrap();
    let own = b.trial("c", 2, 100).unwrap().unwrap();
    a.follow().unwrap();
    a.keep_message(&late, "x").unwrap();
    assert!(!a.again(&late, 3, "late").unwrap());
    assert!(!a.delivered(&late, "late", 3).unwrap());
    assert!(b.delivered(&own, "taken", 3).unwrap());
}

fn channel() -> Channel {
    Channel {
        id: 0,
        name: "c".into(),
        sink: Sink::Webhook,
        address: Secret::new("https://hooks.example/x".into()),
        secret: Secret::new("whsec_x".into()),
        former: Secret::default(),
        room: String::new(),
        sender: String::new(),
        private: false,
        improvements: false,
        since: -1,
        created: 1,
        disabled: None,
        why: String::new(),
    }
}

fn a_token_ends_everywhere(pair: &Pair) {
    let (mut a, mut b) = pair.both("service");
    let one = a
        .add_token("one", Scope::Read, "hash one", 1, None)
        .unwrap();
    let two = b
        .add_token("two", Scope::Read, "hash two", 1, None)
        .unwrap();
    assert_ne!(one, two);
    assert!(b.revoke_token(one, 2).unwrap());
    a.follow().unwrap();
    assert_eq!(a.token("hash one").unwrap().unwrap().revoked, Some(2));
    assert_eq!(a.tokens().unwrap(), b.tokens().unwrap());
}

fn what_is_pruned_is_pruned_everywhere(pair: &Pair) {
    let (mut a, mut b) = pair.both("project/pruned");
    let blob = |text: &str| (digest(text.as_bytes()), text.as_bytes().to_vec());
    let (old, beside) = (blob("[[\"old\",1]]"), blob("[[\"beside\",1]]"));
    for (position, (hash, bytes)) in [(1, &old), (2, &beside)] {
        let mut report = report(position, 5.0);
        report.profiles.push(ProfileRef {
            benchmark: "parse".into(),
            kind: ProfileKind::Functions,
            blob: hash.clone(),
        });
        if position == 2 {
            report.line = Some(Line::Branch {
                name: Some("topic".into()),
                merge_base: Some(sha(1)),
            });
        }
        a.put(&report, &[(hash.clone(), bytes.clone())]).unwrap();
    }
    let third = pair.logs.as_ref().map(|(log, _)| {
        let mut third = Store::open(&pair.dir.path().join("third")).unwrap();
        third
            .share(log.file("project/pruned"), "project/pruned")
            .unwrap();
        third.follow().unwrap();
        third.derive().unwrap();
        third
    });
    b.follow().unwrap();
    b.derive().unwrap();
    assert!(b.blob(&old.0).unwrap().is_some());
    let keep = Keep {
        profiles: Some(1),
        branches: Some(1),
        main: None,
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let later = now.cast_signed() + 10 * 86_400;
    // Each plans by itself, and the second finds that it is done.
    for store in [&mut a, &mut b] {
        let plan = store.plan_pruning(&keep, later).unwrap();
        while !store.prune(&plan, "p", later).unwrap().is_empty() {}
    }
    a.follow().unwrap();
    a.derive().unwrap();
    for store in [&a, &b] {
        assert_eq!(store.blob(&old.0).unwrap(), None);
        assert_eq!(store.blob(&beside.0).unwrap(), None);
        assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    }
    assert_eq!(export(&a), export(&b));
    assert_eq!(a.counts().unwrap(), b.counts().unwrap());
    assert!(export(&a).contains("\"stub\""));
    if let Some(third) = third {
        is_brought_up_to_date(third, &a);
    }
}

/// A replica of an older uptick that had not applied a pruning yet.
fn is_brought_up_to_date(mut older: Store, level: &Store) {
    older.follow().unwrap();
    let path = older.path().to_path_buf();
    drop(older);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "DROP VIEW profile_here; DROP TABLE object; DROP TABLE object_left; DROP TABLE object_place; \
         DROP TABLE line_left; \
         PRAGMA user_version = 11;",
    )
    .unwrap();
    drop(db);
    let store = Store::open(&path).unwrap();
    assert_eq!(export(&store), export(level));
    assert_eq!(store.counts().unwrap(), level.counts().unwrap());
}

fn a_fork_is_approved_anywhere(pair: &Pair) {
    let (mut a, mut b) = pair.both("service");
    let head = |position: u64| Head {
        reference: "refs/pull/9/head".into(),
        sha: sha(position),
        own: false,
    };
    project(&mut a, "q");
    assert_eq!(a.see_pulls("q", &[head(200)], 1).unwrap(), []);
    // The other node has not heard of it.
    assert!(b.approve_pull("q", &sha(200), "Ada", 1).unwrap());
    let found = a.see_pulls("q", &[head(200)], 2).unwrap();
    let ends = (&commit(200), None, true);
    for (store, new) in [(&mut a, 1), (&mut b, 0)] {
        let offered = store.offer_pull(&found[0], ends, 3).unwrap();
        assert_eq!(offered, new);
    }
    let job = claim(&mut b, "u", 4).unwrap();
    assert_eq!((job.project.as_str(), job.position), ("q", 200));
    // A push, seen by one, voids the lease that the other gave.
    assert_eq!(a.see_pulls("q", &[head(201)], 5).unwrap(), []);
    let done = Finished {
        report: "r".into(),
        failed: None,
    };
    let closed = b.finish(&held(&job, "u"), &done, 6, |_| {
        panic!("its report is stored")
    });
    assert_eq!(closed.unwrap(), Closed::Lost);
}

/// Ends what goes on beside a test, also where an assertion fails meanwhile.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One writes without a pause: what the other writes is written all the same.
#[test]
fn no_node_keeps_another_from_writing() {
    let cluster = Cluster::new();
    let pair = Pair::on(&cluster);
    let (mut a, mut b) = pair.both("project/busy");
    let over = AtomicBool::new(false);
    let (longest, many) = std::thread::scope(|s| {
        let end = End(&over);
        let busy = s.spawn(|| {
            let all = (1_000..).take_while(|_| !over.load(Ordering::SeqCst));
            all.map(|n| a.hold(&handed(n, 1.0), None, 1).unwrap())
                .count()
        });
        let waited = (0..20).map(|n| {
            let began = Instant::now();
            b.hold(&handed(n, 1.0), None, 1).unwrap();
            began.elapsed()
        });
        let longest = waited.max().unwrap();
        drop(end);
        (longest, busy.join().unwrap())
    });
    assert!(
        longest < Duration::from_secs(5),
        "{longest:?} beside {many}"
    );
    assert!(many > 0);
    a.follow().unwrap();
    b.follow().unwrap();
    assert_eq!(export(&a), export(&b));
}

/// A shared log that a process loses sight of after so many writes, as one that is killed.
#[derive(Debug)]
struct Dying {
    inner: Box<dyn Shared>,
    left: u32,
    /// Whether it is lost once a move has ended there.
    dies_at_the_end: bool,
}

impl Shared for Dying {
    fn database(&self) -> &str {
        self.inner.database()
    }
    fn address(&self) -> &str {
        self.inner.address()
    }
    fn server(&self) -> Server {
        self.inner.server()
    }
    fn ship(&mut self, at: &Version, what: &Shipment) -> Result<Option<Version>> {
        if self.left == 0 {
            return Err(Error::Store("killed".into()));
        }
        self.left -= 1;
        self.inner.ship(at, what)
    }
    fn hold(&mut self, at: Option<&Version>) -> Result<bool> {
        self.inner.hold(at)
    }
    fn release(&mut self) {
        self.inner.release();
    }
    fn news(&mut self, after: &Version, seq: i64) -> Result<News> {
        self.inner.news(after, seq)
    }
    fn rows(&mut self) -> Result<Vec<Row>> {
        self.inner.rows()
    }
    fn unique(&self) -> Result<String> {
        self.inner.unique()
    }
    fn begin_move(&mut self, id: &str, end: &Version) -> Result<Option<Reach>> {
        self.inner.begin_move(id, end)
    }
    fn end_move(&mut self) -> Result<()> {
        self.inner.end_move()?;
        match self.dies_at_the_end {
            true => Err(Error::Store("killed".into())),
            false => Ok(()),
        }
    }
    fn check(&mut self) -> Result<()> {
        self.inner.check()
    }
}

fn dying(inner: Box<dyn Shared>, left: u32, dies_at_the_end: bool) -> Dying {
    Dying {
        inner,
        left,
        dies_at_the_end,
    }
}

/// A directory of before: a store with the demo's history, and a token.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let site = crate::support::Site::demo();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("uptick.db");
    std::fs::copy(&site.path, &path).unwrap();
    let mut store = Store::open(&path).unwrap();
    let hash = "ab".repeat(32);
    store.add_token("t", Scope::Read, &hash, 1, None).unwrap();
    store.add_channel(&channel()).unwrap();
    (dir, path)
}

#[test]
fn a_store_moves_there_and_back_with_everything() {
    let cluster = Cluster::new();
    cluster.sql("CREATE DATABASE other");
    let log = Log::open(&cluster.address("postgres")).unwrap();
    let (dir, path) = filled();

    let before = export(&Store::open(&path).unwrap());
    let mut plain = Store::open(&path).unwrap();

    // Killed after each of the first writes, it goes on.
    for left in [0, 1, 2] {
        let inner = log.file("f");
        let killed = Store::open(&path)
            .unwrap()
            .share(Box::new(dying(inner, left, false)), "f");
        assert!(killed.unwrap_err().to_string().contains("killed"));
        // Meanwhile nobody takes what is there for all of it, and nothing is written here alone.
        let other = dir.path().join("other");
        let mut early = Store::open(&other).unwrap();
        early.share(log.file("f"), "f").unwrap();
        let why = early.follow().unwrap_err().to_string();
        assert!(why.contains("another node moves"), "{why}");
        let why = Store::open(&path).unwrap().hold(&handed(900, 1.0), None, 1);
        assert!(why.unwrap_err().to_string().contains("replica"));
        // Nor by who had opened it before.
        let why = plain.hold(&handed(900, 1.0), None, 1).unwrap_err();
        assert!(why.to_string().contains("run the command again"), "{why}");
    }
    // Killed when it had ended there, before it noted so here: another one has all of it by then.
    let killed = Store::open(&path)
        .unwrap()
        .share(Box::new(dying(log.file("f"), 1_000, true)), "f");
    assert!(killed.unwrap_err().to_string().contains("killed"));
    let mut other = Store::open(&dir.path().join("other")).unwrap();
    other.share(log.file("f"), "f").unwrap();
    other.follow().unwrap();
    assert_eq!(export(&other), before);
    other.hold(&handed(900, 1.0), None, 1).unwrap();
    let mut store = Store::open(&path).unwrap();
    store.announce(log.file("f"), "f").unwrap();
    store.share(log.file("f"), "f").unwrap();
    assert!(store.follow().unwrap(), "what the other wrote");
    store.derive().unwrap();
    assert_eq!(export(&store), export(&other));
    let before = export(&store);

    // A new node has all of it.
    let mut node = Store::open(&dir.path().join("node")).unwrap();
    node.share(log.file("f"), "f").unwrap();
    node.follow().unwrap();
    node.derive().unwrap();
    assert_eq!(export(&node), before);
    assert_eq!(node.counts().unwrap(), store.counts().unwrap());
    assert_eq!(node.tokens().unwrap(), store.tokens().unwrap());
    assert_eq!(node.channels().unwrap().len(), 1);
    assert_eq!(node.verify().unwrap().problems, Vec::<String>::new());

    refused(&cluster, &dir, &path, &log);

    // And back: it is a store as any other.
    node.hold(&handed(901, 1.0), None, 1).unwrap();
    store.follow().unwrap();
    drop(store);
    assert!(Store::detach(&path).unwrap());
    assert!(!Store::detach(&path).unwrap());
    let mut store = Store::open(&path).unwrap();
    assert_eq!(export(&store), export(&node));
    store.hold(&handed(902, 1.0), None, 1).unwrap();
    let why = store.share(log.file("f"), "f").unwrap_err().to_string();
    assert!(why.contains("both"), "{why}");
}

fn refused(cluster: &Cluster, dir: &tempfile::TempDir, path: &std::path::Path, log: &Log) {
    let other = Log::open(&cluster.address("other")).unwrap();
    let mut store = Store::open(path).unwrap();
    let why = store.share(other.file("f"), "f").unwrap_err().to_string();
    assert!(why.contains("is a replica of the database"), "{why}");
    let why = store.share(log.file("g"), "g").unwrap_err().to_string();
    assert!(why.contains("replica of `f`"), "{why}");
    // One that was never filled is not left alone.
    let empty = dir.path().join("empty");
    Store::open(&empty)
        .unwrap()
        .share(log.file("f"), "f")
        .unwrap();
    let why = Store::detach(&empty).unwrap_err().to_string();
    assert!(why.contains("never had everything"), "{why}");
    // A database that was restored from before, and one that went on since.
    for (name, change) in [
        ("ahead", "version = version + 1, mark = 'x'"),
        ("forked", "mark = 'x'"),
    ] {
        let ahead = dir.path().join(name).to_str().unwrap().to_string();
        let db = rusqlite::Connection::open(path).unwrap();
        db.execute("VACUUM INTO ?1", [&ahead]).unwrap();
        let db = rusqlite::Connection::open(&ahead).unwrap();
        db.execute(&format!("UPDATE replica SET {change}"), [])
            .unwrap();
        drop(db);
        let mut store = Store::open(ahead.as_ref()).unwrap();
        store.share(log.file("f"), "f").unwrap();
        let why = store.follow().unwrap_err().to_string();
        assert!(why.contains("ahead of its database"), "{why}");
        let why = store.hold(&handed(950, 1.0), None, 1).unwrap_err();
        assert!(why.to_string().contains("ahead of its database"), "{why}");
    }
}

#[test]
fn a_write_whose_answer_was_lost_is_found_and_a_newer_schema_is_refused() {
    let cluster = Cluster::new();
    let log = Log::open(&cluster.address("postgres")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("a")).unwrap();
    store.share(log.file("f"), "f").unwrap();
    store.follow().unwrap();
    // The session dies within the write, once: nothing of it is there, and it is done again.
    cluster.sql(
        "CREATE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN IF nextval(''public.cuts'') = 1 THEN \
         PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END'; \
         CREATE SEQUENCE public.cuts; \
         CREATE TRIGGER cut BEFORE INSERT ON uptick.written FOR EACH ROW EXECUTE FUNCTION public.cut()",
    );
    assert_eq!(
        store.hold(&handed(1, 1.0), None, 1).unwrap().unwrap().new,
        1
    );
    assert_eq!(cluster.sql("SELECT count(*) FROM uptick.entry"), "1");
    assert!(
        cluster
            .sql("SELECT last_value FROM public.cuts")
            .parse::<u32>()
            .unwrap()
            > 1
    );
    cluster.sql("DROP TRIGGER cut ON uptick.written");

    // A file is checked by its hash on whichever node it is read.
    cluster.sql("UPDATE uptick.about SET schema = 99, least = 99");
    let why = Log::open(&cluster.address("postgres"))
        .unwrap_err()
        .to_string();
    assert!(why.contains("update it"), "{why}");
    // One that is newer and lets this one work beside it.
    cluster.sql("UPDATE uptick.about SET schema = 99, least = 1");
    cluster.sql("ALTER TABLE uptick.entry ADD COLUMN later text NOT NULL DEFAULT ''");
    let log = Log::open(&cluster.address("postgres")).unwrap();
    store.share(log.file("f"), "f").unwrap();
    assert_eq!(
        store.hold(&handed(2, 1.0), None, 1).unwrap().unwrap().new,
        1
    );
}

/// A server that speaks TLS as `localhost`; gives its port and the file of its certificate.
fn encrypted() -> (Cluster, u16, PathBuf) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut file = PathBuf::new();
    let cluster = Cluster::with(|dir| {
        file = dir.join("cert.pem");
        let key = dir.join("key.pem");
        let mut made = as_owner(std::process::Command::new("openssl"));
        made.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"])
        .args([
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=CA:FALSE",
            "-keyout",
        ])
        .arg(&key)
        .arg("-out")
        .arg(&file);
        assert!(
            made.stderr(std::process::Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        vec![
            "listen_addresses=127.0.0.1".into(),
            format!("port={port}"),
            "ssl=on".into(),
            format!("ssl_cert_file={}", file.display()),
            format!("ssl_key_file={}", key.display()),
        ]
    });
    (cluster, port, file)
}

#[test]
fn a_log_is_encrypted_and_known_where_that_is_asked_for() {
    let (_cluster, port, file) = encrypted();
    let open = |host: &str, mode: &str| {
        Log::open(&format!(
            "postgres://uptick@{host}:{port}/postgres?sslmode={mode}"
        ))
    };
    let root = format!("&sslrootcert={}", file.display());
    assert!(open("localhost", &format!("verify-full{root}")).is_ok());
    assert!(open("127.0.0.1", "require").is_ok());
    // Of another host, and of nobody that is known.
    for (host, mode) in [
        ("127.0.0.1", format!("verify-full{root}")),
        ("localhost", "verify-full".into()),
    ] {
        let why = open(host, &mode).unwrap_err().to_string();
        assert!(why.contains("certificate"), "{why}");
    }
    let why = open("localhost", "verify-full&sslrootcert=/nowhere").unwrap_err();
    assert!(why.to_string().contains("/nowhere"), "{why}");
}
