//! The fixed environment in which every benchmark runs.
//!
//! The size of the environment block alone moves an instruction count by up to
//! 0.17 %, through the addresses of the stack; the length of the program's own
//! path moves it by 0.003 %. So a benchmark sees only what is declared, padded to
//! a fixed size, from a scratch directory whose path always has the same length.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::child::{self, CHILDREN};
use super::sandbox;
use crate::config::Strings;
use crate::error::{Error, Result};
use crate::system;

/// The preloaded object, built from `preload.c`.
const PRELOAD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preload.so"));

/// Where scratch directories are made: the same on every machine. A dynamic linker compares
/// paths byte by byte, so that not only their length but their very letters cost instructions;
/// the first process gets `/tmp/uptick-00`, only one beside it another digit.
const SCRATCH_ROOT: &str = "/tmp";
const SCRATCH_PREFIX: &str = "uptick-";
const MAX_SCRATCH: usize = 100;

/// libc's dispatch pinned to code without AVX: the same instructions on every host, no
/// page-crossing special cases, and no `rep movsb`, which counters see once a byte.
const PORTABLE_TUNABLES: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX2_Usable,\
-AVX_Fast_Unaligned_Load,-ERMS,-FSRM:glibc.malloc.arena_max=1";
const NATIVE_TUNABLES: &str = "glibc.malloc.arena_max=1";

/// The environment block is filled up to a multiple of this.
const BLOCK: usize = 4096;

/// A directory that one uptick process uses at a time; emptied before and after.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
    _lock: File,
    slots: AtomicUsize,
    programs: AtomicUsize,
}

impl Scratch {
    /// The first scratch directory that nobody uses, with the preloaded object in it.
    ///
    /// # Errors
    /// When `/tmp` cannot be written.
    pub fn new() -> Result<Self> {
        let mut last = None;
        for n in 0..MAX_SCRATCH {
            let dir = Path::new(SCRATCH_ROOT).join(format!("{SCRATCH_PREFIX}{n:02}"));
            match claim(&dir) {
                Ok(Some(lock)) => return Self::fill(dir, lock),
                Ok(None) => {}
                Err(e) => last = Some(e),
            }
        }
        let why = last.map_or_else(|| "all are in use".to_string(), |e| e.to_string());
        Err(Error::Failed(format!(
            "no scratch directory {SCRATCH_ROOT}/{SCRATCH_PREFIX}00 … 99 can be had: {why}"
        )))
    }

    fn fill(dir: PathBuf, lock: File) -> Result<Self> {
        if is_left_behind(&dir) {
            child::end_left(&format!("{CHILDREN}={}/", dir.display()));
        }
        empty(&dir);
        sandbox::share(&dir);
        let preload = dir.join("preload.so");
        std::fs::write(&preload, PRELOAD).map_err(Error::io(&preload))?;
        Ok(Self {
            dir,
            _lock: lock,
            slots: AtomicUsize::new(0),
            programs: AtomicUsize::new(0),
        })
    }

    /// The object to preload.
    #[must_use]
    pub fn preload(&self) -> PathBuf {
        self.dir.join("preload.so")
    }

    /// A new empty directory for one run.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn slot(&self) -> Result<PathBuf> {
        let n = self.slots.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("s{n:06}"));
        std::fs::create_dir(&path).map_err(Error::io(&path))?;
        Ok(path)
    }

    /// A copy of a program at a path of fixed length, without debug information where
    /// `objcopy` is at hand: the counter then starts a third faster. The files that it expects
    /// one directory up, where cargo puts programs, are linked there, and those of `deps` next to it.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn install(&self, program: &Path, beside: &[PathBuf]) -> Result<PathBuf> {
        let n = self.programs.fetch_add(1, Ordering::Relaxed);
        let mut at = self.dir.join(format!("b{n:06}"));
        if !beside.is_empty() {
            let deps = at.join("deps");
            std::fs::create_dir_all(&deps).map_err(Error::io(&deps))?;
            for file in beside {
                let is_next_to_it = file.parent().is_some_and(|dir| dir.ends_with("deps"));
                let dir = if is_next_to_it { &deps } else { &at };
                let link = dir.join(file.file_name().unwrap_or_default());
                let made = system::symlink(file, &link);
                made.map_err(Error::io(&link))?;
            }
            at = deps.join("b");
        }
        copy_program(program, &at)?;
        Ok(at)
    }

    /// Where a small file of ours lies, or will lie.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A small file of ours, for this process's time.
    ///
    /// # Errors
    /// When the disk is full or read-only.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let at = self.path(name);
        std::fs::write(&at, text).map_err(Error::io(&at))?;
        Ok(at)
    }
}

