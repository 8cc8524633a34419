//! Counting under valgrind's callgrind: exact, on any machine, without a hardware counter.

use super::child::{self, Before, Ended};
use super::env::{Mark as PreloadMark, Pins};
use super::family::{self, Family};
use super::region::{self, Harness, Mark, Method, PerIteration, Place, Trouble};
use super::sandbox;
use super::symbols::Boundary;
use super::tag::own_name;
use crate::measure::{Job, Kind, RunError, Session};
use crate::model::{Extent, WHOLE_PROCESS};
use crate::profile::callgrind as output;
use crate::profile::names;
use crate::system;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What callgrind's output files begin with.
const OUTPUT: &str = "o";

/// How often the reading at which the clock jumps is corrected before giving up.
const ATTEMPTS: u64 = 6;

/// `--profile-time`, in seconds of the faked clock. It jumps by 10 s in the second call, after
/// 3 iterations; (15 − 10)/(10/3) = 1.5, so that criterion makes one call more, of 1 iteration.
const PROFILE_SECONDS: &str = "15";

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Totals only.
    Count,
    /// Call stacks and instruction addresses too; about 1.2 times as slow.
    Profile,
}

/// One finished run.
pub(super) struct Run {
    pub(super) cost: PerIteration,
    /// callgrind's output, for a profile.
    pub(super) files: Vec<Vec<u8>>,
    /// Self cost by function of the last warm iteration.
    pub(super) functions: FunctionTable,
}

/// valgrind, by this process's own `PATH`: what is measured may be given another one.
fn found() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).map(|dir| dir.join("valgrind"));
    all.find(|p| system::may_execute(p) && p.is_file())
}

/// The version that `valgrind --version` prints, without its name.
pub fn version() -> Option<String> {
    let out = Command::new(found()?)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim().strip_prefix("valgrind-").map(str::to_string)
}

/// Runs a benchmark once and reads the cost of one iteration off the output.
pub(super) fn run(
    session: &Session,
    job: &Job,
    pins: Pins,
    purpose: Purpose,
) -> Result<Run, RunError> {
    match &job.kind {
        Kind::Criterion {
            is_static: false,
            boundaries,
            ..
        } => match by_regions(session, job, pins, purpose) {
            // Without symbols the number of readings must tell its calls, and may not.
            Err(Uncounted::Unclear(_)) if boundaries.is_empty() => {
                whole(session, job, pins, purpose)
            }
            Ok(run) => Ok(run),
            Err(e) => Err(e.into()),
        },
        _ => whole(session, job, pins, purpose),
    }
}

/// Why a run between readings gave no number.
enum Uncounted {
    /// The readings cannot be understood.
    Unclear(String),
    /// Anything else.
    Failed(RunError),
}

impl From<RunError> for Uncounted {
    fn from(e: RunError) -> Self {
        Self::Failed(e)
    }
}

impl From<Uncounted> for RunError {
    fn from(e: Uncounted) -> Self {
        match e {
            Uncounted::Unclear(why) => Self::new(why),
            Uncounted::Failed(e) => e,
        }
    }
}

/// Counts between the readings of the clock. Set-up that runs before the benchmark's first
/// output is not instrumented; a program that is silent is run again with all of it.
fn by_regions(
    session: &Session,
    job: &Job,
    pins: Pins,
    purpose: Purpose,
) -> Result<Run, Uncounted> {
    match between_readings(session, job, pins, purpose, PreloadMark::Valgrind)? {
        Some(run) => Ok(run),
        None => between_readings(session, job, pins, purpose, PreloadMark::ValgrindEarly)?
            .ok_or_else(|| {
                Uncounted::Unclear(
                    "the benchmark's calls could not be told apart: it reads the clock in a \
                     different way in each run; leave it out (`exclude`) or count its wall time"
                        .into(),
                )
            }),
    }
}

