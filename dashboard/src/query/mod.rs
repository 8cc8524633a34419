//! From an address to what it asks for. Everything that comes from outside is bounded and
//! checked here once; beyond it a [`View`] names exactly one page, and keys the cache.

mod changes;
mod health;
mod params;
mod whose;

pub(crate) use changes::{Changes, Way};
pub(crate) use health::{Grouping, Health, Machine, Order, State};
pub(crate) use whose::{MINE, NOBODY, Whose, name as named, spelled};

use collector::model::{Sha, Tags, Variants};

use crate::error::Fail;
pub(crate) use crate::look::address::decode;
use crate::look::{Across, BESIDE, Look, Others, SeriesLook, Shape, Upward};
use crate::reader::Reader;
pub(crate) use collector::report::links::{compare as compare_url, encode};
use params::Params;

/// Characters of the name of a commit or branch.
const MAX_NAME: usize = 200;

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Html,
    Json,
    Csv,
    Markdown,
    Svg,
    Atom,
}

impl Format {
    const SUFFIXES: [(&'static str, Self); 5] = [
        (".json", Self::Json),
        (".csv", Self::Csv),
        (".md", Self::Markdown),
        (".svg", Self::Svg),
        (".atom", Self::Atom),
    ];

    /// A path without its suffix, and the form that the suffix names.
    fn split(path: &str) -> (&str, Self) {
        let found = Self::SUFFIXES
            .iter()
            .find_map(|(s, f)| Some((path.strip_suffix(s)?, *f)));
        found.unwrap_or((path, Self::Html))
    }
}

/// Which rows of a comparison are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Show {
    #[default]
    Changed,
    Regressed,
    Improved,
    Suspect,
    All,
    Missing,
}

impl Show {
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::Changed, "changed"),
        (Self::Regressed, "regressed"),
        (Self::Improved, "improved"),
        (Self::Suspect, "suspect"),
        (Self::All, "all"),
        (Self::Missing, "missing"),
    ];

    /// The word in an address; older addresses have two others.
    fn of(word: &str) -> &str {
        match word {
            "slower" => "regressed",
            "faster" => "improved",
            word => word,
        }
    }

    /// The word in an address.
    pub(crate) fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(s, _)| *s == self);
        found.map_or("changed", |(_, word)| word)
    }

    /// What a page calls it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Missing => "not compared",
            _ => self.word(),
        }
    }
}

/// The order of the rows of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Sort {
    /// What regressed first, then what improved, the largest changes first.
    #[default]
    Verdict,
    Name,
    Change,
    Limit,
    Before,
    After,
}

impl Sort {
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::Verdict, "verdict"),
        (Self::Name, "name"),
        (Self::Change, "change"),
        (Self::Limit, "limit"),
        (Self::Before, "before"),
        (Self::After, "after"),
    ];

    /// The word in an address.
    pub(crate) fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(s, _)| *s == self);
        found.map_or("verdict", |(_, word)| word)
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Today {
        owner: String,
        page: usize,
    },
    /// All changes ever.
    Changes(Changes),
    Log,
    Commits {
        from: u64,
        before: u64,
    },
    Health(Health),
    Find {
        benchmark: String,
        metric: Option<String>,
    },
    Search {
        text: String,
    },
    Series {
        id: String,
        look: SeriesLook,
    },
    Badge {
        id: String,
    },
    /// Several series are to be chosen for one chart.
    Gather(Gather),
    /// A chart alone, for a frame on another page.
    Embed {
        id: String,
        look: SeriesLook,
    },
    Commit {
        sha: String,
    },
    /// The commits of a branch beside the main line.
    Branch {
        name: String,
    },
    Compare {
        base: String,
        head: String,
        metric: Option<String>,
        show: Show,
        sort: Sort,
        text: String,
        page: usize,
        /// Both sides are one commit, and differ in these tags.
        variants: Option<Variants>,
    },
    /// Two commits are yet to be chosen, or named otherwise than by their object names.
    Choose {
        base: String,
        head: String,
        variants: Option<Variants>,
        /// Which rows are wanted, as the address of the comparison has it.
        rows: String,
    },
    Functions {
        id: String,
        base: String,
        head: String,
        look: Look,
    },
    Flame {
        id: String,
        base: String,
        head: String,
        look: Look,
    },
    Reports,
    Report {
        hash: String,
    },
    Help,
}

