//! Children as Unix has them: process groups, signals, `wait4`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{CHILDREN, Ended, KEPT, TICK, Usage, secrets};
use crate::measure::sandbox;

/// What is set up in the child between fork and exec.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// Switch address space randomisation off.
    pub fixed_addresses: bool,
    /// Descriptors of ours that the child gets under these numbers.
    pub descriptors: [Option<(RawFd, RawFd)>; 2],
    /// A descriptor of ours that is its standard input; there is none without.
    pub stdin: Option<RawFd>,
    /// A commit brings it, or says what it does: it runs inside a [`sandbox`], where there is one.
    pub foreign: bool,
}

impl Before {
    /// A child that a commit brings, with this file as its standard input.
    #[must_use]
    pub fn foreign(stdin: Option<&File>) -> Self {
        Self {
            stdin: stdin.map(AsRawFd::as_raw_fd),
            foreign: true,
            ..Self::default()
        }
    }
}

/// [`run`](super::run), with at least the last `kept` bytes of standard output.
///
/// # Errors
/// As [`run`](super::run).
pub fn run_keeping(
    command: &mut Command,
    before: Before,
    limit: Duration,
    kept: usize,
) -> io::Result<Ended> {
    if command.get_program().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program"));
    }
    let mut inside = match before.foreign {
        true => sandbox::inside(command)?,
        false => None,
    };
    let is_inside = inside.is_some();
    let mark = mark_of(command);
    let command = inside.as_mut().unwrap_or(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    prepare(command, before);
    let began = Instant::now();
    let mut child = spawn_known(command, mark.clone())?;
    let mut streams = [
        Stream::new(
            child.stdout.take().map(|s| Box::new(s) as Box<dyn Source>),
            kept,
        ),
        Stream::new(
            child.stderr.take().map(|s| Box::new(s) as Box<dyn Source>),
            KEPT,
        ),
    ];
    let pid = child.id();
    let waited = wait(pid, &mut streams, began, limit);
    let elapsed = began.elapsed();
    // Whatever is still in the group was left behind: a daemon, a background job.
    let left_others = group_outlives(pid);
    kill_group(pid);
    // In a space of process numbers of its own all ends with the first.
    if let Some(mark) = mark.filter(|_| !is_inside) {
        end_marked(&mark);
    }
    groups().remove(&pid);
    let (status, usage, timed_out) = match waited {
        Ok(w) => w,
        Err(e) => {
            let _ = child.wait();
            return Err(e);
        }
    };
    let [out, err] = streams;
    if is_inside && sandbox::is_its_own(status, &err.kept) {
        let why = String::from_utf8_lossy(&err.kept).trim().to_string();
        return Err(io::Error::other(why));
    }
    Ok(Ended {
        status,
        stdout: out.kept,
        stderr: err.kept,
        pid: if is_inside { sandbox::FIRST } else { pid },
        elapsed,
        usage,
        timed_out,
        left_others,
    })
}

/// How often what was left behind is looked at before it is ended.
const GRACE: u32 = 10;

/// The groups that run now, by their leaders, each with its [mark](mark_of).
static GROUPS: Mutex<BTreeMap<u32, Option<Vec<u8>>>> = Mutex::new(BTreeMap::new());

fn groups() -> MutexGuard<'static, BTreeMap<u32, Option<Vec<u8>>>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn_known(command: &mut Command, mark: Option<Vec<u8>>) -> io::Result<Child> {
    let mut groups = groups();
    let child = command.spawn()?;
    groups.insert(child.id(), mark);
    Ok(child)
}

/// Ends whatever [`super::run`] started, for a process that is about to end: the kernel ends the leaders
/// with it, and not what they started. Nothing is started any more.
pub fn end_groups() {
    let groups = groups();
    for (leader, mark) in groups.iter() {
        kill_group(*leader);
        if let Some(mark) = mark {
            marked(|v| v == mark).for_each(kill);
        }
    }
    std::mem::forget(groups);
}

/// Ends what a killed uptick left running: every process in whose environment some variable begins
/// with this.
pub(in crate::measure) fn end_left(variable: &str) {
    marked(|v| v.starts_with(variable.as_bytes())).for_each(kill);
}

/// The variable of this run alone that every process of it has, where it has one.
fn mark_of(command: &Command) -> Option<Vec<u8>> {
    let mut set = command.get_envs();
    let (_, value) = set.find(|(name, _)| *name == CHILDREN)?;
    Some([CHILDREN.as_bytes(), b"=", value?.as_bytes()].concat())
}

/// Ends what a run left in a session of its own, where its group does not reach; what is just ending
/// may do so. What it starts meanwhile is seen at the next look.
fn end_marked(mark: &[u8]) {
    for look in 0..3 * GRACE {
        let mut left = marked(|v| v == mark).peekable();
        if left.peek().is_none() {
            return;
        }
        if look >= GRACE {
            left.for_each(kill);
        }
        std::thread::sleep(TICK);
    }
}

