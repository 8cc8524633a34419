//! The invented benchmarks: what each costs at a commit, and the report of it.

use std::collections::BTreeMap;

use collector::error::Result;
use collector::model::{
    Counter, Failure, Measurement, Metric, NoiseClass, Phase, ProfileKind, ProfileRef, Report,
    digest,
};
use collector::stats::SplitMix64;
use collector::store::Store;

use crate::demo::commits::{commit, hash, testbed};
use crate::demo::happenings::{
    CBOR_SINCE, FAILS_SINCE, HAPPENINGS, Happening, NEW_RUSTC, PROFILED, XML_UNTIL,
};
use crate::demo::names::{BENCHMARKS, HOSTILE};
use crate::demo::size::Size;
use crate::demo::stacks;

const SUITE: &str = "demo";

/// One invented benchmark.
#[derive(Clone, Debug)]
struct Benchmark {
    name: String,
    level: f64,
    class: NoiseClass,
    /// Relative standard deviation from commit to commit.
    noise: f64,
    /// Growth per commit (fraction).
    drift: f64,
    /// How many commits ago it regressed, and by how much; of those for load alone.
    regressed: Option<(u64, f64)>,
}

/// Commits ago that the newest of the benchmarks for load regressed: long enough to be told.
const REGRESSED_SINCE: u64 = 5;

/// When one of the benchmarks for load regressed: each two commits before the next, and none
/// by as much as another.
fn regressed(i: usize, size: Size) -> Option<(u64, f64)> {
    let factor = 1.02 + 0.31 * ((i * 37) % 199) as f64 / 199.0;
    (i < size.regressed).then_some((REGRESSED_SINCE + 2 * i as u64, factor))
}

pub(super) struct Suite {
    size: Size,
    benchmarks: Vec<Benchmark>,
}

impl Suite {
    pub(super) fn new(size: Size) -> Self {
        let mut benchmarks: Vec<Benchmark> = BENCHMARKS
            .iter()
            .map(|(name, level, class, noise, drift)| Benchmark {
                name: (*name).into(),
                level: *level,
                class: *class,
                noise: *noise,
                drift: *drift,
                regressed: None,
            })
            .collect();
        benchmarks.extend(HOSTILE.iter().enumerate().map(|(i, name)| Benchmark {
            name: (*name).into(),
            level: 3.1e6 + 1e5 * i as f64,
            class: NoiseClass::Exact,
            noise: 0.0,
            drift: 0.0,
            regressed: None,
        }));
        benchmarks.push(Benchmark {
            name: format!("long/{}", "x".repeat(4000)),
            level: 2e6,
            class: NoiseClass::Exact,
            noise: 0.0,
            drift: 0.0,
            regressed: None,
        });
        benchmarks.extend((0..size.more_benchmarks).map(|i| Benchmark {
            name: format!("load/{:02}/case_{i:05}", i % 50),
            level: 1e6 * (1.0 + i as f64 / 7.0),
            class: if i % 3 == 0 && i >= size.regressed {
                NoiseClass::Threaded
            } else {
                NoiseClass::Exact
            },
            noise: if i % 3 == 0 && i >= size.regressed {
                0.01
            } else {
                0.0
            },
            drift: 0.0,
            regressed: regressed(i, size),
        }));
        benchmarks.sort_by(|a, b| a.name.cmp(&b.name));
        Self { size, benchmarks }
    }

    fn ago(&self, position: u64) -> u64 {
        self.size.commits - 1 - position
    }

    fn has(&self, bench: &Benchmark, ago: u64) -> bool {
        match bench.name.as_str() {
            "emit/cbor" => ago <= CBOR_SINCE,
            "legacy/xml" => ago >= XML_UNTIL,
            "net/tls_handshake" => ago >= FAILS_SINCE,
            _ => true,
        }
    }

    /// What the code costs at a commit, noise aside.
    fn level(&self, bench: &Benchmark, ago: u64) -> f64 {
        let touched = HAPPENINGS.iter().filter(|h| h.ago >= ago);
        let factor: f64 = touched
            .flat_map(|h| h.touches.iter().find(|(t, _)| bench.name.starts_with(t)))
            .map(|(_, f)| f)
            .product();
        let regressed = bench.regressed.filter(|(since, _)| ago <= *since);
        let regressed = regressed.map_or(1.0, |(_, factor)| factor);
        let compiler = if ago < NEW_RUSTC { 0.987 } else { 1.0 };
        let commits = (self.size.commits - ago.min(self.size.commits)) as f64;
        bench.level * factor * regressed * compiler * (1.0 + bench.drift * commits)
    }

    fn measured(&self, bench: &Benchmark, ago: u64, salt: u64) -> f64 {
        let mut g = SplitMix64::new(salt ^ ago.wrapping_mul(0x9e37_79b9) ^ hash(&bench.name));
        let normal: f64 = (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0;
        let mut value = self.level(bench, ago) * (1.0 + bench.noise * normal);
        // A busy machine now and then.
        if bench.noise > 0.01 && g.next_f64() < 0.02 {
            value *= 1.12;
        }
        value.round()
    }

    pub(super) fn report(&self, position: u64) -> (Report, Vec<(String, Vec<u8>)>) {
        let ago = self.ago(position);
        let testbed = testbed(ago);
        let mut measurements = Vec::new();
        for b in self.benchmarks.iter().filter(|b| self.has(b, ago)) {
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

    fn measure(&self, b: &Benchmark, ago: u64, out: &mut Vec<Measurement>) {
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
                extent: None,
                redefined: false,
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
            let noisy = Benchmark {
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
            .benchmarks
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
    pub(super) fn keep_stacks(&self, store: &mut Store, report: &Report, ago: u64) -> Result<()> {
        let near = |h: &&Happening| ago == h.ago || (ago > h.ago && ago <= h.ago + 2);
        let touched: Vec<&str> = HAPPENINGS
            .iter()
            .filter(near)
            .flat_map(|h| h.touches)
            .map(|(t, _)| *t)
            .collect();
        for b in &self.benchmarks {
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
    fn shares(&self, bench: &Benchmark, ago: u64) -> Vec<(&'static str, f64)> {
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
