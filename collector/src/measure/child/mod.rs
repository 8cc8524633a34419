//! Runs one child process under limits: time, output, and nothing left behind.
//!
//! Output is read as it comes and only its last part kept, so that a benchmark
//! that writes a gigabyte costs nothing but its own time. The child leads a
//! process group of its own; whatever it started is ended with it. If uptick
//! itself is killed, the kernel ends the child. Windows has another way to do
//! so, and runs no more there than git.

mod secrets;
#[cfg_attr(windows, path = "windows.rs")]
mod unix;

pub use secrets::withhold;
pub(super) use unix::end_left;
pub use unix::{
    Before, adopt_orphans, end_children, end_groups, end_with_us, outlive_size_limit,
    outlives_terminal, run_keeping,
};

use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// The variable that tells each process of a run where its family's file is. No two runs at a time
/// have the same, so that what is left of a run is known by it.
pub(super) const CHILDREN: &str = "UPTICK_CHILDREN";

/// How much of each stream's end is kept for messages.
const KEPT: usize = 64 * 1024;
/// How often a child that closed its output is looked at.
const TICK: Duration = Duration::from_millis(10);

/// How a child ended, and what it used.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The last 64 KiB of standard output, or of what was asked for.
    pub stdout: Vec<u8>,
    /// The last 64 KiB of standard error.
    pub stderr: Vec<u8>,
    /// Its process number while it ran, as it saw it itself.
    pub pid: u32,
    /// From spawn to exit.
    pub elapsed: Duration,
    /// What the kernel counted for it and for the children it waited for.
    pub usage: Usage,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// Whether a process of its group was still running when it had ended, and was ended with it.
    pub left_others: bool,
}

/// A child's resource usage, from `wait4`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User plus system time in nanoseconds.
    pub cpu_ns: u64,
    /// Largest resident set in bytes.
    pub peak_rss: u64,
    /// Minor plus major faults.
    pub faults: u64,
}

impl Ended {
    /// The two streams' ends as one text, for a message.
    #[must_use]
    pub fn said(&self) -> String {
        let mut s = String::from_utf8_lossy(&self.stdout).trim().to_string();
        let err = String::from_utf8_lossy(&self.stderr);
        if !s.is_empty() && !err.trim().is_empty() {
            s.push('\n');
        }
        s.push_str(err.trim());
        s
    }

    /// The first line of standard error that says that something could not be run or read, went
    /// wrong, or crashed; else the line by which libtest says that it ran nothing.
    pub fn complaint(&self) -> Option<String> {
        self.said_on_stderr().or_else(|| self.ran_no_test())
    }

    /// The last verdict of libtest, where none of them tells of a test or benchmark that was run.
    fn ran_no_test(&self) -> Option<String> {
        // Of a stream that was cut the verdicts before are not known.
        if self.stdout.len() >= KEPT {
            return None;
        }
        let text = String::from_utf8_lossy(&self.stdout);
        let verdicts = text.lines().filter(|l| l.starts_with("test result: "));
        let verdicts: Vec<&str> = verdicts.collect();
        let ran_none = |l: &&str| l.contains(" 0 passed; 0 failed;") && l.contains(" 0 measured;");
        let last = verdicts.last().filter(|_| verdicts.iter().all(ran_none))?;
        Some(crate::error::tail(last, QUOTED).to_string())
    }

    fn said_on_stderr(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.stderr);
        let mut lines = text.lines().map(str::trim_end);
        let could_not = |l: &str| COULD_NOT.iter().any(|end| l.ends_with(end));
        let line = lines.find(|l| could_not(l) || says_failed(l) || says_crashed(l))?;
        Some(crate::error::tail(line, QUOTED).to_string())
    }
}

/// Runs `command` to its end or to the limit.
///
/// # Errors
/// When it cannot be started, or waiting for it fails.
pub fn run(command: &mut Command, before: Before, limit: Duration) -> io::Result<Ended> {
    run_keeping(command, before, limit, KEPT)
}