/// Series that are chosen for one chart, and what finds more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gather {
    /// Those that are chosen, each once: the first is the one whose page has the chart.
    pub(crate) chosen: Vec<String>,
    /// What is seen, with as many of the others as a chart has room for.
    pub(crate) look: SeriesLook,
    pub(crate) text: String,
    /// Whether the chart is wanted, whatever the text.
    pub(crate) show: bool,
}

/// What is asked for, and in which form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) what: What,
    pub(crate) format: Format,
    /// Whom it is for; `Anybody` where it is the same for all.
    pub(crate) reader: Reader,
    /// The day that it is made on, from 1970-01-01: pages say it, and what is snoozed comes back.
    pub(crate) day: i64,
    /// What waits for a collector, where the page says it.
    pub(crate) waiting: Option<Waiting>,
}

/// What of a project waits for a collector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Waiting {
    pub(crate) jobs: u64,
    /// Since when the oldest does, to the minute.
    pub(crate) since: i64,
    /// The labels of which no collector was heard of for long.
    pub(crate) silent: Vec<String>,
}

impl View {
    /// The same without what changes though no store does: a page of before has that of before.
    pub(crate) fn of_stores(&self) -> Self {
        let mut same = Self {
            waiting: None,
            ..self.clone()
        };
        if let What::Health(asked) = &mut same.what {
            asked.machines = None;
        }
        same
    }

    /// The same as it is asked for at that time.
    pub(crate) fn at(self, now: i64) -> Self {
        Self {
            day: now.div_euclid(86_400),
            ..self
        }
    }

    /// The same for whoever asks: pages say who that is, and `mine` is somebody's.
    pub(crate) fn read_by(self, reader: Reader) -> Self {
        let is_mine = match &self.what {
            What::Today { owner, .. } => owner == MINE,
            What::Changes(asked) => asked.owner == MINE,
            _ => false,
        };
        if self.format == Format::Html || is_mine {
            Self { reader, ..self }
        } else {
            self
        }
    }
}

fn hex(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<String> {
    let fits = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase())
}

fn series_id(text: &str) -> Result<String, Fail> {
    hex(text, 16..=16).ok_or_else(|| {
        Fail::NotFound(
            "A series' address ends in 16 hexadecimal digits; Health lists them all.".into(),
        )
    })
}

fn commit(text: &str) -> Result<String, Fail> {
    hex(text, 4..=64).ok_or_else(|| {
        Fail::NotFound("A commit is named by 4 to 64 hexadecimal digits of its object name.".into())
    })
}

fn range(text: &str) -> Result<(String, String), Fail> {
    let (base, head) = text
        .split_once("..")
        .ok_or_else(|| Fail::NotFound("Two commits are named as `base..head`.".into()))?;
    Ok((commit(base)?, commit(head)?))
}

/// Whether an address asks for anything that there may be: its path, and what follows `?`.
#[must_use]
pub fn is_understood(path: &str, query: &str) -> bool {
    view(path, query).is_ok()
}

