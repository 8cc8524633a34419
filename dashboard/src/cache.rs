//! Pages that were made: each is made once however many ask, packed once, and still right as
//! long as the store's counters stand.
//!
//! When only new facts arrived, a page that was right within the last second is given once more
//! while the new one is being made: so a store that is written all the time makes nobody wait. One
//! that takes longer than that to make is waited for by nobody either, within bounds: no page is
//! older than five seconds, and none older than one unless the new one is under way. After a decision
//! of people everybody waits for the new one, so that who decided sees it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use collector::store::Generation;

use crate::base;
use crate::error::Fail;
use crate::query::{View, What};
use crate::reader::{self, Reader};
use crate::stamp;

/// Bytes of pages that are kept.
const CAPACITY: u64 = 32 << 20;
/// How long a page may have been wrong that is given while its successor is made.
const STALE: Duration = Duration::from_secs(1);
/// The same once its successor is under way: all who come while that takes long, on a machine that
/// has other work, would wait at once.
const LATE: Duration = Duration::from_secs(5);
/// How long at least a page has been wrong when its successor is made though somebody could be
/// given the page itself: a store that is written all the time has each page made four times a
/// second at most, and a core is not kept busy with that alone.
const PAUSE: Duration = Duration::from_millis(250);
/// Of a page that takes long it is so many times as long as making took, as far as that leaves
/// time to make it.
const RESTS: u32 = 4;
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
    /// That its successor is to be made now, by whoever has this.
    pub(crate) due: Option<Due>,
}

/// The right to make the successor of a page: one has it at a time, until it is dropped.
#[derive(Debug)]
pub(crate) struct Due(Arc<AtomicBool>);

