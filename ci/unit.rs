//! `--print-unit`: what systemd starts a server or a collector by.
//!
//! The unit has the command as it was given, with every path made whole, so that what was tried by hand
//! is what the machine starts. Secrets stand in files that only root reads, never in the command.

use std::path::{Path, PathBuf};

use collector::error::{EXIT_OK, Error};
use collector::format;

use crate::args::{Args, Collect, Serve};
use crate::print;

/// Where a server's data lies unless it was said.
const SERVER: &str = "/var/lib/uptick";
/// Where a collector works unless it was said.
const COLLECTOR: &str = "/var/lib/uptick-collector";
/// Where its token lies unless it was said.
const TOKEN: &str = "/etc/uptick/collector.token";
/// Where systemd puts a copy of the token that this service alone can read.
const CREDENTIAL: &str = "%d/token";

pub(crate) fn serve(args: &Args, a: &Serve) -> anyhow::Result<u8> {
    let mut command = Given::of("serve", &["--data", "--store"]);
    let data = match (&args.store, &args.data) {
        (Some(store), _) => {
            let store = whole(store)?;
            command.add("--store", &store);
            store.parent().unwrap_or(&store).to_path_buf()
        }
        (None, data) => {
            let data = whole(data.as_deref().unwrap_or(Path::new(SERVER)))?;
            command.add("--data", &data);
            data
        }
    };
    if let Some(log) = log_of_the_variable(a, &command) {
        command.say("--log", &log);
    }
    let mut writes = vec![data.clone()];
    if let Some(place) = a.blobs.as_deref().and_then(|b| b.strip_prefix("file://")) {
        writes.push(place.into());
    }
    let unit = Unit {
        what: "uptick: dashboard, queue and API",
        setup: &format!(
            "# Once: useradd --system --home-dir {0} --shell /usr/sbin/nologin uptick\n\
             # Commands on the directory are run as that user: sudo -u uptick uptick token list --data {0}\n\
             # What git fetches private repositories with lies in that home (.ssh, .netrc).\n",
            data.display()
        ),
        user: "uptick",
        program: program()?,
        command,
        credential: None,
        variables: "/etc/uptick/serve.env",
        variables_for: "AWS_ACCESS_KEY_ID, PGPASSFILE and the like",
        // Requests have ten seconds to end, a collector beside the server eight to give its job back.
        stop: 30,
        writes,
        measures: a.collect.then_some(data),
    };
    print::out(&unit.text())?;
    Ok(EXIT_OK)
}

pub(crate) fn collect(a: &Collect) -> anyhow::Result<u8> {
    let home = whole(a.home.as_deref().unwrap_or(Path::new(COLLECTOR)))?;
    let token = whole(a.token_file.as_deref().unwrap_or(Path::new(TOKEN)))?;
    let mut command = Given::of("collect", &["--dir", "--token-file", "--server"]);
    command.say("--server", &a.server);
    command.add("--dir", &home);
    command
        .words
        .extend(["--token-file".into(), Word::Specifier(CREDENTIAL)]);
    let unit = Unit {
        what: "uptick: measures what a server asks for",
        setup: &format!(
            "# Once: useradd --system --create-home --home-dir {} --shell /usr/sbin/nologin uptick-collector\n\
             # and for that user what builds the projects (cargo, by rustup or the system), git, valgrind.\n\
             # The token, readable for root alone: {}\n",
            home.display(),
            token.display()
        ),
        user: "uptick-collector",
        program: program()?,
        command,
        credential: Some(token),
        variables: "/etc/uptick/collect.env",
        variables_for: "PATH with a toolchain in another place, proxies and the like",
        // It ends what it measures and gives the job back to a server that may be slow.
        stop: 90,
        writes: vec![home.clone()],
        measures: Some(home),
    };
    print::out(&unit.text())?;
    Ok(EXIT_OK)
}

fn whole(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path).map_err(Error::io(path))?)
}

fn program() -> anyhow::Result<PathBuf> {
    let found = std::env::current_exe();
    Ok(found.map_err(|e| Error::Failed(format!("where uptick itself is: {e}")))?)
}

/// What `UPTICK_LOG` says here and no option does: whoever starts the unit has not that variable. An
/// address in it counts beside a level on the command line.
fn log_of_the_variable(a: &Serve, command: &Given) -> Option<String> {
    let said = std::env::var("UPTICK_LOG").ok().filter(|s| !s.is_empty())?;
    let counts = !command.has("--log") || a.address().as_ref() == Some(&said);
    counts.then_some(said)
}

