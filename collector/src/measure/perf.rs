//! Counting with the CPU's own instruction counter, through `perf_event_open`.
//!
//! A counter is opened disabled on the calling thread with `inherit` and
//! `enable_on_exec`: the fork inherits it and the exec arms the child's copy alone, so
//! that nothing of ours is counted. Only user mode is counted. The kernel refuses to
//! read an inherited *group* at once, so each counter is opened by itself; and where
//! the PMU had to share counters between more events than it has (`running <
//! enabled`) the value is refused rather than scaled up, because a scaled guess is no
//! count.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::process::Command;

use perf_event::events::{Event, Hardware};
use perf_event::{Builder, Counter};

use super::child::{self, Before, Ended};
use super::env::{Mark, Pins};
use super::region;
use super::{Job, Kind, RunError, Session, sandbox};

/// The descriptors that `preload.c` reads the counter from and writes its log to.
const COUNTER_FD: i32 = 198;
const LOG_FD: i32 = 199;
/// Real time that a benchmark's calls double for; then its last slopes are taken.
const DOUBLING_MS: u64 = 200;
/// Readings that six calls make: with fewer the slopes would still hold the cold start.
const LEAST_READINGS: u64 = 4 * 6 - 2;
/// Runs of a command; a whole process varies by its page faults and interrupts.
const COMMAND_RUNS: usize = 3;

/// Samples of one iteration's instructions.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) warm: Vec<f64>,
    pub(super) cold: Option<f64>,
}

/// Opens a disabled, inherited counter of `event` on this thread, armed by the child's exec.
///
/// # Errors
/// What the kernel says: `ENOENT` without a PMU, `EACCES` or `EPERM` without permission.
pub fn open(event: impl Into<Event>) -> io::Result<Counter> {
    let mut builder = Builder::new().kind(event).observe_self().any_cpu();
    builder.enabled(false).inherit(true).enable_on_exec(true);
    builder.exclude_kernel(true).exclude_hv(true);
    builder.build()
}

/// Why hardware counters cannot be used here, in words; `None` when they can.
#[must_use]
pub fn unavailable() -> Option<String> {
    let error = open(Hardware::INSTRUCTIONS).err()?;
    let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    Some(match error.raw_os_error() {
        Some(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV) => {
            "this machine has no hardware counters (a virtual machine without a PMU)".into()
        }
        Some(libc::EACCES | libc::EPERM) => format!(
            "the kernel forbids them (perf_event_paranoid = {}): `sudo sysctl \
             kernel.perf_event_paranoid=2`, or a container without seccomp's block",
            paranoid.as_deref().map_or("unknown", str::trim)
        ),
        _ => format!("perf_event_open failed: {error}"),
    })
}

/// The counter's value, unless it was only running part of the time.
///
/// # Errors
/// [`RunError`] when the PMU was shared or the counter cannot be read.
fn whole_count(counter: &mut Counter) -> Result<u64, RunError> {
    let r = counter
        .read_count_and_time()
        .map_err(|e| RunError::machine(format!("the counter cannot be read: {e}")))?;
    refuse_shared(r.time_enabled, r.time_running)?;
    Ok(r.count)
}

fn refuse_shared(enabled: u64, running: u64) -> Result<(), RunError> {
    if running >= enabled {
        return Ok(());
    }
    Err(RunError::machine(format!(
        "the counter was shared with other users of the PMU ({:.0} % of the time): stop other \
             profilers; a scaled value would be a guess",
        100.0 * running as f64 / enabled as f64
    )))
}

/// Counts a job's instructions.
pub(super) fn instructions(session: &Session, job: &Job, pins: Pins) -> Result<Samples, RunError> {
    run(session, job, pins, &Hardware::INSTRUCTIONS.into())
}

/// Counts a job, with `event` as its counter.
fn run(session: &Session, job: &Job, pins: Pins, event: &Event) -> Result<Samples, RunError> {
    match &job.kind {
        Kind::Criterion { .. } => slopes(session, job, pins, event),
        Kind::Command { .. } => {
            let one = || whole_process(session, job, pins, event);
            let warm = (0..COMMAND_RUNS)
                .map(|_| one())
                .collect::<Result<Vec<f64>, _>>()?;
            Ok(Samples { warm, cold: None })
        }
    }
}

fn whole_process(session: &Session, job: &Job, pins: Pins, event: &Event) -> Result<f64, RunError> {
    if sandbox::is_on() {
        return Err(RunError::machine(
            "in a sandbox the hardware counter counts the sandbox too: `counter = \"callgrind\"` in \
             uptick.toml, or `uptick collect --sandbox none`",
        ));
    }
    let pins = Pins {
        mark: Mark::None,
        jump: job.whole_process_clock(),
        ..pins
    };
    let (mut counter, _) = execute(session, job, pins, event)?;
    Ok(whole_count(&mut counter)? as f64)
}