/// Moves the clock's jump until criterion makes the calls that [`region`] reads; `None` when that
/// cannot be had, or nothing was counted.
fn between_readings(
    session: &Session,
    job: &Job,
    pins: Pins,
    purpose: Purpose,
    mark: PreloadMark,
) -> Result<Option<Run>, Uncounted> {
    let mut jump = job.jump();
    for _ in 0..ATTEMPTS {
        let pins = Pins {
            mark,
            jump: Some(jump),
            ..pins
        };
        let output = execute(session, job, pins, purpose)?;
        let mut marks = marks(&output.main, job.boundaries())?;
        let mut missing = output.count_children(&mut marks)?;
        if job.shares_its_name() {
            region::keep_first(&mut marks);
            missing = missing.or(Some(SHARED));
        }
        if marks.iter().all(|m| m.cost == 0) {
            return Ok(None);
        }
        match region::per_iteration(&marks) {
            Ok(mut cost) => {
                job.remember_jump(jump);
                cost.note = missing.or(cost.note);
                let functions = functions(&output.main, &cost.profile_marks)?;
                let files = kept(vec![output.main], purpose);
                return Ok(Some(Run {
                    cost,
                    files,
                    functions,
                }));
            }
            Err(Trouble::JumpAt(at)) => jump = if at == jump { jump + 1 } else { at },
            Err(Trouble::NeverRan) if mark == PreloadMark::Valgrind => return Ok(None),
            Err(Trouble::NeverRan) => return Err(RunError::never_ran().into()),
            Err(Trouble::Unclear(why)) => return Err(Uncounted::Unclear(why)),
        }
    }
    Ok(None)
}

const SHARED: &str = "several benchmarks have this name, and the first of them is counted: give \
    each a name of its own";

const LEFT: &str = "a process that it started was still running when it ended, and is not counted: \
    have the command wait for it (`wait`)";

const UNFINISHED: &str = "a process that it started was killed, or had not ended when it did, and is \
    not counted: have the command end it in another way (SIGTERM), and wait for it";

/// Counts the whole process: commands, and executables into which nothing can be preloaded.
fn whole(session: &Session, job: &Job, pins: Pins, purpose: Purpose) -> Result<Run, RunError> {
    let pins = Pins {
        mark: PreloadMark::ValgrindStart,
        jump: job.whole_process_clock(),
        ..pins
    };
    let mut files = Vec::new();
    let output = execute(session, job, pins, purpose)?;
    let missing = match (output.left_others, output.killed_one) {
        (true, _) => Some(LEFT),
        (false, true) => Some(UNFINISHED),
        (false, false) => None,
    };
    for file in output.all() {
        let (total, parts) = own_parts(&file)?;
        files.push((total, parts, file));
    }
    // A script's own shell comes first; what it started costs more and is what to look at.
    files.sort_by_key(|(total, ..)| std::cmp::Reverse(*total));
    let warm = files.iter().map(|(total, ..)| *total).sum::<u64>() as f64;
    let (extent, note) = match &job.kind {
        Kind::Criterion { .. } => (Some(Extent::Whole), Some(WHOLE_PROCESS)),
        Kind::Command { .. } => (None, missing),
    };
    let (functions, profile_marks) = match files.first() {
        Some((_, parts, file)) => (functions(file, parts)?, parts.clone()),
        None => (FunctionTable::new(), Vec::new()),
    };
    let cost = PerIteration {
        warm,
        cold: warm,
        profile_marks,
        extent,
        note,
    };
    let files = kept(files.into_iter().map(|(.., file)| file).collect(), purpose);
    Ok(Run {
        cost,
        files,
        functions,
    })
}

/// What a process executed after the dynamic linker had done its work, and the parts that hold
/// it; everything where nothing could be preloaded.
fn own_parts(file: &[u8]) -> Result<(u64, Vec<usize>), RunError> {
    let parts = parts(file)?;
    let is_start = |p: &output::PartHead| p.trigger.as_deref() == Some("Client Request: start");
    let first = parts.iter().position(is_start).map_or(0, |i| i + 1);
    let total = parts[first..].iter().map(|p| p.total).sum();
    Ok((total, (first..parts.len()).collect()))
}

/// The output files are only needed for a profile.
fn kept(files: Vec<Vec<u8>>, purpose: Purpose) -> Vec<Vec<u8>> {
    match purpose {
        Purpose::Profile => files,
        Purpose::Count => Vec::new(),
    }
}

