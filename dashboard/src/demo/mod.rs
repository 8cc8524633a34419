//! An invented history, so that a newcomer sees every page filled, and tests and load have
//! something to read: some months of a parser's life, with steps, a drift, a spike that went
//! back, a compiler update, gaps, failures and names that mean harm. Stored as measured reports
//! are, through [`Store::put`].

mod branches;
mod names;
mod stacks;

use std::collections::BTreeMap;

use collector::detect::alerts::life::{Resolution, State};
use collector::error::Result;
use collector::model::{
    Commit, Counter, Failure, Measurement, Metric, NoiseClass, Phase, ProfileKind, ProfileRef,
    Report, Sha, Testbed, digest,
};
use collector::stats::SplitMix64;
use collector::store::{Store, Triage};

use names::{AUTHORS, BENCHMARKS, HOSTILE, SUBJECTS};

/// How much is invented.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Commits on the main line; about one in eleven is not measured.
    pub commits: u64,
    /// Benchmarks beyond the named ones, for load.
    pub more_benchmarks: usize,
    /// Only instruction counts, and no profiles.
    pub plain: bool,
    /// When the newest commit was written, in seconds since 1970-01-01 UTC.
    pub now: i64,
}

impl Size {
    /// Five months of some forty benchmarks.
    #[must_use]
    pub const fn believable(now: i64) -> Self {
        Self {
            commits: 240,
            more_benchmarks: 0,
            plain: false,
            now,
        }
    }
}

/// What was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Reports.
    pub reports: u64,
    /// Series searched for changes.
    pub series: usize,
}

/// One thing that happened to the code: from a commit on, counted from the newest, some
/// benchmarks cost more or less.
struct Happening {
    /// Commits before the newest.
    ago: u64,
    /// Beginnings of benchmark names.
    touches: &'static [(&'static str, f64)],
    subject: &'static str,
    author: usize,
    /// The function that it happened in.
    function: &'static str,
}

const HAPPENINGS: &[Happening] = &[
    Happening {
        ago: 196,
        touches: &[("parse/", 0.953), ("lex/", 0.961)],
        subject: "Intern identifiers instead of cloning them",
        author: 1,
        function: "lexis::intern::Interner::get",
    },
    Happening {
        ago: 131,
        touches: &[("parse/", 1.018), ("lex/unicode", 1.034)],
        subject: "Check UTF-8 before the first token, not after the last",
        author: 3,
        function: "core::str::converts::from_utf8",
    },
    Happening {
        ago: 88,
        touches: &[("lex/unicode", 0.968), ("parse/", 0.985)],
        subject: "Check UTF-8 in blocks of 32 bytes",
        author: 0,
        function: "core::str::converts::from_utf8",
    },
    Happening {
        ago: 61,
        touches: &[("index/", 0.94), ("query/", 0.972)],
        subject: "Keep postings in an arena",
        author: 2,
        function: "lexis::index::Postings::push",
    },
    Happening {
        ago: 47,
        touches: &[("emit/", 1.083)],
        subject: "Emit through a dyn Writer",
        author: 4,
        function: "lexis::emit::Writer::write_all",
    },
    Happening {
        ago: 42,
        touches: &[("emit/", 1.0 / 1.083)],
        subject: "Revert \"Emit through a dyn Writer\"",
        author: 4,
        function: "lexis::emit::Writer::write_all",
    },
    Happening {
        ago: 34,
        touches: &[("query/", 0.958)],
        subject: "Stop at the first match in `Query::any`",
        author: 1,
        function: "lexis::query::any",
    },
    Happening {
        ago: 23,
        touches: &[
            ("parse/large", 1.041),
            ("parse/small", 1.022),
            ("parse/minified", 1.031),
            ("lex/unicode", 1.013),
        ],
        subject: "Split Lexer::next so that errors carry spans",
        author: 3,
        function: "lexis::lex::Lexer::next",
    },
    Happening {
        ago: 9,
        touches: &[("emit/json", 1.092), ("emit/pretty", 1.064)],
        subject: "Escape strings through a table built per call",
        author: 2,
        function: "lexis::emit::escape::table",
    },
];

