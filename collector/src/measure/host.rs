//! What this machine is, what it can count, and what makes it noisy.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use super::env::{self, Pins};
use super::sandbox::Sandbox;
use super::{callgrind, child, perf};
use crate::config::Strings;
use crate::error::Result;
use crate::model::{Counter, Testbed};

/// Raised whenever the way of counting changes so that numbers before and after differ.
const PROTOCOL: &str = "4";

/// The machine's name, as far as it can be a collector's.
#[must_use]
pub fn name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = name.trim().chars().filter(fits).take(60).collect();
    if name.is_empty() {
        "collector".into()
    } else {
        name
    }
}

/// The facts of this machine, without the build's.
#[must_use]
pub fn testbed(strings: Strings) -> Testbed {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut facts = BTreeMap::new();
    let mut set = |k: &str, v: String| facts.insert(k.to_string(), v);
    set("arch", std::env::consts::ARCH.into());
    set("cpu", cpu_model(&cpuinfo));
    set("guest_cpu", guest_cpu(&cpuinfo).into());
    set(
        "cores",
        std::thread::available_parallelism()
            .map_or(1, usize::from)
            .to_string(),
    );
    set("kernel", first_line("/proc/sys/kernel/osrelease"));
    set("libc", libc_version());
    set("valgrind", callgrind::version().unwrap_or_default());
    set("strings", strings.name().into());
    set("protocol", PROTOCOL.into());
    Testbed { facts }
}

fn first_line(path: impl AsRef<Path>) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("").trim().to_string()
}

fn cpu_model(cpuinfo: &str) -> String {
    let value = |key: &str| {
        cpuinfo
            .lines()
            .find_map(|l| l.strip_prefix(key)?.split_once(':').map(|(_, v)| v.trim()))
    };
    match (value("model name"), value("cpu family"), value("model\t")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family} model {model})")
        }
        (Some(name), _, _) => name.to_string(),
        _ => value("CPU part").unwrap_or("unknown").to_string(),
    }
}

/// The vector class of the CPU that valgrind shows to programs: it follows the host's, up to
/// AVX2.
fn guest_cpu(cpuinfo: &str) -> &'static str {
    let flags = cpuinfo
        .lines()
        .find(|l| l.starts_with("flags"))
        .unwrap_or("");
    let has = |f: &str| flags.split_whitespace().any(|x| x == f);
    if has("avx2") {
        "avx2"
    } else if has("avx") {
        "avx"
    } else if has("sse4_2") {
        "sse4.2"
    } else {
        "baseline"
    }
}

fn libc_version() -> String {
    let out = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .stdin(Stdio::null())
        .output();
    out.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string())
        .unwrap_or_default()
}

/// What the C compiler calls itself; empty where there is none.
#[must_use]
pub fn c_compiler() -> String {
    let named = std::env::var("CC").unwrap_or_default();
    // `CC="ccache gcc"` names two programs.
    let mut words = named.split_whitespace();
    let mut c = Command::new(words.next().unwrap_or("cc"));
    version_of(c.args(words)).unwrap_or_default()
}

/// The first line of what a program says of its version; `None` where it says none.
fn version_of(program: &mut Command) -> Option<String> {
    let out = program.arg("--version").stdin(Stdio::null()).output();
    let out = out.ok().filter(|o| o.status.success())?;
    let said = String::from_utf8_lossy(&out.stdout);
    Some(said.lines().next().unwrap_or("").trim().to_string())
}

/// How to get valgrind, for the package manager that this machine has.
#[must_use]
pub fn install_valgrind() -> &'static str {
    const WAYS: [(&str, &str); 5] = [
        ("/usr/bin/apt-get", "sudo apt-get install valgrind"),
        ("/usr/bin/dnf", "sudo dnf install valgrind"),
        ("/usr/bin/pacman", "sudo pacman -S valgrind"),
        ("/sbin/apk", "sudo apk add valgrind"),
        ("/usr/bin/zypper", "sudo zypper install valgrind"),
    ];
    WAYS.iter()
        .find(|(tool, _)| Path::new(tool).exists())
        .map_or("see valgrind.org", |(_, way)| way)
}