/// What an address asks for. The router has already matched its path.
pub(crate) fn view(path: &str, query: &str) -> Result<View, Fail> {
    let p = Params::of(query);
    let (path, api) = match path.strip_prefix("/api/v1") {
        Some(rest) => (rest, true),
        None => (path, false),
    };
    let (plain, mut format) = Format::split(path);
    if api {
        format = Format::Json;
    }
    let parts: Vec<&str> = plain.trim_start_matches('/').split('/').collect();
    let what = match parts.as_slice() {
        [""] | ["today"] => today(&p)?,
        ["changes"] if api || format == Format::Atom && !is_narrowed(&p) => today(&p)?,
        ["changes"] | ["changes", "all"] => What::Changes(Changes::of(&p)?),
        ["log"] => What::Log,
        ["commits"] => What::Commits {
            from: p.number("from", 0)?,
            before: p.number("before", u64::MAX)?,
        },
        ["health"] => What::Health(Health::of(&p)?),
        ["series"] if api => What::Health(Health::of(&p)?),
        ["series"] if p.get("benchmark").is_some() => What::Find {
            benchmark: p.text("benchmark"),
            metric: p.metric()?,
        },
        ["series"] => What::Gather(gather(&p)?),
        ["search"] => What::Search { text: p.shown("q") },
        ["series", id] => {
            let id = series_id(id)?;
            let look = series_look(&p, &id)?;
            What::Series { id, look }
        }
        ["embed", id] => {
            let id = series_id(id)?;
            let look = series_look(&p, &id)?;
            What::Embed { id, look }
        }
        ["badge", id] => What::Badge { id: series_id(id)? },
        ["commit" | "commits", sha] => What::Commit { sha: commit(sha)? },
        ["branch"] => What::Branch {
            name: p.text("name").chars().take(MAX_NAME).collect(),
        },
        ["compare"] => {
            let (base, head) = (p.text("base"), p.text("head"));
            match (commit(base.trim()), commit(head.trim())) {
                (Ok(base), Ok(head)) => compare(base, head, &p)?,
                _ => What::Choose {
                    base: shown_name(&base),
                    head: shown_name(&head),
                    variants: variants(&p)?,
                    rows: rows(&p),
                },
            }
        }
        ["compare", both] => {
            let (base, head) = range(both)?;
            compare(base, head, &p)?
        }
        ["functions" | "profiles", id, both] => {
            let (base, head) = range(both)?;
            What::Functions {
                id: series_id(id)?,
                base,
                head,
                look: look(&p)?,
            }
        }
        ["flame", id, both] => {
            let (base, head) = range(both)?;
            What::Flame {
                id: series_id(id)?,
                base,
                head,
                look: look(&p)?,
            }
        }
        ["reports"] => What::Reports,
        ["reports", hash] => {
            let hash = hex(hash, 64..=64);
            What::Report {
                hash: hash
                    .ok_or_else(|| Fail::NotFound("A report is named by its SHA-256.".into()))?,
            }
        }
        ["help"] => What::Help,
        _ => return Err(Fail::NotFound("There is no page of that name.".into())),
    };
    Ok(View {
        what,
        format,
        reader: Reader::default(),
        day: 0,
        waiting: None,
    })
}

/// The parameters that say which rows of a comparison are wanted.
fn rows(p: &Params) -> String {
    let asked = ["metric", "show", "sort", "q"];
    let given = asked.iter().filter_map(|name| Some((name, p.get(name)?)));
    let parts: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    parts.join("&")
}

/// Whether single changes are asked for, and not just what is open.
fn is_narrowed(p: &Params) -> bool {
    let asked = ["state", "direction", "metric", "q"];
    asked.iter().any(|name| p.get(name).is_some())
}

fn today(p: &Params) -> Result<What, Fail> {
    Ok(What::Today {
        owner: p.shown("owner"),
        page: p.page()?,
    })
}

/// What is seen of a series, and what is in its chart too.
fn series_look(p: &Params, id: &str) -> Result<SeriesLook, Fail> {
    let others = several(p)?.into_iter().filter(|other| other != id);
    let with = others_of(others);
    let words = format!(
        "`with` must name {BESIDE} other series at most: more lines are told apart by nobody."
    );
    look_with(p, with.ok_or(Fail::Bad(words))?)
}

/// What is seen of several series.
fn look_with(p: &Params, with: Others) -> Result<SeriesLook, Fail> {
    let (from, to) = p.positions()?;
    Ok(SeriesLook {
        from,
        to,
        x: p.one_of("x", &Across::ALL)?,
        y: p.one_of("y", &Upward::ALL)?,
        with,
    })
}

/// What a form says that chooses series.
fn gather(p: &Params) -> Result<Gather, Fail> {
    let chosen = several(p)?;
    let others = chosen.iter().skip(1).take(BESIDE).cloned();
    Ok(Gather {
        look: look_with(p, others_of(others).unwrap_or_default())?,
        chosen,
        text: p.shown("q"),
        show: p.get("show").is_some(),
    })
}

