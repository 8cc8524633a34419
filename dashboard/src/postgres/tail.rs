//! What others write: heard of at once by LISTEN, and found by a look every two seconds at the
//! latest, because what is notified while no session is there is lost. Where nobody writes, a write of
//! its own finds whether one would be kept: a database that is there may keep none.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_postgres::Client;

use super::pool::{Heads, Pool};
use super::trouble::{Trouble, within};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After so long without a write one is tried.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// Between two looks whether a database that was away is back.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Watches the versions of all files, until the pool is dropped.
pub(super) fn start(pool: &Arc<Pool>) -> watch::Receiver<Arc<Heads>> {
    let (tell, told) = watch::channel(Arc::default());
    pool.spawn(keep(Arc::downgrade(pool), tell));
    told
}

async fn keep(pool: Weak<Pool>, tell: watch::Sender<Arc<Heads>>) {
    loop {
        let trouble = session(&pool, &tell).await;
        let Some(pool) = pool.upgrade() else { return };
        let why = trouble.why();
        pool.set_down(why);
        drop(pool);
        tokio::time::sleep(TRY_EVERY).await;
    }
}

fn closed() -> Trouble {
    Trouble::Lost("it was closed".into())
}

/// Listens as long as the session lasts; gives why it ended.
async fn session(pool: &Weak<Pool>, tell: &watch::Sender<Arc<Heads>>) -> Trouble {
    let news = Arc::new(Notify::new());
    let client = {
        let Some(pool) = pool.upgrade() else {
            return closed();
        };
        let connected = pool.connect_and(Some(&news)).await;
        let met = match connected {
            Ok(mut client) => pool.meet(&mut client).await.map(|()| client),
            Err(trouble) => Err(trouble),
        };
        match met {
            Ok(client) => client,
            Err(trouble) => return trouble,
        }
    };
    if let Err(trouble) = within(client.batch_execute("LISTEN uptick")).await {
        return trouble;
    }
    loop {
        let wait = {
            let Some(pool) = pool.upgrade() else {
                return closed();
            };
            match look(&pool, &client, tell).await {
                Ok(()) if pool.is_down() => TRY_EVERY,
                Ok(()) => LOOK_EVERY,
                Err(trouble) => return trouble,
            }
        };
        let _ = tokio::time::timeout(wait, news.notified()).await;
    }
}

async fn look(
    pool: &Pool,
    client: &Client,
    tell: &watch::Sender<Arc<Heads>>,
) -> Result<(), Trouble> {
    // One that was replaced meanwhile still answers.
    pool.greet(client).await?;
    let sql = "SELECT file, version FROM uptick.head";
    let rows = within(client.query_typed(sql, &[])).await?;
    let heads: Heads = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    tell.send_if_modified(|known| {
        let moved = **known != heads;
        if moved {
            *known = Arc::new(heads);
        }
        moved
    });
    if pool.is_down() || pool.since_a_write() > PROBE_EVERY {
        pool.probe(client).await?;
        pool.set_up();
    }
    Ok(())
}
