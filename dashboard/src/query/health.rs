//! What is asked of Health.

use collector::history::health::Trouble;

use super::params::{Params, bad};
use crate::error::Fail;

/// Which series are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum State {
    #[default]
    All,
    Look,
    Fine,
    In(Trouble),
}

impl State {
    pub(crate) const ALL: [Self; 8] = [
        Self::All,
        Self::Look,
        Self::In(Trouble::Failing),
        Self::In(Trouble::Stale),
        Self::In(Trouble::Blind),
        Self::In(Trouble::Noisy),
        Self::In(Trouble::Drifting),
        Self::Fine,
    ];

    /// Its word in an address.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Look => "look",
            Self::Fine => "fine",
            Self::In(trouble) => trouble.name(),
        }
    }
}

/// The order of the series, by a column of their table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    #[default]
    State,
    Name,
    Drift,
    Cost,
    Noise,
    Limit,
    Lasting,
    Alerts,
    Age,
}

impl Order {
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::State, "state"),
        (Self::Name, "name"),
        (Self::Drift, "drift"),
        (Self::Cost, "cost"),
        (Self::Noise, "noise"),
        (Self::Limit, "limit"),
        (Self::Lasting, "lasting"),
        (Self::Alerts, "alerts"),
        (Self::Age, "age"),
    ];

    /// Its word in an address.
    pub(crate) fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(o, _)| *o == self);
        found.map_or("state", |(_, word)| word)
    }

    /// Whether it begins with the smallest unless it is turned round: names from A on, and what was
    /// not measured for longest.
    pub(crate) const fn ascends(self) -> bool {
        matches!(self, Self::Name | Self::Age)
    }
}

/// By what the series stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Grouping {
    /// The part of their names before the first `/`.
    Prefix,
    /// Whose they are, by `[owners]` in `uptick.toml`.
    Owner,
    /// They stand each by itself.
    None,
}

impl Grouping {
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Prefix, "prefix"),
        (Self::Owner, "owner"),
        (Self::None, "none"),
    ];

    /// Its word in an address.
    pub(crate) fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(g, _)| *g == self);
        found.map_or("none", |(_, word)| word)
    }
}

/// A collector of the server that has the project, as Health shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    /// When it was last heard of, to the minute, in seconds since 1970-01-01 UTC.
    pub(crate) heard: i64,
    pub(crate) silent: bool,
    pub(crate) busy: bool,
}

/// What is asked of Health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Health {
    /// Of this metric only.
    pub(crate) metric: Option<String>,
    /// Whose name contains this text.
    pub(crate) text: String,
    pub(crate) state: State,
    pub(crate) order: Order,
    /// Whether the order is turned round.
    pub(crate) turned: bool,
    /// By what they stand together, where the address says so.
    pub(crate) grouped: Option<Grouping>,
    pub(crate) page: usize,
    /// What the server knows of its collectors; `None` for a store by itself. Of no address: they
    /// are another page's part of what this one shows.
    pub(crate) machines: Option<Vec<Machine>>,
}

impl Health {
    pub(super) fn of(p: &Params) -> Result<Self, Fail> {
        let states = State::ALL.map(|s| (s, s.word()));
        let turned = match p.get("turned") {
            None | Some("no") => false,
            Some("yes") => true,
            Some(_) => return Err(bad("turned", "`yes` or `no`")),
        };
        let grouping = |word: &str| {
            let found = Grouping::ALL.iter().find(|(_, w)| *w == word);
            let found = found.map(|(grouping, _)| *grouping);
            found.ok_or_else(|| bad("group", "`prefix`, `owner` or `none`"))
        };
        Ok(Self {
            metric: p.metric()?,
            text: p.shown("q"),
            state: p.one_of("state", &states)?,
            order: p.one_of("order", &Order::ALL)?,
            turned,
            grouped: p.get("group").map(grouping).transpose()?,
            page: p.page()?,
            machines: None,
        })
    }

    /// By what they stand together: unless somebody says otherwise by prefix where no column
    /// orders them, and by nothing where one does.
    pub(crate) fn grouping(&self) -> Grouping {
        self.grouped.unwrap_or(match self.order {
            Order::State => Grouping::Prefix,
            _ => Grouping::None,
        })
    }
}