/// Self cost by normalised name, costliest first.
fn functions(file: &[u8], wanted: &[usize]) -> Result<FunctionTable, RunError> {
    let raw = output::read(file, wanted)
        .map_err(|e| RunError::ours(format!("callgrind's output cannot be read: {e}")))?;
    let mut by_context = vec![0u64; raw.contexts.len()];
    for c in &raw.costs {
        by_context[c.context as usize] += c.cost;
    }
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    for (context, cost) in raw.contexts.iter().zip(by_context).filter(|(_, c)| *c > 0) {
        // A context is a chain `f'caller'…` when callers are kept apart.
        let name = context
            .name
            .split(|b| *b == b'\'')
            .next()
            .unwrap_or_default();
        *by_name
            .entry(names::normalise(&String::from_utf8_lossy(name)))
            .or_default() += cost;
    }
    let mut table: FunctionTable = by_name.into_iter().collect();
    table.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(table)
}

fn parts(file: &[u8]) -> Result<Vec<output::PartHead>, RunError> {
    output::parts(file)
        .map_err(|e| RunError::ours(format!("callgrind's output cannot be read: {e}")))
}

/// callgrind's parts as marks: each part holds the cost before its trigger.
fn marks(file: &[u8], boundaries: &[Boundary]) -> Result<Vec<Mark>, RunError> {
    let known = |symbol: &str| {
        let boundary = boundaries.iter().find(|f| f.symbol == symbol);
        boundary.map_or((Method::Iter, Harness::Criterion), |f| {
            (f.method, f.harness)
        })
    };
    let place = |trigger: &str| -> Place {
        if let Some(symbol) = trigger.strip_prefix("--dump-before=") {
            Place::Enter(known(symbol).0)
        } else if let Some(symbol) = trigger.strip_prefix("--dump-after=") {
            let (method, harness) = known(symbol);
            Place::Leave(method, harness)
        } else if trigger.starts_with("Client Request") {
            Place::Clock
        } else {
            Place::Exit
        }
    };
    Ok(parts(file)?
        .iter()
        .map(|p| Mark {
            place: place(p.trigger.as_deref().unwrap_or("")),
            cost: p.total,
        })
        .collect())
}

/// callgrind's output files.
struct Output {
    /// The benchmark's own process.
    main: Vec<u8>,
    /// The processes that it started, by number.
    others: Vec<(u32, Vec<u8>)>,
    /// When each of those lived.
    family: Family,
    /// Whether a process that it had started was still running when it ended.
    left_others: bool,
    /// Whether a process that it had started left no file, or one that tells of no end: it was
    /// killed, or lives on.
    killed_one: bool,
}

impl Output {
    /// Every file, the main process's first.
    fn all(self) -> Vec<Vec<u8>> {
        let others = self.others.into_iter().map(|(_, file)| file);
        let main = Some(self.main).filter(|m| !m.is_empty());
        main.into_iter().chain(others).collect()
    }

    /// Whether a process that entered the family left no file that tells of its end.
    fn lacks_one(&self, main: u32) -> bool {
        let ended = |file: &Vec<u8>| {
            let parts = output::parts(file).unwrap_or_default();
            let last = parts.last().and_then(|p| p.trigger.as_deref());
            last == Some("Program termination")
        };
        let has_ended = |pid: &u32| {
            let mut of_it = self.others.iter().filter(|(p, _)| p == pid);
            of_it.any(|(_, file)| ended(file))
        };
        let is_whole = |pid: &u32| *pid == main || has_ended(pid);
        !self.family.keys().all(is_whole)
    }

    /// Adds the cost of the children to the marks; gives what could not be counted, in words.
    fn count_children(&self, marks: &mut [Mark]) -> Result<Option<&'static str>, RunError> {
        let mut costs = Vec::new();
        for (pid, file) in &self.others {
            // A process that was to execute a program and could not is no program's.
            if self.family.contains_key(pid) || program(file) != program(&self.main) {
                costs.push((*pid, own_parts(file)?.0));
            }
        }
        let missing = family::add(marks, &self.family, &costs);
        Ok(missing.or(self.killed_one.then_some(family::OUTLIVES)))
    }
}