/// A word of a command line.
enum Word {
    Plain(String),
    /// One that systemd fills in.
    Specifier(&'static str),
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::Plain(text.into())
    }
}

/// The command line that this process was started with.
struct Given {
    words: Vec<Word>,
}

impl Given {
    /// Without some options and their values, however they were written.
    fn of(command: &str, without: &[&str]) -> Self {
        let given = std::env::args_os().skip(1);
        let mut words: Vec<Word> = vec![command.into()];
        let (mut skip, mut named) = (false, false);
        for word in given.map(|w| w.to_string_lossy().into_owned()) {
            if std::mem::take(&mut skip) {
                continue;
            }
            skip = without.contains(&word.as_str());
            let joined = word
                .split_once('=')
                .is_some_and(|(o, _)| without.contains(&o));
            // The first of that name is the command, and none of what it is given.
            let is_command = !named && word == command;
            named |= is_command;
            if !skip && !joined && !is_command && word != "--print-unit" {
                words.push(Word::Plain(word));
            }
        }
        Self { words }
    }

    fn say(&mut self, option: &str, value: &str) {
        self.words.extend([option.into(), value.into()]);
    }

    fn add(&mut self, option: &str, path: &Path) {
        self.say(option, &path.to_string_lossy());
    }

    /// Whether an option was said, in either way of writing.
    fn has(&self, option: &str) -> bool {
        let is_it = |w: &str| w.split_once('=').map_or(w, |(name, _)| name) == option;
        let plain = |w: &Word| matches!(w, Word::Plain(text) if is_it(text));
        self.words.iter().any(plain)
    }

    /// As `ExecStart=` takes it.
    fn line(&self, program: &Path) -> String {
        let words = self.words.iter().map(|w| match w {
            Word::Plain(text) => quoted(text),
            Word::Specifier(text) => (*text).to_string(),
        });
        let all: Vec<String> = [quoted(&program.to_string_lossy())]
            .into_iter()
            .chain(words)
            .collect();
        all.join(" ")
    }
}

/// A word as systemd reads it back: `%` and `$` begin something there.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '%' => out.push_str("%%"),
            '$' => out.push_str("$$"),
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The same where systemd puts in no variables: as the value of a setting.
fn setting(word: &str) -> String {
    quoted(word).replace("$$", "$")
}

/// What a unit is made of.
struct Unit<'a> {
    what: &'a str,
    setup: &'a str,
    user: &'a str,
    program: PathBuf,
    command: Given,
    credential: Option<PathBuf>,
    variables: &'a str,
    variables_for: &'a str,
    /// Seconds to end within.
    stop: u32,
    /// Directories that it writes.
    writes: Vec<PathBuf>,
    /// The home of its user where it builds and runs programs: valgrind and the sandbox need what is
    /// taken from others.
    measures: Option<PathBuf>,
}

impl Unit<'_> {
    fn text(&self) -> String {
        let credential = self.credential.as_ref().map_or_else(String::new, |file| {
            format!("LoadCredential=token:{}\n", file.display())
        });
        let writes: String = self.writes.iter().map(|dir| place(dir)).collect();
        let hardening = match self.measures {
            Some(_) => MEASURES,
            None => SERVES,
        };
        let others = self.writes.iter().filter(|dir| state(dir).is_none());
        let made: String = others
            .map(|dir| {
                let dir = format::quoted(&dir.to_string_lossy());
                format!("# Once: install -d -o {} -m 750 {dir}\n", self.user)
            })
            .collect();
        format!(
            "# {what}. Written by `uptick … --print-unit`.\n{setup}{made}\
             [Unit]\nDescription={what}\nWants=network-online.target\nAfter=network-online.target\n\n\
             [Service]\nUser={user}\nExecStart={command}\n{credential}\
             # Variables such as {for_what}; root's alone.\n{path}EnvironmentFile=-{variables}\n\
             Restart=on-failure\nRestartSec=5\n\
             # A wrong command line is no better the second time.\nRestartPreventExitStatus=2\n\
             # Asked once, it ends what is under way and gives jobs back; its children are its own to end.\n\
             KillSignal=SIGTERM\nKillMode=mixed\nTimeoutStopSec={stop}\n\n\
             {writes}UMask=0027\n{COMMON}{homes}{hardening}\n[Install]\nWantedBy=multi-user.target\n",
            what = self.what,
            setup = self.setup,
            user = self.user,
            command = self.command.line(&self.program),
            path = self.path(),
            homes = self.homes(),
            variables = self.variables,
            for_what = self.variables_for,
            stop = self.stop,
        )
    }

    /// Where programs lie. What rustup installs for the user is on no path of systemd's.
    fn path(&self) -> String {
        self.measures.as_ref().map_or_else(String::new, |home| {
            let all = format!(
                "PATH={}/.cargo/bin:/usr/local/bin:/usr/bin:/bin",
                home.display()
            );
            format!("Environment={}\n", setting(&all))
        })
    }

    /// Keeps homes closed, unless what it is lies in one: then it could not start.
    fn homes(&self) -> String {
        let mut needs = self.writes.iter().chain([&self.program]);
        match needs.find(|p| HOMES.iter().any(|home| p.starts_with(home))) {
            None => "ProtectHome=yes\n".into(),
            Some(path) => format!("# Not ProtectHome=yes: it needs {}.\n", path.display()),
        }
    }
}

