//! A judgement in a terminal: one line when all is well, at most 15 for one regression, 80
//! columns wide, the verdict first.

use std::path::Path;

use crate::format::{flag, name, plural, sentence, share, signed, whole};
use crate::judge::Row;
use crate::judge::{Judgement, Outcome};
use crate::model::{Counter, Metric, NoiseClass, Verdict};
use crate::report::{direction, from_here, sides};

const WIDTH: usize = 80;
/// Rows that are listed with their functions; the others are only named.
const DETAILED: usize = 5;
const FUNCTIONS: usize = 3;

/// The judgement as text, lines ended by a newline; files are named from the directory `here`.
#[must_use]
pub fn text(j: &Judgement, here: &Path) -> String {
    let mut out = Vec::new();
    out.push(headline(j));
    let quiet = j.outcome == Outcome::Ok
        && j.failures.is_empty()
        && j.notes.is_empty()
        && [
            Verdict::Regressed,
            Verdict::Improved,
            Verdict::Suspect,
            Verdict::Shifted,
            Verdict::New,
            Verdict::Incomparable,
        ]
        .iter()
        .all(|v| j.with(*v).is_empty())
        && j.blind().is_empty();
    if !quiet {
        out.push(format!(
            "head {} {}",
            j.head.sha.short(),
            sentence(&j.head.subject, WIDTH - 15)
        ));
        out.push(base_line(j));
    }
    for verdict in Verdict::MOVED {
        moved(j, verdict, here, &mut out);
    }
    blind(j, &mut out);
    others(j, &mut out);
    pictures(j, here, &mut out);
    failures(j, &mut out);
    let hints: &[String] = if quiet { &[] } else { &j.hints };
    let notes = j.doubts.iter().chain(&j.notes).chain(hints);
    out.extend(notes.map(|n| format!("note: {}", sentence(n, 400))));
    if j.counter == Counter::Clock {
        out.push(weakness(j));
    }
    out.join("\n") + "\n"
}

fn headline(j: &Judgement) -> String {
    let regressed = j.unaccepted();
    let total = j.counted();
    match j.outcome {
        Outcome::Regressed => {
            let worst = regressed.first().map_or_else(String::new, |r| r.moved());
            format!(
                "REGRESSED: {} of {}, worst {worst}",
                regressed.len(),
                plural(total, "benchmark")
            )
        }
        Outcome::NoVerdict if !j.failures.is_empty() => failed(j),
        Outcome::NoVerdict => match &j.no_verdict {
            Some(why) => format!("NO VERDICT: {why}"),
            None => "NO VERDICT".into(),
        },
        Outcome::Ok => {
            let improved = j.with(Verdict::Improved).len();
            let accepted = match j.with(Verdict::Regressed).len() {
                0 => "none regressed".to_string(),
                1 => "1 regression accepted".to_string(),
                n => format!("{n} regressions accepted"),
            };
            let mut better = String::new();
            if improved > 0 {
                better.push_str(&format!(", {improved} improved"));
            }
            let suspects = j.with(Verdict::Suspect).len();
            if suspects > 0 {
                better.push_str(&format!(", {suspects} suspect"));
            }
            let blind = match j.blind().len() {
                0 => String::new(),
                n => format!(", {n} cannot be told"),
            };
            let maybe = j.maybe_worse();
            if let Some(worst) = maybe.first() {
                return format!(
                    "NOT CONFIRMED: {} of {} may be worse, worst {}; {accepted}{better}{blind}",
                    maybe.len(),
                    plural(total, "benchmark"),
                    worst.moved()
                );
            }
            format!(
                "ok: {}, {accepted}{better}{blind} ({}; base {}, {})",
                plural(total, "benchmark"),
                largest(j),
                j.base.sha.short(),
                j.base.how
            )
        }
    }
}

/// What gave no number, and what is known of the others.
fn failed(j: &Judgement) -> String {
    let failed = j.failures.len();
    let others = match j.counted() {
        0 => String::new(),
        n => format!(", none of {} regressed", plural(n, "other")),
    };
    let what = plural(failed, "benchmark");
    format!("FAILED: {what} gave no number{others}")
}

/// The largest move of all, whatever its verdict.
fn largest(j: &Judgement) -> String {
    let judged = |r: &&Row| r.judged && r.cannot_tell_below.is_none();
    let moved = |r: &&Row| judged(r) && r.change.is_some_and(f64::is_finite);
    let size = |r: &&Row| r.change.map_or(0.0, f64::abs);
    let rows = j.results.iter().filter(moved);
    let largest = rows.max_by(|a, b| size(a).total_cmp(&size(b)));
    match largest {
        Some(r) if r.change == Some(0.0) => "no count moved".into(),
        Some(r) => format!("largest {} {}", r.moved(), name(&r.benchmark, 30)),
        None => "nothing compared".into(),
    }
}

