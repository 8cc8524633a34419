//! The word that somebody meant who typed another one: one letter too many, one missing, one wrong
//! or two that changed places.

use std::collections::HashMap;

/// Letters from which on a word may be mistyped: a shorter one is near to too many others.
const LETTERS: usize = 5;

/// The words that names are made of, with how often each stands in one.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<(String, u32)>);

/// The words of a name: what stands between signs.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|p| !p.is_empty())
}

impl Words {
    /// Those of some names, which are in small letters.
    pub(crate) fn of<S: AsRef<str>>(names: impl Iterator<Item = S>) -> Self {
        let mut all: HashMap<String, u32> = HashMap::new();
        for name in names {
            for part in parts(name.as_ref()) {
                match all.get_mut(part) {
                    Some(n) => *n += 1,
                    None => drop(all.insert(part.to_string(), 1)),
                }
            }
        }
        let is_long = |(word, _): &(String, u32)| word.chars().count() + 1 >= LETTERS;
        Self(all.into_iter().filter(is_long).collect())
    }

    /// A text with each word that none of these and of `others` holds in place of one that is near.
    /// `None` where every word is one of them, or one has none that is near.
    pub(crate) fn nearest(&self, text: &str, others: &[String]) -> Option<String> {
        let others = Self::of(others.iter().map(|o| o.to_lowercase()));
        let lower = text.to_lowercase();
        let mut out = lower.clone();
        for word in parts(&lower) {
            if self.has(word) || others.has(word) {
                continue;
            }
            let near = self.near(word).into_iter().chain(others.near(word));
            let (_, best) = near.min()?;
            out = out.replacen(word, best, 1);
        }
        (out != lower).then_some(out)
    }

    /// Whether one of them holds a word, or it is too short to be mistyped.
    fn has(&self, word: &str) -> bool {
        word.chars().count() < LETTERS || self.0.iter().any(|(w, _)| w.contains(word))
    }

    /// The one that is nearest to a word: as a whole rather than by its beginning, then the most
    /// frequent, then the shortest.
    fn near(&self, word: &str) -> Option<((bool, u32, usize), &str)> {
        let typed: Vec<char> = word.chars().collect();
        let mut meant = Vec::new();
        let near = self.0.iter().filter_map(|(w, n)| {
            meant.clear();
            meant.extend(w.chars());
            let is_whole = one_edit(&typed, &meant)?;
            Some(((!is_whole, u32::MAX - n, w.len()), w.as_str()))
        });
        near.min()
    }
}

/// Whether a word is one edit away from another one, or from its beginning; and whether from all of
/// it.
fn one_edit(typed: &[char], meant: &[char]) -> Option<bool> {
    let same = typed.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let (a, b) = (&typed[same..], &meant[same..]);
    let wrong = a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0];
    let edits = [
        (wrong, 2, 2),
        (!a.is_empty() && !b.is_empty(), 1, 1),
        (!b.is_empty(), 0, 1),
        (!a.is_empty(), 1, 0),
    ];
    let possible = edits.into_iter().filter(|(is, ..)| *is);
    let mut near = possible.filter(|(_, i, j)| b[*j..].starts_with(&a[*i..]));
    let first = near.next()?;
    let is_whole = |(_, i, j): (bool, usize, usize)| b.len() - j == a.len() - i;
    Some(is_whole(first) || near.any(is_whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(word: &str, other: &str) -> Option<bool> {
        let letters = |w: &str| w.chars().collect::<Vec<_>>();
        one_edit(&letters(word), &letters(other))
    }

    #[test]
    fn one_edit_is_forgiven_and_not_two() {
        for typed in ["lexr", "lexxer", "lxeer", "lezer", "alexer", "lexre"] {
            assert_eq!(near(typed, "lexer"), Some(true), "{typed}");
        }
        assert_eq!(near("lxere", "lexer"), None);
        // By its beginning.
        assert_eq!(near("instruxt", "instructions"), Some(false));
        assert_eq!(near("isntr", "instructions"), Some(false));
        assert_eq!(near("emitted", "lexer"), None);
        assert_eq!(near("größe", "grösse"), None);
        assert_eq!(near("größe", "große"), Some(true));
    }

    #[test]
    fn each_word_that_nothing_holds_is_put_right() {
        let names = ["parse/large", "parse/small", "lexer::next", "wall_time"];
        let words = Words::of(names.iter());
        let of = |text| words.nearest(text, &["Ada Lovelace".into()]);
        assert_eq!(of("pasre/large").as_deref(), Some("parse/large"));
        assert_eq!(of("Parse lagre").as_deref(), Some("parse large"));
        assert_eq!(of("lovelacce").as_deref(), Some("lovelace"));
        // A part of a word is none that is mistyped, and a short one is near to everything.
        assert_eq!(of("parse"), None);
        assert_eq!(of("arge"), None);
        assert_eq!(of("tiem"), None);
        assert_eq!(of("quarrel large"), None);
    }
}
