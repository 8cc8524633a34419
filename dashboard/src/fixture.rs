//! What the tests of several modules are made of.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use collector::model::{Commit, Counter, Measurement, Metric, Report, Sha, Testbed};
use collector::store::{Keep, Store};

use crate::app::{App, Options};

/// A report of one benchmark that costs so many instructions.
pub(crate) fn report(position: u64, value: f64) -> Report {
    let counter = Counter::Callgrind;
    Report {
        schema: Report::SCHEMA.into(),
        commit: Commit {
            sha: Sha(format!("{position:06x}{}", "a".repeat(34))),
            position,
            parents: vec![],
            author: "A".into(),
            time: 1_700_000_000 + position.cast_signed() * 86_400,
            subject: format!("commit {position}"),
        },
        testbed: Testbed::default(),
        build_key: position.to_string(),
        suite_key: "s".into(),
        testbed_key: "t".into(),
        started: 1_700_000_000,
        seconds: 1.0,
        reused: None,
        line: None,
        measurements: vec![Measurement::once("b", Metric::Instructions, counter, value)],
        failures: vec![],
        profiles: vec![],
    }
}

/// An app of a store, which is made as needed.
pub(crate) async fn app(store: &Path) -> Arc<App> {
    Store::open(store).unwrap();
    let options = Options {
        store: store.to_path_buf(),
        name: "x".into(),
        config: collector::config::Config::default(),
        public: false,
        read_only: false,
        always_ask: false,
        keep: Keep::default(),
        keep_free: 0,
        new_series: 9,
        public_url: None,
        embed_in: Vec::new(),
        proxy: None,
        blobs: None,
        log: None,
    };
    let local = "127.0.0.1:8787".parse().unwrap();
    crate::open(options, local).await.unwrap()
}
