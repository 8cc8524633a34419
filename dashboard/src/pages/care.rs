//! Who is to care for a change: whoever took it on, else the benchmark's owner.

use collector::config::Config;
use collector::store::{Care, Event, Store};

use crate::error::Fail;
use crate::query::{MINE, NOBODY};
use crate::reader::Reader;

/// Whether that person is to care for a change.
pub(super) fn is_of(config: &Config, e: &Event, name: &str) -> bool {
    let carer = config.carer(&e.series.key.benchmark, &e.reported.assignee);
    carer.unwrap_or(NOBODY) == name
}

/// Whom an address means: a name, `nobody`, or whoever reads it.
pub(super) fn whose(reader: &Reader, asked: &str) -> Result<String, Fail> {
    if asked != MINE {
        return Ok(asked.to_owned());
    }
    let words = "`owner=mine` is what the holder of a token has to care for, and none was shown; \
                 `owner=NAME` names anybody.";
    let name = reader.name().ok_or_else(|| Fail::Bad(words.into()))?;
    Ok(name.to_owned())
}

/// The same as the store finds it.
pub(super) fn of(store: &Store, config: &Config, whose: &str) -> Result<Option<Care>, Fail> {
    if whose.is_empty() {
        return Ok(None);
    }
    let mut benchmarks = store.changed_benchmarks()?;
    benchmarks.retain(|b| config.owner_of(b).unwrap_or(NOBODY) == whose);
    let name = match whose {
        NOBODY => String::new(),
        name => name.to_owned(),
    };
    Ok(Some(Care { name, benchmarks }))
}
