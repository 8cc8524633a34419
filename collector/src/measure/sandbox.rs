//! What a commit runs, kept from the rest of the machine: bubblewrap around every program of it,
//! without network, home directory, secrets of the environment or other processes.
//!
//! A collector measures one job in a process of its own, so that this is said once, for all that
//! the process starts. Only the worktree, the target directory and the runs' own directories can be
//! written; the clone, with its repository and its cache of executables, can be read. What can be
//! written may hold links afterwards: uptick itself reads through none of them, see `may_read` and
//! `drop_links`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The process number of whatever is run: the first one inside is bubblewrap's own.
#[cfg(unix)]
pub(super) const FIRST: u32 = 2;

/// Where programs and libraries lie on any machine, and how many processors are asked for. A home
/// directory among them is hidden.
const SYSTEM: [&str; 5] = [
    "/usr",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/sys/devices/system/cpu",
];
/// What older layouts have beside `/usr`, and newer ones as links into it.
const BESIDE: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// What linkers and toolchains read; of `/etc` nothing else is there.
const SETTINGS: [&str; 5] = [
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
];
/// Of cargo's home all but the credentials.
const OF_CARGO: [&str; 5] = ["bin", "registry", "git", "config.toml", "config"];

static ENTERED: OnceLock<Sandbox> = OnceLock::new();

/// What the programs of a job can see.
#[derive(Debug)]
pub struct Sandbox {
    bwrap: PathBuf,
    /// Whether no program inside can make namespaces of its own, which old versions cannot forbid.
    sealed: bool,
    /// The clone of the job, whose workers can be written.
    clone: PathBuf,
    scratch: Mutex<Vec<PathBuf>>,
}

