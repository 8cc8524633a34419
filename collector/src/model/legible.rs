//! Which names from outside can be shown as they are.

/// Control characters, bidirectional marks, invisible spaces, and what XML 1.0 forbids: what must
/// reach neither a terminal, an SVG nor a page.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(
            c,
            '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Refuses what is not shown as it is: names are input from outside everywhere.
pub(super) fn legible(what: &str, text: &str, most: usize) -> Result<(), String> {
    let shown = || -> String {
        let legible = text.chars().filter(|c| !is_hostile(*c));
        legible.take(most).collect()
    };
    if text.trim().is_empty() || text.trim() != text {
        return Err(format!(
            "{what}: `{}` is empty or has spaces around it",
            shown()
        ));
    }
    if text.chars().count() > most {
        return Err(format!("{what}: longer than {most} characters"));
    }
    if text.chars().any(is_hostile) {
        return Err(format!(
            "{what}: `{}` has a character that cannot be shown",
            shown()
        ));
    }
    Ok(())
}
