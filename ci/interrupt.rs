//! Ctrl-C, SIGTERM and a terminal that is closed (SIGHUP) during long work: the terminal is left
//! clean, and it is said how to go on.
//!
//! Commits that are done are stored and a search's log is on disk before it is acted upon, so that
//! there is nothing to save; whatever was being measured is ended.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
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

/// From now on the first of these signals sets a flag, and the second ends the process.
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

/// The number of the first of these signals.
#[cfg(unix)]
async fn interrupted() -> Option<i32> {
    let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
    let mut first = signal(interrupt).ok()?;
    let mut second = signal(terminate).ok()?;
    let third = hung_up().ok()?;
    tokio::select! {
        _ = first.recv() => Some(interrupt.as_raw_value()),
        _ = second.recv() => Some(terminate.as_raw_value()),
        () = third => Some(SignalKind::hangup().as_raw_value()),
    }
}

/// Listens, from now on, for the end of the terminal; it says nothing to whoever was started to
/// outlive that (`nohup`).
#[cfg(unix)]
fn hung_up() -> std::io::Result<impl Future<Output = ()> + Send> {
    let listener = match collector::measure::outlives_terminal() {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    Ok(async move {
        match listener {
            Some(mut hang_up) => {
                hang_up.recv().await;
            }
            None => std::future::pending().await,
        }
    })
}

/// Ctrl-C is all that there is; it has no number here.
#[cfg(not(unix))]
async fn interrupted() -> Option<i32> {
    const INTERRUPT: i32 = 2;
    tokio::signal::ctrl_c().await.ok().map(|()| INTERRUPT)
}

/// Listens, from now on, for Ctrl-C, SIGTERM and SIGHUP; resolves at the first.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub(crate) fn end_asked() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let hang_up = hung_up()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hang_up => {}
        }
    })
}

/// Listens, from now on, for Ctrl-C and for the end of its window; resolves at the first.
///
/// # Errors
/// What the system says.
#[cfg(windows)]
pub(crate) fn end_asked() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    let mut closed = tokio::signal::windows::ctrl_close()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = closed.recv() => {}
        }
    })
}