impl Sandbox {
    /// A sandbox for the jobs of a clone, if one can be had on this machine.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn of(clone: &Path) -> Result<Self, String> {
        let bwrap = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];
        let found = bwrap.iter().map(PathBuf::from).find(|p| p.is_file());
        let bwrap = found.ok_or("bwrap is not installed (Debian's package is bubblewrap)")?;
        let mut sandbox = Self {
            bwrap,
            sealed: true,
            clone: clone.to_path_buf(),
            scratch: Mutex::new(Vec::new()),
        };
        if sandbox.tried().is_ok() {
            return Ok(sandbox);
        }
        sandbox.sealed = false;
        sandbox.tried().map(|()| sandbox)
    }

    fn tried(&self) -> Result<(), String> {
        let nothing = Command::new("/usr/bin/true");
        let tried = self.around(&nothing).and_then(|mut c| c.output());
        let out = tried.map_err(|e| format!("bwrap cannot be started: {e}"))?;
        let said = String::from_utf8_lossy(&out.stderr);
        match out.status.success() {
            true => Ok(()),
            // Ubuntu since 24.04, and containers, forbid it unless a profile allows it.
            false => Err(format!(
                "bwrap cannot make one here: {} (the kernel, AppArmor or a container may forbid user \
                 namespaces)",
                said.trim()
            )),
        }
    }

    /// The same program with the same arguments, directory and environment, inside. Its standard
    /// streams are the caller's to set.
    pub(super) fn around(&self, command: &Command) -> io::Result<Command> {
        let program = command.get_program();
        if program.as_encoded_bytes().contains(&b'=') {
            let why = format!("{}: no `=` may stand in it", program.to_string_lossy());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut c = Command::new(&self.bwrap);
        c.args(self.options());
        let dir = command.get_current_dir().unwrap_or(Path::new("/"));
        // `env` gives the program exactly its environment: bubblewrap itself must not see what is
        // preloaded, and adds a variable that would move counts.
        c.arg("--chdir").arg(dir).args(["--", "/usr/bin/env", "-i"]);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                let mut set = name.to_os_string();
                set.push("=");
                set.push(value);
                c.arg(set);
            }
        }
        c.arg(program).args(command.get_args());
        c.env_clear().current_dir("/").stdin(Stdio::null());
        Ok(c)
    }

    fn options(&self) -> Vec<OsString> {
        let mut all = Options::default();
        all.words(&["--unshare-all", "--unshare-user"]);
        if self.sealed {
            all.words(&["--disable-userns"]);
        }
        all.words(&["--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
        all.words(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
        for path in BESIDE.iter().map(Path::new) {
            match path.read_link() {
                Ok(target) => all.pair("--symlink", &target, path),
                Err(_) => all.read(path),
            }
        }
        for path in SYSTEM.iter().chain(&SETTINGS).map(Path::new) {
            all.read(path);
        }
        if let Some(home) = home() {
            all.words(&["--tmpfs"]);
            all.0.push(home.into());
        }
        for path in tools() {
            all.read(&path);
        }
        for above in self.clone.ancestors().skip(1) {
            // cargo is told to obey these, as it would in the user's checkout.
            for name in [".cargo/config.toml", ".cargo/config"] {
                all.read(&above.join(name));
            }
        }
        all.read(&self.clone);
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        for path in scratch.iter() {
            all.read(path);
        }
        drop(scratch);
        for path in self.writable() {
            // Another run's own directory may be gone by the time this one begins.
            all.pair("--bind-try", &path, &path);
        }
        all.0
    }

    /// What can be written: where workers build, and the directories of single runs. The rest of the
    /// scratch directory is uptick's own to write.
    fn writable(&self) -> Vec<PathBuf> {
        let workers = directories(&self.clone.join(".uptick"), "worker-");
        let mut all: Vec<PathBuf> = workers
            .map(|w| w.join("target"))
            .filter(|p| is_directory(p))
            .collect();
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(scratch.iter().flat_map(|s| directories(s, "s")));
        all
    }

    /// Whether what lies at a path, links followed, can be seen inside.
    fn shows(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else {
            return false;
        };
        // Compared as they are once their own links are followed.
        let is_in = |dirs: Vec<PathBuf>| {
            let mut dirs = dirs.iter().filter_map(|p| p.canonicalize().ok());
            dirs.any(|p| path.starts_with(p))
        };
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = [tools(), vec![self.clone.clone()], scratch.clone()].concat();
        let system = SYSTEM.iter().chain(&SETTINGS).chain(&BESIDE);
        let is_home = is_in(home().into_iter().collect());
        is_in(ours) || (is_in(system.map(PathBuf::from).collect()) && !is_home)
    }
}

/// Options of bubblewrap, in order: a later one covers what an earlier one shows.
#[derive(Default)]
struct Options(Vec<OsString>);

impl Options {
    fn words(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn pair(&mut self, option: &str, from: &Path, to: &Path) {
        self.0.extend([option.into(), from.into(), to.into()]);
    }

    fn read(&mut self, path: &Path) {
        self.pair("--ro-bind-try", path, path);
    }
}

/// The user's home directory, which is empty inside.
fn home() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let is_own = home.is_absolute() && home.parent().is_some();
    is_own.then_some(home)
}

/// A directory of the toolchain: named by a variable, or in the home directory.
fn toolchain(variable: &str, usual: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.or_else(|| Some(home()?.join(usual)))
}

/// Whether a directory lies there, and no link to one.
fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|f| f.is_dir())
}

/// The directories in another one whose names begin so.
fn directories(dir: &Path, beginning: &'static str) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let named = move |e: &std::fs::DirEntry| e.file_name().to_string_lossy().starts_with(beginning);
    let paths = entries.filter(named).map(|e| e.path());
    paths.filter(|p| is_directory(p))
}

