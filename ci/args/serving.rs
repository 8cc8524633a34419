//! Servers, projects, collectors, tokens and channels.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use collector::jobs::{JOB_LIMIT, TTL};

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Where to listen; beyond loopback writing needs a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: String,
    /// Let anybody read who reaches the address
    #[arg(long)]
    pub(crate) public: bool,
    /// Take no reports and no decisions
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Ask for a token even from this machine: for proxies that add no header of their own
    #[arg(long)]
    pub(crate) always_ask: bool,
    /// Mebibytes of the disk that are kept free: below that no report is taken (status 507)
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) keep_free: u64,
    #[command(flatten)]
    pub(crate) keeping: super::Keeping,
    /// Keep profiles there and not in the store's file: file:///DIR or s3://BUCKET[/PREFIX], of any
    /// S3-compatible server (`uptick help server`)
    #[arg(long, value_name = "PLACE", conflicts_with = "read_only")]
    pub(crate) blobs: Option<String>,
    /// Series that reports may begin in a day; more are refused (status 429)
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(crate) new_series: u64,
    /// The address that people reach the pages by: links in messages begin with it, and a proxy on
    /// this machine is believed under its name alone
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// A site whose pages may show `/embed/SERIES` in a frame, such as `https://wiki.example.org`
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) embed_in: Vec<String>,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
    /// The name on the pages [default: the repository's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How much to say on standard error (off, error, warn, info, debug; `info` has a line for each
    /// request) [default: warn]; and, with --data, where the log lies that several nodes share:
    /// `postgres://HOST[,HOST]/DATABASE`
    #[arg(
        long,
        value_name = "LEVEL|ADDRESS",
        env = "UPTICK_LOG",
        hide_env_values = true
    )]
    pub(crate) log: Vec<LogSaid>,
    /// Make the directory of a node a server by itself, which leaves the shared log
    #[arg(long, requires = "data")]
    pub(crate) detach: bool,
    /// Measure on this machine too, with a collector of its own: for a start
    #[arg(long, requires = "data")]
    pub(crate) collect: bool,
    /// How long a collector's lease holds without a heartbeat
    #[arg(long, value_name = "SECONDS", default_value_t = TTL, hide = true,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) lease: u64,
    /// Write a systemd unit that starts this command, and start nothing
    #[arg(long)]
    pub(crate) print_unit: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// A proxy in front that signs people in.
#[derive(Debug, ClapArgs)]
pub(crate) struct ProxyArgs {
    /// The header by which a proxy in front names who signed in, such as X-Forwarded-User; it is
    /// believed from --proxy-from alone
    #[arg(long, value_name = "HEADER", requires = "proxy_from")]
    pub(crate) proxy_user: Option<String>,
    /// The proxy's address or network, as 10.0.0.7 or 10.0.0.0/8 (may be repeated)
    #[arg(long, value_name = "ADDRESS", requires = "proxy_user")]
    pub(crate) proxy_from: Vec<String>,
    /// The header by which it names their groups, separated by commas
    #[arg(long, value_name = "HEADER", requires = "proxy_user")]
    pub(crate) proxy_groups: Option<String>,
    /// What a group may do: read, write or admin, as maintainers=write (may be repeated)
    #[arg(long, value_name = "GROUP=SCOPE", requires = "proxy_groups")]
    pub(crate) proxy_group: Vec<String>,
    /// What everybody may do whom it names: none, read, write or admin
    #[arg(
        long,
        value_name = "SCOPE",
        default_value = "read",
        requires = "proxy_user"
    )]
    pub(crate) proxy_scope: String,
}

/// What `--log` says: it is given twice to say both.
#[derive(Clone, Debug)]
pub(crate) enum LogSaid {
    /// How much is said.
    Level(LogLevel),
    /// Where the shared log lies.
    At(String),
}

impl std::str::FromStr for LogSaid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Ok(Self::At(text.to_owned()));
        }
        let level = <LogLevel as clap::ValueEnum>::from_str(text, true);
        let level = level.map_err(|_| "off, error, warn, info, debug, or postgres://HOST/DATABASE");
        Ok(Self::Level(level?))
    }
}

