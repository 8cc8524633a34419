//! The threads that take in what is handed in: some unpack and read it, one keeps it, durably and
//! at once, and one derives points from it and searches them for changes. All but the one that
//! keeps give way to whoever reads.
//!
//! A report of 20,000 measurements keeps a core busy for some tenths of a second while it is
//! unpacked, and again while its points are derived. On the threads that serve requests, or at
//! their priority, every page asked for meanwhile would wait a time slice for it; and on a busy
//! machine whoever hands in a report must not wait for what gives way to everybody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use collector::store::Store;

/// What a writer does; `None` where the store is only read.
type Work = Box<dyn FnOnce(Option<&mut Store>) + Send>;

/// How far a thread that derives steps back. At 5 it has a quarter of a core that one other wants
/// whole, and all of one that nobody wants. It holds the store's lock for a tenth of a second of
/// work at a time: further back, whoever appends would wait for that too long.
pub(crate) const GIVES_WAY: i32 = 5;
/// A thread that keeps what comes in does not step back.
pub(crate) const AT_ONCE: i32 = 0;

/// Hands work to threads that have one queue; they end when the last handle is gone.
#[derive(Debug)]
pub(crate) struct Writer(SyncSender<Work>);

impl Writer {
    /// Starts one thread for each store, which steps back by `nice`; at most `waiting` pieces of
    /// work wait for them.
    pub(crate) fn start(
        stores: Vec<Option<Store>>,
        waiting: usize,
        nice: i32,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(waiting);
        let receiver = Arc::new(Mutex::new(receiver));
        for store in stores {
            let receiver = receiver.clone();
            std::thread::Builder::new()
                .name("writer".into())
                .spawn(move || work(store, &receiver, nice))?;
        }
        Ok(Self(sender))
    }

    /// Whether the work was taken: not, where too much waits already.
    pub(crate) fn hand(&self, work: Work) -> bool {
        self.0.try_send(work).is_ok()
    }
}

fn work(mut store: Option<Store>, receiver: &Mutex<Receiver<Work>>, nice: i32) {
    collector::system::lower_priority(nice);
    loop {
        // One waits for the next piece, the others for their turn to wait.
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(work) = next else {
            return;
        };
        // Whoever waits for the answer is told by the drop of its channel; the next one is served.
        let _ = catch_unwind(AssertUnwindSafe(|| work(store.as_mut())));
    }
}
