//! Pages that were made: each is made once however many ask, packed once, and still right as
//! long as the store's counters stand.
//!
//! When only new facts arrived, a page that was right within the last second is given once more
//! while the new one is being made: so a store that is written all the time makes nobody wait, and
//! no page is older than that. After a decision of people everybody waits for the new one, so that
//! who decided sees it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use collector::store::Generation;

use crate::base;
use crate::error::Fail;
use crate::query::View;
use crate::reader::{self, Reader};
use crate::stamp;

/// Bytes of pages that are kept.
const CAPACITY: u64 = 32 << 20;
/// How long a page may have been wrong that is given while its successor is made.
const STALE: Duration = Duration::from_secs(1);
/// How long at least a page has been wrong when its successor is made though somebody could be
/// given the page itself: a store that is written all the time has each page made four times a
/// second at most, and a core is not kept busy with that alone.
const PAUSE: Duration = Duration::from_millis(250);
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

/// A page of just before.
pub(crate) struct Before {
    pub(crate) page: Arc<Page>,
    /// Whether its successor is to be made now.
    pub(crate) is_due: bool,
}

/// Which content security policy an answer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// A page of ours.
    Page,
    /// A page of ours that other sites may frame, where the setting names them.
    Embed,
    /// An SVG that is part of pages: no script at all.
    Picture,
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

    /// The same with what it says of its reader.
    pub(crate) fn read_by(self, reader: &Reader, read_only: bool) -> Self {
        let is_html = self.kind.starts_with("text/html");
        let filled = is_html.then(|| reader::fill(&self.body, reader, read_only));
        match filled.flatten() {
            Some(body) => Self {
                download: self.download,
                ..Self::new(self.kind, self.policy, body)
            },
            None => self,
        }
    }

    /// The same with its addresses below `base`, where it is a page, a picture or a feed of ours.
    pub(crate) fn based(self, base: &str) -> Self {
        let kinds = ["text/html", "image/svg+xml", "application/atom+xml"];
        let ours = kinds.iter().any(|kind| self.kind.starts_with(kind));
        if base.is_empty() || !ours {
            return self;
        }
        let body = base::rewrite(&self.body, base);
        Self {
            download: self.download,
            ..Self::new(self.kind, self.policy, body)
        }
    }

    /// The same, said to be as of when whoever made it began to read: all that was there by then
    /// is on it. Of several nodes each counts for itself, and pages that differ in that alone are
    /// one: they keep the tag of what stands on them.
    fn stamped(self, at: Generation, of_node: bool) -> Self {
        let is_html = self.kind.starts_with("text/html");
        let Some(body) = is_html.then(|| stamp::fill(&self.body, at)).flatten() else {
            return self;
        };
        let stamped = Self {
            download: self.download,
            ..Self::new(self.kind, self.policy, body)
        };
        match of_node {
            true => Self {
                etag: self.etag,
                ..stamped
            },
            false => stamped,
        }
    }

    /// The body in the best encoding that the other side takes.
    pub(crate) fn packed(&self, accepts: &str) -> (Option<&'static str>, Bytes) {
        if self.body.len() < WORTH_PACKING {
            return (None, self.body.clone());
        }
        if takes(accepts, "zstd")
            && let Some(b) = self.zstd.get_or_init(|| zstd_of(&self.body))
        {
            return (Some("zstd"), b.clone());
        }
        if takes(accepts, "gzip")
            && let Some(b) = self.gzip.get_or_init(|| gzip_of(&self.body))
        {
            return (Some("gzip"), b.clone());
        }
        (None, self.body.clone())
    }
}

/// Whether an `Accept-Encoding` takes a coding: it is named, and not with a weight of 0
/// (RFC 9110, §12.5.3).
fn takes(accepts: &str, coding: &str) -> bool {
    accepts.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|c| c.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        named && weight.is_none_or(|q| q.trim().parse().is_ok_and(|q: f64| q > 0.0))
    })
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
    last: moka::sync::Cache<View, (Generation, Instant, Arc<Page>)>,
    /// Whether the store is one of several nodes'.
    of_node: bool,
}

impl Cache {
    pub(crate) fn new(of_node: bool) -> Self {
        let weigh = |_: &Key, p: &Arc<Page>| u32::try_from(p.body.len() + 512).unwrap_or(u32::MAX);
        Self {
            fresh: moka::future::Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(weigh)
                .build(),
            last: moka::sync::Cache::new(512),
            of_node,
        }
    }

