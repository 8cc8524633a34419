//! Has profiles and reports go when their time is over, at the start and once a day.

use std::sync::Arc;
use std::time::Duration;

use collector::history::retention;
use collector::store::Prunable;

use crate::app::{App, Role};
use crate::error::Fail;
use crate::text;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(86_400);
/// Who is said to have had them go.
const ACTOR: &str = "uptick serve";

/// Prunes for ever; nothing where everything is kept. A server's own file has no reports.
pub(crate) async fn keep(app: Arc<App>) {
    if app.options.keep.is_all() || matches!(app.role, Role::Server) {
        return;
    }
    loop {
        match once(&app).await {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => tracing::info!(
                profiles = gone.profiles,
                branch_reports = gone.branch_reports,
                main_reports = gone.main_reports,
                "pruned"
            ),
            // What went is gone; the rest goes at the next look.
            Err(e) => tracing::warn!(why = e.words(), "pruning failed"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Prunes some at a time: whoever derives gets its turn in between.
async fn once(app: &Arc<App>) -> Result<Prunable, Fail> {
    let (keep, now) = (app.options.keep, text::now());
    let plan = app.derive(move |store| Ok(retention::plan(store, &keep, now)?));
    let mut plan = plan.await?;
    let mut sum = Prunable::default();
    loop {
        let step = app.derive(move |store| {
            let some = retention::prune(store, &mut plan, ACTOR, now, 1)?;
            Ok((some, plan))
        });
        let some;
        (some, plan) = step.await?;
        if some.is_empty() {
            break;
        }
        sum.add(&some);
    }
    while !sum.is_empty() && app.derive(|store| Ok(store.give_back()?)).await? {}
    Ok(sum)
}
