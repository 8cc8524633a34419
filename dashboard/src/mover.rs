//! Moves profiles from the store's file to where they are kept outside it, and removes there what was
//! dropped here. A report is acknowledged while its profiles lie in the file; whatever happens to the
//! other place, they stay there until they were put and read back. Of several nodes on one log one
//! moves at a time, what all of them took in.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use collector::blobs::{Trouble, deliver, remove_all};
use collector::parallel::parallel;
use collector::store::{ObjectCounts, Pending};

use crate::app::{App, Role};
use crate::deliver::jitter;
use crate::error::Fail;
use crate::objects::Objects;

/// Profiles that are taken at once, and bytes of them.
const BATCH: usize = 64;
const BYTES: u64 = 16 << 20;
/// How many are under way at once.
const WIDTH: usize = 4;
/// How long one goes on before another node may have its turn.
const TURN: Duration = Duration::from_secs(60);
/// What another node may still be putting is younger than this.
const LONG_AGO: Duration = Duration::from_secs(86_400);
/// Between two looks while nothing fails.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two tries of what fails: this, and twice as long each time.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Failures in a row after which the others of a batch are not tried.
const ENOUGH: usize = 2 * WIDTH;

/// How moving goes.
pub(crate) struct Going {
    pub(crate) place: String,
    pub(crate) counts: ObjectCounts,
    pub(crate) failures: u64,
    pub(crate) last: Option<(i64, String)>,
}

/// How moving profiles goes; `None` where they stay in the file.
pub(crate) async fn going(app: &Arc<App>) -> Result<Option<Going>, Fail> {
    let Some(objects) = app.objects() else {
        return Ok(None);
    };
    Ok(Some(Going {
        place: objects.place.name(),
        counts: app.read(|store, _| Ok(store.object_counts()?)).await?,
        failures: objects.failures(),
        last: objects.last(),
    }))
}

/// Moves and removes, for ever; nothing where profiles stay in the file. Another node may name a
/// place for them at any time.
pub(crate) async fn keep(app: Arc<App>) {
    let is_node = app.options.log.is_some();
    if matches!(app.role, Role::Server) || (app.objects().is_none() && !is_node) {
        return;
    }
    let held = Arc::new(hold(&app).await);
    let mut pause = AGAIN;
    if let Some(objects) = app.objects() {
        let older = if is_node { LONG_AGO } else { Duration::ZERO };
        // What cannot be swept now is swept at another start.
        let _ = tokio::task::spawn_blocking(move || objects.place.sweep(older)).await;
    }
    loop {
        let done = match is_node {
            true => turn(&app, &held).await,
            false => round(&app, &held).await,
        };
        if let (Err(e), Some(objects)) = (&done, app.objects()) {
            objects.failed(&e.words());
        }
        match done {
            Ok(true) => {
                pause = AGAIN;
                tokio::time::sleep(LOOK_EVERY).await;
            }
            _ => {
                tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * jitter())).await;
                pause = (2 * pause).min(LONGEST);
            }
        }
    }
}