impl Due {
    fn of(making: &Arc<AtomicBool>) -> Option<Self> {
        let is_free = !making.swap(true, Ordering::AcqRel);
        is_free.then(|| Self(making.clone()))
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What pages are as of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AsOf {
    /// The counters of the store.
    pub(crate) store: Generation,
    /// How often what a node lacks of its shared log has changed: that is in no store.
    pub(crate) behind: u64,
}

impl AsOf {
    /// Whether anything of it had moved on when `other` was.
    fn is_before(self, other: Self) -> bool {
        self.store.data < other.store.data
            || self.store.triage < other.store.triage
            || self.behind < other.behind
    }
}

/// The newest page of a view.
#[derive(Clone, Debug)]
struct Last {
    at: AsOf,
    made: Instant,
    /// How long making it took.
    took: Duration,
    page: Arc<Page>,
    /// Whether its successor is being made, of whatever counters.
    making: Arc<AtomicBool>,
}

impl Last {
    /// How long it has been wrong at least when its successor is made.
    fn pause(&self) -> Duration {
        let left = STALE.saturating_sub(2 * self.took);
        (RESTS * self.took).min(left).max(PAUSE)
    }
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

type Key = (View, AsOf);

/// The pages that are kept.
#[derive(Debug)]
pub(crate) struct Cache {
    fresh: moka::future::Cache<Key, Arc<Page>>,
    last: moka::sync::Cache<View, Last>,
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

    /// Forgets the pages of which something is another one now that is on no other page.
    pub(crate) async fn forget_those(&self, meant: impl Fn(&What) -> bool) {
        for (key, _) in self.fresh.iter().filter(|(key, _)| meant(&key.0.what)) {
            self.fresh.invalidate(&*key).await;
        }
        for (view, _) in self.last.iter().filter(|(view, _)| meant(&view.what)) {
            self.last.invalidate(&*view);
        }
    }

    /// The page if it is there and still right.
    pub(crate) async fn get(&self, view: &View, at: AsOf) -> Option<Arc<Page>> {
        self.fresh.get(&(view.clone(), at)).await
    }

    /// The page of just before, if only facts have come since and a node lacks what it lacked then; not
    /// for programs, which ask for what they just handed in. `stood` says when counters were last the
    /// store's: until then the page was right, however long ago it was made.
    pub(crate) fn before(
        &self,
        view: &View,
        at: AsOf,
        stood: impl FnOnce(Generation) -> Option<Instant>,
    ) -> Option<Before> {
        let last = self.last.get(&view.of_stores())?;
        let moved = (last.at.store.triage, last.at.behind) != (at.store.triage, at.behind);
        // Where the store stands, what is another is none of its facts: that is no page of before.
        let stands = last.at == at;
        if moved || stands || !last.page.kind.starts_with("text/html") {
            return None;
        }
        // One that takes long to make is of before when it is ready, and the newest that there is.
        let right = stood(last.at.store).map_or(last.made, |stood| stood.max(last.made));
        let wrong_for = right.elapsed();
        let is_due = wrong_for >= last.pause();
        let is_under_way = last.making.load(Ordering::Acquire);
        let longest = if is_under_way { LATE } else { STALE };
        (wrong_for < longest).then(|| Before {
            due: is_due.then(|| Due::of(&last.making)).flatten(),
            page: last.page,
        })
    }

    /// The page, made now unless it is being made already: then its maker's is waited for.
    pub(crate) async fn make(
        &self,
        view: View,
        at: AsOf,
        build: impl Future<Output = Result<Page, Fail>>,
    ) -> Result<Arc<Page>, Fail> {
        let page = self.fresh.try_get_with((view.clone(), at), async {
            let begun = Instant::now();
            let page = Arc::new(build.await?.stamped(at.store, self.of_node));
            self.remember(view, at, begun, page.clone());
            Ok(page)
        });
        page.await.map_err(|e: Arc<Fail>| Fail::clone(&e))
    }

    /// Keeps a page that was just made as the newest of its view, unless a newer one was made meanwhile.
    fn remember(&self, view: View, at: AsOf, begun: Instant, page: Arc<Page>) {
        let last = Last {
            at,
            made: Instant::now(),
            took: begun.elapsed(),
            page,
            making: Arc::default(),
        };
        self.last
            .entry(view.of_stores())
            .and_upsert_with(|there| match there {
                Some(there) if at.is_before(there.value().at) => there.into_value(),
                _ => last,
            });
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

    fn at(data: u64, triage: u64, behind: u64) -> AsOf {
        let store = Generation { data, triage };
        AsOf { store, behind }
    }

    #[tokio::test]
    async fn a_page_of_before_is_given_as_long_as_it_was_right_a_moment_ago() {
        let cache = Cache::new(false);
        let view = crate::query::view("/health", "").unwrap();
        let first = at(1, 1, 0);
        let facts = at(2, 1, 0);
        let page = async { Ok(Page::new("text/html", Policy::Page, b"one".to_vec())) };
        cache.make(view.clone(), first, page).await.unwrap();
        // A program never gets one.
        let document = crate::query::view("/health.json", "").unwrap();
        let json = async { Ok(Page::new("application/json", Policy::Page, b"1".to_vec())) };
        cache.make(document.clone(), first, json).await.unwrap();
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
        assert!(young.is_some_and(|b| b.due.is_none()));
        let wrong = Instant::now().checked_sub(PAUSE);
        let older = cache.before(&view, facts, |_| wrong);
        // One makes the successor; whoever comes meanwhile gets the page alone.
        let due = older.and_then(|b| b.due);
        assert!(due.is_some());
        let meanwhile = || {
            cache
                .before(&view, facts, |_| wrong)
                .map(|b| b.due.is_some())
        };
        assert_eq!(meanwhile(), Some(false));
        // However long that takes, but for a page that is of long before.
        let stale = Instant::now().checked_sub(2 * STALE);
        let late = Instant::now().checked_sub(LATE);
        // A page that was made just now has not been wrong for longer: this one is of before.
        let aged = Cache::new(false);
        let last = cache.last.get(&view).unwrap();
        let made = last.made.checked_sub(LATE).unwrap();
        aged.last.insert(view.clone(), Last { made, ..last });
        let given = |stood| aged.before(&view, facts, |_| stood).is_some();
        assert_eq!([stale, late].map(given), [true, false]);
        drop(due);
        assert_eq!([stale, late].map(given), [false, false]);
        assert_eq!(meanwhile(), Some(true));
        // A decision is never hidden by a page of before.
        let decided = at(1, 2, 0);
        assert!(cache.before(&view, decided, |_| now()).is_none());
    }

    #[tokio::test]
    async fn pages_are_forgotten_without_the_others() {
        let cache = Cache::new(false);
        let first = at(1, 1, 0);
        let views = ["/health", "/commits"].map(|path| crate::query::view(path, "").unwrap());
        for view in &views {
            let page = async { Ok(Page::new("text/html", Policy::Page, b"one".to_vec())) };
            cache.make(view.clone(), first, page).await.unwrap();
        }
        cache.forget_those(crate::pages::has_verdicts).await;
        let facts = at(2, 1, 0);
        for (view, stays) in views.iter().zip([true, false]) {
            assert_eq!(cache.get(view, first).await.is_some(), stays, "{view:?}");
            assert_eq!(cache.before(view, facts, |_| None).is_some(), stays);
        }
    }

    #[tokio::test]
    async fn a_page_is_another_one_once_something_else_is_missing() {
        let cache = Cache::new(true);
        let view = crate::query::view("/health", "").unwrap();
        let page = async { Ok(Page::new("text/html", Policy::Page, b"one".to_vec())) };
        cache.make(view.clone(), at(1, 1, 0), page).await.unwrap();
        assert!(cache.get(&view, at(1, 1, 0)).await.is_some());
        assert!(cache.get(&view, at(1, 1, 1)).await.is_none());
        assert!(cache.before(&view, at(2, 1, 0), |_| None).is_some());
        assert!(cache.before(&view, at(1, 1, 1), |_| None).is_none());
    }

    #[tokio::test]
    async fn a_page_of_before_is_never_older_than_one_that_was_given() {
        let cache = Cache::new(false);
        let view = crate::query::view("/health", "").unwrap();
        // The first one to be begun is done last.
        for (data, body) in [(2, "new"), (1, "old")] {
            let page = async { Ok(Page::new("text/html", Policy::Page, body.into())) };
            let made = cache.make(view.clone(), at(data, 1, 0), page).await;
            assert_eq!(made.unwrap().body, body);
        }
        let before = cache.before(&view, at(3, 1, 0), |_| None).unwrap();
        assert_eq!(before.page.body, "new");
    }

    #[tokio::test]
    async fn who_waits_for_a_page_does_not_count_as_its_maker() {
        let cache = Cache::new(false);
        let view = crate::query::view("/health", "").unwrap();
        let slow = Duration::from_millis(60);
        let make = async || {
            let page = async {
                tokio::time::sleep(slow).await;
                Ok(Page::new("text/html", Policy::Page, b"one".to_vec()))
            };
            cache.make(view.clone(), at(1, 1, 0), page).await.unwrap();
        };
        let late = async {
            tokio::time::sleep(slow / 2).await;
            make().await;
        };
        tokio::join!(make(), late);
        assert!(cache.last.get(&view).unwrap().took >= slow);
    }

    #[test]
    fn one_that_takes_long_to_make_is_made_less_often() {
        let pause = |took: u64| {
            let last = Last {
                at: at(1, 1, 0),
                made: Instant::now(),
                took: Duration::from_millis(took),
                page: Arc::new(Page::new("text/html", Policy::Page, Vec::new())),
                making: Arc::default(),
            };
            last.pause().as_millis()
        };
        assert_eq!([1, 60].map(pause), [250, 250]);
        assert_eq!([100, 150].map(pause), [400, 600]);
        // There is time to make it before the page is too old to be given.
        assert_eq!([300, 5_000].map(pause), [400, 250]);
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
