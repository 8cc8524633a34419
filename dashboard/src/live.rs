//! What goes on beside requests: looking whether the store moved (another process may write it
//! too), searching new points for changes, and telling the browsers that listen.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use collector::history::watch::search_for;
use collector::store::{Audience, Generation};
use futures_util::Stream;
use tokio::task::JoinSet;

use crate::app::{App, Role};
use crate::behind::Behind;
use crate::clock;
use crate::error::Fail;
use crate::text;

/// A report that another process stored shows within this time.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Series searched before readers and writers get their turn again.
const STRIDE: usize = 64;
/// How long a search that failed waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long following a shared log that failed waits before it is tried again.
const FOLLOW_AGAIN: Duration = Duration::from_secs(1);

/// How long following may take before it is looked how much is missing.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Writes of which it is looked at once how many reports they are.
const FAR: i64 = 8;

/// One look in so many also asks for what is rarely so: a write that failed, a log that nobody derived.
const RARELY: u32 = 8;
/// What goes on beside the requests of one store, until it is dropped.
pub(crate) fn tasks(app: &Arc<App>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(watch(app.clone()));
    tasks.spawn(search(app.clone()));
    if !matches!(app.role, Role::Server) {
        tasks.spawn(crate::ahead::keep(app.clone()));
    }
    if app.options.log.is_some() {
        tasks.spawn(follow(app.clone()));
    }
    if !app.options.read_only {
        tasks.spawn(crate::deliver::deliver(app.clone()));
        tasks.spawn(crate::retention::keep(app.clone()));
        tasks.spawn(crate::mover::keep(app.clone()));
    }
    tasks
}

/// Looks at the store's counters for ever.
pub(crate) async fn watch(app: Arc<App>) {
    let mut was_behind = false;
    for look in 0u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        if look.is_multiple_of(RARELY) && !app.options.read_only {
            tokio::spawn(recover(app.clone()));
        }
        look_at_log(&app).await;
        was_behind |= app.behind().is_some();
        if look.is_multiple_of(RARELY) && was_behind {
            // A page that was in the making when that changed says what was before.
            app.cache.forget();
            was_behind = app.behind().is_some();
        }
        let seen = app.read(|_, app| app.check()).await;
        match seen {
            Ok(_) => app.set_trouble(""),
            Err(e) => app.set_trouble(&e.words()),
        }
    }
}

/// Has the store follow its shared log for ever, and derives what came.
async fn follow(app: Arc<App>) {
    let Some((log, file)) = &app.options.log else {
        return;
    };
    let mut heads = log.heads();
    let (mut seen, mut said) = (None, String::new());
    loop {
        let head = heads.borrow_and_update().get(file).copied();
        if head != seen {
            match catch_up(&app, head).await {
                Ok(moved) => {
                    seen = head;
                    said.clear();
                    if moved {
                        app.unsearched.notify_one();
                    }
                    continue;
                }
                // Once, and not every second while the database is away.
                Err(e) if e.words() == said => {}
                Err(e) => {
                    said = e.words();
                    tracing::warn!(file, why = said, "the log cannot be followed");
                }
            }
            tokio::time::sleep(FOLLOW_AGAIN).await;
        } else if heads.changed().await.is_err() {
            return;
        }
    }
}

/// Asks how many reports of the log are not on pages; nothing changes where it cannot be asked.
async fn measure(app: &Arc<App>) {
    let Some((log, file)) = app.options.log.clone() else {
        return;
    };
    if matches!(app.role, Role::Server) {
        return;
    }
    let missing = app.read(move |store, _| Ok(log.reports_after(&file, store.applied()?)?));
    if let Ok(n) = missing.await {
        app.set_behind((n > 0).then_some(Behind::Reports(n)));
    }
}

/// Notes whether the log is away; of one that is back it is asked first what came.
async fn look_at_log(app: &Arc<App>) {
    let Some((log, _)) = &app.options.log else {
        return;
    };
    match (log.trouble().is_some(), app.behind()) {
        (true, _) => app.set_behind(Some(Behind::Away)),
        (false, Some(Behind::Away)) if matches!(app.role, Role::Server) => app.set_behind(None),
        (false, Some(Behind::Away)) => measure(app).await,
        (false, _) => {}
    }
}

/// Follows and derives; gives whether others wrote. Where that takes long, pages say how much is
/// missing until it is done.
async fn catch_up(app: &Arc<App>, head: Option<i64>) -> Result<bool, Fail> {
    let here = app.read(|store, _| Ok(store.reached()?)).await?.version();
    if head.is_some_and(|head| head - here >= FAR) {
        measure(app).await;
    }
    let work = async {
        let moved = app.follow().await?;
        if moved {
            let _ = app.derive(|store| Ok(store.derive()?)).await;
        }
        Ok(moved)
    };
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(AT_ONCE, &mut work).await {
            Ok(done) => {
                if done.is_ok() {
                    app.set_behind(None);
                }
                return done;
            }
            Err(_) => measure(app).await,
        }
    }
}

/// Tries whether a store that refused a write takes one now, and derives what a process that ended
/// too early left in the log. What fails is tried again at a later look.
async fn recover(app: Arc<App>) {
    if app.wants_probe() {
        let _ = app.keep(|store| Ok(store.probe()?)).await;
    }
    if let Ok(true) = app.read(|store, _| Ok(store.is_behind()?)).await {
        let _ = app.derive(|store| Ok(store.derive()?)).await;
        app.unsearched.notify_one();
    }
}

/// Searches new points for changes whenever there are any; channels hear of what is new.
async fn search(app: Arc<App>) {
    loop {
        // Half a history has other steps than the whole.
        if let Some(Behind::Reports(_)) = app.behind() {
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        let done = app
            .derive(|store| {
                let now = clock::seconds();
                Ok(search_for(store, STRIDE, Audience::Channels { now })?)
            })
            .await;
        if let Err(e) = &done {
            tracing::warn!(why = e.words(), "the search for changes failed");
        }
        match done {
            Ok(STRIDE) => {}
            // Whoever imports does not say when it is done.
            Ok(_) if is_being_imported(&app).await => tokio::time::sleep(AGAIN).await,
            Ok(_) => app.unsearched.notified().await,
            // Whoever brought the points does not come again.
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

async fn is_being_imported(app: &Arc<App>) -> bool {
    let asked = app.read(|store, _| Ok(store.is_being_imported()?)).await;
    asked.unwrap_or(false)
}

/// News as server-sent events: `data` when reports came, `triage` when somebody decided. The
/// first one says how things stand: something may have come between the page and this stream.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Fail> {
    let Ok(permit) = app.listeners.clone().try_acquire_owned() else {
        return Err(Fail::Busy);
    };
    crate::counters::Counters::add(&app.counters.listeners);
    let mut news = app.lookout.subscribe();
    news.mark_changed();
    let first = (app, news, None, permit);
    let stream = futures_util::stream::unfold(first, |state| async move {
        let (app, mut news, last, permit) = state;
        loop {
            if news.changed().await.is_err() || app.is_closing() {
                return None;
            }
            let now = *news.borrow_and_update();
            if let Some(name) = what_moved(last, now) {
                let event = Event::default().event(name).data(text::generation(now));
                return Some((Ok(event), (app, news, Some(now), permit)));
            }
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20))))
}

fn what_moved(last: Option<Generation>, now: Generation) -> Option<&'static str> {
    match last {
        None => Some("data"),
        Some(last) if last.data != now.data => Some("data"),
        Some(last) => (last.triage != now.triage).then_some("triage"),
    }
}
