//! Which of all changes an address asks for.

use collector::report::links::encode;
use collector::store::Fates;

use super::params::Params;
use crate::error::Fail;

/// The words of what has become of a change.
const FATES: [(Fates, &str); 13] = [
    (Fates::Any, "all"),
    (Fates::Open, "open"),
    (Fates::Settled, "settled"),
    (Fates::Snoozed, "snoozed"),
    (Fates::Word("new"), "new"),
    (Fates::Word("acknowledged"), "acknowledged"),
    (Fates::Word("fixed_by"), "fixed_by"),
    (Fates::Word("accepted"), "accepted"),
    (Fates::Word("noise"), "noise"),
    (Fates::Word("infra"), "infra"),
    (Fates::Word("invalid"), "invalid"),
    (Fates::Word("recovered"), "recovered"),
    (Fates::Word("withdrawn"), "withdrawn"),
];

/// Which way a change goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    #[default]
    Both,
    Worse,
    Better,
}

impl Way {
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Both, "both"),
        (Self::Worse, "regressed"),
        (Self::Better, "improved"),
    ];

    /// Whether it must be for the worse, where it matters.
    pub(crate) const fn worse(self) -> Option<bool> {
        match self {
            Self::Both => None,
            Self::Worse => Some(true),
            Self::Better => Some(false),
        }
    }
}

/// Which changes are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Changes {
    pub(crate) fates: Fates,
    pub(crate) way: Way,
    pub(crate) metric: Option<String>,
    pub(crate) text: String,
    /// Who is to care for it, as [`Whose`](super::Whose) spells it; empty: whoever.
    pub(crate) owner: String,
    pub(crate) page: usize,
}

impl Changes {
    pub(super) fn of(p: &Params) -> Result<Self, Fail> {
        Ok(Self {
            fates: p.one_of("state", &FATES)?,
            way: p.one_of("direction", &Way::ALL)?,
            metric: p.metric()?,
            text: p.shown("q"),
            owner: p.shown("owner"),
            page: p.page()?,
        })
    }

    /// Every word for what has become of a change, with what it stands for.
    pub(crate) const fn fates() -> &'static [(Fates, &'static str)] {
        &FATES
    }

    /// The word of its own.
    pub(crate) fn fate(&self) -> &'static str {
        let found = FATES.iter().find(|(f, _)| *f == self.fates);
        found.map_or("all", |(_, word)| word)
    }

    /// What is asked for beyond all of it, as the parameters that say so; the page is left out.
    pub(crate) fn filters(&self) -> Vec<(&'static str, &str)> {
        let way = Way::ALL.iter().find(|(w, _)| *w == self.way);
        let way = way.filter(|(w, _)| *w != Way::Both);
        let given = |text| Some(text).filter(|t: &&str| !t.is_empty());
        let all = [
            ("state", (self.fates != Fates::Any).then(|| self.fate())),
            ("direction", way.map(|(_, word)| *word)),
            ("metric", self.metric.as_deref()),
            ("owner", given(self.owner.as_str())),
            ("q", given(self.text.as_str())),
        ];
        let asked = all.into_iter().filter_map(|(k, v)| Some((k, v?)));
        asked.collect()
    }

    /// The address of the feed of them, from the first on. One that asks for nothing is of what is
    /// open, by cause.
    pub(crate) fn feed(&self) -> String {
        let all = Self {
            page: 1,
            ..self.clone()
        };
        let address = all.url(".atom");
        match (self.fates, address.contains('?')) {
            (Fates::Any, false) => format!("{address}?state=all"),
            (Fates::Any, true) => format!("{address}&state=all"),
            _ => address,
        }
    }

    /// Its address, in the form of that suffix.
    pub(crate) fn url(&self, suffix: &str) -> String {
        let filters = self.filters().into_iter();
        let mut parts: Vec<String> = filters.map(|(k, v)| format!("{k}={}", encode(v))).collect();
        if self.page > 1 {
            parts.push(format!("page={}", self.page));
        }
        let query = if parts.is_empty() { "" } else { "?" };
        format!("/changes{suffix}{query}{}", parts.join("&"))
    }
}