fn base_line(j: &Judgement) -> String {
    let far = match j.base.distance {
        0 => String::new(),
        n => format!(
            ", {} before",
            plural(usize::try_from(n).unwrap_or(0), "commit")
        ),
    };
    format!("base {} {}{far}", j.base.sha.short(), j.base.how)
}

fn moved(j: &Judgement, verdict: Verdict, here: &Path, out: &mut Vec<String>) {
    let rows = j.with(verdict);
    for (i, row) in rows.iter().enumerate() {
        if i >= DETAILED {
            out.push(format!("… and {} more {}", rows.len() - i, verdict.name()));
            break;
        }
        detail(j, row, out);
        if i == 0 && verdict == Verdict::Regressed && row.accepted.is_none() {
            commands(j, row, here, out);
        }
    }
}

fn detail(j: &Judgement, row: &Row, out: &mut Vec<String>) {
    out.push(format!(
        "{} {}  {}  {}{}",
        row.sign(),
        name(&row.benchmark, 40),
        row.moved(),
        sides(row),
        direction(row)
    ));
    let costs = super::flag_costs(j, row);
    out.extend(costs.map(|costs| format!("    {costs}")));
    let shifted = match row.verdict {
        Verdict::Shifted => "shifted between functions; ",
        Verdict::Suspect => "suspect, not confirmed; ",
        _ => "",
    };
    let unproven = if row.confirmed || matches!(row.verdict, Verdict::Shifted | Verdict::Suspect) {
        ""
    } else {
        "; not measured again"
    };
    out.push(format!("    {shifted}limit {}{unproven}", row.why));
    if let Some(reason) = &row.accepted {
        let by = row.accepted_in.as_ref().map_or("", |s| s.short());
        out.push(format!("    accepted in {by}: {}", sentence(reason, 55)));
    }
    functions(row, out);
    for place in row.likely.iter().take(1) {
        let inside = place.function.as_ref().map_or_else(String::new, |f| {
            format!(" in {}", name(&crate::profile::names::short(f), 40))
        });
        out.push(format!(
            "    likely {}:{} ({}){inside}",
            name(&place.file, 40),
            place.line,
            signed(place.delta as f64)
        ));
    }
}

fn functions(row: &Row, out: &mut Vec<String>) {
    for f in row.functions.iter().take(FUNCTIONS) {
        let short = crate::profile::names::short(&f.name);
        out.push(format!(
            "    {:>10}  {:<32}  {}",
            signed(f.delta as f64),
            name(&short, 32),
            name(&super::place(f), 30)
        ));
    }
    if let Some(explained) = row.explained
        && row.functions.len() > FUNCTIONS
    {
        let first = row.functions.iter().take(FUNCTIONS);
        let shown: i64 = first.clone().map(|f| f.delta).sum();
        let one_way = first.clone().all(|f| (f.delta as f64) * row.delta() >= 0.0);
        let part = shown as f64 / row.delta();
        let all = share(explained);
        if row.verdict != Verdict::Shifted && part.is_finite() {
            // Of losses and gains that cancel, and beyond the whole, a share says nothing.
            out.push(if one_way && part <= 1.0 {
                let part = share(part);
                format!("    these explain {part}; all listed functions {all}")
            } else {
                let (shown, whole) = (signed(shown as f64), signed(row.delta()));
                format!("    these come to {shown} of {whole}; all listed functions explain {all}")
            });
        }
    }
}

fn commands(j: &Judgement, row: &Row, here: &Path, out: &mut Vec<String>) {
    let since = row.creep.as_ref().map_or(&j.base.sha, |c| &c.sha);
    let (base, head) = (since.short(), j.head.sha.short());
    let bench = whole(&row.benchmark);
    let again = match &row.creep {
        None => super::again(j),
        Some(_) => format!("uptick compare {base} {head}"),
    };
    let only = flag("--only", &bench);
    out.push(format!("    reproduce  {again} {only}"));
    if let Some(svg) = &row.flamegraph {
        out.push(format!("    see why    {}", from_here(svg, here)));
    }
    let several = super::merges_several(j);
    if j.base.distance > 1 || row.creep.is_some() || several {
        out.push(format!(
            "    bisect     uptick bisect {base} {head} {}",
            flag("--bench", &bench)
        ));
    }
    if row.creep.is_none() {
        let whole = if several {
            "  # all of the pull request"
        } else {
            ""
        };
        out.extend(super::undo(j).map(|undo| format!("    undo       {undo}{whole}")));
    }
}

fn others(j: &Judgement, out: &mut Vec<String>) {
    for verdict in [Verdict::New, Verdict::Vanished, Verdict::Incomparable] {
        let rows = j.with(verdict);
        let Some(first) = rows.first() else { continue };
        let names: Vec<String> = rows
            .iter()
            .take(3)
            .map(|r| name(&r.benchmark, 40))
            .collect();
        let more = if rows.len() > 3 {
            format!(" and {} more", rows.len() - 3)
        } else {
            String::new()
        };
        let why = if verdict == Verdict::Incomparable {
            format!(" ({})", first.why)
        } else {
            String::new()
        };
        out.push(format!(
            "{}: {}{more}{why}",
            verdict.name(),
            names.join(", ")
        ));
    }
}

