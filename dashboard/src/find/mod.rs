//! Finding names: those of benchmarks and metrics, kept so that fifty thousand are searched while
//! somebody types, those of functions, and the word that a mistyped one stands for.

mod functions;
mod names;
mod typo;

pub(crate) use functions::{Function, Functions};
pub(crate) use names::{Names, Shelf};
pub(crate) use typo::Words;

/// Words of a text that are looked for; further ones are left out.
const MOST: usize = 8;

/// What a text is searched by: its words, in small letters.
pub(crate) fn wanted(text: &str) -> Vec<String> {
    let words = text.split_whitespace().take(MOST);
    words.map(str::to_lowercase).collect()
}

/// Whether a text holds every word, in any case.
pub(crate) fn holds(text: &str, words: &[String]) -> bool {
    let lower = text.to_lowercase();
    words.iter().all(|w| lower.contains(w.as_str()))
}

/// Whether every word begins one of a text's: for texts that are not names, which would else be
/// found by half of what anybody types.
pub(crate) fn begins(text: &str, words: &[String]) -> bool {
    let lower = text.to_lowercase();
    let mut each = words.iter();
    each.all(|w| lower.split_whitespace().any(|t| t.starts_with(w.as_str())))
}
