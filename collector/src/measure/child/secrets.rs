//! The variables that hold uptick's own secrets, and who does not see them.

use std::process::Command;

/// What lets somebody write to a server or a forge in uptick's name. Nothing that is built or measured
/// has a use for them.
pub(super) const OURS: [&str; 2] = ["UPTICK_TOKEN", "UPTICK_FORGE_TOKEN"];
/// What a server opens its database and its object store with. In somebody's own shell they are as
/// likely to be a build's.
const OF_A_SERVER: [&str; 5] = [
    "PGPASSWORD",
    "PGPASSFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Keeps from a command what a server or a collector was given for itself.
pub fn withhold(command: &mut Command) {
    for name in OURS.iter().chain(&OF_A_SERVER) {
        command.env_remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_was_given_for_itself_is_withheld() {
        let mut command = Command::new("true");
        command.env("AWS_SECRET_ACCESS_KEY", "s").env("OTHER", "o");
        withhold(&mut command);
        let left: Vec<_> = command.get_envs().filter(|(_, v)| v.is_some()).collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
