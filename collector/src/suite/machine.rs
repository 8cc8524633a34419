//! Builds that failed for want of memory or disk: whatever the commit says, that is not its fault,
//! and must not be kept of it.

/// What compilers, linkers and cargo write where the system refuses or kills them.
const WORDS: [&str; 8] = [
    "(signal: 9, SIGKILL",
    "signal 9 [Killed]",
    "LLVM ERROR: out of memory",
    "(os error 12)",
    "cannot allocate memory",
    "failed to map segment from shared object",
    "(os error 28)",
    "no space left on device",
];

/// Which of a failed build's words say that the machine could not go on.
pub(super) fn lacking(said: &str) -> Option<&str> {
    let of_machine = |line: &&str| {
        let lower = line.to_lowercase();
        WORDS.iter().any(|w| lower.contains(&w.to_lowercase()))
    };
    said.lines().find(of_machine).map(str::trim)
}

/// What to do about it.
pub(super) const ADVICE: &str = "the machine could not go on building, for want of memory or disk: \
    free some, raise `ulimit -v`, or have cargo build less at once (`CARGO_BUILD_JOBS=1`)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_compiler_is_the_machine_s_and_a_wrong_program_the_commit_s() {
        for line in [
            "process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)",
            "collect2: fatal error: ld terminated with signal 9 [Killed]",
            "rustc: error while loading shared libraries: x.so: failed to map segment from shared object",
            "error: failed to write `x`: No space left on device (os error 28)",
        ] {
            let said = format!("error: could not compile `x`\n  {line}\nend");
            assert_eq!(lacking(&said), Some(line));
        }
        assert_eq!(lacking("error[E0425]: cannot find `y`"), None);
        assert_eq!(
            lacking("(signal: 11, SIGSEGV: invalid memory reference)"),
            None
        );
    }
}
