//! Ctrl-C and SIGTERM during long work: the terminal is left clean, and it is said how to go on.
//!
//! Commits that are done are stored and a search's log is on disk before it is acted upon, so that
//! there is nothing to save; whatever was being measured is ended.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::print;

/// From now on an interrupt ends the process with these words. Without the means to listen, the
/// signals do what they always do.
pub(crate) fn say(how_to_go_on: &'static str) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let Ok(runtime) = runtime else { return };
        let Some(number) = runtime.block_on(interrupted()) else {
            return;
        };
        let mut err = std::io::stderr();
        if err.is_terminal() {
            let _ = write!(err, "\r\x1b[K");
        }
        print::note(&format!("stopped: {how_to_go_on}"));
        collector::measure::end_groups();
        std::process::exit(128 + number);
    });
}

/// From now on the first of the two signals sets a flag, and the second ends the process.
pub(crate) fn flag() -> &'static AtomicBool {
    static END: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let Ok(runtime) = runtime else { return };
        for _ in 0..2 {
            let Some(number) = runtime.block_on(interrupted()) else {
                return;
            };
            if END.swap(true, Ordering::SeqCst) {
                collector::measure::end_groups();
                std::process::exit(128 + number);
            }
        }
    });
    &END
}

/// The number of the first of the two signals.
async fn interrupted() -> Option<i32> {
    let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
    let mut first = signal(interrupt).ok()?;
    let mut second = signal(terminate).ok()?;
    tokio::select! {
        _ = first.recv() => Some(interrupt.as_raw_value()),
        _ = second.recv() => Some(terminate.as_raw_value()),
    }
}