/// The line of an output file that says what was run.
fn program(file: &[u8]) -> Option<&[u8]> {
    file.split(|b| *b == b'\n')
        .take(10)
        .find(|l| l.starts_with(b"cmd:"))
}

/// Runs the job under callgrind and gives its output files.
fn execute(session: &Session, job: &Job, pins: Pins, purpose: Purpose) -> Result<Output, RunError> {
    let _turn = job.stand()?;
    let slot = session.scratch.slot().map_err(RunError::environment)?;
    family::prepare(&slot)?;
    let valgrind =
        found().ok_or_else(|| RunError::machine("valgrind is not installed".to_string()))?;
    let mut command = Command::new(valgrind);
    command.args(options(job, &slot, purpose, pins.mark));
    command
        .arg(&job.program)
        .args(job.arguments(PROFILE_SECONDS));
    job.surround(&mut command, session, &slot, &pins)?;
    let stdin = job.open_stdin()?;
    let before = Before::foreign(stdin.as_ref());
    let ended = child::run(&mut command, before, job.timeout).map_err(|e| {
        let dir = job.dir.display();
        RunError::machine(format!("valgrind could not be started in {dir}: {e}"))
    })?;
    sandbox::drop_links(&slot);
    let log = std::fs::read_to_string(slot.join("log")).unwrap_or_default();
    // In a sandbox whatever is left ends with it, before anybody can look.
    let is_command = matches!(job.kind, Kind::Command { .. }) && !sandbox::is_on();
    let left_others = is_command && ended.left_others;
    let mut output = collect(&slot, ended.pid, left_others);
    if let (true, Ok(output)) = (matches!(job.kind, Kind::Command { .. }), &mut output) {
        output.killed_one |= output.lacks_one(ended.pid);
    }
    let _ = std::fs::remove_dir_all(&slot);
    judge_end(&ended, &log, job)?;
    let output = output.map_err(|e| RunError::machine(format!("callgrind's output: {e}")))?;
    if output.main.is_empty() && output.others.is_empty() {
        let said = Some(last_words(&log)).filter(|said| !said.is_empty());
        let said = said.map_or_else(String::new, |said| format!(": {said}"));
        return Err(RunError::machine(format!(
            "callgrind wrote no output{said}"
        )));
    }
    Ok(output)
}

fn options(job: &Job, slot: &Path, purpose: Purpose, mark: PreloadMark) -> Vec<String> {
    let mut all: Vec<String> = [
        "--tool=callgrind",
        "--demangle=no",
        "--fair-sched=yes",
        "--vgdb=no",
        "--cache-sim=no",
        "--combine-dumps=yes",
        "--child-silent-after-fork=yes",
        // A `.valgrindrc` in the commit's directory says nothing of how it is measured.
        "--command-line-only=yes",
    ]
    .map(String::from)
    .to_vec();
    all.push(format!(
        "--callgrind-out-file={}",
        slot.join(format!("{}.%p", own_name(OUTPUT))).display()
    ));
    all.push(format!("--log-file={}", slot.join("log").display()));
    let late = mark == PreloadMark::Valgrind;
    all.push(format!(
        "--instr-atstart={}",
        if late { "no" } else { "yes" }
    ));
    // A command may be a script that starts the program proper, and a benchmark may start one
    // too. The plotting program that criterion asks for its version is nobody's work.
    all.push("--trace-children=yes".into());
    all.push("--trace-children-skip=*/gnuplot".into());
    for boundary in job.boundaries() {
        all.push(format!("--dump-before={}", boundary.symbol));
        all.push(format!("--dump-after={}", boundary.symbol));
    }
    if purpose == Purpose::Profile {
        // Contexts of 64 callers give whole stacks down from the benchmark's routine.
        all.extend(
            [
                "--separate-callers=64",
                "--separate-recs=8",
                "--dump-instr=yes",
            ]
            .map(String::from),
        );
    }
    all
}