impl Serve {
    /// From which level on events are logged.
    pub(crate) fn level(&self) -> LogLevel {
        let mut said = self.log.iter().rev().filter_map(|l| match l {
            LogSaid::Level(level) => Some(*level),
            LogSaid::At(_) => None,
        });
        said.next().unwrap_or(LogLevel::Warn)
    }

    /// Where the shared log lies. A level on the command line takes the variable's place, and not
    /// that of an address in it.
    pub(crate) fn address(&self) -> Option<String> {
        let said = self.log.iter().rev().find_map(|l| match l {
            LogSaid::At(address) => Some(address.clone()),
            LogSaid::Level(_) => None,
        });
        let of_the_variable = || {
            let text = std::env::var("UPTICK_LOG").ok()?;
            match text.parse::<LogSaid>() {
                Ok(LogSaid::At(address)) => Some(address),
                _ => None,
            }
        };
        said.or_else(of_the_variable)
    }
}

/// From which level on events are logged.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may need somebody's attention, too.
    Warn,
    /// Each request, too.
    Info,
    /// Everything.
    Debug,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Project {
    #[command(subcommand)]
    pub(crate) command: ProjectCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// Add a repository; it is measured from its newest commit on
    Add {
        /// What it is called on the server
        name: String,
        /// Where it is fetched from: https://, ssh://, user@host:path, file:/// or an absolute path
        #[arg(long)]
        url: String,
        #[command(flatten)]
        set: ProjectSet,
    },
    /// Change one
    Set {
        /// What it is called on the server
        name: String,
        /// Where it is fetched from
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        set: ProjectSet,
        /// Make a secret for its push webhook and show it, once
        #[arg(long, conflicts_with = "secret_file")]
        new_secret: bool,
        /// Take the secret of its push webhook from a file; an empty one: take no pushes
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// End one: what waits is withdrawn, what is under way is given up; what it measured is kept
    Remove {
        /// What it is called on the server
        name: String,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Who made, changed or ended projects, tokens, channels and jobs of this server, the newest first
    Log {
        /// How much of it
        #[arg(short = 'n', long, default_value_t = 100)]
        number: usize,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// List them
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// List the pull requests that a server knows, and how far each is
    Pulls {
        /// Of this project [default: of all]
        name: Option<String>,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Say on its forge what its pull requests come to: one comment, and the status of the head
    Forge(ProjectForge),
    /// Let the head of a fork's pull request be measured: this commit, and none that is pushed later
    Approve {
        /// The project
        name: String,
        /// The commit, by its whole hash, as `project pulls` shows it
        commit: String,
    },
}

/// Where a project lies. The token is read from a file or a variable: what stands in a command line
/// is seen by everybody on the machine.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ProjectForge {
    /// The project
    pub(crate) name: String,
    /// github, gitea, gitlab, bitbucket or azure
    #[arg(long, value_name = "KIND", required_unless_present = "remove")]
    pub(crate) kind: Option<String>,
    /// The base address of its interface, such as https://HOST/api/v3
    #[arg(long, value_name = "URL", required_unless_present = "remove")]
    pub(crate) api: Option<String>,
    /// The repository, as the forge names it: OWNER/NAME
    #[arg(long, value_name = "NAME", required_unless_present = "remove")]
    pub(crate) repository: Option<String>,
    /// The file that holds a token which may write comments and statuses
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The variable that holds it
    #[arg(long, value_name = "VAR", conflicts_with = "token_file")]
    pub(crate) token_from_env: Option<String>,
    /// Say nothing there any more
    #[arg(long, conflicts_with_all = ["kind", "api", "repository", "token_file", "token_from_env"])]
    pub(crate) remove: bool,
}

/// What a project is.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ProjectSet {
    /// Its main branch [default: what the repository says]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Seconds between looks at it [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) poll: Option<u64>,
    /// Which collectors measure each commit (may be repeated) [default: default]
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Measure pull requests too: references that match, such as refs/pull/*/head (may be repeated);
    /// those of forks once each commit is approved
    #[arg(long, value_name = "PATTERN")]
    pub(crate) pulls: Vec<String>,
    /// Measure no pull requests
    #[arg(long, conflicts_with = "pulls")]
    pub(crate) no_pulls: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Collect {
    /// The server's address
    #[arg(long, value_name = "URL", env = "UPTICK_SERVER", hide_env = true)]
    pub(crate) server: String,
    /// What this collector is called [default: the machine's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Take jobs of this label (may be repeated) [default: default]
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Where clones, builds and reports lie [default: ~/.local/state/uptick/collector]
    #[arg(long = "dir", value_name = "DIR", id = "home")]
    pub(crate) home: Option<PathBuf>,
    /// Read the token from a file [default: UPTICK_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Seconds that a job may take; one that takes longer has failed
    #[arg(long, value_name = "SECONDS", default_value_t = JOB_LIMIT,
        value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) job_limit: u64,
    /// Take pull requests too: what they propose is built and run in a sandbox (bubblewrap)
    #[arg(long)]
    pub(crate) untrusted: bool,
    /// What is built and run in a sandbox, without network and home directory: pull requests, all,
    /// or none (then what they propose can do whatever this user can)
    #[arg(long, value_enum, default_value = "pulls", value_name = "WHAT")]
    pub(crate) sandbox: Sandboxed,
    /// Do one job, or none where none waits, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Write a systemd unit that starts this command, and start nothing
    #[arg(long, conflicts_with = "once")]
    pub(crate) print_unit: bool,
}

/// Whose programs run in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sandboxed {
    Pulls,
    All,
    None,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CollectJob {
    /// Run what the commit brings in a sandbox
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// The collector's directory
    #[arg(id = "home", value_name = "DIR")]
    pub(crate) home: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and show it, once
    Create {
        /// What it is for
        name: String,
        /// read, write, collect or admin
        #[arg(long, default_value = "write")]
        scope: String,
        /// With --scope collect: take jobs of this label only (may be repeated) [default: of any]
        #[arg(long, value_name = "LABEL")]
        label: Vec<String>,
        /// After how many days it ends [default: never]
        #[arg(long)]
        days: Option<u32>,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// List them; never the tokens themselves
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// End one
    Revoke {
        /// Its number, as listed
        id: i64,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Channel {
    /// With --data: the project of that server that they are for
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) project: Option<String>,
    #[command(subcommand)]
    pub(crate) command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// Add one; what is measured by now is history to it
    Add(Box<ChannelAdd>),
    /// List them, without their secrets
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// End one
    Remove(ChannelName),
    /// Send one a test message, and say what the other side answers (exit code 5: not delivered)
    Test(ChannelName),
    /// Give a webhook another secret; messages are signed with the one before too
    Rotate(ChannelName),
}

impl ChannelCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add(a) => a.json,
            Self::List { json } => *json,
            Self::Remove(a) | Self::Test(a) | Self::Rotate(a) => a.json,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ChannelName {
    /// Its name
    pub(crate) name: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Addresses and secrets are read from a file or a variable: what stands in a command line is seen
/// by everybody on the machine.
#[derive(Debug, ClapArgs)]
pub(crate) struct ChannelAdd {
    /// What to call it: letters, digits, `-`, `_` and `.`
    pub(crate) name: String,
    /// webhook, slack, discord, teams, mattermost, matrix or email
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: String,
    /// The file that holds its address (matrix: the homeserver's; email: smtps://HOST or
    /// smtp://HOST); `-` reads standard input
    #[arg(long, value_name = "FILE", required_unless_present = "url_from_env")]
    pub(crate) url_file: Option<PathBuf>,
    /// The variable that holds its address
    #[arg(long, value_name = "VAR", conflicts_with = "url_file")]
    pub(crate) url_from_env: Option<String>,
    /// The file that holds its secret (matrix: the access token; email: the password) [default: of a webhook one is
    /// made and shown, once]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The variable that holds its secret
    #[arg(long, value_name = "VAR", conflicts_with = "secret_file")]
    pub(crate) secret_from_env: Option<String>,
    /// The room, such as !abc:example.org (matrix)
    #[arg(long, value_name = "ROOM")]
    pub(crate) room: Option<String>,
    /// Who it comes from, and logs in where there is a password (email)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// Who gets it (email; may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// The address lies in a private network, and this is its host and port: opens that place
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) allow: Option<String>,
    /// It hears of improvements too
    #[arg(long)]
    pub(crate) improvements: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}
