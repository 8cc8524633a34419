//! Branches that left the main line and were measured beside it, as a pull request is.

use collector::model::{Commit, Line, NoiseClass, Report, Sha, digest};

/// What a commit of a branch does: some benchmarks cost more or less from it on.
type Step = (&'static str, &'static [(&'static str, f64)]);

struct Branch {
    name: &'static str,
    author: &'static str,
    /// Commits of the main line since it left.
    ago: u64,
    steps: &'static [Step],
}

const BRANCHES: [Branch; 2] = [
    Branch {
        name: "faster-lexer",
        author: "Jonas Okafor",
        ago: 6,
        steps: &[
            ("Read identifiers eight bytes at a time", &[("lex/", 0.972)]),
            ("Test identifiers at the end of a page", &[]),
            (
                "Fold case in the same pass",
                &[("lex/", 0.981), ("parse/", 0.991)],
            ),
        ],
    },
    Branch {
        name: "feature/spans",
        author: "Rosa Delgado",
        ago: 12,
        steps: &[
            ("Carry a span in every token", &[("parse/", 1.027)]),
            (
                "Keep spans beside the tokens",
                &[("parse/", 0.984), ("query/all", 0.99)],
            ),
        ],
    },
];

/// A report of every commit of every branch; `main` gives that of the main line's commit at a
/// position, of which there are `commits`.
pub(super) fn reports(commits: u64, main: &dyn Fn(u64) -> Report) -> Vec<Report> {
    let mut out = Vec::new();
    for branch in BRANCHES.iter().filter(|b| b.ago < commits) {
        for n in 0..branch.steps.len() {
            out.push(branch.report(main(commits - 1 - branch.ago), n));
        }
    }
    out
}

impl Branch {
    fn sha(&self, n: usize) -> Sha {
        let mut text = digest(format!("uptick demo {} {n}", self.name).as_bytes());
        text.truncate(40);
        Sha(text)
    }

    /// The report of its merge-base, with what its commits up to the `n`-th did since.
    fn report(&self, base: Report, n: usize) -> Report {
        let left = base.commit.clone();
        let mut report = base;
        for (_, touches) in &self.steps[..=n] {
            for m in &mut report.measurements {
                let factor = touches.iter().find(|(t, _)| m.benchmark.starts_with(t));
                let exact = m.class == NoiseClass::Exact;
                if let Some((_, factor)) = factor.filter(|_| exact) {
                    m.value = (m.value * factor).round();
                    (m.low, m.high, m.samples) = (m.value, m.value, vec![m.value]);
                }
            }
        }
        report.commit = Commit {
            sha: self.sha(n),
            position: left.position + 1 + n as u64,
            parents: vec![
                n.checked_sub(1)
                    .map_or_else(|| left.sha.clone(), |n| self.sha(n)),
            ],
            author: self.author.into(),
            time: left.time + 5_000 * (1 + n as i64),
            subject: self.steps[n].0.into(),
        };
        report.started = report.commit.time + 240;
        report.build_key = digest(format!("build {} {n}", self.name).as_bytes());
        report.line = Some(Line::Branch {
            name: Some(self.name.into()),
            merge_base: Some(left.sha),
        });
        report.profiles.clear();
        report
    }
}