/// Reads the output files of a run whose main process had that number.
fn collect(slot: &Path, main: u32, left_others: bool) -> std::io::Result<Output> {
    let mut output = Output {
        left_others,
        killed_one: false,
        main: Vec::new(),
        others: Vec::new(),
        family: family::read(slot)?,
    };
    let prefix = format!("{}.", own_name(OUTPUT));
    for entry in std::fs::read_dir(slot)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix(&prefix) else {
            continue;
        };
        // What a process did before it executed another program has a name of its own.
        let (number, is_before) = match number.split_once('x') {
            Some((number, _)) => (number, true),
            None => (number, false),
        };
        let Ok(pid) = number.parse() else {
            continue;
        };
        let file = std::fs::read(entry.path())?;
        if pid == main && !is_before {
            output.main = file;
        } else if output::parts(&file).is_ok() {
            output.others.push((pid, file));
        } else {
            // What is killed may be writing: at its end, or at its start.
            output.killed_one = true;
        }
    }
    output.others.sort_by_key(|(pid, _)| *pid);
    Ok(output)
}

/// What to say when a run under valgrind did not end well.
fn judge_end(ended: &Ended, log: &str, job: &Job) -> Result<(), RunError> {
    if ended.timed_out {
        return Err(RunError::timeout(job.timeout));
    }
    if ended.status.success() {
        job.ended_well(ended);
        return Ok(());
    }
    if let Some(request) = out_of_memory(log) {
        return Err(RunError::machine(format!(
            "valgrind had no memory left: {request} It needs some 100 MB more than the program: raise \
             the limit (`ulimit -v`, the container's), or free some"
        )));
    }
    // 0x62 opens every EVEX-coded instruction, which is how AVX-512 is written.
    let unknown =
        log.contains("unhandled instruction bytes") || log.contains("Unrecognised instruction");
    if unknown && log.contains("0x62") {
        return Err(RunError::new(
            "the benchmark executes AVX-512 instructions, which valgrind cannot run: build without \
             `-C target-cpu=native` (or with `-C target-cpu=x86-64-v3`), or count on a machine with \
             hardware counters (`counter = \"perf_event\"`)",
        ));
    }
    let said = ended.said();
    let said = if said.is_empty() {
        last_words(log)
    } else {
        said
    };
    Err(RunError::exit(ended.status, &said))
}

/// What valgrind asked for in vain, where it could not go on; it draws a map of its memory then.
fn out_of_memory(log: &str) -> Option<&str> {
    let (_, rest) = log.split_once("Valgrind's memory management: out of memory:")?;
    let said = rest.lines().filter_map(of_process).map(str::trim);
    said.into_iter().find(|l| !l.is_empty())
}

/// What callgrind writes of itself, whatever becomes of the program, and its advice on a stack that
/// is rarely why.
const BANNER: [&str; 15] = [
    "Callgrind, a call-graph",
    "Copyright (C)",
    "Using Valgrind-",
    "Command:",
    "Parent PID:",
    "For interactive control,",
    "If you believe this happened as a result of a stack",
    "overflow in your program's main thread",
    "possible), you can try to increase the size of the",
    "main thread stack using the --main-stacksize= flag.",
    "The main thread stack size used in this run was",
    "Events    :",
    "Collected :",
    "I   refs:",
    "I refs:",
];

/// What valgrind says of how a program ended, each line marked as its own but without the number of
/// the process, which differs from run to run.
fn last_words(log: &str) -> String {
    let is_banner = |said: &str| {
        let said = said.trim_start();
        said.is_empty() || BANNER.iter().any(|begin| said.starts_with(begin))
    };
    let left = log.lines().filter_map(|line| match of_process(line) {
        Some(said) if is_banner(said) => None,
        Some(said) => Some(format!("== {said}")),
        None => Some(line.to_string()),
    });
    let left: Vec<String> = left.collect();
    crate::error::tail(left.join("\n").trim(), 1000).to_string()
}

/// What stands after `==42== `, which valgrind writes before each line of its own.
fn of_process(line: &str) -> Option<&str> {
    let (number, said) = line.strip_prefix("==")?.split_once("==")?;
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(said.strip_prefix(' ').unwrap_or(said))
}

