//! Who showed wrong tokens too often.

use collector::store::Token;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Wrong tokens from one address in a minute, before it has to wait.
pub(crate) const MISSES: u32 = 30;

/// Tokens as last looked up, for a second; addresses that guess, for a minute.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(super) known: moka::sync::Cache<String, Option<Token>>,
    misses: moka::sync::Cache<IpAddr, Arc<AtomicU32>>,
}

impl Guard {
    pub(crate) fn new() -> Self {
        let ttl = |s| Duration::from_secs(s);
        Self {
            known: moka::sync::Cache::builder()
                .max_capacity(4096)
                .time_to_live(ttl(1))
                .build(),
            misses: moka::sync::Cache::builder()
                .max_capacity(65_536)
                .time_to_live(ttl(60))
                .build(),
        }
    }

    pub(super) fn miss(&self, ip: IpAddr) -> u32 {
        let count = self.misses.get_with(ip, || Arc::new(AtomicU32::new(0)));
        count.fetch_add(1, Ordering::Relaxed) + 1
    }
}
