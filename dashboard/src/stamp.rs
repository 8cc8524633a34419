//! As of when a page is. Only whoever began to read the store knows, so the frame of a page leaves
//! a gap, which is filled once the page is made.

use collector::store::Generation;

use crate::text;

/// Stands for the counters until they are known; no name on a page can hold it, for names come
/// after it.
pub(crate) const GAP: &str = "as-of-later";

/// The page with its counters; `None` where there is no gap.
pub(crate) fn fill(body: &[u8], at: Generation) -> Option<Vec<u8>> {
    let from = body.windows(GAP.len()).position(|w| w == GAP.as_bytes())?;
    let mut out = Vec::with_capacity(body.len() + 16);
    out.extend_from_slice(&body[..from]);
    out.extend_from_slice(text::generation(at).as_bytes());
    out.extend_from_slice(&body[from + GAP.len()..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_filled_and_nothing_else() {
        let at = Generation { data: 7, triage: 2 };
        let body = format!("<a>{GAP}</a><p>{GAP}");
        let filled = fill(body.as_bytes(), at);
        assert_eq!(filled, Some(format!("<a>7.2</a><p>{GAP}").into_bytes()));
        assert_eq!(fill(b"nothing", at), None);
    }
}
