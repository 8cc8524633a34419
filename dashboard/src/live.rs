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
    for look in 0u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        if look.is_multiple_of(RARELY) && !app.options.read_only {
            tokio::spawn(recover(app.clone()));
        }
        look_at_log(&app);
        let seen = app.read(|_, app| app.check()).await;
        match seen {
            Ok(_) => app.set_trouble(""),
            Err(e) => app.set_trouble(&e.words()),
        }
    }
}

/// Has the store follow its shared log for ever, and derives what came. It alone says how much is
/// missing, and that nothing is: of two that did, one could say it of what was before.
async fn follow(app: Arc<App>) {
    let Some((log, file)) = &app.options.log else {
        return;
    };
    let mut heads = log.heads();
    let (mut seen, mut said, mut asked) = (None, String::new(), false);
    loop {
        let head = heads.borrow_and_update().get(file).copied();
        if head != seen || asked {
            match catch_up(&app, head, asked).await {
                Ok(moved) => {
                    (seen, asked) = (head, false);
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
            continue;
        }
        tokio::select! {
            heard = heads.changed() => if heard.is_err() {
                return;
            },
            () = app.unfollowed.notified() => asked = true,
        }
    }
}

/// Asks how many reports of the log are not on pages; nothing changes where it cannot be asked, or
/// where it is none: what else was written may be missing.
async fn measure(app: &Arc<App>) {
    let Some((log, file)) = app.options.log.clone() else {
        return;
    };
    if matches!(app.role, Role::Server) {
        return;
    }
    let Ok(applied) = app.read(|store, _| Ok(store.applied()?)).await else {
        return;
    };
    // The database is waited for without a reader that a page could have.
    let asking = tokio::task::spawn_blocking(move || log.reports_after(&file, applied));
    if let Ok(Ok(n @ 1..)) = asking.await {
        app.set_behind(Some(Behind::Reports(n)));
    }
}

/// Notes that the log is away; one that is back is followed before anything else is said of it.
fn look_at_log(app: &App) {
    let Some((log, _)) = &app.options.log else {
        return;
    };
    if log.trouble().is_some() {
        app.set_behind(Some(Behind::Away));
    } else if let Some(Behind::Away) = app.behind() {
        app.unfollowed.notify_one();
    }
}

/// Follows and derives; gives whether there is anything new. Where that takes long, pages say how
/// much is missing until both are done. `asked`: others may have written what is here already and on
/// no page.
async fn catch_up(app: &Arc<App>, head: Option<i64>, asked: bool) -> Result<bool, Fail> {
    let here = app.read(|store, _| Ok(store.reached()?)).await?.version();
    if asked || head.is_some_and(|head| head - here >= FAR) {
        measure(app).await;
    }
    let moved = patiently(app, true, app.follow()).await?;
    // A write of this node may have followed too, and left what came to whoever derives.
    let derive = app.derive(|store| Ok(store.derive()?));
    let derived = patiently(app, moved || asked, derive).await?;
    app.set_behind(None);
    Ok(moved || derived > 0)
}

/// What comes of a piece of work; where it takes long and pages lack what others wrote, they say how
/// much that is.
async fn patiently<T>(app: &Arc<App>, lacks: bool, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(AT_ONCE, &mut work).await {
            Ok(done) => return done,
            Err(_) if lacks => measure(app).await,
            Err(_) => {}
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
