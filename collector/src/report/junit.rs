//! A check as JUnit XML, which every CI shows.

use crate::judge::{Checked, Judgement, Row};
use crate::model::Verdict;
use crate::report::escape::xml;
use crate::report::{annotated, message};

/// One suite: a case a judged row, and one for each benchmark that gave no number.
#[must_use]
pub fn junit(checked: &Checked) -> String {
    let cases = match checked {
        Checked::Judged(j) => cases(j),
        Checked::Failed { message, .. } => vec![broken("check", message)],
    };
    let with = |tag: &str| cases.iter().filter(|c| c.contains(tag)).count();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites>\n<testsuite name=\"uptick\" tests=\"{}\" failures=\"{}\" errors=\"{}\" \
         skipped=\"{}\">\n{}</testsuite>\n</testsuites>\n",
        cases.len(),
        with("<failure "),
        with("<error "),
        with("<skipped "),
        cases.concat()
    )
}

fn cases(j: &Judgement) -> Vec<String> {
    let judged = j.results.iter().filter(|r| r.judged);
    let failed = j.failures.iter().map(|f| {
        let name = f.benchmark.as_deref().unwrap_or("the commit");
        broken(name, &format!("{}: {}", f.stage, f.message))
    });
    judged.map(case).chain(failed).collect()
}

fn case(row: &Row) -> String {
    let (path, line) = annotated(row);
    let inside = match row.verdict {
        Verdict::Regressed if row.accepted.is_none() => {
            let text = format!("{}; limit {}; {path}:{line}", message(row), row.why);
            format!(
                "<failure message=\"{}\">{}</failure>",
                xml(&message(row)),
                xml(&text)
            )
        }
        Verdict::Vanished | Verdict::Incomparable | Verdict::New => {
            let why = format!("{}: {}", row.verdict.name(), row.why);
            format!("<skipped message=\"{}\"/>", xml(&why))
        }
        _ => String::new(),
    };
    format!(
        "<testcase classname=\"uptick.{}\" name=\"{}\">{inside}</testcase>\n",
        xml(row.metric.name()),
        xml(&row.benchmark)
    )
}

fn broken(name: &str, message: &str) -> String {
    let first = xml(message.lines().next().unwrap_or(""));
    format!(
        "<testcase classname=\"uptick\" name=\"{}\"><error message=\"{first}\">{}</error></testcase>\n",
        xml(name),
        xml(message)
    )
}
