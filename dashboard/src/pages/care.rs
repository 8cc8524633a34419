//! Who is to care for a change: whoever took it on, else the benchmark's owner.

use collector::config::Config;
use collector::history;
use collector::store::{Care, Event, Moment, Store};

use crate::error::Fail;
use crate::query::Whose;
use crate::reader::Reader;
use crate::text;

/// This moment, by which changes are snoozed or not.
pub(super) fn moment(store: &Store) -> Result<Moment, Fail> {
    Ok(history::moment(store, text::now())?)
}

/// Whether a change is theirs to care for.
pub(super) fn is_of(config: &Config, e: &Event, whose: &Whose) -> bool {
    whose.is(config.carer(&e.series.key.benchmark, &e.reported.assignee))
}

/// Whom an address means: a name, `nobody`, or whoever reads it.
pub(super) fn whose(reader: &Reader, asked: &str) -> Result<Whose, Fail> {
    let words = "`owner=mine` is what whoever signed in has to care for, and nobody did; \
                 `owner=NAME` names anybody.";
    Whose::of(asked, reader.name()).ok_or_else(|| Fail::Bad(words.into()))
}

/// The same as the store finds it.
pub(super) fn of(store: &Store, config: &Config, whose: &Whose) -> Result<Option<Care>, Fail> {
    let name = match whose {
        Whose::All => return Ok(None),
        // Whom the store knows as nobody has no name.
        Whose::Nobodys => String::new(),
        Whose::Of(name) => name.clone(),
    };
    let mut benchmarks = store.changed_benchmarks()?;
    benchmarks.retain(|b| whose.is(config.owner_of(b)));
    Ok(Some(Care { name, benchmarks }))
}
