//! Fields of a report that this version does not know: they are kept as they came, and not used.
//! Whoever wrote one by mistake (`bettr`) hears of it.

use std::collections::BTreeSet;

/// Every field of a report, wherever in it that stands.
const KNOWN: [&str; 43] = [
    "author",
    "benchmark",
    "better",
    "blob",
    "build_key",
    "class",
    "commit",
    "counter",
    "extent",
    "facts",
    "failures",
    "fault",
    "high",
    "kind",
    "line",
    "low",
    "measurements",
    "merge_base",
    "message",
    "metric",
    "name",
    "note",
    "on",
    "parents",
    "position",
    "profiles",
    "redefined",
    "reused",
    "samples",
    "schema",
    "seconds",
    "sha",
    "spread",
    "stage",
    "started",
    "subject",
    "suite_key",
    "tags",
    "testbed",
    "testbed_key",
    "time",
    "unit",
    "value",
];

/// Fields whose own names are anybody's.
const FREE: [&str; 2] = ["facts", "tags"];

/// As many are named.
const MOST: usize = 8;

/// Adds the fields of a report, in JSON that was read before, that are none.
pub(super) fn add_unknown(json: &[u8], all: &mut BTreeSet<String>) {
    let mut walk = Walk::default();
    let mut rest = json;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'"' {
            walk.pass(*first);
            continue;
        }
        let end = end_of_text(rest);
        let (text, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if rest.trim_ascii_start().first() == Some(&b':')
            && let Some(unknown) = walk.field(text)
            && all.len() < MOST
        {
            all.insert(unknown);
        }
    }
}

/// What to say of them; `None` of none.
pub(super) fn note(unknown: &BTreeSet<String>) -> Option<String> {
    let named: Vec<String> = unknown
        .iter()
        .map(|field| match nearest(field) {
            Some(known) => format!("`{field}` (is `{known}` meant?)"),
            None => format!("`{field}`"),
        })
        .collect();
    let are = match named.len() {
        0 => return None,
        1 => "is no field",
        _ => "are no fields",
    };
    Some(format!(
        "{} {are} of a report that this version knows: kept, and not used",
        named.join(", ")
    ))
}

/// Where in a document a walk is.
#[derive(Default)]
struct Walk {
    depth: usize,
    /// Whether the object that begins next has names of its own.
    is_free_next: bool,
    /// The depth of the object that has.
    free: Option<usize>,
}

impl Walk {
    fn pass(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                if std::mem::take(&mut self.is_free_next) && self.free.is_none() {
                    self.free = Some(self.depth);
                }
            }
            b'}' | b']' => {
                if self.free == Some(self.depth) {
                    self.free = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.is_free_next = false,
            _ => {}
        }
    }

    /// The name of a field, where it is none that is known.
    fn field(&mut self, name: &[u8]) -> Option<String> {
        if self.free.is_some() {
            return None;
        }
        let name = String::from_utf8_lossy(name);
        self.is_free_next = FREE.contains(&&*name);
        let is_known = KNOWN.contains(&&*name);
        let legible = name.chars().filter(|c| !c.is_control());
        (!is_known).then(|| legible.take(60).collect())
    }
}

/// Where a text ends that has begun: at its closing quote.
fn end_of_text(rest: &[u8]) -> usize {
    let mut escaped = false;
    let end = rest.iter().position(|b| {
        let closes = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        closes
    });
    end.unwrap_or(rest.len())
}

/// The field that somebody meant, one or two letters away.
fn nearest(field: &str) -> Option<&'static str> {
    let away = |known: &str| strsim::osa_distance(field, known);
    let nearest = KNOWN.into_iter().min_by_key(|known| away(known))?;
    let most = if field.len() < 5 { 1 } else { 2 };
    (away(nearest) <= most).then_some(nearest)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::*;

    fn unknown_in(json: &str) -> Vec<String> {
        let mut all = BTreeSet::new();
        add_unknown(json.as_bytes(), &mut all);
        all.into_iter().collect()
    }

    #[test]
    fn every_field_that_is_written_is_known() {
        let own = Metric::stored("allocations", "B", Better::Higher);
        let counter = Counter::Reported("tool".into());
        let mut measured = Measurement::once("a{k=v}", own, counter, 3.0);
        measured.doubt("it is");
        (measured.redefined, measured.spread) = (true, 0.5);
        measured.extent = Some(Extent::Whole);
        let sha = Sha("a".repeat(40));
        let report = Report {
            schema: Report::SCHEMA.into(),
            commit: Commit {
                sha: sha.clone(),
                position: 1,
                parents: vec![sha.clone()],
                author: "A \"B\": C".into(),
                time: 1,
                subject: "{\"no\": \\".into(),
            },
            testbed: Testbed {
                facts: [("anything".to_string(), "x".to_string())].into(),
            },
            build_key: String::new(),
            suite_key: String::new(),
            testbed_key: String::new(),
            started: 0,
            seconds: 0.0,
            reused: Some(sha.clone()),
            measurements: vec![measured],
            line: Some(Line::Branch {
                name: Some("b".into()),
                merge_base: Some(sha),
            }),
            failures: vec![Failure {
                benchmark: Some("b".into()),
                stage: Phase::Run,
                fault: Some(Fault::Ours),
                message: "m".into(),
            }],
            profiles: vec![ProfileRef {
                benchmark: "b".into(),
                kind: ProfileKind::Stacks,
                blob: "0".repeat(64),
            }],
        };
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(unknown_in(&json), Vec::<String>::new(), "{json}");
    }

    #[test]
    fn a_field_by_mistake_is_named() {
        let json = r#"{"commit":{"sha":"x", "facts" : {"own":{"a":1}}, "bettr":1},
            "tags":{"k":"v"},"measurements":[{"metric":"m","valu\"e":"a:b","of":{"samplez":[]}}]}"#;
        assert_eq!(unknown_in(json), ["bettr", "of", "samplez", "valu\\\"e"]);
        let all = ["bettr", "of", "colour"].map(String::from).into();
        assert_eq!(
            note(&all).unwrap(),
            "`bettr` (is `better` meant?), `colour`, `of` (is `on` meant?) are no fields of a report \
             that this version knows: kept, and not used"
        );
        assert_eq!(note(&BTreeSet::new()), None);
    }
}
