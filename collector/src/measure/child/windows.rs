//! Children as Windows has them: no groups, no signals, and nothing of a commit's is run.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Ended, KEPT, TICK, Usage};
use crate::measure::NOT_HERE;

/// How long the last output of an ended child is waited for: what it started may hold the pipe.
const LAST: Duration = Duration::from_secs(1);

/// What would be set up in the child.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// Nothing here can switch that off for one process.
    pub fixed_addresses: bool,
    /// A commit brings it, or says what it does: it is not run.
    pub foreign: bool,
}

impl Before {
    /// A child that a commit brings.
    #[must_use]
    pub fn foreign(_: Option<&File>) -> Self {
        Self {
            foreign: true,
            ..Self::default()
        }
    }
}

/// [`run`](super::run), with the last `kept` bytes of standard output.
///
/// # Errors
/// As [`run`](super::run); [`io::ErrorKind::Unsupported`] of what a commit brings.
pub fn run_keeping(
    command: &mut Command,
    before: Before,
    limit: Duration,
    kept: usize,
) -> io::Result<Ended> {
    if command.get_program().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program"));
    }
    if before.foreign {
        return Err(io::Error::new(io::ErrorKind::Unsupported, NOT_HERE));
    }
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().map(|pipe| end_of(pipe, kept));
    let err = child.stderr.take().map(|pipe| end_of(pipe, KEPT));
    let timed_out = !ends_within(&mut child, limit)?;
    if timed_out {
        // One that has just ended is no error.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let taken = |end: Option<Receiver<Vec<u8>>>| {
        end.and_then(|e| e.recv_timeout(LAST).ok())
            .unwrap_or_default()
    };
    Ok(Ended {
        status,
        stdout: taken(out),
        stderr: taken(err),
        pid: child.id(),
        elapsed: began.elapsed(),
        usage: Usage::default(),
        timed_out,
        left_others: false,
    })
}

/// Whether a child ends before its time is over.
fn ends_within(child: &mut Child, limit: Duration) -> io::Result<bool> {
    let began = Instant::now();
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        if began.elapsed() >= limit {
            return Ok(false);
        }
        std::thread::sleep(TICK.min(limit));
    }
}

/// Reads a pipe to its end in a thread of its own, so that the child never waits for a reader, and
/// gives the last bytes.
fn end_of(mut pipe: impl Read + Send + 'static, kept: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let (mut end, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            end.extend_from_slice(&buffer[..n]);
            if end.len() > 2 * kept {
                end.drain(..end.len() - kept);
            }
        }
        // Whoever gave up waiting needs it no more.
        let _ = sender.send(end);
    });
    receiver
}

/// There are no groups; a child ends or is ended alone.
pub fn end_groups() {}

/// Nothing of a commit's is run, so that nothing is left running.
pub(in crate::measure) fn end_left(_: &str) {}

/// A child is not bound to its parent here.
pub fn end_with_us(_: &mut Command) {}

/// There is no such thing.
pub fn adopt_orphans() {}

/// There is no such thing.
pub fn end_children() {}

/// There is no such limit.
pub fn outlive_size_limit() {}

/// There is no such signal.
#[must_use]
pub fn outlives_terminal() -> bool {
    false
}