/// Waits until no other process moves the profiles of this file.
async fn hold(app: &Arc<App>) -> File {
    loop {
        // Another server, or what is left of this one's last moves, goes on for now.
        match (app.read(|store, _| Ok(store.mover()?)).await, app.objects()) {
            (Ok(Some(held)), _) => return held,
            (Err(e), Some(objects)) => objects.failed(&e.words()),
            _ => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A round of one of several nodes, where there is something to do, nobody else is at it and the log
/// is there to note it; gives whether nothing failed.
async fn turn(app: &Arc<App>, held: &Arc<File>) -> Result<bool, Fail> {
    app.look_where_profiles_are().await?;
    let Some((log, file)) = app.options.log.clone() else {
        return Ok(true);
    };
    let Some(objects) = app.objects().filter(|_| log.trouble().is_none()) else {
        return Ok(true);
    };
    if !app.read(|store, _| Ok(store.has_to_move()?)).await? {
        objects.succeeded();
        return Ok(true);
    }
    let taken = tokio::task::spawn_blocking(move || log.turn(&file)).await;
    let Some(_turn) = taken.map_err(|_| Fail::panicked())?? else {
        return Ok(true);
    };
    // What the one before did; whatever else came is another task's to derive.
    if app.follow().await? {
        app.unfollowed.notify_one();
    }
    round(app, held).await
}

/// Removes and moves all there is, for as long as a turn lasts; gives whether nothing failed.
async fn round(app: &Arc<App>, held: &Arc<File>) -> Result<bool, Fail> {
    let Some(objects) = &app.objects() else {
        return Ok(true);
    };
    let until = Instant::now() + TURN;
    let mut good = remove(app, objects, held, until).await?;
    let (mut after, mut moved) = (String::new(), false);
    loop {
        let from = after.clone();
        let batch = app.read(move |store, _| Ok(store.pending(&from, BATCH, BYTES)?));
        let batch = batch.await?;
        let Some((last, _)) = batch.last() else {
            break;
        };
        after.clone_from(last);
        let put = put(objects.clone(), held.clone(), batch).await?;
        good &= put.whole;
        if !put.there.is_empty() {
            moved = true;
            let kept = objects.kept.clone();
            let note = app.keep(move |store| Ok(store.moved(&kept, &put.there)?));
            note.await?;
        }
        if put.given_up || Instant::now() > until {
            break;
        }
    }
    while moved && app.derive(|store| Ok(store.give_back()?)).await? {}
    if good {
        objects.succeeded();
    }
    Ok(good)
}

/// What came of a batch.
#[derive(Default)]
struct Put {
    /// Hashes and sizes of those that are there by now.
    there: Vec<(String, u64)>,
    /// Whether all are.
    whole: bool,
    /// Whether the others wait for a better time.
    given_up: bool,
}

/// Puts some and reads them back, on threads of their own. The lock goes along: whoever ends this
/// does not end a request that is under way.
async fn put(objects: Arc<Objects>, held: Arc<File>, batch: Vec<Pending>) -> Result<Put, Fail> {
    let work = move || {
        let _held = held;
        let failed = AtomicU64::new(0);
        let given_up = AtomicBool::new(false);
        let done = parallel(WIDTH, &batch, |(hash, bytes)| {
            let bytes = bytes.as_ref().ok()?;
            if given_up.load(Ordering::Relaxed) {
                return None;
            }
            match deliver(&*objects.place, hash, bytes) {
                Ok(()) => {
                    failed.store(0, Ordering::Relaxed);
                    Some((hash.clone(), bytes.len() as u64))
                }
                Err(why) => {
                    objects.failed(&why.to_string());
                    let n = failed.fetch_add(1, Ordering::Relaxed) + 1;
                    let hopeless = matches!(why, Trouble::Refused(_)) || n >= ENOUGH as u64;
                    given_up.fetch_or(hopeless, Ordering::Relaxed);
                    None
                }
            }
        });
        for (_, bytes) in &batch {
            // `uptick verify` names it; the others go on.
            if let Err(why) = bytes {
                objects.failed(&why.to_string());
            }
        }
        let there: Vec<_> = done.into_iter().flatten().collect();
        let whole = there.len() == batch.len();
        if whole {
            objects.succeeded();
        }
        let given_up = given_up.into_inner();
        Put {
            there,
            whole,
            given_up,
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Fail::panicked())
}

/// Removes what was dropped; gives whether nothing failed.
async fn remove(
    app: &Arc<App>,
    objects: &Arc<Objects>,
    held: &Arc<File>,
    until: Instant,
) -> Result<bool, Fail> {
    loop {
        let some = app.read(|store, _| Ok(store.left(BATCH)?)).await?;
        if some.is_empty() || Instant::now() > until {
            return Ok(true);
        }
        let (objects, held) = (objects.clone(), held.clone());
        let kept = objects.kept.clone();
        let work = move || {
            let _held = held;
            let (gone, failed) = remove_all(&objects.place, &some, WIDTH);
            if let Some(why) = &failed {
                objects.failed(&why.to_string());
            }
            (gone, failed.is_none())
        };
        let work = tokio::task::spawn_blocking(work);
        let (gone, all) = work.await.map_err(|_| Fail::panicked())?;
        let note = app.keep(move |store| Ok(store.removed(&kept, &gone)?));
        if !note.await? || !all {
            return Ok(false);
        }
    }
}