/// Where the compiler was updated, the kernel, and where a benchmark begins or ends.
const NEW_RUSTC: u64 = 150;
const NEW_KERNEL: u64 = 72;
const FAILS_SINCE: u64 = 5;
const CBOR_SINCE: u64 = 52;
const XML_UNTIL: u64 = 100;
/// Reports that keep profiles.
const PROFILED: u64 = 60;
/// Commits a day.
const PACE: i64 = 16;

/// Fills a store. `progress` is told how many of how many commits are done.
///
/// # Errors
/// [`collector::error::Error::Store`].
pub fn fill(store: &mut Store, size: Size, progress: &mut dyn FnMut(u64, u64)) -> Result<Filled> {
    let suite = Suite::new(size);
    let mut done = Filled::default();
    for position in 0..size.commits {
        let ago = size.commits - 1 - position;
        let is_gap = ago > 0 && ago % 11 == 4;
        if is_gap {
            continue;
        }
        let (report, blobs) = suite.report(position);
        if size.plain {
            // Derived at once below: sixteen points of a series then share a page of the file.
            store.put_durably(&report, &blobs)?;
        } else {
            store.put(&report, &blobs)?;
        }
        done.reports += 1;
        if !size.plain && ago < PROFILED {
            suite.keep_stacks(store, &report, ago)?;
        }
        progress(position + 1, size.commits);
    }
    if size.plain {
        store.rebuild()?;
    } else {
        for report in branches::reports(size.commits, &|position| suite.report(position).0) {
            store.put(&report, &[])?;
            done.reports += 1;
        }
    }
    loop {
        let n = collector::history::watch::search(store, 512)?;
        done.series += n;
        if n < 512 {
            break;
        }
    }
    if !size.plain {
        decide(store, size.now)?;
    }
    Ok(done)
}

/// Some decisions, as people would have made them.
fn decide(store: &mut Store, now: i64) -> Result<()> {
    let newest = store
        .commits(u64::MAX, 1)?
        .first()
        .map_or(0, |c| c.position);
    let of = |store: &Store, ago: u64| -> Result<Vec<String>> {
        let at = newest.saturating_sub(ago);
        let events = store.events_within(at.saturating_sub(1), at + 1, 500)?;
        Ok(events.into_iter().map(|e| e.reported.id).collect())
    };
    let said = [
        (196, State::Resolved(Resolution::Accepted), "", ""),
        (
            131,
            State::Resolved(Resolution::FixedBy),
            "mended by the block-wise check",
            "https://example.com/lexis/issues/790",
        ),
        (88, State::Resolved(Resolution::Accepted), "", ""),
        (
            61,
            State::Resolved(Resolution::Accepted),
            "arena, as planned",
            "",
        ),
        (47, State::Resolved(Resolution::FixedBy), "reverted", ""),
        (42, State::Resolved(Resolution::Accepted), "", ""),
        (34, State::Acknowledged, "credit in the release notes", ""),
    ];
    for (i, (ago, state, note, link)) in said.into_iter().enumerate() {
        let events = of(store, ago)?;
        let what = Triage {
            events,
            state: Some(state),
            note: note.into(),
            link: link.into(),
            ..Triage::default()
        };
        let when = now - (said.len() - i) as i64 * 86_400;
        store.decide(&what, names::TRIAGERS[i % names::TRIAGERS.len()], when)?;
    }
    Ok(())
}

/// One invented benchmark.
#[derive(Clone, Debug)]
struct BuiltCommit {
    name: String,
    level: f64,
    class: NoiseClass,
    /// Relative standard deviation from commit to commit.
    noise: f64,
    /// Growth per commit (fraction).
    drift: f64,
}

struct Suite {
    size: Size,
    benches: Vec<BuiltCommit>,
}

