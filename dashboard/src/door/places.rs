//! How many connections there are, and which one leaves when another needs its place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// Descriptors that are left for the store's files, the log and the answer "there is no place".
const RESERVE: u64 = 160;
/// Where the system sets no limit.
const PLENTY: u64 = 8_192;
/// Fewer places than this serve nobody.
const LEAST: u64 = 16;
/// A peer other than this machine may hold one place in so many.
const SHARE: usize = 4;

/// One connection, as the others see it.
#[derive(Debug)]
pub(super) struct Seat {
    peer: IpAddr,
    born: Instant,
    /// Milliseconds from `born` to the last byte that went either way.
    last: AtomicU64,
    /// Requests that are being answered.
    busy: AtomicUsize,
    /// Told when another connection takes this place.
    pub(super) leave: Notify,
}

impl Seat {
    /// Notes that bytes went either way.
    pub(super) fn touch(&self) {
        let since = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    /// Notes that a request is being answered, until what is given is dropped.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    /// When the last byte went either way.
    pub(super) fn spoke(&self) -> Instant {
        self.born + std::time::Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

/// As long as this lives, its connection is not made to leave.
pub(super) struct Answering(Arc<Seat>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: Mutex<HashMap<u64, Arc<Seat>>>,
    next: AtomicU64,
}

/// A place that is held until this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.all().remove(&self.number);
    }
}

impl Places {
    /// As many as the system's limit on descriptors leaves.
    pub(super) fn of_this_process() -> Arc<Self> {
        let limit = collector::system::descriptors();
        let descriptors = limit.unwrap_or(PLENTY).min(PLENTY);
        let most = descriptors.saturating_sub(RESERVE).max(LEAST);
        Self::new(usize::try_from(most).unwrap_or(usize::MAX))
    }

    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::new(HashMap::new()),
            next: AtomicU64::new(0),
        })
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `peer`. When all are taken, or this peer has its share, the
    /// longest silent one (of all, or of its own) leaves; `None` where all are being answered.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut taken = self.all();
        let from_here = |s: &Seat| s.peer == peer;
        let own = taken.values().filter(|s| from_here(s)).count();
        if !peer.is_loopback() && own >= (self.most / SHARE).max(1) {
            make_room(&mut taken, from_here)?;
        } else if taken.len() >= self.most {
            make_room(&mut taken, |_| true)?;
        }
        let seat = Arc::new(Seat {
            peer,
            born: Instant::now(),
            last: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            leave: Notify::new(),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        taken.insert(number, seat.clone());
        Some(Place {
            places: self.clone(),
            number,
            seat,
        })
    }
}

/// Makes the longest silent one of some seats leave; `None` when all of them are being answered.
fn make_room(taken: &mut HashMap<u64, Arc<Seat>>, of: impl Fn(&Seat) -> bool) -> Option<()> {
    let silent = taken.iter().filter(|(_, s)| of(s) && s.is_idle());
    let number = *silent.min_by_key(|(_, s)| s.spoke())?.0;
    // `notify_one` is remembered where nobody waits yet.
    taken.remove(&number)?.leave.notify_one();
    Some(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_peer_has_a_share_and_gives_up_its_own() {
        let places = Places::new(40);
        let held: Vec<Place> = (0..30).map(|_| places.take(ip(1)).unwrap()).collect();
        assert_eq!(places.all().len(), 10);
        let others: Vec<Place> = (2..32).map(|i| places.take(ip(i)).unwrap()).collect();
        assert_eq!(places.all().len(), 40);
        drop((held, others));
        assert_eq!(places.all().len(), 0);
    }

    #[test]
    fn the_longest_silent_one_leaves_and_who_is_answered_stays() {
        let places = Places::new(3);
        let held: Vec<Place> = (0..3).map(|i| places.take(ip(i)).unwrap()).collect();
        std::thread::sleep(std::time::Duration::from_millis(5));
        held[0].seat.touch();
        let answering = held[1].seat.answering();
        let _fourth = places.take(ip(9)).unwrap();
        let stays: Vec<bool> = held
            .iter()
            .map(|p| places.all().contains_key(&p.number))
            .collect();
        assert_eq!(stays, [true, true, false]);
        drop(answering);
        assert!(held[1].seat.is_idle());
    }

    #[test]
    fn nobody_who_is_answered_is_sent_away() {
        let places = Places::new(2);
        let held: Vec<Place> = (0..2).map(|i| places.take(ip(i)).unwrap()).collect();
        let _answers: Vec<Answering> = held.iter().map(|p| p.seat.answering()).collect();
        assert!(places.take(ip(9)).is_none());
    }
}