/// Self cost by normalised function name, costliest first.
pub type FunctionTable = Vec<(String, u64)>;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_killed_process_did_not_finish_is_left_out_and_said() {
        let slot = tempfile::tempdir().unwrap();
        family::prepare(slot.path()).unwrap();
        let whole = "desc: Trigger: Client Request: start\nevents: Ir\n\ntotals: 7\n";
        for (pid, text) in [(1, whole), (2, whole), (3, &whole[..30]), (4, &whole[..58])] {
            let name = format!("{}.{pid}", own_name(OUTPUT));
            std::fs::write(slot.path().join(name), text).unwrap();
        }
        // What a process writes whose uptick was killed, and had its run here before.
        std::fs::write(slot.path().join("o-1.9"), whole).unwrap();
        let output = collect(slot.path(), 1, false).unwrap();
        let pids: Vec<u32> = output.others.iter().map(|(pid, _)| *pid).collect();
        assert_eq!((pids, output.killed_one), (vec![2], true));
        assert_eq!(
            output.count_children(&mut []).map_err(|e| e.message),
            Ok(Some(family::OUTLIVES))
        );
    }

    #[test]
    fn a_valgrind_without_memory_says_so_and_draws_no_map() {
        let log = "--42:0: aspacem 1: FILE\n==42== \n\
            ==42==     Valgrind's memory management: out of memory:\n\
            ==42==        newSuperblock's request for 4194304 bytes failed.\n\
            ==42==     Valgrind cannot continue.  Sorry.\n--42:0: aspacem 2: ANON\n";
        let request = "newSuperblock's request for 4194304 bytes failed.";
        assert_eq!(out_of_memory(log), Some(request));
        assert_eq!(out_of_memory("==42== Out of memory is a word\n"), None);
    }

    #[test]
    fn what_valgrind_writes_of_itself_explains_nothing() {
        let begin = "==42== Callgrind, a call-graph generating cache profiler\n\
            ==42== Copyright (C) 2002-2017, and GNU GPL'd, by Josef Weidendorfer et al.\n\
            ==42== Using Valgrind-3.19.0 and LibVEX; rerun with -h for copyright info\n\
            ==42== Command: ./s 3\n==42== Parent PID: 41\n==42== \n\
            ==42== For interactive control, run 'callgrind_control -h'.\n==42== \n";
        let end = "==42== \n==42== Events    : Ir\n==42== Collected : 122079\n==42== \n\
            ==42== I   refs:      122,079\n";
        assert_eq!(last_words(&format!("{begin}{end}")), "");
        let signal = "==42== Process terminating with default action of signal 11 (SIGSEGV)\n\
            ==42==  Access not within mapped region at address 0x0\n\
            ==42==    at 0x109141: main (s.c:1)\n\
            ==42==  If you believe this happened as a result of a stack\n";
        assert_eq!(
            last_words(&format!("{begin}{signal}{end}")),
            "== Process terminating with default action of signal 11 (SIGSEGV)\n\
             ==  Access not within mapped region at address 0x0\n==    at 0x109141: main (s.c:1)"
        );
        let fatal = "valgrind: failed to start tool 'callgrind'\n";
        assert_eq!(last_words(fatal), fatal.trim());
    }

    #[test]
    fn triggers_become_places() {
        let boundaries = [Boundary {
            symbol: "sym_batched".into(),
            method: Method::Batched,
            harness: Harness::Criterion,
        }];
        let file = b"# callgrind format\nversion: 1\npart: 1\ndesc: Trigger: Client Request: clock\nevents: Ir\n\ntotals: 10\n\npart: 2\ndesc: Trigger: --dump-before=sym_batched\n\ntotals: 20\n\npart: 3\ndesc: Trigger: --dump-after=sym_batched\n\ntotals: 30\n\npart: 4\ndesc: Trigger: Program termination\n\ntotals: 40\n";
        let m = marks(file, &boundaries).map_err(|e| e.message);
        let want = [
            (Place::Clock, 10),
            (Place::Enter(Method::Batched), 20),
            (Place::Leave(Method::Batched, Harness::Criterion), 30),
            (Place::Exit, 40),
        ]
        .map(|(place, cost)| Mark { place, cost });
        assert_eq!(m, Ok(want.to_vec()));
    }
}