/// Copies a program or library, without debug information where `objcopy` is at hand.
///
/// # Errors
/// When the disk is full or read-only.
pub fn copy_program(from: &Path, to: &Path) -> Result<()> {
    if !sandbox::may_read(from) {
        let from = from.display();
        return Err(Error::Failed(format!("{from} leads out of the sandbox")));
    }
    let mut objcopy = Command::new("objcopy");
    objcopy.arg("--strip-debug").args([from, to]);
    sandbox::surround(&mut objcopy);
    let inside = sandbox::inside(&objcopy).map_err(Error::io(from))?;
    let stripped = inside
        .unwrap_or(objcopy)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !stripped {
        std::fs::copy(from, to).map_err(Error::io(from))?;
    }
    Ok(())
}

impl Drop for Scratch {
    fn drop(&mut self) {
        empty(&self.dir);
    }
}

/// Locks a scratch directory, made if need be; `None` when another process has it, or it is not
/// ours: in a shared `/tmp` anybody may have put something of that name there.
fn claim(dir: &Path) -> std::io::Result<Option<File>> {
    system::make_private(dir)?;
    let facts = std::fs::symlink_metadata(dir)?;
    if !facts.is_dir() || !system::is_ours_alone(&facts) {
        return Ok(None);
    }
    let lock = File::create(dir.join("lock"))?;
    Ok(lock.try_lock().is_ok().then_some(lock))
}

/// Whether a scratch directory holds runs of a process that was killed: each removes its own.
fn is_left_behind(dir: &Path) -> bool {
    let is_slot = |name: std::ffi::OsString| name.to_string_lossy().starts_with('s');
    let mut all = std::fs::read_dir(dir).into_iter().flatten().flatten();
    all.any(|e| is_slot(e.file_name()))
}

/// Removes everything in a scratch directory but its lock.
fn empty(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == "lock" {
            continue;
        }
        let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    }
}

/// What the preloaded object leaves at a reading of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A cut in callgrind's totals, which instruments from the first output on.
    Valgrind,
    /// A cut in callgrind's totals, which instruments from the start.
    ValgrindEarly,
    /// One cut in callgrind's totals, where the program's own code begins.
    ValgrindStart,
    /// The counter's value, in a log.
    Counter,
    /// Nothing.
    None,
}

/// What is pinned for one run.
#[derive(Clone, Copy, Debug)]
pub struct Pins {
    /// The mark at clock readings.
    pub mark: Mark,
    /// Whether the program sees the faked clock, and the reading at which it jumps.
    pub jump: Option<u64>,
    /// With a faked clock: real milliseconds that must have passed before the jump.
    pub after_ms: u64,
    /// Seed of `getrandom`.
    pub seed: u64,
    /// Bytes by which the environment block is larger than usual.
    pub padding: usize,
}

/// The seed that every run has unless calibration asks for another.
pub const SEED: u64 = 1;

impl Pins {
    /// Pins for a run with marks of that kind and a clock that jumps.
    #[must_use]
    pub const fn by_regions(mark: Mark, jump: u64) -> Self {
        Self {
            mark,
            jump: Some(jump),
            after_ms: 0,
            seed: SEED,
            padding: 0,
        }
    }

    /// Pins for a run that sees the machine's clock and leaves no marks.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            mark: Mark::None,
            jump: None,
            after_ms: 0,
            seed: SEED,
            padding: 0,
        }
    }

    /// The settings as `preload.c` reads them, always of the same length.
    fn settings(&self) -> String {
        let mode = match self.mark {
            Mark::Valgrind => 'v',
            Mark::ValgrindEarly => 'V',
            Mark::ValgrindStart => 'w',
            Mark::Counter => 'p',
            Mark::None => 'n',
        };
        let clock = if self.jump.is_some() { 'f' } else { 'r' };
        let jump = self.jump.unwrap_or(0).min(99_999_999);
        let after = self.after_ms.min(99_999_999);
        format!("{mode}{clock}:{jump:08}:{:016x}:{after:08}", self.seed)
    }
}