/// The part of a complaint that is quoted, in bytes.
const QUOTED: usize = 200;
/// What a shell, or what it started, writes of work that it could not do.
const COULD_NOT: [&str; 10] = [
    ": not found",
    ": command not found",
    ": No such file or directory",
    ": No such file",
    ": Permission denied",
    ": Exec format error",
    ": Is a directory",
    ": Cannot allocate memory",
    ": Broken pipe",
    "No space left on device",
];

/// What a line begins with that a program writes of its own failure, which a script that starts it
/// may not pass on.
const FAILED: [&str; 4] = [
    "error:",
    "fatal:",
    "panic:",
    "Traceback (most recent call last)",
];

/// Whether a program says in that line that it failed: by one of those words, or as Rust does,
/// `thread 'main' panicked at src/main.rs:2:5:`.
fn says_failed(line: &str) -> bool {
    let of_thread = || line.strip_prefix("thread '")?.split_once("' ");
    let panicked = of_thread().is_some_and(|(_, rest)| rest.contains("panicked at "));
    panicked || FAILED.iter().any(|begin| line.starts_with(begin))
}

/// What a shell writes of a program that a signal ended, as it goes on without it.
const CRASHED: [&str; 7] = [
    "Segmentation fault",
    "Bus error",
    "Aborted",
    "Illegal instruction",
    "Floating point exception",
    "Trace/breakpoint trap",
    "Killed",
];