/// The processes in whose environment there is such a variable, given with its value.
fn marked(is_it: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = libc::pid_t> {
    processes().filter(move |pid| {
        let all = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        all.split(|byte| *byte == 0).any(&is_it)
    })
}

#[expect(unsafe_code, reason = "kill(2)")]
fn kill(pid: libc::pid_t) {
    // SAFETY: plain integers.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
    }
}

/// Makes a child that is run by other means than [`super::run`] end when uptick is killed.
pub fn end_with_us(command: &mut Command) {
    prepare(command, Before::default());
}

/// Whether this process takes over the children of those that it started.
static ADOPTS: AtomicBool = AtomicBool::new(false);
/// How long [`end_children`] goes on; what stands in the kernel for longer is left to it.
const LAST: Duration = Duration::from_secs(10);

/// From now on a process whose parent has ended becomes this one's child, so that
/// [`end_children`] finds it. For a process that starts nothing but what may be ended with it.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "prctl(2)")]
pub fn adopt_orphans() {
    // SAFETY: prctl takes plain integers here.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    ADOPTS.store(done == 0, Ordering::SeqCst);
}

/// Other systems know of no such thing.
#[cfg(not(target_os = "linux"))]
pub fn adopt_orphans() {}

/// Ends every process that this one started, and theirs, where it [adopts](adopt_orphans) them.
#[expect(unsafe_code, reason = "kill(2) and waitpid(2)")]
pub fn end_children() {
    let began = Instant::now();
    while ADOPTS.load(Ordering::SeqCst) && began.elapsed() < LAST {
        let children = children();
        if children.is_empty() {
            return;
        }
        for pid in children {
            // SAFETY: plain integers; the process is a child that nobody else waits for.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The children of this process.
fn children() -> Vec<libc::pid_t> {
    let me = std::process::id().to_string();
    let is_mine = |pid: &libc::pid_t| standing(*pid)[1] == me;
    processes().filter(is_mine).collect()
}

/// Whether a process of that group goes on though its leader has ended: not one that is just
/// ending too, as the reader of a pipe does.
fn group_outlives(leader: u32) -> bool {
    let mut looks = GRACE;
    while looks > 0 && group_runs(leader) {
        std::thread::sleep(TICK);
        looks -= 1;
    }
    looks == 0
}

/// Whether a process of that group runs; one that has ended and nobody has waited for does not.
fn group_runs(leader: u32) -> bool {
    let group = leader.to_string();
    let runs = |pid: libc::pid_t| {
        let [state, _, of] = standing(pid);
        of == group && !matches!(state.as_str(), "Z" | "X")
    };
    // Most groups are gone by now, which one call tells.
    has_group(leader) && processes().any(runs)
}

fn processes() -> impl Iterator<Item = libc::pid_t> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

/// The state of a process, its parent and its group; empty words where there is none.
fn standing(pid: libc::pid_t) -> [String; 3] {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program may hold anything; these are the first fields after it.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut words = after.split_ascii_whitespace().map(String::from);
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

#[expect(unsafe_code, reason = "kill(2)")]
fn has_group(leader: u32) -> bool {
    // SAFETY: signal 0 asks only whether there is one.
    unsafe { libc::kill(-leader.cast_signed(), 0) == 0 }
}

#[expect(unsafe_code, reason = "pre_exec runs between fork and exec")]
fn prepare(command: &mut Command, before: Before) {
    for name in secrets::OURS {
        command.env_remove(name);
    }
    let parent = std::process::id().cast_signed();
    let hook = move || {
        // SAFETY: prctl, getppid, signal, personality and dup2 are async-signal-safe calls on
        // plain integers; nothing is allocated and no lock is taken.
        unsafe {
            #[cfg(target_os = "linux")]
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // Killed before it could be asked for.
            if libc::getppid() != parent {
                return Err(io::ErrorKind::Interrupted.into());
            }
            // Ours alone is ignored, see [`outlive_size_limit`].
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            #[cfg(target_os = "linux")]
            if before.fixed_addresses {
                libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
            }
            let stdin = before.stdin.map(|from| (from, libc::STDIN_FILENO));
            for (from, to) in before.descriptors.into_iter().chain([stdin]).flatten() {
                if libc::dup2(from, to) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
        }
        Ok(())
    };
    // SAFETY: the hook keeps to async-signal-safe calls, as above.
    unsafe {
        command.pre_exec(hook);
    }
}

/// From now on a file that grows beyond `ulimit -f` is an error of the write, with its name, and not
/// the end of this process without a word. What is measured has the signal as ever.
#[expect(unsafe_code, reason = "signal is a call of libc")]
pub fn outlive_size_limit() {
    // SAFETY: to ignore a signal runs no code in a handler.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Whether this process was started to go on when its terminal is closed: SIGHUP is ignored.
#[must_use]
#[expect(unsafe_code, reason = "sigaction(2)")]
pub fn outlives_terminal() -> bool {
    // SAFETY: `sigaction` is plain data for which zeros are a value; without a new action the call
    // only writes the present one there.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut now);
        asked == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

trait Source: Read + AsRawFd {}
impl<T: Read + AsRawFd> Source for T {}

/// One output pipe, read without blocking; only its end is kept.
struct Stream {
    source: Option<Box<dyn Source>>,
    kept: Vec<u8>,
    /// How much of the end is kept at least.
    least: usize,
}

impl Stream {
    fn new(source: Option<Box<dyn Source>>, least: usize) -> Self {
        if let Some(s) = &source {
            set_nonblocking(s.as_raw_fd());
        }
        Self {
            source,
            kept: Vec::new(),
            least,
        }
    }

    fn fd(&self) -> RawFd {
        self.source.as_ref().map_or(-1, |s| s.as_raw_fd())
    }

    /// Takes what is there now; forgets the source at its end.
    fn drain(&mut self) {
        let Some(source) = &mut self.source else {
            return;
        };
        let mut buffer = [0u8; 16 * 1024];
        // Bounded, so that one chatty stream cannot keep the limit from being looked at.
        for _ in 0..64 {
            match source.read(&mut buffer) {
                Ok(0) => {
                    self.source = None;
                    return;
                }
                Ok(n) => {
                    self.kept.extend_from_slice(&buffer[..n]);
                    if self.kept.len() > 2 * self.least {
                        self.kept.drain(..self.kept.len() - self.least);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

type Waited = (ExitStatus, Usage, bool);

fn wait(
    pid: u32,
    streams: &mut [Stream; 2],
    began: Instant,
    limit: Duration,
) -> io::Result<Waited> {
    let mut timed_out = false;
    loop {
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() && !timed_out {
            timed_out = true;
            kill_group(pid);
        }
        let open = poll_streams(streams, if timed_out { TICK } else { left.min(TICK * 10) });
        for s in streams.iter_mut() {
            s.drain();
        }
        if let Some((status, usage)) = try_wait(pid)? {
            // What it wrote just before the end is still in the pipes.
            for s in streams.iter_mut() {
                s.drain();
            }
            return Ok((status, usage, timed_out));
        }
        if !open {
            std::thread::sleep(TICK.min(left).max(Duration::from_micros(200)));
        }
    }
}

#[expect(unsafe_code, reason = "poll(2)")]
fn poll_streams(streams: &[Stream; 2], timeout: Duration) -> bool {
    let mut fds = [0, 1].map(|i| libc::pollfd {
        fd: streams[i].fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    if fds.iter().all(|f| f.fd < 0) {
        return false;
    }
    let ms = i32::try_from(timeout.as_millis())
        .unwrap_or(i32::MAX)
        .max(1);
    // SAFETY: `fds` is a valid array of two initialised entries for the call's duration.
    unsafe {
        libc::poll(fds.as_mut_ptr(), 2, ms);
    }
    true
}

#[expect(unsafe_code, reason = "fcntl(2)")]
fn set_nonblocking(fd: RawFd) {
    // SAFETY: `fd` is open, owned by the caller, and only its status flags change.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
    }
}

#[expect(unsafe_code, reason = "wait4(2) gives the usage of exactly this child")]
fn try_wait(pid: u32) -> io::Result<Option<(ExitStatus, Usage)>> {
    let mut status = 0;
    // SAFETY: both out-pointers are valid; `rusage` is plain data for which zeros are a value.
    let (got, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (
            libc::wait4(
                pid.cast_signed(),
                &raw mut status,
                libc::WNOHANG,
                &raw mut usage,
            ),
            usage,
        )
    };
    match got {
        0 => Ok(None),
        n if n < 0 => match io::Error::last_os_error() {
            e if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            e => Err(e),
        },
        _ => Ok(Some((ExitStatus::from_raw(status), from_rusage(&usage)))),
    }
}

fn from_rusage(u: &libc::rusage) -> Usage {
    let ns = |t: libc::timeval| {
        u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000
            + u64::try_from(t.tv_usec).unwrap_or(0) * 1_000
    };
    let positive = |x: libc::c_long| u64::try_from(x).unwrap_or(0);
    Usage {
        cpu_ns: ns(u.ru_utime) + ns(u.ru_stime),
        // Linux gives kibibytes.
        peak_rss: positive(u.ru_maxrss) * 1024,
        faults: positive(u.ru_minflt) + positive(u.ru_majflt),
    }
}

#[expect(unsafe_code, reason = "kill(2)")]
fn kill_group(pid: u32) {
    // SAFETY: signals the process group that this child leads; a group that is gone is ESRCH.
    unsafe {
        libc::kill(-pid.cast_signed(), libc::SIGKILL);
    }
}
