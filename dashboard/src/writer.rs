//! The one writer: a thread of its own that gives way to whoever reads.
//!
//! A report of 20,000 measurements keeps a core busy for some tenths of a second while its
//! points are derived. On the threads that serve requests, or at their priority, every page
//! asked for meanwhile would wait a time slice for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use collector::store::Store;

/// What a writer does; `None` where the store is only read.
type Work = Box<dyn FnOnce(Option<&mut Store>) + Send>;

/// How far the thread steps back. At 15 it has a thirtieth of a core that others want whole,
/// and all of one that nobody wants.
const NICE: i32 = 15;

/// Hands work to the thread; it ends when the last handle is gone.
#[derive(Debug)]
pub(crate) struct Writer(SyncSender<Work>);

impl Writer {
    /// Starts the thread; at most `waiting` pieces of work wait for it.
    pub(crate) fn start(store: Option<Store>, waiting: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(waiting);
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || work(store, &receiver))?;
        Ok(Self(sender))
    }

    /// Whether the work was taken: not, where too much waits already.
    pub(crate) fn hand(&self, work: Work) -> bool {
        self.0.try_send(work).is_ok()
    }
}

fn work(mut store: Option<Store>, receiver: &Receiver<Work>) {
    // On Linux this is the calling thread's alone. Without it writing is right, and less polite.
    let _ = rustix::process::nice(NICE);
    for work in receiver {
        // Whoever waits for the answer is told by the drop of its channel; the next one is served.
        let _ = catch_unwind(AssertUnwindSafe(|| work(store.as_mut())));
    }
}
