//! The command that finds which commit of a set it was.

use collector::format::flag;
use collector::store::MeasuredCommit;

use crate::text;

/// From the newest measured commit before the set to the last measured one in it.
pub(super) fn command(base: &MeasuredCommit, head: &MeasuredCommit, benchmark: &str) -> String {
    let bench = flag("--bench", &text::whole(benchmark));
    format!(
        "uptick bisect {} {} {bench}",
        base.sha.short(),
        head.sha.short()
    )
}
