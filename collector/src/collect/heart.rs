//! The heartbeat: says that a job is worked on, and hears when it is no more.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::jobs::wire::{Beat, Going, Lease};
use crate::remote::{Answer, Server};

/// Characters of a stage that are sent.
const STAGE: usize = 100;

#[derive(Debug)]
struct State {
    going: Going,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Beats for one lease until it is dropped.
#[derive(Debug)]
pub(super) struct Heart {
    shared: Arc<Shared>,
}

impl Heart {
    /// Begins to beat.
    pub(super) fn start(server: Arc<Server>, lease: &Lease, stage: PathBuf) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                going: Going::Go,
                ended: false,
            }),
            wake: Condvar::new(),
        });
        let every = Duration::from_secs(lease.beat.max(1));
        let beat = Beat {
            job: lease.job,
            epoch: lease.epoch,
            stage: String::new(),
        };
        let seen = shared.clone();
        std::thread::spawn(move || work(&server, &seen, every, beat, &stage));
        Self { shared }
    }

    /// Whether the job is still ours, by what the server said last. One that says nothing for longer
    /// than the lease holds was perhaps away itself, and lets every lease hold anew when it is back;
    /// where it gave the job to somebody else meanwhile, it says so when it is heard of again.
    pub(super) fn going(&self) -> Going {
        self.shared.lock().going
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        // A heartbeat that is under way ends by itself; nobody waits for a server that is silent.
        self.shared.wake.notify_all();
    }
}

fn work(server: &Server, shared: &Shared, every: Duration, mut beat: Beat, stage: &PathBuf) {
    // The first one goes out at once: the lease may have been waited for for long.
    let mut pause = Duration::ZERO;
    loop {
        let state = shared.lock();
        let (state, _) = shared
            .wake
            .wait_timeout_while(state, pause, |s| !s.ended)
            .unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return;
        }
        drop(state);
        pause = every;
        let said = std::fs::read_to_string(stage).unwrap_or_default();
        beat.stage = said
            .chars()
            .filter(|c| !c.is_control())
            .take(STAGE)
            .collect();
        let heard = server.beat(&beat);
        let mut state = shared.lock();
        match heard {
            Ok(Answer::Yes(going)) => state.going = going,
            Ok(Answer::Lost(_)) => state.going = Going::Lost,
            // Nothing was said of the lease: by a server that cannot be reached, or by whatever
            // stands in front of it and answers in its place.
            Ok(Answer::Away(..) | Answer::Refused(_)) | Err(_) => {}
        }
        if state.going != Going::Go {
            return;
        }
    }
}