/// What `ProtectHome=` closes.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// The name of a directory that systemd makes for a unit.
fn state(dir: &Path) -> Option<&str> {
    let name = dir.strip_prefix("/var/lib").ok()?.to_str()?;
    (!name.is_empty() && !name.contains([' ', '%', ':'])).then_some(name)
}

/// Lets a unit write a directory; one that is the system's for it is made, too.
fn place(dir: &Path) -> String {
    match state(dir) {
        Some(name) => format!("StateDirectory={name}\nStateDirectoryMode=0750\n"),
        None => format!("ReadWritePaths={}\n", setting(&dir.to_string_lossy())),
    }
}

/// What no part of it needs.
const COMMON: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
ProtectSystem=strict
ProtectClock=yes
ProtectHostname=yes
ProtectKernelModules=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
";

/// A server runs git and nothing else.
const SERVES: &str = "\
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
LockPersonality=yes
";

/// Valgrind writes code and runs it, numbers need addresses that are not random, and a sandbox is a
/// namespace with a /proc of its own.
const MEASURES: &str = "\
# Not restricted, because measuring needs them: namespaces, personality, memory that is written and run,
# and /proc as it is.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_would_read_otherwise_is_quoted() {
        assert_eq!(quoted("--data"), "--data");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("100%$HOME\"\\"), "\"100%%$$HOME\\\"\\\\\"");
        assert_eq!(quoted(""), "\"\"");
    }

    fn unit(program: &str, writes: &str, measures: Option<&str>) -> String {
        let unit = Unit {
            what: "w",
            setup: "",
            user: "u",
            program: program.into(),
            command: Given { words: Vec::new() },
            credential: None,
            variables: "/etc/uptick/v.env",
            variables_for: "V",
            stop: 1,
            writes: vec![writes.into()],
            measures: measures.map(PathBuf::from),
        };
        unit.text()
    }

    #[test]
    fn homes_are_closed_unless_it_lies_in_one() {
        let closed = unit("/usr/bin/uptick", "/var/lib/uptick", None);
        assert!(closed.contains("\nProtectHome=yes\n"), "{closed}");
        assert!(!closed.contains("install -d"), "{closed}");
        assert!(!closed.contains("Environment=PATH"), "{closed}");
        for (program, writes, needs) in [
            (
                "/root/.cargo/bin/uptick",
                "/srv/u",
                "/root/.cargo/bin/uptick",
            ),
            ("/usr/bin/uptick", "/home/ada/u", "/home/ada/u"),
        ] {
            let open = unit(program, writes, None);
            assert!(!open.contains("\nProtectHome="), "{open}");
            let why = format!("\n# Not ProtectHome=yes: it needs {needs}.\n");
            assert!(open.contains(&why), "{open}");
            let made = format!("\n# Once: install -d -o u -m 750 {writes}\n");
            assert!(open.contains(&made), "{open}");
        }
    }

    #[test]
    fn who_measures_finds_what_rustup_installed() {
        let text = unit("/usr/bin/uptick", "/srv/a b$", Some("/srv/a b$"));
        let path = "Environment=\"PATH=/srv/a b$/.cargo/bin:/usr/local/bin:/usr/bin:/bin\"\n";
        assert!(text.contains(path), "{text}");
        let made = "\n# Once: install -d -o u -m 750 '/srv/a b$'\n";
        assert!(text.contains(made), "{text}");
    }

    #[test]
    fn a_directory_of_the_system_is_made_and_another_is_opened() {
        assert!(place(Path::new("/var/lib/uptick")).starts_with("StateDirectory=uptick\n"));
        assert_eq!(
            place(Path::new("/srv/up tick")),
            "ReadWritePaths=\"/srv/up tick\"\n"
        );
    }
}