/// What moved by less than could be told, and what would tell.
fn blind(j: &Judgement, out: &mut Vec<String>) {
    let rows = j.blind();
    for row in rows.iter().take(DETAILED) {
        let least = row.cannot_tell_below.unwrap_or(f64::INFINITY);
        let least = if least.is_finite() {
            format!("changes from {} would show", share(least))
        } else {
            "no change would show".to_string()
        };
        out.push(format!(
            "cannot tell: {}  {}  {}: {least}",
            name(&row.benchmark, 40),
            row.moved(),
            sides(row)
        ));
        out.push(format!("    {}", better(row)));
    }
    if rows.len() > DETAILED {
        out.push(format!("… and {} more", rows.len() - DETAILED));
    }
}

/// What to measure instead of a benchmark that tells nothing.
fn better(row: &Row) -> &'static str {
    match row.class {
        NoiseClass::Threaded => {
            "it differs from run to run: let it work on one thread ([suite] env), and by no clock, random \
             number or kept file (link it dynamically: nothing is pinned in a static program); or judge \
             its cpu_time"
        }
        NoiseClass::Sampled => "give one iteration more work, or count its instructions",
        NoiseClass::Seeded => "fix its random seed",
        NoiseClass::Layout => "let it not depend on addresses (hashing pointers, say)",
        NoiseClass::Exact => "it does too little to be compared: give it more work",
    }
}

/// Flame graphs that were drawn though nothing moved.
fn pictures(j: &Judgement, here: &Path, out: &mut Vec<String>) {
    for row in j
        .results
        .iter()
        .filter(|r| r.verdict == Verdict::Unchanged || r.verdict == Verdict::New)
    {
        let Some(svg) = &row.flamegraph else { continue };
        if let Some(path) = &row.critical_path {
            out.push(format!("critical path of {}:", name(&row.benchmark, 50)));
            out.push(format!("  {path}"));
        }
        out.push(format!("flame graph: {}", from_here(svg, here)));
    }
}

fn failures(j: &Judgement, out: &mut Vec<String>) {
    for f in j.failures.iter().take(DETAILED) {
        let benchmark = f.benchmark.as_deref().unwrap_or("the commit");
        out.push(format!(
            "FAILED `{}` ({}): {}",
            name(benchmark, 40),
            f.stage,
            indent(&f.message)
        ));
    }
    if j.failures.len() > DETAILED {
        out.push(format!("… and {} more failed", j.failures.len() - DETAILED));
    }
}

fn indent(message: &str) -> String {
    let lines: Vec<String> = message.lines().take(6).map(|l| sentence(l, 200)).collect();
    lines.join("\n    ")
}

/// How much weaker a verdict from sampled time is.
fn weakness(j: &Judgement) -> String {
    let limits: Vec<f64> = j
        .results
        .iter()
        .filter(|r| r.judged && r.metric == Metric::WallTime)
        .filter_map(|r| r.limit)
        .filter(|l| l.is_finite())
        .collect();
    let seen = unseen(&limits);
    format!(
        "note: judged by sampled wall time, because neither valgrind nor a hardware counter is \
         here:{seen} where counted instructions show 0.5 % and less; `uptick doctor` says how to \
         get them"
    )
}

/// Below which changes go unseen, from the limits of what is judged.
fn unseen(limits: &[f64]) -> String {
    let least = limits.iter().copied().reduce(f64::min).map(share);
    let most = limits.iter().copied().reduce(f64::max).map(share);
    match (least, most) {
        (Some(least), Some(most)) if least == most => {
            format!(" here changes below {least} go unseen,")
        }
        (Some(least), Some(most)) => format!(" here changes below {least} to {most} go unseen,"),
        _ => String::new(),
    }
}

/// Whether a class needs a word beside its numbers.
#[must_use]
pub(super) const fn class_note(class: NoiseClass) -> Option<&'static str> {
    match class {
        NoiseClass::Exact => None,
        NoiseClass::Seeded => Some("depends on the random seed: median of 5 seeds"),
        NoiseClass::Layout => Some("depends on addresses: median of 5 layouts"),
        NoiseClass::Threaded => Some("differs from run to run: median of 5 runs"),
        NoiseClass::Sampled => Some("sampled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_is_said_once() {
        assert_eq!(unseen(&[]), "");
        let one = format!(" here changes below {} go unseen,", share(1.7144));
        assert_eq!(unseen(&[1.7144]), one);
        assert_eq!(unseen(&[1.7144, 1.714_400_1]), one);
        let (least, most) = (share(0.02), share(0.3));
        let both = format!(" here changes below {least} to {most} go unseen,");
        assert_eq!(unseen(&[0.3, 0.02, 0.1]), both);
    }
}