/// Per-iteration cost of a criterion benchmark from the counter's value at each reading of
/// the clock.
fn slopes(session: &Session, job: &Job, pins: Pins, event: &Event) -> Result<Samples, RunError> {
    let pins = Pins {
        mark: Mark::Counter,
        jump: Some(LEAST_READINGS),
        after_ms: DOUBLING_MS,
        ..pins
    };
    let (_, log) = execute(session, job, pins, event)?;
    let mut counts = Vec::new();
    for record in log.chunks_exact(24) {
        let word = |i: usize| {
            let mut b = [0u8; 8];
            b.copy_from_slice(&record[8 * i..8 * i + 8]);
            u64::from_ne_bytes(b)
        };
        refuse_shared(word(1), word(2))?;
        counts.push(word(0));
    }
    if counts.is_empty() {
        return Err(RunError::never_ran());
    }
    let warm = region::doubling_slopes(&counts).map_err(|t| match t {
        region::Trouble::Unclear(why) => RunError::new(why),
        _ => RunError::never_ran(),
    })?;
    let cold = Some(counts[2].saturating_sub(counts[1]) as f64);
    Ok(Samples { warm, cold })
}

/// Runs the job with the counter armed; gives the counter and the log of its readings.
fn execute(
    session: &Session,
    job: &Job,
    pins: Pins,
    event: &Event,
) -> Result<(Counter, Vec<u8>), RunError> {
    let _turn = job.stand()?;
    let slot = session.scratch.slot().map_err(RunError::environment)?;
    let log_path = slot.join("counts");
    let log = File::create(&log_path)
        .map_err(|e| RunError::machine(format!("{}: {e}", log_path.display())))?;
    let counter = open(event.clone())
        .map_err(|e| RunError::machine(format!("perf_event_open failed: {e}")))?;
    let mut command = Command::new(&job.program);
    // The faked clock jumps by 10 s, past these 5: no call follows the doubling ones.
    command.args(job.arguments("5"));
    job.surround(&mut command, session, &slot, &pins)?;
    let stdin = job.open_stdin()?;
    let before = Before {
        fixed_addresses: true,
        descriptors: [
            Some((counter.as_raw_fd(), COUNTER_FD)),
            Some((log.as_raw_fd(), LOG_FD)),
        ],
        ..Before::foreign(stdin.as_ref())
    };
    let ended: Ended = child::run(&mut command, before, job.timeout)
        .map_err(|e| RunError::start(&job.program, &e))?;
    sandbox::drop_links(&slot);
    let counts = std::fs::read(&log_path);
    let _ = std::fs::remove_dir_all(&slot);
    if ended.timed_out {
        return Err(RunError::timeout(job.timeout));
    }
    if !ended.status.success() {
        return Err(RunError::exit(ended.status, &ended.said()));
    }
    job.ended_well(&ended);
    let counts = counts.map_err(|e| RunError::machine(format!("{}: {e}", log_path.display())))?;
    Ok((counter, counts))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::raw::{c_int, c_ulong};
    use std::sync::{Arc, Mutex};

    use perf_event::hooks::sys::bindings::perf_event_attr;
    use perf_event::hooks::{self, Hooks};

    use super::*;

    /// Stands in for the kernel: records what was asked for and gives a file as the counter.
    struct Fake {
        asked: Arc<Mutex<Vec<perf_event_attr>>>,
        reading: Option<[u64; 3]>,
        errno: c_int,
    }

    #[expect(unsafe_code, reason = "the trait's methods are unsafe")]
    impl Hooks for Fake {
        unsafe fn perf_event_open(
            &mut self,
            attrs: *mut perf_event_attr,
            _pid: libc::pid_t,
            _cpu: c_int,
            _group: c_int,
            _flags: c_ulong,
        ) -> c_int {
            use std::io::{Seek, Write};
            use std::os::fd::IntoRawFd;
            // SAFETY: the caller passes a valid attribute block.
            self.asked.lock().unwrap().push(unsafe { *attrs });
            let Some(reading) = self.reading else {
                // SAFETY: errno is thread-local and always writable.
                unsafe { *libc::__errno_location() = self.errno };
                return -1;
            };
            let mut file = tempfile::tempfile().unwrap();
            for word in reading {
                file.write_all(&word.to_ne_bytes()).unwrap();
            }
            file.rewind().unwrap();
            file.into_raw_fd()
        }

        unsafe fn ID(&mut self, _fd: c_int, id: *mut u64) -> c_int {
            // SAFETY: the caller passes a valid out-pointer.
            unsafe { *id = 7 };
            0
        }
    }

    #[expect(unsafe_code, reason = "hooks are installed for this thread only")]
    fn with_fake<T>(
        reading: Option<[u64; 3]>,
        errno: c_int,
        f: impl FnOnce() -> T,
    ) -> (T, Vec<perf_event_attr>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        // SAFETY: no counter made under other hooks is used while these are set.
        unsafe {
            hooks::set_thread_hooks(Box::new(Fake {
                asked: asked.clone(),
                reading,
                errno,
            }))
        };
        let out = f();
        // SAFETY: restores the real system calls.
        unsafe { hooks::clear_thread_hooks() };
        let asked = asked.lock().unwrap().clone();
        (out, asked)
    }

    #[test]
    fn the_counter_is_asked_for_as_the_child_needs_it() {
        let (count, asked) = with_fake(Some([123, 50, 50]), 0, || {
            whole_count(&mut open(Hardware::INSTRUCTIONS).unwrap())
        });
        assert_eq!(count.unwrap(), 123);
        let a = asked[0];
        assert_eq!((a.disabled(), a.inherit(), a.enable_on_exec()), (1, 1, 1));
        assert_eq!(
            (a.exclude_kernel(), a.exclude_hv(), a.exclude_user()),
            (1, 1, 0)
        );
    }

    #[test]
    fn a_shared_counter_is_refused_not_scaled() {
        let (count, _) = with_fake(Some([100, 50, 25]), 0, || {
            whole_count(&mut open(Hardware::INSTRUCTIONS).unwrap())
        });
        let e = count.unwrap_err();
        assert!(
            e.message.contains("50 %") && e.message.contains("guess"),
            "{}",
            e.message
        );
    }

    #[test]
    fn each_refusal_of_the_kernel_has_its_words() {
        for (errno, words) in [
            (libc::ENOENT, "no hardware counters"),
            (libc::EACCES, "perf_event_paranoid"),
            (libc::EPERM, "perf_event_paranoid"),
            (libc::EMFILE, "perf_event_open failed"),
        ] {
            let (why, _) = with_fake(None, errno, unavailable);
            assert!(why.unwrap().contains(words));
        }
        assert_eq!(with_fake(Some([0, 0, 0]), 0, unavailable).0, None);
    }

    /// What criterion does in `--profile-time`: calls of 1, 2, 4 … iterations, four readings of
    /// the clock in each, until its warm-up second is over.
    const HARNESS: &str = r#"
#include <time.h>
static long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000L + t.tv_nsec; }
int main(void) {
    volatile unsigned x = 0;
    long elapsed = 0;
    for (long n = 1; elapsed <= 1000000000L; n *= 2) {
        long a = now(); now();
        for (long i = 0; i < n * 2000; i++) x += i;
        now(); elapsed += now() - a;
    }
    return 0;
}
"#;

    /// A software counter stands in for the hardware's: the whole way is the same.
    #[test]
    fn a_benchmark_is_counted_between_the_readings_of_its_clock() {
        let dir = tempfile::tempdir().unwrap();
        let (source, program) = (dir.path().join("h.c"), dir.path().join("h"));
        std::fs::write(&source, HARNESS).unwrap();
        let cc = Command::new("cc")
            .arg("-O1")
            .arg("-o")
            .args([&program, &source])
            .status()
            .unwrap();
        assert!(cc.success());
        let session = Session {
            scratch: crate::measure::env::Scratch::new().unwrap(),
            counter: crate::model::Counter::PerfEvent,
            strings: crate::config::Strings::Portable,
            metrics: Vec::new(),
        };
        let job = Job {
            name: "h".into(),
            program,
            kind: Kind::Criterion {
                id: "h".into(),
                boundaries: std::sync::Arc::new(Vec::new()),
                exact: true,
                is_static: false,
                filter: None,
            },
            dir: "/".into(),
            stdin: None,
            env: std::collections::BTreeMap::new(),
            timeout: std::time::Duration::from_secs(60),
            seen: crate::measure::Seen::default(),
            standing: crate::measure::stage::Standing::default(),
        };
        let event = Event::from(perf_event::events::Software::TASK_CLOCK);
        let samples = run(&session, &job, Pins::plain(), &event).unwrap();
        // Nanoseconds of 2,000 turns: some hundreds to some ten thousands, whatever the machine.
        assert_eq!(samples.warm.len(), 5);
        let ns = crate::stats::median(&samples.warm).unwrap();
        assert!((200.0..200_000.0).contains(&ns), "{samples:?}");
    }
}
