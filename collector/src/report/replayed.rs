//! A policy tried on history, in a terminal.

use crate::detect::alerts::proposal::By;
use crate::format::{arrow, name, percent, plural, sentence, share};
use crate::history::replay::{CommitFlag, Replayed, SeriesReplay, Total};

/// Flags of one series that are listed.
const LISTED: usize = 20;

/// The document as text, at most 80 columns wide, lines ended by a newline.
#[must_use]
pub fn replayed(d: &Replayed) -> String {
    let mut out = Vec::new();
    for s in d.series.iter().filter(|s| !s.flags.is_empty()) {
        series(s, &mut out);
    }
    total(d, &mut out);
    out.join("\n") + "\n"
}

fn series(s: &SeriesReplay, out: &mut Vec<String>) {
    out.push(format!(
        "{} · {} {} · limit {}",
        name(&s.benchmark, 32),
        s.metric,
        s.counter.by(),
        share(s.limit)
    ));
    out.extend(s.flags.iter().take(LISTED).map(flag));
    if s.flags.len() > LISTED {
        out.push(format!("  … and {} more", s.flags.len() - LISTED));
    }
}

/// `  ▲ +2.00 %  1a2b3c4d5 subject            finder, 3 later`
fn flag(f: &CommitFlag) -> String {
    let r = &f.raised;
    let mark = arrow(r.flag.change);
    let commit = f.commit.as_ref().map_or_else(
        || format!("position {}", r.flag.index),
        |c| format!("{} {}", c.sha.short(), sentence(&c.subject, 22)),
    );
    let by = match (r.by, r.delay) {
        (By::Gate, _) => "gate, at once".to_string(),
        (By::Finder, 0) => "finder, at once".to_string(),
        (By::Finder, n) => format!("finder, {n} later"),
    };
    let gone = if r.lasted { "" } else { ", did not last" };
    format!(
        "  {mark} {:>9}  {commit:<32}  {by}{gone}",
        percent(r.flag.change)
    )
}

fn total(d: &Replayed, out: &mut Vec<String>) {
    let Total {
        flags,
        went_away,
        missed,
        measurements,
        suspects,
        ..
    } = d.total;
    out.push(format!(
        "{} over {} of {} series; {went_away} did not last",
        plural(flags, "flag"),
        plural(measurements, "measurement"),
        d.series.len()
    ));
    let delay = d.total.median_delay.map_or_else(String::new, |m| {
        format!("reported after {} (median); ", plural(m, "commit"))
    });
    out.push(format!(
        "{delay}{} never reported",
        plural(missed, "change")
    ));
    if suspects > 0 {
        out.push(format!("measured again at {}", plural(suspects, "commit")));
    }
    let (on, of) = d.total.estimated_on;
    out.push(if of == 0 {
        "by chance: no false alarms, every series repeats its value".into()
    } else {
        format!(
            "by chance: about {:.1} (at most {:.1}) false alarms per 100 commits in all\n  \
             (shuffled between their changes: {on} of {of} series that vary)",
            d.total.false_alarms_per_100_commits, d.total.at_most
        )
    });
}
