//! Pages that were made: each is made once however many ask, packed once, and still right as
//! long as the store's counters stand.
//!
//! When only new facts arrived, the page of before is given once more while the new one is being
//! made (a browser that was told of the news asks for the new one); after a decision of people,
//! everybody waits for the new one, so that who decided sees it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use collector::store::Generation;

use crate::error::Fail;
use crate::query::View;

/// Bytes of pages that are kept.
const CAPACITY: u64 = 32 << 20;
/// Below this many bytes packing gains nothing on the wire.
const WORTH_PACKING: usize = 600;
/// Level 9 packs 200 KB of table in 3 ms to a tenth.
const ZSTD_LEVEL: i32 = 9;

/// A finished answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) kind: &'static str,
    pub(crate) policy: Policy,
    pub(crate) etag: String,
    pub(crate) body: Bytes,
    zstd: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
    pub(crate) download: Option<String>,
}

/// Which content security policy an answer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// A page of ours.
    Page,
    /// An SVG that is part of pages: no script at all.
    Picture,
    /// inferno's SVG, which brings its own script: alone in a sandbox.
    Sandbox,
}

impl Page {
    pub(crate) fn new(kind: &'static str, policy: Policy, body: Vec<u8>) -> Self {
        let mut hash = DefaultHasher::new();
        body.hash(&mut hash);
        kind.hash(&mut hash);
        Self {
            kind,
            policy,
            etag: format!("W/\"{:016x}\"", hash.finish()),
            body: Bytes::from(body),
            zstd: OnceLock::new(),
            gzip: OnceLock::new(),
            download: None,
        }
    }

    /// The body in the best encoding that the other side takes.
    pub(crate) fn packed(&self, accepts: &str) -> (Option<&'static str>, Bytes) {
        if self.body.len() < WORTH_PACKING {
            return (None, self.body.clone());
        }
        if accepts.contains("zstd")
            && let Some(b) = self.zstd.get_or_init(|| zstd_of(&self.body))
        {
            return (Some("zstd"), b.clone());
        }
        if accepts.contains("gzip")
            && let Some(b) = self.gzip.get_or_init(|| gzip_of(&self.body))
        {
            return (Some("gzip"), b.clone());
        }
        (None, self.body.clone())
    }
}

fn zstd_of(body: &[u8]) -> Option<Bytes> {
    zstd::bulk::compress(body, ZSTD_LEVEL).ok().map(Bytes::from)
}

fn gzip_of(body: &[u8]) -> Option<Bytes> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    out.write_all(body).ok()?;
    out.finish().ok().map(Bytes::from)
}

type Key = (View, Generation);

/// The pages that are kept.
#[derive(Debug)]
pub(crate) struct Cache {
    fresh: moka::future::Cache<Key, Arc<Page>>,
    last: moka::sync::Cache<View, (Generation, Arc<Page>)>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        let weigh = |_: &Key, p: &Arc<Page>| u32::try_from(p.body.len() + 512).unwrap_or(u32::MAX);
        Self {
            fresh: moka::future::Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(weigh)
                .build(),
            last: moka::sync::Cache::new(512),
        }
    }

    /// The page if it is there and still right.
    pub(crate) async fn get(&self, view: &View, at: Generation) -> Option<Arc<Page>> {
        self.fresh.get(&(view.clone(), at)).await
    }

    /// The page of before, if only facts have come since.
    pub(crate) fn before(&self, view: &View, at: Generation) -> Option<Arc<Page>> {
        self.last
            .get(view)
            .filter(|(g, _)| g.people == at.people)
            .map(|(_, p)| p)
    }

    /// The page, made now unless it is being made already: then its maker's is waited for.
    pub(crate) async fn make(
        &self,
        view: View,
        at: Generation,
        build: impl Future<Output = Result<Page, Fail>>,
    ) -> Result<Arc<Page>, Fail> {
        let key = (view.clone(), at);
        let page = self
            .fresh
            .try_get_with(key, async { build.await.map(Arc::new) })
            .await;
        let page = page.map_err(|e| Fail::clone(&e))?;
        self.last.insert(view, (at, page.clone()));
        Ok(page)
    }
}
