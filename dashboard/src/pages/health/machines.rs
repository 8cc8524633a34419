//! What the server that has a project knows of its collectors. They beat all the time, and no
//! counter of a project's store moves with them: what is shown of them, to the minute, is part of
//! what names the page.

use std::sync::Arc;

use collector::jobs::is_silent;
use collector::store::queue::Collector;

use crate::app::{App, Role};
use crate::clock::clock;
use crate::error::Fail;
use crate::query::{Machine, View, What};

/// Collectors that are shown.
const MOST: usize = 50;

/// A view of Health with the collectors of its server; any other as it is.
pub(crate) async fn with_machines(app: &Arc<App>, mut view: View) -> Result<View, Fail> {
    if let (What::Health(asked), Role::Project { server, .. }) = (&mut view.what, &app.role) {
        let all = server.read(|store, _| Ok(store.collectors()?)).await?;
        let now = clock();
        let machines = all.iter().take(MOST).map(|c| machine(c, now));
        asked.machines = Some(machines.collect());
    }
    Ok(view)
}

fn machine(c: &Collector, now: i64) -> Machine {
    Machine {
        name: c.name.clone(),
        labels: c.labels.clone(),
        heard: c.beat / 60_000 * 60,
        silent: is_silent(Some(c.beat), c.first, now),
        busy: c.job.is_some(),
    }
}