/// The series that `id` and `with` name, each once.
fn several(p: &Params) -> Result<Vec<String>, Fail> {
    let with = p.get("with").unwrap_or("").split(',');
    let named = p.all("id").chain(with).map(str::trim);
    let mut ids = Vec::new();
    for name in named.filter(|name| !name.is_empty()) {
        let id = series_id(name)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// `None` where there are more than a chart has room for.
fn others_of(ids: impl Iterator<Item = String>) -> Option<Others> {
    // Sixteen digits are a number.
    let numbers: Vec<u64> = ids
        .filter_map(|id| u64::from_str_radix(&id, 16).ok())
        .collect();
    Others::of(&numbers)
}

/// How a flame graph is looked at.
fn look(p: &Params) -> Result<Look, Fail> {
    Ok(Look {
        shape: p.one_of("view", &Shape::ALL)?,
        of: p.shown("of"),
        focus: usize::try_from(p.number("focus", 0)?).unwrap_or(0),
        search: p.shown("q"),
    })
}

/// A commit's name as somebody typed it, cleaned.
fn shown_name(text: &str) -> String {
    crate::text::cut_or_empty(text, MAX_NAME)
}

fn compare(base: String, head: String, p: &Params) -> Result<What, Fail> {
    Ok(What::Compare {
        base,
        head,
        metric: p.metric()?,
        show: p.one_word_of("show", &Show::ALL, Show::of)?,
        sort: p.one_of("sort", &Sort::ALL)?,
        text: p.shown("q"),
        page: p.page()?,
        variants: variants(p)?,
    })
}

/// Two variants of one commit, from `tag=gc=on&against=gc=off`.
fn variants(p: &Params) -> Result<Option<Variants>, Fail> {
    let tags = |name: &str| {
        let pairs = p.get(name).into_iter().flat_map(|t| t.split(','));
        let pairs: Vec<String> = pairs.map(str::to_owned).collect();
        Tags::parse(&pairs).map_err(|e| Fail::Bad(format!("`{name}`: {e}.")))
    };
    let (head, against) = (tags("tag")?, tags("against")?);
    if head.is_empty() && against.is_empty() {
        return Ok(None);
    }
    let variants = Variants::of(&head, &against);
    variants
        .map(Some)
        .map_err(|e| Fail::Bad(format!("`tag` and `against`: {e}.")))
}

/// The address of a branch's page.
pub(crate) fn branch_url(name: &str) -> String {
    format!("/branch?name={}", encode(name))
}

/// The address of a commit.
pub(crate) fn commit_url(sha: &Sha) -> String {
    format!("/commit/{}", sha.short())
}

/// What the address of a comparison of two variants ends with.
pub(crate) fn variants_query(variants: &Variants) -> String {
    format!(
        "tag={}&against={}",
        encode(&variants.head()),
        encode(&variants.base())
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_views() {
        let v = view("/series/0123456789abcdef.csv", "from=3&to=9&junk=1&x=date").unwrap();
        let id = "0123456789abcdef".to_string();
        assert_eq!(
            v,
            View {
                what: What::Series {
                    id,
                    look: SeriesLook {
                        x: Across::Date,
                        ..SeriesLook::default().over(3, 9)
                    }
                },
                format: Format::Csv,
                reader: Reader::Anybody,
                day: 0,
                waiting: None,
            }
        );
        let v = view("/compare/abcd1..ABCD2.json", "show=all").unwrap();
        let What::Compare {
            base, head, show, ..
        } = v.what
        else {
            panic!()
        };
        assert_eq!(
            (base.as_str(), head.as_str(), show),
            ("abcd1", "abcd2", Show::All)
        );
        assert_eq!(view("/api/v1/changes", "").unwrap().format, Format::Json);
    }

    #[test]
    fn what_is_no_address_is_said() {
        for (path, query) in [
            ("/series/../../etc/passwd", ""),
            ("/series/0123456789abcdeg", ""),
            ("/commit/xyz", ""),
            ("/compare/abcd", ""),
            ("/series/0123456789abcdef", "from=9&to=3"),
            ("/series/0123456789abcdef", "from=-1"),
            ("/series/0123456789abcdef", "x=wall"),
            ("/series/0123456789abcdef", "y=log"),
            ("/health", "page=0"),
            ("/health", "page=99999999999999999999"),
            ("/health", "state=ill"),
            ("/health", "group=colour"),
            ("/health", "turned=maybe"),
            ("/health", "metric=fur%0alongs"),
            ("/functions/0123456789abcdef/abcd..abce", "view=sideways"),
            ("/functions/0123456789abcdef/abcd..abce", "focus=x"),
            ("/:key", ""),
        ] {
            assert!(view(path, query).is_err(), "{path}?{query}");
        }
    }
}
