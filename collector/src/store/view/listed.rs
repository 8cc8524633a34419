//! All changes ever, as a list: which are wanted, how many there are, a page of them.

use rusqlite::{ToSql, named_params};

use crate::detect::alerts::life::State;
use crate::error::Result;
use crate::store::view::events::{EVENT, Event, Moment, OPEN, SNOOZED, reported};
use crate::store::view::series::{COLUMNS, SERIES, series_row};
use crate::store::{Reported, Store, Triage};

/// What has become of a change: the state that people set, else what the points say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The state that people set; `new` where nobody did.
    State(State),
    /// The level went back by itself.
    Recovered,
    /// The points that came later show no change there.
    Withdrawn,
}

impl Fate {
    /// The word in addresses and documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::State(state) => Triage::word(state),
            Self::Recovered => "recovered",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Reported {
    /// What has become of it.
    #[must_use]
    pub const fn fate(&self) -> Fate {
        let event = &self.event;
        match event.state {
            State::Resolved(_) => Fate::State(event.state),
            _ if event.recovered.is_some() => Fate::Recovered,
            _ if !event.seen => Fate::Withdrawn,
            state => Fate::State(state),
        }
    }
}

/// Which of all changes are wanted, by what has become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fates {
    /// Every one.
    #[default]
    Any,
    /// Those that somebody need care about.
    Open,
    /// Those that people settled, in whichever way.
    Settled,
    /// Those that nobody need look at yet.
    Snoozed,
    /// Those of this word of [`Fate`].
    Word(&'static str),
}

impl Fates {
    /// The condition on a change `e`; words are those of [`Fate`] alone.
    fn condition(self) -> String {
        match self {
            Self::Any => "1".into(),
            Self::Open => OPEN.into(),
            Self::Snoozed => format!("{OPEN} AND {SNOOZED}"),
            Self::Settled => "e.state NOT IN ('new', 'acknowledged')".into(),
            Self::Word("recovered") => {
                "e.state IN ('new', 'acknowledged') AND e.recovered IS NOT NULL".into()
            }
            Self::Word("withdrawn") => "e.state IN ('new', 'acknowledged') \
                AND e.recovered IS NULL AND e.seen = 0"
                .into(),
            Self::Word(word @ ("new" | "acknowledged")) => {
                format!("e.state = '{word}' AND {OPEN}")
            }
            Self::Word(word) => format!("e.state = '{word}'"),
        }
    }
}

/// Who is to care for changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Care {
    /// Who took them on; empty: nobody did.
    pub name: String,
    /// Of changes that nobody took on, those of these benchmarks count too.
    pub benchmarks: Vec<String>,
}

/// Which of all changes are wanted.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// By what has become of them.
    pub fates: Fates,
    /// Of the metric of that name; `None`: of all that are judged.
    pub metric: Option<String>,
    /// For the worse, or for the better.
    pub worse: Option<bool>,
    /// Whose benchmark's name contains this text.
    pub text: String,
    /// When they are looked at, which says what is snoozed.
    pub at: Moment,
    /// Which somebody is to care for.
    pub care: Option<Care>,
    /// So many are left out at the beginning …
    pub skip: usize,
    /// … and at most so many given.
    pub take: usize,
}

impl ChangeFilter {
    fn condition(&self) -> String {
        format!(
            "({}) AND (:metric IS NULL AND e.judged = 1 OR s.metric = :metric) \
             AND (:text = '' OR instr(lower(s.benchmark), lower(:text)) > 0) \
             AND (:worse IS NULL OR :worse = \
             (CASE s.better WHEN 'higher' THEN -e.change ELSE e.change END > 0)) \
             AND :today IS NOT NULL AND :newest IS NOT NULL \
             AND (:name IS NULL OR :name <> '' AND e.assignee = :name OR e.assignee = '' \
             AND s.benchmark IN (SELECT value FROM json_each(:benchmarks)))",
            self.fates.condition()
        )
    }
}

impl Store {
    /// Changes by a filter, the newest commit first, and how many there are in all.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn changes(&self, f: &ChangeFilter) -> Result<(Vec<Event>, u64)> {
        let from = "FROM change e JOIN series s ON s.key = e.series WHERE";
        let wanted = f.condition();
        let name = f.care.as_ref().map(|c| &c.name);
        let owned = f.care.as_ref().map_or(&[][..], |c| &c.benchmarks);
        let owned = serde_json::json!(owned).to_string();
        let newest = f.at.newest.cast_signed();
        let same: [(&str, &dyn ToSql); 7] = [
            (":today", &f.at.today),
            (":newest", &newest),
            (":name", &name),
            (":benchmarks", &owned),
            (":metric", &f.metric),
            (":text", &f.text),
            (":worse", &f.worse),
        ];
        let (take, skip) = (f.take as i64, f.skip as i64);
        let page: &[(&str, &dyn ToSql)] = named_params! { ":take": take, ":skip": skip };
        self.ask(|db| {
            let n: i64 = db
                .prepare_cached(&format!("SELECT count(*) {from} {wanted}"))?
                .query_row(&same[..], |r| r.get(0))?;
            let rows = db
                .prepare_cached(&format!(
                    "SELECT {SERIES}, {EVENT} {from} {wanted} \
                     ORDER BY e.position DESC, e.id LIMIT :take OFFSET :skip"
                ))?
                .query_map(&*[&same[..], page].concat(), |r| {
                    Ok(Event {
                        series: series_row(r, 0)?,
                        reported: reported(r, COLUMNS)?,
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok((rows, n.cast_unsigned()))
        })
    }

    /// The benchmarks of which changes were reported.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn changed_benchmarks(&self) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT DISTINCT s.benchmark FROM change e JOIN series s ON s.key = e.series",
            )?
            .query_map([], |r| r.get(0))?
            .collect()
        })
    }

    /// The names of the metrics of which changes were reported.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn changed_metrics(&self) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT DISTINCT s.metric FROM change e JOIN series s ON s.key = e.series \
                 ORDER BY s.metric",
            )?
            .query_map([], |r| r.get(0))?
            .collect()
        })
    }
}