/// The whole environment of one run.
#[must_use]
pub fn environment(
    scratch: &Scratch,
    slot: &Path,
    pins: &Pins,
    strings: Strings,
    declared: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut env = declared.clone();
    let mut set = |name: &str, value: String| {
        env.entry(name.to_string()).or_insert(value);
    };
    let tunables = match strings {
        Strings::Portable => PORTABLE_TUNABLES,
        Strings::Native => NATIVE_TUNABLES,
    };
    set("PATH", "/usr/local/bin:/usr/bin:/bin".into());
    // What a program keeps for its next run, at home or in the directory for temporary files, another
    // commit's would find.
    set("HOME", slot.display().to_string());
    set("TMPDIR", slot.display().to_string());
    set(
        "CRITERION_HOME",
        slot.join("criterion").display().to_string(),
    );
    set("LC_ALL", "C".into());
    set("GLIBC_TUNABLES", tunables.into());
    // What is declared is preloaded behind ours, never in its place.
    let preload = match declared.get("LD_PRELOAD").filter(|d| !d.is_empty()) {
        Some(declared) => format!("{}:{declared}", scratch.preload().display()),
        None => scratch.preload().display().to_string(),
    };
    set("UPTICK_PRELOAD", pins.settings());
    set(CHILDREN, super::family::path(slot).display().to_string());
    env.insert("LD_PRELOAD".into(), preload);
    let size: usize = env.iter().map(|(k, v)| k.len() + v.len() + 2).sum();
    let full = (size + "UPTICK_FILL=".len() + 1).next_multiple_of(BLOCK);
    let fill = full - size - "UPTICK_FILL=".len() - 1 + pins.padding;
    env.insert("UPTICK_FILL".into(), "x".repeat(fill));
    env
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn block_size(env: &BTreeMap<String, String>) -> usize {
        env.iter().map(|(k, v)| k.len() + v.len() + 2).sum()
    }

    #[test]
    fn the_environment_has_one_size_whatever_is_declared() {
        let scratch = Scratch::new().unwrap();
        let slot = scratch.slot().unwrap();
        let size = |declared: &[(&str, &str)], padding| {
            let declared = declared
                .iter()
                .map(|(k, v)| ((*k).to_string(), (*v).to_string()))
                .collect();
            let pins = Pins {
                padding,
                ..Pins::by_regions(Mark::Valgrind, 6)
            };
            block_size(&environment(
                &scratch,
                &slot,
                &pins,
                Strings::Portable,
                &declared,
            ))
        };
        let usual = size(&[], 0);
        assert_eq!(
            usual,
            size(&[("CARGO_MANIFEST_DIR", "/a/b/c"), ("X", "")], 0)
        );
        assert_eq!(usual + 64, size(&[], 64));
    }

    #[test]
    fn what_is_declared_is_preloaded_behind_ours() {
        let scratch = Scratch::new().unwrap();
        let slot = scratch.slot().unwrap();
        let declared = [("LD_PRELOAD".to_string(), "libm.so.6".to_string())].into();
        let pins = Pins::plain();
        let env = environment(&scratch, &slot, &pins, Strings::Portable, &declared);
        let ours = scratch.preload().display().to_string();
        assert_eq!(env["LD_PRELOAD"], format!("{ours}:libm.so.6"));
    }

    #[test]
    fn settings_never_change_their_length() {
        let long = Pins {
            jump: Some(u64::MAX),
            after_ms: u64::MAX,
            seed: u64::MAX,
            ..Pins::plain()
        };
        assert_eq!(Pins::plain().settings().len(), long.settings().len());
    }

    #[test]
    fn each_process_has_a_directory_of_its_own_and_leaves_it_empty() {
        let one = Scratch::new().unwrap();
        let two = Scratch::new().unwrap();
        assert_ne!(one.preload(), two.preload());
        assert_eq!(
            one.preload().as_os_str().len(),
            two.preload().as_os_str().len()
        );
        let slot = one.slot().unwrap();
        assert!(slot.is_dir());
        drop(one);
        assert!(!slot.exists() && two.preload().exists());
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        assert!(claim(&link).unwrap().is_none());
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&open, everybody).unwrap();
        assert!(claim(&open).unwrap().is_none());
    }
}
