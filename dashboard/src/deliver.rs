//! Sends what is in the outbox while the store is served. Of several servers over one store, the
//! one that leases a message sends it.

use std::sync::Arc;
use std::time::Duration;

use collector::notify::{self, Origin, Parcel};
use collector::remote::channel::{Answer, send};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::clock;
use crate::counters::Counters;
use crate::error::Fail;
use crate::text;

/// How often the outbox is looked at. A channel gets a message each time at most, which is what
/// most sinks allow.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Messages that are sent at once, to different channels.
const AT_ONCE: usize = 4;
/// How often the result of a message is handed to a writer that is busy; after that its lease
/// ends, and it is sent again.
const HANDED: usize = 20;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends what is due, for ever.
pub(crate) async fn deliver(app: Arc<App>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let free = places.available_permits();
        if free == 0 {
            continue;
        }
        // What fails now, because the store is busy, is found again at the next look.
        let Ok(parcels) = take(&app, free).await else {
            continue;
        };
        for parcel in parcels {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            tokio::spawn(send_and_settle(app.clone(), parcel, place));
        }
    }
}

async fn take(app: &Arc<App>, most: usize) -> Result<Vec<Parcel>, Fail> {
    let is_due = app
        .read(|store, _| Ok(store.is_due(clock::seconds())?))
        .await?;
    if !is_due {
        return Ok(Vec::new());
    }
    let origin = origin(app);
    app.write(move |store| Ok(notify::take(store, most, clock::seconds(), &origin)?))
        .await
}

/// Where messages come from, and what is printed: the project, and where people reach its pages.
pub(crate) fn origin(app: &App) -> Origin {
    let own = || format!("http://{}{}", app.local, app.base());
    Origin {
        project: app.options.name.clone(),
        url: app.options.public_url.clone().unwrap_or_else(own),
    }
}

async fn send_and_settle(app: Arc<App>, parcel: Parcel, _place: OwnedSemaphorePermit) {
    // What cannot be said now is said by the lease, when it ends.
    let _ = send_once(&app, parcel).await;
}

/// Sends a message and notes what came of it.
pub(crate) async fn send_once(app: &Arc<App>, parcel: Parcel) -> Result<Answer, Fail> {
    Counters::add(&app.counters.sent);
    let Parcel { lease, message } = parcel;
    let copy = lease.clone();
    let sending =
        tokio::task::spawn_blocking(move || send(&copy.channel, &message, &copy.id, text::now()));
    let answer = sending.await.map_err(|_| Fail::panicked())?;
    for _ in 0..HANDED {
        let (lease, noted) = (lease.clone(), answer.clone());
        let jitter = jitter();
        let done = app
            .write(move |store| {
                Ok(notify::settle(
                    store,
                    &lease,
                    &noted,
                    clock::seconds(),
                    jitter,
                )?)
            })
            .await;
        match done {
            Err(Fail::Busy) => tokio::time::sleep(PAUSE).await,
            done => return done.map(|_| answer),
        }
    }
    Err(Fail::busy())
}

/// From 0 to 1; where the system has no randomness, what failed together is tried together.
pub(crate) fn jitter() -> f64 {
    getrandom::u32().map_or(0.0, |n| f64::from(n) / f64::from(u32::MAX))
}