/// Whether a line says so as shells do: by itself (dash), or `run.sh: line 1:  42 Killed  ./a`.
fn says_crashed(line: &str) -> bool {
    let by_itself = line.strip_suffix(" (core dumped)").unwrap_or(line);
    let crashed = |text: &str| CRASHED.iter().any(|what| text.starts_with(what));
    let of_bash = || {
        let (_, rest) = line.split_once(": line ")?;
        let (number, rest) = rest.split_once(": ")?;
        let (process, rest) = rest.trim_start().split_once(' ')?;
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        Some(is_number(number) && is_number(process) && crashed(rest.trim_start()))
    };
    CRASHED.contains(&by_itself) || of_bash().unwrap_or(false)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::process::Stdio;

    fn sh(script: &str, limit: f64) -> Ended {
        let mut c = Command::new("/bin/sh");
        c.args(["-c", script]).stdin(Stdio::null());
        run(&mut c, Before::default(), Duration::from_secs_f64(limit)).unwrap()
    }

    #[test]
    fn output_status_and_usage_come_back() {
        let e = sh("echo out; echo err >&2; exit 3", 10.0);
        assert_eq!(e.status.code(), Some(3));
        assert_eq!(e.said(), "out\nerr");
        assert!(e.usage.peak_rss > 0 && e.usage.faults > 0 && !e.timed_out);
    }

    #[test]
    fn what_could_not_be_done_is_a_complaint_and_other_words_are_none() {
        let complaint = |script: &str| sh(script, 10.0).complaint();
        for script in [
            "nosuchprog | cat",
            "cat nosuchfile | cat",
            "cat < nosuchfile | cat",
        ] {
            let said = complaint(script).unwrap();
            assert!(said.contains("nosuch"), "{said}");
        }
        let verdict = |passed: u32, measured: u32| {
            format!(
                "echo 'test result: ok. {passed} passed; 0 failed; 0 ignored; {measured} measured; \
                 2 filtered out; finished in 0.00s'"
            )
        };
        let said = complaint(&verdict(0, 0)).unwrap();
        assert!(said.starts_with("test result: ok. 0 passed"), "{said}");
        for ran in [
            verdict(1, 0),
            verdict(0, 1),
            format!("{}; {}", verdict(2, 0), verdict(0, 0)),
            format!(
                "head -c 70000 /dev/zero | tr '\\0' x; echo; {}",
                verdict(0, 0)
            ),
        ] {
            assert_eq!(complaint(&ran), None, "{ran}");
        }
        for crash in ["sh -c 'kill -SEGV $$'; true", "sh -c 'kill -9 $$'; true"] {
            assert!(complaint(crash).is_some(), "{crash}");
        }
        for line in [
            "./run.sh: line 3:   117 Segmentation fault      (core dumped) ./a > out.txt",
            "run.sh: line 1: 42 Killed                  ./a",
            "Aborted (core dumped)",
        ] {
            assert!(says_crashed(line), "{line}");
        }
        for line in [
            "Killed 3 monsters",
            "a: line 4: Aborted is a word",
            "a: line 4: 7 lines",
        ] {
            assert!(!says_crashed(line), "{line}");
        }
        for script in ["true", "echo not found >&2", "echo ': not found: 0' >&2"] {
            assert_eq!(complaint(script), None, "{script}");
        }
    }

    #[test]
    fn a_failure_that_a_script_does_not_pass_on_is_a_complaint() {
        for line in [
            "error: no input",
            "fatal: not a git repository",
            "panic: runtime error: index out of range",
            "Traceback (most recent call last):",
            "thread 'main' panicked at src/main.rs:2:5:",
            "thread 'a b' (4321) panicked at src/main.rs:2:5:",
            "work: Cannot allocate memory",
            "cat: /: Is a directory",
            "sh: 1: ./work: Permission denied",
            "yes: standard output: Broken pipe",
            "cp: error writing 'x': No space left on device",
        ] {
            let wrote = sh(&format!("cat >&2 <<'E'\nwarm-up\n{line}\nE"), 10.0);
            assert_eq!(wrote.complaint().as_deref(), Some(line));
        }
        for line in [
            "0 errors",
            "no error: fine",
            "error_rate: 0.1",
            "thread 'main' started",
            "nobody panicked at all",
        ] {
            assert!(!says_failed(line), "{line}");
        }
    }

    #[test]
    fn a_flood_of_output_is_read_but_not_kept() {
        let e = sh("head -c 50000000 /dev/zero; echo the end", 60.0);
        assert!(e.status.success());
        assert!(e.stdout.len() <= 2 * KEPT + 16 * 1024);
        assert!(e.stdout.ends_with(b"the end\n"));
    }

    #[test]
    fn a_hang_is_ended_and_so_is_what_it_started() {
        let e = sh("sleep 1000 & echo $!; sleep 1000", 0.3);
        assert!(e.timed_out && !e.status.success());
        let left_behind: i32 = String::from_utf8_lossy(&e.stdout).trim().parse().unwrap();
        assert!(gone_within_a_second(left_behind));
    }

    #[test]
    fn a_daemon_that_keeps_the_pipe_open_does_not_hold_us() {
        let e = sh("sleep 1000 & echo started", 60.0);
        assert!(e.status.success() && !e.timed_out);
        assert!(e.elapsed < Duration::from_secs(30));
    }

    #[test]
    fn what_a_run_leaves_in_a_session_of_its_own_is_ended() {
        let of = format!("/tmp/uptick-test-{}/s000002/children", std::process::id());
        let mut other = Command::new("sleep");
        let other = other.arg("300").env(CHILDREN, format!("{of}2"));
        let mut other = other.spawn().unwrap();
        let script = "setsid sleep 300 >/dev/null 2>&1 & sleep 0.3; echo $!";
        let mut leaving = Command::new("/bin/sh");
        leaving.args(["-c", script]).env(CHILDREN, &of);
        let ended = run(&mut leaving, Before::default(), Duration::from_secs(60)).unwrap();
        let left = String::from_utf8_lossy(&ended.stdout)
            .trim()
            .parse()
            .unwrap();
        assert!(ended.status.success() && gone_within_a_second(left));
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn what_a_killed_process_left_running_is_ended() {
        let sleeper = |variable: &str| {
            let mut c = Command::new("sleep");
            c.arg("300")
                .env("UPTICK_CHILDREN", variable)
                .spawn()
                .unwrap()
        };
        let of = format!("/tmp/uptick-test-{}", std::process::id());
        let mut left = sleeper(&format!("{of}/s000001/children"));
        let mut other = sleeper(&format!("{of}0/s000001/children"));
        end_left(&format!("UPTICK_CHILDREN={of}/"));
        assert_eq!(left.wait().unwrap().code(), None);
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }

    fn gone_within_a_second(pid: i32) -> bool {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        })
    }
}
