//! One call of git, from which no setting of the user's may take away that it is understood.
//!
//! git prints and does what configuration files, the repository's own configuration and some 60
//! variables of the environment say: `log.showSignature` alone puts lines of gpg before each
//! commit, `diff.noprefix` renames every file of a diff, `core.hooksPath` runs programs. So every
//! call is built here: what changes the output, writes beside our worktrees or runs a program
//! that git does not need is set on the command line, which overrides every file.
//!
//! Kept on purpose is what a clone needs to reach its remote and to have its files: credentials,
//! proxies, `url.*.insteadOf`, `core.sshCommand`, `safe.directory`, and the filters that
//! `.gitattributes` asks for (without git-lfs a build would get pointers for files).

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Result, tail};

/// What every call sets, whatever the configuration says.
const PINS: [&str; 58] = [
    // Programs.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.alternateRefsCommand=true",
    "core.editor=true",
    "diff.external=",
    "gc.auto=0",
    "maintenance.auto=false",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    // What is written in the user's repository, and where.
    "worktree.useRelativePaths=false",
    "core.splitIndex=false",
    "index.skipHash=false",
    "fetch.writeCommitGraph=false",
    // Submodules are brought by ourselves.
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.prune=false",
    "fetch.pruneTags=false",
    "fetch.all=false",
    // Which files a worktree gets, and as which bytes.
    "core.sparseCheckout=false",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.symlinks=true",
    // What is printed.
    "color.ui=false",
    "color.diff=false",
    "color.grep=false",
    "color.status=false",
    "color.branch=false",
    "column.ui=never",
    "core.quotePath=false",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "log.decorate=false",
    "log.date=default",
    "log.mailmap=false",
    "log.follow=false",
    "log.abbrevCommit=false",
    "log.showRoot=true",
    "status.branch=false",
    "status.showStash=false",
    "status.short=false",
    "status.relativePaths=false",
    "status.submoduleSummary=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "diff.relative=false",
    "diff.algorithm=myers",
    "diff.interHunkContext=0",
    "diff.submodule=short",
    "diff.orderFile=/dev/null",
    "grep.lineNumber=false",
    "grep.column=false",
    "grep.fullName=false",
    "grep.patternType=default",
    "grep.extendedRegexp=false",
    "trailer.separators=:",
    "advice.detachedHead=false",
];

/// Variables of git that say how to reach a remote or where configuration is; all others of its
/// name redirect it (`GIT_DIR`, as a hook sets it), change what it prints (`GIT_DIFF_OPTS`) or run
/// a program (`GIT_EXTERNAL_DIFF`).
const KEPT: [&str; 12] = [
    "GIT_ALLOW_PROTOCOL",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ASKPASS",
    "GIT_CEILING_DIRECTORIES",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
    "GIT_PROXY_COMMAND",
];
const KEPT_FAMILIES: [&str; 6] = [
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
    "GIT_HTTP_",
    "GIT_LFS_",
    "GIT_SSH",
    "GIT_SSL_",
];

/// Whether an environment variable of that name is git's own and may redirect it.
#[must_use]
pub fn is_foreign_environment(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("GIT_")
        && !KEPT.contains(&name.as_ref())
        && !KEPT_FAMILIES.iter().any(|f| name.starts_with(f))
}

/// A call of git in a directory; arguments are the caller's.
pub(super) fn git(dir: &Path) -> Command {
    let mut c = Command::new("git");
    c.arg("--no-pager").arg("-C").arg(dir);
    for pin in PINS {
        c.args(["-c", pin]);
    }
    for (name, _) in std::env::vars_os() {
        if is_foreign_environment(&name) {
            c.env_remove(name);
        }
    }
    c.env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ATTR_NOSYSTEM", "1")
        // A commit is what its hash says: no object stands in for it, and its parents are its own.
        // (A file that is there, `/dev/null` too, makes git warn that grafts are old.)
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_GRAFT_FILE", "/dev/null/none")
        .env("LC_ALL", "C");
    c.stdin(Stdio::null());
    c
}

pub(super) fn run(dir: &Path, args: &[&str]) -> Result<Output> {
    git(dir).args(args).output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Failed("git is not installed; uptick needs it to read the history".into())
        }
        _ => Error::Failed(format!("git could not be started: {e}")),
    })
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\n')
        .to_string()
}

/// Runs git and gives its output, or its complaint as an error.
pub(super) fn ask(dir: &Path, args: &[&str]) -> Result<String> {
    answer(&run(dir, args)?, args)
}

/// Runs git with `input` on its standard input.
pub(super) fn feed(dir: &Path, args: &[&str], input: String) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::Failed(format!("git {}: {e}", args.join(" ")));
    let mut child = git(dir)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take();
    // Written beside the reading, or both sides would wait for the other on a long range.
    let writer = std::thread::spawn(move || {
        stdin
            .as_mut()
            .map_or(Ok(()), |s| s.write_all(input.as_bytes()))
    });
    let out = child.wait_with_output().map_err(failed)?;
    let _ = writer.join();
    answer(&out, args)?;
    Ok(out.stdout)
}

/// What a git that has ended printed, or its complaint as an error.
pub(super) fn answer(out: &Output, args: &[&str]) -> Result<String> {
    if out.status.success() {
        return Ok(text(&out.stdout));
    }
    Err(Error::Failed(format!(
        "git {} failed: {}",
        args.join(" "),
        tail(&text(&out.stderr), 2000)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redirects_git_is_dropped_and_what_reaches_a_remote_stays() {
        for name in ["GIT_DIR", "GIT_DIFF_OPTS", "GIT_EXTERNAL_DIFF", "GIT_TRACE"] {
            assert!(is_foreign_environment(OsStr::new(name)), "{name}");
        }
        for name in [
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_KEY_0",
            "GITHUB_REF",
            "PATH",
        ] {
            assert!(!is_foreign_environment(OsStr::new(name)), "{name}");
        }
    }
}