/// How good or bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// Works, but makes numbers weaker.
    Weak,
    /// Does not work.
    Missing,
}

/// One thing that `uptick doctor` looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it stands.
    pub state: State,
    /// In words.
    pub detail: String,
    /// The command that mends it.
    pub mend: Option<String>,
}

impl Finding {
    /// What was looked at, how it stands, in words, and what mends it.
    #[must_use]
    pub fn new(what: &str, state: State, detail: impl Into<String>, mend: Option<&str>) -> Self {
        Self {
            what: what.into(),
            state,
            detail: detail.into(),
            mend: mend.map(String::from),
        }
    }
}

/// Looks at everything that counting depends on.
#[must_use]
pub fn findings() -> Vec<Finding> {
    let mut all = vec![
        hardware_counters(),
        valgrind(),
        tool("git"),
        tool("cargo"),
        tool("objcopy"),
        sandbox(),
    ];
    all.extend(noise(
        Path::new("/sys/devices/system/cpu"),
        &first_line("/proc/loadavg"),
    ));
    all
}

fn hardware_counters() -> Finding {
    match perf::unavailable() {
        None => Finding::new(
            "hardware counters",
            State::Good,
            "instructions:u can be counted",
            None,
        ),
        Some(why) => Finding::new("hardware counters", State::Weak, why, None),
    }
}

fn valgrind() -> Finding {
    match callgrind::version() {
        Some(v) => Finding::new(
            "valgrind",
            State::Good,
            format!("version {v}: exact counts without a hardware counter"),
            None,
        ),
        None => Finding::new(
            "valgrind",
            State::Missing,
            "not installed: without it and without hardware counters only time can be sampled, \
             which is hundreds of times less sharp",
            Some(install_valgrind()),
        ),
    }
}

/// What keeps pull requests from the rest of a collector's machine; nothing else needs it.
fn sandbox() -> Finding {
    match Sandbox::of(Path::new("/")) {
        Ok(_) => Finding::new("sandbox", State::Good, "bwrap, for pull requests", None),
        Err(why) => Finding::new(
            "sandbox",
            State::Weak,
            format!("{why}: `uptick collect --untrusted` needs it"),
            None,
        ),
    }
}

fn tool(name: &str) -> Finding {
    match (version_of(&mut Command::new(name)), name) {
        (Some(v), _) => Finding::new(name, State::Good, v, None),
        (None, "git") => Finding::new(
            name,
            State::Missing,
            "not found: uptick reads commits with it",
            None,
        ),
        (None, "cargo") => Finding::new(
            name,
            State::Weak,
            "not found: criterion benchmarks cannot be built, commands can",
            None,
        ),
        (None, _) => Finding::new(
            name,
            State::Weak,
            "not found: executables are counted with their debug information, which starts slower",
            Some("install binutils"),
        ),
    }
}

/// What makes *time* noisy on this machine. Counts do not care.
fn noise(cpu: &Path, loadavg: &str) -> Vec<Finding> {
    let mut all = Vec::new();
    let governor = first_line(cpu.join("cpu0/cpufreq/scaling_governor"));
    if !governor.is_empty() && governor != "performance" {
        all.push(Finding::new(
            "frequency governor",
            State::Weak,
            format!("`{governor}`: the clock rate follows the load, wall times vary"),
            Some("sudo cpupower frequency-set -g performance"),
        ));
    }
    if first_line(cpu.join("intel_pstate/no_turbo")) == "0" {
        all.push(Finding::new(
            "turbo",
            State::Weak,
            "on: wall times depend on temperature and on the other cores",
            Some("echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"),
        ));
    }
    if first_line(cpu.join("smt/active")) == "1" {
        all.push(Finding::new(
            "hyper-threading",
            State::Weak,
            "on: a neighbour on the same core slows wall times",
            Some("echo off | sudo tee /sys/devices/system/cpu/smt/control"),
        ));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let load: f64 = loadavg
        .split(' ')
        .next()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0.0);
    if load > 0.5 * cores {
        all.push(Finding::new(
            "load",
            State::Weak,
            format!("{load:.1} on {cores:.0} cores: wall times vary; counts do not"),
            None,
        ));
    }
    all
}

