//! What takes long is made before anybody asks for it: the verdicts on the newest commits (of five
//! thousand series one takes a third of a second, mostly for the levels of those that vary, and a
//! list has fifty), and the names that are searched, functions of open changes among them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use collector::store::{Generation, Store};
use tokio::sync::watch;

use crate::app::App;
use crate::error::Fail;
use crate::pages;
use crate::query::What;

/// It begins when nothing has come for so long, or when something has kept coming for as long as
/// the other: what is handed in goes before.
const SETTLES: Duration = Duration::from_secs(1);
const AT_LAST: Duration = Duration::from_secs(30);

/// While pages are asked for, it rests so many times as long as it worked.
const GIVES_WAY: u32 = 9;

/// Does so with whatever comes, for ever, one commit a turn, on a thread that gives way.
pub(crate) async fn keep(app: Arc<App>) {
    let mut news = app.lookout.subscribe();
    news.mark_changed();
    while news.changed().await.is_ok() && !app.is_closing() {
        settle(&app, &mut news).await;
        // What cannot be read is said to whoever asks.
        if let Ok(true) = app.read_beside(names).await {
            let searches = |what: &What| matches!(what, What::Search { .. });
            app.cache.forget_those(searches).await;
        }
        judge(&app).await;
    }
}

/// Waits until nothing comes any more.
async fn settle(app: &App, news: &mut watch::Receiver<Generation>) {
    let begun = Instant::now();
    loop {
        news.borrow_and_update();
        tokio::time::sleep(SETTLES).await;
        let settled = !news.has_changed().unwrap_or(false) || begun.elapsed() >= AT_LAST;
        if settled || app.is_closing() {
            return;
        }
    }
}

/// Gives whether a page of a search may have missed any.
fn names(store: &Store, app: &App) -> Result<bool, Fail> {
    app.names.of(store)?.words();
    app.functions.refresh(store)
}

/// Judges the commits of the first page of the list; a page that was made without their verdicts
/// is made anew.
async fn judge(app: &Arc<App>) {
    for i in 0..pages::LISTED {
        let (asked, begin) = (requests(app), Instant::now());
        let judged = app.read_beside(move |store, app| pages::judge_ahead(store, app, i));
        // What cannot be read is said on the page of the commit.
        if app.is_closing() || !matches!(judged.await, Ok(true)) {
            break;
        }
        // One may be of a monitor, that looks in for ever.
        if requests(app) > asked + 1 {
            tokio::time::sleep(begin.elapsed() * GIVES_WAY).await;
        }
    }
    if app.verdicts.take_missed() {
        app.cache.forget_those(pages::has_verdicts).await;
    }
}

fn requests(app: &App) -> u64 {
    app.counters.requests.load(Ordering::Relaxed)
}
