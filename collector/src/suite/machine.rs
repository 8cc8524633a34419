//! Builds that failed for want of memory or disk: whatever the commit says, that is not its fault,
//! and must not be kept of it.

/// What compilers, linkers and cargo write where the system kills them.
const KILLED: [&str; 3] = [
    "(signal: 9, SIGKILL",
    "terminated with signal 9 [Killed]",
    "LLVM ERROR: out of memory",
];
/// What they write where it refuses memory or disk, beside the word that it is an error.
const REFUSED: [&str; 4] = [
    "(os error 12)",
    "(os error 28)",
    "no space left on device",
    "cannot allocate memory",
];

/// Which of a failed build's words say that the machine could not go on.
pub(super) fn lacking(said: &str) -> Option<&str> {
    said.lines().map(str::trim).find(|line| is_of_machine(line))
}

fn is_of_machine(line: &str) -> bool {
    if KILLED.iter().any(|w| line.contains(w)) {
        return true;
    }
    let lower = line.to_lowercase();
    // A library that cannot be loaded so late is no want of memory, whatever the loader calls it.
    let is_other = is_source(line) || lower.contains("static tls");
    let is_error = lower.contains("error") || lower.contains("fatal");
    !is_other && is_error && REFUSED.iter().any(|w| lower.contains(w))
}

/// Whether a compiler shows a line of source, which may say anything: `12 | let x = "…";`.
fn is_source(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.trim_start().starts_with('|')
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
            "as: error: cannot write `x.o`: No space left on device",
            "error: failed to write `x`: No space left on device (os error 28)",
        ] {
            let said = format!("error: could not compile `x`\n  {line}\nend");
            assert_eq!(lacking(&said), Some(line));
        }
        assert_eq!(lacking("error[E0425]: cannot find `y`"), None);
        for other in [
            "(signal: 11, SIGSEGV: invalid memory reference)",
            "error: libx.so: cannot allocate memory in static TLS block",
            "  12 |     return Err(\"error: no space left on device (os error 28)\");",
            "   |  ^^^ error: (os error 28)",
            "test no space left on device ... ok",
        ] {
            assert_eq!(lacking(other), None, "{other}");
        }
    }
}
