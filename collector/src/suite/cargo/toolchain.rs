//! Which compiler builds a commit.

use crate::config::Config;
use crate::git::Repo;
use crate::model::Sha;
use std::path::Path;
use std::process::{Command, Stdio};

/// The files that pin a toolchain, the newer form first.
const TOOLCHAIN_FILES: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];

/// The channel that a directory's `rust-toolchain` file pins.
pub(crate) fn toolchain(dir: &Path) -> Option<String> {
    TOOLCHAIN_FILES
        .iter()
        .find_map(|f| pinned_channel(&std::fs::read_to_string(dir.join(f)).ok()?))
}

/// The channel in the text of a `rust-toolchain` file of either form.
fn pinned_channel(text: &str) -> Option<String> {
    let parsed = text.parse::<toml::Table>().ok();
    parsed
        .and_then(|t| Some(t.get("toolchain")?.get("channel")?.as_str()?.to_string()))
        .or_else(|| {
            // The older form is the channel alone on a line.
            let line = text.lines().next()?.trim();
            (!line.is_empty() && !line.contains(['[', '='])).then(|| line.to_string())
        })
}

/// The channel that a commit pins for the configured workspace.
pub(in crate::suite) fn pinned_by(config: &Config, repo: &Repo, sha: &Sha) -> Option<String> {
    let dir = config.suite.dir.trim_start_matches("./");
    let places = if dir == "." {
        vec![String::new()]
    } else {
        vec![format!("{dir}/"), String::new()]
    };
    places.iter().find_map(|place| {
        TOOLCHAIN_FILES
            .iter()
            .find_map(|f| pinned_channel(&repo.file(sha, &format!("{place}{f}"))?))
    })
}

/// `rustc -vV` of a channel (the machine's default without one): first line and host.
pub(in crate::suite) fn rustc_version(channel: Option<&str>) -> Option<String> {
    let mut c = Command::new("rustc");
    c.arg("-vV").current_dir("/").stdin(Stdio::null());
    if let Some(channel) = channel {
        c.env("RUSTUP_TOOLCHAIN", channel);
    }
    let out = c.output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let host = text
        .lines()
        .find_map(|l| l.strip_prefix("host: "))
        .unwrap_or("");
    Some(format!("{} {host}", text.lines().next().unwrap_or("")))
}

/// The target that a channel compiles for by default.
pub(super) fn host(channel: Option<&str>) -> Option<String> {
    let version = rustc_version(channel)?;
    version.rsplit_once(' ').map(|(_, host)| host.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn toolchain_files_of_both_forms_are_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(toolchain(dir.path()), None);
        std::fs::write(dir.path().join("rust-toolchain"), "1.70.0\n").unwrap();
        assert_eq!(toolchain(dir.path()).unwrap(), "1.70.0");
        let toml = "[toolchain]\nchannel = \"nightly-2024-01-01\"\n";
        std::fs::write(dir.path().join("rust-toolchain.toml"), toml).unwrap();
        assert_eq!(toolchain(dir.path()).unwrap(), "nightly-2024-01-01");
    }
}