    /// Forgets every page: something that is on them and not in the store is another one now.
    pub(crate) fn forget(&self) {
        self.fresh.invalidate_all();
        self.last.invalidate_all();
    }

    /// The page if it is there and still right.
    pub(crate) async fn get(&self, view: &View, at: Generation) -> Option<Arc<Page>> {
        self.fresh.get(&(view.clone(), at)).await
    }

    /// The page of just before, if only facts have come since; not for programs, which ask for what
    /// they just handed in. `stood` says when counters were last the store's: until then the page was
    /// right, however long ago it was made.
    pub(crate) fn before(
        &self,
        view: &View,
        at: Generation,
        stood: impl FnOnce(Generation) -> Option<Instant>,
    ) -> Option<Before> {
        let (then, made, page) = self.last.get(view)?;
        if then.triage != at.triage || !page.kind.starts_with("text/html") {
            return None;
        }
        // One that takes long to make is of before when it is ready, and the newest that there is.
        let right = stood(then).map_or(made, |stood| stood.max(made));
        let wrong_for = right.elapsed();
        (wrong_for < STALE).then_some(Before {
            page,
            is_due: wrong_for >= PAUSE,
        })
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
            .try_get_with(key, async {
                let page = build.await?;
                Ok(Arc::new(page.stamped(at, self.of_node)))
            })
            .await;
        let page = page.map_err(|e| Fail::clone(&e))?;
        self.last.insert(view, (at, Instant::now(), page.clone()));
        Ok(page)
    }
}

/// Whether whoever asks has a page already: tags are compared weakly, as RFC 9110 has it.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH);
    let mut known = known
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
        .split(',')
        .map(str::trim);
    let strong = |tag: &str| tag.trim_start_matches("W/").to_string();
    known.any(|tag| tag == "*" || (!tag.is_empty() && strong(tag) == strong(etag)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_of_before_is_given_as_long_as_it_was_right_a_moment_ago() {
        let cache = Cache::new(false);
        let view = crate::query::view("/health", "").unwrap();
        let at = Generation { data: 1, triage: 1 };
        let facts = Generation { data: 2, triage: 1 };
        let page = async { Ok(Page::new("text/html", Policy::Page, b"one".to_vec())) };
        cache.make(view.clone(), at, page).await.unwrap();
        // A program never gets one.
        let document = crate::query::view("/health.json", "").unwrap();
        let json = async { Ok(Page::new("application/json", Policy::Page, b"1".to_vec())) };
        cache.make(document.clone(), at, json).await.unwrap();
        assert!(cache.before(&document, facts, |_| None).is_none());
        let long_ago = Instant::now().checked_sub(2 * STALE);
        // Made a moment ago, whatever stood when.
        assert!(cache.before(&view, facts, |_| long_ago).is_some());
        tokio::time::sleep(STALE).await;
        assert!(cache.before(&view, facts, |_| long_ago).is_none());
        assert!(cache.before(&view, facts, |_| None).is_none());
        // Made long ago, and right until now: so young that its successor may wait.
        // A minute ahead, however long the machine takes to the next line.
        let now = || Some(Instant::now() + Duration::from_secs(60));
        let young = cache.before(&view, facts, |_| now());
        assert!(young.is_some_and(|b| !b.is_due));
        let wrong = Instant::now().checked_sub(PAUSE);
        let older = cache.before(&view, facts, |_| wrong);
        assert!(older.is_some_and(|b| b.is_due));
        // A decision is never hidden by a page of before.
        let decided = Generation { data: 1, triage: 2 };
        assert!(cache.before(&view, decided, |_| now()).is_none());
    }

    #[test]
    fn what_is_refused_is_not_sent() {
        for yes in [
            "zstd",
            "gzip, br, zstd",
            "gzip;q=0, zstd;q=0.5",
            "ZSTD ; q=1.0",
        ] {
            assert!(takes(yes, "zstd"), "{yes}");
        }
        for no in [
            "",
            "gzip",
            "zstd;q=0",
            "gzip, zstd; q=0.000",
            "zstd;q=x",
            "zstdx",
        ] {
            assert!(!takes(no, "zstd"), "{no}");
        }
    }
}