impl Suite {
    fn new(size: Size) -> Self {
        let mut benches: Vec<BuiltCommit> = BENCHMARKS
            .iter()
            .map(|(name, level, class, noise, drift)| BuiltCommit {
                name: (*name).into(),
                level: *level,
                class: *class,
                noise: *noise,
                drift: *drift,
            })
            .collect();
        benches.extend(HOSTILE.iter().enumerate().map(|(i, name)| BuiltCommit {
            name: (*name).into(),
            level: 3.1e6 + 1e5 * i as f64,
            class: NoiseClass::Exact,
            noise: 0.0,
            drift: 0.0,
        }));
        benches.push(BuiltCommit {
            name: format!("long/{}", "x".repeat(4000)),
            level: 2e6,
            class: NoiseClass::Exact,
            noise: 0.0,
            drift: 0.0,
        });
        benches.extend((0..size.more_benchmarks).map(|i| BuiltCommit {
            name: format!("load/{:02}/case_{i:05}", i % 50),
            level: 1e6 * (1.0 + i as f64 / 7.0),
            class: if i % 3 == 0 {
                NoiseClass::Threaded
            } else {
                NoiseClass::Exact
            },
            noise: if i % 3 == 0 { 0.01 } else { 0.0 },
            drift: 0.0,
        }));
        benches.sort_by(|a, b| a.name.cmp(&b.name));
        Self { size, benches }
    }

    fn ago(&self, position: u64) -> u64 {
        self.size.commits - 1 - position
    }

    fn has(&self, bench: &BuiltCommit, ago: u64) -> bool {
        match bench.name.as_str() {
            "emit/cbor" => ago <= CBOR_SINCE,
            "legacy/xml" => ago >= XML_UNTIL,
            "net/tls_handshake" => ago >= FAILS_SINCE,
            _ => true,
        }
    }

    /// What the code costs at a commit, noise aside.
    fn level(&self, bench: &BuiltCommit, ago: u64) -> f64 {
        let touched = HAPPENINGS.iter().filter(|h| h.ago >= ago);
        let factor: f64 = touched
            .flat_map(|h| h.touches.iter().find(|(t, _)| bench.name.starts_with(t)))
            .map(|(_, f)| f)
            .product();
        let compiler = if ago < NEW_RUSTC { 0.987 } else { 1.0 };
        let commits = (self.size.commits - ago.min(self.size.commits)) as f64;
        bench.level * factor * compiler * (1.0 + bench.drift * commits)
    }

    fn measured(&self, bench: &BuiltCommit, ago: u64, salt: u64) -> f64 {
        let mut g = SplitMix64::new(salt ^ ago.wrapping_mul(0x9e37_79b9) ^ hash(&bench.name));
        let normal: f64 = (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0;
        let mut value = self.level(bench, ago) * (1.0 + bench.noise * normal);
        // A busy machine now and then.
        if bench.noise > 0.01 && g.next_f64() < 0.02 {
            value *= 1.12;
        }
        value.round()
    }

    fn report(&self, position: u64) -> (Report, Vec<(String, Vec<u8>)>) {
        let ago = self.ago(position);
        let testbed = testbed(ago);
        let mut measurements = Vec::new();
        for b in self.benches.iter().filter(|b| self.has(b, ago)) {
            self.measure(b, ago, &mut measurements);
        }
        let failures = if ago < FAILS_SINCE && !self.size.plain {
            let said = "thread 'main' panicked at benches/net.rs:41:10:\n\
                        called `Result::unwrap()` on an `Err` value: CertificateExpired";
            let name = Some("net/tls_handshake".into());
            vec![Failure::new(name, Phase::Run, said)]
        } else {
            Vec::new()
        };
        let (profiles, blobs) = if self.size.plain || ago >= PROFILED {
            Default::default()
        } else {
            self.tables(ago)
        };
        let report = Report {
            schema: Report::SCHEMA.into(),
            commit: commit(self.size, position),
            testbed_key: testbed.key([Counter::Callgrind, Counter::Clock].into_iter()),
            testbed,
            build_key: digest(format!("build {position}").as_bytes()),
            suite_key: SUITE.into(),
            started: commit(self.size, position).time + 240,
            seconds: 41.0,
            reused: None,
            line: None,
            measurements,
            failures,
            profiles,
        };
        (report, blobs)
    }

    fn measure(&self, b: &BuiltCommit, ago: u64, out: &mut Vec<Measurement>) {
        let one = |metric, counter, class, samples: Vec<f64>| {
            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);
            Measurement {
                benchmark: b.name.clone(),
                metric,
                counter,
                value: sorted[sorted.len() / 2],
                low: sorted[0],
                high: sorted[sorted.len() - 1],
                spread: if class == NoiseClass::Exact {
                    0.0
                } else {
                    b.noise * 2.0
                },
                class,
                samples,
                note: None,
            }
        };
        let runs = if b.class == NoiseClass::Exact { 1 } else { 5 };
        let counts = (0..runs).map(|i| self.measured(b, ago, i)).collect();
        out.push(one(
            Metric::Instructions,
            Counter::Callgrind,
            b.class,
            counts,
        ));
        if self.size.plain {
            return;
        }
        if b.name.starts_with("parse/") || b.name.starts_with("io/") {
            let noisy = BuiltCommit {
                noise: 0.02,
                level: b.level / 3.1,
                ..b.clone()
            };
            let times = (0..5).map(|i| self.measured(&noisy, ago, 77 + i)).collect();
            out.push(one(
                Metric::WallTime,
                Counter::Clock,
                NoiseClass::Sampled,
                times,
            ));
        }
        if b.name.starts_with("index/") {
            let size = (self.level(b, ago) / 40.0 / 4096.0).round() * 4096.0;
            out.push(one(
                Metric::PeakRss,
                Counter::Rusage,
                NoiseClass::Threaded,
                vec![size],
            ));
        }
    }