/// What the self-test saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfTest {
    /// The counter that was tried.
    pub counter: Counter,
    /// Two counts of the same short program.
    pub counts: [u64; 2],
    /// Whether they are as equal as this counter promises.
    pub passed: bool,
}

/// Counts `/bin/true` twice with a counter, in the fixed environment.
///
/// # Errors
/// When the program cannot be run under it.
pub fn self_test(counter: &Counter) -> Result<SelfTest> {
    let scratch = env::Scratch::new()?;
    let session = super::Session {
        scratch,
        counter: counter.clone(),
        strings: Strings::Portable,
        metrics: Vec::new(),
    };
    let job = super::Job {
        name: "true".into(),
        program: "/bin/true".into(),
        kind: super::Kind::Command {
            args: Vec::new(),
            clock: crate::config::ClockMode::Fixed,
        },
        dir: "/".into(),
        stdin: None,
        env: BTreeMap::new(),
        timeout: std::time::Duration::from_secs(60),
        seen: super::Seen::default(),
        standing: super::stage::Standing::default(),
    };
    let count = || -> std::result::Result<f64, super::RunError> {
        match counter {
            Counter::PerfEvent => {
                let s = perf::instructions(&session, &job, Pins::plain())?;
                Ok(crate::stats::median(&s.warm).unwrap_or(0.0))
            }
            _ => Ok(
                callgrind::run(&session, &job, Pins::plain(), callgrind::Purpose::Count)?
                    .cost
                    .warm,
            ),
        }
    };
    let failed =
        |e: super::RunError| crate::error::Error::Failed(format!("self-test: {}", e.message));
    let counts = [count().map_err(failed)?, count().map_err(failed)?].map(|c| c as u64);
    // The hardware counter also sees a few instructions of each interrupt's return.
    let tolerance = if *counter == Counter::PerfEvent {
        counts[0] / 100
    } else {
        0
    };
    let passed = counts[0] > 0 && counts[0].abs_diff(counts[1]) <= tolerance;
    Ok(SelfTest {
        counter: counter.clone(),
        counts,
        passed,
    })
}

/// Whether a child process can be run and waited for at all, as a last resort of `doctor`.
#[must_use]
pub fn can_run() -> bool {
    let mut c = Command::new("/bin/true");
    c.stdin(Stdio::null());
    child::run(
        &mut c,
        child::Before::default(),
        std::time::Duration::from_secs(10),
    )
    .is_ok_and(|e| e.status.success())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn noise_is_found_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert!(noise(dir.path(), "0.00 0.00 0.00 1/1 1").is_empty());
        put("cpu0/cpufreq/scaling_governor", "powersave\n");
        put("smt/active", "1\n");
        put("intel_pstate/no_turbo", "0\n");
        let found = noise(dir.path(), "99.0 0 0 1/1 1");
        assert_eq!(found.len(), 4);
        assert!(
            found
                .iter()
                .filter(|f| f.what != "load")
                .all(|f| f.mend.is_some())
        );
    }

    #[test]
    fn the_guest_s_vector_class_follows_the_host_s() {
        assert_eq!(guest_cpu("flags\t\t: sse4_2 avx avx2 avx512f\n"), "avx2");
        assert_eq!(guest_cpu("flags\t\t: sse2 sse4_2\n"), "sse4.2");
        assert_eq!(guest_cpu(""), "baseline");
    }
}
