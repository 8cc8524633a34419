//! Names of people in addresses and forms, where some words stand for something else.

use std::borrow::Cow;

/// Whose a change is, in addresses: the reader's own.
pub(crate) const MINE: &str = "mine";
/// Nobody's; in a form, the word that takes a change off whoever has it.
pub(crate) const NOBODY: &str = "nobody";
/// What a name begins with that would else be one of these words.
const NAME: char = '=';

/// A name as addresses and forms have it: nobody who is called `mine` is taken for the word.
pub(crate) fn spelled(name: &str) -> Cow<'_, str> {
    match name {
        MINE | NOBODY => format!("{NAME}{name}").into(),
        name if name.starts_with(NAME) => format!("{NAME}{name}").into(),
        name => name.into(),
    }
}

/// The name that [`spelled`] made this of.
pub(crate) fn name(spelled: &str) -> &str {
    spelled.strip_prefix(NAME).unwrap_or(spelled)
}

/// Whose changes are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Whoever cares for them.
    All,
    /// Those that nobody cares for.
    Nobodys,
    /// One person's.
    Of(String),
}

impl Whose {
    /// As an address asks for it, of whom `mine` is known.
    pub(crate) fn of(asked: &str, reader: Option<&str>) -> Option<Self> {
        Some(match asked {
            "" => Self::All,
            NOBODY => Self::Nobodys,
            MINE => Self::Of(reader?.to_owned()),
            asked => Self::Of(name(asked).to_owned()),
        })
    }

    /// What an address says of it.
    pub(crate) fn spelled(&self) -> Cow<'_, str> {
        match self {
            Self::All => "".into(),
            Self::Nobodys => NOBODY.into(),
            Self::Of(name) => spelled(name),
        }
    }

    /// Whether that is whom `carer` names.
    pub(crate) fn is(&self, carer: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Nobodys => carer.is_none(),
            Self::Of(name) => carer == Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_and_none_is_a_word() {
        for n in ["ada", MINE, NOBODY, "=", "=mine", "==", "@team", ""] {
            let spelled = spelled(n);
            assert_eq!(name(&spelled), n);
            assert!(spelled != MINE && spelled != NOBODY, "{n}");
        }
        let of = |asked| Whose::of(asked, Some("ada"));
        assert_eq!(of("mine"), Some(Whose::Of("ada".into())));
        assert_eq!(of("=mine"), Some(Whose::Of("mine".into())));
        assert_eq!(of("nobody"), Some(Whose::Nobodys));
        assert_eq!(Whose::of("mine", None), None);
        let called = Whose::Of("nobody".into());
        assert!(called.is(Some("nobody")) && !called.is(None));
        assert!(Whose::Nobodys.is(None) && !Whose::Nobodys.is(Some("nobody")));
    }
}
