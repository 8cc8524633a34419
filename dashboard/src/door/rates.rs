//! How often one address may ask: a bucket of tokens for each, filled steadily.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are remembered; one that is forgotten begins anew.
const ADDRESSES: u64 = 65_536;

/// So many requests a minute, of which all may come at once.
#[derive(Debug)]
pub(crate) struct Rate {
    a_minute: f64,
    buckets: moka::sync::Cache<IpAddr, Arc<Mutex<Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(a_minute: u32) -> Self {
        Self {
            a_minute: f64::from(a_minute),
            buckets: moka::sync::Cache::builder()
                .max_capacity(ADDRESSES)
                .time_to_idle(Duration::from_secs(120))
                .build(),
        }
    }

    /// Takes a token; the time until there is one where there is none.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn take(&self, who: IpAddr, now: Instant) -> Result<(), Duration> {
        let full = || {
            Arc::new(Mutex::new(Bucket {
                tokens: self.a_minute,
                at: now,
            }))
        };
        let bucket = self.buckets.get_with(network(who), full);
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let a_second = self.a_minute / 60.0;
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * a_second).min(self.a_minute);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.tokens) / a_second))
    }
}

/// A customer has a whole /64 of IPv6, and could take a new address for each request.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => IpAddr::from((v6.to_bits() & !u128::from(u64::MAX)).to_be_bytes()),
        },
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_and_others_have_their_own() {
        let rate = Rate::new(5);
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let now = Instant::now();
        assert!((0..5).all(|_| rate.take(a, now).is_ok()));
        assert_eq!(rate.take(a, now), Err(Duration::from_secs(12)));
        assert_eq!(rate.take(b, now), Ok(()));
        let later = now + Duration::from_secs(12);
        assert_eq!(rate.take(a, later), Ok(()));
        assert!(rate.take(a, later).is_err());
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket() {
        let rate = Rate::new(1);
        let now = Instant::now();
        let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        assert!(rate.take(v6(1), now).is_ok());
        assert!(rate.take(v6(2), now).is_err());
    }
}
