//! A server's queue for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use collector::jobs::State as JobState;

use crate::app::App;
use crate::clock::clock;
use crate::error::Fail;

/// Prometheus text.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let now = clock();
    let (counts, waits, collectors) = app
        .read(move |store, _| {
            let mut counts = Vec::new();
            for state in JobState::ALL {
                counts.push((state.name(), store.jobs_in(state)?));
            }
            Ok((counts, store.waits(now)?, store.collectors()?))
        })
        .await?;
    let mut out = String::from("# HELP uptick_jobs Jobs by state.\n# TYPE uptick_jobs gauge\n");
    for (state, n) in counts {
        out.push_str(&format!("uptick_jobs{{state=\"{state}\"}} {n}\n"));
    }
    out.push_str(
        "# HELP uptick_oldest_wait_seconds How long the oldest job of a label waits.\n\
         # TYPE uptick_oldest_wait_seconds gauge\n",
    );
    for w in waits {
        let seconds = (now - w.since).max(0) / 1000;
        out.push_str(&format!(
            "uptick_oldest_wait_seconds{{label=\"{}\"{}}} {seconds}\n",
            w.label,
            if w.pulls { ",purpose=\"pull\"" } else { "" }
        ));
    }
    out.push_str(
        "# HELP uptick_collector_silence_seconds Since a collector was last heard of.\n\
         # TYPE uptick_collector_silence_seconds gauge\n",
    );
    for c in collectors {
        let seconds = (now - c.beat).max(0) / 1000;
        out.push_str(&format!(
            "uptick_collector_silence_seconds{{collector=\"{}\"}} {seconds}\n",
            c.name
        ));
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response())
}