/// The toolchains, and what else the search path names.
fn tools() -> Vec<PathBuf> {
    let mut all = Vec::new();
    if let Some(cargo) = toolchain("CARGO_HOME", ".cargo") {
        all.extend(OF_CARGO.iter().map(|p| cargo.join(p)));
    }
    all.extend(toolchain("RUSTUP_HOME", ".rustup"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = home();
    let is_elsewhere = |dir: &PathBuf| {
        let at_home = home
            .as_ref()
            .is_some_and(|h| dir.starts_with(h) || h.starts_with(dir));
        dir.is_absolute() && dir.parent().is_some() && !at_home
    };
    all.extend(std::env::split_paths(&path).filter(is_elsewhere));
    all
}

/// From now on, every program of a commit that this process starts runs inside.
///
/// # Errors
/// Why there is no sandbox on this machine, in words.
pub fn enter(clone: &Path) -> Result<(), String> {
    let sandbox = Sandbox::of(clone)?;
    // Twice is once: a process has one job.
    let _ = ENTERED.set(sandbox);
    Ok(())
}

/// Whether programs of a commit run inside.
#[must_use]
pub fn is_on() -> bool {
    ENTERED.get().is_some()
}

/// A scratch directory of this process.
pub(super) fn share(scratch: &Path) {
    if let Some(sandbox) = ENTERED.get() {
        let mut all = sandbox
            .scratch
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(scratch.to_path_buf());
    }
}

/// The command to start in place of one that runs what a commit brings; `None` outside of a sandbox.
///
/// # Errors
/// When it cannot be run inside.
pub(crate) fn inside(command: &Command) -> io::Result<Option<Command>> {
    ENTERED.get().map(|s| s.around(command)).transpose()
}

/// Whether the commit's own programs could read this file themselves: uptick reads no other one for
/// them, wherever a link leads.
pub(crate) fn may_read(path: &Path) -> bool {
    ENTERED.get().is_none_or(|s| s.shows(path))
}

/// Whether bubblewrap itself failed, before it started anything: no fault of what it was to start.
pub(crate) fn is_its_own(status: ExitStatus, stderr: &[u8]) -> bool {
    status.code() == Some(1) && stderr.starts_with(b"bwrap: ")
}

/// Removes the links and other things that are no files below a directory that programs of a commit
/// wrote to, before anything in it is read; they have ended.
pub(crate) fn drop_links(dir: &Path) {
    if is_on() {
        remove_links(dir);
    }
}

fn remove_links(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_file() => {}
            Ok(kind) if kind.is_dir() => remove_links(&path),
            // Where even that fails, reading fails too.
            _ => drop(std::fs::remove_file(&path)),
        }
    }
}

/// Gives a build its environment: inside, what tells compilers what to do and where they are.
pub(crate) fn surround(command: &mut Command) {
    if is_on() {
        let passed = std::env::vars_os().filter(|(name, _)| passes(name));
        command.env_clear().envs(passed);
        // What was not fetched before cannot be had inside, and need not be waited for.
        command.env("CARGO_NET_OFFLINE", "true");
    }
}

