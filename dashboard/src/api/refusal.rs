//! Why a body cannot be read: which field, which line, which column.

use serde::de::DeserializeOwned;

use crate::error::Fail;
use crate::text;

/// Characters of a reason: it may quote what was sent.
const REASON: usize = 300;
/// Characters of a field's path.
const PATH: usize = 120;

/// What a piece of JSON says, which begins at a line (counted from 1) of what was sent.
///
/// # Errors
/// [`Fail::Unreadable`] with the field, the line and the column.
pub(super) fn parsed<T: DeserializeOwned>(json: &[u8], line: usize) -> Result<T, Fail> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut reader);
    let out = read.map_err(|e| refusal(&e.path().to_string(), e.inner(), line))?;
    reader.end().map_err(|e| refusal(".", &e, line))?;
    Ok(out)
}

fn refusal(field: &str, e: &serde_json::Error, line: usize) -> Fail {
    let words = e.to_string();
    let why = words
        .rsplit_once(" at line ")
        .map_or(&*words, |(why, _)| why);
    let why = text::cut(why, REASON);
    let field = if field == "." {
        String::new()
    } else {
        format!("`{}`: ", text::cut(field, PATH))
    };
    let (line, column) = (line + e.line().saturating_sub(1), e.column());
    Fail::Unreadable(format!(
        "{field}{why} (line {line}, column {column}). Nothing was stored."
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use collector::model::Report;

    fn words(json: &str) -> String {
        match parsed::<Report>(json.as_bytes(), 3).unwrap_err() {
            Fail::Unreadable(words) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_name_the_field_and_the_line() {
        let said = words("{\n\"schema\": 7}");
        assert!(
            said.starts_with("`schema`: invalid type: integer `7`"),
            "{said}"
        );
        assert!(said.contains("(line 4, column 11)"), "{said}");
        assert!(
            words("{}").contains("missing field `schema` (line 3"),
            "{}",
            words("{}")
        );
        let said = words(r#"{"schema":"uptick.report/1","commit":{"sha":"a","position":"x"}}"#);
        assert!(said.starts_with("`commit.position`: "), "{said}");
        assert!(words("[[[").contains("line 3, column"));
    }
}