    /// Self cost by function, as counting leaves it.
    fn tables(&self, ago: u64) -> (Vec<ProfileRef>, Vec<(String, Vec<u8>)>) {
        let mut refs = Vec::new();
        let mut blobs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for b in self
            .benches
            .iter()
            .filter(|b| b.class == NoiseClass::Exact && self.has(b, ago))
        {
            let total = self.measured(b, ago, 0) as u64;
            let table = stacks::table(&b.name, total, &self.shares(b, ago));
            let bytes = serde_json::to_vec(&table).unwrap_or_default();
            let hash = digest(&bytes);
            refs.push(ProfileRef {
                benchmark: b.name.clone(),
                kind: ProfileKind::Functions,
                blob: hash.clone(),
            });
            blobs.insert(hash, bytes);
        }
        (refs, blobs.into_iter().collect())
    }

    /// Call stacks of what was touched lately, as `uptick check` takes them.
    fn keep_stacks(&self, store: &mut Store, report: &Report, ago: u64) -> Result<()> {
        let near = |h: &&Happening| ago == h.ago || (ago > h.ago && ago <= h.ago + 2);
        let touched: Vec<&str> = HAPPENINGS
            .iter()
            .filter(near)
            .flat_map(|h| h.touches)
            .map(|(t, _)| *t)
            .collect();
        for b in &self.benches {
            let wanted =
                b.class == NoiseClass::Exact && touched.iter().any(|t| b.name.starts_with(t));
            if !wanted || !self.has(b, ago) {
                continue;
            }
            let total = self.measured(b, ago, 0) as u64;
            let profile = stacks::profile(&b.name, total, &self.shares(b, ago));
            if let Ok(bytes) = profile.encode() {
                store.put_stacks(&report.commit.sha, &b.name, SUITE, &bytes)?;
            }
        }
        Ok(())
    }

    /// What each function gained or lost since the beginning, as a share of the level then.
    fn shares(&self, bench: &BuiltCommit, ago: u64) -> Vec<(&'static str, f64)> {
        let mut factor = 1.0;
        let mut out = Vec::new();
        for h in HAPPENINGS.iter().filter(|h| h.ago >= ago) {
            if let Some((_, f)) = h.touches.iter().find(|(t, _)| bench.name.starts_with(t)) {
                out.push((h.function, factor * (f - 1.0)));
                factor *= f;
            }
        }
        out
    }
}

const SUITE: &str = "demo";

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The name of the commit at a position.
#[must_use]
pub fn sha(position: u64) -> Sha {
    let mut text = digest(format!("uptick demo {position}").as_bytes());
    text.truncate(40);
    Sha(text)
}

fn commit(size: Size, position: u64) -> Commit {
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

fn testbed(ago: u64) -> Testbed {
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
