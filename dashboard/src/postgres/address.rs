//! Where a log is: `postgres://user@host1,host2/db?sslmode=verify-full&sslrootcert=FILE`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use collector::error::{Error, Result};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// How long one host may take to answer.
const CONNECT: Duration = Duration::from_secs(2);
/// What every session has: a server that works for too long stops by itself, a transaction that
/// nobody ends is ended, and what is acknowledged is durable whatever the server's default.
const SESSION: &str = "-c statement_timeout=10000 -c lock_timeout=5000 \
    -c idle_in_transaction_session_timeout=20000 -c synchronous_commit=on \
    -c client_min_messages=error -c search_path=pg_catalog";

/// How far a server's certificate is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Not at all.
    Anybody,
    /// It must be of this host, and of one of these authorities; `None`: those of the web.
    Known(Option<PathBuf>),
}

/// An address that was read.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: tokio_postgres::Config,
    pub(super) trust: Trust,
    /// The address as it may be shown.
    pub(super) shown: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Address {
    /// Reads an address; the password comes from `PGPASSWORD`, `PGPASSFILE` or `~/.pgpass`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut address = Self::read(text)?;
        if let Some(password) = password(&address.config)? {
            address.config.password(password);
        }
        Ok(address)
    }

    fn one(&self, at: &Host) -> tokio_postgres::Config {
        let known = &self.config;
        let mut config = tokio_postgres::Config::new();
        match at {
            Host::Tcp(name) => config.host(name),
            #[cfg(unix)]
            Host::Unix(path) => config.host_path(path),
        };
        if let Some(user) = known.get_user() {
            config.user(user);
        }
        if let Some(password) = known.get_password() {
            config.password(password);
        }
        if let Some(name) = known.get_dbname() {
            config.dbname(name);
        }
        config
            .ssl_mode(known.get_ssl_mode())
            .connect_timeout(CONNECT)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .application_name("uptick")
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .options(SESSION);
        config
    }

    /// Each host by itself, so that one can be passed over for what it turns out to be.
    pub(super) fn hosts(&self) -> Vec<(String, tokio_postgres::Config)> {
        let ports = self.config.get_ports();
        let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate();
        hosts
            .map(|(i, at)| {
                let mut config = self.one(at);
                config.port(port(i));
                (host(at), config)
            })
            .collect()
    }

    fn read(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::Usage(format!("--log: {why}"));
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(wrong(
                "the address of a log is postgres://HOST[,HOST]/DATABASE",
            ));
        }
        let (bare, query) = text.split_once('?').unwrap_or((text, ""));
        let (ours, theirs): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|p| !p.is_empty())
            .partition(|p| p.starts_with("sslmode=") || p.starts_with("sslrootcert="));
        if let Some(name) = theirs.iter().find_map(|p| unknown(p)) {
            return Err(wrong(&format!(
                "the address has a parameter that is not known: {name:?}; known are sslmode, \
                 sslrootcert, host, port, user and dbname"
            )));
        }
        let rest = match theirs.is_empty() {
            true => bare.to_owned(),
            false => format!("{bare}?{}", theirs.join("&")),
        };
        // What it says of the address may quote a part of it.
        let mut config: tokio_postgres::Config = rest
            .parse()
            .map_err(|_| wrong("the address cannot be read; it is postgres://HOST/DATABASE"))?;
        if config.get_password().is_some() {
            return Err(wrong(
                "a password in the address would be seen by everybody on this machine: say it in \
                 PGPASSWORD, or in a file that PGPASSFILE names",
            ));
        }
        if config.get_hosts().is_empty() || config.get_dbname().is_none() {
            return Err(wrong("the address names no host or no database"));
        }
        let (mode, trust) = security(&ours).map_err(|why| wrong(&why))?;
        config.ssl_mode(mode);
        Ok(Self {
            config,
            trust,
            shown: text.to_owned(),
        })
    }
}

/// The name of a parameter that would change nothing. A password is refused in words of its own.
fn unknown(parameter: &str) -> Option<&str> {
    let name = parameter.split('=').next().unwrap_or_default();
    let known = ["host", "port", "user", "dbname", "password"];
    (!known.contains(&name)).then_some(name)
}

