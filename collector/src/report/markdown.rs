//! A judgement as Markdown for a pull request, and as annotations of GitHub Actions.
//!
//! Names come from the code under test: they are escaped so that none can add a row, a
//! link or an annotation of its own.

use crate::format::telling;
use crate::format::{benchmarks, flag, name, share, signed};
use crate::judge::Row;
use crate::judge::{Judgement, Outcome};
use crate::model::Verdict;
use crate::profile::names::clean;
use crate::report::escape::{apart, code as span, html, tabled};
use crate::report::text::class_note;
use crate::report::{direction, sides, unmeasured};

const ROWS: usize = 30;
/// A step's summary of more than 1 MiB is dropped whole by GitHub.
const FAILURES: usize = 50;

/// Escapes what Markdown and a table cell would take for more than text: no mention, no link.
#[must_use]
pub fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in apart(&name(text, 120)).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' | '@' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text between backticks; a name cannot end them.
pub(super) fn code(text: &str) -> String {
    format!(
        "`{}`",
        name(text, 120).replace('`', "'").replace('|', "\\|")
    )
}

/// The judgement as Markdown.
#[must_use]
pub fn markdown(j: &Judgement) -> String {
    let mut out = String::new();
    let mut line = |s: String| {
        out.push_str(&s);
        out.push('\n');
    };
    let regressed = j.unaccepted();
    let accepted = j.with(Verdict::Regressed).len() - regressed.len();
    let head = match j.outcome {
        Outcome::Regressed => format!("### ▲ {} regressed", benchmarks(regressed.len())),
        Outcome::Ok if accepted > 0 => {
            format!("### ✔ {} regressed, accepted", benchmarks(accepted))
        }
        Outcome::Ok => "### ✔ no regression".to_string(),
        Outcome::NoVerdict if !j.failures.is_empty() => {
            format!("### ✘ {} failed", benchmarks(j.failures.len()))
        }
        Outcome::NoVerdict => "### ? no verdict".to_string(),
    };
    line(head);
    line(String::new());
    line(format!(
        "head {} {} · base {} ({}) · {}",
        span(j.head.sha.short()),
        cell(&j.head.subject),
        span(j.base.sha.short()),
        cell(&j.base.how),
        cell(&j.counter.words())
    ));
    let moved: Vec<&Row> = Verdict::MOVED.iter().flat_map(|v| j.with(*v)).collect();
    if !moved.is_empty() {
        line(String::new());
        line("| benchmark | change | before → after | limit | verdict |".into());
        line("|---|---:|---|---|---|".into());
        for row in moved.iter().take(ROWS) {
            line(table_row(row));
        }
        if moved.len() > ROWS {
            line(format!("\n… and {} more.", moved.len() - ROWS));
        }
    }
    for row in regressed.iter().take(5) {
        details(j, row, &mut line);
    }
    for (title, verdict) in [
        ("new", Verdict::New),
        ("vanished", Verdict::Vanished),
        ("incomparable", Verdict::Incomparable),
    ] {
        let rows = j.with(verdict);
        if !rows.is_empty() {
            let names: Vec<String> = rows.iter().take(10).map(|r| span(&r.benchmark)).collect();
            line(format!("\n{} {title}: {}", rows.len(), names.join(", ")));
        }
    }
    for row in j.blind().iter().take(10) {
        let least = row.cannot_tell_below.filter(|l| l.is_finite());
        line(format!(
            "\ncannot tell {}: {}{}",
            span(&row.benchmark),
            cell(&row.moved()),
            least.map_or_else(String::new, |l| format!(
                ", changes from {} would show",
                share(l)
            ))
        ));
    }
    for f in j.failures.iter().take(FAILURES) {
        let benchmark = f.benchmark.as_deref().unwrap_or("the commit");
        let said = telling(&f.message, 200);
        line(format!(
            "\n**failed** {} ({}): {}",
            span(benchmark),
            f.stage,
            cell(&said)
        ));
    }
    if j.failures.len() > FAILURES {
        line(format!(
            "\n… and {} more failed",
            j.failures.len() - FAILURES
        ));
    }
    if let Some(why) = unmeasured(j) {
        line(format!("\n{why}."));
    }
    for n in j.doubts.iter().chain(&j.notes).chain(&j.hints) {
        line(format!("\n{}", cell(n)));
    }
    out
}

fn table_row(row: &Row) -> String {
    let sign = row.sign();
    let accepted = row
        .accepted
        .as_ref()
        .map_or_else(String::new, |r| format!(", accepted: {}", cell(r)));
    let class = class_note(row.class).map_or_else(String::new, |c| format!(" ({c})"));
    format!(
        "| {} | {} | {}{}{class} | {} | {sign} {}{accepted} |",
        tabled(&row.benchmark),
        cell(&row.moved()),
        cell(&sides(row)),
        direction(row),
        cell(&row.allowed()),
        row.verdict.name()
    )
}

fn details(j: &Judgement, row: &Row, line: &mut dyn FnMut(String)) {
    line(format!(
        "\n<details><summary><code>{}</code></summary>\n",
        html(&row.benchmark)
    ));
    if let Some(costs) = super::flag_costs(j, row) {
        line(format!("{}\n", cell(&costs)));
    }
    line(format!("limit {}\n", cell(&row.why.words())));
    if !row.functions.is_empty() {
        line("| change | function | where |".into());
        line("|---:|---|---|".into());
        for f in row.functions.iter().take(8) {
            line(format!(
                "| {} | {} | {} |",
                signed(f.delta as f64),
                code(&f.name),
                cell(&super::place(f))
            ));
        }
    }
    for place in row.likely.iter().take(3) {
        line(format!(
            "\nlikely {}:{} ({})",
            cell(&place.file),
            place.line,
            signed(place.delta as f64)
        ));
    }
    let (base, head) = (j.base.sha.short(), j.head.sha.short());
    let with = |f: &str| flag(f, &name(&row.benchmark, 200)).replace("```", "'''");
    let mut commands = vec![format!("{} {}", super::again(j), with("--only"))];
    if j.base.distance > 1 {
        commands.push(format!("uptick bisect {base} {head} {}", with("--bench")));
    }
    commands.extend(super::undo(j));
    line(format!("\n```sh\n{}\n```\n</details>", commands.join("\n")));
}

/// Annotations for GitHub Actions: one `::error` a regressed benchmark, at its likeliest line.
#[must_use]
pub fn annotations(j: &Judgement) -> Vec<String> {
    j.unaccepted()
        .iter()
        .take(10)
        .map(|row| {
            let place = super::whereabouts(row).map_or_else(String::new, |(file, line)| {
                format!(" file={},line={line}", property(&file))
            });
            let title = format!("{} {}", row.benchmark, row.moved());
            let comma = if place.is_empty() { " " } else { "," };
            format!(
                "::error{place}{comma}title={}::{}",
                property(&title),
                data(&format!("{}{}", sides(row), direction(row)))
            )
        })
        .collect()
}

/// Escapes a message of a workflow command.
fn data(text: &str) -> String {
    clean(text, 2000).replace('%', "%25")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        let said = cell("@octocat, see https://evil.example");
        assert!(
            !said.contains("@octocat") && !said.contains("://"),
            "{said}"
        );
        assert_eq!(cell("<script>|x|"), "&lt;script&gt;\\|x\\|");
        assert_eq!(code("a`b|c"), "`a'b\\|c`");
        assert_eq!(property("a,b:c\n::error::x"), "a%2Cb%3Ac%3A%3Aerror%3A%3Ax");
    }
}
