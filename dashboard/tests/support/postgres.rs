//! A PostgreSQL of the test's own: Debian's `postgresql`, on a socket in a directory of its own.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server, which ends with the test.
pub(crate) struct Cluster {
    dir: tempfile::TempDir,
    child: Option<Child>,
    settings: Vec<String>,
}

/// Where the programs of the newest PostgreSQL lie.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let bins = versions.flatten().map(|v| v.path().join("bin"));
    let newest = bins.filter(|b| b.join("initdb").is_file()).max();
    newest.expect("no PostgreSQL: `apt-get install postgresql`")
}

/// The user and group that may run it: root may not.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |flag: &str, of: &[&str]| {
        let out = Command::new("id").arg(flag).args(of).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim().parse().unwrap()
    };
    let me: u32 = id("-u", &[]);
    (me == 0).then(|| (id("-u", &["postgres"]), id("-g", &["postgres"])))
}

fn program(name: &str) -> Command {
    as_owner(Command::new(programs().join(name)))
}

/// A command as the user who runs the server.
pub(crate) fn as_owner(mut command: Command) -> Command {
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command.env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[track_caller]
fn done(command: &mut Command) {
    let out = command.stderr(Stdio::piped()).output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    give(dir.path());
    dir
}

/// Has a directory belong to the user who runs the server.
pub(crate) fn give(dir: &Path) {
    if let Some((user, group)) = unprivileged() {
        std::os::unix::fs::chown(dir, Some(user), Some(group)).unwrap();
    }
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::with(|_| vec!["listen_addresses=".into()])
    }

    /// With settings for a server in a directory.
    pub(crate) fn with(settings: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let dir = place();
        done(
            program("initdb")
                .args(["-A", "trust", "-U", "uptick", "--no-sync", "-D"])
                .arg(dir.path().join("data")),
        );
        let settings = settings(dir.path());
        let mut cluster = Self {
            dir,
            child: None,
            settings,
        };
        cluster.start();
        cluster
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The host of an address: the directory of its socket.
    pub(crate) fn host(&self) -> String {
        self.path().to_str().unwrap().replace('/', "%2F")
    }

    pub(crate) fn address(&self, database: &str) -> String {
        format!("postgres://uptick@{}/{database}", self.host())
    }

    pub(crate) fn start(&mut self) {
        let began = Instant::now();
        self.spawn();
        while self.tried("SELECT 1").is_none() {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
            // After a kill it does not start before the last of its sessions has noticed.
            let ended = |c: &mut Child| c.try_wait().unwrap().is_some();
            if self.child.as_mut().is_none_or(ended) {
                self.spawn();
            }
        }
    }

    fn spawn(&mut self) {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let mut command = program("postgres");
        command
            .arg("-D")
            .arg(self.path().join("data"))
            .arg("-k")
            .arg(self.path())
            // Killed is not cut off from power: what it wrote the system keeps.
            .args(["-c", "fsync=off"])
            .stderr(log);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        collector::measure::child::end_with_us(&mut command);
        self.child = Some(command.spawn().unwrap());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Ends it as `pg_ctl` does, with its sessions.
    pub(crate) fn stop(&mut self) {
        let mut ctl = program("pg_ctl");
        ctl.args(["stop", "-m", "fast", "-w", "-D"]);
        done(ctl.arg(self.path().join("data")));
        self.child.take().map(|mut c| c.wait());
    }

    /// Kills it, as a machine that fails does.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        self.child.take().map(|mut c| c.wait());
    }

    /// Sends a signal to all of it.
    pub(crate) fn signal(&self, which: &str) {
        self.signal_to(which, self.child.as_ref().unwrap().id());
    }

    fn signal_to(&self, which: &str, pid: u32) {
        let children = format!("/proc/{pid}/task/{pid}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let mut kill = Command::new("kill");
        kill.args(["-s", which, &pid.to_string()]);
        let sent = kill.args(children.split_whitespace()).status();
        assert!(sent.is_ok(), "{}", self.path().display());
    }

    fn port(&self) -> String {
        let named = self.settings.iter().find_map(|s| s.strip_prefix("port="));
        named.unwrap_or("5432").to_string()
    }

    fn tried(&self, sql: &str) -> Option<String> {
        let out = program("psql")
            .args([
                "-U",
                "uptick",
                "-d",
                "postgres",
                "-qAtc",
                sql,
                "-p",
                &self.port(),
                "-h",
            ])
            .arg(self.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).trim().to_string();
        out.status.success().then_some(text)
    }

    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.tried(sql).expect(sql)
    }

    /// A standby, and from now on nothing is acknowledged that it does not have.
    pub(crate) fn standby(&self) -> Self {
        let dir = place();
        done(
            program("pg_basebackup")
                .args(["-U", "uptick", "-R", "-c", "fast", "--no-sync", "-h"])
                .arg(self.path())
                .arg("-D")
                .arg(dir.path().join("data")),
        );
        let conf = dir.path().join("data/postgresql.auto.conf");
        let text = std::fs::read_to_string(&conf).unwrap();
        std::fs::write(
            &conf,
            text.replace("user=uptick", "user=uptick application_name=b"),
        )
        .unwrap();
        let mut standby = Self {
            dir,
            child: None,
            settings: self.settings.clone(),
        };
        standby.start();
        self.sql("ALTER SYSTEM SET synchronous_standby_names = 'b'");
        self.sql("SELECT pg_reload_conf()");
        let began = Instant::now();
        let replicates = "SELECT sync_state FROM pg_stat_replication";
        while self.sql(replicates) != "sync" {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{}",
                standby.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        standby
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        self.sql("SELECT pg_promote()");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // As `pg_ctl stop -m immediate` does; one that a test stopped hears nothing before it goes on.
            self.signal_to("CONT", child.id());
            let _ = Command::new("kill")
                .args(["-QUIT", &child.id().to_string()])
                .status();
            let began = Instant::now();
            while let Ok(None) = child.try_wait() {
                if began.elapsed() > Duration::from_secs(20) {
                    self.signal_to("KILL", child.id());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