/// What `sslmode` and `sslrootcert` ask for.
fn security(query: &[&str]) -> std::result::Result<(SslMode, Trust), String> {
    let value = |name: &str| {
        let mut named = query.iter().filter_map(|p| p.split_once('='));
        named.find(|(n, _)| *n == name).map(|(_, v)| v)
    };
    let root = value("sslrootcert").map(PathBuf::from);
    let known = || Trust::Known(root.clone());
    let unverified = match root {
        Some(_) => known(),
        None => Trust::Anybody,
    };
    Ok(match value("sslmode") {
        Some("disable") => (SslMode::Disable, Trust::Anybody),
        None | Some("prefer") => (SslMode::Prefer, unverified),
        Some("require") => (SslMode::Require, unverified),
        Some("verify-full") => (SslMode::Require, known()),
        Some(other) => {
            return Err(format!(
                "sslmode={other} is not known: disable, prefer, require or verify-full"
            ));
        }
    })
}

fn password(config: &tokio_postgres::Config) -> Result<Option<String>> {
    if let Ok(password) = std::env::var("PGPASSWORD") {
        return Ok(Some(password));
    }
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let must = named.is_some();
    let usual = || std::env::var_os("HOME").map(|h| Path::new(&h).join(".pgpass"));
    let Some(path) = named.or_else(usual) else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(of_file(&text, config)),
        Err(e) if must => Err(Error::Usage(format!("PGPASSFILE {}: {e}", path.display()))),
        Err(_) => Ok(None),
    }
}

/// The password of the first line that fits: `host:port:database:user:password`, where `*` fits
/// everything.
fn of_file(text: &str, config: &tokio_postgres::Config) -> Option<String> {
    let hosts: Vec<String> = config.get_hosts().iter().map(host).collect();
    let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
    let default = ["5432".to_string()];
    let ports = if ports.is_empty() {
        &default[..]
    } else {
        &ports
    };
    let is = |field: &str, all: &[String]| field == "*" || all.iter().any(|a| a == field);
    let one = |field: &str, value: Option<&str>| field == "*" || Some(field) == value;
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .find_map(|line| {
            let f = fields(line);
            let fits = f.len() == 5
                && is(&f[0], &hosts)
                && is(&f[1], ports)
                && one(&f[2], config.get_dbname())
                && one(&f[3], config.get_user());
            fits.then(|| f[4].clone())
        })
}

/// The fields of a line; `\:` and `\\` stand for themselves.
fn fields(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out
                .last_mut()
                .into_iter()
                .for_each(|f| f.extend(chars.next())),
            ':' if out.len() < 5 => out.push(String::new()),
            c => out.last_mut().into_iter().for_each(|f| f.push(c)),
        }
    }
    out
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(_) => "localhost".into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_is_trusted_and_holds_no_password() {
        let a = Address::read("postgres://u@a,b:5433/db?sslmode=verify-full&sslrootcert=/ca.pem");
        let a = a.unwrap();
        assert_eq!(a.config.get_hosts().len(), 2);
        assert_eq!(a.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(a.trust, Trust::Known(Some("/ca.pem".into())));
        let only = Address::read("postgres://a/db?sslmode=require").unwrap();
        assert_eq!(only.trust, Trust::Anybody);
        let there = Address::read("postgres:///?host=/run/pg&user=u&dbname=db").unwrap();
        assert_eq!(there.config.get_dbname(), Some("db"));
        for (text, word) in [
            ("postgres://u:s3cret@a/db", "PGPASSWORD"),
            ("postgres://a/db?sslmode=verify-ca", "verify-full"),
            ("postgres://a/db?password=s3cret", "PGPASSWORD"),
            ("postgres://a", "no database"),
            ("postgres://a/db?connect_timeout=9", "\"connect_timeout\""),
            (
                "postgres://a/db?sslmode=require&options=-c%20x",
                "\"options\"",
            ),
            ("mysql://a/db", "postgres://"),
        ] {
            let why = Address::read(text).unwrap_err().to_string();
            assert!(
                why.contains(word) && !why.contains("s3cret"),
                "{text}: {why}"
            );
        }
    }

    #[test]
    fn the_first_line_of_a_password_file_that_fits_counts() {
        let a = Address::read("postgres://u@a:5433/db").unwrap();
        let text = "# no\nb:*:*:*:one\na:5432:*:*:two\n*:5433:db:u:th\\:ree\n*:*:*:*:four";
        assert_eq!(of_file(text, &a.config).as_deref(), Some("th:ree"));
        assert_eq!(of_file("a:5433:db:other:x", &a.config), None);
    }
}
