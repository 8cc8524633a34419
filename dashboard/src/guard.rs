//! Who showed wrong tokens, or asked, too often.

use crate::door::rates::Rate;
use collector::store::Token;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Wrong tokens from one address in a minute, before it has to wait.
pub(crate) const MISSES: u32 = 30;

/// Tries to sign in from one address in a minute.
const LOGINS: u32 = 5;
/// Pages of a dashboard that is open to all, to one address in a minute.
const READS: u32 = 1_000;

/// Tokens as last looked up, for a second; addresses that guess, for a minute.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(super) known: moka::sync::Cache<String, Option<Token>>,
    misses: moka::sync::Cache<IpAddr, Arc<AtomicU32>>,
    pub(crate) signing_in: Rate,
    pub(crate) reading: Rate,
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
            signing_in: Rate::new(LOGINS),
            reading: Rate::new(READS),
        }
    }

    pub(super) fn miss(&self, ip: IpAddr) -> u32 {
        let count = self.misses.get_with(ip, || Arc::new(AtomicU32::new(0)));
        count.fetch_add(1, Ordering::Relaxed) + 1
    }
}
