//! Functions as CSV and Markdown.

use collector::format::{percent, signed};

use super::load::Pair;
use super::table::ROWS;
use crate::text::{self, csv_field, md};

pub(super) fn csv(p: &Pair) -> Vec<Vec<String>> {
    let mut out = vec![
        [
            "function",
            "file",
            "line",
            "base",
            "head",
            "delta",
            "base_inclusive",
            "head_inclusive",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for f in p.functions() {
        out.push(vec![
            csv_field(&f.name),
            csv_field(f.file.as_deref().unwrap_or("")),
            f.line.map_or_else(String::new, |l| l.to_string()),
            f.base.to_string(),
            f.head.to_string(),
            f.delta.to_string(),
            f.base_inclusive.to_string(),
            f.head_inclusive.to_string(),
        ]);
    }
    out
}

pub(super) fn markdown(p: &Pair) -> String {
    let (before, after) = p.total();
    let change = if before > 0 {
        percent(after as f64 / before as f64 - 1.0)
    } else {
        "?".into()
    };
    let mut out = format!(
        "# {}: {change}\n\n| function | before | after | change |\n|---|--:|--:|--:|\n",
        md(&p.series.row.key.benchmark)
    );
    for f in p.functions().iter().take(ROWS) {
        out.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            md(&f.name),
            text::count(f.base as f64),
            text::count(f.head as f64),
            signed(f.delta as f64)
        ));
    }
    out
}