/// Whether a variable is let in. No other one is: it may be a secret.
fn passes(name: &OsStr) -> bool {
    const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "TERM", "SOURCE_DATE_EPOCH"];
    const BEGINNINGS: [&str; 3] = ["LC_", "CARGO_", "RUST"];
    // Alone, or for one target: `CC_x86_64_unknown_linux_gnu`.
    const COMPILERS: [&str; 9] = [
        "CC",
        "CXX",
        "AR",
        "CFLAGS",
        "CXXFLAGS",
        "LDFLAGS",
        "PKG_CONFIG_PATH",
        "CPATH",
        "LIBRARY_PATH",
    ];
    const SECRETS: [&str; 8] = [
        "TOKEN",
        "REGISTR",
        "CREDENTIAL",
        "HTTP",
        "SECRET",
        "KEY",
        "PASS",
        "AUTH",
    ];
    let name = name.to_string_lossy();
    let is_secret = SECRETS.iter().any(|s| name.contains(s));
    let of_compilers = COMPILERS.iter().any(|c| {
        let rest = name.strip_prefix(c);
        rest.is_some_and(|r| r.is_empty() || (r.starts_with('_') && r.contains("linux")))
    });
    let begins = BEGINNINGS.iter().any(|b| name.starts_with(b));
    !is_secret && (NAMES.contains(&&*name) || begins || of_compilers)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A sandbox over a clone with one worker; `None` where this machine allows none.
    #[expect(clippy::print_stderr, reason = "a test that asks nothing says so")]
    fn sandbox(clone: &Path) -> Option<Sandbox> {
        std::fs::create_dir_all(clone.join(".uptick/worker-0/target")).unwrap();
        match Sandbox::of(clone) {
            Ok(sandbox) => Some(sandbox),
            Err(why) => {
                eprintln!("NOT ASKED: {why}");
                None
            }
        }
    }

    /// What a shell inside says, and whether it succeeds.
    fn said(sandbox: &Sandbox, script: &str) -> (bool, String) {
        let mut c = Command::new("sh");
        c.args(["-c", script]).env_clear();
        c.env("PATH", "/usr/bin:/bin").env("A", "1");
        let out = sandbox.around(&c).unwrap().output().unwrap();
        let text = [out.stdout, out.stderr].concat();
        let text = String::from_utf8_lossy(&text).trim().to_string();
        (out.status.success(), text)
    }

    #[test]
    fn inside_nothing_of_the_machine_is_seen_or_written() {
        let dir = tempfile::tempdir().unwrap();
        let clone = dir.path().join("clone");
        let Some(sandbox) = sandbox(&clone) else {
            return;
        };
        std::fs::write(clone.join("file"), "read").unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        let at = |name: &str| clone.join(name).display().to_string();
        let does = |script: &str| said(&sandbox, script).0;
        assert!(does(&format!("cat {}", at("file"))));
        assert!(!does(&format!(
            "cat {}",
            dir.path().join("secret").display()
        )));
        for outside in [
            at("file"),
            at("new"),
            at(".uptick/cache"),
            "/usr/new".into(),
        ] {
            assert!(!does(&format!("echo x > {outside}")), "{outside}");
        }
        assert!(does(&format!(
            "echo x > {}",
            at(".uptick/worker-0/target/new")
        )));
        assert!(clone.join(".uptick/worker-0/target/new").is_file());
        if let Some(home) = home() {
            assert_eq!(said(&sandbox, &format!("ls {}", home.display())).1, "");
        }
        assert!(!does("cat /etc/passwd"));
        // Its own processes, and no other.
        assert_eq!(said(&sandbox, "echo $$").1, FIRST.to_string());
        let me = std::process::id();
        assert!(!does(&format!("kill -0 {me}")));
        // No network: not even this machine's own.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bash = format!("bash -c 'echo > /dev/tcp/127.0.0.1/{port}'");
        assert!(!does(&bash));
    }

    #[test]
    fn a_program_has_its_own_environment_directory_and_end() {
        let dir = tempfile::tempdir().unwrap();
        let Some(sandbox) = sandbox(dir.path()) else {
            return;
        };
        assert_eq!(
            said(&sandbox, "env -u PWD -u SHLVL -u _").1,
            "A=1\nPATH=/usr/bin:/bin"
        );
        let mut c = Command::new("pwd");
        c.env_clear().current_dir(dir.path());
        let out = sandbox.around(&c).unwrap().output().unwrap();
        let here = String::from_utf8_lossy(&out.stdout).trim().to_string();
        assert_eq!(here, dir.path().display().to_string());
        let mut c = Command::new("sh");
        c.args(["-c", "exit 7"]);
        let out = sandbox.around(&c).unwrap().output().unwrap();
        assert_eq!(out.status.code(), Some(7));
        assert!(sandbox.around(&Command::new("/a=b/c")).is_err());
    }

    #[test]
    fn of_the_scratch_directory_only_those_of_runs_can_be_written_and_they_may_go() {
        let dir = tempfile::tempdir().unwrap();
        let clone = dir.path().join("clone");
        let Some(sandbox) = sandbox(&clone) else {
            return;
        };
        let scratch = dir.path().join("scratch");
        let (one, other) = (scratch.join("s000000"), scratch.join("s000001"));
        for slot in [&one, &other] {
            std::fs::create_dir_all(slot).unwrap();
        }
        sandbox.scratch.lock().unwrap().push(scratch.clone());
        let does = |at: &Path| said(&sandbox, &format!("echo x > {}", at.display())).0;
        assert!(does(&one.join("log")));
        for ours in [scratch.join("lock"), scratch.join("b000000")] {
            assert!(!does(&ours), "{}", ours.display());
        }
        // Another run ends between the look at what there is and the start.
        let mut begun = sandbox.around(&Command::new("/usr/bin/true")).unwrap();
        std::fs::remove_dir(&other).unwrap();
        let out = begun.output().unwrap();
        assert!(out.status.success(), "{out:?}");
    }

    #[test]
    fn a_link_out_of_the_sandbox_is_not_followed_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let clone = dir.path().join("clone");
        let Some(sandbox) = sandbox(&clone) else {
            return;
        };
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        std::fs::write(clone.join("file"), "f").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), clone.join("link")).unwrap();
        assert!(sandbox.shows(&clone.join("file")));
        for hidden in [
            clone.join("link"),
            clone.join("../secret"),
            clone.join("none"),
        ] {
            assert!(!sandbox.shows(&hidden), "{}", hidden.display());
        }
    }

    /// A home directory may lie below `/opt`, and the socket of nix' daemon beside its store.
    #[test]
    fn a_home_covers_what_was_shown_above_it_and_of_nix_the_store_alone_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (Some(sandbox), Some(home)) = (sandbox(dir.path()), home()) else {
            return;
        };
        let all = sandbox.options();
        let last = |option: &str, path: &Path| {
            all.windows(2)
                .rposition(|w| w[0] == option && w[1] == path.as_os_str())
        };
        let covered = last("--tmpfs", &home);
        for shown in SYSTEM.iter().chain(&SETTINGS).map(Path::new) {
            let shown = last("--ro-bind-try", shown);
            assert!(shown.is_some() && shown < covered, "{all:?}");
        }
        let words = [
            "/", "/nix", "/nix/var", "/gnu", "/run", "/var", "/etc", "/home",
        ];
        assert!(!all.iter().any(|o| words.iter().any(|w| o == w)), "{all:?}");
    }

    #[test]
    fn links_that_a_program_left_are_gone_before_anything_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (out, left) = (dir.path().join("secret"), dir.path().join("s/deep"));
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(&out, "s").unwrap();
        std::fs::write(left.join("counts"), "c").unwrap();
        std::os::unix::fs::symlink(&out, left.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), left.join("tree")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(left.join("socket")).unwrap();
        remove_links(&dir.path().join("s"));
        let names = std::fs::read_dir(&left).unwrap().flatten();
        let names: Vec<_> = names.map(|e| e.file_name()).collect();
        assert_eq!(names, ["counts"]);
        assert!(out.is_file());
    }

    #[test]
    fn secrets_are_not_let_in() {
        for name in [
            "PATH",
            "CARGO_HOME",
            "RUSTFLAGS",
            "CC_x86_64_unknown_linux_gnu",
            "LC_ALL",
        ] {
            assert!(passes(OsStr::new(name)), "{name}");
        }
        for name in [
            "UPTICK_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_MY_TOKEN",
            "CARGO_HTTP_PROXY",
            "https_proxy",
            "AWS_SECRET_ACCESS_KEY",
            "SSH_AUTH_SOCK",
            "ARM_ACCESS_KEY",
            "ARTIFACTORY_USER",
            "CCACHE_REMOTE_STORAGE",
            "GITHUB_TOKEN",
        ] {
            assert!(!passes(OsStr::new(name)), "{name}");
        }
    }
}
